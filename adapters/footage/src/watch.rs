//! The kernel's notifications about the folder, as hints.
//!
//! A hint is never believed: it only says where to look. What doesn't fit the queue becomes
//! one pass through the whole folder.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use notify::event::{AccessKind, AccessMode, ModifyKind, RenameMode};
use notify::{Config, Event, EventKind, RecommendedWatcher, RecursiveMode, Watcher as _};
use tokio::sync::mpsc;

/// Hints that wait: a minute of twenty cameras that write ten blocks a second, and half a pass
/// is cheaper than more.
const HINTS_MAX: usize = 8_192;

/// Where to look.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Hint {
    /// A file there changed, and may go on changing.
    Changed(PathBuf),
    /// A file there was closed by its writer, or renamed into place.
    Complete(PathBuf),
    /// Something there is gone.
    Removed(PathBuf),
    /// A folder appeared there.
    Folder(PathBuf),
    /// Hints were lost: look everywhere.
    Lost,
}

/// A watch that lasts until it is dropped.
pub(crate) struct Watcher {
    _inner: RecommendedWatcher,
    hints: mpsc::Receiver<Hint>,
    lost: Arc<AtomicBool>,
}

impl Watcher {
    /// Watches everything below `root`.
    pub(crate) fn start(root: &Path) -> Result<Self, notify::Error> {
        let (tell, hints) = mpsc::channel(HINTS_MAX);
        let lost = Arc::new(AtomicBool::new(false));
        let flag = lost.clone();
        // The root may be a link, but no link below it is followed: one to `/` would have us
        // watch the whole machine.
        let (shown, real) = (root.to_path_buf(), root.canonicalize().map_err(notify::Error::io)?);
        let below = real.clone();
        let told = move |event: Result<Event, notify::Error>| {
            let hints = event.map_or_else(|_| vec![Hint::Lost], |event| hints_of(under(event, &below, &shown)));
            for hint in hints {
                if hint == Hint::Lost || tell.try_send(hint).is_err() {
                    flag.store(true, Ordering::Release);
                }
            }
        };
        let mut inner = RecommendedWatcher::new(told, Config::default().with_follow_symlinks(false))?;
        inner.watch(&real, RecursiveMode::Recursive)?;
        Ok(Self { _inner: inner, hints, lost })
    }

    /// The next hint; `Lost` once after any were lost.
    pub(crate) async fn next(&mut self) -> Hint {
        if self.lost.swap(false, Ordering::AcqRel) {
            return Hint::Lost;
        }
        // The sender lives in the watcher that we hold, so this never ends.
        match self.hints.recv().await {
            Some(hint) => hint,
            None => std::future::pending().await,
        }
    }

    /// Whether hints were lost since the last look.
    pub(crate) fn take_lost(&self) -> bool {
        self.lost.swap(false, Ordering::AcqRel)
    }
}

/// The event with its paths as they are below the configured root.
fn under(mut event: Event, real: &Path, shown: &Path) -> Event {
    for path in &mut event.paths {
        if let Ok(rest) = path.strip_prefix(real) {
            *path = shown.join(rest);
        }
    }
    event
}

fn hints_of(event: Event) -> Vec<Hint> {
    if event.need_rescan() {
        return vec![Hint::Lost];
    }
    let each = |make: fn(PathBuf) -> Hint| event.paths.iter().cloned().map(make).collect();
    match event.kind {
        EventKind::Access(AccessKind::Close(AccessMode::Write)) => each(Hint::Complete),
        EventKind::Modify(ModifyKind::Name(RenameMode::To)) => {
            // A folder may be renamed into place too, with all its files.
            let sort = |path: PathBuf| {
                if path.is_dir() { Hint::Folder(path) } else { Hint::Complete(path) }
            };
            each(sort)
        }
        EventKind::Modify(ModifyKind::Name(RenameMode::From)) | EventKind::Remove(_) => each(Hint::Removed),
        // Told besides `From` and `To`, which said it already.
        EventKind::Modify(ModifyKind::Name(RenameMode::Both)) => Vec::new(),
        EventKind::Create(notify::event::CreateKind::Folder) => each(Hint::Folder),
        EventKind::Create(_) | EventKind::Modify(ModifyKind::Data(_) | ModifyKind::Name(_)) => each(Hint::Changed),
        _ => Vec::new(),
    }
}
