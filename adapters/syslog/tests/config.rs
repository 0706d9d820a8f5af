//! The configuration. The harm: a gateway whose lines are a stranger's, and nobody told why.

use kukaku_syslog::{SyslogConfig, Transport};

const GOOD: &str = "listen = \"udp://0.0.0.0:514\"\n[[source]]\nname = \"vpn-1\"\nfrom = [\"192.0.2.1\", \"198.51.100.0/24\"]\ndialect = \"yamaha-rtx\"\n";

/// What is said about a configuration, by types or by `check`.
#[track_caller]
fn said(text: &str) -> String {
    match toml::from_str::<SyslogConfig>(text) {
        Err(error) => error.to_string(),
        Ok(config) => config.check().expect_err("it was taken").to_string(),
    }
}

#[test]
fn a_listener_with_its_sources() {
    let config: SyslogConfig = toml::from_str(GOOD).unwrap();
    config.check().unwrap();
    assert_eq!(config.listen.to_string(), "udp://0.0.0.0:514");
    assert_eq!((config.connections_max, config.receive_buffer), (64, 8 * 1024 * 1024));
    assert!(config.source[0].from[1].contains("198.51.100.77".parse().unwrap()));
    for (scheme, transport) in
        [("tcp", Transport::Tcp), ("tls", Transport::Tls), ("relp", Transport::Relp), ("relp+tls", Transport::RelpTls)]
    {
        let config: SyslogConfig = toml::from_str(&format!("listen = \"{scheme}://[::1]:601\"")).unwrap();
        assert_eq!(config.listen.transport, transport);
        assert_eq!(config.listen.to_string(), format!("{scheme}://[::1]:601"));
    }
}

#[test]
fn what_is_wrong_is_named_with_what_was_expected() {
    let with = |from: &str, to: &str| said(&GOOD.replace(from, to));
    let head = |line: &str| said(&format!("{line}\n{GOOD}"));
    let cases = [
        (with("udp://0.0.0.0:514", "514"), ["listen", "udp://0.0.0.0:514"]),
        (with("udp://", "http://"), ["listen", "relp+tls://"]),
        (with("192.0.2.1", "gateway"), ["\"gateway\"", "192.0.2.0/24"]),
        (with("198.51.100.0/24", "198.51.100.1/24"), ["begins at 198.51.100.0", "198.51.100.0/24"]),
        (with("198.51.100.0/24", "198.51.100.0/33"), ["198.51.100.0/33", "expected"]),
        (with("dialect", "dialekt"), ["dialekt", "expected one of"]),
        (with("\"yamaha-rtx\"", "\"\""), ["`source.0.dialect`", "expected"]),
        (with("\"vpn-1\"", "\"\""), ["`source.0.name`", "expected"]),
        (with("\"192.0.2.1\", \"198.51.100.0/24\"", ""), ["`source.0.from`", "expected"]),
        (head("connections_max = 0"), ["`connections_max`", "expected"]),
        (head("receive_buffer = 0"), ["`receive_buffer`", "expected"]),
        (head("idle_max = \"0s\""), ["`idle_max`", "expected"]),
        (head("certificate = \"a.pem\""), ["`certificate`", "no TLS"]),
        (head("client_ca = \"a.pem\""), ["`client_ca`", "no TLS"]),
        (with("udp://", "tls://"), ["`certificate`", "is TLS"]),
        (said("listen = \"udp://0.0.0.0:514\""), ["`source`", "stranger"]),
        (said(&format!("{GOOD}certificate = \"gw\"\n")), ["`source.0.certificate`", "`client_ca`"]),
        (said(&format!("{GOOD}{}", &GOOD[GOOD.find("[[").unwrap()..])), ["`source.1.name`", "twice"]),
        (
            said(&format!("{GOOD}{}", GOOD[GOOD.find("[[").unwrap()..].replace("vpn-1", "vpn-2"))),
            ["`source.1.from`", "\"vpn-1\""],
        ),
    ];
    for (said, expected) in cases {
        assert!(expected.iter().all(|part| said.contains(part)), "{said}\nlacks one of {expected:?}");
    }
}
