//! What came out of the day: its table, and where it differs from the truth.

use std::path::Path;

use kukaku_schema::{Lang, UtcMicros, Verdict};
use kukaku_store::query::{
    self, FailureRow, FindingFilter, FindingRow, OrderRow, RevisionRow, SessionFilter, SessionRow,
};
use kukaku_store::{StoreError, read_only};

use super::site::registers;
use super::truth::{CLEARED, FAILURES, FINDINGS, JOINED, ORDERS, SESSIONS};
use crate::failure::Failure;
use crate::say::{say, shown};

/// More than a day can have.
const ROWS_MAX: u32 = 1_000;

/// What came out.
pub(super) struct Outcome {
    /// Every session with its revisions, oldest first.
    sessions: Vec<(SessionRow, Vec<RevisionRow>)>,
    /// The records of each session that more than one source told of: its name, theirs.
    joined: Vec<(String, Vec<String>)>,
    /// Every work order, by its number.
    orders: Vec<OrderRow>,
    /// Every failure with the number of reports on it.
    failures: Vec<(FailureRow, usize)>,
    /// Every finding, oldest first.
    findings: Vec<FindingRow>,
}

impl Outcome {
    /// Reads it from a store.
    pub(super) fn read(store: &Path) -> Result<Self, Failure> {
        let read = || -> Result<Self, StoreError> {
            let conn = read_only(store)?;
            let (mut sessions, mut joined) = (Vec::new(), Vec::new());
            for row in query::sessions(&conn, &SessionFilter::default(), None, ROWS_MAX)?.rows {
                let mut revisions = query::revisions(&conn, row.id)?;
                revisions.reverse();
                let parts = query::session_parts(&conn, row.id)?;
                if !parts.is_empty() {
                    let names = parts.iter().map(|part| format!("{}/{}", part.source, part.session));
                    joined.push((session_name(&row), names.collect()));
                }
                sessions.push((row, revisions));
            }
            sessions.sort_by_key(|(row, _)| (row.start, row.session.clone()));
            let mut findings = query::findings(&conn, &FindingFilter::default(), None, ROWS_MAX)?.rows;
            findings.sort_by_key(|row| (row.span.start, row.key.clone()));
            let mut orders = query::orders(&conn, &query::OrderFilter::default(), None, ROWS_MAX)?.rows;
            orders.sort_by(|a, b| a.order.cmp(&b.order));
            let mut failures = Vec::new();
            for row in query::failures(&conn, None, ROWS_MAX)?.rows {
                let reports = query::failure_reports(&conn, &row.failure)?.len();
                failures.push((row, reports));
            }
            Ok(Self { sessions, joined, orders, failures, findings })
        };
        read().map_err(|e| Failure::Store(e.to_string()))
    }
}

/// The name of a session in the truth.
fn session_name(row: &SessionRow) -> String {
    format!("{}/{}", row.source, row.session)
}

/// Kind and subjects of a finding, without the instant, which the truth does not repeat.
fn finding_name(row: &FindingRow) -> &str {
    row.key.rsplit_once('|').map_or(row.key.as_str(), |(name, _)| name)
}

/// The verdicts that a session had, each once, without the first waiting.
fn verdicts(revisions: &[RevisionRow]) -> Vec<Verdict> {
    let mut out: Vec<Verdict> = Vec::new();
    for revision in revisions.iter().filter(|revision| revision.verdict != Verdict::Pending) {
        if out.last() != Some(&revision.verdict) {
            out.push(revision.verdict);
        }
    }
    out
}

/// Where the outcome differs from the truth, one line each.
pub(super) fn differences(outcome: &Outcome) -> Vec<String> {
    let mut out = Vec::new();
    for truth in SESSIONS {
        let Some((row, revisions)) = outcome.sessions.iter().find(|(row, _)| session_name(row) == truth.session) else {
            out.push(format!("{}: no such session", truth.session));
            continue;
        };
        let found = row.verdict.map(|v| (v.verdict, v.grade));
        if found != Some((truth.verdict, truth.grade)) {
            let words = |verdict: Verdict, grade: Option<kukaku_schema::Grade>| {
                format!("{} {}", verdict.word(), grade.map_or("-", |grade| grade.word()))
            };
            let is = found.map_or_else(|| "without a verdict".to_owned(), |(verdict, grade)| words(verdict, grade));
            out.push(format!("{}: expected {}, is {is}", truth.session, words(truth.verdict, truth.grade)));
        }
        let had = verdicts(revisions);
        for before in truth.before.iter().filter(|before| !had.contains(before)) {
            out.push(format!("{}: was never {}", truth.session, before.word()));
        }
    }
    for (row, _) in &outcome.sessions {
        let name = session_name(row);
        if !SESSIONS.iter().any(|truth| truth.session == name) {
            out.push(format!("{name}: a session that the truth doesn't know"));
        }
    }
    out.extend(paper_differences(outcome));
    let names = |holds: bool| -> Vec<&str> {
        outcome.findings.iter().filter(|row| row.resolved_at.is_none() == holds).map(finding_name).collect()
    };
    compare(&mut out, "holds", FINDINGS, names(true), true);
    // Others may have held for a moment; these had to.
    compare(&mut out, "was cleared", CLEARED, names(false), false);
    out
}

