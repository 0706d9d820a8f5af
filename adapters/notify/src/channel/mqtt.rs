//! MQTT 3.1.1 publish, QoS 1: delivered once the broker's PUBACK came.
//!
//! One connection a delivery: alerts are rare, and a connection that is made anew each time
//! can't be silently dead. A repeated attempt carries the same `delivery` in its payload.

use std::path::PathBuf;

use kukaku_schema::{DurationUs, Lang, UtcMicros};
use rumqttc::{
    AsyncClient, Broker, ConnectReturnCode, ConnectionError, Event, EventLoop, MqttOptions, Packet, PublishOptions,
    QoS, TlsConfiguration, Transport,
};
use serde::{Deserialize, Serialize};

use super::{chain, within};
use crate::alert::{Alert, Delivered};
use crate::config::{
    Account, ChannelId, Secret, allow_plain, default_timeout, is_loopback, read_secret, split_address, timeout_of,
};
use crate::error::{ConfigError, DeliveryError};
use crate::text::{headline, one_line};
use crate::{tls, words};

/// Requests that wait for the connection: one publish and the farewell.
const QUEUE_MAX: usize = 4;

/// How long the farewell may take.
const GOODBYE_WAIT: std::time::Duration = std::time::Duration::from_secs(1);

/// Longest topic in bytes; MQTT permits 65,535, brokers often far less.
const TOPIC_MAX_BYTES: usize = 1_024;

/// One broker that alerts are published to: `[[alerts.mqtt]]`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MqttConfig {
    /// Its id, also the client id at the broker (`kukaku-alert-<id>`).
    pub id: ChannelId,
    /// The language of its messages.
    #[serde(default, with = "words::lang")]
    pub lang: Lang,
    /// The broker, `broker.example.jp:8883`.
    pub address: String,
    /// Whether the connection is TLS; without it only on this machine, or with `allow_plain`.
    #[serde(default = "yes")]
    pub tls: bool,
    /// The CA that the broker's certificate must come from; default: those of this machine.
    #[serde(default)]
    pub ca_file: Option<PathBuf>,
    /// Permits plain text over a network.
    #[serde(default)]
    pub allow_plain: bool,
    /// Name and password, where the broker wants them.
    #[serde(default)]
    pub account: Option<Account>,
    /// The topic; `{kind}`, `{severity}`, `{state}`, `{client}`, `{finding}` are replaced, and
    /// what has a meaning in topics (`/`, `+`, `#`) is replaced in them by `_`.
    #[serde(default = "topic")]
    pub topic: String,
    /// Whether the broker keeps the last message of each topic for those who come later.
    #[serde(default)]
    pub retain: bool,
    /// The longest time that a delivery may take.
    #[serde(default = "default_timeout")]
    pub timeout: DurationUs,
}

fn yes() -> bool {
    true
}

fn topic() -> String {
    "kukaku-alerts/{severity}/{kind}".to_owned()
}

/// What is published; `version` changes when a field changes its meaning.
#[derive(Serialize)]
struct Payload<'a> {
    version: u32,
    delivery: String,
    headline: String,
    alert: &'a Alert,
}

/// A broker, ready.
#[derive(Debug)]
pub struct Mqtt {
    config: MqttConfig,
    host: String,
    port: u16,
    password: Option<Secret>,
    tls: Option<std::sync::Arc<rustls::ClientConfig>>,
}

impl Mqtt {
    /// Checks the configuration and reads its files.
    ///
    /// # Errors
    /// Names the field that can't work.
    pub fn open(config: MqttConfig) -> Result<Self, ConfigError> {
        let (host, port) = split_address(&config.id, "address", &config.address)?;
        if !config.tls {
            allow_plain(&config.id, "tls", &host, config.allow_plain)?;
            if config.account.is_some() && !is_loopback(&host) {
                let reason = "a password never goes over a network without TLS";
                return Err(ConfigError::value(config.id.as_str(), "account", reason));
            }
        }
        check_topic(&config)?;
        let tls = if config.tls { Some(tls::client(&config.id, config.ca_file.as_deref())?) } else { None };
        let password = match &config.account {
            Some(account) => Some(read_secret(&config.id, "account.password_file", &account.password_file)?),
            None => None,
        };
        Ok(Self { config, host, port, password, tls })
    }

    /// Its configuration.
    #[must_use]
    pub fn config(&self) -> &MqttConfig {
        &self.config
    }

    /// Publishes the alert and waits for the PUBACK.
    ///
    /// # Errors
    /// `Refused` where the broker doesn't let this client in, else `Retry`.
    pub async fn deliver(&self, alert: &Alert, _now: UtcMicros) -> Result<Delivered, DeliveryError> {
        let payload =
            Payload { version: 1, delivery: alert.delivery_id(&self.config.id), headline: headline(alert), alert };
        let payload = serde_json::to_vec(&payload)
            .map_err(|e| DeliveryError::Refused(format!("write the alert as JSON: {e}")))?;
        let topic = topic_of(&self.config.topic, alert);
        let limit = timeout_of(self.config.timeout);
        within(limit, &format!("broker {}", self.config.address), self.publish(topic, payload)).await
    }

