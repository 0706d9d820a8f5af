//! What the tests share: a writer that can be held, a link under test, real peers. Nothing here
//! waits by the clock: every wait is for something that happens, with a limit.

#![allow(dead_code, clippy::unwrap_used)] // Each test program uses its part.

pub mod listening;
pub mod peers;

use std::future::Future;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use kukaku_schema::intake::{Arrival, ArrivalBody, Intake, Kept, NotKept, Receipt};
use tokio::sync::{oneshot, watch};

/// Long enough for a machine that builds something else meanwhile; reached only by a failure.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// Waits for something that is to happen.
#[track_caller]
pub fn soon<F: Future>(what: &'static str, future: F) -> impl Future<Output = F::Output> {
    let place = std::panic::Location::caller();
    async move {
        match tokio::time::timeout(PATIENCE, future).await {
            Ok(output) => output,
            Err(_) => panic!("{what} didn't happen (awaited at {place})"),
        }
    }
}

/// A writer that remembers what came and what it committed, and commits when it is told to.
#[derive(Clone)]
pub struct Recorder {
    inner: Arc<Mutex<Inner>>,
    changed: Arc<watch::Sender<()>>,
}

struct Inner {
    mode: Mode,
    came: usize,
    kept: Vec<Arrival>,
    held: Vec<(Arrival, oneshot::Sender<Result<Kept, NotKept>>)>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Mode {
    Commits,
    Holds,
    Refuses,
}

impl Recorder {
    pub fn new() -> Self {
        let inner = Inner { mode: Mode::Commits, came: 0, kept: Vec::new(), held: Vec::new() };
        Self { inner: Arc::new(Mutex::new(inner)), changed: Arc::new(watch::Sender::new(())) }
    }

    fn mode(&self, mode: Mode) {
        self.inner.lock().unwrap().mode = mode;
    }

    /// From now on receipts wait for [`Self::commit`].
    pub fn hold(&self) {
        self.mode(Mode::Holds);
    }

    /// From now on nothing is taken.
    pub fn refuse(&self) {
        self.mode(Mode::Refuses);
    }

    /// From now on everything is kept at once.
    pub fn accept(&self) {
        self.mode(Mode::Commits);
    }

    /// One commit of what is held, `most` of it. Returns how many.
    pub fn commit(&self, most: usize) -> usize {
        self.settle(most, true)
    }

    /// A commit that failed.
    pub fn fail_commit(&self) -> usize {
        self.settle(usize::MAX, false)
    }

    fn settle(&self, most: usize, is_kept: bool) -> usize {
        let held: Vec<_> = {
            let mut inner = self.inner.lock().unwrap();
            let most = most.min(inner.held.len());
            let held: Vec<_> = inner.held.drain(..most).collect();
            if is_kept {
                inner.kept.extend(held.iter().map(|(arrival, _)| arrival.clone()));
            }
            held
        };
        let count = held.len();
        for (_, settle) in held {
            let outcome = if is_kept {
                Ok(Kept { journal_seq: 1, duplicate: false })
            } else {
                Err(NotKept { reason: "append: disk full".to_owned() })
            };
            // A receiver that is gone is a connection that is gone.
            let _ = settle.send(outcome);
        }
        self.changed.send_replace(());
        count
    }

    /// How many are kept.
    pub fn lines_kept(&self) -> usize {
        self.inner.lock().unwrap().kept.len()
    }

    /// Offers until now, refused ones too.
    pub fn came(&self) -> usize {
        self.inner.lock().unwrap().came
    }

    pub fn held(&self) -> usize {
        self.inner.lock().unwrap().held.len()
    }

    /// The lines that were kept, in order.
    pub fn lines(&self) -> Vec<String> {
        self.inner.lock().unwrap().kept.iter().map(line).collect()
    }

    pub fn kept(&self) -> Vec<Arrival> {
        self.inner.lock().unwrap().kept.clone()
    }

    /// Waits until what it has is as wanted.
    #[track_caller]
    pub fn until(&self, what: &'static str, wanted: impl Fn(&Self) -> bool) -> impl Future<Output = ()> {
        let (recorder, mut changes) = (self.clone(), self.changed.subscribe());
        soon(what, async move {
            while !wanted(&recorder) {
                changes.changed().await.unwrap();
            }
        })
    }

    /// Waits until so many are kept; their lines.
    #[track_caller]
    pub fn has_kept(&self, count: usize) -> impl Future<Output = Vec<String>> {
        let waiting =
            self.until("that many kept lines", move |recorder| recorder.inner.lock().unwrap().kept.len() >= count);
        let recorder = self.clone();
        async move {
            waiting.await;
            recorder.lines()
        }
    }
}

/// The line that an arrival carries.
pub fn line(arrival: &Arrival) -> String {
    match &arrival.body {
        ArrivalBody::Unreadable(unreadable) => String::from_utf8_lossy(&unreadable.head).into_owned(),
        ArrivalBody::Observation(observation) => panic!("{observation:?}"),
    }
}

impl Intake for Recorder {
    async fn submit(&self, arrival: Arrival) -> Result<Receipt, NotKept> {
        let (settle, settled) = oneshot::channel();
        let outcome = {
            let mut inner = self.inner.lock().unwrap();
            inner.came += 1;
            match inner.mode {
                Mode::Refuses => Err(NotKept { reason: "storage is in doubt".to_owned() }),
                Mode::Commits => {
                    inner.kept.push(arrival);
                    settle.send(Ok(Kept { journal_seq: 1, duplicate: false })).unwrap();
                    Ok(())
                }
                Mode::Holds => {
                    inner.held.push((arrival, settle));
                    Ok(())
                }
            }
        };
        self.changed.send_replace(());
        outcome.map(|()| {
            Receipt::new(async move {
                settled.await.unwrap_or_else(|_| Err(NotKept { reason: "the writer is gone".to_owned() }))
            })
        })
    }
}
