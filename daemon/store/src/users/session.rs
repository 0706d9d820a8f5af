//! Sign-ins: what a browser's cookie stands for.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use kukaku_schema::{DurationUs, UtcMicros};
use rusqlite::{OptionalExtension, Transaction, TransactionBehavior, params};
use sha2::{Digest, Sha256};

use super::error::{UsersError, in_act};
use super::row::{USER_COLUMNS, read_user};
use super::{User, Users, password};
use crate::error::StoreError;

/// How long a sign-in lasts without an act of its user.
pub const SESSION_IDLE: DurationUs = DurationUs::from_secs(15 * 60);
/// How long a sign-in lasts at all.
pub const SESSION_LONGEST: DurationUs = DurationUs::from_secs(12 * 3600);
/// How long a wall display lasts, which shows one page and can do nothing.
pub const WALL_LONGEST: DurationUs = DurationUs::from_secs(30 * 24 * 3600);
/// How long the second factor may take.
pub const HALF_LONGEST: DurationUs = DurationUs::from_secs(5 * 60);
/// Sign-ins of one user at once; a further one ends the oldest.
pub const SESSIONS_PER_USER: i64 = 8;
/// How often an act moves the idle time on: a write each click would be for nothing.
const TOUCH_EVERY: DurationUs = DurationUs::from_secs(30);
/// Bytes of a sign-in's id.
const TOKEN_BYTES: usize = 32;

/// What a sign-in is good for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// All that the user may.
    Full,
    /// The wall display alone, read only.
    Wall,
    /// Nothing yet: the password was right, and the second factor has to follow.
    Half,
}

impl Scope {
    fn word(self) -> &'static str {
        match self {
            Self::Full => "full",
            Self::Wall => "wall",
            Self::Half => "half",
        }
    }

    fn from_word(word: &str) -> Option<Self> {
        [Self::Full, Self::Wall, Self::Half].into_iter().find(|scope| scope.word() == word)
    }
}

/// A sign-in that holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    /// Who.
    pub user: User,
    /// For what.
    pub scope: Scope,
    /// When it ends whatever happens.
    pub expires_at: UtcMicros,
}

impl Users {
    /// Opens a sign-in and returns the text for the cookie, 256 random bits.
    ///
    /// # Errors
    /// No random numbers, or the store.
    pub fn open_session(&self, user: &User, scope: Scope, address: &str, now: UtcMicros) -> Result<String, UsersError> {
        const ACT: &str = "open a sign-in";
        let mut token = [0_u8; TOKEN_BYTES];
        password::fill_random(&mut token)?;
        let longest = match scope {
            Scope::Full => SESSION_LONGEST,
            Scope::Wall => WALL_LONGEST,
            Scope::Half => HALF_LONGEST,
        };
        let mut conn = self.conn();
        let tx = conn.transaction_with_behavior(TransactionBehavior::Immediate).map_err(in_act(ACT))?;
        tx.execute("DELETE FROM web_session WHERE expires_at_us <= ?1", [now.0]).map_err(in_act(ACT))?;
        tx.execute(
            "INSERT INTO web_session (id_hash, user_id, scope, password_version, address, created_at_us, seen_at_us, expires_at_us)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?6, ?7)",
            params![
                Sha256::digest(token).as_slice(), user.id, scope.word(), user.password_version, address, now.0,
                now.plus(longest).0
            ],
        )
        .map_err(in_act(ACT))?;
        tx.execute(
            "DELETE FROM web_session WHERE user_id = ?1 AND id_hash NOT IN
               (SELECT id_hash FROM web_session WHERE user_id = ?1 ORDER BY created_at_us DESC, id_hash LIMIT ?2)",
            params![user.id, SESSIONS_PER_USER],
        )
        .map_err(in_act(ACT))?;
        tx.commit().map_err(in_act(ACT))?;
        Ok(URL_SAFE_NO_PAD.encode(token))
    }

    /// The sign-in behind a cookie's text, if it holds at `now`. `act` moves its idle time on;
    /// what a page fetches by itself is no act.
    ///
    /// # Errors
    /// The store.
    pub fn session(&self, token: &str, act: bool, now: UtcMicros) -> Result<Option<Session>, UsersError> {
        const ACT: &str = "read a sign-in";
        let Some(hash) = hash_of(token) else { return Ok(None) };
        let conn = self.conn();
        let found = conn
            .prepare_cached(&format!(
                "SELECT {USER_COLUMNS}, w.scope, w.seen_at_us, w.expires_at_us
                 FROM web_session w JOIN user ON user.id = w.user_id
                 WHERE w.id_hash = ?1 AND w.password_version = user.password_version AND user.disabled_at_us IS NULL"
            ))
            .and_then(|mut s| {
                s.query_row([hash.as_slice()], |row| {
                    Ok((
                        read_user(row, self.rules)?,
                        row.get::<_, String>(18)?,
                        row.get::<_, i64>(19)?,
                        row.get::<_, i64>(20)?,
                    ))
                })
                .optional()
            })
            .map_err(in_act(ACT))?;
        let Some((user, scope, seen_at, expires_at)) = found else { return Ok(None) };
        let scope = Scope::from_word(&scope)
            .ok_or_else(|| StoreError::corrupt(ACT, format!("a sign-in has the unknown scope {scope:?}")))?;
        let (seen_at, expires_at) = (UtcMicros(seen_at), UtcMicros(expires_at));
        let idle = now.since(seen_at);
        if !user.extent.holds_at(now) || now >= expires_at || (scope == Scope::Full && idle >= SESSION_IDLE) {
            return Ok(None);
        }
        if act && idle >= TOUCH_EVERY {
            conn.execute("UPDATE web_session SET seen_at_us = ?2 WHERE id_hash = ?1", params![hash.as_slice(), now.0])
                .map_err(in_act(ACT))?;
        }
        Ok(Some(Session { user, scope, expires_at }))
    }

    /// Ends a sign-in. One that is unknown has ended already.
    ///
    /// # Errors
    /// The store.
    pub fn close_session(&self, token: &str) -> Result<(), UsersError> {
        let Some(hash) = hash_of(token) else { return Ok(()) };
        self.conn()
            .execute("DELETE FROM web_session WHERE id_hash = ?1", [hash.as_slice()])
            .map_err(in_act("end a sign-in"))?;
        Ok(())
    }
}

/// Deletes sign-ins whose user was disabled or has another password by now.
pub(super) fn drop_void(tx: &Transaction<'_>) -> rusqlite::Result<()> {
    tx.execute(
        "DELETE FROM web_session WHERE EXISTS (SELECT 1 FROM user
            WHERE user.id = web_session.user_id
              AND (user.disabled_at_us IS NOT NULL OR user.password_version <> web_session.password_version))",
        [],
    )?;
    Ok(())
}

fn hash_of(token: &str) -> Option<[u8; 32]> {
    let bytes = URL_SAFE_NO_PAD.decode(token).ok()?;
    (bytes.len() == TOKEN_BYTES).then(|| Sha256::digest(&bytes).into())
}
