//! A listener under test.

use std::net::SocketAddr;
use std::sync::Arc;

use kukaku_mqtt::listener::{Limits, Listener, ListenerConfig, User};
use kukaku_mqtt::{Counted, Counters};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use super::{Events, Recorder, soon};

pub struct Listening {
    pub address: SocketAddr,
    pub recorder: Recorder,
    pub events: Events,
    counters: Arc<Counters>,
    stop: watch::Sender<bool>,
    serving: JoinHandle<()>,
}

/// `panel` speaks for panel-1 and panel-2, `vpn` for vpn-1. The hash of a password is its reverse.
pub fn users() -> Vec<User> {
    let user = |name: &str, sources: &[&str]| User {
        name: name.to_owned(),
        password_hash: Some(format!("{name}-secret").chars().rev().collect()),
        certificate: None,
        sources: sources.iter().map(|source| (*source).to_owned()).collect(),
    };
    vec![user("panel", &["panel-1", "panel-2"]), user("vpn", &["vpn-1"])]
}

impl Listening {
    pub async fn start() -> Self {
        Self::with(users(), Limits::default(), None).await
    }

    pub async fn limited(limits: Limits) -> Self {
        Self::with(users(), limits, None).await
    }

    pub async fn with(users: Vec<User>, limits: Limits, tls: Option<Arc<rustls::ServerConfig>>) -> Self {
        let (events, report) = Events::new();
        let config =
            ListenerConfig { address: ([127, 0, 0, 1], 0).into(), tls, users, link: "mqtt".to_owned(), limits };
        let verify = Arc::new(|hash: &str, password: &[u8]| hash.bytes().rev().eq(password.iter().copied()));
        let listener = Listener::bind(config, verify, report).await.unwrap();
        let address = listener.local_address().unwrap();
        let counters = listener.counters();
        let recorder = Recorder::new();
        let (stop, stopped) = watch::channel(false);
        let serving = tokio::spawn(listener.serve(recorder.clone(), stopped));
        Self { address, recorder, events, counters, stop, serving }
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

    /// Waits until it has stopped.
    pub async fn ended(self) {
        soon("the listener's end", self.serving).await.unwrap();
    }
}
