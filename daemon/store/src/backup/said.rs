//! Journal bodies read back: what `bodies`, `registers`, `holds` and `erase` write.

use kukaku_core::{Cause, Finding, FindingKey, Names, OutageCause, Revision, SessionKey, Subject, Word};
use kukaku_schema::registers::StoredEntry;
use kukaku_schema::{FindingKind, Grade, Severity, Span, UtcMicros, Verdict};
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::registers::{RegisterDiff, RegisterStep};

/// What is wrong with a body.
pub(super) type Fault = String;

#[derive(Deserialize)]
struct SpanBody {
    start: UtcMicros,
    end: Option<UtcMicros>,
}

impl SpanBody {
    fn span(&self) -> Span {
        Span::new(self.start, self.end.unwrap_or(UtcMicros::MAX))
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum CauseBody {
    Observation(u64),
    Registers(u64),
    Time,
}

impl CauseBody {
    fn cause(&self) -> Cause {
        match self {
            Self::Observation(entry) => Cause::Observation(*entry),
            Self::Registers(entry) => Cause::Registers(*entry),
            Self::Time => Cause::Time,
        }
    }
}

fn json<'a, T: Deserialize<'a>>(body: &'a [u8]) -> Result<T, Fault> {
    serde_json::from_slice(body).map_err(|error| error.to_string())
}

/// Reads a `revision`.
pub(super) fn revision(body: &[u8], names: &mut Names) -> Result<Revision, Fault> {
    #[derive(Deserialize)]
    struct Session {
        source: String,
        epoch: Option<String>,
        session: String,
        start: UtcMicros,
    }
    #[derive(Deserialize)]
    struct Body {
        session: Session,
        number: u32,
        at: UtcMicros,
        verdict: String,
        grade: Option<String>,
        absent: Vec<SpanBody>,
        unknown: Vec<SpanBody>,
        cause: CauseBody,
    }
    let body: Body = json(body)?;
    let Session { source, epoch, session, start } = body.session;
    let grade = body.grade.map(|word| Grade::from_word(&word).ok_or(format!("grade {word:?} is unknown")));
    Ok(Revision {
        session: SessionKey {
            source: names.intern(&source),
            epoch: epoch.map(|epoch| names.intern(&epoch)),
            id: names.intern(&session),
            start,
        },
        number: body.number,
        at: body.at,
        verdict: Verdict::from_word(&body.verdict).ok_or(format!("verdict {:?} is unknown", body.verdict))?,
        grade: grade.transpose()?,
        absent: body.absent.iter().map(SpanBody::span).collect(),
        unknown: body.unknown.iter().map(SpanBody::span).collect(),
        cause: body.cause.cause(),
    })
}

/// A change of a finding.
pub(super) struct FindingSaid {
    pub(super) text: String,
    pub(super) word: &'static str,
    pub(super) at: UtcMicros,
    pub(super) cause: Cause,
    pub(super) finding: Finding,
}

/// Reads a `finding`.
pub(super) fn finding(body: &[u8], names: &mut Names) -> Result<FindingSaid, Fault> {
    #[derive(Deserialize)]
    struct SubjectBody {
        sort: String,
        value: String,
    }
    #[derive(Deserialize)]
    struct Body {
        change: String,
        key: String,
        finding: String,
        severity: String,
        at: UtcMicros,
        span: SpanBody,
        subjects: Vec<SubjectBody>,
        client: Option<String>,
        proofs: Vec<u64>,
        cause: CauseBody,
    }
    let body: Body = json(body)?;
    let word = ["opened", "changed", "resolved"].into_iter().find(|word| *word == body.change);
    let kind = FindingKind::from_word(&body.finding).ok_or(format!("kind {:?} is unknown", body.finding))?;
    let severity = Severity::ALL.into_iter().find(|severity| severity.word() == body.severity);
    let subjects = body.subjects.iter().map(|s| subject(&s.sort, &s.value, names)).collect::<Result<Vec<_>, _>>()?;
    // The key's own subjects come first: as many as give its text.
    let at = body.key.rsplit_once('|').and_then(|(_, at)| UtcMicros::parse_rfc3339(at).ok());
    let at = at.ok_or(format!("key {:?} names no instant", body.key))?;
    let key = (0..=subjects.len())
        .map(|count| FindingKey { kind, about: subjects[..count].to_vec(), at })
        .find(|key| key.text(names) == body.key)
        .ok_or(format!("key {:?} is not of its subjects", body.key))?;
    Ok(FindingSaid {
        text: body.key,
        word: word.ok_or(format!("change {:?} is unknown", body.change))?,
        at: body.at,
        cause: body.cause.cause(),
        finding: Finding {
            key,
            severity: severity.ok_or(format!("severity {:?} is unknown", body.severity))?,
            span: body.span.span(),
            subjects,
            client: body.client.map(|client| names.intern(&client)),
            proofs: body.proofs,
        },
    })
}

fn subject(sort: &str, value: &str, names: &mut Names) -> Result<Subject, Fault> {
    let mut word = || names.intern(value);
    Ok(match sort {
        "session" => {
            // A source may have a stroke in its name: the one that is known counts.
            let splits: Vec<usize> = value.match_indices('/').map(|(at, _)| at).collect();
            let known = splits.iter().copied().find(|at| names.find(&value[..*at]).is_some());
            let at = known.or(splits.first().copied()).ok_or(format!("{value:?} names no session"))?;
            let source: Word = names.intern(&value[..at]);
            Subject::Session(source, names.intern(&value[at + 1..]))
        }
        "person" => Subject::Person(word()),
        "account" => Subject::Account(word()),
        "terminal" => Subject::Terminal(word()),
        "client" => Subject::Client(word()),
        "zone" => Subject::Zone(word()),
        "door" => Subject::Door(word()),
        "reader" => Subject::Reader(word()),
        "credential" => Subject::Credential(word()),
        "source" => Subject::Source(word()),
        "camera" => Subject::Camera(word()),
        "order" => Subject::Order(word()),
        "segment" => Subject::Segment(word()),
        "cause" => {
            let cause = OutageCause::from_word(value);
            Subject::Outage(cause.ok_or(format!("cause {value:?} is unknown"))?)
        }
        _ => return Err(format!("a subject of sort {sort:?} is unknown")),
    })
}

/// A register change.
pub(super) struct RegisterSaid {
    pub(super) actor: String,
    pub(super) confirmed_by: Option<String>,
    pub(super) reason: String,
    pub(super) diff: RegisterDiff,
}

/// Reads a `register`.
pub(super) fn register(body: &[u8]) -> Result<RegisterSaid, Fault> {
    #[derive(Deserialize)]
    struct EntryBody {
        valid_from: Option<UtcMicros>,
        valid_to: Option<UtcMicros>,
        recorded_at: Option<UtcMicros>,
        row: Box<RawValue>,
    }
    #[derive(Deserialize)]
    struct StepBody {
        table: String,
        id: String,
        before: Vec<EntryBody>,
        after: Vec<EntryBody>,
    }
    #[derive(Deserialize)]
    struct Body {
        actor: String,
        confirmed_by: Option<String>,
        reason: String,
        opening: bool,
        changes: Vec<StepBody>,
    }
    let body: Body = json(body)?;
    let steps = body.changes.into_iter().map(|step| {
        let entries = |list: Vec<EntryBody>| {
            list.into_iter()
                .map(|entry| StoredEntry {
                    table: step.table.clone(),
                    id: step.id.clone(),
                    valid: Span::new(
                        entry.valid_from.unwrap_or(UtcMicros::MIN),
                        entry.valid_to.unwrap_or(UtcMicros::MAX),
                    ),
                    recorded_at: entry.recorded_at,
                    body: entry.row.get().to_owned(),
                })
                .collect()
        };
        let (before, after) = (entries(step.before), entries(step.after));
        RegisterStep { table: step.table.clone(), id: step.id.clone(), before, after }
    });
    let diff = RegisterDiff { opening: body.opening, steps: steps.collect() };
    Ok(RegisterSaid { actor: body.actor, confirmed_by: body.confirmed_by, reason: body.reason, diff })
}

/// An unreadable arrival.
#[derive(Deserialize)]
pub(super) struct UnreadableSaid {
    pub(super) link: String,
    pub(super) reason: String,
    pub(super) length: u64,
    pub(super) sha256: String,
}

/// A hold that was placed.
#[derive(Deserialize)]
pub(super) struct HoldSaid {
    pub(super) id: String,
    pub(super) client: Option<String>,
    pub(super) from: Option<UtcMicros>,
    pub(super) to: Option<UtcMicros>,
    pub(super) person: Option<String>,
    pub(super) camera: Option<String>,
    pub(super) reason: String,
    pub(super) by: String,
}

/// A hold that was released.
#[derive(Deserialize)]
pub(super) struct ReleaseSaid {
    pub(super) id: String,
    pub(super) reason: String,
    pub(super) by: String,
    pub(super) confirmed_by: String,
}

/// What an `erased` entry lists.
#[derive(Deserialize)]
pub(super) struct ErasedSaid {
    pub(super) ranges: Vec<(u64, u64)>,
}

/// Reads one of these.
pub(super) fn read<'a, T: Deserialize<'a>>(body: &'a [u8]) -> Result<T, Fault> {
    json(body)
}
