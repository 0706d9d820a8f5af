//! A Guacamole as its documentation and its own code have it, with faults on demand.
//!
//! It knows sign-ins, tokens that expire, the history with `contains` and `order` and its limit of a
//! thousand records, and the open connections. What is asked of it is written down.
#![allow(dead_code, clippy::unwrap_used)]

use std::collections::{BTreeMap, VecDeque};
use std::io::{BufRead as _, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};

pub const USER: &str = "kukaku";
pub const PASSWORD: &str = "correct horse battery";

/// A record as Guacamole keeps it; instants in milliseconds since 1970.
#[derive(Clone)]
pub struct Row {
    pub connection: u32,
    pub user: String,
    pub start: i64,
    pub end: Option<i64>,
    pub is_open: bool,
}

/// What goes wrong with an answer.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// It answers with this status.
    Status(u16),
    /// The connection is closed without an answer.
    Closed,
    /// Half of the body comes, then the connection is closed.
    Truncated,
    /// Nothing comes for as long as the client waits.
    Hangs,
    /// The token has expired.
    Expired,
}

#[derive(Default)]
pub struct State {
    pub rows: Vec<Row>,
    pub faults: VecDeque<Fault>,
    pub asked: Vec<String>,
    /// The `Date` that it claims; none: it says none.
    pub date: Option<String>,
    /// The newest token that is in force.
    token: Option<String>,
    sign_ins: usize,
}

pub struct Guacamole {
    pub url: String,
    pub state: Arc<Mutex<State>>,
}

impl Guacamole {
    pub fn new() -> Self {
        Self::serving("http", serve)
    }

    /// One with TLS, and its certificate as PEM.
    pub fn with_tls() -> (Self, String) {
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned(), "127.0.0.1".to_owned()]).unwrap();
        let key = rustls::pki_types::PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap();
        let config = rustls::ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![made.cert.der().clone()], key)
            .unwrap();
        let config = Arc::new(config);
        let guacamole = Self::serving("https", move |stream, state| {
            let tls = rustls::ServerConnection::new(Arc::clone(&config)).unwrap();
            serve(rustls::StreamOwned::new(tls, stream), state);
        });
        (guacamole, made.cert.pem())
    }

    fn serving(scheme: &str, serve: impl Fn(TcpStream, &Mutex<State>) + Clone + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("{scheme}://{}/guacamole", listener.local_addr().unwrap());
        let state = Arc::new(Mutex::new(State::default()));
        let shared = Arc::clone(&state);
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (state, serve) = (Arc::clone(&shared), serve.clone());
                std::thread::spawn(move || serve(stream, &state));
            }
        });
        Self { url, state }
    }

    pub fn set<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        change(&mut self.state.lock().unwrap())
    }

    pub fn fails(&self, faults: &[Fault]) {
        self.set(|state| state.faults.extend(faults));
    }

    pub fn sign_ins(&self) -> usize {
        self.set(|state| state.sign_ins)
    }

    /// What was asked since the last look.
    pub fn asked(&self) -> Vec<String> {
        self.set(|state| std::mem::take(&mut state.asked))
    }
}

fn serve(stream: impl Read + Write, state: &Mutex<State>) {
    let mut reader = BufReader::new(stream);
    loop {
        let mut head = Vec::new();
        loop {
            let mut line = String::new();
            if reader.read_line(&mut line).unwrap_or(0) == 0 {
                return;
            }
            let line = line.trim_end().to_owned();
            if line.is_empty() {
                break;
            }
            head.push(line);
        }
        let headers: BTreeMap<String, String> = head[1..]
            .iter()
            .filter_map(|line| line.split_once(": "))
            .map(|(name, value)| (name.to_lowercase(), value.to_owned()))
            .collect();
        let length = headers.get("content-length").map_or(0, |text| text.parse().unwrap());
        let mut body = vec![0; length];
        reader.read_exact(&mut body).unwrap();
        if !answer(reader.get_mut(), &head[0], &headers, &String::from_utf8(body).unwrap(), state) {
            return;
        }
    }
}

