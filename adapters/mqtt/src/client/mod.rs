//! The client of an existing broker.
//!
//! It subscribes at QoS 1 in a persistent session, so the broker holds what comes while we are
//! away, and acknowledges each message after its commit, in order. A message that wasn't
//! acknowledged is delivered again after a reconnect, and its identity absorbs it.
//!
//! A broker is one pipe for all its sources: a flood can't be held back alone here, the broker's
//! own limits have to do that. Retained messages come again at every subscription and are known.

mod backoff;
mod session;

use std::sync::Arc;

use kukaku_schema::intake::Intake;
use tokio::sync::watch;
use tokio::task::JoinSet;

pub use backoff::{Backoff, Jitter};
use session::Ended;

use crate::MqttError;
use crate::arrival::source_of;
use crate::event::{Counters, LinkEvent, Reporter};

/// The keep-alive: a broker that is silent for one and a half times this is given up.
const KEEP_ALIVE_DEFAULT_S: u16 = 30;

/// A broker to be a client of.
#[derive(Clone)]
pub struct ClientConfig {
    /// Name or address of the broker.
    pub host: String,
    /// Its port: 1883, 8883 with TLS.
    pub port: u16,
    /// TLS (see `kukaku_tls::client`), or none for plain TCP.
    pub tls: Option<Arc<rustls::ClientConfig>>,
    /// User name and password, where the broker wants them.
    pub credentials: Option<(String, String)>,
    /// The client identifier: the same at every start, or the broker holds nothing for us.
    pub client_id: String,
    /// What to subscribe to.
    pub topic_filter: String,
    /// Which part of a topic names the source.
    pub source: SourceOf,
    /// The link's name in every arrival: `mqtt:<broker>`.
    pub link: String,
    /// The keep-alive in seconds, 1 or more.
    pub keep_alive_s: u16,
    /// How long to wait before the next attempt.
    pub backoff: Backoff,
}

impl ClientConfig {
    /// A client of `host` with the defaults of everything else; no TLS and no password.
    #[must_use]
    pub fn new(host: impl Into<String>, port: u16, client_id: impl Into<String>) -> Self {
        let host = host.into();
        Self {
            link: format!("mqtt:{host}"),
            host,
            port,
            tls: None,
            credentials: None,
            client_id: client_id.into(),
            topic_filter: "kukaku/v1/+/#".to_owned(),
            source: SourceOf::Tree,
            keep_alive_s: KEEP_ALIVE_DEFAULT_S,
            backoff: Backoff::default(),
        }
    }

    fn broker(&self) -> String {
        format!("{}:{}", self.host, self.port)
    }

    fn check(&self) -> Result<(), MqttError> {
        let wrong = |key, what: &str| Err(MqttError::Setting { key, what: what.to_owned() });
        if self.client_id.is_empty() {
            return wrong("client_id", "empty, expected a text that stays the same at every start");
        }
        if self.keep_alive_s == 0 {
            return wrong("keep_alive_s", "0, expected 1 or more: a dead line is noticed by it");
        }
        if !rumqttc::valid_filter(&self.topic_filter) {
            return wrong("topic_filter", "no topic filter of MQTT");
        }
        if self.backoff.first.is_zero() || self.backoff.max < self.backoff.first {
            return wrong("backoff", "expected more than 0 and first <= max");
        }
        Ok(())
    }
}

/// Shows no password.
impl std::fmt::Debug for ClientConfig {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ClientConfig")
            .field("broker", &self.broker())
            .field("has_tls", &self.tls.is_some())
            .field("user", &self.credentials.as_ref().map(|(user, _)| user))
            .field("client_id", &self.client_id)
            .field("topic_filter", &self.topic_filter)
            .finish_non_exhaustive()
    }
}

/// Which part of a topic names the source. The payload must name the same.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SourceOf {
    /// `kukaku/v1/<source>/<anything>`.
    Tree,
    /// This level of the topic, counted from 0: level 1 of `gate/panel-1/events` is `panel-1`.
    Level(usize),
    /// Everything under the filter is this source's.
    Fixed(String),
}

