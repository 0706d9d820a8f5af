//! What is said of users for the journal: written with the act itself, in its transaction, and
//! taken into the journal by the one writer as soon as it can. Nobody can act and leave it out, not
//! on the machine's command line while the daemon stands still either.

use kukaku_schema::UtcMicros;
use rusqlite::{Connection, params};

use super::error::{UsersError, in_act};
use super::{FAILURES_IN_ALL_MAX, User, Users};

/// Who acts where nobody is signed in: somebody on the machine itself.
pub const CONSOLE: &str = "console";

/// What was done with a user.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Told {
    SignedIn,
    Refused,
    Locked,
    Stopped,
    Made,
    Role,
    Disabled,
    Enabled,
    Reset,
    Password,
    Token,
    Codes,
    FactorsRemoved,
    KeyMade,
    KeyRevoked,
}

impl Told {
    fn word(self) -> &'static str {
        match self {
            Self::SignedIn => "signed_in",
            Self::Refused => "refused",
            Self::Locked => "locked",
            Self::Stopped => "stopped",
            Self::Made => "made",
            Self::Role => "role",
            Self::Disabled => "disabled",
            Self::Enabled => "enabled",
            Self::Reset => "reset",
            Self::Password => "password",
            Self::Token => "token",
            Self::Codes => "codes",
            Self::FactorsRemoved => "factors_removed",
            Self::KeyMade => "key_made",
            Self::KeyRevoked => "key_revoked",
        }
    }
}

/// Who does it, from where and when.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Doing<'a> {
    /// The user himself; none: whoever sits at the machine.
    pub by: Option<&'a str>,
    /// Where he asked from.
    pub address: Option<&'a str>,
    pub now: Option<UtcMicros>,
    /// More: the role, what was wrong.
    pub detail: Option<&'a str>,
}

/// Says it, where the act's own transaction commits.
pub(super) fn tell(conn: &Connection, user: &str, told: Told, doing: &Doing<'_>) -> rusqlite::Result<()> {
    conn.execute(
        "INSERT INTO account_waiting (at_us, user_name, act, by_user, address, detail) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        params![
            doing.now.map(|now| now.0),
            user,
            told.word(),
            doing.by.unwrap_or(CONSOLE),
            doing.address,
            doing.detail
        ],
    )
    .map(drop)
}

impl Users {
    pub(super) fn tell_signed_in(&self, user: &User, address: &str, now: UtcMicros) -> Result<(), UsersError> {
        let doing = Doing { by: Some(&user.name), address: Some(address), now: Some(now), detail: None };
        tell(&self.conn(), &user.name, Told::SignedIn, &doing).map_err(in_act("note a sign-in"))
    }

    /// A wrong password or code of a user whom there is, and what comes of it. At most fifty of each
    /// user's, then it is stopped: nobody fills the journal with them.
    pub(super) fn tell_refused(
        &self,
        user: &User,
        what: &str,
        address: &str,
        now: UtcMicros,
    ) -> Result<(), UsersError> {
        const ACT: &str = "note a refused sign-in";
        let conn = self.conn();
        let (in_all, locked): (u32, Option<i64>) = conn
            .query_row("SELECT failures_in_all, locked_until_us FROM user WHERE id = ?1", [user.id], |row| {
                Ok((row.get(0)?, row.get(1)?))
            })
            .map_err(in_act(ACT))?;
        let told = if in_all >= FAILURES_IN_ALL_MAX {
            Told::Stopped
        } else if locked.is_some_and(|until| now.0 < until) {
            Told::Locked
        } else {
            Told::Refused
        };
        let doing = Doing { by: Some(&user.name), address: Some(address), now: Some(now), detail: Some(what) };
        tell(&conn, &user.name, told, &doing).map_err(in_act(ACT))
    }

    /// The same users, on whom somebody acts at `now`.
    #[must_use]
    pub fn acting_at(self, now: UtcMicros) -> Self {
        Self { now: Some(now), ..self }
    }
}
