//! Mail over SMTP (RFC 5321), with TLS.
//!
//! A finding is one thread: the Message-ID of revision `n` is stable, so a repeated attempt is
//! the same mail, and every later revision refers to the first (RFC 5322 section 3.6.4).

use std::path::PathBuf;
use std::time::{Duration, UNIX_EPOCH};

use kukaku_schema::{DurationUs, Lang, UtcMicros};
use lettre::message::header::{ContentType, HeaderName, HeaderValue};
use lettre::message::{Mailbox, Message, MessageBuilder};
use lettre::transport::smtp::authentication::Credentials;
use lettre::transport::smtp::client::{Certificate, CertificateStore, Tls, TlsParameters};
use lettre::transport::smtp::extension::ClientId;
use lettre::transport::smtp::{AsyncSmtpTransport, Error as SmtpError};
use lettre::{Address, AsyncTransport as _, Tokio1Executor};
use serde::Deserialize;

use super::{chain, within};
use crate::alert::{Alert, Delivered};
use crate::config::{Account, ChannelId, allow_plain, default_timeout, is_loopback, read_secret, timeout_of};
use crate::error::{ConfigError, DeliveryError};
use crate::letter::Letter;
use crate::{text, tls, words};

/// Most receivers of one mail; a longer list belongs into a list on the mail server.
const RECEIVERS_MAX: usize = 100;

/// How the connection to the mail server is protected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MailTls {
    /// STARTTLS, demanded: without it nothing is sent. Port 587.
    Starttls,
    /// TLS from the first byte. Port 465.
    Implicit,
    /// None: on this machine, or with `allow_plain`. Port 25.
    None,
}

/// One mail channel: `[[alerts.mail]]`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MailConfig {
    /// Its id.
    pub id: ChannelId,
    /// The language of its messages.
    #[serde(default, with = "words::lang")]
    pub lang: Lang,
    /// The mail server's name, as its certificate says it.
    pub server: String,
    /// Its port; default by `tls`.
    #[serde(default)]
    pub port: Option<u16>,
    /// How the connection is protected.
    #[serde(default = "starttls")]
    pub tls: MailTls,
    /// The CA that the server's certificate must come from; default: those of this machine.
    #[serde(default)]
    pub ca_file: Option<PathBuf>,
    /// Permits plain text over a network. Whoever listens there reads who was where.
    #[serde(default)]
    pub allow_plain: bool,
    /// Name and password, where the server wants them.
    #[serde(default)]
    pub account: Option<Account>,
    /// The sender, `kukaku <kukaku@example.jp>`.
    pub from: String,
    /// The receivers.
    pub to: Vec<String>,
    /// The longest time that a delivery may take.
    #[serde(default = "default_timeout")]
    pub timeout: DurationUs,
}

fn starttls() -> MailTls {
    MailTls::Starttls
}

/// A mail channel, ready.
pub struct Mail {
    config: MailConfig,
    from: Mailbox,
    to: Vec<Mailbox>,
    transport: AsyncSmtpTransport<Tokio1Executor>,
}

impl std::fmt::Debug for Mail {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Mail").field("config", &self.config).finish_non_exhaustive()
    }
}

impl Mail {
    /// Checks the configuration and reads its files.
    ///
    /// # Errors
    /// Names the field that can't work.
    pub fn open(config: MailConfig) -> Result<Self, ConfigError> {
        let wrong = |field, reason: String| ConfigError::value(config.id.as_str(), field, reason);
        let mailbox = |field, text: &str| {
            text.parse::<Mailbox>().map_err(|e| wrong(field, format!("{text:?} is no mail address: {e}")))
        };
        let from = mailbox("from", &config.from)?;
        let to: Vec<Mailbox> = config.to.iter().map(|one| mailbox("to", one)).collect::<Result<_, _>>()?;
        if to.is_empty() || to.len() > RECEIVERS_MAX {
            return Err(wrong("to", format!("needs 1 to {RECEIVERS_MAX} receivers, has {}", to.len())));
        }
        let transport = transport(&config, from.email.domain())?;
        Ok(Self { config, from, to, transport })
    }

