//! What the API says of findings, and of what people did about them.

use kukaku_schema::UtcMicros;
use kukaku_store::query;
use schemars::JsonSchema;
use serde::Serialize;

use super::shapes::SpanShape;

/// A finding.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct FindingShape {
    /// Our number of it.
    pub id: i64,
    /// What makes it itself, the same in every run.
    pub key: String,
    /// Its kind.
    pub kind: String,
    /// `medium`, `high`, `critical`.
    pub severity: String,
    /// The span it speaks of.
    pub span: SpanShape,
    /// The client it concerns; none: the site.
    pub client: Option<String>,
    /// When it first held.
    pub opened_at: UtcMicros,
    /// When it last changed.
    pub changed_at: UtcMicros,
    /// When it ceased to hold.
    pub resolved_at: Option<UtcMicros>,
    /// How many changes it has seen.
    pub revision: i64,
    /// What it names.
    pub subjects: Vec<SubjectShape>,
}

impl From<query::FindingRow> for FindingShape {
    fn from(row: query::FindingRow) -> Self {
        Self {
            id: row.id,
            key: row.key,
            kind: row.kind.word().to_owned(),
            severity: row.severity.word().to_owned(),
            span: row.span.into(),
            client: row.client,
            opened_at: row.opened_at,
            changed_at: row.changed_at,
            resolved_at: row.resolved_at,
            revision: row.revision,
            subjects: row.subjects.into_iter().map(|s| SubjectShape { sort: s.sort, value: s.value }).collect(),
        }
    }
}

/// Something that a finding names.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct SubjectShape {
    /// `session`, `person`, `zone`, `door`, ...
    pub sort: String,
    /// Its id; `source/id` for a session.
    pub value: String,
}

/// A finding with its proofs.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct FindingDetail {
    /// The finding.
    pub finding: FindingShape,
    /// The journal entries that prove it.
    pub proofs: Vec<u64>,
    /// What to do about it, in English.
    pub what_to_do: String,
    /// What to do about it, in Japanese.
    pub what_to_do_ja: String,
    /// How people stand to it: `new`, `changed` (since somebody acknowledged it), `acknowledged`,
    /// `snoozed`, `closed`.
    pub desk: String,
    /// The user who is to see to it.
    pub assignee: Option<String>,
    /// What was done about it, the newest first.
    pub acts: Vec<ActShape>,
}

/// What somebody did about a finding.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct ActShape {
    /// The journal entry.
    pub journal_seq: i64,
    /// When.
    pub at: UtcMicros,
    /// Who.
    pub by: String,
    /// `acknowledge`, `assign`, `comment`, `snooze`, `forward`, `close`, `reopen`.
    pub act: String,
    /// Who is to see to it, or whom of the city he told.
    pub to: Option<String>,
    /// Until when it is put off.
    pub until: Option<UtcMicros>,
    /// In his own words.
    pub text: Option<String>,
    /// How many changes the finding had seen by then.
    pub revision: i64,
}

impl From<query::FindingActRow> for ActShape {
    fn from(row: query::FindingActRow) -> Self {
        Self {
            journal_seq: row.entry,
            at: row.at,
            by: row.by,
            act: row.act.word().to_owned(),
            to: row.to,
            until: row.until,
            text: row.note,
            revision: row.revision,
        }
    }
}
