//! `kukaku status`: how the installation is, for people and for programs.

use jiff::Timestamp;
use kukaku_core::SessionEnd;
use kukaku_schema::{Lang, Severity, SiteZone, UtcMicros};
use kukaku_store::{query, read_only, witnessing};
use serde::Serialize;

use super::certificates::certificates_of;
use super::check::free_mib;
use super::witnesses::Witnesses;
use crate::certificates::{read_certificate, warning};
use crate::cli::StatusArgs;
use crate::config::{Config, load};
use crate::control::{self, Reply, Request, RoomReply};
use crate::failure::Failure;
use crate::say::{say, shown};
use crate::site_dir::SiteDir;

/// Open sessions that are listed; their number beyond it is told.
const SESSIONS_LISTED: u32 = 200;

/// Everything that is told. JSON keys are only ever added: programs read them.
#[derive(Debug, Serialize)]
struct Status {
    version: &'static str,
    site: String,
    running: bool,
    journal: Journal,
    inside: Vec<Inside>,
    open_sessions: Vec<OpenSession>,
    open_sessions_more: bool,
    findings: Findings,
    outbox: Outbox,
    notices: Notices,
    sources: Vec<Source>,
    rooms: Vec<RoomReply>,
    certificates: Vec<CertificateDays>,
    free_mib: Option<u64>,
    witnesses: Witnesses,
}

#[derive(Debug, Serialize)]
struct Journal {
    entries: i64,
    recorded_at: UtcMicros,
    advanced_to: UtcMicros,
    signed_entries: i64,
    signed_at: Option<UtcMicros>,
}

#[derive(Debug, Serialize)]
struct Inside {
    zone: String,
    zone_name: String,
    person: String,
    person_name: String,
    since: UtcMicros,
    grade: &'static str,
}

#[derive(Debug, Serialize)]
struct OpenSession {
    source: String,
    session: String,
    account: Option<String>,
    operator: Option<String>,
    client: Option<String>,
    start: UtcMicros,
    verdict: Option<&'static str>,
    #[serde(skip)]
    verdict_shown: Option<(&'static str, &'static str)>,
}

#[derive(Debug, Default, Serialize)]
struct Findings {
    critical: i64,
    high: i64,
    medium: i64,
}

#[derive(Debug, Serialize)]
struct Outbox {
    failing: i64,
    given_up: i64,
    last_error: Option<String>,
}

/// Notices to clients that are not delivered though the agreed minutes are over.
#[derive(Debug, Serialize)]
struct Notices {
    overdue: i64,
    last_error: Option<String>,
}

#[derive(Debug, Serialize)]
struct Source {
    source: String,
    registered: bool,
    last_at: UtcMicros,
    link: String,
    observations: i64,
    duplicates: i64,
    unreadable: i64,
}

#[derive(Debug, Serialize)]
struct CertificateDays {
    file: String,
    used: &'static str,
    days_left: Option<i64>,
    problem: Option<String>,
}

/// Runs the command.
///
/// # Errors
/// The store can't be read.
pub fn run(args: &StatusArgs) -> Result<(), Failure> {
    let dir = SiteDir::find(args.dir.dir.as_deref())?;
    let config = load(&dir.config()).map_err(|e| Failure::Written(e.to_string()))?.config;
    let (status, time_zone) = collect(&dir, &config)?;
    if args.json {
        let json =
            serde_json::to_string_pretty(&status).map_err(|e| Failure::Failed(format!("write the status: {e}")))?;
        say(json);
        return Ok(());
    }
    let lang = args.lang.or_else(lang_of_environment).unwrap_or(config.lang.0);
    for line in lines(&status, lang, &time_zone) {
        say(shown(&line));
    }
    Ok(())
}

/// The language that the user's environment asks for, if it is one of ours.
fn lang_of_environment() -> Option<Lang> {
    let asked =
        ["LC_ALL", "LC_MESSAGES", "LANG"].iter().find_map(|key| std::env::var(key).ok().filter(|v| !v.is_empty()))?;
    Lang::from_tag(asked.get(..2)?)
}

