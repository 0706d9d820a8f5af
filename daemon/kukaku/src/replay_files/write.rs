//! What a replay writes: CSV, whole or not at all.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use kukaku_core::replay::{Case, Judgements, Order, Replay, Sentence};
use kukaku_core::{Finding, Names, Stay};
use kukaku_schema::{SiteZone, Span, UtcMicros};

use super::turns::in_order;
use crate::failure::Failure;

/// A file that gets its name when it is whole.
struct Output {
    to: PathBuf,
    temporary: Option<PathBuf>,
    writer: BufWriter<File>,
    line: String,
}

impl Output {
    fn create(to: &Path) -> Result<Self, Failure> {
        // A pipe or a terminal can't be renamed over: what is no plain file is written as it is.
        let plain = std::fs::metadata(to).map_or(true, |m| m.is_file());
        let temporary = plain.then(|| {
            let mut name = to.file_name().unwrap_or_default().to_owned();
            name.push(".part");
            to.with_file_name(name)
        });
        let path = temporary.as_deref().unwrap_or(to);
        let file = File::create(path).map_err(|e| Failure::io("create", path, &e))?;
        Ok(Self { to: to.to_owned(), writer: BufWriter::with_capacity(1 << 18, file), temporary, line: String::new() })
    }

    fn end_line(&mut self) -> Result<(), Failure> {
        self.line.push('\n');
        let line = std::mem::take(&mut self.line);
        self.write(&line)?;
        self.line = line;
        self.line.clear();
        Ok(())
    }

    fn write(&mut self, text: &str) -> Result<(), Failure> {
        self.writer.write_all(text.as_bytes()).map_err(|e| Failure::io("write", &self.to, &e))
    }

    fn finish(mut self) -> Result<(), Failure> {
        let done = self.writer.flush().and_then(|()| match &self.temporary {
            Some(part) => self.writer.get_ref().sync_all().and_then(|()| std::fs::rename(part, &self.to)),
            None => Ok(()),
        });
        done.map_err(|e| Failure::io("write", &self.to, &e))
    }
}

impl Drop for Output {
    fn drop(&mut self) {
        // Gone already where `finish` renamed it.
        if let Some(part) = &self.temporary {
            let _ = std::fs::remove_file(part);
        }
    }
}

/// Appends a field, quoted where it must be.
fn field(line: &mut String, text: &str) {
    if text.bytes().any(|b| matches!(b, b',' | b'"' | b'\n' | b'\r')) {
        line.push('"');
        line.push_str(&text.replace('"', "\"\""));
        line.push('"');
    } else {
        line.push_str(text);
    }
}

fn number(line: &mut String, n: i64) {
    use std::fmt::Write as _;
    // What most sessions have.
    if n == 0 {
        return line.push('0');
    }
    let _ = write!(line, "{n}");
}

/// Writes `source,session,verdict,grade,absent_us,unknown_us,spans`; what is wrong with the
/// sessions comes back where it is asked for.
pub(super) fn verdicts(
    replay: &mut Replay,
    order: Order,
    zone: &SiteZone,
    path: &Path,
    with_findings: bool,
) -> Result<Option<Vec<Finding>>, Failure> {
    let mut out = Output::create(path)?;
    out.line.push_str("source,session,verdict,grade,absent_us,unknown_us,spans");
    out.end_line()?;
    let mut cases = replay.docket(order).into_iter();
    let mut all = with_findings.then(Judgements::default);
    in_order(
        |desk: &mut JudgeDesk| {
            desk.case = cases.next();
            Ok(desk.case.is_some())
        },
        |desk| {
            let JudgeDesk { case, lines, wrongs } = desk;
            lines.clear();
            if let Some(case) = case {
                replay.judge(case, |names, s| verdict(lines, zone, names, s), with_findings.then_some(wrongs));
            }
        },
        |desk| {
            if let Some(all) = &mut all {
                all.append(&mut desk.wrongs);
            }
            out.write(&desk.lines)
        },
    )?;
    out.finish()?;
    Ok(all.map(|all| replay.wrongs(all)))
}

