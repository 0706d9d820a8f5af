//! 閲覧記録: what the users of clients (市) looked at. Journal entries `look`, written before the
//! answer is given, so that neither side can say that nobody looked.

use kukaku_core::Names;
use kukaku_schema::UtcMicros;
use rusqlite::params;
use serde::{Deserialize, Serialize};

use crate::batch::{Batch, NewLeaf};
use crate::error::{StoreError, in_act};

/// Somebody looks at something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewLook {
    /// The signed-in user.
    pub user: String,
    /// The word of his role.
    pub role: String,
    /// The clients that he is of.
    pub clients: Vec<String>,
    /// The address that he asked for, with what he searched for.
    pub path: String,
    /// Where he asked from.
    pub address: String,
}

/// What the journal holds of it.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct LookBody {
    kind: String,
    at: UtcMicros,
    user: String,
    role: String,
    clients: Vec<String>,
    path: String,
    address: String,
}

impl Batch<'_> {
    /// Says in the journal that somebody looks; returns the entry. Its leaf is his client's; the
    /// site's where he is of several.
    ///
    /// # Errors
    /// What the disk says.
    pub fn note_look(&mut self, look: &NewLook, names: &mut Names) -> Result<u64, StoreError> {
        let body = LookBody {
            kind: "look".to_owned(),
            at: self.recorded_at,
            user: look.user.clone(),
            role: look.role.clone(),
            clients: look.clients.clone(),
            path: look.path.clone(),
            address: look.address.clone(),
        };
        let payload = serde_json::to_vec(&body).expect("texts and instants always serialise");
        let of = if let [client] = look.clients.as_slice() { client } else { "" };
        let (source, client) = (names.intern(""), names.intern(of));
        let seq = self.append(NewLeaf { kind: "look", source, client, device_time: None, payload: &payload }, names)?;
        self.keep_look(&body, seq)?;
        Ok(seq)
    }

    /// Lists a look that is in the journal.
    pub(crate) fn keep_look(&self, look: &LookBody, seq: u64) -> Result<(), StoreError> {
        self.store
            .conn
            .prepare_cached(
                "INSERT INTO look (entry, at_us, user_name, role, clients, path, address)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
            )
            .and_then(|mut s| {
                let clients = look.clients.join("\n");
                s.execute(params![seq.cast_signed(), look.at.0, look.user, look.role, clients, look.path, look.address])
            })
            .map(drop)
            .map_err(in_act("list what a user looked at"))
    }
}