fn collect(dir: &SiteDir, config: &Config) -> Result<(Status, String), Failure> {
    let store = |e: kukaku_store::StoreError| Failure::Store(e.to_string());
    let conn = read_only(&dir.store()).map_err(store)?;
    let registers = query::registers(&conn)
        .map_err(store)?
        .ok_or_else(|| Failure::Store("the store holds no registers".to_owned()))?;
    let head = query::head(&conn).map_err(store)?;
    let signed = query::newest_checkpoint(&conn).map_err(store)?;
    let named = |id: &str| {
        let operator = registers.operators.iter().rev().find(|e| e.row.id == id).map(|e| e.row.name.clone());
        let person = || registers.persons.iter().rev().find(|e| e.row.id == id).map(|e| e.row.name.clone());
        operator.or_else(person).unwrap_or_else(|| id.to_owned())
    };
    let zone_named = |id: &str| {
        registers.zones.iter().rev().find(|e| e.row.id == id).map_or_else(|| id.to_owned(), |e| e.row.name.clone())
    };
    let inside = query::inside_now(&conn).map_err(store)?.into_iter().map(|row| Inside {
        zone_name: zone_named(&row.zone),
        person_name: named(&row.person),
        zone: row.zone,
        person: row.person,
        since: row.since,
        grade: row.grade.word(),
    });
    let inside = inside.collect();
    let open = query::open_sessions(&conn, SESSIONS_LISTED).map_err(store)?;
    let open_sessions_more = open.next.is_some();
    let open_sessions = open.rows.into_iter().filter(|row| row.end == SessionEnd::Open).map(|row| OpenSession {
        verdict: row.verdict.as_ref().map(|v| v.verdict.word()),
        verdict_shown: row.verdict.as_ref().map(|v| (v.verdict.label(Lang::Ja), v.verdict.label(Lang::En))),
        source: row.source,
        session: row.session,
        account: row.account,
        operator: row.operator,
        client: row.client,
        start: row.start,
    });
    let open_sessions = open_sessions.collect();
    let mut findings = Findings::default();
    let holding = query::FindingFilter { holding_only: true, ..query::FindingFilter::default() };
    for (severity, count) in query::findings_counted(&conn, &holding).map_err(store)? {
        match severity {
            Severity::Critical => findings.critical = count,
            Severity::High => findings.high = count,
            Severity::Medium => findings.medium = count,
        }
    }
    let (failing, given_up, last_error) = query::outbox_failing(&conn).map_err(store)?;
    let now = UtcMicros(Timestamp::now().as_microsecond());
    let (overdue, notice_error) = kukaku_store::notices::overdue(&conn, now).map_err(store)?;
    let sources = query::sources(&conn).map_err(store)?.into_iter().map(|row| Source {
        registered: registers.sources.iter().any(|e| e.row.id == row.source),
        source: row.source,
        last_at: row.last_at,
        link: row.link,
        observations: row.observations,
        duplicates: row.duplicates,
        unreadable: row.unreadable,
    });
    let sources = sources.collect();
    let rooms = match control::ask_daemon(dir, &Request::Rooms) {
        Ok(Some(Reply::Rooms { rooms })) => Some(rooms),
        _ => None,
    };
    let status = Status {
        version: env!("CARGO_PKG_VERSION"),
        site: registers.site.name.clone(),
        running: rooms.is_some(),
        journal: Journal {
            entries: head.journal_size,
            recorded_at: head.recorded_at,
            advanced_to: head.advanced_to,
            signed_entries: signed.as_ref().map_or(0, |c| c.size),
            signed_at: signed.map(|c| c.signed_at),
        },
        inside,
        open_sessions,
        open_sessions_more,
        findings,
        outbox: Outbox { failing, given_up, last_error },
        notices: Notices { overdue, last_error: notice_error },
        sources,
        rooms: rooms.unwrap_or_default(),
        certificates: certificate_days(dir, config),
        free_mib: free_mib(dir.path()).ok(),
        witnesses: Witnesses::of(witnessing(&conn).map_err(store)?),
    };
    Ok((status, registers.site.time_zone))
}

