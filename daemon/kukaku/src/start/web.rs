//! The pages and the API.

use std::sync::{Arc, Mutex, PoisonError};

use kukaku_core::retention::Disk;
use kukaku_schema::failure::FailureForm;
use kukaku_schema::order::OrderRefused;
use kukaku_schema::period::day_text;
use kukaku_schema::registers::parse;
use kukaku_schema::registers::sheet::SheetFile;
use kukaku_schema::{DurationUs, Lang, Name, SiteZone, UtcMicros};
use kukaku_store::{NewFindingAct, NewLook, PlanInputs, read_only};
use kukaku_tls::Clients;
use kukaku_web::{
    Bound, Commands, House, ImportOutcome, Listen, NotTaken, OpenError, Part, PostedLog, PostedLogs, Status,
    TakenAnswer,
};

use crate::answers::{self, AnswerFailure};
use crate::clock;
use crate::commands::certificates::certificate_warnings;
use crate::commands::check::{cannot_listen, free_bytes, free_mib};
use crate::config::{Config, WebLogConfig};
use crate::dialects::{Dialect, open_sessions};
use crate::failure::Failure;
use crate::failure_reports::{self, NotReported};
use crate::register_lines::changes;
use crate::rooms::{Ledger, Rooms, stopped};
use crate::site_dir::SiteDir;
use crate::start::writer::time_zone;
use crate::writer::{Wanted, Writer};

/// How long it counts whether promises of retention are kept: a day is the grain of what it says.
const PROMISES_FRESH: DurationUs = DurationUs::from_secs(3_600);

/// Starts the pages; returns their address.
///
/// # Errors
/// `Address`: it can't be listened on. `Written`: the certificate can't be used.
pub fn start(rooms: &mut Rooms, dir: &SiteDir, config: &Config, writer: &Writer) -> Result<String, Failure> {
    let tls = match &config.web.tls {
        None => None,
        Some(tls) => {
            let made = kukaku_tls::server(&tls.certificate, &tls.key, Clients::NotAsked);
            Some(made.map_err(|e| Failure::Written(format!("web.tls: {e}")))?)
        }
    };
    let bound = Bound::new(Listen { addr: config.web.listen, tls: tls.clone() }).map_err(failure)?;
    let addr = bound.local_addr();
    let url = format!("{}://{addr}/", if tls.is_some() { "https" } else { "http" });
    let commands: Arc<dyn Commands> = Arc::new(DaemonCommands {
        writer: writer.clone(),
        ledger: rooms.ledger(),
        runtime: tokio::runtime::Handle::current(),
        started_at: clock::now(),
        dir: dir.clone(),
        config: config.clone(),
        promises: Mutex::default(),
    });
    let logs = Arc::new(posted_logs(dir, &config.web.log)?);
    let (passwords, from) = (config.passwords.rules(), Arc::new(config.web.clone()));
    let first = Mutex::new(Some(bound));
    let (store, writer, site_ca_pem) = (dir.store(), writer.clone(), site_ca(dir));
    rooms.start("web", move |mut stop| {
        let first = first.lock().unwrap_or_else(PoisonError::into_inner).take();
        let listen = Listen { addr, tls: tls.clone() };
        let house = House {
            store: store.clone(),
            intake: writer.clone(),
            changes: Arc::new({
                let writer = writer.clone();
                move || writer.changes()
            }),
            commands: Arc::clone(&commands),
            logs: Arc::clone(&logs),
            clock: Arc::new(clock::now),
            site_ca_pem: site_ca_pem.clone(),
            passwords,
            may_come: Arc::new({
                let from = Arc::clone(&from);
                move |role, address| from.may_come(role, address)
            }),
        };
        async move {
            let bound = match first {
                Some(bound) => bound,
                None => Bound::new(listen).map_err(|e| e.to_string())?,
            };
            bound.serve(house, async move { stopped(&mut stop).await }).await.map_err(|e| e.to_string())
        }
    });
    Ok(url)
}

/// The logs that sources may post, each with its reader. They outlive the room: what a reader
/// remembers of a line is needed for the next one.
fn posted_logs(dir: &SiteDir, logs: &[WebLogConfig]) -> Result<PostedLogs, Failure> {
    let mut readers: Vec<(String, Box<dyn PostedLog>)> = Vec::new();
    let open = if logs.is_empty() { Vec::new() } else { open_sessions(&dir.store()) };
    for log in logs {
        let zone = SiteZone::named(&time_zone(dir)?).map_err(Failure::Store)?;
        let wrong = |e: String| Failure::Written(format!("web.log {:?}: {e}", log.source));
        let dialect = Dialect::named(&log.dialect, log.windows.as_ref()).map_err(|(_, why)| wrong(why))?;
        let source = Name::new(log.source.as_str()).map_err(wrong)?;
        readers.push((log.source.clone(), Box::new(dialect.reader(source, zone).with_open(&open))));
    }
    Ok(PostedLogs::new(readers))
}

