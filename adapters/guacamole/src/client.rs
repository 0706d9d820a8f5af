//! One conversation with Guacamole: sign in, ask, sign in anew when the token has expired. Blocks.

use std::io::Read as _;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use kukaku_codec::guacamole::{Token, read_date, read_token};
use kukaku_schema::UtcMicros;
use ureq::Agent;
use ureq::tls::{Certificate, PemItem, RootCerts, TlsConfig, parse_pem};

use crate::config::{GuacamoleConfig, is_plain};

/// Longest answer in bytes: a thousand records with everything that may hang on them.
const ANSWER_MAX_BYTES: u64 = 16 * 1024 * 1024;

/// Largest head of an answer, in bytes.
const HEAD_MAX_BYTES: usize = 16 * 1024;

/// Most of what it says in a refusal that is shown, in characters.
const SAID_MAX: usize = 200;

/// Largest file with a CA or a password that is read, in bytes.
const FILE_MAX_BYTES: u64 = 1024 * 1024;

/// The header that carries the token.
const TOKEN_HEADER: &str = "Guacamole-Token";

/// Why nothing came of a question. Asking again later is all that can be done.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Trouble(pub String);

/// An answer with what its head says of Guacamole's clock.
pub(crate) struct Answer {
    pub(crate) bytes: Vec<u8>,
    pub(crate) date: Option<UtcMicros>,
}

pub(crate) struct Client {
    agent: Agent,
    base: String,
    user: String,
    password: String,
    data_source: Option<String>,
    token: Option<Token>,
}

impl Client {
    /// Reads the files that a configuration names.
    pub(crate) fn open(config: &GuacamoleConfig) -> Result<Self, String> {
        let mut agent = Agent::config_builder()
            .http_status_as_error(false)
            // A redirect would lead the password to somebody whom nobody configured.
            .max_redirects(0)
            .max_redirects_will_error(false)
            .proxy(None)
            .timeout_global(Some(Duration::from_micros(config.timeout.0.unsigned_abs())))
            .max_response_header_size(HEAD_MAX_BYTES)
            .user_agent(concat!("kukaku/", env!("CARGO_PKG_VERSION")));
        if config.url.starts_with("https://") {
            let roots = trusted(config.ca_file.as_deref()).map_err(|why| format!("ca_file: {why}"))?;
            let tls = TlsConfig::builder()
                .root_certs(RootCerts::new_with_certs(&roots))
                .unversioned_rustls_crypto_provider(Arc::new(rustls::crypto::ring::default_provider()));
            agent = agent.tls_config(tls.build());
        }
        let password = read_file(&config.password_file).map_err(|why| format!("password_file: {why}"))?;
        let password = String::from_utf8(password).map_err(|_| "password_file: is no text".to_owned())?;
        Ok(Self {
            agent: agent.build().new_agent(),
            base: config.url.trim_end_matches('/').to_owned(),
            user: config.user.clone(),
            password: password.trim_end_matches(['\r', '\n']).to_owned(),
            data_source: config.data_source.clone(),
            token: None,
        })
    }

    /// Asks for something below the data source; signs in first where that is needed.
    pub(crate) fn ask(&mut self, what: &str, query: &[(&str, &str)]) -> Result<Answer, Trouble> {
        let fresh = self.token.is_none();
        if fresh {
            self.sign_in()?;
        }
        match self.ask_once(what, query)? {
            Ok(answer) => Ok(answer),
            // An expired token is refused as one that never was, and as one that may not.
            Err((401 | 403 | 404, _)) if !fresh => {
                self.sign_in()?;
                self.ask_once(what, query)?.or_else(|(status, said)| self.refused(what, status, &said))
            }
            Err((status, said)) => self.refused(what, status, &said),
        }
    }

    fn refused<T>(&mut self, what: &str, status: u16, said: &str) -> Result<T, Trouble> {
        self.token = None;
        Err(Trouble(format!("{}: {what}: answered {status}: {said}", self.base)))
    }

