//! Users of the pages, their sign-ins, and the keys of sources.
//!
//! Nothing here is evidence, so it is not journaled and not written by the one writer: these
//! rows have a connection of their own with short transactions. Passwords are kept as Argon2id
//! hashes; the ids of sign-ins and the secrets of keys, which are 256 random bits, as SHA-256.
//! Every act takes `now`: this room knows no clock.

mod attempt;
mod error;
mod extent;
mod factor;
mod key;
mod password;
mod role;
mod row;
mod rules;
mod session;
#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
mod told;

use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};

use kukaku_schema::{DurationUs, UtcMicros};
use rusqlite::{Connection, OptionalExtension, TransactionBehavior, params};

pub use error::UsersError;
pub use extent::Extent;
pub use factor::{PRINTED_CODES, Token, TokenSort, code_at};
pub use key::{ApiKey, KEY_PREFIX, KeyBounds};
pub use rules::{
    PASSWORD_MAX_CHARS, PASSWORD_MIN_CHARS, PASSWORD_MIN_CHARS_WITH_FACTOR, PASSWORD_VALID_FOR, PASSWORDS_REMEMBERED,
    PasswordFault, PasswordProfile, PasswordRules, Roles,
};
pub use session::{HALF_LONGEST, SESSION_IDLE, SESSION_LONGEST, Scope, Session, WALL_LONGEST};

pub use role::{Right, Role};
pub use told::CONSOLE;

use error::in_act;
use row::{USER_COLUMNS, administrators, read_user};
use told::{Doing, Told, tell};

/// Wrong passwords in a row after which a user is locked.
pub const FAILURES_MAX: u32 = 5;
/// Wrong passwords and codes since the last sign-in after which a user is stopped until an administrator
/// lets it in again: whoever tries on and on after each lock gets no further.
pub const FAILURES_IN_ALL_MAX: u32 = 50;
/// How long a user stays locked.
pub const LOCKED_FOR: DurationUs = DurationUs::from_secs(15 * 60);
/// How long a one-time password may wait for its use.
pub const INITIAL_PASSWORD_KEPT: DurationUs = DurationUs::from_secs(72 * 3600);
/// Newest sign-in attempts that are kept: a month of a busy site, a bound for a spray.
pub const ATTEMPTS_KEPT: i64 = 10_000;
/// Longest user name in characters.
const NAME_MAX_CHARS: usize = 64;

/// A user of the pages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    /// Its row.
    pub id: i64,
    /// The name it signs in with.
    pub name: String,
    /// What it is, and so what it may do.
    pub role: Role,
    /// For whom it looks, when, and how far back.
    pub extent: Extent,
    /// Changes with the password; a sign-in under an older one is void.
    pub password_version: i64,
    /// The password is a one-time one and has to be changed before anything else.
    pub must_change: bool,
    /// Until when the password is good; then it has to be changed before anything else. None: for good.
    pub password_until: Option<UtcMicros>,
    /// When it was made.
    pub created_at: UtcMicros,
    /// When it was disabled.
    pub disabled_at: Option<UtcMicros>,
    /// Until when it is locked after wrong passwords.
    pub locked_until: Option<UtcMicros>,
    /// Too many wrong passwords in all: it can't sign in until it is enabled again.
    pub stopped: bool,
    /// It signs in with a code, too.
    pub has_factor: bool,
    /// Codes on its printed list that were not used.
    pub codes_left: u32,
    /// When it last signed in.
    pub signed_in_at: Option<UtcMicros>,
}

impl User {
    /// Whether its password has had its time.
    #[must_use]
    pub fn password_is_over(&self, now: UtcMicros) -> bool {
        self.password_until.is_some_and(|until| now >= until)
    }
}

/// The users of one store.
pub struct Users {
    conn: Mutex<Connection>,
    rules: PasswordRules,
    now: Option<UtcMicros>,
}

impl std::fmt::Debug for Users {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Users")
    }
}

