//! MQTT to mosquitto: PUBACK, TLS, passwords.

use std::process::Command;

use super::house::*;
use kukaku_notify::DeliveryError;

/// A broker with the account `kukaku` / `pass`; with a CA it listens under TLS.
fn broker(folder: &Folder, ca: Option<&Ca>) -> (Peer, u16) {
    let port = free_port();
    let passwords = folder.write("passwords", "");
    assert!(Command::new("mosquitto_passwd").args(["-b", &passwords, "kukaku", "pass"]).status().unwrap().success());
    let mut text = format!(
        "listener {port} 127.0.0.1\nallow_anonymous false\npassword_file {passwords}\nuser root\nlog_dest stderr\nlog_type all\n"
    );
    if let Some(ca) = ca {
        text.push_str(&format!("certfile {}\nkeyfile {}\n", ca.cert, ca.key));
    }
    let config = folder.write("mosquitto.conf", &text);
    let peer = Peer::start_on_stderr(Command::new("mosquitto").args(["-c", &config]));
    peer.line_with("running");
    (peer, port)
}

fn config(folder: &Folder, port: u16, password: &str, more: &str) -> String {
    let file = folder.secret("mqtt.password", password);
    format!(
        "[[mqtt]]\nid = \"broker\"\naddress = \"127.0.0.1:{port}\"\n\
         account = {{ user = \"kukaku\", password_file = \"{file}\" }}\n{more}\n"
    )
}

fn subscriber(port: u16, more: &[&str]) -> Peer {
    let port = port.to_string();
    let mut command = Command::new("stdbuf");
    command
        .args(["-oL", "mosquitto_sub", "-d", "-h", "127.0.0.1", "-p", &port, "-u", "kukaku", "-P", "pass"])
        .args(["-q", "1", "-t", "#", "-F", "MESSAGE %t %q %p"])
        .args(more);
    let peer = Peer::start(&mut command);
    peer.line_with("Subscribed");
    peer
}

#[tokio::test(flavor = "multi_thread")]
async fn an_alert_is_delivered_when_the_broker_says_so() {
    let folder = Folder::new();
    let (_broker, port) = broker(&folder, None);
    let subscriber = subscriber(port, &[]);
    let text = config(&folder, port, "pass", "tls = false\ntopic = \"alerts/{client}/{severity}/{kind}\"");
    let mut alert = alert();
    alert.client = Some("市/+/#".to_owned());
    let delivered = channels(&text).messages[0].deliver(&alert, now()).await.unwrap();
    assert!(delivered.confirmed);
    let line = subscriber.line_with("MESSAGE");
    let payload = line.strip_prefix("MESSAGE alerts/市____/critical/absent 1 ").unwrap_or_else(|| panic!("{line}"));
    let payload: serde_json::Value = serde_json::from_str(payload).unwrap();
    assert_eq!(payload["alert"], serde_json::to_value(&alert).unwrap());
    assert_eq!(payload["headline"], "重大 発生: 在室なしセッション 佐藤 花子");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broker_under_tls_with_the_sites_own_ca() {
    let folder = Folder::new();
    let (ca, stranger) = (Ca::new(&folder, "site"), Ca::new(&folder, "stranger"));
    let (broker, port) = broker(&folder, Some(&ca));
    let good = config(&folder, port, "pass", &format!("ca_file = \"{}\"", ca.ca));
    channels(&good).messages[0].deliver(&alert(), now()).await.unwrap();
    broker.line_with("PUBLISH from kukaku-alert-broker");
    broker.line_with("DISCONNECT from kukaku-alert-broker");
    let error = channels(&good.replace(&ca.ca, &stranger.ca)).messages[0].deliver(&alert(), now()).await.unwrap_err();
    assert!(matches!(error, DeliveryError::Retry(_)), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_password_is_for_a_person_and_a_broker_that_is_down_is_not() {
    let folder = Folder::new();
    let (_broker, port) = broker(&folder, None);
    let error = channels(&config(&folder, port, "wrong", "tls = false")).messages[0].deliver(&alert(), now()).await;
    assert!(error.unwrap_err().is_refused());
    let error =
        channels(&config(&folder, free_port(), "pass", "tls = false")).messages[0].deliver(&alert(), now()).await;
    assert!(matches!(error, Err(DeliveryError::Retry(_))));
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_puback_nothing_is_delivered() {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let folder = Folder::new();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    // Lets everybody in, takes everything, and confirms nothing of it.
    let swallowed = tokio::spawn(async move {
        let (mut link, _) = listener.accept().await.unwrap();
        let mut bytes = vec![0; 64 * 1024];
        let mut count = link.read(&mut bytes).await.unwrap();
        link.write_all(&[0x20, 2, 0, 0]).await.unwrap();
        while let Ok(n @ 1..) = link.read(&mut bytes[count..]).await {
            count += n;
        }
        bytes.truncate(count);
        bytes
    });
    let text = config(&folder, port, "pass", "tls = false\ntimeout = \"2s\"");
    let error = channels(&text).messages[0].deliver(&alert(), now()).await.unwrap_err();
    assert!(matches!(error, DeliveryError::Retry(_)), "{error}");
    let swallowed = swallowed.await.unwrap();
    assert!(String::from_utf8_lossy(&swallowed).contains("absent/vpn-1/7781"), "it was published");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broker_that_accepts_and_says_nothing_has_delivered_nothing() {
    let folder = Folder::new();
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = silent.local_addr().unwrap().port();
    let text = config(&folder, port, "pass", "tls = false\ntimeout = \"200ms\"");
    let error = channels(&text).messages[0].deliver(&alert(), now()).await.unwrap_err();
    assert!(matches!(error, DeliveryError::Retry(_)), "{error}");
}
