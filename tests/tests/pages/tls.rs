//! The pages with the site's own certificate, asked by curl and openssl.

use std::process::Command;

use super::client::Client;
use super::site::Site;

fn output(command: &mut Command) -> (bool, String) {
    let done = command.output().unwrap();
    (done.status.success(), String::from_utf8_lossy(&done.stdout).into_owned())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_computer_that_holds_the_sites_ca_sees_a_safe_page_and_its_fingerprint() {
    let site = Site::with_tls().await;
    let (port, ca) = (site.addr.port(), site.ca_file());
    let curl = |url: String| {
        output(Command::new("curl").args(["-sS", "-i", "--max-time", "30", "--cacert"]).arg(&ca).arg(url))
    };
    let (fine, page) = curl(format!("https://localhost:{port}/login"));
    assert!(fine && page.starts_with("HTTP/1.1 200"), "{page}");
    let lower = page.to_lowercase();
    assert!(lower.contains("strict-transport-security: max-age=31536000"), "{page}");
    assert!(page.contains("/certificate"), "the sign-in page leads to the help");

    let (known, told) =
        output(Command::new("openssl").args(["x509", "-noout", "-fingerprint", "-sha256", "-in"]).arg(&ca));
    assert!(known);
    let fingerprint = told.trim().split('=').nth(1).unwrap().to_owned();
    let (_, help) = curl(format!("https://127.0.0.1:{port}/certificate"));
    assert!(help.contains(&fingerprint), "{fingerprint} is not on the page");
    let (_, pem) = curl(format!("https://127.0.0.1:{port}/certificate/site-ca.pem"));
    assert!(pem.ends_with(&std::fs::read_to_string(&ca).unwrap()));

    let (trusted, _) =
        output(Command::new("curl").args(["-sS", "--max-time", "30"]).arg(format!("https://localhost:{port}/login")));
    assert!(!trusted, "who doesn't hold the CA is warned");
    let plain = Client::new(site.addr).raw(b"GET /login HTTP/1.1\r\nHost: localhost\r\n\r\n");
    assert!(!plain.starts_with(b"HTTP/1.1 200"), "no plain HTTP beside TLS");
}