fn failure(error: OpenError) -> Failure {
    match error {
        OpenError::Listen { addr, source } => Failure::Address(cannot_listen("web.listen", addr, &source)),
        OpenError::PlainBeyondLoopback(_) => Failure::Written(error.to_string()),
        other => Failure::Store(other.to_string()),
    }
}

/// The site's own CA as PEM, for people to install; none where the customer's is used.
fn site_ca(dir: &SiteDir) -> Option<String> {
    std::fs::read_to_string(dir.tls().join("ca.pem")).ok()
}

/// What the pages ask of the daemon.
struct DaemonCommands {
    writer: Writer,
    ledger: Arc<Ledger>,
    runtime: tokio::runtime::Handle,
    started_at: kukaku_schema::UtcMicros,
    dir: SiteDir,
    config: Config,
    /// What was found of broken promises, and when.
    promises: Mutex<Option<(UtcMicros, Vec<Part>)>>,
}

impl DaemonCommands {
    /// What ends or runs short: certificates near their end, a disk that fills.
    fn shortages(&self) -> Vec<Part> {
        let mut parts: Vec<Part> = certificate_warnings(&self.dir, &self.config)
            .into_iter()
            .map(|(name, why)| Part { name, working: false, note: (why.clone(), why) })
            .collect();
        if let Ok(free) = free_mib(self.dir.path())
            && free < self.config.free_disk_mib
        {
            let note = (
                format!("空き容量が {free} MiB しかありません。いっぱいになると記録できません。"),
                format!("only {free} MiB are free; when it is full nothing can be kept"),
            );
            parts.push(Part { name: "disk".to_owned(), working: false, note });
        }
        parts.extend(self.broken_promises());
        parts
    }

    /// What is kept too long, and a disk that will be full soon, looked at once in
    /// `PROMISES_FRESH`: it counts every value.
    fn broken_promises(&self) -> Vec<Part> {
        let now = clock::now();
        let mut known = self.promises.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((at, parts)) = known.as_ref()
            && (0..PROMISES_FRESH.0).contains(&now.since(*at).0)
        {
            return parts.clone();
        }
        let parts = promises(&self.dir, now).unwrap_or_else(|why| {
            let note = (format!("保存期間を確かめられません。{why}"), format!("the retention can't be checked: {why}"));
            vec![Part { name: "retention".to_owned(), working: false, note }]
        });
        *known = Some((now, parts.clone()));
        parts
    }
}

fn promises(dir: &SiteDir, now: UtcMicros) -> Result<Vec<Part>, String> {
    let conn = read_only(&dir.store()).map_err(|e| e.to_string())?;
    let inputs = PlanInputs::read(&conn, &dir.store(), now).map_err(|e| e.to_string())?;
    let report = inputs.conformity(&conn, free_bytes(dir.path()).ok()).map_err(|e| e.to_string())?;
    let mut parts = Vec::new();
    let overdue: usize = report.standings.iter().map(|standing| standing.overdue_days).sum();
    if overdue > 0 {
        let note = (
            format!("約束した最長の期間を過ぎた記録がのべ {overdue}日分残っています。"),
            format!("{overdue} day(s) of records are kept longer than agreed"),
        );
        parts.push(Part { name: "retention_overdue".to_owned(), working: false, note });
    }
    if let Some(day) = report.disk.filter(Disk::is_low).and_then(|disk| disk.full_on) {
        let day = day_text(day);
        let note = (
            format!("このままでは {day} に記憶装置がいっぱいになり、保存の約束を守れなくなります。"),
            format!("the disk will be full on {day}; the agreed periods can't be kept from then on"),
        );
        parts.push(Part { name: "disk_low".to_owned(), working: false, note });
    }
    Ok(parts)
}