    /// Its configuration.
    #[must_use]
    pub fn config(&self) -> &MailConfig {
        &self.config
    }

    /// The mail as it goes out: headers and body.
    ///
    /// # Errors
    /// `Refused` where the message can't be written, which no retry changes.
    pub fn message(&self, alert: &Alert, now: UtcMicros) -> Result<Message, DeliveryError> {
        let domain = self.from.email.domain();
        let id = |hex: String| format!("<kukaku-{hex}@{domain}>");
        let mut message = self
            .headed(&alert.delivery_id(&self.config.id), text::subject(alert), now)
            .raw_header(raw("X-Kukaku-Severity", alert.severity.word()))
            .raw_header(raw("X-Kukaku-State", alert.state.word()));
        for receiver in &self.to {
            message = message.to(receiver.clone());
        }
        if alert.revision != 1 {
            let first = id(alert.thread_id(&self.config.id));
            message = message.in_reply_to(first.clone()).references(first);
        }
        message.body(text::body(alert)).map_err(|e| DeliveryError::Refused(format!("write the mail: {}", chain(&e))))
    }

    /// The headers of every mail.
    fn headed(&self, id: &str, subject: String, now: UtcMicros) -> MessageBuilder {
        let sent = UNIX_EPOCH + Duration::from_micros(u64::try_from(now.0).unwrap_or(0));
        Message::builder()
            .from(self.from.clone())
            .subject(subject)
            .date(sent)
            .message_id(Some(format!("<kukaku-{id}@{}>", self.from.email.domain())))
            // No out-of-office answer is wanted (RFC 3834 section 5).
            .raw_header(raw("Auto-Submitted", "auto-generated"))
            .header(ContentType::TEXT_PLAIN)
    }

    /// Sends the mail.
    ///
    /// One dead address must not keep an alert from everybody else: when the server refuses the
    /// whole, each receiver is tried alone, and it counts as delivered if one server took it.
    ///
    /// # Errors
    /// `Refused` for a 5xx answer (address, password, policy), else `Retry`.
    pub async fn deliver(&self, alert: &Alert, now: UtcMicros) -> Result<Delivered, DeliveryError> {
        let message = self.message(alert, now)?;
        let everybody: Vec<Address> = self.to.iter().map(|one| one.email.clone()).collect();
        self.deliver_to(&everybody, &message.formatted()).await
    }

    /// Sends a letter to its own receivers instead of the channel's.
    ///
    /// # Errors
    /// As `deliver`; `Refused` too where it names no receiver that mail could go to.
    pub async fn deliver_letter(&self, letter: &Letter, now: UtcMicros) -> Result<Delivered, DeliveryError> {
        let unwritten = |why: String| DeliveryError::Refused(format!("write the mail: {why}"));
        let address = |one: &String| one.parse::<Address>().map_err(|e| unwritten(format!("{one:?}: {e}")));
        let everybody: Vec<Address> = letter.to.iter().map(address).collect::<Result<_, _>>()?;
        let mut message = self.headed(&letter.delivery_id(), letter.subject(), now);
        for receiver in &everybody {
            message = message.to(Mailbox::new(None, receiver.clone()));
        }
        let message = message.body(letter.body()).map_err(|e| unwritten(chain(&e)))?;
        self.deliver_to(&everybody, &message.formatted()).await
    }

    /// One dead address must not keep a message from everybody else.
    async fn deliver_to(&self, everybody: &[Address], bytes: &[u8]) -> Result<Delivered, DeliveryError> {
        within(timeout_of(self.config.timeout), &format!("mail server {}", self.config.server), async {
            match self.send(everybody, bytes).await {
                Ok(()) => Ok(Delivered { confirmed: true, note: format!("{} receivers", everybody.len()) }),
                Err(error) if error.is_refused() && everybody.len() > 1 => {
                    self.send_singly(everybody, bytes, error).await
                }
                Err(error) => Err(error),
            }
        })
        .await
    }

