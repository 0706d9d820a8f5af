//! Webhook: the alert as JSON by HTTP POST, signed and time-stamped.
//! How a receiver verifies it stands at [`Webhook`].

use std::path::PathBuf;

use hmac::{Hmac, KeyInit as _, Mac as _};
use kukaku_schema::{DurationUs, Lang, UtcMicros};
use serde::{Deserialize, Serialize};
use sha2::Sha256;
use ureq::Agent;
use ureq::tls::{Certificate, RootCerts, TlsConfig};

use super::{chain, said};
use crate::alert::{Alert, Delivered, hex};
use crate::config::{ChannelId, Secret, allow_plain, default_timeout, read_secret, timeout_of};
use crate::error::{ConfigError, DeliveryError};
use crate::siem::{self, AlertFormat};
use crate::{tls, words};

/// Shortest key in bytes: shorter ones can be guessed.
const KEY_MIN_BYTES: usize = 16;

/// How much of an answer is read, in bytes: enough for an error text, no more.
const ANSWER_MAX_BYTES: u64 = 4 * 1024;

/// One webhook: `[[alerts.webhook]]`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WebhookConfig {
    /// Its id.
    pub id: ChannelId,
    /// The language of its messages.
    #[serde(default, with = "words::lang")]
    pub lang: Lang,
    /// Where to: `https://…`; `http://` on this machine, or with `allow_plain`.
    pub url: String,
    /// The file that holds the shared key, at least 16 bytes; not readable for everybody.
    pub key_file: PathBuf,
    /// The CA that the server's certificate must come from; default: those of this machine.
    #[serde(default)]
    pub ca_file: Option<PathBuf>,
    /// Permits plain text over a network. The signature stops forgery, not reading.
    #[serde(default)]
    pub allow_plain: bool,
    /// What is posted: `"kukaku"`, or `"ocsf"` for a security system.
    #[serde(default)]
    pub format: AlertFormat,
    /// The longest time that a delivery may take.
    #[serde(default = "default_timeout")]
    pub timeout: DurationUs,
}

/// What is posted; `version` changes when a field changes its meaning.
#[derive(Serialize)]
struct Body<'a> {
    version: u32,
    delivery: &'a str,
    alert: &'a Alert,
}

/// A webhook, ready.
///
/// # How a receiver verifies it
/// 1. Take the headers `Kukaku-Timestamp` (seconds since 1970, UTC) and `Kukaku-Signature`
///    (`v1=` and 64 hexadecimal digits), and the body as raw bytes, before any JSON is read.
/// 2. Compute HMAC-SHA256 with the shared key over `timestamp || "." || body`, and compare it
///    with the digits in constant time. Unequal: answer 401 and forget it.
/// 3. Refuse a timestamp more than five minutes off the own clock: that stops a replay.
/// 4. Remember `Kukaku-Delivery` (32 hexadecimal digits, one an alert and channel) for at
///    least as long as kukaku retries (a week by default): one seen before was answered already.
/// 5. Answer 2xx once the alert is kept. 408, 425, 429 and 5xx are tried again soon; any other
///    answer, a redirect too, is shown to the site's manager and tried again rarely.
#[derive(Debug)]
pub struct Webhook {
    config: WebhookConfig,
    key: Secret,
    agent: Agent,
}

/// The value of `Kukaku-Signature` for a body sent at `timestamp_s`.
#[must_use]
pub fn sign(key: &[u8], timestamp_s: i64, body: &[u8]) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes a key of any length");
    mac.update(timestamp_s.to_string().as_bytes());
    mac.update(b".");
    mac.update(body);
    format!("v1={}", hex(&mac.finalize().into_bytes()))
}

