//! One question to one witness (C2SP `tlog-witness`, `add-checkpoint`).

use std::path::Path;
use std::time::Duration;

use kukaku_ledger::{CosignerKey, SignedNote};
use kukaku_schema::UtcMicros;
use kukaku_store::{Cosignature, cosigned_size, newest_checkpoint, newest_checkpoint_from, read_only};
use ureq::Agent;
use ureq::tls::{Certificate, PemItem, RootCerts, TlsConfig, parse_pem};

use crate::config::WitnessConfig;

/// Longest that one question may take, from the name's look-up to the last byte.
const TIME_MAX: Duration = Duration::from_secs(15);

/// Most of an answer that is read, in bytes: a cosignature has about 200.
const ANSWER_MAX_BYTES: u64 = 16 * 1024;

/// Largest head of an answer, in bytes.
const HEAD_MAX_BYTES: usize = 16 * 1024;

/// Most of what a witness says that is kept and shown, in characters.
const SAID_MAX: usize = 200;

/// Largest CA file that is read, in bytes: all public authorities together have a quarter of it.
const CA_FILE_MAX_BYTES: u64 = 1024 * 1024;

/// The witness's clock and ours may differ by so many microseconds before it is told.
const CLOCKS_APART_MAX_US: i64 = 5 * 60 * 1_000_000;

/// What came of a question.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Asked {
    /// It has cosigned the newest checkpoint already, or there is none.
    NothingNew,
    /// It cosigned.
    Cosigned {
        /// Its word, verified.
        cosignature: Cosignature,
        /// What is odd about it nevertheless.
        doubt: Option<String>,
    },
}

/// Why there is no cosignature.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// What it or the line to it said.
    pub what: String,
    /// It knows another history than ours.
    pub contradicts: bool,
}

fn trouble<T>(what: impl Into<String>) -> Result<T, Refusal> {
    Err(Refusal { what: what.into(), contradicts: false })
}

fn contradicts<T>(what: impl Into<String>) -> Result<T, Refusal> {
    Err(Refusal { what: what.into(), contradicts: true })
}

/// A witness, ready to be asked.
#[derive(Debug)]
pub struct Witness {
    name: String,
    url: String,
    key: CosignerKey,
    agent: Agent,
}

/// What a witness answered.
struct Answer {
    status: u16,
    text: String,
}

impl Witness {
    /// Reads the files that a configuration names.
    ///
    /// # Errors
    /// What is wrong with which field.
    pub fn open(config: &WitnessConfig) -> Result<Self, String> {
        let key = CosignerKey::parse(&config.key).map_err(|e| format!("key: {e}"))?;
        let mut agent = Agent::config_builder()
            .http_status_as_error(false)
            // A redirect would lead to somebody whom nobody configured.
            .max_redirects(0)
            .max_redirects_will_error(false)
            .proxy(None)
            // A minute lies between two questions: a connection kept would be dead by then.
            .max_idle_connections(0)
            .timeout_global(Some(TIME_MAX))
            .max_response_header_size(HEAD_MAX_BYTES)
            .user_agent(concat!("kukaku/", env!("CARGO_PKG_VERSION")));
        if config.url.starts_with("https://") {
            let roots = trusted(config.ca_file.as_deref()).map_err(|why| format!("ca_file: {why}"))?;
            let provider = std::sync::Arc::new(rustls::crypto::ring::default_provider());
            let tls = TlsConfig::builder()
                .root_certs(RootCerts::new_with_certs(&roots))
                .unversioned_rustls_crypto_provider(provider);
            agent = agent.tls_config(tls.build());
        }
        let url = format!("{}/add-checkpoint", config.url.trim_end_matches('/'));
        Ok(Self { name: config.name.clone(), url, key, agent: agent.build().new_agent() })
    }

    /// As people call it.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its public key.
    #[must_use]
    pub fn key(&self) -> &CosignerKey {
        &self.key
    }

