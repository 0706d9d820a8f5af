//! The listener behind TLS. The harm: a device that isn't what it says it is.

#![allow(clippy::unwrap_used)]

mod support;

use std::path::Path;

use kukaku_mqtt::listener::{Limits, User};
use kukaku_tls::{Clients, server as server_tls};
use support::listening::{Listening, users};
use support::peer::{mosquitto_pub, succeeded};
use support::pki::{Authority, Leaf};
use support::{reading, seq};

fn shown(path: &Path) -> &str {
    path.to_str().unwrap()
}

/// Users by password, by certificate, and by both.
fn all_kinds() -> Vec<User> {
    let user = |name: &str, password: Option<&str>, certificate: Option<&str>| User {
        name: name.to_owned(),
        password_hash: password.map(|password| password.chars().rev().collect()),
        certificate: certificate.map(str::to_owned),
        sources: vec!["panel-1".to_owned()],
    };
    [users(), vec![user("gate", None, Some("gate.example")), user("strict", Some("pw"), Some("strict-device"))]]
        .concat()
}

async fn listening(authority: &Authority) -> Listening {
    let server = authority.server();
    let tls = server_tls(&server.certificate, &server.key, Clients::MayShow(&authority.certificate)).unwrap();
    Listening::with(all_kinds(), Limits::default(), Some(tls)).await
}

async fn send(
    listening: &Listening,
    authority: &Authority,
    device: Option<&Leaf>,
    more: &[&str],
) -> Result<(), String> {
    let (port, payload) = (listening.port(), reading("panel-1", 1));
    let mut arguments = vec!["-h", "localhost", "-p", &port, "--cafile", shown(&authority.certificate), "-q", "1"];
    if let Some(device) = device {
        arguments.extend(["--cert", shown(&device.certificate), "--key", shown(&device.key)]);
    }
    arguments.extend(["-t", "kukaku/v1/panel-1/door", "-m", &payload]);
    arguments.extend(more);
    let output = mosquitto_pub(&arguments).await;
    if output.status.success() {
        succeeded(&output);
        return Ok(());
    }
    Err(String::from_utf8_lossy(&output.stderr).into_owned())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_password_over_tls_in_both_versions() {
    let authority = Authority::new("site CA");
    let listening = listening(&authority).await;
    for version in ["311", "5"] {
        let signed = ["-V", version, "-u", "panel", "-P", "panel-secret"];
        send(&listening, &authority, None, &signed).await.unwrap();
    }
    assert!(listening.recorder.came(2).await.iter().all(|arrival| seq(arrival) == 1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_certificate_signs_in_by_common_name_or_alternative_name() {
    let authority = Authority::new("site CA");
    let listening = listening(&authority).await;
    for device in [authority.device("gate.example", None), authority.device("door 7", Some("gate.example"))] {
        send(&listening, &authority, Some(&device), &[]).await.unwrap();
        send(&listening, &authority, Some(&device), &["-u", "gate"]).await.unwrap();
    }
    assert_eq!(listening.recorder.came(4).await.len(), 4);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_certificate_of_someone_else_or_of_nobody_is_refused() {
    let (authority, other) = (Authority::new("site CA"), Authority::new("another CA"));
    let mut listening = listening(&authority).await;
    let stranger = authority.device("stranger", None);
    assert!(send(&listening, &authority, Some(&stranger), &[]).await.is_err());
    assert_eq!(listening.events.refused().await, "no such user");
    assert!(send(&listening, &authority, Some(&stranger), &["-u", "gate"]).await.is_err());
    assert_eq!(listening.events.refused().await, "it showed no certificate that belongs to this user");
    assert!(send(&listening, &authority, None, &["-u", "gate"]).await.is_err());
    assert_eq!(listening.events.refused().await, "it showed no certificate that belongs to this user");
    let forged = other.device("gate.example", None);
    assert!(send(&listening, &authority, Some(&forged), &[]).await.is_err());
    assert!(listening.events.refused().await.starts_with("TLS: "), "refused before a word is heard");
    assert!(listening.recorder.arrivals().is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_user_with_both_needs_both() {
    let authority = Authority::new("site CA");
    let mut listening = listening(&authority).await;
    let device = authority.device("strict-device", None);
    assert!(send(&listening, &authority, None, &["-u", "strict", "-P", "pw"]).await.is_err());
    assert_eq!(listening.events.refused().await, "it showed no certificate that belongs to this user");
    assert!(send(&listening, &authority, Some(&device), &["-u", "strict"]).await.is_err());
    assert_eq!(listening.events.refused().await, "wrong password");
    send(&listening, &authority, Some(&device), &["-u", "strict", "-P", "pw"]).await.unwrap();
    listening.recorder.came(1).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn plain_bytes_to_a_tls_port_are_refused() {
    let authority = Authority::new("site CA");
    let mut listening = listening(&authority).await;
    let output =
        mosquitto_pub(&["-p", &listening.port(), "-u", "panel", "-P", "panel-secret", "-t", "x", "-m", "x"]).await;
    assert!(!output.status.success());
    assert!(listening.events.refused().await.starts_with("TLS: "));
}

#[test]
fn a_file_that_cannot_be_used_is_named() {
    let authority = Authority::new("site CA");
    let server = authority.server();
    let missing = Path::new("/nonexistent/server.pem");
    let said = server_tls(missing, &server.key, Clients::NotAsked).unwrap_err().to_string();
    assert!(said.contains("/nonexistent/server.pem"), "{said}");
    let said = server_tls(&server.key, &server.key, Clients::NotAsked).unwrap_err().to_string();
    assert!(said.contains("no PEM block CERTIFICATE"), "{said}");
    let said = server_tls(&server.certificate, &server.certificate, Clients::NotAsked).unwrap_err().to_string();
    assert!(said.contains("the private key"), "{said}");
}
