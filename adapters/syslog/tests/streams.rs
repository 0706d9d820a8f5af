//! Syslog over plain TCP. The harm: a line that was read and not kept.

#![allow(clippy::unwrap_used)]

mod support;

use std::sync::atomic::Ordering;
use std::time::Duration;

use kukaku_schema::intake::ArrivalBody;
use kukaku_syslog::{Limits, LinkEventKind, LossPlace, SyslogConfig};
use support::listening::{AS_IT_IS, Listening, config, limits};
use support::{Recorder, soon};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

const TCP: &str = "tcp://127.0.0.1:0";

async fn connect(listening: &Listening) -> TcpStream {
    TcpStream::connect(listening.address).await.unwrap()
}

#[tokio::test]
async fn both_framings_on_one_connection_reach_the_reader_of_their_source() {
    let mut listening = Listening::start(TCP).await;
    let mut socket = connect(&listening).await;
    socket.write_all(b"<13>one\n7 <13>two<13>says nothing\n<13>three\r\n<13>last").await.unwrap();
    drop(socket);
    assert_eq!(listening.recorder.has_kept(4).await, ["<13>one", "<13>two", "<13>three", "<13>last"]);
    for arrival in listening.recorder.kept() {
        assert_eq!(arrival.link, "syslog:tcp://127.0.0.1:0");
        let ArrivalBody::Unreadable(kept) = arrival.body else { panic!() };
        assert_eq!((kept.source.as_deref(), kept.reason.as_str()), (Some("vpn-1/any"), AS_IT_IS));
    }
    assert_eq!(listening.events.disconnected().await, "the sender closed the connection");
    let counted = listening.counted();
    assert_eq!((counted.lines, counted.unreadable, counted.connections_open), (5, 4, 0));
}

#[tokio::test]
async fn a_line_that_is_too_long_is_kept_cut_and_the_next_is_not_lost() {
    let listening = Listening::start(TCP).await;
    let mut socket = connect(&listening).await;
    socket.write_all(&vec![b'x'; 100_000]).await.unwrap();
    socket.write_all(b"\n<13>next\n").await.unwrap();
    listening.recorder.has_kept(2).await;
    let kept = listening.recorder.kept();
    let ArrivalBody::Unreadable(long) = &kept[0].body else { panic!() };
    assert_eq!((long.head.len(), long.length, long.source.as_deref()), (65_536, 100_000, Some("vpn-1")));
    assert_eq!(support::line(&kept[1]), "<13>next");
}

#[tokio::test]
async fn while_the_writer_refuses_what_was_read_is_offered_again() {
    let listening = Listening::start(TCP).await;
    listening.recorder.refuse();
    let mut socket = connect(&listening).await;
    socket.write_all(b"<13>one\n<13>two\n").await.unwrap();
    listening.recorder.until("a second offer", |recorder| recorder.came() >= 2).await;
    listening.recorder.accept();
    assert_eq!(listening.recorder.has_kept(2).await, ["<13>one", "<13>two"]);
}

#[tokio::test]
async fn a_commit_that_failed_is_tried_again() {
    let listening = Listening::start(TCP).await;
    listening.recorder.hold();
    let mut socket = connect(&listening).await;
    socket.write_all(b"<13>one\n").await.unwrap();
    listening.recorder.until("an offer", |recorder| recorder.held() == 1).await;
    listening.recorder.fail_commit();
    listening.recorder.until("another", |recorder| recorder.held() == 1).await;
    listening.recorder.commit(1);
    assert_eq!(listening.recorder.lines(), ["<13>one"]);
}

#[tokio::test]
async fn a_full_writer_leaves_the_rest_with_the_sender() {
    let listening = Listening::start(TCP).await;
    listening.recorder.hold();
    let total = 400_000;
    let mut socket = connect(&listening).await;
    let line = [&b"<13>"[..], &[b'x'; 20], b"\n"].concat();
    let bytes = line.repeat(total);
    let sending = tokio::spawn(async move {
        socket.write_all(&bytes).await.unwrap();
        socket
    });
    // 256 wait for their commit, one is stuck on its way to them: more is not read.
    listening.recorder.until("a full pipe", |recorder| recorder.held() >= 257).await;
    let read = listening.counted().lines;
    assert!(read < 10_000, "{read} lines were read of a sender that should wait");
    assert!(!sending.is_finished());
    listening.recorder.accept();
    listening.recorder.commit(usize::MAX);
    listening.recorder.until("every line", move |recorder| recorder.lines_kept() == total).await;
    soon("the sender's end", sending).await.unwrap();
}

