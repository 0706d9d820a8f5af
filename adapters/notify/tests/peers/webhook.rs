//! Webhook: signature, redirects, own CA, what is tried again.

use super::house::*;
use kukaku_notify::{Channels, DeliveryError};

const SHARED: &str = "sixteen bytes or more";

fn config(folder: &Folder, url: &str, more: &str) -> String {
    let key = folder.secret("webhook.key", SHARED);
    format!("[[webhook]]\nid = \"hook\"\nurl = \"{url}\"\nkey_file = \"{key}\"\n{more}\n")
}

#[tokio::test(flavor = "multi_thread")]
async fn the_receiver_can_verify_who_sent_it_and_when() {
    let folder = Folder::new();
    let ca = Ca::new(&folder, "site");
    let (peer, port) = Peer::script("webhook.py", &["https", &ca.cert, &ca.key, SHARED, "204"]);
    let text = config(&folder, &format!("https://127.0.0.1:{port}/alerts"), &format!("ca_file = \"{}\"", ca.ca));
    let channels = channels(&text);
    let mut alert = alert();
    alert.who = HOSTILE.to_owned();
    channels.messages[0].deliver(&alert, now()).await.unwrap();
    let request = peer.event();
    assert_eq!(request["genuine"], true);
    assert_eq!(request["stamp"], now().0 / 1_000_000);
    assert_eq!(request["delivery"], request["body"]["delivery"]);
    assert_eq!(request["body"]["version"], 1);
    // JSON carries any name as it is: the receiver gets what was meant.
    assert_eq!(request["body"]["alert"], serde_json::to_value(&alert).unwrap());
    // A repeated attempt is the same delivery, another revision another one.
    channels.messages[0].deliver(&alert, now()).await.unwrap();
    assert_eq!(peer.event()["delivery"], request["delivery"]);
    alert.revision = 2;
    channels.messages[0].deliver(&alert, now()).await.unwrap();
    assert_ne!(peer.event()["delivery"], request["delivery"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_receiver_with_a_strangers_certificate_gets_nothing() {
    let folder = Folder::new();
    let (ours, theirs) = (Ca::new(&folder, "site"), Ca::new(&folder, "stranger"));
    let (peer, port) = Peer::script("webhook.py", &["https", &theirs.cert, &theirs.key, SHARED, "204"]);
    let text = config(&folder, &format!("https://127.0.0.1:{port}/"), &format!("ca_file = \"{}\"", ours.ca));
    let error = channels(&text).messages[0].deliver(&alert(), now()).await.unwrap_err();
    assert!(matches!(error, DeliveryError::Retry(_)), "{error}");
    assert!(peer.unread().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn trouble_is_tried_again_and_a_no_is_shown() {
    let folder = Folder::new();
    for (status, refused) in [("429", false), ("503", false), ("400", true), ("401", true), ("404", true)] {
        let (_peer, port) = Peer::script("webhook.py", &["http", "-", "-", SHARED, status]);
        let text = config(&folder, &format!("http://127.0.0.1:{port}/"), "");
        let error = channels(&text).messages[0].deliver(&alert(), now()).await.unwrap_err();
        assert_eq!(error.is_refused(), refused, "{status}: {error}");
        assert!(!error.to_string().contains(['\u{1b}', '\n']), "the answer reached the page raw: {error:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redirect_is_not_followed() {
    let folder = Folder::new();
    let (elsewhere, other) = Peer::script("webhook.py", &["http", "-", "-", SHARED, "204"]);
    let location = format!("http://127.0.0.1:{other}/");
    for status in ["301", "302", "307", "308"] {
        let (_peer, port) = Peer::script("webhook.py", &["http", "-", "-", SHARED, status, &location]);
        let text = config(&folder, &format!("http://127.0.0.1:{port}/"), "");
        let error = channels(&text).messages[0].deliver(&alert(), now()).await.unwrap_err();
        assert!(error.is_refused(), "{error}");
    }
    assert!(elsewhere.unread().is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_receiver_that_never_answers_costs_its_time_out_and_no_more() {
    let folder = Folder::new();
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://127.0.0.1:{}/", silent.local_addr().unwrap().port());
    let text = config(&folder, &url, "timeout = \"200ms\"");
    let error = channels(&text).messages[0].deliver(&alert(), now()).await.unwrap_err();
    assert!(matches!(error, DeliveryError::Retry(_)), "{error}");
}

#[test]
fn a_webhook_that_would_tell_everybody_is_refused() {
    let folder = Folder::new();
    for url in ["http://hook.example.jp/", "ftp://127.0.0.1/", "https://u:p@hook.example.jp/", "hook"] {
        let error = Channels::open(&toml::from_str(&config(&folder, url, "")).unwrap()).unwrap_err().to_string();
        assert!(error.contains("url"), "{error}");
    }
    let weak = config(&folder, "http://127.0.0.1/", "").replace("webhook.key", "weak.key");
    folder.secret("weak.key", "short");
    let error = Channels::open(&toml::from_str(&weak).unwrap()).unwrap_err().to_string();
    assert!(error.contains("16 bytes") && !error.contains("short"), "{error}");
}
