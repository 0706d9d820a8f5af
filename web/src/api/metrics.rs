//! `GET /metrics`: how the site is, for Prometheus (text format 0.0.4).
//!
//! Numbers alone: no name of a person, no id of a session.

use axum::extract::{Extension, State};
use axum::http::header;
use axum::response::{IntoResponse, Response};
use kukaku_core::desk::DeskState;
use kukaku_schema::{Severity, UtcMicros};
use kukaku_store::query::{self, FindingFilter, Reader, SessionFilter};
use kukaku_store::{StoreError, witnessing};

use crate::error::WebError;
use crate::house::{App, Status};
use crate::http::guard::Viewer;
use crate::pages::read_view;

/// The text as it grows: each name with its help and sort once, then its samples.
#[derive(Default)]
struct Text(String);

impl Text {
    fn gauge(&mut self, name: &str, help: &str) -> Samples<'_> {
        self.head(name, help, "gauge")
    }

    fn counter(&mut self, name: &str, help: &str) -> Samples<'_> {
        self.head(name, help, "counter")
    }

    fn head(&mut self, name: &str, help: &str, sort: &str) -> Samples<'_> {
        let name = format!("kukaku_{name}");
        self.0.push_str(&format!("# HELP {name} {help}\n# TYPE {name} {sort}\n"));
        Samples { text: self, name }
    }
}

struct Samples<'a> {
    text: &'a mut Text,
    name: String,
}

impl Samples<'_> {
    fn one(&mut self, value: impl std::fmt::Display) {
        self.text.0.push_str(&format!("{} {value}\n", self.name));
    }

    fn of(&mut self, label: &str, of: &str, value: impl std::fmt::Display) {
        self.text.0.push_str(&format!("{}{{{label}=\"{}\"}} {value}\n", self.name, escaped(of)));
    }
}

/// A label's value: `\`, `"` and line ends escaped, and nothing that moves a cursor.
fn escaped(text: &str) -> String {
    let mut out = String::new();
    for c in text.chars() {
        match c {
            '\\' => out.push_str("\\\\"),
            '"' => out.push_str("\\\""),
            '\n' => out.push_str("\\n"),
            c if c.is_control() => out.push('\u{FFFD}'),
            c => out.push(c),
        }
    }
    out
}

fn seconds(at: UtcMicros) -> i64 {
    at.0.div_euclid(1_000_000)
}

/// `GET /metrics`.
pub(crate) async fn metrics(
    State(app): State<App>,
    Extension(viewer): Extension<Viewer>,
) -> Result<Response, WebError> {
    let status = app.status().await?;
    let free = app.with_commands(|commands| commands.free_bytes()).await?;
    let (_, text) = read_view(&app, &viewer, move |reader, view| written(reader, view.now, &status, free)).await?;
    let headers = [(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")];
    Ok((headers, text).into_response())
}

fn written(reader: &Reader, now: UtcMicros, status: &Status, free: Option<u64>) -> Result<String, StoreError> {
    let mut text = Text::default();
    text.gauge("build_info", "The version that runs.").of("version", &status.version, 1);
    text.gauge("started_timestamp_seconds", "When it started.").one(seconds(status.started_at));
    let head = query::head(reader)?;
    text.counter("journal_entries_total", "Entries in the journal.").one(head.journal_size);
    text.gauge("recorded_timestamp_seconds", "The newest commit.").one(seconds(head.recorded_at));
    if let Some(checkpoint) = query::newest_checkpoint(reader)? {
        text.gauge("signed_entries", "Entries under the newest signature.").one(checkpoint.size);
        text.gauge("signed_timestamp_seconds", "The newest signature.").one(seconds(checkpoint.signed_at));
    }
    let witnessed = witnessing(reader)?;
    text.gauge("unwitnessed_entries", "Entries that no witness has signed.").one(witnessed.unwitnessed());
    findings(reader, now, &mut text)?;
    sessions(reader, &mut text)?;
    sources(reader, &mut text)?;
    text.gauge("doors_not_watched", "Doors in outage.").one(doors_out(reader)?);
    let (waiting, failed, _) = query::outbox_failing(reader)?;
    let mut alerts = text.gauge("alerts_undelivered", "Alerts that wait after a failure, and that were given up.");
    alerts.of("state", "waiting", waiting);
    alerts.of("state", "failed", failed);
    if let Some(free) = free {
        text.gauge("disk_free_bytes", "Free on the disk of the store.").one(free);
    }
    let mut parts = text.gauge("part_working", "1: the link or way of alerting works.");
    status.parts.iter().for_each(|part| parts.of("part", &part.name, u8::from(part.working)));
    Ok(text.0)
}

fn findings(reader: &Reader, now: UtcMicros, text: &mut Text) -> Result<(), StoreError> {
    let holding = FindingFilter { holding_only: true, now: Some(now), ..FindingFilter::default() };
    let mut gauge = text.gauge("findings", "Findings that hold, by severity.");
    let counted = query::findings_counted(reader, &holding)?;
    for severity in Severity::ALL {
        let count = counted.iter().find(|(of, _)| *of == severity).map_or(0, |(_, count)| *count);
        gauge.of("severity", severity.word(), count);
    }
    let mut gauge = text.gauge("findings_on_desk", "Findings that hold, by what people have done about them.");
    for state in DeskState::ALL {
        let filter = FindingFilter { desk: vec![state], ..holding.clone() };
        let count: i64 = query::findings_counted(reader, &filter)?.iter().map(|(_, count)| count).sum();
        gauge.of("desk", state.word(), count);
    }
    Ok(())
}

fn sessions(reader: &Reader, text: &mut Text) -> Result<(), StoreError> {
    let open = SessionFilter { open_only: true, ..SessionFilter::default() };
    let mut gauge = text.gauge("sessions_open", "Open sessions, by verdict.");
    for (verdict, count) in query::sessions_counted(reader, &open)? {
        gauge.of("verdict", verdict.map_or("none", |verdict| verdict.word()), count);
    }
    Ok(())
}

fn sources(reader: &Reader, text: &mut Text) -> Result<(), StoreError> {
    let rows = query::sources(reader)?;
    let mut gauge = text.gauge("source_heard_timestamp_seconds", "When a source was heard last.");
    rows.iter().for_each(|row| gauge.of("source", &row.source, seconds(row.last_at)));
    let mut counter = text.counter("source_observations_total", "Observations kept of a source.");
    rows.iter().for_each(|row| counter.of("source", &row.source, row.observations));
    let mut counter = text.counter("source_duplicates_total", "Arrivals of a source that were known already.");
    rows.iter().for_each(|row| counter.of("source", &row.source, row.duplicates));
    let mut counter = text.counter("source_unreadable_total", "Arrivals of a source that nobody understood.");
    rows.iter().for_each(|row| counter.of("source", &row.source, row.unreadable));
    Ok(())
}

fn doors_out(reader: &Reader) -> Result<usize, StoreError> {
    let doors: std::collections::BTreeSet<String> =
        query::door_outages_now(reader)?.into_iter().map(|(door, ..)| door).collect();
    Ok(doors.len())
}

#[cfg(test)]
mod tests {
    use super::escaped;

    #[test]
    fn no_name_of_a_device_ends_a_label_or_a_line() {
        assert_eq!(escaped("a\"} 1\nkukaku_x 2\\\u{1b}[31m"), "a\\\"} 1\\nkukaku_x 2\\\\\u{FFFD}[31m");
    }
}
