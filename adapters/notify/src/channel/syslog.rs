//! Syslog (RFC 5424) over UDP (RFC 5426), TCP with octet counting (RFC 6587 section 3.4.1) and
//! TLS (RFC 5425).
//!
//! Syslog has no answer. Over TCP and TLS the connection is closed in order and the peer's own
//! close is awaited: a receiver that died meanwhile shows as a reset, and the message is sent
//! again. That is still no proof, so `Delivered::confirmed` is false on every transport.

use std::path::PathBuf;
use std::sync::Arc;

use kukaku_schema::{DurationUs, Lang, Severity, UtcMicros};
use rustls_pki_types::ServerName;
use serde::Deserialize;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{TcpStream, UdpSocket};

use super::{said, within};
use crate::alert::{Alert, AlertState, Delivered};
use crate::config::{ChannelId, allow_plain, default_timeout, split_address, timeout_of};
use crate::error::{ConfigError, DeliveryError};
use crate::siem::{self, AlertFormat};
use crate::{text, tls, words};

/// Longest message over UDP in bytes: what every receiver should take (RFC 5426 section 3.2).
const UDP_MAX_BYTES: usize = 2_048;

/// Longest message over TCP and TLS in bytes: what every receiver should take (RFC 5425 section 4.3.1).
const STREAM_MAX_BYTES: usize = 8_192;

/// Longest parameter value in the structured data, in characters.
const PARAM_MAX_CHARS: usize = 200;

/// How long the peer's close is awaited; one that keeps the connection open is no failure.
const CLOSE_WAIT: std::time::Duration = std::time::Duration::from_secs(2);

/// How messages get to the receiver.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SyslogTransport {
    /// Datagrams: can be lost without a trace. Port 514.
    Udp,
    /// A stream. Port 601 or 514.
    Tcp,
    /// A stream under TLS. Port 6514.
    Tls,
}

/// One syslog receiver: `[[alerts.syslog]]`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SyslogConfig {
    /// Its id.
    pub id: ChannelId,
    /// The language of its messages.
    #[serde(default, with = "words::lang")]
    pub lang: Lang,
    /// The receiver, `log.example.jp:6514`.
    pub address: String,
    /// How messages get there.
    #[serde(default = "over_tls")]
    pub transport: SyslogTransport,
    /// The CA that the receiver's certificate must come from; default: those of this machine.
    #[serde(default)]
    pub ca_file: Option<PathBuf>,
    /// Permits plain text over a network.
    #[serde(default)]
    pub allow_plain: bool,
    /// The facility, 0 to 23 (RFC 5424 section 6.2.1); default 16, local0.
    #[serde(default = "local0")]
    pub facility: u8,
    /// The name of this machine in the messages; default `-`, not known.
    #[serde(default = "nil")]
    pub hostname: String,
    /// The id of the structured data. Private ones need the enterprise number of whoever defines
    /// them; 32473 is the one for documentation (RFC 5612).
    #[serde(default = "example_sd_id")]
    pub sd_id: String,
    /// How the message is written: `"kukaku"` for people, `"cef"` or `"ocsf"` for a security system.
    #[serde(default)]
    pub format: AlertFormat,
    /// The longest time that a delivery may take.
    #[serde(default = "default_timeout")]
    pub timeout: DurationUs,
}

fn over_tls() -> SyslogTransport {
    SyslogTransport::Tls
}

fn local0() -> u8 {
    16
}

fn nil() -> String {
    "-".to_owned()
}

fn example_sd_id() -> String {
    "kukaku@32473".to_owned()
}

/// A receiver, ready.
#[derive(Debug)]
pub struct Syslog {
    config: SyslogConfig,
    host: String,
    port: u16,
    tls: Option<(Arc<rustls::ClientConfig>, ServerName<'static>)>,
}

impl Syslog {
    /// Checks the configuration and reads its files.
    ///
    /// # Errors
    /// Names the field that can't work.
    pub fn open(config: SyslogConfig) -> Result<Self, ConfigError> {
        let wrong = |field, reason: &str| ConfigError::value(config.id.as_str(), field, reason);
        let (host, port) = split_address(&config.id, "address", &config.address)?;
        if config.facility > 23 {
            return Err(wrong("facility", "must lie between 0 and 23"));
        }
        // HOSTNAME is 1 to 255, SD-NAME 1 to 32 printable ASCII characters; the latter without
        // what ends it (RFC 5424 section 6).
        let printable = |t: &str, max: usize| (1..=max).contains(&t.len()) && t.bytes().all(|b| b.is_ascii_graphic());
        if !printable(&config.hostname, 255) {
            return Err(wrong("hostname", "must have 1 to 255 printable ASCII characters"));
        }
        if !printable(&config.sd_id, 32) || config.sd_id.contains(['=', ']', '"']) {
            return Err(wrong("sd_id", "must have 1 to 32 printable ASCII characters, none of = ] \""));
        }
        let tls = if config.transport == SyslogTransport::Tls {
            let name = ServerName::try_from(host.clone())
                .map_err(|_| wrong("address", "its host is no name that a certificate can hold"))?;
            Some((tls::client(&config.id, config.ca_file.as_deref())?, name))
        } else {
            allow_plain(&config.id, "transport", &host, config.allow_plain)?;
            None
        };
        Ok(Self { config, host, port, tls })
    }

    /// Its configuration.
    #[must_use]
    pub fn config(&self) -> &SyslogConfig {
        &self.config
    }

