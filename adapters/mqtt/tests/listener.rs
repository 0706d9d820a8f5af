//! The listener before real and hand-made devices. The harm: a message that was acknowledged and
//! isn't kept is a person who was never seen.

#![allow(clippy::unwrap_used)]

mod support;

use kukaku_mqtt::listener::RECEIVE_MAXIMUM;
use kukaku_schema::intake::ArrivalBody;
use sha2::{Digest, Sha256};
use support::device::{Device, packet, publish};
use support::listening::Listening;
use support::peer::{mosquitto_pub, succeeded};
use support::{reading, seq, unreadable};

const TOPIC: &str = "kukaku/v1/panel-1/door/north";

/// What `mosquitto_pub` needs to sign in as `panel`.
fn as_panel<'a>(port: &'a str, version: &'a str) -> Vec<&'a str> {
    vec!["-p", port, "-V", version, "-u", "panel", "-P", "panel-secret", "-q", "1"]
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_real_device_of_either_version_is_heard_on_one_port() {
    let listening = Listening::start().await;
    let port = listening.port();
    for (n, version) in ["311", "5"].into_iter().enumerate() {
        let payload = reading("panel-1", n as u64);
        let message = [as_panel(&port, version), vec!["-t", TOPIC, "-m", &payload]].concat();
        succeeded(&mosquitto_pub(&message).await);
        let arrivals = listening.recorder.came(n + 1).await;
        assert_eq!((arrivals[n].link.as_str(), seq(&arrivals[n])), ("mqtt", n as u64));
    }
    assert_eq!(listening.counted().acknowledged, 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_messages_of_a_real_device_arrive_in_order() {
    let listening = Listening::start().await;
    let port = listening.port();
    let folder = support::peer::Folder::new();
    let lines: Vec<String> = (0..1000).map(|n| reading("panel-1", n)).collect();
    let file = folder.write("lines", &lines.join("\n"));
    let shell =
        format!("mosquitto_pub -p {port} -V 5 -u panel -P panel-secret -q 1 -t {TOPIC} -l < {}", file.display());
    let command = tokio::task::spawn_blocking(move || std::process::Command::new("sh").args(["-c", &shell]).output());
    succeeded(&support::soon("mosquitto_pub's end", command).await.unwrap().unwrap());
    let arrivals = listening.recorder.came(1000).await;
    assert!(arrivals.iter().map(seq).eq(0..1000));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_wrong_password_is_refused_in_words_that_tell_nothing() {
    let mut listening = Listening::start().await;
    let port = listening.port();
    for (user, password, why) in [
        ("panel", "guess", "wrong password"),
        ("nobody", "panel-secret", "no such user"),
        ("panel", "", "wrong password"),
    ] {
        for (version, said) in [("311", "bad user name or password"), ("5", "Bad User Name or Password")] {
            let output =
                mosquitto_pub(&["-p", &port, "-V", version, "-u", user, "-P", password, "-t", TOPIC, "-m", "x"]).await;
            let stderr = String::from_utf8_lossy(&output.stderr).to_lowercase();
            assert!(!output.status.success() && stderr.contains(&said.to_lowercase()), "{stderr}");
            assert_eq!(listening.events.refused().await, why);
        }
    }
    let output = mosquitto_pub(&["-p", &port, "-t", TOPIC, "-m", "x"]).await;
    assert!(!output.status.success(), "nobody gets in without a name");
    assert_eq!(listening.events.refused().await, "no such user");
    assert_eq!((listening.recorder.arrivals().len(), listening.counted().refused), (0, 7));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_acknowledgement_before_the_commit() {
    let listening = Listening::start().await;
    listening.recorder.hold();
    let mut device = Device::sign_in(listening.address, 4, "p1").await;
    device.send(&publish(4, TOPIC, 1, reading("panel-1", 1).as_bytes())).await;
    listening.recorder.came(1).await;
    assert_eq!(device.answers_before_a_ping().await, [0_u8; 0], "signs of life don't wait for commits");
    assert_eq!(listening.recorder.commit(), 1);
    assert_eq!(device.acknowledged(1).await, [1]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sixty_four_in_flight_share_one_commit() {
    let listening = Listening::start().await;
    listening.recorder.hold();
    let mut device = Device::sign_in(listening.address, 4, "p1").await;
    for id in 1..=64 {
        device.send(&publish(4, TOPIC, id, reading("panel-1", u64::from(id)).as_bytes())).await;
    }
    listening.recorder.came(64).await;
    assert_eq!(listening.recorder.commit(), 64);
    assert_eq!(device.acknowledged(64).await, (1..=64).collect::<Vec<u16>>());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn acknowledgements_keep_the_order_of_the_publishes() {
    let listening = Listening::start().await;
    listening.recorder.hold();
    let mut device = Device::sign_in(listening.address, 4, "p1").await;
    for id in [9, 3, 7, 1] {
        device.send(&publish(4, TOPIC, id, reading("panel-1", u64::from(id)).as_bytes())).await;
    }
    listening.recorder.came(4).await;
    listening.recorder.commit_backwards();
    assert_eq!(device.acknowledged(4).await, [9, 3, 7, 1]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_device_that_sends_more_than_may_be_in_flight_is_not_read_on() {
    let listening = Listening::start().await;
    listening.recorder.hold();
    let mut device = Device::sign_in(listening.address, 4, "p1").await;
    let all: Vec<u8> =
        (1..=1000_u16).flat_map(|id| publish(4, TOPIC, id, reading("panel-1", u64::from(id)).as_bytes())).collect();
    device.send(&all).await;
    // Those that wait in the list, the one at its head and the one that waits for a place in it.
    let most = usize::from(RECEIVE_MAXIMUM) + 2;
    let mut seen = 0;
    while seen < 1000 {
        let came = listening.recorder.came(seen + 1).await.len();
        assert!(came - seen <= most, "{} in flight", came - seen);
        seen += listening.recorder.commit();
    }
    assert_eq!(device.acknowledged(1000).await, (1..=1000).collect::<Vec<u16>>());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_line_cut_before_the_commit_and_the_message_sent_again() {
    let mut listening = Listening::start().await;
    listening.recorder.hold();
    let mut device = Device::sign_in(listening.address, 4, "p1").await;
    let mut message = publish(4, TOPIC, 5, reading("panel-1", 5).as_bytes());
    device.send(&message).await;
    listening.recorder.came(1).await;
    device.cut();
    listening.recorder.commit();
    listening.events.disconnected().await;

    let mut device = Device::sign_in(listening.address, 4, "p1").await;
    message[0] |= 0x08;
    for _ in 0..10 {
        device.send(&message).await;
    }
    let arrivals = listening.recorder.came(11).await;
    assert!(arrivals.windows(2).all(|pair| pair[0] == pair[1]), "the writer sees the same eleven times");
    listening.recorder.commit();
    assert_eq!(device.acknowledged(10).await, [5; 10]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_commit_that_fails_is_not_acknowledged_and_ends_the_connection() {
    let mut listening = Listening::start().await;
    listening.recorder.hold();
    let mut old = Device::sign_in(listening.address, 4, "p1").await;
    let mut new = Device::sign_in(listening.address, 5, "p2").await;
    old.send(&publish(4, TOPIC, 1, reading("panel-1", 1).as_bytes())).await;
    new.send(&publish(5, TOPIC, 1, reading("panel-1", 2).as_bytes())).await;
    listening.recorder.came(2).await;
    listening.recorder.fail_commit();
    assert_eq!(old.hear().await, None);
    let (first, body) = new.hear().await.unwrap();
    assert_eq!((first, body[0]), (0xE0, 0x83));
    assert_eq!(new.hear().await, None);
    assert!(listening.events.disconnected().await.contains("disk full"));
    assert_eq!(listening.counted().acknowledged, 0);

    listening.recorder.refuse();
    let mut device = Device::sign_in(listening.address, 4, "p1").await;
    device.send(&publish(4, TOPIC, 1, reading("panel-1", 1).as_bytes())).await;
    assert_eq!(device.hear().await, None);
    listening.recorder.accept();
    let mut device = Device::sign_in(listening.address, 4, "p1").await;
    device.send(&publish(4, TOPIC, 1, reading("panel-1", 1).as_bytes())).await;
    assert_eq!(device.acknowledged(1).await, [1], "once storage is back, the message comes again and is kept");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_no_observation_is_kept_and_answered_with_its_reason() {
    let listening = Listening::start().await;
    let right = reading("panel-1", 1);
    let array = format!("[{right}]");
    let lines = format!("{right}\n{right}");
    let long = "x".repeat(70_000);
    let cases = [
        (TOPIC, array.as_str(), 0x99, Some("panel-1"), "begin with `{`"),
        (TOPIC, lines.as_str(), 0x99, Some("panel-1"), "trailing characters"),
        (TOPIC, "{\"kind\":\"door.opened\",\"source\":\"panel-1\"}", 0x99, Some("panel-1"), "door.opened"),
        (TOPIC, long.as_str(), 0x99, Some("panel-1"), "begin with `{`"),
        ("kukaku/v1/panel-2/door", right.as_str(), 0x87, Some("panel-2"), "names source \"panel-1\""),
        ("kukaku/v1/vpn-1/door", right.as_str(), 0x87, None, "may not speak for source \"vpn-1\""),
        ("site/panel-1/door", right.as_str(), 0x90, None, "isn't kukaku/v1/<source>/<anything>"),
    ];
    let mut old = Device::sign_in(listening.address, 4, "old").await;
    let mut new = Device::sign_in(listening.address, 5, "new").await;
    for (n, (topic, payload, code, source, why)) in cases.into_iter().enumerate() {
        listening.recorder.hold();
        old.send(&publish(4, topic, 1, payload.as_bytes())).await;
        listening.recorder.came(2 * n + 1).await;
        new.send(&publish(5, topic, 1, payload.as_bytes())).await;
        let arrivals = listening.recorder.came(2 * n + 2).await;
        assert_eq!(new.answers_before_a_ping().await, [0_u8; 0], "not before it is kept");
        listening.recorder.commit();
        assert_eq!(old.acknowledged(1).await, [1]);
        let (first, body) = new.hear().await.unwrap();
        assert_eq!((first, body[2]), (0x40, code), "{topic}");
        let kept = unreadable(&arrivals[2 * n + 1]);
        assert!(kept.reason.contains(why), "{}", kept.reason);
        assert!(body.ends_with(kept.reason.as_bytes()), "the device is told the same");
        assert_eq!(kept.source.as_deref(), source);
        assert_eq!((kept.length, &kept.head[..8]), (payload.len() as u64, &payload.as_bytes()[..8]));
        assert_eq!(kept.sha256, <[u8; 32]>::from(Sha256::digest(payload)));
        assert_eq!(arrivals[2 * n].body, ArrivalBody::Unreadable(kept));
    }
    assert_eq!(listening.counted().unreadable, 14);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_real_device_is_told_that_its_payload_is_no_observation() {
    let listening = Listening::start().await;
    let port = listening.port();
    let message = [as_panel(&port, "5"), vec!["-t", TOPIC, "-m", "opened"]].concat();
    let output = mosquitto_pub(&message).await;
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("Payload format invalid"), "{said}");
    assert_eq!(unreadable(&listening.recorder.came(1).await[0]).head, b"opened");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_megabytes_are_kept_by_their_head_and_the_next_message_is_heard() {
    let listening = Listening::start().await;
    let mut device = Device::sign_in(listening.address, 4, "p1").await;
    let payload = vec![b'x'; 10 * 1024 * 1024];
    device.send(&publish(4, TOPIC, 1, &payload)).await;
    device.send(&publish(4, TOPIC, 2, reading("panel-1", 2).as_bytes())).await;
    assert_eq!(device.acknowledged(2).await, [1, 2]);
    let arrivals = listening.recorder.came(2).await;
    let kept = unreadable(&arrivals[0]);
    assert_eq!((kept.length, kept.head.len()), (payload.len() as u64, 65_536));
    assert_eq!(kept.sha256, <[u8; 32]>::from(Sha256::digest(&payload)));
    assert_eq!(seq(&arrivals[1]), 2);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn more_than_sixteen_megabytes_are_cut_off_and_the_head_is_kept() {
    let listening = Listening::start().await;
    let mut device = Device::sign_in(listening.address, 5, "p1").await;
    let head = publish(5, TOPIC, 1, &vec![b'x'; 20 * 1024 * 1024]);
    device.send(&head[..300 * 1024]).await;
    let (first, body) = device.hear().await.unwrap();
    assert_eq!((first, body[0]), (0xE0, 0x95));
    let kept = unreadable(&listening.recorder.came(1).await[0]);
    assert_eq!((kept.length, kept.head.len()), (20 * 1024 * 1024, 65_536));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn messages_without_acknowledgement_are_kept_and_counted() {
    let listening = Listening::start().await;
    let port = listening.port();
    let payload = reading("panel-1", 1);
    let message = ["-p", &port, "-u", "panel", "-P", "panel-secret", "-q", "0", "-r", "-t", TOPIC, "-m", &payload];
    succeeded(&mosquitto_pub(&message).await);
    assert_eq!(seq(&listening.recorder.came(1).await[0]), 1);
    let counted = listening.counted();
    assert_eq!((counted.publishes, counted.without_acknowledgement, counted.acknowledged), (1, 1, 0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn quality_of_service_two_is_refused_as_the_protocol_asks() {
    let mut listening = Listening::start().await;
    let mut new = Device::sign_in(listening.address, 5, "new").await;
    let mut message = publish(5, TOPIC, 1, reading("panel-1", 1).as_bytes());
    message[0] = 0x34;
    new.send(&message).await;
    let (first, body) = new.hear().await.unwrap();
    assert_eq!((first, body[0]), (0xE0, 0x9B));
    let mut old = Device::sign_in(listening.address, 4, "old").await;
    old.send(&message).await;
    assert_eq!(old.hear().await, None);
    assert!(listening.events.disconnected().await.contains("send at QoS 1"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn subscriptions_are_refused_and_the_connection_lives() {
    let listening = Listening::start().await;
    let filter = [&[0, 9][..], &[0, 1, b'#', 1]].concat();
    let mut old = Device::sign_in(listening.address, 4, "old").await;
    old.send(&packet(0x82, &filter)).await;
    assert_eq!(old.hear().await, Some((0x90, vec![0, 9, 0x80])));
    let mut new = Device::sign_in(listening.address, 5, "new").await;
    new.send(&packet(0x82, &[&[0, 9, 0][..], &[0, 1, b'#', 1]].concat())).await;
    assert_eq!(new.hear().await, Some((0x90, vec![0, 9, 0, 0x87])));
    old.send(&packet(0xA2, &[0, 8, 0, 1, b'#'])).await;
    assert_eq!(old.hear().await, Some((0xB0, vec![0, 8])));
    assert_eq!(old.answers_before_a_ping().await, [0_u8; 0]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stop_acknowledges_what_is_kept_before_it_closes() {
    let listening = Listening::start().await;
    listening.recorder.hold();
    let mut device = Device::sign_in(listening.address, 5, "p1").await;
    device.send(&publish(5, TOPIC, 1, reading("panel-1", 1).as_bytes())).await;
    listening.recorder.came(1).await;
    listening.stop();
    listening.recorder.commit();
    assert_eq!(device.acknowledged(1).await, [1]);
    let (first, body) = device.hear().await.unwrap();
    assert_eq!((first, body[0]), (0xE0, 0x8B));
    assert_eq!(device.hear().await, None);
    listening.ended().await;
}
