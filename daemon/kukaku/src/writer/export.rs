//! Saying in the journal that something is taken out, before it is.

use kukaku_core::Names;
use kukaku_schema::UtcMicros;
use kukaku_store::{Batch, NewLeaf, StoreError};
use serde::{Deserialize, Serialize};

/// Who takes out what, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExportNote {
    /// Whose records; empty with `raw`.
    pub client: String,
    /// Who takes them out.
    pub by: String,
    /// Why.
    pub reason: String,
    /// The period by the time of recording; none with `raw`.
    pub period: Option<(UtcMicros, UtcMicros)>,
    /// The size of the tree, where an older one was asked for.
    pub at: Option<u64>,
    /// The whole journal, for forensics.
    pub raw: bool,
}

impl ExportNote {
    /// Appends an `export` entry under the client.
    pub(super) fn append(&self, batch: &mut Batch<'_>, names: &mut Names) -> Result<u64, StoreError> {
        #[derive(Serialize)]
        struct Body<'a> {
            kind: &'static str,
            at: UtcMicros,
            by: &'a str,
            reason: &'a str,
            #[serde(skip_serializing_if = "Option::is_none")]
            from: Option<UtcMicros>,
            #[serde(skip_serializing_if = "Option::is_none")]
            to: Option<UtcMicros>,
            #[serde(skip_serializing_if = "Option::is_none")]
            size: Option<u64>,
            #[serde(skip_serializing_if = "std::ops::Not::not")]
            raw: bool,
        }
        let body = Body {
            kind: "export",
            at: batch.recorded_at(),
            by: &self.by,
            reason: &self.reason,
            from: self.period.map(|(from, _)| from),
            to: self.period.map(|(_, to)| to),
            size: self.at,
            raw: self.raw,
        };
        let payload = serde_json::to_vec(&body).expect("texts, numbers and instants always serialise");
        let (source, client) = (names.intern(""), names.intern(&self.client));
        batch.append(NewLeaf { kind: "export", source, client, device_time: None, payload: &payload }, names)
    }
}
