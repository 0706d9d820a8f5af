//! The links of alerts: mail, webhook, MQTT publish, syslog, signal tower.
//!
//! Takes one [`Alert`] to one peer and says what became of it; decides purely who gets what
//! ([`route`]), when a failed delivery is tried again ([`Attempts`]) and how many messages a
//! channel bears ([`plan_batch`]). The outbox table and the loop that works it off are the
//! daemon's; so is the clock. Nothing here decides what a finding means, or stores anything.
//!
//! Delivery is at least once: a crash between a delivery and its row in the outbox repeats the
//! message, with the same id in every channel.

mod alert;
mod channel;
mod config;
mod error;
mod letter;
mod outbox;
mod route;
mod siem;
mod text;
mod tls;
mod words;

#[cfg(test)]
mod sample;

pub use alert::{Alert, AlertKind, AlertState, Delivered};
pub use channel::{
    Buzzer, Channel, Channels, Light, Mail, MailConfig, MailTls, Mqtt, MqttConfig, Syslog, SyslogConfig,
    SyslogTransport, TOWER_REFRESH, Tower, TowerConfig, TowerLook, TowerPattern, TowerProtocol, TowerState, Webhook,
    WebhookConfig, sign, syslog_message,
};
pub use config::{Account, AlertsConfig, ChannelId};
pub use error::{ConfigError, DeliveryError};
pub use letter::Letter;
pub use outbox::{
    Attempts, Batch, DeliveryState, GIVE_UP_NOT_BEFORE, RetryPolicy, STORM_WINDOW, StormLimit, digest, plan_batch,
};
pub use route::{Hours, Rule, Rules, route};
pub use siem::{AlertFormat, cef, ocsf};
pub use text::{body, headline, line, one_line, subject};
