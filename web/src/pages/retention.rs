//! 保存期間: what was agreed against what is held, the holds, and when the disk is full.

use askama::Template;
use axum::extract::{Extension, State};
use axum::response::Response;
use kukaku_core::retention::{Disk, Party, Standing, Term};
use kukaku_schema::period::day_text;
use kukaku_schema::{Lang, Period, UtcMicros};
use kukaku_store::{HoldRow, PlanInputs, all_holds};

use super::layout::{Frame, page};
use super::{View, read_view};
use crate::error::WebError;
use crate::house::App;
use crate::http::guard::Viewer;
use crate::text::{self, Chip, clean, counted};

struct StandingLine {
    whose: String,
    class: &'static str,
    agreed: String,
    effective: String,
    held: String,
    without: String,
    records: String,
    next: String,
    state: Chip,
}

struct HoldLine {
    id: String,
    what: String,
    placed: String,
    reason: String,
    entry: u64,
    state: Chip,
}

#[derive(Template)]
#[template(path = "retention.html")]
struct RetentionPage {
    f: Frame,
    warnings: Vec<String>,
    rows: Vec<StandingLine>,
    disk: Vec<(&'static str, String)>,
    holds: Vec<HoldLine>,
}

/// `GET /retention`.
pub(crate) async fn retention(
    State(app): State<App>,
    Extension(viewer): Extension<Viewer>,
) -> Result<Response, WebError> {
    let free = app.with_commands(|commands| commands.free_bytes()).await?;
    let store = app.store.clone();
    let (view, (report, holds)) = read_view(&app, &viewer, move |reader, view| {
        if view.dir.registers.is_none() {
            return Ok((None, Vec::new()));
        }
        let inputs = PlanInputs::read(reader, &store, view.now)?;
        let mut report = inputs.conformity(reader, free)?;
        // The key store, in which it reads who has records, knows every client.
        report.standings.retain(|standing| standing.client.as_ref().is_none_or(|id| reader.scope().has_client(id)));
        Ok((Some(report), all_holds(reader)?))
    })
    .await?;
    let f = view.frame(&viewer, "retention", "保存期間", "Retention", "/retention");
    let lang = view.lang;
    let mut warnings = Vec::new();
    let (mut rows, mut disk) = (Vec::new(), Vec::new());
    if let Some(report) = report {
        let overdue: usize = report.standings.iter().map(|standing| standing.overdue_days).sum();
        if overdue > 0 {
            warnings.push(match lang {
                Lang::Ja => format!("約束した最長の期間を過ぎて残っている記録があります（のべ {overdue}日分）。"),
                Lang::En => format!("Records are kept longer than agreed ({overdue} day(s) in all)."),
            });
        }
        if let Some(day) = report.disk.filter(Disk::is_low).and_then(|disk| disk.full_on) {
            let day = day_text(day);
            warnings.push(match lang {
                Lang::Ja => format!("このままでは {day} に記憶装置がいっぱいになり、保存の約束を守れなくなります。"),
                Lang::En => format!("The disk will be full on {day}; the agreed periods can't be kept from then on."),
            });
        }
        rows = report.standings.iter().map(|standing| line(standing, &view)).collect();
        disk = report.disk.map_or_else(Vec::new, |disk| disk_facts(disk, lang));
    }
    let holds = holds.iter().rev().map(|row| hold_line(row, &view)).collect();
    page(&RetentionPage { f, warnings, rows, disk, holds })
}

fn line(standing: &Standing, view: &View) -> StandingLine {
    let lang = view.lang;
    let (agreed, effective) = (terms(&standing.agreed, lang), terms(&standing.effective, lang));
    let state = if standing.overdue_days > 0 {
        let days = standing.overdue_days;
        Chip::bad(lang.pick(format!("期限超過 {days}日分"), format!("{days} day(s) overdue")))
    } else if !standing.holds.is_empty() {
        Chip::new("info", "note", lang.pick("保全中", "held"))
    } else if standing.due_days > 0 {
        let days = standing.due_days;
        Chip::warn(lang.pick(format!("削除待ち {days}日分"), format!("{days} day(s) due")))
    } else {
        Chip::ok(lang.pick("適合", "in order"))
    };
    StandingLine {
        whose: standing
            .client
            .as_ref()
            .map_or_else(|| lang.pick("拠点", "The site").to_owned(), |client| clean(&view.dir.client(client))),
        class: standing.class.label(lang),
        effective: if effective == agreed { String::new() } else { effective },
        agreed,
        held: standing
            .held
            .map_or_else(String::new, |(first, last)| format!("{} – {}", day_text(first), day_text(last))),
        without: if standing.days_without == 0 { String::new() } else { standing.days_without.to_string() },
        records: counted(standing.entries.cast_signed()),
        next: standing.next_due.map_or_else(String::new, |due| text::when(&view.dir.zone, due, lang)),
        state,
    }
}

fn period(period: Period, lang: Lang) -> String {
    match (lang, period) {
        (Lang::En, period) => period.to_string(),
        (Lang::Ja, Period::Years(years)) => format!("{years}年"),
        (Lang::Ja, Period::Months(months)) => format!("{months}か月"),
        (Lang::Ja, Period::Days(days)) => format!("{days}日"),
    }
}

/// A term in words.
pub(super) fn term(term: &Term, lang: Lang) -> String {
    let at_least = period(term.at_least, lang);
    match (lang, term.at_most) {
        (Lang::Ja, Some(at_most)) => format!("{at_least}以上 {}以内", period(at_most, lang)),
        (Lang::Ja, None) if term.erase => format!("{at_least}以上（過ぎたら削除）"),
        (Lang::Ja, None) => format!("{at_least}以上（削除しない）"),
        (Lang::En, _) => term.to_string(),
    }
}

fn terms(parties: &[Party], lang: Lang) -> String {
    let mut terms: Vec<String> = parties
        .iter()
        .map(|party| {
            let term = term(&party.term, lang);
            if party.agreed { term } else { format!("{term}{}", lang.pick("（既定）", " (default)")) }
        })
        .collect();
    terms.sort_unstable();
    terms.dedup();
    terms.join(lang.pick("、", "; "))
}

fn disk_facts(disk: Disk, lang: Lang) -> Vec<(&'static str, String)> {
    let mib = |bytes: u64| format!("{} MiB", counted((bytes / 1_048_576).cast_signed()));
    let full = match disk.full_on {
        Some(day) => day_text(day),
        None => lang.pick("いっぱいにならない見込み", "not foreseen").to_owned(),
    };
    vec![
        (lang.pick("空き容量", "Free"), mib(disk.free_bytes)),
        (lang.pick("1日の増加（直近7日）", "Added a day (last 7 days)"), mib(disk.bytes_a_day)),
        (lang.pick("いっぱいになる日（予測）", "Full on (forecast)"), full),
    ]
}

fn hold_line(row: &HoldRow, view: &View) -> HoldLine {
    let (lang, zone, hold) = (view.lang, &view.dir.zone, &row.hold);
    let mut what = Vec::new();
    what.extend(hold.client.as_ref().map(|id| view.dir.client(id)));
    what.extend(hold.person.as_ref().map(|id| view.dir.person(id)));
    what.extend(hold.camera.as_ref().map(|id| view.dir.camera(id)));
    if hold.period.start > UtcMicros::MIN || hold.period.end < UtcMicros::MAX {
        let at = |at: UtcMicros| {
            if at > UtcMicros::MIN && at < UtcMicros::MAX { text::when(zone, at, lang) } else { String::new() }
        };
        what.push(format!("{} – {}", at(hold.period.start), at(hold.period.end)));
    }
    let state = match &row.released {
        None => Chip::new("info", "note", lang.pick("保全中", "stands")),
        Some(released) => {
            let (at, by) = (text::when(zone, released.at, lang), clean(&released.by.join(lang.pick("、", ", "))));
            Chip::dim(lang.pick(format!("解除 {at}（{by}）"), format!("released {at} ({by})")))
        }
    };
    HoldLine {
        id: clean(&hold.id),
        what: clean(&what.join(lang.pick("・", ", "))),
        placed: format!("{} {}", text::when(zone, hold.placed_at, lang), clean(&hold.placed_by)),
        reason: clean(&hold.reason),
        entry: row.placed_seq,
        state,
    }
}
