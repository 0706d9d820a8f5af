//! Syslog over UDP. The harm: datagrams that are lost, and nobody knows.

#![allow(clippy::unwrap_used)]

mod support;

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use kukaku_syslog::{Limits, LinkEventKind, LossPlace, SyslogConfig};
use support::Recorder;
use support::listening::{Listening, bind, config, limits};
use tokio::net::UdpSocket;

const UDP: &str = "udp://127.0.0.1:0";
const BURST: usize = 5_000;

async fn sender(listening: &Listening) -> UdpSocket {
    let socket = UdpSocket::bind("127.0.0.1:0").await.unwrap();
    socket.connect(listening.address).await.unwrap();
    socket
}

/// A line as a gateway writes them, with its number.
fn line(n: usize) -> String {
    format!("<134>Nov 22 09:00:00 gate vpn: {n:05} user sato from 203.0.113.7 {}", "x".repeat(150))
}

#[tokio::test]
async fn a_datagram_is_a_line_and_a_stranger_is_told() {
    let listening = Listening::start(UDP).await;
    let socket = sender(&listening).await;
    for datagram in [&b"<13>one\n"[..], b"", b"\r\n", b"<13>says nothing", b"<13>two\nand on\0"] {
        socket.send(datagram).await.unwrap();
    }
    assert_eq!(listening.recorder.has_kept(2).await, ["<13>one", "<13>two\nand on"]);
    assert_eq!(listening.recorder.kept()[0].link, "syslog:udp://127.0.0.1:0");

    let config: SyslogConfig = toml::from_str(&format!(
        "listen = \"{UDP}\"\n[[source]]\nname = \"vpn-1\"\nfrom = [\"192.0.2.1\"]\ndialect = \"any\"\n"
    ))
    .unwrap();
    let mut listening = Listening::with(&config, limits(), Recorder::new()).await;
    let socket = sender(&listening).await;
    let mut told = 0;
    for _ in 0..10 {
        socket.send(b"<13>hello").await.unwrap();
    }
    while told < 10 {
        // The first at once; the others a minute later, all together.
        told += listening
            .events
            .find(|event| match event {
                LinkEventKind::UnknownSender { sender, count } => {
                    assert_eq!(sender.unwrap().to_string(), "127.0.0.1");
                    Some(*count)
                }
                _ => None,
            })
            .await;
        listening.clock.fetch_add(60_000_000, Ordering::Relaxed);
    }
    assert_eq!((told, listening.counted().strangers, listening.recorder.came()), (10, 10, 0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_burst_of_5000_is_not_lost_while_the_writer_commits_slowly() {
    let mut listening = Listening::start(UDP).await;
    listening.recorder.hold();
    let socket = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.connect(listening.address).unwrap();
    // The kernel alone must be able to hold it: whether our side runs meanwhile is luck.
    let small = listening.events.find(|event| match event {
        LinkEventKind::SmallBuffer { asked, granted } => Some(Some((*asked, *granted))),
        LinkEventKind::Listening { .. } => Some(None),
        _ => None,
    });
    if let Some((asked, granted)) = small.await {
        panic!("this test needs net.core.rmem_max = {asked}, or CAP_NET_ADMIN; {granted} was granted");
    }
    for n in 0..BURST {
        socket.send(line(n).as_bytes()).unwrap();
    }
    // A commit at a time, each of as many as are there; no reading waits for it.
    let mut kept = 0;
    while kept < BURST {
        listening.recorder.until("datagrams to commit", |recorder| recorder.held() > 0).await;
        kept += listening.recorder.commit(64);
    }
    let expected: Vec<String> = (0..BURST).map(line).collect();
    assert!(listening.recorder.lines() == expected, "other lines, or in another order");
    assert_eq!(listening.counted().lost, 0);
    listening.stop();
    let lost = |event: &LinkEventKind| matches!(event, LinkEventKind::Lost { .. });
    assert!(!listening.ended().await.iter().any(lost));
}

#[tokio::test]
async fn what_the_kernel_drops_is_counted_with_its_span() {
    let clock = Arc::new(AtomicI64::new(1_000_000));
    // As little room as the kernel gives.
    let (link, events) = bind(&config(UDP, "receive_buffer = 1"), limits(), &clock).await;
    let socket = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.connect(link.local_address().unwrap()).unwrap();
    for n in 0..100 {
        socket.send(line(n).as_bytes()).unwrap();
    }
    clock.store(3_000_000, Ordering::Relaxed);
    let mut listening = Listening::serve(link, events, clock, Recorder::new());
    let told = listening.events.find(|event| match event {
        LinkEventKind::Lost { count, span, place: LossPlace::Kernel } => Some((*count, *span)),
        _ => None,
    });
    let (lost, span) = told.await;
    assert_eq!((span.start.0, span.end.0), (1_000_000, 3_000_000));
    let came = 100 - usize::try_from(lost).unwrap();
    assert!(lost > 0 && came > 0, "{lost} lost");
    assert_eq!(listening.recorder.has_kept(came).await.len(), came);
    assert_eq!(listening.counted().lost, lost);
}

#[tokio::test]
async fn what_overflows_our_buffer_is_counted_and_the_rest_is_kept_in_order() {
    for limits in [Limits { datagrams_max: 100, ..limits() }, Limits { datagrams_max_bytes: 20_500, ..limits() }] {
        let mut listening = Listening::with(&config(UDP, ""), limits, Recorder::new()).await;
        listening.recorder.hold();
        let socket = sender(&listening).await;
        for n in 0..1000 {
            socket.send(line(n).as_bytes()).await.unwrap();
        }
        let told = listening.events.find(|event| match event {
            LinkEventKind::Lost { count, place: LossPlace::Buffer, .. } => Some(*count),
            _ => None,
        });
        assert!(told.await > 0);
        listening.recorder.until("a full pipe", |recorder| recorder.held() >= 257).await;
        listening.recorder.accept();
        listening.recorder.commit(usize::MAX);
        listening.stop();
        let (recorder, counters) = (listening.recorder.clone(), listening.counted());
        listening.ended().await;
        let kept = recorder.lines();
        assert!(kept.is_sorted() && kept.len() >= 257, "{} kept", kept.len());
        assert!(counters.lost + kept.len() as u64 <= 1000);
    }
}

#[tokio::test]
async fn what_came_before_the_stop_is_kept() {
    let clock = Arc::new(AtomicI64::new(0));
    let (link, events) = bind(&config(UDP, ""), limits(), &clock).await;
    let socket = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.connect(link.local_address().unwrap()).unwrap();
    for n in 0..500 {
        socket.send(line(n).as_bytes()).unwrap();
    }
    let listening = Listening::serve(link, events, clock, Recorder::new());
    listening.stop();
    let recorder = listening.recorder.clone();
    listening.ended().await;
    assert!(recorder.lines() == (0..500).map(line).collect::<Vec<_>>(), "{} lines", recorder.lines().len());
}
