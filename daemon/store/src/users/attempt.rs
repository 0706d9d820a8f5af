//! Signing in: each attempt is counted before it is looked at.

use kukaku_schema::UtcMicros;
use rusqlite::{OptionalExtension, TransactionBehavior, params};

use super::error::{UsersError, in_act};
use super::row::{USER_COLUMNS, instant, read_user};
use super::{ATTEMPTS_KEPT, FAILURES_MAX, LOCKED_FOR, Role, User, Users, check_name, password};

impl Users {
    /// Checks a name and password from `address`. Slow by intent, for whatever answer: call it
    /// on a thread that may block, and only a few at once (19 MiB each).
    ///
    /// The attempt is counted before the password is looked at, so that many at once gain
    /// nothing. `None` says no without a reason: unknown, disabled, locked, expired or wrong.
    ///
    /// # Errors
    /// The store.
    pub fn sign_in(
        &self,
        name: &str,
        password: &str,
        address: &str,
        now: UtcMicros,
    ) -> Result<Option<User>, UsersError> {
        self.sign_in_where(name, password, address, &|_| true, now)
    }

    /// The same, where users whose role `may` not come from that address are refused like everybody
    /// else.
    ///
    /// # Errors
    /// The store.
    pub fn sign_in_where(
        &self,
        name: &str,
        password: &str,
        address: &str,
        may: &dyn Fn(Role) -> bool,
        now: UtcMicros,
    ) -> Result<Option<User>, UsersError> {
        let Some((user, hash)) = self.reserve_attempt(name, now)? else {
            password::work_in_vain(password);
            self.note_attempt(name, address, false, now)?;
            return Ok(None);
        };
        let here = may(user.role);
        let right = password::matches(password, &hash) && here;
        if right && user.has_factor {
            // It is half of a sign-in: it takes back its own count, and not those of wrong codes.
            self.take_back(&user)?;
        } else if right {
            self.accept(&user, now)?;
            self.tell_signed_in(&user, address, now)?;
        } else {
            self.tell_refused(&user, if here { "password" } else { "address" }, address, now)?;
        }
        self.note_attempt(name, address, right, now)?;
        Ok(right.then_some(user))
    }

    /// Counts an attempt on a user who may try now, and returns what it has to match.
    pub(super) fn reserve_attempt(&self, name: &str, now: UtcMicros) -> Result<Option<(User, String)>, UsersError> {
        const ACT: &str = "count a sign-in attempt";
        let mut conn = self.conn();
        let tx = conn.transaction_with_behavior(TransactionBehavior::Immediate).map_err(in_act(ACT))?;
        let found = tx
            .prepare_cached(&format!(
                "SELECT {USER_COLUMNS}, password_hash, failures, initial_until_us, initial_used_at_us FROM user WHERE name = ?1"
            ))
            .and_then(|mut s| {
                s.query_row([name], |row| {
                    Ok((read_user(row, self.rules)?, row.get::<_, String>(18)?, row.get::<_, u32>(19)?, instant(row, 20)?, instant(row, 21)?))
                })
                .optional()
            })
            .map_err(in_act(ACT))?;
        let Some((user, hash, failures, initial_until, initial_used_at)) = found else { return Ok(None) };
        let spent = user.must_change && (initial_used_at.is_some() || initial_until.is_none_or(|until| now >= until));
        let locked = user.locked_until.is_some_and(|until| now < until);
        if user.disabled_at.is_some() || spent || locked || user.stopped || !user.extent.holds_at(now) {
            return Ok(None);
        }
        // A lock that has run out starts a new count.
        let failures = if user.locked_until.is_some() { 1 } else { failures + 1 };
        let locked_until = (failures >= FAILURES_MAX).then(|| now.plus(LOCKED_FOR).0);
        tx.execute(
            "UPDATE user SET failures = ?2, locked_until_us = ?3, failures_in_all = failures_in_all + 1 WHERE id = ?1",
            params![user.id, failures, locked_until],
        )
        .map_err(in_act(ACT))?;
        tx.commit().map_err(in_act(ACT))?;
        Ok(Some((user, hash)))
    }

    /// Takes the counted attempt back after a right password.
    pub(super) fn accept(&self, user: &User, now: UtcMicros) -> Result<(), UsersError> {
        self.conn()
            .execute(
                "UPDATE user SET failures = 0, failures_in_all = 0, locked_until_us = NULL, signed_in_at_us = ?2,
                        initial_used_at_us = CASE WHEN must_change THEN ?2 END
                 WHERE id = ?1",
                params![user.id, now.0],
            )
            .map_err(in_act("note a sign-in"))?;
        Ok(())
    }

    /// Takes the counted attempt back after a right password that a code has to follow.
    fn take_back(&self, user: &User) -> Result<(), UsersError> {
        self.conn()
            .execute(
                "UPDATE user SET failures = max(failures - 1, 0), failures_in_all = max(failures_in_all - 1, 0),
                        locked_until_us = NULL
                 WHERE id = ?1",
                [user.id],
            )
            .map_err(in_act("note a right password"))?;
        Ok(())
    }

    pub(super) fn note_attempt(
        &self,
        name: &str,
        address: &str,
        accepted: bool,
        now: UtcMicros,
    ) -> Result<(), UsersError> {
        const ACT: &str = "note a sign-in attempt";
        // What was typed may be a password in the wrong field, so an odd name is not kept.
        let name = if check_name(name).is_ok() { name } else { "" };
        let mut conn = self.conn();
        let tx = conn.transaction_with_behavior(TransactionBehavior::Immediate).map_err(in_act(ACT))?;
        tx.execute(
            "INSERT INTO login_attempt (at_us, user_name, address, accepted) VALUES (?1, ?2, ?3, ?4)",
            params![now.0, name, address, accepted],
        )
        .map_err(in_act(ACT))?;
        tx.execute("DELETE FROM login_attempt WHERE id <= (SELECT max(id) FROM login_attempt) - ?1", [ATTEMPTS_KEPT])
            .map_err(in_act(ACT))?;
        tx.commit().map_err(in_act(ACT))
    }
}