impl Users {
    /// Opens the users of the store in file `path`, which must exist. May be open in several
    /// processes: `kukaku users` works while `kukaku run` does.
    ///
    /// # Errors
    /// `UsersError::Store` where the file can't be opened.
    pub fn open(path: &Path) -> Result<Self, UsersError> {
        let conn = crate::connect::beside(path)?;
        Ok(Self { conn: Mutex::new(conn), rules: PasswordRules::default(), now: None })
    }

    /// The same users, whose passwords are chosen by `rules`.
    #[must_use]
    pub fn with_rules(self, rules: PasswordRules) -> Self {
        Self { rules, ..self }
    }

    /// What is asked of passwords.
    #[must_use]
    pub fn rules(&self) -> PasswordRules {
        self.rules
    }

    fn conn(&self) -> MutexGuard<'_, Connection> {
        // A panic elsewhere can't leave half a transaction: it rolls back when dropped.
        self.conn.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Makes a user of the site and its one-time password, which is shown this once.
    ///
    /// # Errors
    /// `Exists`, `Name`, `Extent` for a role that isn't the site's, or the store.
    pub fn create(&self, name: &str, role: Role, now: UtcMicros) -> Result<String, UsersError> {
        self.create_for(name, role, &Extent::default(), now)
    }

    /// The same for a user who sees what `extent` says.
    ///
    /// # Errors
    /// `Exists`, `Name`, `Extent` where role and extent don't fit, or the store.
    pub fn create_for(&self, name: &str, role: Role, extent: &Extent, now: UtcMicros) -> Result<String, UsersError> {
        let initial = password::make_initial()?;
        self.insert(name, (role, extent), &initial, true, now)?;
        Ok(initial)
    }

    /// Makes an administrator with a password of its own that need not be changed, as a
    /// demonstration does.
    ///
    /// # Errors
    /// `Exists`, `Name`, `Password`, or the store.
    pub fn create_with_password(&self, name: &str, password: &str, now: UtcMicros) -> Result<(), UsersError> {
        self.rules.check(name, password, false)?;
        self.insert(name, (Role::Administrator, &Extent::default()), password, false, now)
    }