    /// Sends the message.
    ///
    /// # Errors
    /// `Retry` for everything: a receiver that refuses can't say so.
    pub async fn deliver(&self, alert: &Alert, now: UtcMicros) -> Result<Delivered, DeliveryError> {
        let limit = timeout_of(self.config.timeout);
        let what = format!("syslog receiver {}", self.config.address);
        let sent =
            async { self.send(alert, now).await.map_err(|e| DeliveryError::Retry(format!("{what}: {}", said(e)))) };
        within(limit, &what, sent).await?;
        Ok(Delivered { confirmed: false, note: "sent; syslog has no confirmation".to_owned() })
    }

    async fn send(&self, alert: &Alert, now: UtcMicros) -> std::io::Result<()> {
        if self.config.transport == SyslogTransport::Udp {
            return self.send_datagram(&syslog_message(&self.config, alert, now, UDP_MAX_BYTES)).await;
        }
        let message = syslog_message(&self.config, alert, now, STREAM_MAX_BYTES);
        let mut frame = format!("{} ", message.len()).into_bytes();
        frame.extend_from_slice(&message);
        let stream = TcpStream::connect((self.host.as_str(), self.port)).await?;
        match &self.tls {
            None => send_frame(stream, &frame).await,
            Some((config, name)) => {
                let connector = tokio_rustls::TlsConnector::from(config.clone());
                send_frame(connector.connect(name.clone(), stream).await?, &frame).await
            }
        }
    }

    async fn send_datagram(&self, message: &[u8]) -> std::io::Result<()> {
        let mut last = std::io::Error::new(std::io::ErrorKind::NotFound, "the host has no address");
        for receiver in tokio::net::lookup_host((self.host.as_str(), self.port)).await? {
            let any: std::net::SocketAddr = if receiver.is_ipv4() {
                (std::net::Ipv4Addr::UNSPECIFIED, 0).into()
            } else {
                (std::net::Ipv6Addr::UNSPECIFIED, 0).into()
            };
            let socket = UdpSocket::bind(any).await?;
            match socket.send_to(message, receiver).await {
                Ok(_) => return Ok(()),
                Err(error) => last = error,
            }
        }
        Err(last)
    }
}

/// Writes the frame, closes our half, and waits for the peer to close its own.
async fn send_frame(mut stream: impl AsyncRead + AsyncWrite + Unpin, frame: &[u8]) -> std::io::Result<()> {
    stream.write_all(frame).await?;
    stream.shutdown().await?;
    let mut rest = [0_u8; 256];
    let closed = async {
        while stream.read(&mut rest).await? > 0 {}
        Ok::<(), std::io::Error>(())
    };
    match tokio::time::timeout(CLOSE_WAIT, closed).await {
        // Many TLS receivers close the connection without saying so first: no loss.
        Ok(Err(e)) if e.kind() == std::io::ErrorKind::UnexpectedEof => Ok(()),
        Ok(result) => result,
        Err(_) => Ok(()),
    }
}

/// The message of RFC 5424 section 6, at most `max_bytes` long; the text at its end is cut.
#[must_use]
pub fn syslog_message(config: &SyslogConfig, alert: &Alert, now: UtcMicros, max_bytes: usize) -> Vec<u8> {
    let severity = match (alert.state, alert.severity) {
        (AlertState::Resolved, _) => 5, // notice
        (_, Severity::Critical) => 2,
        (_, Severity::High) => 3,
        (_, Severity::Medium) => 4,
    };
    let priority = u32::from(config.facility) * 8 + severity;
    let mut out = format!("<{priority}>1 {} {} kukaku - {} ", now.to_rfc3339_utc(), config.hostname, alert.kind.word());
    match config.format {
        AlertFormat::Kukaku => {
            out.push_str(&structured(config, alert));
            // The byte order mark says that what follows is UTF-8 (section 6.4).
            out.push_str(" \u{FEFF}");
            out.push_str(&text::line(alert));
        }
        // What reads these reads nothing beside them.
        AlertFormat::Cef => out.push_str(&format!("- {}", siem::cef(alert))),
        AlertFormat::Ocsf => {
            let rest = max_bytes.saturating_sub(out.len() + 2);
            out.push_str(&format!("- {}", siem::ocsf_within(alert, rest)));
        }
    }
    let mut end = out.len().min(max_bytes);
    while !out.is_char_boundary(end) {
        end -= 1;
    }
    out.truncate(end);
    out.into_bytes()
}

/// The structured data: what tells the message from others (section 6.3).
fn structured(config: &SyslogConfig, alert: &Alert) -> String {
    let mut out = format!("[{}", config.sd_id);
    let params = [
        ("delivery", alert.delivery_id(&config.id)),
        ("finding", alert.finding.clone()),
        ("revision", alert.revision.to_string()),
        ("state", alert.state.word().to_owned()),
        ("severity", alert.severity.word().to_owned()),
        ("client", alert.client.clone().unwrap_or_default()),
        ("since", alert.since.to_rfc3339_utc()),
    ];
    for (name, value) in params {
        if !value.is_empty() {
            out.push_str(&format!(" {name}=\"{}\"", escaped(&value)));
        }
    }
    out.push(']');
    out
}

/// A parameter value: on one line, with `"`, `\` and `]` escaped (section 6.3.3).
fn escaped(value: &str) -> String {
    let mut out = String::new();
    for c in text::one_line(value, PARAM_MAX_CHARS).chars() {
        if matches!(c, '"' | '\\' | ']') {
            out.push('\\');
        }
        out.push(c);
    }
    out
}
