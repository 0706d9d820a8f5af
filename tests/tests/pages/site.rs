//! A site with pages: a real store, the real writer on a clock of the test, the real server.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering};

use kukaku::certificates::{LOOPBACK_NAMES, make_server_certificate, make_site_ca};
use kukaku::register_lines::changes;
use kukaku::writer::{Clock as _, Purpose, SimClock, Wanted, Writer, WriterConfig};
use kukaku_ledger::SigningKey;
use kukaku_schema::failure::FailureForm;
use kukaku_schema::intake::{Arrival, ArrivalBody, Intake as _, Unreadable};
use kukaku_schema::order::OrderRefused;
use kukaku_schema::registers::sheet::SheetFile;
use kukaku_schema::{Lang, SiteZone, UtcMicros, parse_observation};
use kukaku_store::users::{PasswordRules, Role, Users};
use kukaku_store::{NewFindingAct, NewLook, Store};
use kukaku_web::{Bound, Commands, House, ImportOutcome, Listen, NotTaken, Part, Status, TakenAnswer};
use tokio::sync::Notify;

/// The first instant of every story: 09:00 in Japan.
pub const NINE: &str = "2026-11-22T09:00:00+09:00";

pub const ADMIN: &str = "kanri";
pub const PASSWORD: &str = "Sakura no Hana ga 3 saku!";

pub const REGISTERS: &str = include_str!("site.toml");

/// An instant so many seconds after nine.
pub fn at(seconds: i64) -> UtcMicros {
    UtcMicros(UtcMicros::parse_rfc3339(NINE).unwrap().0 + seconds * 1_000_000)
}

struct Folder(PathBuf);

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

struct TestCommands {
    store: PathBuf,
    now: kukaku_web::Clock,
    writer: Writer,
    runtime: tokio::runtime::Handle,
}

/// The public key as the journal page shows it.
const KEY_SHOWN: &str = "kukaku/sapporo-1+0eea1161+AZLwydNVCiSqiqTSD6aXEoOYDXbfKHBJs8XhAPElppTH";

impl Commands for TestCommands {
    fn status(&self) -> Status {
        let note = ("動作中".to_owned(), "works".to_owned());
        Status {
            started_at: at(-60),
            version: "0.1.0".to_owned(),
            parts: vec![Part { name: "mqtt 127.0.0.1:1883".to_owned(), working: true, note }],
            signing_key: Some((KEY_SHOWN.to_owned(), "0eea-1161-0192-f0ca-75d3".to_owned())),
        }
    }

    fn free_bytes(&self) -> Option<u64> {
        Some(1 << 30)
    }

    fn import_registers(&self, toml: &str, who: &str, why: &str) -> Result<ImportOutcome, Vec<String>> {
        let registers = kukaku_schema::registers::parse(toml, "registers").map_err(|e| vec![e.to_string()])?;
        let act = self.writer.import_registers(registers, who.to_owned(), why.to_owned());
        let change = self.runtime.block_on(act).map_err(|e| vec![e.to_string()])?;
        Ok(ImportOutcome { added: change.added, changed: 0, ended: change.closed })
    }

    fn plan_sheet(&self, sheet: &SheetFile, lang: Lang) -> Result<Vec<String>, Vec<String>> {
        let plan = self.writer.plan_wanted(Wanted::Sheet(sheet.clone()));
        let diff = self.runtime.block_on(plan).map_err(|e| vec![e.to_string()])?;
        let zone = SiteZone::named("Asia/Tokyo").map_err(|e| vec![e])?;
        Ok(changes(&diff, &zone).iter().map(|change| change.line(lang)).collect())
    }

    fn import_sheet(&self, sheet: &SheetFile, who: &str, why: &str) -> Result<ImportOutcome, Vec<String>> {
        let act = self.writer.import_wanted(Wanted::Sheet(sheet.clone()), who.to_owned(), None, why.to_owned());
        let change = self.runtime.block_on(act).map_err(|e| vec![e.to_string()])?;
        Ok(ImportOutcome { added: change.added, changed: 0, ended: change.closed })
    }

    fn order_sheet(&self, order: &str) -> Result<String, OrderRefused> {
        let sheet = kukaku::answers::sheet(&self.store, order, (self.now)());
        sheet.map(|sheet| sheet.to_json()).map_err(refused)
    }

    fn take_answer(&self, answer: &str, of: Option<&str>, who: &str) -> Result<TakenAnswer, NotTaken> {
        let who = kukaku_schema::Name::new(who).unwrap();
        let (answer, of) = (answer.to_owned(), of.map(str::to_owned));
        let act = kukaku::answers::take(&self.writer, self.store.clone(), answer, of, who, (self.now)());
        let taken = self.runtime.block_on(act).map_err(|failure| NotTaken::Refused(refused(failure)))?;
        Ok(TakenAnswer { order: taken.order, state: taken.revised.state, entry: taken.entry, before: taken.before })
    }

