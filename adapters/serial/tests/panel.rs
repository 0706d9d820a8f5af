//! A panel on a pseudo-terminal. The harm: a reading that is lost between the wire and the journal,
//! or acknowledged to the panel before it is durable, was never made for the inspector.

#![allow(clippy::unwrap_used, missing_docs)]

use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::OwnedFd;
use std::path::PathBuf;

use kukaku_schema::intake::{Arrival, ArrivalBody, Intake, Kept, NotKept, Receipt};
use kukaku_schema::{Observation, UtcMicros};
use kukaku_serial::{LinkEvent, LinkEventKind, SerialConfig, SerialLink};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use tokio::sync::{mpsc, oneshot};

const NOW: UtcMicros = UtcMicros(1_795_300_000_000_000);

/// A writer that keeps arrivals when the test says so.
#[derive(Clone)]
struct Desk(mpsc::Sender<(Arrival, oneshot::Sender<Result<Kept, NotKept>>)>);

impl Intake for Desk {
    async fn submit(&self, arrival: Arrival) -> Result<Receipt, NotKept> {
        let (answer, answered) = oneshot::channel();
        self.0.send((arrival, answer)).await.map_err(|_| refused())?;
        Ok(Receipt::new(async { answered.await.unwrap_or_else(|_| Err(refused())) }))
    }
}

fn refused() -> NotKept {
    NotKept { reason: "storage is away".to_owned() }
}

/// A panel, the port that it is plugged into, and our side of the line.
struct Site {
    folder: PathBuf,
    panel: Option<File>,
    desk: mpsc::Receiver<(Arrival, oneshot::Sender<Result<Kept, NotKept>>)>,
    events: mpsc::Receiver<LinkEvent>,
    link: tokio::task::JoinHandle<()>,
}

const LINE: &str = r#"
    ack = "\u0006"
    nak = "\u0015"
    reopen_first = "1ms"
    reopen_max = "2ms"
    [line]
    source = "panel-2"
    framing = "stx_etx"
    check = "xor"
    ignore = ["^POLL$"]
    alive = "^OK$"
    [[line.messages]]
    pattern = '^(?<no>\d{6}) (?<at>\d{14}) (?<dir>[IO])(?<card>[0-9A-F]{8})(?<ng>!?)$'
    [line.messages.fields]
    seq = { group = "no" }
    device_time = { group = "at", format = "%Y%m%d%H%M%S", zone = "Asia/Tokyo" }
    reader = { group = "dir", map = { I = "north-in", O = "north-out" } }
    credential = { template = "card:{card}" }
    result = { group = "ng", map = { "!" = "denied" }, default = "granted" }
"#;

impl Site {
    fn new(name: &str) -> Self {
        let folder = std::env::temp_dir().join(format!("kukaku-serial-{name}-{}", std::process::id()));
        let _ = std::fs::remove_dir_all(&folder);
        std::fs::create_dir(&folder).unwrap();
        let port = folder.join("by-id");
        let config: SerialConfig = toml::from_str(&format!("port = {:?}\n{LINE}", port.to_str().unwrap())).unwrap();
        let (desk_sender, desk) = mpsc::channel(1);
        let (event_sender, events) = mpsc::channel(64);
        let link = SerialLink::new(config).unwrap();
        let link = tokio::spawn(link.run(Desk(desk_sender), event_sender, || NOW));
        Self { folder, panel: None, desk, events, link }
    }

    /// Plugs a new panel in, at another device, under the same name.
    async fn plug(&mut self) {
        let (panel, path) = new_pty();
        self.panel = Some(panel);
        std::os::unix::fs::symlink(path, self.folder.join("by-id")).unwrap();
        self.wait_for(|kind| *kind == LinkEventKind::Connected).await;
    }

    fn unplug(&mut self) {
        std::fs::remove_file(self.folder.join("by-id")).unwrap();
        self.panel = None;
    }

    async fn wait_for(&mut self, mut is_it: impl FnMut(&LinkEventKind) -> bool) -> LinkEventKind {
        loop {
            let event = self.events.recv().await.unwrap();
            assert_eq!(event.at, NOW);
            if is_it(&event.kind) {
                return event.kind;
            }
        }
    }

    fn send(&mut self, bytes: &[u8]) {
        self.panel.as_mut().unwrap().write_all(bytes).unwrap();
    }

    /// The next byte that the panel hears.
    async fn heard_by_panel(&mut self) -> u8 {
        let mut panel = self.panel.as_ref().unwrap().try_clone().unwrap();
        let read = tokio::task::spawn_blocking(move || {
            let mut byte = [0];
            panel.read_exact(&mut byte).map(|()| byte[0])
        });
        read.await.unwrap().unwrap()
    }

