//! Follows one folder: looks where something may have changed, decides what is complete,
//! reports it, and remembers what was kept.
//!
//! Every step takes `now`; only [`Follower::run`] asks a clock.

mod gone;
mod pass;
mod report;

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use kukaku_schema::intake::Intake;
use kukaku_schema::observation::SegmentPath;
use kukaku_schema::{DurationUs, Name, UtcMicros};
use tokio::sync::Notify;

use crate::config::{ConfigError, FootageConfig, Watch};
use crate::disk::{self, Stamp};
use crate::event::{LinkEvent, Reporter};
use crate::pattern::Pattern;
use crate::shelf::{Cursor, KNOWN_MAX, Place, Shelf, Shelved};
use crate::watch::{Hint, Watcher};

/// Most files that are being written at once; more are found by the next pass.
const PENDING_MAX: usize = 10_000;

/// Most refused names that are remembered; then they are forgotten and told again.
const REFUSED_MAX: usize = 10_000;

/// A file that was last changed so long ago was not caught in the middle of its writing,
/// even if the clock that stamped it is some minutes off.
const OLD_ENOUGH: DurationUs = DurationUs::from_secs(600);

/// Most troubles of one pass that are told one by one.
const TOLD_MAX: usize = 100;

/// A known file that ended so long ago is not opened in every pass; a hint about it is enough.
const SETTLED_AFTER: DurationUs = DurationUs::from_secs(3600);

/// How often pending files are looked at.
const TICK: Duration = Duration::from_millis(500);

/// First and longest wait after the writer did not keep something.
const STALL_FIRST: DurationUs = DurationUs::from_secs(1);
const STALL_LONGEST: DurationUs = DurationUs::from_secs(60);

/// A file that is not known to be complete.
#[derive(Debug, Clone, Copy)]
struct Pending {
    stamp: Stamp,
    /// Since when it has looked like this.
    still_since: UtcMicros,
}

/// How the folder is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Condition {
    Present,
    RootMissing,
    Lost,
}

/// Follows one recorder's folder.
pub struct Follower<I> {
    config: Arc<FootageConfig>,
    pattern: Pattern,
    link: String,
    intake: I,
    report: Reporter,
    shelf: Shelf,
    pending: BTreeMap<Place, Pending>,
    /// Files that may be gone, each since when.
    vanished: BTreeMap<Place, UtcMicros>,
    refused: HashSet<Vec<u8>>,
    told_starts: BTreeSet<Name>,
    /// Limits and unlistable folders that were told, until a pass goes well.
    told: BTreeSet<String>,
    condition: Condition,
    /// The time of this step.
    now: UtcMicros,
    pass: u64,
    /// A pass through the whole folder is due.
    pass_due: bool,
    stalled_until: UtcMicros,
    stall: DurationUs,
    handle: Handle,
    /// Ends the reading of a file that nobody waits for any more.
    cancelled: Arc<AtomicBool>,
}

/// What a person may tell a follower that runs.
#[derive(Debug, Clone, Default)]
pub struct Handle {
    confirmed: Arc<AtomicBool>,
    wake: Arc<Notify>,
}

impl Handle {
    /// The files of the last `FolderLost` are truly gone: report them so.
    pub fn confirm_loss(&self) {
        self.confirmed.store(true, Ordering::Release);
        self.wake.notify_one();
    }
}

/// Cancels the reading of files when the follower ends, however it ends.
struct End(Arc<AtomicBool>);

impl Drop for End {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Release);
    }
}

/// What became of one look at a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Looked {
    /// Nothing more to do.
    Done,
    /// It is not complete yet.
    Wait,
    /// It is not there.
    Absent,
    /// The writer did not keep it: nothing more now.
    Stalled,
}

impl<I: Intake> Follower<I> {
    /// Prepares to follow; touches nothing yet.
    ///
    /// # Errors
    /// Names the field of the configuration that can't work.
    pub fn new(config: FootageConfig, cursor: Cursor, intake: I, report: Reporter) -> Result<Self, ConfigError> {
        Self::with_limit(config, cursor, intake, report, KNOWN_MAX)
    }

    fn with_limit(
        config: FootageConfig,
        cursor: Cursor,
        intake: I,
        report: Reporter,
        limit: usize,
    ) -> Result<Self, ConfigError> {
        let pattern = config.check()?;
        let mut follower = Self {
            link: format!("{}:{}", config.what.word(), config.source),
            config: Arc::new(config),
            pattern,
            intake,
            report,
            shelf: Shelf::new(cursor.horizon, limit),
            pending: BTreeMap::new(),
            vanished: BTreeMap::new(),
            refused: HashSet::new(),
            told_starts: BTreeSet::new(),
            told: BTreeSet::new(),
            now: UtcMicros::MIN,
            condition: Condition::Present,
            pass: 0,
            pass_due: true,
            stalled_until: UtcMicros::MIN,
            stall: STALL_FIRST,
            handle: Handle::default(),
            cancelled: Arc::default(),
        };
        for known in cursor.known {
            // What an older pattern reported no longer fits: it is nothing that we can look for.
            if let Some(place) = follower.place(known.path.clone()).filter(|place| !follower.shelf.is_past(place)) {
                let shelved =
                    Shelved { start: known.start, end: known.end, bytes: known.bytes, changed: None, seen_in: 0 };
                follower.shelve(place, shelved);
            }
        }
        Ok(follower)
    }

    /// A handle for the daemon's commands.
    #[must_use]
    pub fn handle(&self) -> Handle {
        self.handle.clone()
    }

