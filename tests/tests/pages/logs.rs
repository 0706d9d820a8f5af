//! Logs that are posted in their own words: nothing of them is lost, nothing counts twice.

use kukaku::dialects::Dialect;
use kukaku_codec::windows::{AccountForm, WindowsConfig};
use kukaku_schema::{Name, SiteZone};
use kukaku_web::{PostedLog, PostedLogs};
use serde_json::{Value, json};

use super::client::{Answer, Client};
use super::site::{Site, at};

const PATH: &str = "/api/v1/logs?source=";

/// The logs of the test site: a Windows server, and a jump host.
pub fn posted() -> PostedLogs {
    let windows = WindowsConfig { accounts: AccountForm::UserOnly, ..WindowsConfig::default() };
    let sources = [("rds-1", "windows", Some(&windows)), ("jump-1", "sshd", None)];
    PostedLogs::new(sources.map(|(source, dialect, windows)| {
        let dialect = Dialect::named(dialect, windows).unwrap();
        let reader = dialect.reader(Name::new(source).unwrap(), SiteZone::named("Asia/Tokyo").unwrap());
        (source.to_owned(), Box::new(reader) as Box<dyn PostedLog>)
    }))
}

struct Sender {
    client: Client,
    key: String,
}

impl Sender {
    fn new(site: &Site, sources: &[&str]) -> Self {
        let sources: Vec<String> = sources.iter().map(|source| (*source).to_owned()).collect();
        let key = site.users().create_key("test", &sources, false, at(0)).unwrap();
        Self { client: Client::new(site.addr), key }
    }

    fn send(&mut self, source: &str, sort: &str, body: &[u8]) -> Answer {
        let bearer = format!("Bearer {}", self.key);
        let headers = [("Authorization", bearer.as_str()), ("Content-Type", sort)];
        self.client.send("POST", &format!("{PATH}{source}"), &headers, body)
    }

    /// Lines, observations kept, known already, unreadable.
    #[track_caller]
    fn counts(&mut self, source: &str, sort: &str, body: &str) -> [i64; 4] {
        let answer = self.send(source, sort, body.as_bytes());
        assert_eq!(answer.status, 200, "{}", answer.json());
        ["lines", "kept", "duplicate", "unreadable"].map(|field| answer.json()[field].as_i64().unwrap())
    }
}

