//! A link under test, and a writer that can be held. Nothing here sleeps: every wait is for something
//! that happens, with a limit.

use std::future::Future;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use kukaku_codec::radius::Accounting;
use kukaku_radius::{Counted, Counters, LinkEventKind, RadiusConfig, RadiusLink};
use kukaku_schema::intake::{Arrival, ArrivalBody, Intake, Kept, NotKept, Receipt};
use kukaku_schema::{Observation, UtcMicros};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinHandle;

/// Long enough for a machine that builds something else meanwhile; reached only by a failure.
const PATIENCE: Duration = Duration::from_secs(30);

pub const NOW: UtcMicros = UtcMicros(1_795_300_000_000_000);
pub const SECRET: &str = "a secret of sixteen bytes or more";

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
pub struct Writer {
    inner: Arc<Mutex<Inner>>,
    count: Arc<watch::Sender<usize>>,
}

#[derive(Default)]
struct Inner {
    holds: bool,
    arrivals: Vec<Arrival>,
    held: Vec<oneshot::Sender<Result<Kept, NotKept>>>,
}

impl Writer {
    /// From now on receipts wait for [`Self::settle`].
    pub fn hold(&self) {
        self.inner.lock().unwrap().holds = true;
    }

    /// Resolves every receipt that is held, and the later ones at once.
    pub fn settle(&self, is_kept: bool) {
        let held = {
            let mut inner = self.inner.lock().unwrap();
            inner.holds = false;
            std::mem::take(&mut inner.held)
        };
        for receipt in held {
            let refused = NotKept { reason: "append: disk full".to_owned() };
            let _ = receipt.send(if is_kept { Ok(Kept { journal_seq: 1, duplicate: false }) } else { Err(refused) });
        }
    }

    /// Waits until `count` arrivals came in all.
    #[track_caller]
    pub fn came(&self, count: usize) -> impl Future<Output = Vec<Arrival>> {
        let mut counts = self.count.subscribe();
        let inner = Arc::clone(&self.inner);
        soon("an arrival", async move {
            counts.wait_for(|have| *have >= count).await.unwrap();
            inner.lock().unwrap().arrivals.clone()
        })
    }

    pub fn arrivals(&self) -> Vec<Arrival> {
        self.inner.lock().unwrap().arrivals.clone()
    }
}

impl Intake for Writer {
    async fn submit(&self, arrival: Arrival) -> Result<Receipt, NotKept> {
        let (settle, settled) = oneshot::channel();
        let count = {
            let mut inner = self.inner.lock().unwrap();
            inner.arrivals.push(arrival);
            if inner.holds {
                inner.held.push(settle);
            } else {
                settle.send(Ok(Kept { journal_seq: 1, duplicate: false })).unwrap();
            }
            inner.arrivals.len()
        };
        self.count.send_replace(count);
        Ok(Receipt::new(async move { settled.await.unwrap() }))
    }
}

/// `kind session` of an arrival, or why it was not understood.
pub fn said(arrival: &Arrival) -> String {
    match &arrival.body {
        ArrivalBody::Unreadable(unreadable) => format!("unreadable: {}", unreadable.reason),
        ArrivalBody::Observation(observation) => {
            let word = observation.kind().word();
            match observation.as_ref() {
                Observation::SessionStarted(o) => format!("{word} {} {}", o.session, o.account),
                Observation::SessionAlive(o) => format!("{word} {}", o.session),
                Observation::SessionEnded(o) => {
                    format!("{word} {} {}", o.session, o.reason.as_ref().map_or("-", |reason| reason.as_str()))
                }
                _ => word.to_owned(),
            }
        }
    }
}

pub struct Site {
    pub udp: Option<SocketAddr>,
    pub tls: Option<SocketAddr>,
    pub writer: Writer,
    counters: Arc<Counters>,
    events: mpsc::UnboundedReceiver<LinkEventKind>,
    stop: watch::Sender<bool>,
    serving: JoinHandle<()>,
}

impl Site {
    /// One client, 127.0.0.1, with [`SECRET`]; `more` of its settings.
    pub async fn plain(more: &str) -> Self {
        let client = "address = \"127.0.0.1\"\nsource = \"vpn-1\"\nsecret_file = \"vpn.secret\"";
        Self::start(&format!("listen = \"127.0.0.1:0\"\n[[clients]]\n{client}\n{more}")).await
    }

    pub async fn start(config: &str) -> Self {
        let config: RadiusConfig = toml::from_str(config).unwrap();
        let (tell, events) = mpsc::unbounded_channel();
        let report = Arc::new(move |event: kukaku_radius::LinkEvent| {
            assert_eq!(event.at, NOW);
            let _ = tell.send(event.kind);
        });
        let read_secret = |path: &Path| {
            assert_eq!(path, Path::new("vpn.secret"));
            Ok(SECRET.as_bytes().to_vec())
        };
        let link = RadiusLink::bind(&config, read_secret, Accounting::new(NOW), Arc::new(|| NOW), report);
        let link = link.await.unwrap();
        let (udp, tls, counters) = (link.udp_address(), link.tls_address(), link.counters());
        let writer = Writer { inner: Arc::default(), count: Arc::new(watch::Sender::new(0)) };
        let (stop, stopped) = watch::channel(false);
        let serving = tokio::spawn(link.serve(writer.clone(), stopped));
        Self { udp, tls, writer, counters, events, stop, serving }
    }

    pub fn counted(&self) -> Counted {
        self.counters.read()
    }

    /// The next thing that the link tells.
    pub async fn told(&mut self) -> LinkEventKind {
        soon("an event", self.events.recv()).await.unwrap()
    }

    /// Stops it and waits until it has stopped.
    pub async fn end(self) {
        self.stop.send_replace(true);
        soon("the link's end", self.serving).await.unwrap();
    }
}

/// A folder of its own, gone with the test.
pub struct Folder(PathBuf);

impl Folder {
    pub fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let name = format!("kukaku-radius-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    pub fn write(&self, name: &str, content: &str) -> PathBuf {
        let path = self.0.join(name);
        std::fs::write(&path, content).unwrap();
        path
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