/// Sessions that one thread judges.
#[derive(Default)]
struct JudgeDesk {
    case: Option<Case>,
    lines: String,
    wrongs: Judgements,
}

fn verdict(line: &mut String, zone: &SiteZone, names: &Names, sentence: &Sentence<'_>) {
    field(line, names.text(sentence.session.key.source));
    line.push(',');
    field(line, sentence.id);
    line.push(',');
    line.push_str(sentence.verdict.word());
    line.push(',');
    line.push_str(sentence.grade.map_or("", |g| g.word()));
    let total = |spans: &[Span]| spans.iter().map(|s| s.length().0).sum::<i64>();
    line.push(',');
    number(line, total(sentence.absent));
    line.push(',');
    number(line, total(sentence.unknown));
    line.push(',');
    let mut first = true;
    for (sort, spans) in [("absent:", sentence.absent), ("unknown:", sentence.unknown)] {
        for span in spans {
            if !std::mem::take(&mut first) {
                line.push(';');
            }
            line.push_str(sort);
            zone.write_rfc3339(line, span.start);
            line.push('/');
            zone.write_rfc3339(line, span.end);
        }
    }
    line.push('\n');
}

fn open_end(line: &mut String, zone: &SiteZone, at: UtcMicros) {
    if at < UtcMicros::MAX {
        zone.write_rfc3339(line, at);
    }
}

/// Writes `operator,zone,start,end,grade`; a stay that is open has no end.
pub(super) fn stays(replay: &Replay, zone: &SiteZone, path: &Path) -> Result<(), Failure> {
    let names = replay.names();
    let mut all: Vec<&Stay> = replay.stays().collect();
    all.sort_by_key(|s| (names.text(s.person), s.span.start, names.text(s.zone)));
    let mut out = Output::create(path)?;
    out.line.push_str("operator,zone,start,end,grade");
    out.end_line()?;
    for stay in all {
        let line = &mut out.line;
        field(line, names.text(stay.person));
        line.push(',');
        field(line, names.text(stay.zone));
        line.push(',');
        zone.write_rfc3339(line, stay.span.start);
        line.push(',');
        open_end(line, zone, stay.span.end);
        line.push(',');
        line.push_str(stay.grade.word());
        out.end_line()?;
    }
    out.finish()
}

/// `session:vpn-1/7781;person:op-01`.
fn subjects(names: &Names, finding: &Finding) -> String {
    let each: Vec<String> = finding.subjects.iter().map(|s| format!("{}:{}", s.sort(), s.value(names))).collect();
    each.join(";")
}

/// Writes `kind,severity,start,end,subjects`; a finding that lasts has no end.
pub(super) fn findings(
    replay: &mut Replay,
    zone: &SiteZone,
    path: &Path,
    of_sessions: Vec<Finding>,
) -> Result<(), Failure> {
    let mut all: Vec<Finding> = replay.findings().into_values().collect();
    all.extend(of_sessions);
    let names = replay.names();
    let mut rows: Vec<(UtcMicros, &'static str, String, &Finding)> =
        all.iter().map(|f| (f.span.start, f.key.kind.word(), subjects(names, f), f)).collect();
    rows.sort_by(|a, b| (a.0, a.1, &a.2, a.3.span.end).cmp(&(b.0, b.1, &b.2, b.3.span.end)));
    let mut out = Output::create(path)?;
    out.line.push_str("kind,severity,start,end,subjects");
    out.end_line()?;
    for (_, kind, subjects, finding) in rows {
        let line = &mut out.line;
        line.push_str(kind);
        line.push(',');
        line.push_str(finding.severity.word());
        line.push(',');
        zone.write_rfc3339(line, finding.span.start);
        line.push(',');
        open_end(line, zone, finding.span.end);
        line.push(',');
        field(line, &subjects);
        out.end_line()?;
    }
    out.finish()
}
