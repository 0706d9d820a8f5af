//! Keys with which sources and programs use the API: `kk_<id>_<secret>`.

use std::collections::BTreeSet;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use kukaku_schema::UtcMicros;
use rusqlite::{OptionalExtension, Row, TransactionBehavior, params};
use sha2::{Digest, Sha256};

use super::error::{UsersError, in_act};
use super::row::instant;
use super::told::{Doing, Told, tell};
use super::{Users, password};
use crate::query;

/// What every key begins with, so that one that leaked can be searched for.
pub const KEY_PREFIX: &str = "kk_";
/// Bytes of a key's secret.
const SECRET_BYTES: usize = 32;
/// Bytes of a key's id; written in hexadecimal.
const ID_BYTES: usize = 6;

/// A key, without its secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiKey {
    /// Its id, which may be shown.
    pub id: String,
    /// What it was made for.
    pub label: String,
    /// The sources it may speak for; empty: none.
    pub sources: Vec<String>,
    /// Whether it may read what the pages show.
    pub may_read: bool,
    /// The clients (市) whose records it reads; empty: the whole site's.
    pub clients: BTreeSet<String>,
    /// Until when it holds; none: until it is revoked.
    pub until: Option<UtcMicros>,
    /// When it was made.
    pub created_at: UtcMicros,
    /// When it was revoked.
    pub revoked_at: Option<UtcMicros>,
}

impl ApiKey {
    /// What it reads.
    #[must_use]
    pub fn scope(&self) -> query::Scope {
        if self.clients.is_empty() {
            query::Scope::Site
        } else {
            query::Scope::Clients { clients: self.clients.clone(), from: None }
        }
    }

    /// Whether it may speak for `source`.
    #[must_use]
    pub fn speaks_for(&self, source: &str) -> bool {
        self.sources.iter().any(|allowed| allowed == source)
    }
}

/// What a new key may do, and for how long.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct KeyBounds {
    /// Whether it may read what the pages show.
    pub may_read: bool,
    /// The clients (市) whose records it reads; empty: the whole site's.
    pub clients: BTreeSet<String>,
    /// Until when it holds; none: until it is revoked.
    pub until: Option<UtcMicros>,
}

impl Users {
    /// Makes a key for `sources` and returns its text, which is shown this once.
    ///
    /// # Errors
    /// `NoSource` where it could do nothing, no random numbers, or the store.
    pub fn create_key(
        &self,
        label: &str,
        sources: &[String],
        may_read: bool,
        now: UtcMicros,
    ) -> Result<String, UsersError> {
        self.create_bounded_key(label, sources, &KeyBounds { may_read, ..KeyBounds::default() }, now)
    }

    /// The same within `bounds`. A key that reads the records of clients is theirs: it speaks for
    /// no source.
    ///
    /// # Errors
    /// `NoSource` where it could do nothing, `KeyOfClient` where it would do more than read, no
    /// random numbers, or the store.
    pub fn create_bounded_key(
        &self,
        label: &str,
        sources: &[String],
        bounds: &KeyBounds,
        now: UtcMicros,
    ) -> Result<String, UsersError> {
        if sources.is_empty() && !bounds.may_read {
            return Err(UsersError::NoSource);
        }
        let reads_only = bounds.may_read && sources.is_empty();
        if !bounds.clients.is_empty() && !reads_only {
            return Err(UsersError::KeyOfClient);
        }
        let (mut id, mut secret) = ([0_u8; ID_BYTES], [0_u8; SECRET_BYTES]);
        password::fill_random(&mut id)?;
        password::fill_random(&mut secret)?;
        let id: String = id.iter().map(|byte| format!("{byte:02x}")).collect();
        let list = serde_json::to_string(sources).expect("a list of texts always serialises");
        const ACT: &str = "add a key";
        let mut conn = self.conn();
        let tx = conn.transaction_with_behavior(TransactionBehavior::Immediate).map_err(in_act(ACT))?;
        tx.execute(
            "INSERT INTO api_key (id, secret_hash, label, sources, may_read, created_at_us, clients, until_us)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
            params![
                id,
                Sha256::digest(secret).as_slice(),
                label,
                list,
                bounds.may_read,
                now.0,
                bounds.clients.iter().map(String::as_str).collect::<Vec<_>>().join("\n"),
                bounds.until.map(|until| until.0)
            ],
        )
        .map_err(in_act(ACT))?;
        let doing = Doing { now: Some(now), detail: Some(label), ..Doing::default() };
        tell(&tx, &format!("key:{id}"), Told::KeyMade, &doing).map_err(in_act(ACT))?;
        tx.commit().map_err(in_act(ACT))?;
        Ok(format!("{KEY_PREFIX}{id}_{}", URL_SAFE_NO_PAD.encode(secret)))
    }

