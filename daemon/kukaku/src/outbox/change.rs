//! The change of a finding as the journal and the outbox hold it.

use kukaku_notify::AlertState;
use kukaku_schema::{FindingKind, Severity, UtcMicros};
use serde::Deserialize;

/// A journal body of kind `finding`. Later versions may add fields: only what an alert needs is read.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct FindingChangeBody {
    change: String,
    /// The finding's key.
    pub key: String,
    finding: String,
    severity: String,
    /// The span it speaks of.
    pub span: SpanBody,
    /// What it names.
    pub subjects: Vec<SubjectBody>,
    /// The client it concerns.
    #[serde(default)]
    pub client: Option<String>,
    /// The journal entries that prove it.
    pub proofs: Vec<u64>,
}

/// A span; without end while it lasts.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct SpanBody {
    /// Its first instant.
    pub start: UtcMicros,
    /// The first instant after it.
    #[serde(default)]
    pub end: Option<UtcMicros>,
}

/// Something that a finding names.
#[derive(Debug, Clone, Deserialize)]
pub(super) struct SubjectBody {
    /// Its sort.
    pub sort: String,
    /// Its id.
    pub value: String,
}

impl FindingChangeBody {
    /// Reads an outbox row's body.
    pub fn read(body: &str) -> Result<Self, String> {
        serde_json::from_str(body).map_err(|e| format!("read the change of a finding: {e}"))
    }

    pub fn kind(&self) -> Result<FindingKind, String> {
        FindingKind::from_word(&self.finding).ok_or_else(|| format!("finding kind {:?} is unknown", self.finding))
    }

    pub fn severity(&self) -> Result<Severity, String> {
        Severity::from_word(&self.severity).ok_or_else(|| format!("severity {:?} is unknown", self.severity))
    }

    pub fn state(&self) -> Result<AlertState, String> {
        state_of(&self.change).ok_or_else(|| format!("change {:?} is unknown", self.change))
    }
}

/// The state that a change's word stands for.
pub(super) fn state_of(change: &str) -> Option<AlertState> {
    [AlertState::Opened, AlertState::Changed, AlertState::Resolved].into_iter().find(|state| state.word() == change)
}