    fn act_on_finding(&self, act: NewFindingAct) -> Result<(), String> {
        self.runtime.block_on(self.writer.note_finding_act(act)).map(drop).map_err(|error| error.to_string())
    }

    fn looked(&self, look: NewLook) -> Result<(), String> {
        self.runtime.block_on(self.writer.note_look(look)).map(drop).map_err(|error| error.to_string())
    }

    fn report_failure(&self, form: FailureForm, who: &str) -> Result<(), OrderRefused> {
        let who = kukaku_schema::Name::new(who).unwrap();
        let act = kukaku::failure_reports::take(&self.writer, self.store.clone(), form, who, (self.now)());
        self.runtime.block_on(act).map(drop).map_err(|failure| match failure {
            kukaku::failure_reports::NotReported::Refused(why) => why,
            kukaku::failure_reports::NotReported::Failed(why) => panic!("{why}"),
        })
    }
}

fn refused(failure: kukaku::answers::AnswerFailure) -> OrderRefused {
    match failure {
        kukaku::answers::AnswerFailure::Refused(why) => why,
        kukaku::answers::AnswerFailure::Failed(why) => panic!("{why}"),
    }
}

/// The site. Dropping it stops the server.
pub struct Site {
    folder: Folder,
    pub clock: SimClock,
    pub writer: Writer,
    pub addr: SocketAddr,
    stop: Arc<Notify>,
    /// Roles whose users may not come from where the tests are.
    pub closed: Arc<Mutex<Vec<Role>>>,
    numbers: Mutex<BTreeMap<String, u32>>,
}

impl Drop for Site {
    fn drop(&mut self) {
        self.stop.notify_waiters();
    }
}

impl Site {
    /// A watched site with its registers, and one administrator, on plain HTTP.
    pub async fn new() -> Self {
        Self::start(false, PasswordRules::default()).await
    }

    /// The same, whose people sign in by these rules.
    pub async fn with_rules(rules: PasswordRules) -> Self {
        Self::start(false, rules).await
    }

    /// The same, with a certificate of the site's own CA.
    pub async fn with_tls() -> Self {
        Self::start(true, PasswordRules::default()).await
    }

    async fn start(tls: bool, passwords: PasswordRules) -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let folder = Folder(std::env::temp_dir().join(format!("kukaku-pages-{}-{number}", std::process::id())));
        std::fs::create_dir(&folder.0).unwrap();
        let store = folder.0.join("store.db");
        let clock = SimClock::new(at(-3600));
        drop(Store::create(&store, at(-3600)).unwrap());
        let start = |purpose: Purpose| {
            Writer::start(WriterConfig {
                store: store.clone(),
                key: SigningKey::from_seed("kukaku.example/sapporo-1", &[7; 32]).unwrap(),
                key_files: None,
                checkpoint_file: folder.0.join("checkpoint"),
                purpose,
                clock: Arc::new(clock.clone()),
                route: Box::new(|_| vec!["mail".to_owned()]),
            })
            .unwrap()
        };
        let registers = kukaku_schema::registers::parse(REGISTERS, "site.toml").unwrap();
        let first = start(Purpose::Command);
        first.import_registers(registers, "manager".to_owned(), "開設".to_owned()).await.unwrap();
        first.stop().await.unwrap();
        let writer = start(Purpose::Watch { program: "11".repeat(32), configuration: "22".repeat(32) });
        let users = Users::open(&store).unwrap();
        users.create_with_password(ADMIN, PASSWORD, at(-3600)).unwrap();