    async fn send_singly(
        &self,
        everybody: &[Address],
        bytes: &[u8],
        whole: DeliveryError,
    ) -> Result<Delivered, DeliveryError> {
        let mut refused = Vec::new();
        for receiver in everybody {
            match self.send(std::slice::from_ref(receiver), bytes).await {
                Ok(()) => {}
                Err(error) => refused.push(format!("{receiver} ({error})")),
            }
        }
        if refused.len() == everybody.len() {
            return Err(whole);
        }
        let taken = everybody.len() - refused.len();
        Ok(Delivered { confirmed: true, note: format!("{taken} receivers; not: {}", refused.join(", ")) })
    }

    async fn send(&self, receivers: &[Address], bytes: &[u8]) -> Result<(), DeliveryError> {
        let from = Some(self.from.email.clone());
        let envelope = lettre::address::Envelope::new(from, receivers.to_vec())
            .map_err(|e| DeliveryError::Refused(format!("address the mail: {}", chain(&e))))?;
        match self.transport.send_raw(&envelope, bytes).await {
            Ok(_) => Ok(()),
            Err(error) => Err(self.judge(&error)),
        }
    }

    /// 5xx and what the client itself can't do are refusals; all else may pass.
    fn judge(&self, error: &SmtpError) -> DeliveryError {
        let text = format!("mail server {}: {}", self.config.server, chain(error));
        if error.is_permanent() || error.is_client() {
            DeliveryError::Refused(text)
        } else {
            DeliveryError::Retry(text)
        }
    }
}

fn raw(name: &'static str, value: &str) -> HeaderValue {
    HeaderValue::new(HeaderName::new_from_ascii_str(name), value.to_owned())
}

fn transport(config: &MailConfig, domain: &str) -> Result<AsyncSmtpTransport<Tokio1Executor>, ConfigError> {
    let id = &config.id;
    let wrong = |field, reason: String| ConfigError::value(id.as_str(), field, reason);
    let parameters = || -> Result<TlsParameters, ConfigError> {
        let mut builder = TlsParameters::builder(config.server.clone()).certificate_store(CertificateStore::None);
        for certificate in tls::trusted(id, config.ca_file.as_deref())? {
            let der = Certificate::from_der(certificate.to_vec()).map_err(|e| wrong("ca_file", chain(&e)))?;
            builder = builder.add_root_certificate(der);
        }
        builder.build_rustls().map_err(|e| wrong("server", chain(&e)))
    };
    let (tls, port) = match config.tls {
        MailTls::Starttls => (Tls::Required(parameters()?), 587),
        MailTls::Implicit => (Tls::Wrapper(parameters()?), 465),
        MailTls::None => {
            allow_plain(id, "tls", &config.server, config.allow_plain)?;
            (Tls::None, 25)
        }
    };
    let mut builder = AsyncSmtpTransport::<Tokio1Executor>::builder_dangerous(config.server.clone())
        .port(config.port.unwrap_or(port))
        .tls(tls)
        // The sender's domain, not this machine's name: that one is nobody's business outside.
        .hello_name(ClientId::Domain(domain.to_owned()))
        .timeout(Some(timeout_of(config.timeout)));
    if let Some(account) = &config.account {
        if config.tls == MailTls::None && !is_loopback(&config.server) {
            return Err(wrong("account", "a password never goes over a network without TLS".to_owned()));
        }
        let password = read_secret(id, "account.password_file", &account.password_file)?;
        let password = password.text().ok_or_else(|| wrong("account.password_file", "not UTF-8".to_owned()))?;
        builder = builder.credentials(Credentials::new(account.user.clone(), password.to_owned()));
    }
    Ok(builder.build())
}
