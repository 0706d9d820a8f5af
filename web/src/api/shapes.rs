//! What the API's answers look like. The description is generated from these types.

use super::records::RecordShape;
use kukaku_core::SessionEnd;
use kukaku_schema::registers::ReaderDirection;
use kukaku_schema::{Span, UtcMicros};
use kukaku_store::query::{self, CauseRow};
use schemars::JsonSchema;
use serde::Serialize;

use super::finding_shapes::FindingShape;

use crate::directory::Directory;

/// An error (RFC 9457).
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Problem {
    /// Always `about:blank`: the status says what it is.
    pub r#type: String,
    /// The status in words.
    pub title: String,
    /// The status.
    pub status: u16,
    /// What to do, in English.
    pub detail: String,
    /// What to do, in Japanese.
    pub detail_ja: String,
    /// The field or parameter that it is about, where it is about one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub field: Option<String>,
}

/// What became of one line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum LineStatus {
    /// An observation, durable now.
    Kept,
    /// Known already; `journal_seq` is that of the first.
    Duplicate,
    /// No observation; kept as it came, with the reason in `error`.
    Unreadable,
    /// The key may not speak for its source; not kept.
    Refused,
    /// Not durable: send it again later.
    NotKept,
}

/// The answer to one line.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub(crate) struct LineAnswer {
    /// Its number in the body, from 1; empty lines count.
    pub line: usize,
    /// What became of it.
    pub status: LineStatus,
    /// Its entry in the journal.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub journal_seq: Option<u64>,
    /// What is wrong with it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}

/// The answer to a body of observations, given after the commit.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct LinesAnswer {
    /// One for each line that was not empty, in their order.
    pub answers: Vec<LineAnswer>,
}

/// From when to when.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct SpanShape {
    /// The first instant; none where it has no beginning.
    pub start: Option<UtcMicros>,
    /// The first instant after it; none while it lasts.
    pub end: Option<UtcMicros>,
}

impl From<Span> for SpanShape {
    fn from(span: Span) -> Self {
        Self {
            start: (span.start > UtcMicros::MIN).then_some(span.start),
            end: (span.end < UtcMicros::MAX).then_some(span.end),
        }
    }
}

/// How the site is.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct StatusShape {
    /// The site's id.
    pub site: Option<String>,
    /// The program's version.
    pub version: String,
    /// Since when it runs.
    pub started_at: UtcMicros,
    /// The instant at which everything below is true.
    pub at: UtcMicros,
    /// Entries in the journal.
    pub journal_size: i64,
    /// Entries that the newest signature covers.
    pub signed_size: Option<i64>,
    /// Persons inside a zone.
    pub inside: usize,
    /// Open sessions.
    pub open_sessions: i64,
    /// Findings that hold, by severity.
    pub findings: FindingCounts,
    /// Doors that can't be seen now.
    pub doors_not_watched: usize,
    /// Alerts that wait after a failure, and those that were given up.
    pub alerts_failing: i64,
}

/// How many findings hold.
#[derive(Debug, Default, Serialize, JsonSchema)]
pub(crate) struct FindingCounts {
    /// To be looked at now.
    pub critical: i64,
    /// To be looked at within the hour.
    pub high: i64,
    /// To be looked at on the day.
    pub medium: i64,
}

/// A zone with who is inside.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct ZoneShape {
    /// Its id.
    pub zone: String,
    /// Its name.
    pub name: String,
    /// The zone it lies in.
    pub parent: Option<String>,
    /// Who is in it, or in a zone within it.
    pub inside: Vec<InsideShape>,
    /// Doors of it that can't be seen now.
    pub doors_not_watched: Vec<String>,
}

/// Somebody inside.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct InsideShape {
    /// Operator's or other person's id.
    pub person: String,
    /// The name.
    pub name: String,
    /// Since when.
    pub since: UtcMicros,
    /// How well it is known: `confirmed`, `weak`, `manual`, `unconfirmed`, `assumed`.
    pub grade: String,
}

/// A page of a list.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct Page<T> {
    /// The rows, newest first.
    pub rows: Vec<T>,
    /// What to give as `after` for the next page; none on the last.
    pub next: Option<String>,
}

