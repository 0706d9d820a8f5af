//! A folder on the disk, a writer that keeps what it gets, and how both are told in the tests.

use std::path::PathBuf;
use std::sync::Mutex;
use std::sync::atomic::AtomicU32;
use std::time::SystemTime;

use kukaku_schema::intake::{Arrival, ArrivalBody, Kept, NotKept, Receipt};
use kukaku_schema::observation::Observation;

use super::super::*;
use crate::mp4::tests::whole;

/// A writer that keeps what it gets, or refuses while it is told to.
#[derive(Clone, Default)]
pub struct Writer {
    pub kept: Arc<Mutex<Vec<ArrivalBody>>>,
    pub refuses: Arc<AtomicBool>,
    pub told: Arc<Mutex<Option<std::sync::mpsc::Sender<String>>>>,
}

impl Intake for Writer {
    async fn submit(&self, arrival: Arrival) -> Result<Receipt, NotKept> {
        assert!(["footage:nvr-1", "oplog:nvr-1"].contains(&arrival.link.as_str()), "{}", arrival.link);
        if self.refuses.load(Ordering::Acquire) {
            return Ok(Receipt::new(async { Err(NotKept { reason: "disk full".to_owned() }) }));
        }
        if let Some(told) = &*self.told.lock().unwrap() {
            told.send(line(&arrival.body)).unwrap();
        }
        self.kept.lock().unwrap().push(arrival.body);
        Ok(Receipt::new(async { Ok(Kept { journal_seq: 1, duplicate: false }) }))
    }
}

/// `cam path start+seconds bytes`, `gone path` or `refused path: reason`.
pub fn line(body: &ArrivalBody) -> String {
    match body {
        ArrivalBody::Observation(observation) => {
            if let Observation::OplogSegment(log) = &**observation {
                let hash = log.sha256.as_ref().map_or("none", |hash| &hash.as_str()[..4]);
                let gone = if log.gone { "gone " } else { "" };
                return format!(
                    "{gone}{} {} {}..{} {} {hash}",
                    log.terminal,
                    log.path.as_str(),
                    log.start,
                    log.end,
                    log.bytes
                );
            }
            let Observation::FootageSegment(s) = &**observation else { panic!("{observation:?}") };
            if s.gone {
                assert_eq!((s.bytes, &s.sha256), (0, &None));
                return format!("gone {}", s.path.as_str());
            }
            let seconds = (s.end.0 - s.start.0) as f64 / 1e6;
            format!("{} {} {}+{seconds} {}", s.camera, s.path.as_str(), s.start, s.bytes)
        }
        ArrivalBody::Unreadable(u) => {
            assert_eq!(u.source.as_deref(), Some("nvr-1"));
            let name = String::from_utf8_lossy(&u.head);
            let name = if name.len() > 60 { format!("{} bytes", name.len()) } else { name.into_owned() };
            format!("refused {}: {}", name.escape_debug(), u.reason.trim_start_matches("footage file refused: "))
        }
    }
}

/// A folder on the disk with a follower.
pub struct House {
    pub root: PathBuf,
    pub writer: Writer,
    pub events: Arc<Mutex<Vec<LinkEvent>>>,
    pub now: UtcMicros,
}

/// The day's beginning in these stories.
const NINE: &str = "2026-11-22T00:00:00Z";

impl House {
    pub fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let name = format!("kukaku-footage-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let root = std::env::temp_dir().join(name);
        std::fs::create_dir_all(root.join("rec")).unwrap();
        Self {
            root: root.join("rec"),
            writer: Writer::default(),
            events: Arc::default(),
            now: UtcMicros::parse_rfc3339(NINE).unwrap().plus(DurationUs::from_secs(7_200)),
        }
    }

    pub fn config(&self) -> FootageConfig {
        let text = "source = 'nvr-1'\nroot = '/'\npattern = '%Y-%m-%d/%H/{camera}/%M.%S.mp4'\nsegment_length = '10s'";
        let mut config: FootageConfig = toml::from_str(text).unwrap();
        config.root.clone_from(&self.root);
        config
    }

    pub fn follower(&self, cursor: Cursor) -> Follower<Writer> {
        self.follower_of(self.config(), cursor)
    }

    pub fn follower_of(&self, config: FootageConfig, cursor: Cursor) -> Follower<Writer> {
        let events = self.events.clone();
        let report: Reporter = Arc::new(move |event| events.lock().unwrap().push(event));
        Follower::new(config, cursor, self.writer.clone(), report).unwrap()
    }

    /// Writes a file whose last change was `age_s` ago.
    pub fn file(&self, path: &str, bytes: &[u8], age_s: i64) -> PathBuf {
        let path = self.root.join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, bytes).unwrap();
        self.touch(&path, age_s);
        path
    }

    pub fn touch(&self, path: &Path, age_s: i64) {
        let at = Duration::from_micros((self.now.0 - age_s * 1_000_000).unsigned_abs());
        std::fs::File::options().write(true).open(path).unwrap().set_modified(SystemTime::UNIX_EPOCH + at).unwrap();
    }

    /// Sixty old segments of one camera, ten seconds each.
    pub fn ten_minutes(&self) {
        for i in 0..60 {
            self.file(
                &format!("2026-11-22/09/cam-1/{:02}.{:02}.mp4", i / 6, i % 6 * 10),
                &whole(None, 10_000, i),
                4_000,
            );
        }
    }

    /// What was kept since the last look.
    pub fn kept(&self) -> Vec<String> {
        self.writer.kept.lock().unwrap().drain(..).map(|body| line(&body)).collect()
    }

    pub fn told(&self) -> Vec<LinkEvent> {
        std::mem::take(&mut *self.events.lock().unwrap())
    }

    pub fn later(&mut self, seconds: i64) -> UtcMicros {
        self.now = self.now.plus(DurationUs::from_secs(seconds));
        self.now
    }
}

impl Drop for House {
    fn drop(&mut self) {
        std::fs::remove_dir_all(self.root.parent().unwrap()).unwrap();
    }
}
