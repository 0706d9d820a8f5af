//! Real senders: util-linux' `logger`, and rsyslogd over TCP, TLS and RELP. The harm: a gateway
//! that speaks as its vendor taught it, and isn't understood.

#![allow(clippy::unwrap_used)]

mod support;

use std::collections::BTreeSet;
use std::path::Path;

use kukaku_syslog::{Counted, SyslogConfig};
use support::Recorder;
use support::listening::{Listening, config, limits};
use support::peers::{Authority, Folder, Leaf, Rsyslogd, logger};

fn shown(path: &Path) -> &str {
    path.to_str().unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn logger_in_every_form_that_it_knows() {
    for (listen, transport) in [
        ("udp://127.0.0.1:0", &["--udp"][..]),
        ("tcp://127.0.0.1:0", &["--tcp"]),
        ("tcp://127.0.0.1:0", &["--tcp", "--octet-count"]),
    ] {
        let listening = Listening::start(listen).await;
        let port = listening.port();
        for format in ["--rfc3164", "--rfc5424"] {
            let mut arguments = vec!["--server", "127.0.0.1", "--port", &port, "--tag", "gate", format];
            arguments.extend(transport);
            arguments.extend(["--", "トンネル 1 確立 sato"]);
            logger(&arguments).await;
        }
        // Each over a connection of its own: their order is not said.
        let mut lines = listening.recorder.has_kept(2).await;
        lines.sort();
        for line in &lines {
            assert!(line.starts_with("<13>") && line.ends_with("トンネル 1 確立 sato"), "{transport:?}: {line:?}");
        }
        assert!(lines[0].starts_with("<13>1 2"), "RFC 5424: {lines:?}");
    }
}

/// Settings of rsyslogd that send everything on: TCP with line ends or counts.
fn forward(port: &str, more: &str) -> String {
    format!("action(type=\"omfwd\" target=\"127.0.0.1\" port=\"{port}\" protocol=\"tcp\" {more})")
}

fn numbered(from: usize, to: usize) -> impl Iterator<Item = String> {
    (from..to).map(|n| format!("line {n:05} 接続 sato"))
}

/// The numbers of the lines that were kept.
fn numbers(recorder: &Recorder) -> BTreeSet<String> {
    let number = |line: &String| line.split_once("line ").map(|(_, rest)| rest[..5].to_owned());
    recorder.lines().iter().filter_map(number).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rsyslogd_over_tcp_in_both_framings() {
    for framing in ["traditional", "octet-counted"] {
        let (folder, listening) = (Folder::new(), Listening::start("tcp://127.0.0.1:0").await);
        let action = forward(&listening.port(), &format!("TCP_Framing=\"{framing}\""));
        let rsyslogd = Rsyslogd::start(&folder, "", &action).await;
        rsyslogd.send(numbered(0, 500)).await;
        let all = |recorder: &Recorder| numbers(recorder).len() == 500;
        listening.recorder.until("every line", all).await;
        assert!(listening.recorder.lines().iter().all(|line| line.starts_with('<')), "{framing}");
    }
}

/// The configuration of a listener with TLS that demands a certificate of `gate`.
fn mutual(scheme: &str, authority: &Authority, server: &Leaf) -> SyslogConfig {
    let text = format!(
        "listen = \"{scheme}://127.0.0.1:0\"\ncertificate = \"{}\"\nkey = \"{}\"\nclient_ca = \"{}\"\n\
         [[source]]\nname = \"vpn-1\"\nfrom = [\"127.0.0.1\"]\ndialect = \"any\"\ncertificate = \"gate.example\"\n",
        shown(&server.certificate),
        shown(&server.key),
        shown(&authority.certificate)
    );
    toml::from_str(&text).unwrap()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rsyslogd_over_tls_with_its_own_certificate_and_with_a_strangers() {
    let authority = Authority::new("site CA");
    let server = authority.server();
    for name in ["gate.example", "other.example"] {
        let sender = authority.sender(name);
        let mut listening = Listening::with(&mutual("tls", &authority, &server), limits(), Recorder::new()).await;
        let folder = Folder::new();
        let settings = format!(
            "global(defaultNetstreamDriverCAFile=\"{}\" defaultNetstreamDriverCertFile=\"{}\" \
             defaultNetstreamDriverKeyFile=\"{}\")",
            shown(&authority.certificate),
            shown(&sender.certificate),
            shown(&sender.key)
        );
        let driver = "StreamDriver=\"gtls\" StreamDriverMode=\"1\" StreamDriverAuthMode=\"x509/name\" \
                      StreamDriverPermittedPeers=\"localhost\" TCP_Framing=\"octet-counted\"";
        let rsyslogd = Rsyslogd::start(&folder, &settings, &forward(&listening.port(), driver)).await;
        rsyslogd.send(numbered(0, 100)).await;
        if name == "gate.example" {
            listening.recorder.until("every line", |recorder| numbers(recorder).len() == 100).await;
        } else {
            let why = listening.events.refused().await;
            assert!(why.contains("other.example"), "{why}");
            assert_eq!(listening.recorder.came(), 0);
        }
    }
}

/// Settings of rsyslogd that send everything on by RELP and try again for ever, from a queue on
/// disk: the way to lose nothing at its end.
fn relp(port: u16, more: &str) -> String {
    format!(
        "action(type=\"omrelp\" target=\"127.0.0.1\" port=\"{port}\" windowSize=\"64\" {more} \
         action.resumeRetryCount=\"-1\" action.resumeInterval=\"1\" queue.type=\"Disk\" queue.size=\"20000\" \
         queue.filename=\"relp\" queue.checkpointInterval=\"1\" queue.saveOnShutdown=\"on\")"
    )
}

const OMRELP: &str = "module(load=\"omrelp\")";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rsyslogd_over_relp_loses_nothing_when_we_are_killed() {
    let (folder, first) = (Folder::new(), Listening::start("relp://127.0.0.1:0").await);
    first.recorder.hold();
    let address = first.address;
    let rsyslogd = Rsyslogd::start(&folder, OMRELP, &relp(address.port(), "")).await;
    rsyslogd.send(numbered(0, 3000)).await;
    // Some are durable and answered, some durable and not answered, some handed over and neither.
    first.recorder.until("lines to commit", |recorder| recorder.held() >= 40).await;
    first.recorder.commit(20);
    first.recorder.until("more of them", |recorder| recorder.held() >= 40).await;
    first.recorder.commit(30);
    let recorder = first.killed().await;
    let durable = numbers(&recorder).len();
    assert!((50..3000).contains(&durable), "{durable}");
    // What was held dies with the program.
    recorder.fail_commit();
    recorder.accept();
    let again = config(&format!("relp://{address}"), "");
    let second = Listening::with(&again, limits(), recorder).await;
    second.recorder.until("every line", |recorder| numbers(recorder).len() == 3000).await;
    let Counted { answered, lost, .. } = second.counted();
    assert!(answered > 0 && lost == 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rsyslogd_over_relp_loses_nothing_when_it_is_killed() {
    let (folder, listening) = (Folder::new(), Listening::start("relp://127.0.0.1:0").await);
    listening.recorder.hold();
    let action = relp(listening.address.port(), "");
    let rsyslogd = Rsyslogd::start(&folder, OMRELP, &action).await;
    rsyslogd.send(numbered(0, 2000)).await;
    listening.recorder.until("lines to commit", |recorder| recorder.held() >= 40).await;
    listening.recorder.commit(20);
    rsyslogd.has_stored(&folder, "line 01999").await;
    rsyslogd.kill();
    listening.recorder.accept();
    listening.recorder.commit(usize::MAX);
    let _again = Rsyslogd::start(&folder, OMRELP, &action).await;
    listening.recorder.until("every line", |recorder| numbers(recorder).len() == 2000).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rsyslogd_over_relp_with_tls() {
    let authority = Authority::new("site CA");
    let (server, sender) = (authority.server(), authority.sender("gate.example"));
    let listening = Listening::with(&mutual("relp+tls", &authority, &server), limits(), Recorder::new()).await;
    let folder = Folder::new();
    let tls = format!(
        "tls=\"on\" tls.caCert=\"{}\" tls.myCert=\"{}\" tls.myPrivKey=\"{}\" tls.authMode=\"name\" \
         tls.permittedPeer=[\"localhost\"]",
        shown(&authority.certificate),
        shown(&sender.certificate),
        shown(&sender.key)
    );
    let rsyslogd = Rsyslogd::start(&folder, OMRELP, &relp(listening.address.port(), &tls)).await;
    rsyslogd.send(numbered(0, 300)).await;
    listening.recorder.until("every line", |recorder| numbers(recorder).len() == 300).await;
    listening.stop();
    listening.ended().await;
}