impl<T> Page<T> {
    pub fn of<R>(listed: query::Listed<R>, make: impl Fn(R) -> T) -> Self {
        Self { rows: listed.rows.into_iter().map(make).collect(), next: listed.next.map(query::Cursor::to_text) }
    }
}

/// A page of sessions, with where their record has holes.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct SessionsPage {
    /// The rows, newest first.
    pub rows: Vec<SessionShape>,
    /// What to give as `after` for the next page; none on the last.
    pub next: Option<String>,
    /// Spans in which sessions may be missing, because their source told nothing.
    pub missing: Vec<GapShape>,
}

/// A span without a source's records.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct GapShape {
    /// Which source.
    pub source: String,
    /// From when to when.
    pub span: SpanShape,
    /// `not_yet_heard`, `silent`, `own_downtime`, `lost`.
    pub cause: String,
}

/// A remote session.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct SessionShape {
    /// Our number of it.
    pub id: i64,
    /// Who reported it.
    pub source: String,
    /// The source's numbering.
    pub epoch: Option<String>,
    /// The source's id of it.
    pub session: String,
    /// Its start.
    pub start: UtcMicros,
    /// Known only by a later sign, so it may have begun before.
    pub start_unknown: bool,
    /// Its end; none while it is open.
    pub end: Option<UtcMicros>,
    /// The end is presumed: nothing was heard of it for too long.
    pub end_presumed: bool,
    /// The newest sign of it.
    pub last_sign: UtcMicros,
    /// The account.
    pub account: Option<String>,
    /// Its operator; none where the account is not registered.
    pub operator: Option<String>,
    /// Its client; none where the account is not registered.
    pub client: Option<String>,
    /// The terminal.
    pub terminal: Option<String>,
    /// The terminal's zone; none where it is not registered.
    pub zone: Option<String>,
    /// The system reached.
    pub target: Option<String>,
    /// The stepping stone.
    pub via: Option<String>,
    /// The network address of the terminal, as the source saw it.
    pub address: Option<String>,
    /// The address that the source gave it.
    pub inner_address: Option<String>,
    /// How many different factors the sign-in had; 0: not told.
    pub factors: u8,
    /// The newest verdict; `pending` before the first.
    pub verdict: String,
    /// Its grade; none where nothing supports it.
    pub grade: Option<String>,
    /// Number of the revision; 0 before the first.
    pub revision: i64,
    /// The journal entries that tell of it.
    pub proofs: Vec<u64>,
}

impl From<query::SessionRow> for SessionShape {
    fn from(row: query::SessionRow) -> Self {
        let end = match row.end {
            SessionEnd::Open => None,
            SessionEnd::Ended(at) | SessionEnd::Presumed(at) => Some(at),
        };
        Self {
            id: row.id,
            end_presumed: matches!(row.end, SessionEnd::Presumed(_)),
            source: row.source,
            epoch: row.epoch,
            session: row.session,
            start: row.start,
            start_unknown: row.start_unknown,
            end,
            last_sign: row.last_sign,
            account: row.account,
            operator: row.operator,
            client: row.client,
            terminal: row.terminal,
            zone: row.zone,
            target: row.target,
            via: row.via,
            address: row.address,
            inner_address: row.inner_address,
            factors: row.factors,
            verdict: row.verdict.map_or("pending", |v| v.verdict.word()).to_owned(),
            grade: row.verdict.and_then(|v| v.grade).map(|grade| grade.word().to_owned()),
            revision: row.verdict.map_or(0, |v| v.revision),
            proofs: row.proofs,
        }
    }
}

/// A session with all its revisions.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct SessionDetail {
    /// The session.
    pub session: SessionShape,
    /// What each source told of it, the earliest first; empty where one alone did.
    pub records: Vec<RecordShape>,
    /// Every revision of its verdict, newest first.
    pub revisions: Vec<RevisionShape>,
    /// The findings that name it.
    pub findings: Vec<FindingShape>,
}