/// Answers one request; whether the connection goes on.
fn answer(
    stream: &mut (impl Read + Write),
    request: &str,
    headers: &BTreeMap<String, String>,
    body: &str,
    state: &Mutex<State>,
) -> bool {
    let (fault, (status, text), date) = {
        let mut state = state.lock().unwrap();
        state.asked.push(request.trim_end_matches(" HTTP/1.1").to_owned());
        let fault = state.faults.pop_front();
        if fault == Some(Fault::Expired) {
            state.token = None;
        }
        (fault, said(&mut state, request, headers, body), state.date.clone())
    };
    let (status, text) = match fault {
        Some(Fault::Closed) => return false,
        Some(Fault::Hangs) => {
            // Until the client gives up and closes.
            let _ = stream.read(&mut [0]);
            return false;
        }
        Some(Fault::Status(status)) => (status, json!({"message": "Unexpected internal error"}).to_string()),
        _ => (status, text),
    };
    let date = date.map_or_else(String::new, |date| format!("Date: {date}\r\n"));
    let head = format!(
        "HTTP/1.1 {status} Status\r\nContent-Type: application/json\r\n{date}Content-Length: {}\r\n\r\n",
        text.len()
    );
    let half = fault == Some(Fault::Truncated);
    let sent = if half { &text.as_bytes()[..text.len() / 2] } else { text.as_bytes() };
    let sent = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(sent)).and_then(|()| stream.flush());
    sent.is_ok() && !half
}

fn said(state: &mut State, request: &str, headers: &BTreeMap<String, String>, body: &str) -> (u16, String) {
    let (method, rest) = request.split_once(' ').unwrap();
    let target = rest.split(' ').next().unwrap();
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let path = path.strip_prefix("/guacamole/api/").unwrap_or_default();
    if (method, path) == ("POST", "tokens") {
        let form = pairs(body);
        if form.get("username").is_none_or(|user| user != USER) || form.get("password").is_none_or(|p| p != PASSWORD) {
            return (403, json!({"message": "Invalid login"}).to_string());
        }
        state.sign_ins += 1;
        let token = format!("TOKEN{}", state.sign_ins);
        state.token = Some(token.clone());
        return (200, json!({"authToken": token, "username": USER, "dataSource": "postgresql"}).to_string());
    }
    if state.token.is_none() || headers.get("guacamole-token") != state.token.as_ref() {
        return (403, json!({"message": "Permission Denied."}).to_string());
    }
    match path {
        "session/data/postgresql/history/connections" => (200, history(state, query)),
        "session/data/postgresql/activeConnections" => {
            let open = state.rows.iter().enumerate().filter(|(_, row)| row.is_open);
            let open = open.map(|(n, row)| {
                let active = json!({"identifier": n.to_string(), "connectionIdentifier": row.connection.to_string(),
                    "username": row.user, "startDate": row.start, "remoteHost": "192.0.2.11"});
                (format!("tunnel-{n}"), active)
            });
            (200, Value::Object(open.collect()).to_string())
        }
        _ => (404, json!({"message": "Not found"}).to_string()),
    }
}

/// The history as `ActivityRecordSetResource` gives it: filtered, in order, a thousand at most.
fn history(state: &State, query: &str) -> String {
    let parts: Vec<(String, String)> =
        query.split('&').filter_map(|part| part.split_once('=')).map(|(n, v)| (n.to_owned(), decoded(v))).collect();
    let mut rows: Vec<&Row> = state.rows.iter().collect();
    for (_, wanted) in parts.iter().filter(|(name, _)| name == "contains") {
        let day = |at: i64| kukaku_schema::UtcMicros(at * 1_000).to_rfc3339_utc().starts_with(wanted);
        rows.retain(|row| row.user == *wanted || day(row.start) || row.end.is_some_and(day));
    }
    for (_, order) in parts.iter().filter(|(name, _)| name == "order") {
        rows.sort_by_key(|row| if order == "-startDate" { -row.start } else { row.start });
    }
    let shown = rows.into_iter().take(1000).map(|row| {
        json!({"connectionIdentifier": row.connection.to_string(), "connectionName": "kihon-db01", "username": row.user,
            "remoteHost": "192.0.2.11", "startDate": row.start, "endDate": row.end, "active": false, "attributes": {}})
    });
    Value::Array(shown.collect()).to_string()
}

fn pairs(form: &str) -> BTreeMap<String, String> {
    form.split('&').filter_map(|part| part.split_once('=')).map(|(n, v)| (n.to_owned(), decoded(v))).collect()
}

fn decoded(text: &str) -> String {
    let mut out = Vec::new();
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        match byte {
            b'+' => out.push(b' '),
            b'%' => {
                let hex: String = bytes.by_ref().take(2).map(char::from).collect();
                out.push(u8::from_str_radix(&hex, 16).unwrap());
            }
            byte => out.push(byte),
        }
    }
    String::from_utf8(out).unwrap()
}