impl SourceOf {
    /// The source that `topic` names.
    fn find<'a>(&'a self, topic: &'a str) -> Option<&'a str> {
        match self {
            Self::Tree => source_of(topic),
            Self::Level(level) => topic.split('/').nth(*level).filter(|source| !source.is_empty()),
            Self::Fixed(source) => Some(source),
        }
    }
}

/// A client, ready to run.
pub struct Client {
    config: Arc<ClientConfig>,
    report: Reporter,
    counters: Arc<Counters>,
}

impl Client {
    /// Checks the settings. Nothing is connected yet.
    ///
    /// # Errors
    /// Names the setting that is out of range.
    pub fn new(config: ClientConfig, report: Reporter) -> Result<Self, MqttError> {
        config.check()?;
        Ok(Self { config: Arc::new(config), report, counters: Arc::new(Counters::default()) })
    }

    /// What it counts.
    #[must_use]
    pub fn counters(&self) -> Arc<Counters> {
        Arc::clone(&self.counters)
    }

    /// Stays connected until `stop` says true or its sender is gone, then acknowledges what is
    /// kept within a few seconds and disconnects; the session stays at the broker.
    pub async fn run<I: Intake>(self, intake: I, mut jitter: Jitter, mut stop: watch::Receiver<bool>) {
        let mut failures = 0;
        let mut message_max = session::MESSAGE_MAX_BYTES;
        // In a set, so that dropping this future ends the session too.
        let mut sessions = JoinSet::new();
        loop {
            let config = Arc::clone(&self.config);
            let (report, counters) = (Arc::clone(&self.report), Arc::clone(&self.counters));
            sessions.spawn(session::run(config, message_max, intake.clone(), report, counters, stop.clone()));
            let ended = match sessions.join_next().await {
                Some(Ok(ended)) => ended,
                // A panic in the library is a lost connection, not a lost link.
                Some(Err(error)) => Ended { was_subscribed: false, is_too_long: false, why: Some(error.to_string()) },
                None => return,
            };
            let Some(why) = ended.why else { return };
            if ended.was_subscribed {
                failures = 0;
            }
            // Refused again and again, a message too long would block all that come after it. So it
            // is read once with the longest limit there is, and kept as unreadable.
            message_max = if ended.is_too_long { session::PROTOCOL_MAX_BYTES } else { session::MESSAGE_MAX_BYTES };
            let retry_in = self.config.backoff.delay(failures, jitter());
            failures = failures.saturating_add(1);
            (self.report)(LinkEvent::BrokerLost { broker: self.config.broker(), why, retry_in });
            tokio::select! {
                _ = stop.wait_for(|stop| *stop) => return,
                () = tokio::time::sleep(retry_in) => {}
            }
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_topic_is_mapped_to_its_source() {
        assert_eq!(SourceOf::Tree.find("kukaku/v1/panel-1/x"), Some("panel-1"));
        assert_eq!(SourceOf::Level(1).find("gate/panel-1/events"), Some("panel-1"));
        assert_eq!(SourceOf::Level(3).find("gate/panel-1/events"), None);
        assert_eq!(SourceOf::Fixed("vpn-1".to_owned()).find("anything"), Some("vpn-1"));
    }

    #[test]
    fn settings_out_of_range_are_named() {
        let refused = |change: &dyn Fn(&mut ClientConfig)| {
            let mut config = ClientConfig::new("broker", 1883, "kukaku-1");
            change(&mut config);
            Client::new(config, Arc::new(|_| {})).err().map(|e| e.to_string()).unwrap_or_default()
        };
        assert_eq!(refused(&|_| {}), "");
        assert!(refused(&|c| c.client_id.clear()).contains("client_id"));
        assert!(refused(&|c| c.keep_alive_s = 0).contains("keep_alive_s"));
        assert!(refused(&|c| c.topic_filter = "a/#/b".to_owned()).contains("topic_filter"));
        assert!(refused(&|c| c.backoff.first = Duration::ZERO).contains("backoff"));
    }

    #[test]
    fn the_password_is_not_shown() {
        let mut config = ClientConfig::new("broker", 1883, "kukaku-1");
        config.credentials = Some(("kukaku".to_owned(), "hunter2".to_owned()));
        assert!(!format!("{config:?}").contains("hunter2"));
    }
}