    async fn publish(&self, topic: String, payload: Vec<u8>) -> Result<Delivered, DeliveryError> {
        let (client, mut link) = AsyncClient::builder(self.options()).capacity(QUEUE_MAX).build();
        loop {
            match link.poll().await {
                Ok(Event::Incoming(Packet::ConnAck(_))) => {
                    let options = PublishOptions::new(QoS::AtLeastOnce).retain(self.config.retain);
                    client
                        .publish(topic.clone(), payload.clone(), options)
                        .await
                        .map_err(|e| DeliveryError::Refused(format!("publish to {topic:?}: {}", chain(&e))))?;
                }
                // The only publish of this connection, so it is ours.
                Ok(Event::Incoming(Packet::PubAck(_))) => break,
                Ok(_) => {}
                Err(error) => return Err(self.judge(&error)),
            }
        }
        say_goodbye(&client, &mut link).await;
        Ok(Delivered { confirmed: true, note: format!("PUBACK, topic {}", one_line(&topic, 200)) })
    }

    fn options(&self) -> MqttOptions {
        let client_id = format!("kukaku-alert-{}", self.config.id);
        let mut options = MqttOptions::new(client_id, Broker::tcp(self.host.clone(), self.port));
        options.set_clean_session(true);
        if let Some(tls) = &self.tls {
            options.set_transport(Transport::Tls(TlsConfiguration::Rustls(tls.clone())));
        }
        if let (Some(account), Some(password)) = (&self.config.account, &self.password) {
            options.set_credentials(account.user.clone(), password.bytes().to_vec());
        }
        options
    }

    fn judge(&self, error: &ConnectionError) -> DeliveryError {
        let text = format!("broker {}: {}", self.config.address, chain(error));
        match error {
            ConnectionError::ConnectionRefused(ConnectReturnCode::ServiceUnavailable) => DeliveryError::Retry(text),
            ConnectionError::ConnectionRefused(_) => DeliveryError::Refused(text),
            _ => DeliveryError::Retry(text),
        }
    }
}

/// Ends the connection in order, so that the broker doesn't log a loss. The message is safe by
/// now: whatever happens here changes nothing.
async fn say_goodbye(client: &AsyncClient, link: &mut EventLoop) {
    if client.try_disconnect().is_ok() {
        let sent = async {
            while link.poll().await.is_ok_and(|event| !matches!(event, Event::Outgoing(rumqttc::Outgoing::Disconnect)))
            {
            }
        };
        // A peer that hangs now must not turn a delivery into a failure.
        let _ = tokio::time::timeout(GOODBYE_WAIT, sent).await;
    }
}

fn check_topic(config: &MqttConfig) -> Result<(), ConfigError> {
    let wrong = |reason: String| Err(ConfigError::value(config.id.as_str(), "topic", reason));
    let mut rest = config.topic.clone();
    for (name, _) in FIELDS {
        rest = rest.replace(&format!("{{{name}}}"), "");
    }
    if let Some(c) = rest.chars().find(|c| matches!(c, '{' | '}' | '+' | '#') || c.is_control()) {
        return wrong(format!(
            "{:?} holds {c:?}; fields are {{kind}} {{severity}} {{state}} {{client}} {{finding}}",
            config.topic
        ));
    }
    if config.topic.is_empty() || config.topic.starts_with('$') || config.topic.len() > TOPIC_MAX_BYTES / 2 {
        return wrong(format!("{:?} must have 1 to {} bytes and not begin with $", config.topic, TOPIC_MAX_BYTES / 2));
    }
    Ok(())
}

type Field = fn(&Alert) -> &str;

/// What a topic may be made of.
const FIELDS: [(&str, Field); 5] = [
    ("kind", |alert| alert.kind.word()),
    ("severity", |alert| alert.severity.word()),
    ("state", |alert| alert.state.word()),
    ("client", |alert| alert.client.as_deref().unwrap_or("site")),
    ("finding", |alert| &alert.finding),
];

/// The topic of an alert. One pass over the template: a value is never read as a template.
fn topic_of(template: &str, alert: &Alert) -> String {
    let mut out = String::new();
    let mut rest = template;
    while let Some(open) = rest.find('{') {
        out.push_str(&rest[..open]);
        rest = &rest[open..];
        let field =
            FIELDS.iter().find(|(name, _)| rest[1..].starts_with(name) && rest[1 + name.len()..].starts_with('}'));
        match field {
            Some((name, value)) => {
                out.push_str(&topic_part(value(alert)));
                rest = &rest[name.len() + 2..];
            }
            None => {
                out.push('{');
                rest = &rest[1..];
            }
        }
    }
    out.push_str(rest);
    let mut end = out.len().min(TOPIC_MAX_BYTES);
    while !out.is_char_boundary(end) {
        end -= 1;
    }
    out.truncate(end);
    out
}

/// A value as one level of a topic: nothing in it can open another level or a wildcard.
fn topic_part(value: &str) -> String {
    let part: String = one_line(value, 100)
        .chars()
        .map(|c| if matches!(c, '/' | '+' | '#' | '$' | '\u{FFFD}' | ' ') { '_' } else { c })
        .collect();
    if part.is_empty() { "_".to_owned() } else { part }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::sample::alert;

    #[test]
    fn a_hostile_name_opens_no_other_topic() {
        let mut hostile = alert();
        hostile.client = Some("市/#/+\u{0}{finding}".to_owned());
        hostile.finding = "f/1".to_owned();
        assert_eq!(topic_of("a/{client}/{finding}/{kind}", &hostile), "a/市_____{finding}/f_1/absent");
    }

    #[test]
    fn an_unknown_field_in_the_template_is_named() {
        let config: MqttConfig =
            toml::from_str("id='b'\naddress='127.0.0.1:1883'\ntls=false\ntopic='a/{who}'").unwrap();
        let error = Mqtt::open(config).unwrap_err().to_string();
        assert!(error.contains("{kind}"), "{error}");
    }
}