fn certificate_days(dir: &SiteDir, config: &Config) -> Vec<CertificateDays> {
    let now = Timestamp::now();
    certificates_of(dir, config)
        .into_iter()
        .map(|(path, used)| {
            let read = std::fs::read(&path).map_err(|e| e.to_string()).and_then(|pem| read_certificate(&pem));
            let (days_left, problem) = match read {
                Ok(certificate) => {
                    let days = certificate.days_left(now);
                    (Some(days), warning(&path.display().to_string(), days))
                }
                Err(why) => (None, Some(why)),
            };
            CertificateDays { file: path.display().to_string(), used, days_left, problem }
        })
        .collect()
}

fn lines(status: &Status, lang: Lang, time_zone: &str) -> Vec<String> {
    let zone = SiteZone::named(time_zone).ok();
    let at = |at: UtcMicros| zone.as_ref().map_or_else(|| at.to_rfc3339_utc(), |zone| zone.shown(at));
    let pick = |ja: &'static str, en: &'static str| lang.pick(ja, en);
    let mut out = vec![
        format!("{} — kukaku {}", status.site, status.version),
        format!(
            "{}: {}",
            pick("運転", "daemon"),
            if status.running { pick("動作中", "running") } else { pick("停止", "not running") }
        ),
        format!(
            "{}: {} ({} {}), {} {}",
            pick("記録", "journal"),
            status.journal.entries,
            pick("最終", "last"),
            at(status.journal.recorded_at),
            pick("署名済み", "signed"),
            status.journal.signed_entries
        ),
        format!(
            "{}: {} {} / {} {} / {} {}",
            pick("検知", "findings"),
            Severity::Critical.label(lang),
            status.findings.critical,
            Severity::High.label(lang),
            status.findings.high,
            Severity::Medium.label(lang),
            status.findings.medium
        ),
    ];
    out.extend(status.witnesses.lines(lang, &at));
    out.push(format!("{}: {}", pick("在室者", "inside"), status.inside.len()));
    for row in &status.inside {
        out.push(format!("  {}  {} ({})  {} {}", row.zone_name, row.person_name, row.person, at(row.since), row.grade));
    }
    let more = if status.open_sessions_more { "+" } else { "" };
    out.push(format!("{}: {}{more}", pick("接続中のセッション", "open sessions"), status.open_sessions.len()));
    for row in &status.open_sessions {
        let who = row.operator.as_ref().or(row.account.as_ref()).map_or("?", |who| who);
        let verdict = row.verdict_shown.map_or("-", |(ja, en)| lang.pick(ja, en));
        out.push(format!("  {}/{}  {who}  {}  {verdict}", row.source, row.session, at(row.start)));
    }
    out.push(format!("{}: {}", pick("機器", "sources"), status.sources.len()));
    for row in &status.sources {
        let stranger = if row.registered { "" } else { pick("（未登録）", " (not registered)") };
        out.push(format!(
            "  {}{stranger}  {} {}  {} ({} / {} / {})",
            row.source,
            pick("最終", "last"),
            at(row.last_at),
            row.link,
            row.observations,
            row.duplicates,
            row.unreadable
        ));
    }
    if status.outbox.failing + status.outbox.given_up > 0 {
        out.push(format!(
            "{}: {} {} / {} {} — {}",
            pick("届かない通知", "undelivered alerts"),
            pick("再送待ち", "tried again"),
            status.outbox.failing,
            pick("断念", "given up"),
            status.outbox.given_up,
            status.outbox.last_error.as_deref().unwrap_or("")
        ));
    }
    if status.notices.overdue > 0 {
        out.push(format!(
            "{}: {} — {}",
            pick("期限を過ぎた市への通知", "overdue notices to clients"),
            status.notices.overdue,
            status.notices.last_error.as_deref().unwrap_or("")
        ));
    }
    for room in status.rooms.iter().filter(|room| !room.working) {
        out.push(format!("{}: {} — {}", pick("不調", "trouble"), room.name, room.note));
    }
    for problem in status.certificates.iter().filter_map(|c| c.problem.as_ref()) {
        out.push(format!("{}: {problem}", pick("証明書", "certificate")));
    }
    if let Some(free) = status.free_mib {
        out.push(format!("{}: {free} MiB", pick("空き容量", "free disk")));
    }
    out
}