    /// Follows the folder until `stop` resolves.
    ///
    /// May be dropped at any time: what was kept and not yet remembered is sent again after the
    /// next start, with equal content, and absorbed by the writer as a duplicate.
    pub async fn run(self, clock: impl Fn() -> UtcMicros + Send, stop: impl Future<Output = ()> + Send) {
        let ended = End(self.cancelled.clone());
        tokio::select! {
            () = stop => drop(ended),
            () = self.follow(clock) => {}
        }
    }

    async fn follow(mut self, clock: impl Fn() -> UtcMicros + Send) {
        let mut watcher = None;
        let mut next_pass = clock();
        let mut wants_watch = self.config.watch == Watch::Auto;
        let mut told_watching = false;
        loop {
            let now = clock();
            if self.pass_due || now >= next_pass {
                // Watched before it is looked through: nothing falls between.
                if watcher.is_none() && wants_watch {
                    (watcher, wants_watch) = self.start_watch();
                }
                let began = clock();
                self.full_pass(now).await;
                let took = clock().since(began).max(DurationUs::ZERO);
                if self.condition == Condition::RootMissing {
                    // The watch hangs on what was there before.
                    watcher = None;
                }
                if watcher.is_some() != told_watching && self.condition != Condition::RootMissing {
                    told_watching = watcher.is_some();
                    self.tell(if told_watching {
                        LinkEvent::Watching
                    } else {
                        LinkEvent::Polling { why: "the watch was lost".to_owned() }
                    });
                }
                let every = if watcher.is_some() { self.config.rescan_every } else { self.config.poll_every };
                // A folder that takes long to look through is looked through less often.
                next_pass = clock().plus(every.max(DurationUs(took.0.saturating_mul(10))));
            }
            let hint = async {
                match &mut watcher {
                    Some(watcher) => watcher.next().await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                hint = hint => self.hint(hint, clock()).await,
                () = self.handle.wake.notified() => self.pass_due = true,
                () = tokio::time::sleep(TICK) => self.tick(clock()).await,
            }
            if watcher.as_ref().is_some_and(Watcher::take_lost) {
                self.pass_due = true;
            }
        }
    }

    /// A watch, or why there is none; the second tells whether to try again later.
    fn start_watch(&self) -> (Option<Watcher>, bool) {
        if disk::is_remote(&self.config.root) {
            self.tell(LinkEvent::Polling { why: "the folder is on a share".to_owned() });
            return (None, false);
        }
        match Watcher::start(&self.config.root) {
            Ok(watcher) => (Some(watcher), true),
            Err(e) => {
                // A missing root is told by the pass; a full table of watches lasts.
                let missing = !self.config.root.exists();
                if !missing {
                    self.tell(LinkEvent::Polling { why: e.to_string() });
                }
                (None, missing)
            }
        }
    }

    /// Takes one hint of where to look.
    pub async fn hint(&mut self, hint: Hint, now: UtcMicros) {
        self.now = now;
        match hint {
            Hint::Lost => self.pass_due = true,
            Hint::Folder(path) => {
                if let Some(below) = self.below(&path) {
                    self.look_through(&below).await;
                }
            }
            Hint::Changed(path) | Hint::Complete(path) if self.place_of(&path).is_none() => {
                self.refuse_hinted(&path).await;
            }
            Hint::Changed(path) => {
                if let Some(place) = self.place_of(&path) {
                    self.look(place, false).await;
                }
            }
            Hint::Complete(path) => {
                if let Some(place) = self.place_of(&path) {
                    self.look(place, true).await;
                }
            }
            Hint::Removed(path) => match self.place_of(&path) {
                Some(place) => self.suspect(place),
                // A folder, with everything in it.
                None => self.pass_due = true,
            },
        }
    }

    /// Looks at files that were waited for. Called about twice a second.
    pub async fn tick(&mut self, now: UtcMicros) {
        self.now = now;
        if now < self.stalled_until {
            return;
        }
        let waiting: Vec<Place> = self.pending.keys().cloned().collect();
        for place in waiting {
            if self.look(place, false).await == Looked::Stalled {
                return;
            }
        }
        self.judge_vanished().await;
    }

    /// The place of a path below the root, if it is a file of this recorder.
    fn place(&self, path: SegmentPath) -> Option<Place> {
        let named = self.pattern.read(path.as_str())?;
        let camera = named.camera.or_else(|| self.config.camera.clone())?;
        Some(Place { camera, named_start: named.start, path })
    }

    fn place_of(&self, path: &Path) -> Option<Place> {
        let below = path.strip_prefix(&self.config.root).ok()?.to_str()?;
        self.place(SegmentPath::new(below).ok()?)
    }

    /// The names below the root on the way to `path`; `None` where it is not below it.
    fn below(&self, path: &Path) -> Option<Vec<String>> {
        let below = path.strip_prefix(&self.config.root).ok()?;
        below.iter().map(|name| name.to_str().map(str::to_owned)).collect()
    }

    fn shelve(&mut self, place: Place, shelved: Shelved) {
        if self.shelf.insert(place, shelved) {
            self.tell_limit("files of one folder", KNOWN_MAX);
        }
    }

    fn tell_limit(&mut self, what: &'static str, limit: usize) {
        self.tell_once(what.to_owned(), LinkEvent::TooMany { what, limit });
    }

    /// Tells an event that would else come with every pass.
    fn tell_once(&mut self, key: String, event: LinkEvent) {
        if self.told.len() < TOLD_MAX && self.told.insert(key) {
            self.tell(event);
        }
    }

    fn tell(&self, event: LinkEvent) {
        (self.report)(event);
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