/// What winlogbeat sends of LocalSessionManager's events.
fn event(record: u32, id: u32, seconds: i64, session: u32) -> Value {
    json!({"@timestamp": at(seconds).to_rfc3339_utc(), "message": "text of it {[\"", "winlog": {
        "channel": "Microsoft-Windows-TerminalServices-LocalSessionManager/Operational", "computer_name": "SV01",
        "provider_name": "Microsoft-Windows-TerminalServices-LocalSessionManager", "event_id": id.to_string(),
        "record_id": record,
        "user_data": {"User": "EXAMPLE\\Tanaka", "SessionID": session.to_string(), "Address": "192.0.2.11"}}})
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn windows_events_are_taken_as_an_object_an_array_and_lines() {
    const OBJECT: &str = "application/json";
    let site = Site::new().await;
    let mut server = Sender::new(&site, &["rds-1"]);
    let start = event(1, 21, 10, 3);
    assert_eq!(server.counts("rds-1", OBJECT, &start.to_string()), [1, 1, 0, 0]);
    // A reconnect of another session, and the end of the first; 22 says what 21 said.
    let array = json!([event(2, 22, 11, 3), event(3, 21, 20, 4), event(4, 24, 30, 3)]);
    assert_eq!(server.counts("rds-1", OBJECT, &array.to_string()), [3, 2, 0, 0]);
    let lines = format!("{}\r\n\n{}\n", event(5, 23, 40, 4), event(6, 21, 50, 5));
    assert_eq!(server.counts("rds-1", "application/x-ndjson", &lines), [2, 2, 0, 0]);
    // JSON Lines that call themselves JSON, on several lines each.
    let pretty = format!("{:#}\n{:#}", event(7, 24, 60, 5), event(8, 25, 70, 5));
    assert_eq!(server.counts("rds-1", "application/json; charset=utf-8", &pretty), [2, 2, 0, 0]);
    assert_eq!(server.counts("rds-1", OBJECT, "[]"), [0, 0, 0, 0]);

    let answer = server.send("rds-1", OBJECT, b"[{\"EventID\":4624}, {\"a\":1}, {\"winlog\":");
    let said = answer.json();
    assert_eq!((answer.status, said["unreadable"].as_i64(), said["lines"].as_i64()), (200, Some(3), Some(3)));
    assert_eq!(said["problems"][1]["line"], 2);
    assert!(said["problems"][0]["error"].as_str().unwrap().contains("EventTime"), "{said}");

    site.pass_to(100).await;
    let mut reader = Client::new(site.addr);
    let bearer = format!("Bearer {}", site.users().create_key("r", &[], true, at(0)).unwrap());
    let sessions = reader.send("GET", "/api/v1/sessions", &[("Authorization", &bearer)], b"").json();
    let rows = sessions["rows"].as_array().unwrap();
    assert_eq!(rows.len(), 4, "{sessions}");
    assert!(rows.iter().all(|row| row["account"] == "tanaka"), "accounts without their domain: {sessions}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_log_that_is_sent_again_counts_once() {
    let site = Site::new().await;
    let mut jump = Sender::new(&site, &["jump-1"]);
    let log = "<38>Nov 22 09:00:00 jump sshd[4711]: Accepted password for tanaka from 192.0.2.11 port 50022 ssh2\n\
               <38>Nov 22 09:00:01 jump sshd[4712]: Failed password for root from 198.51.100.66 port 41234 ssh2\n\
               <38>Nov 22 09:30:00 jump sshd[4711]: Disconnected from user tanaka 192.0.2.11 port 50022\n";
    assert_eq!(jump.counts("jump-1", "text/plain", log), [3, 2, 0, 0]);
    assert_eq!(jump.counts("jump-1", "text/plain", log), [3, 0, 2, 0]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn what_of_a_log_is_not_taken_says_why() {
    let site = Site::new().await;
    let mut server = Sender::new(&site, &["rds-1", "rds-2"]);
    let body = event(1, 21, 10, 3).to_string();
    let mut status = |source: &str, sort: &str, body: &[u8]| server.send(source, sort, body).status;
    assert_eq!(status("", "application/json", body.as_bytes()), 400, "no source");
    assert_eq!(status("rds-2", "application/json", body.as_bytes()), 400, "no log is configured");
    assert_eq!(status("jump-1", "text/plain", b"x"), 403, "another's key");
    assert_eq!(status("rds-1", "application/xml", body.as_bytes()), 415);
    assert_eq!(status("rds-1", "text/plain", &vec![b'x'; (8 << 20) + 1]), 413);
    assert_eq!(status("rds-1", "text/plain", "x\n".repeat(20_001).as_bytes()), 400);
    let key = server.key.clone();
    let send = |headers: &[(&str, &str)]| {
        let mut client = Client::new(site.addr);
        client.send("POST", &format!("{PATH}rds-1"), headers, body.as_bytes())
    };
    let json = ("Content-Type", "application/json");
    assert_eq!(send(&[json]).status, 401);
    assert_eq!(send(&[json, ("Authorization", "Basic a3VrYWt1Omtr")]).status, 401);
    let bearer = format!("Bearer {key}");
    assert_eq!(send(&[json, ("Authorization", &bearer), ("Content-Encoding", "gzip")]).status, 415);
    // Many a gateway can send a user and a password, and no other header of its own.
    let basic = format!("Basic {}", base64(format!("kukaku:{key}").as_bytes()));
    let taken = send(&[json, ("Authorization", &basic)]);
    assert_eq!((taken.status, taken.json()["kept"].as_i64()), (200, Some(1)));
    let long = vec![b'x'; 300_000];
    let answer = server.send("rds-1", "text/plain", &long).json();
    assert!(answer["problems"][0]["error"].as_str().unwrap().contains("300000"), "{answer}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_log_is_not_acknowledged_when_the_writer_is_gone() {
    let site = Site::new().await;
    let mut server = Sender::new(&site, &["rds-1"]);
    site.writer.stop().await.unwrap();
    let answer = server.send("rds-1", "application/json", event(1, 21, 10, 3).to_string().as_bytes());
    assert_eq!(answer.status, 503);
    assert!(answer.header("retry-after").is_some());
}

fn base64(bytes: &[u8]) -> String {
    const LETTERS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = String::new();
    for three in bytes.chunks(3) {
        let bits = three.iter().fold(0_u32, |bits, byte| bits << 8 | u32::from(*byte)) << (8 * (3 - three.len()));
        for place in 0..4 {
            let letter = LETTERS[(bits >> (18 - 6 * place)) as usize & 63];
            out.push(if place <= three.len() { char::from(letter) } else { '=' });
        }
    }
    out
}
