//! RELP. The harm: a line that its sender forgets before it is durable.

#![allow(clippy::unwrap_used)]

mod support;

use std::time::Duration;

use kukaku_syslog::Limits;
use support::listening::{Listening, config, limits};
use support::{Recorder, soon};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;

const RELP: &str = "relp://127.0.0.1:0";
const OPEN: &[u8] = b"1 open 30 relp_version=0\ncommands=syslog\n";

struct Sender(BufReader<TcpStream>);

impl Sender {
    async fn open(listening: &Listening) -> Self {
        let mut sender = Self(BufReader::new(TcpStream::connect(listening.address).await.unwrap()));
        sender.send(OPEN).await;
        assert!(sender.line().await.starts_with("1 rsp "));
        for expected in ["relp_version=0", "relp_software=kukaku", "commands=syslog"] {
            assert_eq!(sender.line().await, expected);
        }
        sender
    }

    async fn send(&mut self, bytes: &[u8]) {
        self.0.write_all(bytes).await.unwrap();
    }

    async fn line(&mut self) -> String {
        let mut line = String::new();
        soon("an answer", self.0.read_line(&mut line)).await.unwrap();
        line.trim_end().to_owned()
    }

    /// What is here already, without waiting for more.
    fn is_answered(&self) -> bool {
        !self.0.buffer().is_empty() || matches!(self.0.get_ref().try_read(&mut [0; 1]), Ok(1))
    }

    async fn rest(mut self) -> String {
        let mut rest = String::new();
        // The other side may close with bytes of ours unread: a reset is an end as well.
        let _ = soon("the close", self.0.read_to_string(&mut rest)).await;
        rest
    }
}

#[tokio::test]
async fn a_line_is_answered_after_its_commit_and_in_order() {
    let listening = Listening::start(RELP).await;
    listening.recorder.hold();
    let mut sender = Sender::open(&listening).await;
    sender.send(b"2 syslog 7 <13>one\n3 syslog 11 <13>nothing\n4 syslog 7 <13>two\n5 syslog 0\n").await;
    listening.recorder.until("both lines", |recorder| recorder.held() == 2).await;
    assert!(!sender.is_answered());
    listening.recorder.commit(1);
    assert_eq!(sender.line().await, "2 rsp 6 200 OK");
    assert_eq!(sender.line().await, "3 rsp 6 200 OK", "it says nothing that would have to be kept");
    assert!(!sender.is_answered());
    listening.recorder.commit(1);
    assert_eq!(sender.line().await, "4 rsp 6 200 OK");
    assert_eq!(sender.line().await, "5 rsp 6 200 OK");
    sender.send(b"6 close 0\n").await;
    assert_eq!(sender.rest().await, "6 rsp 0\n0 serverclose 0\n");
    assert_eq!(listening.counted().answered, 4);
}

#[tokio::test]
async fn a_failed_commit_is_not_answered_until_one_succeeds() {
    let listening = Listening::start(RELP).await;
    listening.recorder.hold();
    let mut sender = Sender::open(&listening).await;
    sender.send(b"2 syslog 7 <13>one\n").await;
    listening.recorder.until("an offer", |recorder| recorder.held() == 1).await;
    listening.recorder.fail_commit();
    listening.recorder.until("another", |recorder| recorder.held() == 1).await;
    assert!(!sender.is_answered());
    listening.recorder.commit(1);
    assert_eq!(sender.line().await, "2 rsp 6 200 OK");
}

#[tokio::test]
async fn a_line_that_its_reader_needs_for_the_next_is_answered_with_that_one() {
    let listening = Listening::start(RELP).await;
    listening.recorder.hold();
    let mut sender = Sender::open(&listening).await;
    sender.send(b"2 syslog 12 <13>remember\n3 syslog 0\n4 syslog 10 <13>joined\n").await;
    listening.recorder.until("what they make together", |recorder| recorder.held() == 1).await;
    assert!(!sender.is_answered());
    listening.recorder.commit(1);
    for answer in ["2 rsp 6 200 OK", "3 rsp 6 200 OK", "4 rsp 6 200 OK"] {
        assert_eq!(sender.line().await, answer);
    }
    // The second line never comes: the sender isn't kept waiting for ever.
    sender.send(b"5 syslog 12 <13>remember\n").await;
    assert_eq!(sender.line().await, "5 rsp 6 200 OK");
    // A stop does not answer it: it comes again.
    sender.send(b"6 syslog 12 <13>remember\n7 syslog 0\n").await;
    soon("the last line", async {
        while listening.counted().lines < 4 {
            tokio::task::yield_now().await;
        }
    })
    .await;
    listening.stop();
    assert_eq!(sender.rest().await, "0 serverclose 0\n");
}

#[tokio::test]
async fn a_stop_answers_what_is_kept_and_nothing_else() {
    let limits = Limits { drain_max: Duration::from_millis(50), ..limits() };
    let listening = Listening::with(&config(RELP, ""), limits, Recorder::new()).await;
    listening.recorder.hold();
    let mut sender = Sender::open(&listening).await;
    sender.send(b"2 syslog 7 <13>one\n3 syslog 7 <13>two\n4 syslog 9 <13>b").await;
    listening.recorder.until("both lines", |recorder| recorder.held() == 2).await;
    listening.recorder.commit(1);
    listening.stop();
    assert_eq!(sender.rest().await, "2 rsp 6 200 OK\n0 serverclose 0\n");
    assert_eq!(listening.recorder.lines(), ["<13>one"]);
    let told = listening.ended().await;
    let lost = |event| matches!(event, &kukaku_syslog::LinkEventKind::Lost { .. });
    assert!(!told.iter().any(lost), "its sender has it still: {told:?}");
}

#[tokio::test]
async fn what_is_no_relp_ends_the_connection_and_says_why() {
    let mut listening = Listening::start(RELP).await;
    let mut plain = TcpStream::connect(listening.address).await.unwrap();
    plain.write_all(b"<13>plain syslog\n").await.unwrap();
    assert!(listening.events.disconnected().await.contains("not RELP"));
    let mut early = TcpStream::connect(listening.address).await.unwrap();
    early.write_all(b"1 syslog 3 <1>\n").await.unwrap();
    let mut said = String::new();
    let _ = soon("the close", early.read_to_string(&mut said)).await;
    assert_eq!(said, "1 rsp 40 500 a command before the session is open\n0 serverclose 0\n");
    assert_eq!(listening.recorder.came(), 0);
}

#[tokio::test]
async fn a_session_that_is_never_opened_is_closed() {
    let limits = Limits { hello_max: Duration::from_millis(20), ..limits() };
    let mut listening = Listening::with(&config(RELP, ""), limits, Recorder::new()).await;
    let _silent = TcpStream::connect(listening.address).await.unwrap();
    assert!(listening.events.disconnected().await.contains("no RELP session"));
}