/// One revision of a verdict.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct RevisionShape {
    /// 1 for the first.
    pub number: i64,
    /// When it was reached.
    pub at: UtcMicros,
    /// The verdict.
    pub verdict: String,
    /// Its grade.
    pub grade: Option<String>,
    /// Spans in which the operator is known to have been absent.
    pub absent: Vec<SpanShape>,
    /// Spans in which it is not known.
    pub unknown: Vec<SpanShape>,
    /// What brought it.
    pub cause: CauseShape,
    /// Its own entry in the journal.
    pub journal_seq: i64,
}

impl From<query::RevisionRow> for RevisionShape {
    fn from(row: query::RevisionRow) -> Self {
        Self {
            number: row.number,
            at: row.at,
            verdict: row.verdict.word().to_owned(),
            grade: row.grade.map(|grade| grade.word().to_owned()),
            absent: row.absent.into_iter().map(SpanShape::from).collect(),
            unknown: row.unknown.into_iter().map(SpanShape::from).collect(),
            cause: row.cause.into(),
            journal_seq: row.journal_seq,
        }
    }
}

/// What brought a change.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct CauseShape {
    /// `observation`, `registers`, `time`.
    pub kind: String,
    /// The journal entry of it; none for time.
    pub journal_seq: Option<i64>,
}

impl From<CauseRow> for CauseShape {
    fn from(cause: CauseRow) -> Self {
        let (kind, journal_seq) = match cause {
            CauseRow::Observation(seq) => ("observation", Some(seq)),
            CauseRow::Registers(seq) => ("registers", Some(seq)),
            CauseRow::Time => ("time", None),
        };
        Self { kind: kind.to_owned(), journal_seq }
    }
}

/// A door reading.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct EntryShape {
    /// Its entry in the journal.
    pub journal_seq: i64,
    /// Device time corrected by what is known of the source's clock.
    pub occurred_at: UtcMicros,
    /// The source's clock.
    pub device_time: UtcMicros,
    /// Our clock.
    pub recorded_at: UtcMicros,
    /// Who reported it.
    pub source: String,
    /// The source's own number.
    pub source_number: Option<i64>,
    /// The reader, as the source named it.
    pub reader: String,
    /// Its door; none where it is not registered.
    pub door: Option<String>,
    /// `entry` or `exit`; none where the reader is not registered.
    pub direction: Option<String>,
    /// The zone on the door's inner side; none where it is not registered.
    pub zone: Option<String>,
    /// The credential, as the source named it.
    pub credential: String,
    /// Whose; none where it is not registered.
    pub person: Option<String>,
    /// The person's name.
    pub person_name: Option<String>,
    /// The door was released.
    pub granted: bool,
    /// The factors presented.
    pub factors: Vec<String>,
}

impl EntryShape {
    pub fn of(row: query::EntryRow, dir: &Directory) -> Self {
        Self {
            journal_seq: row.entry,
            occurred_at: row.occurred_at,
            device_time: row.device_time,
            recorded_at: row.recorded_at,
            source: row.source,
            source_number: row.source_number,
            reader: row.reader,
            door: row.door,
            direction: row.direction.map(|direction| match direction {
                ReaderDirection::Entry => "entry".to_owned(),
                ReaderDirection::Exit => "exit".to_owned(),
            }),
            zone: row.zone,
            credential: row.credential,
            person_name: row.person.as_deref().map(|id| dir.person(id)),
            person: row.person,
            granted: row.granted,
            factors: row.factors.map_or_else(Vec::new, |list| list.split(',').map(str::to_owned).collect()),
        }
    }
}

/// A source as it was heard.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct SourceShape {
    /// Its id.
    pub source: String,
    /// It stands in the registers now.
    pub registered: bool,
    /// `A`, `B`, `C`; none where it is not registered.
    pub class: Option<String>,
    /// Observations kept.
    pub observations: i64,
    /// Arrivals that were known already.
    pub duplicates: i64,
    /// Arrivals that could not be understood.
    pub unreadable: i64,
    /// The newest time it claimed.
    pub device_time: Option<UtcMicros>,
    /// Our clock at its first arrival.
    pub first_at: UtcMicros,
    /// Our clock at its newest arrival.
    pub last_at: UtcMicros,
}

/// All rows of a short list.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct All<T> {
    /// The rows, by id.
    pub rows: Vec<T>,
}
