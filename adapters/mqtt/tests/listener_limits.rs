//! The listener under abuse. The harm: one broken or hostile device takes the others' link away.

#![allow(clippy::unwrap_used)]

mod support;

use std::time::Duration;

use kukaku_mqtt::listener::Limits;
use kukaku_mqtt::{LinkEvent, Rate};
use support::device::{Device, connect, packet, publish};
use support::listening::Listening;
use support::{reading, unreadable};

const TOPIC: &str = "kukaku/v1/panel-1/door/north";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hostile_bytes_end_their_own_connection_only() {
    let mut listening = Listening::start().await;
    let mut good = Device::sign_in(listening.address, 4, "good").await;
    let strangers: [&[u8]; 8] = [
        b"GET / HTTP/1.1\r\nHost: kukaku\r\n\r\n",
        &[0x16, 0x03, 0x01, 0x02, 0x00, 0x01],
        &[0x10, 0xFF, 0xFF, 0xFF, 0x7F],
        &[0x10, 0xFF, 0xFF, 0xFF, 0xFF, 0x7F],
        &[0x20, 0x02, 0x00, 0x00],
        &[0xB0, 0x02, 0x00, 0x01],
        &[0x00, 0x00],
        &[0x10, 0x00],
    ];
    for bytes in strangers {
        let mut stranger = Device::dial(listening.address).await;
        stranger.send_into_the_void(bytes).await;
        assert_eq!(stranger.hear().await, None, "{bytes:02X?}");
        assert!(!listening.events.refused().await.is_empty());
    }
    let signed_in: [Vec<u8>; 7] = [
        connect(5, "again", "panel", "panel-secret", 60),
        packet(0x20, &[0, 0]),
        packet(0xB0, &[0, 1]),
        packet(0x30, &[0, 0]),
        packet(0x30, &[0, 3, b'a', b'/', b'#']),
        packet(0x82, &[0, 1]),
        vec![0x82, 0xFF, 0xFF, 0xFF, 0x7F],
    ];
    for (n, bytes) in signed_in.iter().enumerate() {
        let mut hostile = Device::sign_in(listening.address, 4, &format!("hostile-{n}")).await;
        hostile.send(bytes).await;
        assert_eq!(hostile.hear().await, None, "{bytes:02X?}");
        good.send(&publish(4, TOPIC, 1, reading("panel-1", n as u64).as_bytes())).await;
        assert_eq!(good.acknowledged(1).await, [1]);
    }
    assert_eq!(listening.recorder.arrivals().len(), signed_in.len());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_broken_publish_is_kept_as_it_came_before_its_connection_ends() {
    let listening = Listening::start().await;
    let mut device = Device::sign_in(listening.address, 5, "p1").await;
    let broken = packet(0x32, &[0, 2, 0xFF, 0xFE, 0, 1, 0, b'{', b'}']);
    device.send(&broken).await;
    let (first, body) = device.hear().await.unwrap();
    assert_eq!((first, body[0]), (0xE0, 0x81));
    let kept = unreadable(&listening.recorder.came(1).await[0]);
    assert_eq!(kept.head, broken);
    assert!(kept.reason.contains("topic: not UTF-8 from byte 0 on"), "{}", kept.reason);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_source_that_floods_is_held_back_alone() {
    let rate = Rate { per_second: 1, burst: 20 };
    let mut listening = Listening::limited(Limits { rate, ..Limits::default() }).await;
    let mut noisy = Device::sign_in(listening.address, 4, "noisy").await;
    let mut quiet = Device::sign_in(listening.address, 4, "quiet").await;
    let flood: Vec<u8> =
        (1..=500_u16).flat_map(|id| publish(4, TOPIC, id, reading("panel-1", u64::from(id)).as_bytes())).collect();
    noisy.send(&flood).await;
    let throttled = listening.events.find(|event| match event {
        LinkEvent::SourceThrottled { source } => Some(source.clone()),
        _ => None,
    });
    assert_eq!(throttled.await, "panel-1");
    // Another source of the same user, and another connection: both are served at once.
    for id in 1..=10 {
        quiet.send(&publish(4, "kukaku/v1/panel-2/door", id, reading("panel-2", u64::from(id)).as_bytes())).await;
    }
    assert_eq!(quiet.acknowledged(10).await, (1..=10).collect::<Vec<u16>>());
    assert_eq!(noisy.acknowledged(20).await, (1..=20).collect::<Vec<u16>>());
    let counted = listening.counted();
    assert!(counted.held_back >= 1 && counted.publishes < 100, "{counted:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_dead_line_is_noticed_after_one_and_a_half_keep_alives() {
    let mut listening = Listening::start().await;
    let mut device = Device::dial(listening.address).await;
    let start = std::time::Instant::now();
    device.send(&connect(5, "p1", "panel", "panel-secret", 1)).await;
    assert_eq!(device.hear().await.unwrap().0, 0x20);
    let (first, body) = device.hear().await.unwrap();
    assert_eq!((first, body[0]), (0xE0, 0x8D));
    assert!(start.elapsed() >= Duration::from_millis(1500));
    assert!(listening.events.disconnected().await.contains("no packet in time"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_that_never_signs_in_loses_its_place() {
    let connect_timeout = Duration::from_millis(50);
    let mut listening = Listening::limited(Limits { connect_timeout, ..Limits::default() }).await;
    let mut silent = Device::dial(listening.address).await;
    assert_eq!(silent.hear().await, None);
    let mut slow = Device::dial(listening.address).await;
    slow.send(&[0x10, 0x40, 0x00]).await;
    assert_eq!(slow.hear().await, None);
    assert!(listening.events.refused().await.contains("before CONNECT"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_listener_refuses_and_has_room_again() {
    let mut listening = Listening::limited(Limits { connections_max: 2, ..Limits::default() }).await;
    let first = Device::sign_in(listening.address, 4, "1").await;
    let _second = Device::sign_in(listening.address, 4, "2").await;
    let mut third = Device::dial(listening.address).await;
    assert_eq!(third.hear().await, None);
    assert!(listening.events.refused().await.contains("all 2 places"));
    first.cut();
    listening.events.disconnected().await;
    Device::sign_in(listening.address, 4, "3").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_device_that_comes_back_pushes_out_its_dead_self() {
    let mut listening = Listening::start().await;
    let mut older = Device::sign_in(listening.address, 5, "p1").await;
    let mut foreign = Device::sign_in_as(listening.address, 5, "p1", "vpn").await;
    let mut newer = Device::sign_in(listening.address, 5, "p1").await;
    let (first, body) = older.hear().await.unwrap();
    assert_eq!((first, body[0]), (0xE0, 0x8E));
    assert!(listening.events.disconnected().await.contains("signed in again"));
    for device in [&mut newer, &mut foreign] {
        assert_eq!(device.answers_before_a_ping().await, [0_u8; 0], "the same name of another user is another");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn guessing_a_password_is_slowed_down_for_the_guesser_alone() {
    let mut listening = Listening::start().await;
    let mut whys = Vec::new();
    for _ in 0..30 {
        let mut guesser = Device::dial(listening.address).await;
        guesser.send(&connect(5, "g", "panel", "guess", 60)).await;
        assert_eq!(guesser.hear().await.unwrap().0, 0x20);
        whys.push(listening.events.refused().await);
    }
    assert_eq!(whys[0], "wrong password");
    assert!(whys.iter().any(|why| why.contains("too many wrong passwords")), "{whys:?}");
    Device::sign_in_as(listening.address, 5, "v", "vpn").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_is_told_what_is_not_served() {
    let mut listening = Listening::start().await;
    let mut device = Device::dial(listening.address).await;
    device.send(&connect(3, "p1", "panel", "panel-secret", 60)).await;
    assert_eq!(device.hear().await, Some((0x20, vec![0, 1])), "the version, in the form that all know");
    assert!(listening.events.refused().await.contains("MQTT 3.1.1 (level 4) and 5 are served"));

    let mut device = Device::dial(listening.address).await;
    device.send(&connect(5, "", "panel", "panel-secret", 0)).await;
    let (_, body) = device.hear().await.unwrap();
    let has = |bytes: &[u8]| body.windows(bytes.len()).any(|window| window == bytes);
    assert!(has(&[0x24, 1]), "maximum QoS 1");
    assert!(has(&[0x21, 1, 0]), "receive maximum 256");
    assert!(has(&[0x13, 0x09, 0x60]), "a keep-alive, since it promised none");
    assert!(has(b"kukaku-127.0.0.1:"), "a client identifier, since it had none");
}