    fn insert(
        &self,
        name: &str,
        (role, extent): (Role, &Extent),
        password: &str,
        must_change: bool,
        now: UtcMicros,
    ) -> Result<(), UsersError> {
        check_name(name)?;
        extent.check(role)?;
        let hash = password::hash(password)?;
        let initial_until = must_change.then(|| now.plus(INITIAL_PASSWORD_KEPT).0);
        const ACT: &str = "add a user";
        let mut conn = self.conn();
        let tx = conn.transaction_with_behavior(TransactionBehavior::Immediate).map_err(in_act(ACT))?;
        let made = tx
            .execute(
                "INSERT INTO user (name, role, password_hash, password_version, password_set_at_us, must_change, initial_until_us, created_at_us,
                                   clients, person, valid_from_us, valid_until_us, sees_from_us)
                 VALUES (?1, ?2, ?3, 1, ?6, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11) ON CONFLICT (name) DO NOTHING",
                params![
                    name,
                    role.word(),
                    hash,
                    must_change,
                    initial_until,
                    now.0,
                    extent.clients_text(),
                    extent.person,
                    extent.valid_from.map(|at| at.0),
                    extent.valid_until.map(|at| at.0),
                    extent.sees_from.map(|at| at.0)
                ],
            )
            .map_err(in_act(ACT))?;
        if made == 0 {
            return Err(UsersError::Exists(name.to_owned()));
        }
        let doing = Doing { now: Some(now), detail: Some(role.word()), ..Doing::default() };
        tell(&tx, name, Told::Made, &doing).map_err(in_act(ACT))?;
        tx.commit().map_err(in_act(ACT))
    }

    /// Every user, by name.
    ///
    /// # Errors
    /// The store.
    pub fn list(&self) -> Result<Vec<User>, UsersError> {
        let conn = self.conn();
        let mut statement = conn
            .prepare_cached(&format!("SELECT {USER_COLUMNS} FROM user ORDER BY name"))
            .map_err(in_act("list the users"))?;
        let rows = statement.query_map([], |row| read_user(row, self.rules)).map_err(in_act("list the users"))?;
        rows.collect::<Result<_, _>>().map_err(in_act("list the users"))
    }

    /// Disables a user; its sign-ins end at once.
    ///
    /// # Errors
    /// `NoUser`, `LastAdministrator`, or the store.
    pub fn disable(&self, name: &str, now: UtcMicros) -> Result<(), UsersError> {
        self.change(
            name,
            (Told::Disabled, Doing { now: Some(now), ..Doing::default() }),
            "UPDATE user SET disabled_at_us = coalesce(disabled_at_us, ?2) WHERE name = ?1",
            params![name, now.0],
        )
    }

    /// Gives a user another role of the site; its sign-ins end at once.
    ///
    /// # Errors
    /// `NoUser`, `LastAdministrator`, `Extent` for a role that isn't the site's, or the store.
    pub fn set_role(&self, name: &str, role: Role) -> Result<(), UsersError> {
        self.set_role_for(name, role, &Extent::default())
    }

    /// Gives a user another role and extent; its sign-ins end at once.
    ///
    /// # Errors
    /// `NoUser`, `LastAdministrator`, `Extent` where role and extent don't fit, or the store.
    pub fn set_role_for(&self, name: &str, role: Role, extent: &Extent) -> Result<(), UsersError> {
        extent.check(role)?;
        self.change(
            name,
            (Told::Role, Doing { detail: Some(role.word()), ..self.on_the_machine() }),
            "UPDATE user SET role = ?2, password_version = password_version + 1, clients = ?3, person = ?4,
                    valid_from_us = ?5, valid_until_us = ?6, sees_from_us = ?7
             WHERE name = ?1",
            params![
                name,
                role.word(),
                extent.clients_text(),
                extent.person,
                extent.valid_from.map(|at| at.0),
                extent.valid_until.map(|at| at.0),
                extent.sees_from.map(|at| at.0)
            ],
        )
    }

    /// Enables a disabled or locked user again.
    ///
    /// # Errors
    /// `NoUser`, or the store.
    pub fn enable(&self, name: &str) -> Result<(), UsersError> {
        self.change(
            name,
            (Told::Enabled, self.on_the_machine()),
            "UPDATE user SET disabled_at_us = NULL, failures = 0, failures_in_all = 0, locked_until_us = NULL WHERE name = ?1",
            params![name],
        )
    }

    /// Gives a user a new one-time password and unlocks it; its sign-ins end at once.
    ///
    /// # Errors
    /// `NoUser`, or the store.
    pub fn reset(&self, name: &str, now: UtcMicros) -> Result<String, UsersError> {
        let initial = password::make_initial()?;
        let hash = password::hash(&initial)?;
        self.change(
            name,
            (Told::Reset, Doing { now: Some(now), ..Doing::default() }),
            "UPDATE user SET password_hash = ?2, password_version = password_version + 1, password_set_at_us = ?4,
                    must_change = 1, initial_until_us = ?3, initial_used_at_us = NULL, failures = 0, failures_in_all = 0,
                    locked_until_us = NULL
             WHERE name = ?1",
            params![name, hash, now.plus(INITIAL_PASSWORD_KEPT).0, now.0],
        )?;
        Ok(initial)
    }

    /// Runs a statement on one user, then ends sign-ins that it made void.
    fn change(
        &self,
        name: &str,
        (told, doing): (Told, Doing<'_>),
        sql: &str,
        values: &[&dyn rusqlite::ToSql],
    ) -> Result<(), UsersError> {
        const ACT: &str = "change a user";
        let mut conn = self.conn();
        let tx = conn.transaction_with_behavior(TransactionBehavior::Immediate).map_err(in_act(ACT))?;
        let before = administrators(&tx)?;
        rules::remember(&tx, name).map_err(in_act(ACT))?;
        let changed = tx.execute(sql, values).map_err(in_act(ACT))?;
        rules::forget(&tx, name).map_err(in_act(ACT))?;
        if changed == 0 {
            return Err(UsersError::NoUser(name.to_owned()));
        }
        // Nobody could make another one.
        if before > 0 && administrators(&tx)? == 0 {
            return Err(UsersError::LastAdministrator(name.to_owned()));
        }
        session::drop_void(&tx).map_err(in_act(ACT))?;
        tell(&tx, name, told, &doing).map_err(in_act(ACT))?;
        tx.commit().map_err(in_act(ACT))
    }

    fn on_the_machine(&self) -> Doing<'_> {
        Doing { now: self.now, ..Doing::default() }
    }

    /// Changes a user's password to one of its own choice; every sign-in of it ends.
    /// Slow like `sign_in`, and counts a wrong present password as it does. A one-time password
    /// was proven by the sign-in that follows it and is not asked again.
    ///
    /// # Errors
    /// `Password` for a new one that will not do, `Refused` for a wrong present one, or the store.
    pub fn change_password(
        &self,
        name: &str,
        present: Option<&str>,
        new: &str,
        now: UtcMicros,
    ) -> Result<(), UsersError> {
        let has_factor = self.list()?.iter().any(|user| user.name == name && user.has_factor);
        self.rules.check(name, new, has_factor)?;
        let kept = self.hash_of(name)?.ok_or_else(|| UsersError::NoUser(name.to_owned()))?;
        if let Some(present) = present {
            let Some((user, hash)) = self.reserve_attempt(name, now)? else {
                password::work_in_vain(present);
                return Err(UsersError::Refused);
            };
            if !password::matches(present, &hash) {
                return Err(UsersError::Refused);
            }
            self.accept(&user, now)?;
        }
        if password::matches(new, &kept) {
            return Err(UsersError::Password(PasswordFault::Unchanged));
        }
        if self.former(name)?.iter().any(|former| password::matches(new, former)) {
            return Err(UsersError::Password(PasswordFault::Former));
        }
        let hash = password::hash(new)?;
        self.change(
            name,
            (Told::Password, Doing { by: Some(name), now: Some(now), ..Doing::default() }),
            "UPDATE user SET password_hash = ?2, password_version = password_version + 1, password_set_at_us = ?3,
                    must_change = 0, initial_until_us = NULL, initial_used_at_us = NULL, failures = 0, failures_in_all = 0,
                    locked_until_us = NULL
             WHERE name = ?1",
            params![name, hash, now.0],
        )
    }

    /// The hashes of the passwords that can't be taken again.
    fn former(&self, name: &str) -> Result<Vec<String>, UsersError> {
        let conn = self.conn();
        let mut statement = conn
            .prepare_cached(
                "SELECT former_password.password_hash FROM former_password JOIN user ON user.id = user_id
                 WHERE name = ?1 ORDER BY former_password.id DESC LIMIT ?2",
            )
            .map_err(in_act("read former passwords"))?;
        let rows = statement.query_map(params![name, self.rules.remembered()], |row| row.get(0));
        rows.and_then(Iterator::collect).map_err(in_act("read former passwords"))
    }

    fn hash_of(&self, name: &str) -> Result<Option<String>, UsersError> {
        self.conn()
            .query_row("SELECT password_hash FROM user WHERE name = ?1", [name], |row| row.get(0))
            .optional()
            .map_err(in_act("read a user"))
    }
}

fn check_name(name: &str) -> Result<(), UsersError> {
    let fine = |c: char| c.is_alphanumeric() || matches!(c, '.' | '_' | '-' | '@');
    let chars = name.chars().count();
    if (1..=NAME_MAX_CHARS).contains(&chars) && name.chars().all(fine) {
        Ok(())
    } else {
        Err(UsersError::Name(name.to_owned()))
    }
}