    /// The next arrival, which is kept.
    async fn kept(&mut self) -> ArrivalBody {
        let (arrival, answer) = self.desk.recv().await.unwrap();
        assert!(arrival.link.starts_with("serial:/") && arrival.link.ends_with("/by-id"), "{}", arrival.link);
        answer.send(Ok(Kept { journal_seq: 1, duplicate: false })).unwrap();
        arrival.body
    }

    async fn kept_seq(&mut self) -> u64 {
        match self.kept().await {
            ArrivalBody::Observation(observation) => observation.header().seq.unwrap(),
            ArrivalBody::Unreadable(unreadable) => panic!("unreadable: {}", unreadable.reason),
        }
    }

    async fn kept_reason(&mut self) -> (Vec<u8>, String) {
        match self.kept().await {
            ArrivalBody::Unreadable(unreadable) => (unreadable.head, unreadable.reason),
            ArrivalBody::Observation(observation) => panic!("{observation:?}"),
        }
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        self.link.abort();
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

fn new_pty() -> (File, String) {
    let panel: OwnedFd = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
    grantpt(&panel).unwrap();
    unlockpt(&panel).unwrap();
    let path = ptsname(&panel, Vec::new()).unwrap().into_string().unwrap();
    (File::from(panel), path)
}

fn frame(text: &str) -> Vec<u8> {
    let mut bytes = vec![0x02];
    bytes.extend(text.as_bytes());
    bytes.push(0x03);
    let check = bytes[1..].iter().fold(0, |all, b| all ^ b);
    bytes.push(check);
    bytes
}

fn reading(no: u32) -> Vec<u8> {
    frame(&format!("{no:06} 20261122090000 I0123ABCD"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reading_in_five_byte_pieces_arrives_as_it_was_sent() {
    let mut site = Site::new("pieces");
    site.plug().await;
    for piece in reading(1841).chunks(5) {
        site.send(piece);
    }
    let ArrivalBody::Observation(observation) = site.kept().await else { panic!() };
    let Observation::DoorReading(reading) = *observation else { panic!() };
    assert_eq!((reading.source.as_str(), reading.seq), ("panel-2", Some(1841)));
    assert_eq!((reading.reader.as_str(), reading.credential.as_str()), ("north-in", "card:0123ABCD"));
    assert_eq!(reading.device_time.to_rfc3339_utc(), "2026-11-22T00:00:00Z");
    assert_eq!(site.heard_by_panel().await, 0x06);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_panel_hears_its_acknowledgement_only_after_the_commit() {
    let mut site = Site::new("ack");
    site.plug().await;
    site.send(&reading(1));
    // Storage refuses twice: the reading is offered again, and the panel hears nothing of it.
    for _ in 0..2 {
        let (_, answer) = site.desk.recv().await.unwrap();
        answer.send(Err(refused())).unwrap();
    }
    let (arrival, answer) = site.desk.recv().await.unwrap();
    let flags = rustix::io::ioctl_fionread(site.panel.as_ref().unwrap()).unwrap();
    assert_eq!(flags, 0, "acknowledged before the commit");
    assert!(matches!(arrival.body, ArrivalBody::Observation(_)));
    answer.send(Ok(Kept { journal_seq: 7, duplicate: false })).unwrap();
    assert_eq!(site.heard_by_panel().await, 0x06);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn noise_and_a_frame_with_a_bad_check_are_kept_and_the_next_frame_is_read() {
    let mut site = Site::new("noise");
    site.plug().await;
    let mut bad = reading(2);
    *bad.last_mut().unwrap() ^= 0x55;
    site.send(b"\xFF\xFE#?\r\n");
    site.send(&bad);
    site.send(&reading(2));
    assert_eq!(site.kept_reason().await, (b"\xFE#?".to_vec(), "bytes outside of a frame".to_owned()));
    let (bytes, reason) = site.kept_reason().await;
    assert_eq!(bytes, bad);
    assert!(reason.contains("check"), "{reason}");
    assert_eq!(site.heard_by_panel().await, 0x15);
    assert_eq!(site.kept_seq().await, 2);
    assert_eq!(site.heard_by_panel().await, 0x06);
    site.wait_for(|kind| matches!(kind, LinkEventKind::Unreadable { .. })).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_panel_unplugged_inside_a_frame_and_plugged_in_elsewhere_is_heard_again() {
    let mut site = Site::new("replug");
    site.plug().await;
    site.send(&reading(1));
    assert_eq!(site.kept_seq().await, 1);
    assert_eq!(site.heard_by_panel().await, 0x06);
    site.send(&frame("OK"));
    site.send(&reading(2)[..9]);
    assert!(matches!(site.kept().await, ArrivalBody::Observation(o) if o.header().device_time == Some(NOW)));
    // The answer shows that all that was sent before it was read.
    assert_eq!(site.heard_by_panel().await, 0x06);
    site.unplug();
    site.wait_for(|kind| matches!(kind, LinkEventKind::Disconnected { .. })).await;
    site.wait_for(|kind| matches!(kind, LinkEventKind::OpenFailed { reason } if reason.contains("by-id"))).await;
    site.plug().await;
    site.send(&reading(2));
    let mut seen = Vec::new();
    while seen.last() != Some(&"reading".to_owned()) {
        seen.push(match site.kept().await {
            ArrivalBody::Observation(observation) => {
                assert_eq!(observation.header().seq, Some(2));
                "reading".to_owned()
            }
            ArrivalBody::Unreadable(unreadable) => unreadable.reason,
        });
    }
    // The torn frame is evidence where its bytes came through before the plug was pulled.
    assert!(seen.len() <= 2, "{seen:?}");
    assert_eq!(site.heard_by_panel().await, 0x06);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn polls_are_answered_and_leave_no_record() {
    let mut site = Site::new("polls");
    site.plug().await;
    site.send(&frame("POLL"));
    assert_eq!(site.heard_by_panel().await, 0x06);
    site.send(&frame("something else"));
    // Kept as it is; sending it again would not make it readable, so it is acknowledged too.
    assert!(site.kept_reason().await.1.contains("pattern"));
    assert_eq!(site.heard_by_panel().await, 0x06);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flood_of_frames_waits_in_order_while_the_writer_is_busy() {
    let mut site = Site::new("flood");
    site.plug().await;
    let mut panel = site.panel.as_ref().unwrap().try_clone().unwrap();
    let mut ears = site.panel.as_ref().unwrap().try_clone().unwrap();
    const FRAMES: u32 = 5000;
    let talker = std::thread::spawn(move || {
        for no in 0..FRAMES {
            panel.write_all(&reading(no)).unwrap();
        }
    });
    let listener = std::thread::spawn(move || {
        let mut answers = vec![0; FRAMES as usize];
        ears.read_exact(&mut answers).unwrap();
        answers
    });
    for no in 0..FRAMES {
        assert_eq!(site.kept_seq().await, u64::from(no));
    }
    talker.join().unwrap();
    assert!(listener.join().unwrap().iter().all(|answer| *answer == 0x06));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_port_that_another_program_holds_is_left_alone_until_it_is_free() {
    let mut site = Site::new("lock");
    let (panel, path) = new_pty();
    let other = tokio_serial::SerialStream::open(&tokio_serial::new(&path, 9600)).unwrap();
    site.panel = Some(panel);
    std::os::unix::fs::symlink(path, site.folder.join("by-id")).unwrap();
    let failed = site
        .wait_for(|kind| {
            assert_ne!(*kind, LinkEventKind::Connected, "two programs on one line");
            matches!(kind, LinkEventKind::OpenFailed { reason } if !reason.contains("No such file"))
        })
        .await;
    assert!(matches!(failed, LinkEventKind::OpenFailed { .. }));
    drop(other);
    site.wait_for(|kind| *kind == LinkEventKind::Connected).await;
    site.send(&reading(1));
    assert_eq!(site.kept_seq().await, 1);
}

#[test]
fn wrong_settings_are_named() {
    let check = |extra: &str, line: &str| {
        let text = format!("port = \"/dev/null\"\n{extra}\n[line]\nsource = \"p\"\n{line}");
        match toml::from_str::<SerialConfig>(&text) {
            Ok(config) => SerialLink::new(config).unwrap_err().to_string(),
            Err(e) => e.message().to_owned(),
        }
    };
    assert_eq!(check("data_bits = 9", "alive = '.'"), "`data_bits`: expected 5, 6, 7 or 8");
    assert_eq!(
        check("reopen_max = \"1ms\"", "alive = '.'"),
        "`reopen_first`: expected more than nothing, and at most `reopen_max`"
    );
    assert!(check("bauds = 9600", "alive = '.'").contains("unknown field `bauds`, expected one of `port`, `baud`"));
    assert!(check("", "framing = 'fixed'\nalive = '.'").starts_with("line.`length`: "));
    assert!(check("", "alive = '('").starts_with("line.`alive`: "));
    assert!(check("", "framing = 'xyz'").contains("unknown variant `xyz`, expected one of `lf`, `stx_etx`, `fixed`"));
}
