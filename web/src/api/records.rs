//! The records of a session that more than one source told of.

use kukaku_core::SessionEnd;
use kukaku_schema::UtcMicros;
use kukaku_store::query::PartRow;
use schemars::JsonSchema;
use serde::Serialize;

/// One source's record of a session.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct RecordShape {
    /// Who reported it.
    pub source: String,
    /// The source's id of it.
    pub session: String,
    /// Its own start.
    pub start: UtcMicros,
    /// Known only by a later sign, so it may have begun before.
    pub start_unknown: bool,
    /// Its own end; none while its source told none.
    pub end: Option<UtcMicros>,
    /// The account.
    pub account: Option<String>,
    /// The terminal.
    pub terminal: Option<String>,
    /// The system reached.
    pub target: Option<String>,
    /// The network address of the terminal, as the source saw it.
    pub address: Option<String>,
    /// The address that the source gave it.
    pub inner_address: Option<String>,
    /// How many different factors the sign-in had; 0: not told.
    pub factors: u8,
    /// What ties it to another record: `line`, `inner_address`, `terminal`, `address`, `target`.
    pub link: String,
}

impl From<PartRow> for RecordShape {
    fn from(row: PartRow) -> Self {
        let end = match row.end {
            SessionEnd::Ended(at) => Some(at),
            SessionEnd::Open | SessionEnd::Presumed(_) => None,
        };
        Self {
            source: row.source,
            session: row.session,
            start: row.start,
            start_unknown: row.start_unknown,
            end,
            account: row.account,
            terminal: row.terminal,
            target: row.target,
            address: row.address,
            inner_address: row.inner_address,
            factors: row.factors,
            link: row.link.word().to_owned(),
        }
    }
}
