//! A link under test.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use kukaku_schema::UtcMicros;
use kukaku_schema::intake::{ArrivalBody, Unreadable};
use kukaku_syslog::{Counted, Counters, Limits, LineReader, LinkEvent, LinkEventKind, SyslogConfig, SyslogLink, Taken};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;

use super::{Recorder, soon};

/// What a line must hold for the reader under test to keep nothing of it.
pub const SAYS_NOTHING: &str = "nothing";

/// Why a line was kept: the reader under test knows no dialect and keeps lines as they are.
pub const AS_IT_IS: &str = "kept as it is";

/// What a line must hold for the reader under test to need it for the next line.
pub const REMEMBER: &str = "remember";

struct KeepsLines(String);

impl LineReader for KeepsLines {
    fn take(&mut self, line: &[u8], _: UtcMicros) -> Taken {
        let text = String::from_utf8_lossy(line);
        if text.contains(SAYS_NOTHING) || text.contains(REMEMBER) {
            return Taken { bodies: Vec::new(), remembers: text.contains(REMEMBER) };
        }
        let kept = Unreadable::new(Some(self.0.clone()), line, AS_IT_IS);
        Taken { bodies: vec![ArrivalBody::Unreadable(kept)], remembers: false }
    }
}

/// Losses are looked for all the time, and the rest is as in the house.
pub fn limits() -> Limits {
    Limits { look_every: Duration::from_millis(5), ..Limits::default() }
}

/// A configuration whose only source is loopback.
pub fn config(listen: &str, more: &str) -> SyslogConfig {
    let text = format!(
        "listen = \"{listen}\"\n{more}\n[[source]]\nname = \"vpn-1\"\nfrom = [\"127.0.0.0/8\"]\ndialect = \"any\"\n"
    );
    toml::from_str(&text).unwrap()
}

pub async fn bind(config: &SyslogConfig, limits: Limits, clock: &Arc<AtomicI64>) -> (SyslogLink, Events) {
    let (tell, told) = mpsc::channel(64);
    let clock = Arc::clone(clock);
    let now = Arc::new(move || UtcMicros(clock.load(Ordering::Relaxed)));
    let reader = |source: &kukaku_syslog::SourceConfig| -> Box<dyn LineReader> {
        Box::new(KeepsLines(format!("{}/{}", source.name, source.dialect)))
    };
    let link = SyslogLink::bind(config, limits, reader, tell, now).await.unwrap();
    (link, Events(told))
}

/// The events of a link, in order.
pub struct Events(mpsc::Receiver<LinkEvent>);

impl Events {
    /// The next event that `wanted` takes; those before it are passed over.
    #[track_caller]
    pub fn find<T>(&mut self, wanted: impl Fn(&LinkEventKind) -> Option<T>) -> impl Future<Output = T> {
        soon("an event", async move {
            loop {
                let event = self.0.recv().await.expect("the link ended without that event");
                if let Some(found) = wanted(&event.kind) {
                    return found;
                }
            }
        })
    }

    #[track_caller]
    pub fn disconnected(&mut self) -> impl Future<Output = String> {
        self.find(|event| match event {
            LinkEventKind::Disconnected { why, .. } => Some(why.clone()),
            _ => None,
        })
    }

    #[track_caller]
    pub fn refused(&mut self) -> impl Future<Output = String> {
        self.find(|event| match event {
            LinkEventKind::Refused { why, .. } => Some(why.clone()),
            _ => None,
        })
    }

    /// What is told until the link is gone.
    pub async fn rest(&mut self) -> Vec<LinkEventKind> {
        let mut rest = Vec::new();
        while let Some(event) = soon("the end of events", self.0.recv()).await {
            rest.push(event.kind);
        }
        rest
    }
}

pub struct Listening {
    pub address: SocketAddr,
    pub recorder: Recorder,
    pub events: Events,
    pub clock: Arc<AtomicI64>,
    counters: Arc<Counters>,
    stop: watch::Sender<bool>,
    serving: JoinHandle<()>,
}

impl Listening {
    pub async fn start(listen: &str) -> Self {
        Self::with(&config(listen, ""), limits(), Recorder::new()).await
    }

    pub async fn with(config: &SyslogConfig, limits: Limits, recorder: Recorder) -> Self {
        let clock = Arc::new(AtomicI64::new(1_000_000));
        let (link, events) = bind(config, limits, &clock).await;
        Self::serve(link, events, clock, recorder)
    }

    pub fn serve(link: SyslogLink, events: Events, clock: Arc<AtomicI64>, recorder: Recorder) -> Self {
        let (address, counters) = (link.local_address().unwrap(), link.counters());
        let (stop, stopped) = watch::channel(false);
        let serving = tokio::spawn(link.serve(recorder.clone(), stopped));
        Self { address, recorder, events, clock, counters, stop, serving }
    }

    pub fn port(&self) -> String {
        self.address.port().to_string()
    }

    pub fn counted(&self) -> Counted {
        self.counters.read()
    }

    /// Tells it to stop, without waiting.
    pub fn stop(&self) {
        self.stop.send_replace(true);
    }

    /// Waits until it has stopped; what it told until then.
    pub async fn ended(mut self) -> Vec<LinkEventKind> {
        soon("the link's end", self.serving).await.unwrap();
        self.events.rest().await
    }

    /// Ends it without a word, as a power cut would.
    pub async fn killed(self) -> Recorder {
        self.serving.abort();
        let _ = soon("the link's end", self.serving).await;
        self.recorder
    }
}