        let ca = tls.then(|| certificates(&folder.0));
        let tls = ca.as_ref().map(|_| {
            let (chain, key) = (folder.0.join("server.pem"), folder.0.join("server.key"));
            kukaku_tls::server(&chain, &key, kukaku_tls::Clients::NotAsked).unwrap()
        });
        let closed: Arc<Mutex<Vec<Role>>> = Arc::default();
        let closed_to = Arc::clone(&closed);
        let bound = Bound::new(Listen { addr: "127.0.0.1:0".parse().unwrap(), tls }).unwrap();
        let addr = bound.local_addr();
        let stop = Arc::new(Notify::new());
        let (feed, page_clock, stopped) = (writer.clone(), clock.clone(), Arc::clone(&stop));
        let now: kukaku_web::Clock = Arc::new(move || page_clock.read().wall);
        let house = House {
            store: store.clone(),
            intake: writer.clone(),
            changes: Arc::new(move || feed.changes()),
            logs: Arc::new(crate::logs::posted()),
            commands: Arc::new(TestCommands {
                store,
                now: Arc::clone(&now),
                writer: writer.clone(),
                runtime: tokio::runtime::Handle::current(),
            }),
            clock: now,
            passwords,
            may_come: {
                let closed = Arc::clone(&closed);
                Arc::new(move |role, _| !closed.lock().unwrap().contains(&role))
            },
            site_ca_pem: ca,
        };
        tokio::spawn(async move { bound.serve(house, async move { stopped.notified().await }).await.unwrap() });
        Self { folder, clock, writer, addr, stop, closed: closed_to, numbers: Mutex::default() }
    }

    /// The file of the site's CA.
    pub fn ca_file(&self) -> PathBuf {
        self.folder.0.join("ca.pem")
    }

    /// The file of the store.
    pub fn store_file(&self) -> PathBuf {
        self.folder.0.join("store.db")
    }

    pub fn users(&self) -> Users {
        Users::open(&self.folder.0.join("store.db")).unwrap()
    }

    /// Lets time pass to so many seconds after nine, and everything due by then happen.
    pub async fn pass_to(&self, seconds: i64) {
        self.clock.pass_to(at(seconds));
        self.writer.advance().await.unwrap();
    }

    /// The next number of a source.
    pub fn next_number(&self, source: &str) -> u32 {
        let mut numbers = self.numbers.lock().unwrap();
        let number = numbers.entry(source.to_owned()).or_insert(0);
        *number += 1;
        *number
    }

    /// Keeps an observation.
    pub async fn observe(&self, json: &str) {
        let observation = parse_observation(json.as_bytes()).unwrap_or_else(|e| panic!("{json}: {e}"));
        self.arrive(ArrivalBody::Observation(Box::new(observation))).await;
    }

    /// Takes in what only kukaku says itself.
    pub async fn tell_itself(&self, json: &str) {
        let observation: kukaku_schema::Observation = serde_json::from_str(json).unwrap();
        self.arrive(ArrivalBody::Observation(Box::new(observation))).await;
    }

    /// Keeps bytes that are no observation.
    pub async fn unreadable(&self, source: &str, bytes: &[u8], reason: &str) {
        self.arrive(ArrivalBody::Unreadable(Unreadable::new(Some(source.to_owned()), bytes, reason))).await;
    }

    async fn arrive(&self, body: ArrivalBody) {
        let arrival = Arrival { link: "mqtt".to_owned(), body };
        self.writer.submit(arrival).await.unwrap().await.unwrap();
    }

    /// A card is read, now.
    pub async fn read_card(&self, reader: &str, card: &str) {
        self.read_card_at(reader, card, self.clock.read().wall, "granted").await;
    }

    pub async fn read_card_at(&self, reader: &str, card: &str, when: UtcMicros, result: &str) {
        let source = if reader.starts_with("south") { "panel-2" } else { "panel-1" };
        let json = serde_json::json!({
            "kind": "door.reading", "source": source, "seq": self.next_number(source), "device_time": when.to_rfc3339_utc(),
            "reader": reader, "credential": card, "result": result, "factors": ["card", "fingerprint"],
        });
        self.observe(&json.to_string()).await;
    }

    /// A session begins, now.
    pub async fn session_starts(&self, id: &str, account: &str, terminal: &str) {
        let json = serde_json::json!({
            "kind": "session.started", "source": "vpn-1", "device_time": self.clock.read().wall.to_rfc3339_utc(),
            "session": id, "account": account, "terminal": terminal, "target": "kihon-db01", "via": "fumidai-1",
        });
        self.observe(&json.to_string()).await;
    }

    /// A session ends, now.
    pub async fn session_ends(&self, id: &str) {
        let json = serde_json::json!({
            "kind": "session.ended", "source": "vpn-1", "device_time": self.clock.read().wall.to_rfc3339_utc(), "session": id,
        });
        self.observe(&json.to_string()).await;
    }

    /// Signs of life of every source and reader, now.
    pub async fn everything_lives(&self) {
        let now = self.clock.read().wall.to_rfc3339_utc();
        for source in ["panel-1", "panel-2", "vpn-1", "nvr-1"] {
            self.observe(&format!(r#"{{"kind":"source.alive","source":"{source}","device_time":"{now}"}}"#)).await;
        }
        let json = serde_json::json!({
            "kind": "camera.health", "source": "nvr-1", "device_time": now, "camera": "cam-1", "reachable": true,
            "recording": true, "frame_age_ms": 180,
        });
        self.observe(&json.to_string()).await;
    }
}

/// Makes a CA and a certificate for this machine in `folder`; returns the CA's.
fn certificates(folder: &std::path::Path) -> String {
    let now = jiff::Timestamp::now();
    let ca = make_site_ca("sapporo-1", now).unwrap();
    let names = LOOPBACK_NAMES.map(str::to_owned);
    let server = make_server_certificate(&names, &ca, now).unwrap();
    for (file, text) in [("ca.pem", &ca.pem), ("server.pem", &server.pem), ("server.key", &server.key_pem)] {
        std::fs::write(folder.join(file), text).unwrap();
    }
    ca.pem
}