    /// Every key, oldest first.
    ///
    /// # Errors
    /// The store.
    pub fn keys(&self) -> Result<Vec<ApiKey>, UsersError> {
        const ACT: &str = "list the keys";
        let conn = self.conn();
        let mut statement = conn
            .prepare_cached(&format!("SELECT {KEY_COLUMNS} FROM api_key ORDER BY created_at_us, id"))
            .map_err(in_act(ACT))?;
        let rows = statement.query_map([], read_key).map_err(in_act(ACT))?;
        rows.collect::<Result<_, _>>().map_err(in_act(ACT))
    }

    /// Revokes a key from now on.
    ///
    /// # Errors
    /// `NoKey`, or the store.
    pub fn revoke_key(&self, id: &str, now: UtcMicros) -> Result<(), UsersError> {
        const ACT: &str = "revoke a key";
        let mut conn = self.conn();
        let tx = conn.transaction_with_behavior(TransactionBehavior::Immediate).map_err(in_act(ACT))?;
        let changed = tx
            .execute("UPDATE api_key SET revoked_at_us = coalesce(revoked_at_us, ?2) WHERE id = ?1", params![id, now.0])
            .map_err(in_act(ACT))?;
        if changed == 0 {
            return Err(UsersError::NoKey(id.to_owned()));
        }
        let doing = Doing { now: Some(now), ..Doing::default() };
        tell(&tx, &format!("key:{id}"), Told::KeyRevoked, &doing).map_err(in_act(ACT))?;
        tx.commit().map_err(in_act(ACT))
    }

    /// The key behind a text `kk_<id>_<secret>`, if it is one of ours and in force at `now`.
    ///
    /// # Errors
    /// The store.
    pub fn check_key(&self, text: &str, now: UtcMicros) -> Result<Option<ApiKey>, UsersError> {
        let Some((id, secret)) = text.strip_prefix(KEY_PREFIX).and_then(|rest| rest.split_once('_')) else {
            return Ok(None);
        };
        let Ok(secret) = URL_SAFE_NO_PAD.decode(secret) else { return Ok(None) };
        let found = self
            .conn()
            .prepare_cached(&format!(
                "SELECT {KEY_COLUMNS}, secret_hash FROM api_key WHERE id = ?1 AND revoked_at_us IS NULL"
            ))
            .and_then(|mut s| {
                s.query_row([id], |row| Ok((read_key(row)?, row.get::<_, Vec<u8>>("secret_hash")?))).optional()
            })
            .map_err(in_act("read a key"))?;
        // Hashes are compared, so the time of it tells nothing about the secret.
        let found = found.filter(|(_, hash)| hash.as_slice() == Sha256::digest(&secret).as_slice());
        Ok(found.map(|(key, _)| key).filter(|key| key.until.is_none_or(|until| now < until)))
    }
}

const KEY_COLUMNS: &str = "id, label, sources, may_read, created_at_us, revoked_at_us, clients, until_us";

fn read_key(row: &Row<'_>) -> rusqlite::Result<ApiKey> {
    let list: String = row.get(2)?;
    let sources = serde_json::from_str(&list)
        .map_err(|e| rusqlite::Error::FromSqlConversionFailure(2, rusqlite::types::Type::Text, Box::new(e)))?;
    Ok(ApiKey {
        id: row.get(0)?,
        label: row.get(1)?,
        sources,
        may_read: row.get(3)?,
        clients: row.get::<_, String>(6)?.lines().map(str::to_owned).collect(),
        until: instant(row, 7)?,
        created_at: UtcMicros(row.get(4)?),
        revoked_at: instant(row, 5)?,
    })
}