    /// Gives the token back, so that it can't be used any more. Nothing hangs on it.
    pub(crate) fn sign_out(&mut self) {
        if let Some(token) = self.token.take() {
            let url = format!("{}/api/session", self.base);
            let _ = self.agent.delete(url).header(TOKEN_HEADER, &token.token).call();
        }
    }

    fn sign_in(&mut self) -> Result<(), Trouble> {
        self.token = None;
        let trouble = |why: String| Trouble(format!("{}: sign in as {:?}: {why}", self.base, self.user));
        let form = [("username", self.user.as_str()), ("password", self.password.as_str())];
        let answer = self.agent.post(format!("{}/api/tokens", self.base)).send_form(form);
        let (status, _, bytes) = read(answer).map_err(trouble)?;
        if status != 200 {
            return Err(trouble(format!("answered {status}: {}", said(&bytes))));
        }
        let mut token = read_token(&bytes).map_err(trouble)?;
        if let Some(data_source) = &self.data_source {
            token.data_source.clone_from(data_source);
        }
        if token.data_source.is_empty() || !token.data_source.bytes().all(is_plain) {
            return Err(trouble("says no data source; name one as `data_source`".to_owned()));
        }
        self.token = Some(token);
        Ok(())
    }

    #[allow(clippy::type_complexity)]
    fn ask_once(&self, what: &str, query: &[(&str, &str)]) -> Result<Result<Answer, (u16, String)>, Trouble> {
        let Some(token) = &self.token else { return Ok(Err((401, "not signed in".to_owned()))) };
        let url = format!("{}/api/session/data/{}/{what}", self.base, token.data_source);
        let asked = self.agent.get(url).header(TOKEN_HEADER, &token.token).query_pairs(query.iter().copied()).call();
        let (status, date, bytes) = read(asked).map_err(|why| Trouble(format!("{}: {what}: {why}", self.base)))?;
        Ok(if status == 200 { Ok(Answer { bytes, date }) } else { Err((status, said(&bytes))) })
    }
}

type Response = ureq::http::Response<ureq::Body>;

/// Status, Guacamole's clock and body.
fn read(answer: Result<Response, ureq::Error>) -> Result<(u16, Option<UtcMicros>, Vec<u8>), String> {
    let mut answer = answer.map_err(|e| e.to_string())?;
    let date = answer.headers().get("date").and_then(|date| date.to_str().ok()).and_then(read_date);
    let mut bytes = Vec::new();
    let body = answer.body_mut().as_reader().take(ANSWER_MAX_BYTES + 1).read_to_end(&mut bytes);
    body.map_err(|e| format!("the answer broke off: {e}"))?;
    if bytes.len() as u64 > ANSWER_MAX_BYTES {
        return Err(format!("an answer of more than {ANSWER_MAX_BYTES} bytes"));
    }
    Ok((answer.status().as_u16(), date, bytes))
}

/// What a refusal says, harmless and short.
fn said(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(&bytes[..bytes.len().min(4 * SAID_MAX)]).into_owned();
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(SAID_MAX).collect()
}

fn read_file(path: &Path) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::new();
    let read = std::fs::File::open(path).and_then(|file| file.take(FILE_MAX_BYTES).read_to_end(&mut bytes));
    read.map(|_| bytes).map_err(|e| format!("{}: {e}", path.display()))
}

/// The certificates that Guacamole's chain may end in.
fn trusted(ca_file: Option<&Path>) -> Result<Vec<Certificate<'static>>, String> {
    let roots: Vec<Certificate<'static>> = match ca_file {
        None => {
            let found = rustls_native_certs::load_native_certs();
            found.certs.iter().map(|der| Certificate::from_der(der).to_owned()).collect()
        }
        Some(path) => {
            let pem = read_file(path)?;
            let items = parse_pem(&pem).filter_map(|item| match item {
                Ok(PemItem::Certificate(certificate)) => Some(certificate),
                _ => None,
            });
            items.collect()
        }
    };
    if roots.is_empty() { Err("no certificate authority".to_owned()) } else { Ok(roots) }
}
