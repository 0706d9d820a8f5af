//! A small site to tell stories about.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use kukaku_ledger::{KeyTerm, SigningKey};
use kukaku_schema::intake::{Arrival, ArrivalBody, Intake as _, Kept, NotKept};
use kukaku_schema::{Registers, UtcMicros, parse_observation};
use kukaku_store::{Connection, Store, VerifyReport, read_only, verify};

use crate::writer::{Purpose, RouteFn, SimClock, Writer, WriterConfig, replay_store};

/// The first instant of every story: 09:00 in Japan.
pub(super) const NINE: &str = "2026-11-22T00:00:00Z";

pub(super) const REGISTERS: &str = r#"
[site]
id = "sapporo-1"
name = "札幌保守センター"
[[client]]
id = "tomakomai"
name = "苫小牧市"
[[client]]
id = "chitose"
name = "千歳市"
[[zone]]
id = "zone-a"
name = "区画A"
[[door]]
id = "north"
outer = "outside"
inner = "zone-a"
[[reader]]
id = "north-in"
door = "north"
direction = "entry"
[[reader]]
id = "north-out"
door = "north"
direction = "exit"
[[terminal]]
id = "term-1"
zone = "zone-a"
[[operator]]
id = "op-01"
name = "佐藤 花子"
clients = ["tomakomai"]
[[operator]]
id = "op-02"
name = "鈴木 一郎"
clients = ["chitose"]
[[credential]]
id = "card:1"
operator = "op-01"
[[credential]]
id = "card:2"
operator = "op-02"
[[account]]
id = "tmk-a01"
operator = "op-01"
client = "tomakomai"
[[account]]
id = "cts-b01"
operator = "op-02"
client = "chitose"
[[source]]
id = "panel"
class = "A"
[[source]]
id = "vpn-1"
class = "A"
"#;

/// An instant so many seconds after nine.
pub(super) fn at(seconds: i64) -> UtcMicros {
    UtcMicros(UtcMicros::parse_rfc3339(NINE).unwrap().0 + seconds * 1_000_000)
}

pub(super) fn registers(more: &str) -> Registers {
    kukaku_schema::registers::parse(&format!("{REGISTERS}{more}"), "site.toml").unwrap()
}

pub(super) fn reading(seq: u64, seconds: i64, reader: &str, card: &str) -> String {
    format!(
        r#"{{"kind":"door.reading","source":"panel","seq":{seq},"device_time":"{}","reader":"{reader}","credential":"{card}","result":"granted"}}"#,
        at(seconds).to_rfc3339_utc()
    )
}

pub(super) fn session(word: &str, seq: u64, seconds: i64, id: &str, account: &str) -> String {
    let rest = if word == "started" { format!(r#","account":"{account}","terminal":"term-1""#) } else { String::new() };
    format!(
        r#"{{"kind":"session.{word}","source":"vpn-1","seq":{seq},"device_time":"{}","session":"{id}"{rest}}}"#,
        at(seconds).to_rfc3339_utc()
    )
}

pub(super) fn arrival(json: &str) -> Arrival {
    Arrival {
        link: "mqtt".to_owned(),
        body: ArrivalBody::Observation(Box::new(parse_observation(json.as_bytes()).unwrap())),
    }
}

/// A folder of its own, removed at the end.
pub(super) struct Folder(pub(super) PathBuf);

impl Folder {
    pub(super) fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("kukaku-writer-{}-{number}", std::process::id()));
        std::fs::create_dir(&path).unwrap();
        Self(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

pub(super) fn key() -> SigningKey {
    SigningKey::from_seed("kukaku.example/sapporo-1", &[7; 32]).unwrap()
}

pub(super) fn config(folder: &Path, purpose: Purpose, clock: &SimClock, route: RouteFn) -> WriterConfig {
    WriterConfig {
        store: folder.join("store.db"),
        key: key(),
        key_files: None,
        checkpoint_file: folder.join("checkpoint"),
        purpose,
        clock: Arc::new(clock.clone()),
        route,
    }
}

pub(super) fn watch() -> Purpose {
    Purpose::Watch { program: "11".repeat(32), configuration: "22".repeat(32) }
}

/// A site with its store and clock.
pub(super) struct House {
    pub(super) folder: Folder,
    pub(super) clock: SimClock,
}

impl House {
    /// A site with registers, which nobody watches yet.
    pub(super) async fn new() -> Self {
        let house = Self { folder: Folder::new(), clock: SimClock::new(at(-3600)) };
        drop(Store::create(&house.store(), at(-3600)).unwrap());
        let writer = house.start(Purpose::Command);
        writer.import_registers(registers(""), "manager".to_owned(), "opening".to_owned()).await.unwrap();
        writer.stop().await.unwrap();
        house
    }

    pub(super) fn store(&self) -> PathBuf {
        self.folder.0.join("store.db")
    }

    pub(super) fn start(&self, purpose: Purpose) -> Writer {
        let to_critical = |notice: &kukaku_store::Notice<'_>| match notice.severity() {
            kukaku_schema::Severity::Critical => vec!["mail".to_owned(), "tower".to_owned()],
            _ => Vec::new(),
        };
        Writer::start(config(&self.folder.0, purpose, &self.clock, Box::new(to_critical))).unwrap()
    }

    pub(super) fn watch(&self) -> Writer {
        self.start(watch())
    }

    pub(super) fn conn(&self) -> Connection {
        read_only(&self.store()).unwrap()
    }

    /// One text of the store.
    pub(super) fn ask(&self, sql: &str) -> String {
        self.conn().query_row(sql, [], |row| row.get::<_, rusqlite::types::Value>(0)).map_or_else(
            |error| format!("{error}"),
            |value| match value {
                rusqlite::types::Value::Text(text) => text,
                rusqlite::types::Value::Integer(number) => number.to_string(),
                other => format!("{other:?}"),
            },
        )
    }

    pub(super) fn verify(&self) -> VerifyReport {
        let outside = std::fs::read_to_string(self.folder.0.join("checkpoint")).ok();
        let keys = [KeyTerm::whole(key().verifier().clone())];
        verify(&self.conn(), &keys, outside.as_deref(), |_, _| {}).unwrap()
    }

    /// Everything is as it was recorded, and a replay says the same again.
    pub(super) fn check_whole(&self) {
        let report = self.verify();
        assert_eq!(report.faults, []);
        let replay = replay_store(&self.store(), |_, _| {}).unwrap();
        assert_eq!(replay.difference, None);
    }
}

/// Hands an observation in and waits for its receipt.
pub(super) async fn submit(writer: &Writer, json: &str) -> Result<Kept, NotKept> {
    writer.submit(arrival(json)).await?.await
}
