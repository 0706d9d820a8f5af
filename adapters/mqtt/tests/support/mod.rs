//! What the tests of both ends share: a writer that can be held, events that can be awaited, and
//! real peers. Nothing here sleeps: every wait is for something that happens, with a limit.

#![allow(dead_code, clippy::unwrap_used)] // Each test program uses its part.

pub mod device;
pub mod listening;
pub mod peer;
pub mod pki;

use std::future::Future;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use kukaku_mqtt::{LinkEvent, Reporter};
use kukaku_schema::intake::{Arrival, ArrivalBody, Intake, Kept, NotKept, Receipt, Unreadable};
use tokio::sync::{mpsc, oneshot, watch};

/// Long enough for a machine that builds something else meanwhile; reached only by a failure.
pub const PATIENCE: Duration = Duration::from_secs(30);

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

/// A writer that remembers what came, and commits when it is told to.
#[derive(Clone)]
pub struct Recorder {
    inner: Arc<Mutex<Inner>>,
    count: Arc<watch::Sender<usize>>,
}

struct Inner {
    mode: Mode,
    arrivals: Vec<Arrival>,
    held: Vec<oneshot::Sender<Result<Kept, NotKept>>>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Mode {
    Commits,
    Holds,
    Refuses,
}

impl Recorder {
    /// A writer that commits at once.
    pub fn new() -> Self {
        let inner = Inner { mode: Mode::Commits, arrivals: Vec::new(), held: Vec::new() };
        Self { inner: Arc::new(Mutex::new(inner)), count: Arc::new(watch::Sender::new(0)) }
    }

    /// From now on receipts wait for [`Self::commit`].
    pub fn hold(&self) {
        self.inner.lock().unwrap().mode = Mode::Holds;
    }

    /// From now on nothing is taken.
    pub fn refuse(&self) {
        self.inner.lock().unwrap().mode = Mode::Refuses;
    }

    /// From now on everything is kept at once.
    pub fn accept(&self) {
        self.inner.lock().unwrap().mode = Mode::Commits;
    }

    /// One commit: every receipt that is held resolves. Returns how many.
    pub fn commit(&self) -> usize {
        self.settle(|n| Ok(Kept { journal_seq: n, duplicate: false }))
    }

    /// A commit that failed.
    pub fn fail_commit(&self) -> usize {
        self.settle(|_| Err(NotKept { reason: "append: disk full".to_owned() }))
    }

    /// Resolves the held receipts last to first, as no writer does.
    pub fn commit_backwards(&self) {
        let held: Vec<_> = self.inner.lock().unwrap().held.drain(..).rev().collect();
        for receipt in held {
            let _ = receipt.send(Ok(Kept { journal_seq: 0, duplicate: false }));
        }
    }

    fn settle(&self, outcome: impl Fn(u64) -> Result<Kept, NotKept>) -> usize {
        let held = std::mem::take(&mut self.inner.lock().unwrap().held);
        let count = held.len();
        for (n, receipt) in held.into_iter().enumerate() {
            // A receiver that is gone is a connection that is gone.
            let _ = receipt.send(outcome(n as u64));
        }
        count
    }

    pub fn arrivals(&self) -> Vec<Arrival> {
        self.inner.lock().unwrap().arrivals.clone()
    }

    /// Waits until `count` arrivals came in all.
    #[track_caller]
    pub fn came(&self, count: usize) -> impl Future<Output = Vec<Arrival>> {
        let mut counts = self.count.subscribe();
        let waiting = soon("an arrival", async move {
            counts.wait_for(|have| *have >= count).await.unwrap();
        });
        let recorder = self.clone();
        async move {
            waiting.await;
            recorder.arrivals()
        }
    }
}

impl Intake for Recorder {
    async fn submit(&self, arrival: Arrival) -> Result<Receipt, NotKept> {
        let (settle, settled) = oneshot::channel();
        let count = {
            let mut inner = self.inner.lock().unwrap();
            if inner.mode == Mode::Refuses {
                return Err(NotKept { reason: "storage is in doubt".to_owned() });
            }
            inner.arrivals.push(arrival);
            let count = inner.arrivals.len();
            if inner.mode == Mode::Commits {
                settle.send(Ok(Kept { journal_seq: count as u64, duplicate: false })).unwrap();
            } else {
                inner.held.push(settle);
            }
            count
        };
        self.count.send_replace(count);
        Ok(Receipt::new(async move {
            settled.await.unwrap_or_else(|_| Err(NotKept { reason: "the writer is gone".to_owned() }))
        }))
    }
}

/// The events of a link, in order.
pub struct Events(mpsc::UnboundedReceiver<LinkEvent>);

impl Events {
    pub fn new() -> (Self, Reporter) {
        let (tell, told) = mpsc::unbounded_channel();
        let report: Reporter = Arc::new(move |event| {
            let _ = tell.send(event);
        });
        (Self(told), report)
    }

    /// The next event that `wanted` takes; those before it are passed over.
    #[track_caller]
    pub fn find<T>(&mut self, wanted: impl Fn(&LinkEvent) -> Option<T>) -> impl Future<Output = T> {
        soon("an event", async move {
            loop {
                let event = self.0.recv().await.unwrap();
                if let Some(found) = wanted(&event) {
                    return found;
                }
            }
        })
    }

    #[track_caller]
    pub fn refused(&mut self) -> impl Future<Output = String> {
        self.find(|event| match event {
            LinkEvent::Refused { why, .. } => Some(why.clone()),
            _ => None,
        })
    }

    #[track_caller]
    pub fn disconnected(&mut self) -> impl Future<Output = String> {
        self.find(|event| match event {
            LinkEvent::Disconnected { why, .. } => Some(why.clone()),
            _ => None,
        })
    }

    #[track_caller]
    pub fn broker_connected(&mut self) -> impl Future<Output = bool> {
        self.find(|event| match event {
            LinkEvent::BrokerConnected { session_present, .. } => Some(*session_present),
            _ => None,
        })
    }

    #[track_caller]
    pub fn broker_lost(&mut self) -> impl Future<Output = String> {
        self.find(|event| match event {
            LinkEvent::BrokerLost { why, .. } => Some(why.clone()),
            _ => None,
        })
    }
}

/// A door reading of `source` with its number.
pub fn reading(source: &str, seq: u64) -> String {
    format!(
        r#"{{"kind":"door.reading","source":"{source}","seq":{seq},"device_time":"2026-11-22T09:00:00+09:00","reader":"north-in","credential":"card:0123456789ABCDEF","result":"granted"}}"#
    )
}

/// The number of an arrival's observation.
#[track_caller]
pub fn seq(arrival: &Arrival) -> u64 {
    match &arrival.body {
        ArrivalBody::Observation(observation) => observation.header().seq.unwrap(),
        ArrivalBody::Unreadable(unreadable) => panic!("unreadable: {}", unreadable.reason),
    }
}

/// What an arrival kept of bytes that were no observation.
#[track_caller]
pub fn unreadable(arrival: &Arrival) -> Unreadable {
    match &arrival.body {
        ArrivalBody::Unreadable(unreadable) => unreadable.clone(),
        ArrivalBody::Observation(observation) => panic!("readable: {observation:?}"),
    }
}