/// Where records, work orders and failures differ.
fn paper_differences(outcome: &Outcome) -> Vec<String> {
    let joined = outcome.joined.iter().map(|(name, parts)| format!("{name} has the records {}", parts.join(" ")));
    let joined_true = JOINED.iter().map(|(name, parts)| format!("{name} has the records {}", parts.join(" ")));
    let orders = outcome.orders.iter().map(|row| format!("order {} is {}", row.order, row.state.word()));
    let orders_true = ORDERS.iter().map(|(order, state)| format!("order {order} is {}", state.word()));
    let failures = outcome.failures.iter().map(|(row, reports)| {
        format!("failure {} has {reports} reports, the newest {}", row.failure, row.stage.word())
    });
    let failures_true = FAILURES.iter().map(|(failure, stage, reports)| {
        format!("failure {failure} has {reports} reports, the newest {}", stage.word())
    });
    let found: Vec<String> = joined.chain(orders).chain(failures).collect();
    let truth: Vec<String> = joined_true.chain(orders_true).chain(failures_true).collect();
    let missing = truth.iter().filter(|line| !found.contains(line)).map(|line| format!("expected: {line}"));
    let too_much = found.iter().filter(|line| !truth.contains(line)).map(|line| format!("unexpected: {line}"));
    missing.chain(too_much).collect()
}

/// Takes each expected name out of those found once; what is left over is too much.
fn compare(out: &mut Vec<String>, how: &str, expected: &[&str], mut found: Vec<&str>, whole: bool) {
    for name in expected {
        match found.iter().position(|is| is == name) {
            Some(index) => drop(found.swap_remove(index)),
            None => out.push(format!("{name}: expected, but no such finding {how}")),
        }
    }
    if whole {
        found.sort_unstable();
        out.extend(found.iter().map(|name| format!("{name}: {how}, but the truth doesn't know it")));
    }
}

/// Prints the sessions and findings; instants are minutes and seconds of the day that began at `start`.
pub(super) fn print(outcome: &Outcome, start: UtcMicros) -> Result<(), Failure> {
    let registers = registers()?;
    let operator = |id: &Option<String>| {
        let entry = registers.operators.iter().find(|entry| Some(&entry.row.id) == id.as_ref());
        entry.map_or_else(|| "－".to_owned(), |entry| entry.row.name.clone())
    };
    let mut rows = vec![
        ["開始", "終了", "セッション", "作業者", "端末", "判定", "", "確度", "経過", "記録"]
            .map(str::to_owned)
            .to_vec(),
        ["start", "end", "session", "operator", "terminal", "verdict", "", "grade", "history", "records"]
            .map(str::to_owned)
            .to_vec(),
    ];
    for (row, revisions) in &outcome.sessions {
        let (verdict, grade) = row.verdict.map_or((Verdict::Pending, None), |v| (v.verdict, v.grade));
        let end = row.span(UtcMicros::MAX).end;
        let history: Vec<&str> = verdicts(revisions).into_iter().map(Verdict::word).collect();
        rows.push(vec![
            clock(start, row.start),
            clock(start, end),
            session_name(row),
            operator(&row.operator),
            row.terminal.clone().unwrap_or_default(),
            verdict.label(Lang::Ja).to_owned(),
            verdict.word().to_owned(),
            grade.map_or_else(String::new, |grade| format!("{} {}", grade.label(Lang::Ja), grade.word())),
            history.join(" → "),
            outcome
                .joined
                .iter()
                .find(|(name, _)| *name == session_name(row))
                .map_or_else(String::new, |(_, of)| of.join(" + ")),
        ]);
    }
    say("セッション照合  Sessions");
    table(&rows);
    let mut rows = vec![
        ["開始", "終了", "重要度", "検知", "", "対象", "状態"].map(str::to_owned).to_vec(),
        ["start", "end", "severity", "finding", "", "about", "state"].map(str::to_owned).to_vec(),
    ];
    for row in &outcome.findings {
        let about = finding_name(row).split_once('|').map_or("", |(_, about)| about);
        let state = match row.resolved_at {
            None => "継続 holds".to_owned(),
            Some(at) => format!("解消 cleared {}", clock(start, at)),
        };
        rows.push(vec![
            clock(start, row.span.start),
            clock(start, row.span.end),
            row.severity.label(Lang::Ja).to_owned(),
            row.kind.label(Lang::Ja).to_owned(),
            row.kind.word().to_owned(),
            about.replace('|', " "),
            state,
        ]);
    }
    say("\n検知  Findings");
    table(&rows);
    print_papers(outcome, start);
    Ok(())
}