    /// Asks it to cosign the newest checkpoint, with the proof from where it stood last; where it
    /// stands elsewhere, once more from there. `now` is our clock. Blocks.
    ///
    /// # Errors
    /// Why it did not.
    pub fn ask(&self, store: &Path, now: UtcMicros) -> Result<Asked, Refusal> {
        let unread = |e: kukaku_store::StoreError| Refusal { what: e.to_string(), contradicts: false };
        let conn = read_only(store).map_err(unread)?;
        // One state of the store for both questions; nothing waits for it but the log's end.
        conn.execute_batch("BEGIN DEFERRED")
            .map_err(|e| Refusal { what: format!("begin to read: {e}"), contradicts: false })?;
        let Some(newest) = newest_checkpoint(&conn).map_err(unread)? else { return Ok(Asked::NothingNew) };
        let size = newest.head.size;
        let stood = cosigned_size(&conn, &self.key.to_string()).map_err(unread)?;
        if stood == size {
            return Ok(Asked::NothingNew);
        }
        let request = |from| match newest_checkpoint_from(&conn, from) {
            Ok(Some(body)) => Ok(body),
            Ok(None) => contradicts(format!("it cosigned {from} entries, more than the {size} that are signed here")),
            Err(error) => trouble(error.to_string()),
        };
        let mut answer = self.post(&request(stood)?)?;
        let elsewhere = answer.size().filter(|elsewhere| answer.status == 409 && *elsewhere != stood);
        if let Some(elsewhere) = elsewhere {
            answer = self.post(&request(elsewhere)?)?;
        }
        let forgot = elsewhere.filter(|elsewhere| *elsewhere < stood);
        let forgot = forgot.map(|elsewhere| format!("it had cosigned {stood} entries and knew of {elsewhere} only"));
        match answer.status {
            200 => {
                let (cosignature, doubt) = self.cosigned(&newest.note, size, &answer.text, now)?;
                Ok(Asked::Cosigned { cosignature, doubt: forgot.or(doubt) })
            }
            409 if answer.size().is_some() => trouble(format!("it moves on by itself: {}", answer.said())),
            // Another root for a size, a proof that leads elsewhere, or a fork of which it knows.
            409 | 422 => contradicts(answer.said()),
            403 if answer.text.contains("two histories") => contradicts(answer.said()),
            _ => trouble(answer.said()),
        }
    }

    fn post(&self, body: &str) -> Result<Answer, Refusal> {
        use std::io::Read as _;
        let sent = self.agent.post(&self.url).header("Content-Type", "text/plain; charset=utf-8").send(body);
        let mut response = sent.map_err(|e| Refusal { what: format!("{}: {e}", self.url), contradicts: false })?;
        let status = response.status().as_u16();
        let mut text = Vec::new();
        let read = response.body_mut().as_reader().take(ANSWER_MAX_BYTES).read_to_end(&mut text);
        read.map_err(|e| Refusal { what: format!("{}: {e}", self.url), contradicts: false })?;
        Ok(Answer { status, text: String::from_utf8_lossy(&text).into_owned() })
    }

    /// The line that this witness signed, if it did, and what is odd about its clock.
    fn cosigned(
        &self,
        note: &str,
        size: u64,
        lines: &str,
        now: UtcMicros,
    ) -> Result<(Cosignature, Option<String>), Refusal> {
        let wrong = |e: kukaku_ledger::NoteError| Refusal {
            what: format!("its answer is no cosignature by {}: {e}", self.key),
            contradicts: false,
        };
        let signed = SignedNote::parse(format!("{note}{lines}").as_bytes()).map_err(wrong)?;
        let seconds = self.key.cosigned_at(&signed).map_err(wrong)?;
        let own = signed.signatures().iter().find(|s| s.name == self.key.name() && s.id == self.key.id());
        let line = own.expect("what verified is there").to_line();
        let micros = i64::try_from(seconds).ok().and_then(|s| s.checked_mul(1_000_000));
        let Some(cosigned_at) = micros.map(UtcMicros).filter(|at| *at <= UtcMicros::MAX) else {
            return trouble("its clock is beyond every calendar");
        };
        let apart = cosigned_at.0.abs_diff(now.0);
        let doubt = (apart > CLOCKS_APART_MAX_US.unsigned_abs())
            .then(|| format!("its clock and ours are {} s apart; one of them is wrong", apart / 1_000_000));
        Ok((Cosignature { size, line, cosigned_at }, doubt))
    }
}

impl Answer {
    /// The size at which the witness stands, where a 409 says it.
    fn size(&self) -> Option<u64> {
        let text = self.text.trim_end();
        text.bytes().all(|b| b.is_ascii_digit()).then(|| text.parse().ok())?
    }

    fn said(&self) -> String {
        let text: String = self.text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(SAID_MAX).collect();
        format!("answered {}: {}", self.status, text.trim_end())
    }
}

/// The certificates that a witness's chain may end in.
fn trusted(ca_file: Option<&Path>) -> Result<Vec<Certificate<'static>>, String> {
    use std::io::Read as _;
    let roots: Vec<Certificate<'static>> = match ca_file {
        None => {
            let found = rustls_native_certs::load_native_certs();
            found.certs.iter().map(|der| Certificate::from_der(der).to_owned()).collect()
        }
        Some(path) => {
            let mut pem = Vec::new();
            let read = std::fs::File::open(path).and_then(|f| f.take(CA_FILE_MAX_BYTES).read_to_end(&mut pem));
            read.map_err(|e| format!("{}: {e}", path.display()))?;
            let items = parse_pem(&pem).filter_map(|item| match item {
                Ok(PemItem::Certificate(certificate)) => Some(certificate),
                _ => None,
            });
            items.collect()
        }
    };
    if roots.is_empty() { Err("no certificate authority".to_owned()) } else { Ok(roots) }
}