#[tokio::test]
async fn what_was_read_before_the_stop_is_kept_and_an_unfinished_line_too() {
    let mut listening = Listening::start(TCP).await;
    listening.recorder.hold();
    let mut socket = connect(&listening).await;
    socket.write_all(b"<13>one\n<13>two\n<13>begun").await.unwrap();
    listening.recorder.until("both lines", |recorder| recorder.held() == 2).await;
    listening.stop();
    listening.recorder.until("the rest", |recorder| recorder.held() == 3).await;
    listening.recorder.commit(3);
    assert_eq!(listening.events.disconnected().await, "the link stopped");
    assert_eq!(listening.recorder.lines(), ["<13>one", "<13>two", "<13>begun"]);
    let ArrivalBody::Unreadable(begun) = &listening.recorder.kept()[2].body else { panic!() };
    assert_eq!(begun.reason, "the connection ended inside a line");
    assert_eq!(listening.ended().await, []);
}

#[tokio::test]
async fn what_the_writer_does_not_keep_in_time_is_told_as_lost() {
    let limits = Limits { drain_max: Duration::from_millis(20), ..limits() };
    let listening = Listening::with(&config(TCP, ""), limits, Recorder::new()).await;
    listening.recorder.hold();
    let mut socket = connect(&listening).await;
    socket.write_all(b"<13>one\n<13>two\n").await.unwrap();
    listening.recorder.until("both lines", |recorder| recorder.held() == 2).await;
    listening.clock.store(9_000_000, Ordering::Relaxed);
    listening.stop();
    let told = listening.ended().await;
    let lost = told.iter().find_map(|event| match event {
        LinkEventKind::Lost { count, span, place: LossPlace::Stop } => Some((*count, span.start.0, span.end.0)),
        _ => None,
    });
    assert_eq!(lost, Some((2, 1_000_000, 9_000_000)));
}

#[tokio::test]
async fn a_stranger_is_told_and_not_taken() {
    let config: SyslogConfig = toml::from_str(&format!(
        "listen = \"{TCP}\"\n[[source]]\nname = \"vpn-1\"\nfrom = [\"192.0.2.1\"]\ndialect = \"any\"\n"
    ))
    .unwrap();
    let mut listening = Listening::with(&config, limits(), Recorder::new()).await;
    let mut socket = connect(&listening).await;
    let told = listening.events.find(|event| match event {
        LinkEventKind::UnknownSender { sender, count } => Some((*sender, *count)),
        _ => None,
    });
    assert_eq!(told.await, (Some(listening.address.ip()), 1));
    assert!(!matches!(soon("the close", socket.read(&mut [0; 8])).await, Ok(1..)));
    assert_eq!((listening.counted().strangers, listening.recorder.came()), (1, 0));
}

#[tokio::test]
async fn connections_are_limited_and_a_silent_one_is_closed_only_where_it_is_asked_for() {
    let config = config(TCP, "connections_max = 1\nidle_max = \"50ms\"");
    let mut listening = Listening::with(&config, limits(), Recorder::new()).await;
    let _first = connect(&listening).await;
    let mut second = connect(&listening).await;
    // Told with those that were turned away; the first goes when it was silent for too long.
    assert!(!matches!(soon("the close", second.read(&mut [0; 8])).await, Ok(1..)));
    let (mut refused, mut silent) = (false, false);
    while !(refused && silent) {
        let found = listening.events.find(|event| match event {
            LinkEventKind::Refused { why, .. } => Some(why.clone()),
            LinkEventKind::Disconnected { why, .. } => Some(why.clone()),
            _ => None,
        });
        let why = found.await;
        refused |= why.contains("connections_max");
        silent |= why.contains("idle_max");
    }
}