impl Commands for DaemonCommands {
    fn status(&self) -> Status {
        let parts = self.ledger.read().into_iter().map(|room| {
            let note = match (&room.trouble, room.running) {
                (Some(why), _) => (why.clone(), why.clone()),
                (None, true) => ("動作中".to_owned(), "works".to_owned()),
                (None, false) => ("停止".to_owned(), "stopped".to_owned()),
            };
            Part { name: room.name, working: room.running && room.trouble.is_none(), note }
        });
        Status {
            started_at: self.started_at,
            version: env!("CARGO_PKG_VERSION").to_owned(),
            signing_key: self.dir.key_files().terms().ok().and_then(|terms| {
                let key = terms.last()?.key.clone();
                Some((key.to_string(), key.fingerprint()))
            }),
            parts: parts.chain(self.shortages()).collect(),
        }
    }

    fn free_bytes(&self) -> Option<u64> {
        free_bytes(self.dir.path()).ok()
    }

    fn import_registers(&self, toml: &str, who: &str, why: &str) -> Result<ImportOutcome, Vec<String>> {
        let registers = parse(toml, "registers").map_err(|e| vec![e.to_string()])?;
        let act = self.writer.import_registers(registers, who.to_owned(), why.to_owned());
        let change = self.runtime.block_on(act).map_err(|e| vec![e.to_string()])?;
        Ok(ImportOutcome { added: change.added, changed: 0, ended: change.closed })
    }

    fn plan_sheet(&self, sheet: &SheetFile, lang: Lang) -> Result<Vec<String>, Vec<String>> {
        let plan = self.writer.plan_wanted(Wanted::Sheet(sheet.clone()));
        let diff = self.runtime.block_on(plan).map_err(|e| vec![e.to_string()])?;
        let zone = time_zone(&self.dir).and_then(|name| SiteZone::named(&name).map_err(Failure::Store));
        let zone = zone.map_err(|e| vec![e.to_string()])?;
        Ok(changes(&diff, &zone).iter().map(|change| change.line(lang)).collect())
    }

    fn import_sheet(&self, sheet: &SheetFile, who: &str, why: &str) -> Result<ImportOutcome, Vec<String>> {
        let act = self.writer.import_wanted(Wanted::Sheet(sheet.clone()), who.to_owned(), None, why.to_owned());
        let change = self.runtime.block_on(act).map_err(|e| vec![e.to_string()])?;
        Ok(ImportOutcome { added: change.added, changed: 0, ended: change.closed })
    }

    fn order_sheet(&self, order: &str) -> Result<String, OrderRefused> {
        answers::sheet(&self.dir.store(), order, clock::now()).map(|sheet| sheet.to_json()).map_err(for_page)
    }

    fn take_answer(&self, answer: &str, of: Option<&str>, who: &str) -> Result<TakenAnswer, NotTaken> {
        let who = Name::new(who).map_err(|why| NotTaken::Refused(OrderRefused::new(why.clone(), why)))?;
        let (answer, of) = (answer.to_owned(), of.map(str::to_owned));
        let act = answers::take(&self.writer, self.dir.store(), answer, of, who, clock::now());
        self.runtime.block_on(act).map(for_web).map_err(|failure| match failure {
            AnswerFailure::Refused(why) => NotTaken::Refused(why),
            AnswerFailure::Failed(why) => NotTaken::NotKept(why),
        })
    }

    fn act_on_finding(&self, act: NewFindingAct) -> Result<(), String> {
        self.runtime.block_on(self.writer.note_finding_act(act)).map(drop).map_err(|error| error.to_string())
    }

    fn looked(&self, look: NewLook) -> Result<(), String> {
        self.runtime.block_on(self.writer.note_look(look)).map(drop).map_err(|error| error.to_string())
    }

    fn report_failure(&self, form: FailureForm, who: &str) -> Result<(), OrderRefused> {
        let who = Name::new(who).map_err(|why| OrderRefused::new(why.clone(), why))?;
        let act = failure_reports::take(&self.writer, self.dir.store(), form, who, clock::now());
        self.runtime.block_on(act).map(drop).map_err(|failure| match failure {
            NotReported::Refused(why) => why,
            NotReported::Failed(why) => not_recorded(why),
        })
    }
}

fn for_web(taken: answers::TakenAnswer) -> TakenAnswer {
    let answers::TakenAnswer { order, revised, entry, before } = taken;
    TakenAnswer { order, state: revised.state, entry, before }
}

/// Why a sheet was not made, for the page.
fn for_page(failure: AnswerFailure) -> OrderRefused {
    match failure {
        AnswerFailure::Refused(why) => why,
        AnswerFailure::Failed(why) => not_recorded(why),
    }
}

/// Nothing is wrong with what was asked; it is not durable.
fn not_recorded(why: String) -> OrderRefused {
    OrderRefused::new(format!("記録できませんでした。しばらくしてからもう一度操作してください。（{why}）"), why)
}
