//! The channels: each takes one message to one peer and says what became of it.
//!
//! None keeps a queue or tries twice: the outbox does. Every delivery ends within its time-out.

mod mail;
mod mqtt;
mod syslog;
mod tower;
mod webhook;

pub use mail::{Mail, MailConfig, MailTls};
pub use mqtt::{Mqtt, MqttConfig};
pub use syslog::{Syslog, SyslogConfig, SyslogTransport, syslog_message};
pub use tower::{Buzzer, Light, TOWER_REFRESH, Tower, TowerConfig, TowerLook, TowerPattern, TowerProtocol, TowerState};
pub use webhook::{Webhook, WebhookConfig, sign};

use kukaku_schema::UtcMicros;

use crate::alert::{Alert, Delivered};
use crate::config::{AlertsConfig, ChannelId};
use crate::error::{ConfigError, DeliveryError};
use crate::text::one_line;

/// Longest part of a peer's answer that is kept in an error, in characters.
const ANSWER_MAX_CHARS: usize = 200;

/// A channel that carries messages. Signal towers show a state instead: see [`Tower`].
#[derive(Debug)]
pub enum Channel {
    /// Mail.
    Mail(Box<Mail>),
    /// Webhook.
    Webhook(Webhook),
    /// MQTT.
    Mqtt(Mqtt),
    /// Syslog.
    Syslog(Syslog),
}

impl Channel {
    /// The id.
    #[must_use]
    pub fn id(&self) -> &ChannelId {
        match self {
            Self::Mail(channel) => &channel.config().id,
            Self::Webhook(channel) => &channel.config().id,
            Self::Mqtt(channel) => &channel.config().id,
            Self::Syslog(channel) => &channel.config().id,
        }
    }

    /// Takes one message to the peer.
    ///
    /// `now` is written into the message where its format demands the time of sending.
    ///
    /// # Errors
    /// Whether it is worth trying again, and what happened.
    pub async fn deliver(&self, alert: &Alert, now: UtcMicros) -> Result<Delivered, DeliveryError> {
        match self {
            Self::Mail(channel) => channel.deliver(alert, now).await,
            Self::Webhook(channel) => channel.deliver(alert, now).await,
            Self::Mqtt(channel) => channel.deliver(alert, now).await,
            Self::Syslog(channel) => channel.deliver(alert, now).await,
        }
    }
}

/// Every channel of a configuration, ready.
#[derive(Debug, Default)]
pub struct Channels {
    /// Those that carry messages.
    pub messages: Vec<Channel>,
    /// The signal towers.
    pub towers: Vec<Tower>,
}

impl Channels {
    /// Checks the configuration and reads the files that it names. Connects nowhere.
    ///
    /// # Errors
    /// The first thing that is wrong, with the channel and the field.
    pub fn open(config: &AlertsConfig) -> Result<Self, ConfigError> {
        config.check()?;
        let mut messages = Vec::new();
        for mail in &config.mail {
            messages.push(Channel::Mail(Box::new(Mail::open(mail.clone())?)));
        }
        for webhook in &config.webhook {
            messages.push(Channel::Webhook(Webhook::open(webhook.clone())?));
        }
        for mqtt in &config.mqtt {
            messages.push(Channel::Mqtt(Mqtt::open(mqtt.clone())?));
        }
        for syslog in &config.syslog {
            messages.push(Channel::Syslog(Syslog::open(syslog.clone())?));
        }
        let towers = config.tower.iter().cloned().map(Tower::open).collect::<Result<_, _>>()?;
        Ok(Self { messages, towers })
    }

    /// The channel of an id.
    #[must_use]
    pub fn get(&self, id: &ChannelId) -> Option<&Channel> {
        self.messages.iter().find(|channel| channel.id() == id)
    }

    /// The tower of an id.
    #[must_use]
    pub fn tower(&self, id: &ChannelId) -> Option<&Tower> {
        self.towers.iter().find(|tower| tower.config().id == *id)
    }
}

/// What a peer or a library said, fit for the page and the log.
fn said(text: impl std::fmt::Display) -> String {
    one_line(&text.to_string(), ANSWER_MAX_CHARS)
}

/// An error with all its causes on one line.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        let next = inner.to_string();
        // Many errors repeat their cause in their own text.
        if !text.contains(&next) {
            text.push_str(": ");
            text.push_str(&next);
        }
        cause = inner.source();
    }
    said(text)
}

/// Runs a delivery within its time-out.
async fn within<T>(
    limit: std::time::Duration,
    what: &str,
    delivery: impl Future<Output = Result<T, DeliveryError>>,
) -> Result<T, DeliveryError> {
    tokio::time::timeout(limit, delivery)
        .await
        .unwrap_or_else(|_| Err(DeliveryError::Retry(format!("{what}: no answer within {} s", limit.as_secs_f32()))))
}