impl Webhook {
    /// Checks the configuration and reads its files.
    ///
    /// # Errors
    /// Names the field that can't work.
    pub fn open(config: WebhookConfig) -> Result<Self, ConfigError> {
        let wrong = |field, reason: String| ConfigError::value(config.id.as_str(), field, reason);
        let uri: ureq::http::Uri = config.url.parse().map_err(|e| wrong("url", format!("{:?}: {e}", config.url)))?;
        let host = uri.host().unwrap_or_default().trim_matches(['[', ']']);
        if uri.authority().is_some_and(|a| a.as_str().contains('@')) {
            return Err(wrong("url", "no password in an address: the signature proves the sender".to_owned()));
        }
        match uri.scheme_str() {
            Some("https") if !host.is_empty() => {}
            Some("http") if !host.is_empty() => allow_plain(&config.id, "url", host, config.allow_plain)?,
            _ => {
                return Err(wrong("url", format!("{:?} is no https address", config.url)));
            }
        }
        if config.format == AlertFormat::Cef {
            return Err(wrong("format", "CEF goes over syslog: \"kukaku\" or \"ocsf\"".to_owned()));
        }
        let key = read_secret(&config.id, "key_file", &config.key_file)?;
        if key.bytes().len() < KEY_MIN_BYTES {
            return Err(wrong("key_file", format!("the key has fewer than {KEY_MIN_BYTES} bytes")));
        }
        let mut agent = Agent::config_builder()
            .http_status_as_error(false)
            // A redirect would take the alert to a place that nobody configured.
            .max_redirects(0)
            .max_redirects_will_error(false)
            .proxy(None)
            // Alerts are rare: a connection kept would be dead when the next one comes.
            .max_idle_connections(0)
            .timeout_global(Some(timeout_of(config.timeout)))
            .max_response_header_size(16 * 1024)
            .user_agent(concat!("kukaku/", env!("CARGO_PKG_VERSION")));
        if uri.scheme_str() == Some("https") {
            let roots: Vec<_> = tls::trusted(&config.id, config.ca_file.as_deref())?
                .iter()
                .map(|der| Certificate::from_der(der).to_owned())
                .collect();
            agent = agent.tls_config(
                TlsConfig::builder()
                    .root_certs(RootCerts::new_with_certs(&roots))
                    .unversioned_rustls_crypto_provider(tls::provider())
                    .build(),
            );
        }
        let agent = agent.build().new_agent();
        Ok(Self { config, key, agent })
    }

    /// Its configuration.
    #[must_use]
    pub fn config(&self) -> &WebhookConfig {
        &self.config
    }

    /// Posts the alert.
    ///
    /// # Errors
    /// `Refused` for an answer that says the request itself is wrong, else `Retry`.
    pub async fn deliver(&self, alert: &Alert, now: UtcMicros) -> Result<Delivered, DeliveryError> {
        let delivery = alert.delivery_id(&self.config.id);
        let body = match self.config.format {
            AlertFormat::Ocsf => serde_json::to_vec(&siem::ocsf(alert)),
            _ => serde_json::to_vec(&Body { version: 1, delivery: &delivery, alert }),
        };
        let body = body.map_err(|e| DeliveryError::Refused(format!("write the alert as JSON: {e}")))?;
        let timestamp_s = now.0.div_euclid(1_000_000);
        let signature = sign(self.key.bytes(), timestamp_s, &body);
        let request = self
            .agent
            .post(&self.config.url)
            .header("Content-Type", "application/json; charset=utf-8")
            .header("Kukaku-Delivery", &delivery)
            .header("Kukaku-Timestamp", timestamp_s.to_string())
            .header("Kukaku-Signature", signature);
        // The client blocks; its own time-out ends the thread.
        let answer = tokio::task::spawn_blocking(move || request.send(&body[..]).map(read_answer))
            .await
            .map_err(|e| DeliveryError::Retry(format!("webhook: {}", chain(&e))))?;
        let (status, text) =
            answer.map_err(|e| DeliveryError::Retry(format!("webhook {}: {}", self.config.url, chain(&e))))?;
        let told = format!("webhook {}: answered {status} {}", self.config.url, said(text));
        match status {
            200..=299 => Ok(Delivered { confirmed: true, note: status.to_string() }),
            408 | 425 | 429 | 500..=599 => Err(DeliveryError::Retry(told)),
            _ => Err(DeliveryError::Refused(told)),
        }
    }
}

/// The status and the beginning of the body; a body that breaks off doesn't undo the status.
fn read_answer(mut response: ureq::http::Response<ureq::Body>) -> (u16, String) {
    use std::io::Read as _;
    let status = response.status().as_u16();
    let mut text = Vec::new();
    if response.body_mut().as_reader().take(ANSWER_MAX_BYTES).read_to_end(&mut text).is_err() {
        text.clear();
    }
    (status, String::from_utf8_lossy(&text).into_owned())
}
