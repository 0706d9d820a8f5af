//! `radclient` of FreeRADIUS: it signs as gateways do, and believes no answer that isn't signed.

use std::process::Stdio;

use kukaku_radius::LinkEventKind;
use kukaku_schema::Observation;
use kukaku_schema::intake::ArrivalBody;
use tokio::io::AsyncWriteExt;
use tokio::process::{Child, Command};

use crate::site::{SECRET, Site, said, soon};

/// Starts it with these attributes.
pub async fn started(site: &Site, what: &str, secret: &str, patience_s: &str, attributes: &str) -> Child {
    let server = site.udp.unwrap().to_string();
    let mut child = Command::new("radclient")
        .args(["-x", "-r", "1", "-t", patience_s, &server, what, secret])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .expect("run radclient: is freeradius-utils installed?");
    let mut input = child.stdin.take().unwrap();
    input.write_all(attributes.as_bytes()).await.unwrap();
    child
}

/// Whether it got an answer that it believes, and what it said.
pub async fn ended(child: Child) -> (bool, String) {
    let output = soon("radclient's end", child.wait_with_output()).await.unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    (output.status.success(), text)
}

/// Sends and is answered.
pub async fn answered(site: &Site, what: &str, attributes: &str) -> String {
    let (is_answered, text) = ended(started(site, what, SECRET, "20", attributes).await).await;
    assert!(is_answered, "{text}");
    text
}

const WHO: &str = "NAS-Identifier = \"vpn-gw\"\nAcct-Session-Id = \"00000007\"\nUser-Name = \"a01\"\n";

#[tokio::test]
async fn a_session_is_told_from_start_to_stop() {
    let site = Site::plain("").await;
    for rest in [
        "Acct-Status-Type = Start\nCalling-Station-Id = \"203.0.113.5\"\nFramed-IP-Address = 10.0.0.7\nEvent-Timestamp = 1795300000",
        "Acct-Status-Type = Interim-Update\nAcct-Session-Time = 600\nEvent-Timestamp = 1795300600",
        "Acct-Status-Type = Stop\nAcct-Session-Time = 900\nAcct-Terminate-Cause = User-Request\nEvent-Timestamp = 1795300900",
    ] {
        let text = answered(&site, "acct", &format!("{WHO}{rest}\n")).await;
        assert!(text.contains("Received Accounting-Response"), "{text}");
    }
    let arrivals = site.writer.arrivals();
    assert_eq!(
        arrivals.iter().map(said).collect::<Vec<_>>(),
        [
            "session.started vpn-gw/00000007 a01",
            "session.alive vpn-gw/00000007",
            "session.ended vpn-gw/00000007 user-request"
        ]
    );
    let ArrivalBody::Observation(first) = &arrivals[0].body else { panic!() };
    let Observation::SessionStarted(started) = first.as_ref() else { panic!() };
    assert_eq!(started.address.as_ref().unwrap().as_str(), "203.0.113.5");
    assert_eq!(started.inner_address.as_ref().unwrap().as_str(), "10.0.0.7");
    assert_eq!(started.event_id.as_ref().unwrap().as_str(), "start:vpn-gw/00000007@2026-11-21T22:26:40Z");
}

#[tokio::test]
async fn a_reboot_ends_what_was_open() {
    let site = Site::plain("").await;
    answered(&site, "acct", &format!("{WHO}Acct-Status-Type = Start\n")).await;
    for word in ["Accounting-On", "Accounting-Off"] {
        answered(&site, "acct", &format!("NAS-Identifier = \"vpn-gw\"\nAcct-Status-Type = {word}\n")).await;
    }
    assert_eq!(
        site.writer.arrivals().iter().map(said).collect::<Vec<_>>(),
        [
            "session.started vpn-gw/00000007 a01",
            "source.alive",
            "session.ended vpn-gw/00000007 nas-reboot",
            "source.alive"
        ]
    );
}

#[tokio::test]
async fn a_wrong_secret_is_not_answered() {
    let mut site = Site::plain("").await;
    let start = format!("{WHO}Acct-Status-Type = Start\n");
    let (is_answered, text) = ended(started(&site, "acct", "another secret", "1", &start).await).await;
    assert!(!is_answered && text.contains("No reply from server"), "{text}");
    assert!(matches!(site.told().await, LinkEventKind::Refused { .. }));
    assert!(site.writer.arrivals().is_empty());
}

#[tokio::test]
async fn it_waits_for_the_commit() {
    let site = Site::plain("").await;
    site.writer.hold();
    let mut waiting = started(&site, "acct", SECRET, "20", &format!("{WHO}Acct-Status-Type = Start\n")).await;
    site.writer.came(1).await;
    assert!(waiting.try_wait().unwrap().is_none() && site.counted().answered == 0, "answered before the commit");
    site.writer.settle(true);
    let (is_answered, text) = ended(waiting).await;
    assert!(is_answered, "{text}");
}

#[tokio::test]
async fn message_authenticators_are_understood_on_both_sides() {
    let site = Site::plain("demand_message_authenticator = true").await;
    let vouched = format!("{WHO}Acct-Status-Type = Start\nMessage-Authenticator = 0x00\nProxy-State = 0x0102\n");
    let text = answered(&site, "acct", &vouched).await;
    let (_, answer) = text.split_once("Received Accounting-Response").unwrap();
    assert!(answer.contains("Message-Authenticator") && answer.contains("Proxy-State = 0x0102"), "{text}");
    // Asks whether we are there.
    answered(&site, "status", "Message-Authenticator = 0x00\n").await;
    let said: Vec<String> = site.writer.arrivals().iter().map(said).collect();
    assert_eq!(said, ["session.started vpn-gw/00000007 a01", "source.alive"]);
}

#[tokio::test]
async fn what_is_no_session_is_answered_and_counted() {
    let site = Site::plain("").await;
    answered(&site, "acct", &format!("{WHO}Acct-Status-Type = Tunnel-Start\n")).await;
    answered(&site, "acct", "Acct-Status-Type = Start\nAcct-Session-Id = \"7\"\n").await;
    assert_eq!(site.writer.arrivals().iter().map(said).collect::<Vec<_>>(), ["unreadable: User-Name (1) is missing"]);
    let counted = site.counted();
    assert_eq!((counted.other_statuses, counted.unreadable, counted.answered), (1, 1, 2));
}
