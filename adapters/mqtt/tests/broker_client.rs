//! The client before real and false brokers. The harm: a message acknowledged to the broker before
//! it is kept is gone from both.

#![allow(clippy::unwrap_used)]

mod support;

use std::sync::Arc;
use std::time::Duration;

use kukaku_mqtt::client::{Backoff, Client, ClientConfig, SourceOf};
use kukaku_mqtt::{Counted, Counters};
use kukaku_tls::ClientIdentity;
use support::peer::{Broker, Folder};
use support::pki::Authority;
use support::{Events, Recorder, reading, seq, soon, unreadable};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;

const TOPIC: &str = "kukaku/v1/panel-1/door/north";
const OPEN: &str = "allow_anonymous true\n";

struct Running {
    recorder: Recorder,
    events: Events,
    counters: Arc<Counters>,
    stop: watch::Sender<bool>,
    running: JoinHandle<()>,
}

fn config(port: u16) -> ClientConfig {
    let backoff = Backoff { first: Duration::from_millis(5), max: Duration::from_millis(20) };
    ClientConfig { backoff, ..ClientConfig::new("127.0.0.1", port, "kukaku-test") }
}

impl Running {
    fn start(config: ClientConfig, recorder: Recorder) -> Self {
        let (events, report) = Events::new();
        let client = Client::new(config, report).unwrap();
        let counters = client.counters();
        let (stop, stopped) = watch::channel(false);
        let running = tokio::spawn(client.run(recorder.clone(), Box::new(|| 0.5), stopped));
        Self { recorder, events, counters, stop, running }
    }

    fn counted(&self) -> Counted {
        self.counters.read()
    }

    async fn stop(self) -> Recorder {
        self.stop.send_replace(true);
        soon("the client's end", self.running).await.unwrap();
        self.recorder
    }

