//! 利用者の記録: journal entries `account.event`, from what stands in `account_waiting`.

use kukaku_core::Names;
use kukaku_schema::UtcMicros;
use rusqlite::params;
use serde::{Deserialize, Serialize};

use crate::batch::{Batch, NewLeaf};
use crate::error::{StoreError, in_act};

const ACT: &str = "record what was done with users";

/// Events that are taken into the journal together.
const TOGETHER_MAX: u32 = 500;

/// What the journal holds of one.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct AccountBody {
    kind: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    at: Option<UtcMicros>,
    user: String,
    act: String,
    by: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    address: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    detail: Option<String>,
}

impl Batch<'_> {
    /// Takes what waits into the journal, in the transaction that takes it from where it waited.
    /// Returns how many there were.
    ///
    /// # Errors
    /// What the disk says.
    pub fn note_account_events(&mut self, names: &mut Names) -> Result<usize, StoreError> {
        let waiting: Vec<(i64, AccountBody)> = {
            let mut statement = self
                .store
                .conn
                .prepare_cached(
                    "SELECT id, at_us, user_name, act, by_user, address, detail FROM account_waiting ORDER BY id LIMIT ?1",
                )
                .map_err(in_act(ACT))?;
            let rows = statement
                .query_map([TOGETHER_MAX], |row| {
                    let body = AccountBody {
                        kind: "account.event".to_owned(),
                        at: row.get::<_, Option<i64>>(1)?.map(UtcMicros),
                        user: row.get(2)?,
                        act: row.get(3)?,
                        by: row.get(4)?,
                        address: row.get(5)?,
                        detail: row.get(6)?,
                    };
                    Ok((row.get(0)?, body))
                })
                .map_err(in_act(ACT))?;
            rows.collect::<Result<_, _>>().map_err(in_act(ACT))?
        };
        for (id, body) in &waiting {
            let payload = serde_json::to_vec(body).expect("texts and instants always serialise");
            let (source, client) = (names.intern(""), names.intern(""));
            let leaf = NewLeaf { kind: "account.event", source, client, device_time: None, payload: &payload };
            let seq = self.append(leaf, names)?;
            self.keep_account_event(body, seq)?;
            self.store
                .conn
                .prepare_cached("DELETE FROM account_waiting WHERE id = ?1")
                .and_then(|mut s| s.execute([id]))
                .map_err(in_act(ACT))?;
        }
        Ok(waiting.len())
    }

    /// Lists an event that is in the journal.
    pub(crate) fn keep_account_event(&self, body: &AccountBody, seq: u64) -> Result<(), StoreError> {
        self.store
            .conn
            .prepare_cached(
                "INSERT INTO account_event (entry, at_us, user_name, act, by_user, address, detail)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
            )
            .and_then(|mut s| {
                let at = body.at.unwrap_or(self.recorded_at).0;
                s.execute(params![seq.cast_signed(), at, body.user, body.act, body.by, body.address, body.detail])
            })
            .map(drop)
            .map_err(in_act(ACT))
    }
}

/// Whether anything of users waits for the journal.
///
/// # Errors
/// What the disk says.
pub fn account_events_wait(conn: &rusqlite::Connection) -> Result<bool, StoreError> {
    conn.query_row("SELECT EXISTS (SELECT 1 FROM account_waiting)", [], |row| row.get(0)).map_err(in_act(ACT))
}