/// Prints the work orders and the failure reports.
fn print_papers(outcome: &Outcome, start: UtcMicros) {
    let mut rows = vec![
        ["申請", "開始", "終了", "状態", ""].map(str::to_owned).to_vec(),
        ["order", "from", "to", "state", ""].map(str::to_owned).to_vec(),
    ];
    for row in &outcome.orders {
        let (label, word) = (row.state.label(Lang::Ja).to_owned(), row.state.word().to_owned());
        rows.push(vec![row.order.clone(), clock(start, row.from), clock(start, row.to), label, word]);
    }
    say("\n作業申請  Work orders");
    table(&rows);
    let mut rows = vec![
        ["報告", "検知", "報告日時", "段階", "", "報告数"].map(str::to_owned).to_vec(),
        ["report", "noticed", "handed in", "stage", "", "reports"].map(str::to_owned).to_vec(),
    ];
    for (row, reports) in &outcome.failures {
        let (label, word) = (row.stage.label(Lang::Ja).to_owned(), row.stage.word().to_owned());
        let (detected, at) = (clock(start, row.detected_at), clock(start, row.at));
        rows.push(vec![row.failure.clone(), detected, at, label, word, reports.to_string()]);
    }
    say("\n障害報告  Failure reports");
    table(&rows);
}

/// `05:30` for an instant five and a half minutes into the day, `-10d` for one ten days before; nothing for one that never comes.
fn clock(start: UtcMicros, at: UtcMicros) -> String {
    if at == UtcMicros::MAX {
        return String::new();
    }
    let seconds = at.since(start).0.div_euclid(1_000_000);
    let sign = if seconds < 0 { "-" } else { "" };
    // What lies days away is told by days.
    if seconds.abs() >= 86_400 {
        return format!("{sign}{}d", seconds.abs() / 86_400);
    }
    format!("{sign}{:02}:{:02}", seconds.abs() / 60, seconds.abs() % 60)
}

/// Prints rows with every column as wide as its widest cell.
fn table(rows: &[Vec<String>]) {
    let columns = rows.first().map_or(0, Vec::len);
    let widths: Vec<usize> =
        (0..columns).map(|column| rows.iter().map(|row| width(&row[column])).max().unwrap_or(0)).collect();
    for row in rows {
        let mut line = String::new();
        for (cell, wide) in row.iter().zip(&widths) {
            line.push_str(cell);
            line.push_str(&" ".repeat(wide - width(cell) + 2));
        }
        say(shown(line.trim_end()));
    }
}

/// Columns of a terminal that a text takes: two for each wide character, as East Asian Width
/// (UAX #11) has them for the characters that occur here.
fn width(text: &str) -> usize {
    let wide = |c: char| matches!(c, '\u{1100}'..='\u{115F}' | '\u{2E80}'..='\u{A4CF}' | '\u{AC00}'..='\u{D7A3}' | '\u{F900}'..='\u{FAFF}' | '\u{FE30}'..='\u{FE4F}' | '\u{FF00}'..='\u{FF60}' | '\u{FFE0}'..='\u{FFE6}');
    text.chars().map(|c| if wide(c) { 2 } else { 1 }).sum()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_finding_and_one_too_many_are_both_told() {
        let mut out = Vec::new();
        compare(
            &mut out,
            "holds",
            &["absent|session:a/1", "forced|door:n"],
            vec!["forced|door:n", "forced|door:n"],
            true,
        );
        assert_eq!(out.len(), 2, "{out:?}");
        assert!(out[0].starts_with("absent|session:a/1: expected"), "{out:?}");
        assert!(out[1].starts_with("forced|door:n: holds, but"), "{out:?}");
    }

    #[test]
    fn an_outcome_without_anything_differs_in_every_session() {
        let nothing = Outcome {
            sessions: Vec::new(),
            joined: Vec::new(),
            orders: Vec::new(),
            failures: Vec::new(),
            findings: Vec::new(),
        };
        let papers = JOINED.len() + ORDERS.len() + FAILURES.len();
        assert_eq!(differences(&nothing).len(), SESSIONS.len() + papers + FINDINGS.len() + CLEARED.len());
    }

    #[test]
    fn columns_are_counted_as_a_terminal_does() {
        assert_eq!((width("在室なし"), width("absent"), width("A→B")), (8, 6, 3));
    }
}