    /// As if the power failed.
    async fn kill(self) -> Recorder {
        self.running.abort();
        assert!(self.running.await.unwrap_err().is_cancelled());
        self.recorder
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_came_while_we_were_away_is_delivered_and_acknowledged_once_kept() {
    let broker = Broker::start(OPEN);
    let mut first = Running::start(config(broker.port), Recorder::new());
    assert!(!first.events.broker_connected().await, "nothing was held before the first start");
    // A message through and through, so that the subscription is known to stand.
    broker.publish(TOPIC, &reading("panel-1", 0)).await;
    first.recorder.came(1).await;
    first.stop().await;

    for n in 1..=3 {
        broker.publish(TOPIC, &reading("panel-1", n)).await;
    }
    let recorder = Recorder::new();
    recorder.hold();
    let mut second = Running::start(config(broker.port), recorder);
    assert!(second.events.broker_connected().await, "the broker held our session");
    assert!(second.recorder.came(3).await.iter().map(seq).eq(1..=3));
    assert_eq!(second.counted().acknowledged, 0);
    second.kill().await;

    let recorder = Recorder::new();
    recorder.hold();
    let third = Running::start(config(broker.port), recorder);
    assert!(third.recorder.came(3).await.iter().map(seq).eq(1..=3), "not kept, so delivered again, in order");
    assert_eq!(third.recorder.commit(), 3);
    third.recorder.accept();
    let counters = Arc::clone(&third.counters);
    third.stop().await;
    assert_eq!(counters.read().acknowledged, 3, "a stop acknowledges what is kept");

    broker.publish(TOPIC, &reading("panel-1", 9)).await;
    let fourth = Running::start(config(broker.port), Recorder::new());
    assert_eq!(seq(&fourth.recorder.came(1).await[0]), 9, "what was acknowledged doesn't come again");
    fourth.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_broker_that_restarts_loses_nothing_that_was_not_acknowledged() {
    let broker = Broker::start(OPEN);
    let recorder = Recorder::new();
    recorder.hold();
    let mut client = Running::start(config(broker.port), recorder);
    client.events.broker_connected().await;
    broker.publish(TOPIC, &reading("panel-1", 1)).await;
    client.recorder.came(1).await;
    let broker = broker.restart(OPEN);
    client.events.broker_lost().await;
    assert!(client.events.broker_connected().await, "the session outlived the broker");
    let arrivals = client.recorder.came(2).await;
    assert_eq!(arrivals[0], arrivals[1], "delivered again: the writer knows it by its number");
    client.recorder.commit();
    broker.publish(TOPIC, &reading("panel-1", 2)).await;
    assert_eq!(seq(&client.recorder.came(3).await[2]), 2);
    client.recorder.commit();
    client.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_commit_that_fails_makes_the_broker_deliver_again() {
    let broker = Broker::start(OPEN);
    let recorder = Recorder::new();
    recorder.hold();
    let mut client = Running::start(config(broker.port), recorder);
    client.events.broker_connected().await;
    broker.publish(TOPIC, &reading("panel-1", 1)).await;
    client.recorder.came(1).await;
    client.recorder.fail_commit();
    assert!(client.events.broker_lost().await.contains("disk full"));
    client.recorder.came(2).await;
    assert_eq!((client.counted().acknowledged, client.counted().not_kept), (0, 1));
    client.recorder.commit();
    client.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_no_observation_is_kept_and_blocks_nothing() {
    let broker = Broker::start(OPEN);
    let mut client = Running::start(config(broker.port), Recorder::new());
    client.events.broker_connected().await;
    broker.publish(TOPIC, &reading("panel-1", 0)).await;
    client.recorder.came(1).await;
    broker.publish(TOPIC, "opened").await;
    broker.publish("kukaku/v1/panel-2/x", &reading("panel-1", 1)).await;
    broker.publish_file(TOPIC, &vec![b'x'; 17 * 1024 * 1024]).await;
    broker.publish(TOPIC, &reading("panel-1", 2)).await;
    let arrivals = client.recorder.came(5).await;
    assert_eq!(unreadable(&arrivals[1]).head, b"opened");
    assert!(unreadable(&arrivals[2]).reason.contains("names source \"panel-1\""));
    let long = arrivals
        .iter()
        .find(|a| matches!(&a.body, kukaku_schema::intake::ArrivalBody::Unreadable(u) if u.length == 17 * 1024 * 1024));
    assert!(long.is_some(), "too long for once, then taken and kept by its head");
    assert!(client.events.broker_lost().await.contains("limit them at the broker"));
    let last = arrivals.iter().filter(|a| matches!(a.body, kukaku_schema::intake::ArrivalBody::Observation(_)));
    assert_eq!(last.map(seq).max(), Some(2));
    client.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_topic_of_another_tree_is_mapped_to_its_source() {
    let broker = Broker::start(OPEN);
    let mut settings = config(broker.port);
    settings.topic_filter = "gate/+/events".to_owned();
    settings.source = SourceOf::Level(1);
    let mut client = Running::start(settings, Recorder::new());
    client.events.broker_connected().await;
    broker.publish(TOPIC, &reading("panel-1", 1)).await;
    broker.publish("gate/panel-1/events", &reading("panel-1", 2)).await;
    assert_eq!(seq(&client.recorder.came(1).await[0]), 2);
    client.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_broker_that_refuses_is_tried_again_and_says_why() {
    let folder = Folder::new();
    let passwords = folder.path().join("passwords");
    let made = std::process::Command::new("mosquitto_passwd")
        .args(["-b", "-c", passwords.to_str().unwrap(), "kukaku", "right"])
        .status();
    assert!(made.expect("run mosquitto_passwd").success());
    let acl = folder.write("acl", "user nobody\n");
    let closed = format!("allow_anonymous false\npassword_file {}\n", passwords.display());
    let broker = Broker::start(&closed);
    let mut settings = config(broker.port);
    settings.credentials = Some(("kukaku".to_owned(), "wrong".to_owned()));
    let mut client = Running::start(settings.clone(), Recorder::new());
    for _ in 0..2 {
        let why = client.events.broker_lost().await;
        assert!(why.contains("refused"), "{why}");
    }
    client.stop().await;
    settings.credentials = Some(("kukaku".to_owned(), "right".to_owned()));
    let mut client = Running::start(settings, Recorder::new());
    client.events.broker_connected().await;
    let _broker = broker.restart(&format!("{closed}acl_file {}\n", acl.display()));
    client.events.broker_lost().await;
    client.events.broker_connected().await;
    client.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tls_with_a_certificate_of_our_own() {
    let authority = Authority::new("site CA");
    let (server, ours) = (authority.server(), authority.device("kukaku", None));
    let broker = Broker::start(&format!(
        "cafile {}\ncertfile {}\nkeyfile {}\nrequire_certificate true\nuse_identity_as_username true\n",
        authority.certificate.display(),
        server.certificate.display(),
        server.key.display()
    ));
    let identity = ClientIdentity { certificate: ours.certificate.clone(), key: ours.key.clone() };
    let mut settings = config(broker.port);
    settings.host = "localhost".to_owned();
    settings.tls = Some(kukaku_tls::client(&authority.certificate, Some(&identity)).unwrap());
    let mut client = Running::start(settings.clone(), Recorder::new());
    client.events.broker_connected().await;
    client.stop().await;

    let stranger = Authority::new("another CA");
    settings.tls = Some(kukaku_tls::client(&stranger.certificate, Some(&identity)).unwrap());
    let mut client = Running::start(settings, Recorder::new());
    let why = client.events.broker_lost().await;
    assert!(why.contains("TLS") || why.contains("certificate"), "{why}");
    client.stop().await;
}

/// A false broker: answers each connection with the next of `answers`, then stays silent.
async fn false_broker(answers: Vec<Vec<u8>>) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        let mut open = Vec::new();
        for answer in answers {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut connect = [0; 256];
            let _ = stream.read(&mut connect).await;
            let _ = stream.write_all(&answer).await;
            open.push(stream);
        }
        std::future::pending::<()>().await;
    });
    port
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hostile_bytes_of_a_broker_end_the_connection_and_nothing_else() {
    let welcome = [0x20, 2, 0, 0];
    let after = |bytes: &[u8]| [&welcome[..], bytes].concat();
    let answers = vec![
        b"HTTP/1.1 400 Bad Request\r\n\r\n".to_vec(),
        vec![0x20, 0xFF, 0xFF, 0xFF, 0xFF, 0x7F],
        vec![0x20, 2, 0, 0x77],
        after(&welcome),                        // A second CONNACK.
        after(&[0xB0, 2, 0, 9]),                // UNSUBACK that nobody asked for.
        after(&[0x40, 2, 0, 9]),                // PUBACK likewise.
        after(&[0x10, 0]),                      // CONNECT from a broker.
        after(&[0x30, 0]),                      // PUBLISH without a topic.
        after(&[0x36, 5, 0, 1, b'a', 0, 1]),    // QoS 3.
        after(&[0x32, 5, 0, 1, b'a', 0, 0]),    // Packet identifier 0.
        after(&[0x30, 0xFF, 0xFF, 0xFF, 0x7F]), // 256 MiB announced.
        after(&[0xF0, 0]),
        after(&[0x90, 3, 0, 1, 0x80]), // The subscription refused.
        after(&[0x90, 3, 0, 1, 0x00]), // Granted at QoS 0.
    ];
    let count = answers.len();
    let port = false_broker(answers).await;
    let mut settings = config(port);
    settings.keep_alive_s = 1; // What only makes it wait ends by silence.
    let mut client = Running::start(settings, Recorder::new());
    let mut whys = Vec::new();
    for _ in 0..count {
        whys.push(client.events.broker_lost().await);
    }
    assert!(whys.iter().all(|why| !why.contains("panic")), "{whys:#?}");
    assert!(whys[count - 2].contains("refuses the subscription"), "{whys:#?}");
    assert!(whys[count - 1].contains("QoS 0 only"), "{whys:#?}");
    assert!(client.recorder.arrivals().is_empty());
    client.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_broker_that_falls_silent_is_noticed_after_one_and_a_half_keep_alives() {
    let port = false_broker(vec![vec![0x20, 2, 0, 0, 0x90, 3, 0, 1, 1]]).await;
    let mut settings = config(port);
    settings.keep_alive_s = 1;
    let mut client = Running::start(settings, Recorder::new());
    client.events.broker_connected().await;
    let start = std::time::Instant::now();
    let why = client.events.broker_lost().await;
    assert!(why.contains("nothing heard"), "{why}");
    assert!(start.elapsed() < Duration::from_millis(1900), "{:?}", start.elapsed());
    client.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_broker_at_all_is_tried_again_and_a_stop_is_obeyed() {
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let mut client = Running::start(config(port), Recorder::new());
    for _ in 0..3 {
        client.events.broker_lost().await;
    }
    client.stop().await;
}
