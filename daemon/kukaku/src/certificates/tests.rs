//! The harm: browsers that refuse the pages, or a certificate that ends on a Sunday unseen.

use jiff::Timestamp;

use super::*;

const DAY_S: i64 = 86_400;

fn names() -> Vec<String> {
    LOOPBACK_NAMES.map(str::to_owned).to_vec()
}

#[test]
fn server_and_ca_have_different_subjects_and_the_names_are_kept() {
    let now: Timestamp = "2026-11-22T00:00:00Z".parse().unwrap();
    let ca = make_site_ca("札幌保守センター", now).unwrap();
    let server = make_server_certificate(&names(), &ca, now).unwrap();
    let (ca, server) = (read_certificate(ca.pem.as_bytes()).unwrap(), read_certificate(server.pem.as_bytes()).unwrap());
    assert_ne!(ca.subject, server.subject);
    assert_eq!(server.issuer, ca.subject);
    assert_eq!(server.names, names());
    assert_eq!((server.days_left(now), ca.days_left(now)), (SERVER_DAYS, CA_DAYS));
    assert!(server.from < now);
}

#[test]
fn the_end_of_a_certificate_is_told_at_30_7_and_1_days() {
    let now: Timestamp = "2026-11-22T00:00:00Z".parse().unwrap();
    let ca = make_site_ca("s", now).unwrap();
    let server = read_certificate(make_server_certificate(&names(), &ca, now).unwrap().pem.as_bytes()).unwrap();
    let told = |days_before: i64| {
        let then = Timestamp::from_second(server.to.as_second() - days_before * DAY_S).unwrap();
        warning("server.pem", server.days_left(then))
    };
    assert_eq!(told(31), None);
    assert!(told(30).unwrap().contains("ends in 30 days"));
    assert!(told(7).unwrap().contains("this week"));
    assert!(told(1).unwrap().contains("now"));
    assert!(told(-1).unwrap().contains("has ended"));
}

#[test]
fn openssl_accepts_the_chain_and_the_request() {
    let folder = std::env::temp_dir().join(format!("kukaku-certificates-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let now = Timestamp::now();
    let ca = make_site_ca("s", now).unwrap();
    let server = make_server_certificate(&names(), &ca, now).unwrap();
    let request = make_request(&["kukaku.example.jp".to_owned()]).unwrap();
    for (name, text) in [("ca.pem", &ca.pem), ("server.pem", &server.pem), ("server.csr", &request.pem)] {
        std::fs::write(folder.join(name), text).unwrap();
    }
    let openssl = |arguments: &[&str]| {
        let output = std::process::Command::new("openssl").args(arguments).current_dir(&folder).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).into_owned()
    };
    openssl(&[
        "verify",
        "-x509_strict",
        "-purpose",
        "sslserver",
        "-verify_ip",
        "127.0.0.1",
        "-CAfile",
        "ca.pem",
        "server.pem",
    ]);
    assert!(openssl(&["req", "-in", "server.csr", "-noout", "-text", "-verify"]).contains("DNS:kukaku.example.jp"));
    std::fs::remove_dir_all(&folder).unwrap();
}

#[test]
fn a_name_that_is_none_and_a_file_that_is_no_certificate_are_refused_with_a_reason() {
    assert!(make_request(&["a b".to_owned()]).is_err_and(|e| e.contains("\"a b\"")));
    assert!(make_request(&[]).is_err());
    let key = make_request(&names()).unwrap().key_pem;
    assert!(read_certificate(key.as_bytes()).is_err_and(|e| e.contains("PRIVATE KEY")));
    assert!(read_certificate(b"nothing").is_err());
}
