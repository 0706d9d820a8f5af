//! The bodies of the journal entries that kukaku itself makes: JSON, fields in a fixed order,
//! instants as RFC 3339 in UTC, an end that is still open left out.
//!
//! A replay makes the same bodies again and holds them against the journal byte for byte, so a
//! changed layout is a new kind of entry, never an edit.

use kukaku_core::{Cause, Finding, Names, Revision, SessionKey, Subject};
use kukaku_schema::{Span, UtcMicros};
use serde::Serialize;

#[derive(Serialize)]
struct SpanBody {
    start: UtcMicros,
    #[serde(skip_serializing_if = "Option::is_none")]
    end: Option<UtcMicros>,
}

impl SpanBody {
    fn of(span: &Span) -> Self {
        Self { start: span.start, end: (span.end < UtcMicros::MAX).then_some(span.end) }
    }
}

#[derive(Serialize)]
#[serde(rename_all = "snake_case")]
enum CauseBody {
    Observation(u64),
    Registers(u64),
    Time,
}

impl CauseBody {
    fn of(cause: Cause) -> Self {
        match cause {
            Cause::Observation(entry) => Self::Observation(entry),
            Cause::Registers(entry) => Self::Registers(entry),
            Cause::Time => Self::Time,
        }
    }
}

#[derive(Serialize)]
struct SessionBody<'a> {
    source: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    epoch: Option<&'a str>,
    session: &'a str,
    start: UtcMicros,
}

impl<'a> SessionBody<'a> {
    fn of(key: SessionKey, names: &'a Names) -> Self {
        Self {
            source: names.text(key.source),
            epoch: key.epoch.map(|epoch| names.text(epoch)),
            session: names.text(key.id),
            start: key.start,
        }
    }
}

/// The body of a `revision`.
pub fn revision(revision: &Revision, names: &Names) -> Vec<u8> {
    #[derive(Serialize)]
    struct Body<'a> {
        kind: &'static str,
        session: SessionBody<'a>,
        number: u32,
        at: UtcMicros,
        verdict: &'static str,
        #[serde(skip_serializing_if = "Option::is_none")]
        grade: Option<&'static str>,
        absent: Vec<SpanBody>,
        unknown: Vec<SpanBody>,
        cause: CauseBody,
    }
    json(&Body {
        kind: "revision",
        session: SessionBody::of(revision.session, names),
        number: revision.number,
        at: revision.at,
        verdict: revision.verdict.word(),
        grade: revision.grade.map(kukaku_schema::Grade::word),
        absent: revision.absent.iter().map(SpanBody::of).collect(),
        unknown: revision.unknown.iter().map(SpanBody::of).collect(),
        cause: CauseBody::of(revision.cause),
    })
}

/// The body of a `finding`: a change of one. A resolved one is told as it was before.
pub fn finding(
    change: &'static str,
    key: &str,
    finding: &Finding,
    at: UtcMicros,
    cause: Cause,
    names: &Names,
) -> Vec<u8> {
    #[derive(Serialize)]
    struct SubjectBody {
        sort: &'static str,
        value: String,
    }
    #[derive(Serialize)]
    struct Body<'a> {
        kind: &'static str,
        change: &'static str,
        key: &'a str,
        finding: &'static str,
        severity: &'static str,
        at: UtcMicros,
        span: SpanBody,
        subjects: Vec<SubjectBody>,
        #[serde(skip_serializing_if = "Option::is_none")]
        client: Option<&'a str>,
        proofs: &'a [u64],
        cause: CauseBody,
    }
    let subject = |subject: &Subject| SubjectBody { sort: subject.sort(), value: subject.value(names) };
    json(&Body {
        kind: "finding",
        change,
        key,
        finding: finding.key.kind.word(),
        severity: finding.severity.word(),
        at,
        span: SpanBody::of(&finding.span),
        subjects: finding.subjects.iter().map(subject).collect(),
        client: finding.client.map(|client| names.text(client)),
        proofs: &finding.proofs,
        cause: CauseBody::of(cause),
    })
}

/// The bytes of a body.
pub(crate) fn json(body: &impl Serialize) -> Vec<u8> {
    serde_json::to_vec(body).expect("texts, numbers and instants always serialise")
}
