//! What a drill found, in the journal.

use kukaku_core::Names;
use kukaku_schema::UtcMicros;
use kukaku_store::{Batch, NewLeaf, StoreError};
use serde::{Deserialize, Serialize};

/// What became of one generation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Drilled {
    /// Its number.
    pub number: u64,
    /// Entries in it.
    pub entries: u64,
    /// The root over them, in hex; none where it could not be restored.
    pub root: Option<String>,
    /// Entries whose value is gone.
    pub without_values: u64,
    /// How long it took, in milliseconds.
    pub ms: u64,
    /// What is wrong with it; none: it is whole.
    pub fault: Option<String>,
}

/// What a drill found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DrillNote {
    /// Every generation that was tried is whole.
    pub passed: bool,
    /// The newest first, then the oldest.
    pub generations: Vec<Drilled>,
}

impl DrillNote {
    /// Appends a `drill` entry.
    pub(super) fn append(&self, batch: &mut Batch<'_>, names: &mut Names) -> Result<u64, StoreError> {
        #[derive(Serialize)]
        struct Body<'a> {
            kind: &'static str,
            at: UtcMicros,
            #[serde(flatten)]
            note: &'a DrillNote,
        }
        let body = Body { kind: "drill", at: batch.recorded_at(), note: self };
        let payload = serde_json::to_vec(&body).expect("texts, numbers and instants always serialise");
        let site = names.intern("");
        batch.append(NewLeaf { kind: "drill", source: site, client: site, device_time: None, payload: &payload }, names)
    }
}
