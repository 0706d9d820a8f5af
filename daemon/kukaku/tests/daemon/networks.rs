//! Each listener stands in exactly one named network, and nothing is routed between them
//! (TG-3.1.2). On machines of their own: network namespaces with addresses on loopback's wire.

use crate::house::{Site, err, exits, kukaku, on_machine, out};

/// The city's line and the office, on a machine that routes nothing.
const TWO_WIRES: &str = "ip link set lo up
ip address add 192.0.2.10/24 dev lo
ip address add 198.51.100.10/24 dev lo
ip address add 2001:db8:1::10/64 dev lo nodad
for switch in /proc/sys/net/ipv[46]/conf/*/forwarding; do echo 0 > $switch; done";

const NETWORKS: &str = r#"
[[network]]
name = "city-line"
label = "苫小牧市回線"
addresses = ["192.0.2.0/24", "2001:db8:1::/64"]
[[network]]
name = "office"
addresses = ["198.51.100.0/24"]
"#;

/// Who sends there; not in the registers, which is a note and no problem.
const GATEWAY: &str = "[[syslog.source]]\nname = \"gateway\"\nfrom = [\"192.0.2.1\"]\ndialect = \"yamaha-rtx\"\n";

/// A site with these networks and syslog ports.
fn site(networks: &str, syslog: &[&str]) -> Site {
    let site = Site::new();
    let ports: String = syslog.iter().map(|listen| format!("[[syslog]]\nlisten = \"{listen}\"\n{GATEWAY}")).collect();
    site.configure(&format!("{networks}[web]\nlisten = \"127.0.0.1:0\"\n{ports}"));
    site
}

/// What the check says on a machine that has these addresses.
fn checked(site: &Site, setup: &str, code: i32) -> String {
    exits(&on_machine(setup, &["check", site.dir()]).output().unwrap(), code)
}

#[test]
fn each_listener_is_listed_by_its_network_and_the_daemon_starts() {
    let listen = ["udp://192.0.2.10:5514", "relp://[2001:db8:1::10]:2514", "tcp://198.51.100.10:5514"];
    let site = site(&format!("{NETWORKS}[[network]]\nname = \"spare\"\naddresses = [\"203.0.113.7\"]\n"), &listen);
    let said = checked(&site, TWO_WIRES, 0);
    for line in [
        "ok       network \"city-line\" (苫小牧市回線): syslog, UDP 192.0.2.10:5514, not encrypted (syslog.listen)\n",
        "ok       network \"city-line\" (苫小牧市回線): syslog (RELP), TCP [2001:db8:1::10]:2514, not encrypted",
        "ok       network \"office\": syslog, TCP 198.51.100.10:5514, not encrypted (syslog.listen)\n",
        "ok       network \"spare\": nothing listens\n",
        "ok       this machine alone: pages and API, TCP 127.0.0.1:0, not encrypted (web.listen)\n",
        "note     networks: Linux answers for each of its addresses on every wire",
        "ok       networks: nothing is routed between them\n",
    ] {
        assert!(said.contains(line), "{line:?} in\n{said}");
    }
    let daemon = site.run_on_machine(TWO_WIRES);
    let (status, log) = daemon.stop();
    assert!(status.success() && !log.contains("routes packets"), "{log}");
}

#[test]
fn a_listener_that_is_open_to_two_networks_or_to_none_keeps_the_daemon_from_starting() {
    let overlapping = "[[network]]\nname = \"all\"\naddresses = [\"192.0.0.0/16\"]\n";
    for (more, listen, why) in [
        ("", "udp://0.0.0.0:5514", "0.0.0.0 is open to every network"),
        ("", "relp://[::]:5514", ":: is open to every network"),
        ("", "udp://[::ffff:0.0.0.0]:5514", "0.0.0.0 is open to every network"),
        ("", "tcp://203.0.113.1:5514", "203.0.113.1 is an address of no named network"),
        ("", "tcp://[2001:db8:2::1]:5514", "2001:db8:2::1 is an address of no named network"),
        (
            overlapping,
            "udp://192.0.2.10:5514",
            "192.0.2.10 is open to 2 networks, \"city-line\" (苫小牧市回線) and \"all\"",
        ),
    ] {
        let site = site(&format!("{NETWORKS}{more}"), &[listen]);
        let said = checked(&site, TWO_WIRES, 1);
        let refused = said.lines().find(|line| line.starts_with("PROBLEM  syslog") && line.contains(why));
        assert!(refused.is_some_and(|line| line.contains("syslog.listen")), "{why:?} in\n{said}");
        let start = on_machine(TWO_WIRES, &["run", site.dir()]).output().unwrap();
        assert!(exits(&start, 2).contains(why), "{why:?} in\n{}", err(&start));
        assert_eq!(out(&start), "", "it was ready for a moment");
    }
    // One network alone doesn't make an open listener one of it.
    let one = "[[network]]\nname = \"office\"\naddresses = [\"198.51.100.0/24\"]\n";
    let said = checked(&site(one, &["udp://0.0.0.0:5514"]), TWO_WIRES, 1);
    assert!(said.contains("open to every network"), "{said}");
}

#[test]
fn a_machine_that_routes_is_named_with_what_to_do_and_still_watches() {
    let site = site(NETWORKS, &["udp://192.0.2.10:5514"]);
    for (switch, named) in [
        ("/proc/sys/net/ipv4/ip_forward", "/proc/sys/net/ipv4/conf/all/forwarding"),
        ("/proc/sys/net/ipv6/conf/all/forwarding", "/proc/sys/net/ipv6/conf/all/forwarding"),
        // One interface that routes while the machine as a whole says that it doesn't.
        ("/proc/sys/net/ipv4/conf/lo/forwarding", "/proc/sys/net/ipv4/conf/lo/forwarding"),
    ] {
        let setup = format!("{TWO_WIRES}\necho 1 > {switch}");
        let said = checked(&site, &setup, 1);
        let problem = said.lines().find(|line| line.starts_with("PROBLEM  networks: this machine routes"));
        let problem = problem.unwrap_or_else(|| panic!("no problem in\n{said}"));
        assert!(problem.contains(&format!("({named} is not 0)")) && problem.contains("ip_forward=0"), "{problem}");
        let (status, log) = site.run_on_machine(&setup).stop();
        assert!(status.success() && log.contains(named), "{log}");
    }
}

#[test]
fn without_named_networks_the_listeners_are_listed_and_nothing_is_refused() {
    let site = site("", &["udp://0.0.0.0:5514"]);
    let said = checked(&site, &format!("{TWO_WIRES}\necho 1 > /proc/sys/net/ipv4/ip_forward"), 0);
    for line in ["note     networks: none is named", "ok       listener: syslog, UDP 0.0.0.0:5514, not encrypted"] {
        assert!(said.contains(line), "{line:?} in\n{said}");
    }
    // A file alone is checked for it too, before there is an installation.
    let file =
        site.folder.write("new.toml", format!("{NETWORKS}[[syslog]]\nlisten = \"udp://0.0.0.0:5514\"\n{GATEWAY}"));
    let said = exits(&kukaku(&["check", "--config", crate::house::text(&file)]), 1);
    assert!(said.contains("PROBLEM  syslog, UDP 0.0.0.0:5514"), "{said}");
}
