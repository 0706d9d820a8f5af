//! Second factors that work where phones and USB are banned: codes of an app or a hardware token
//! (TOTP, RFC 6238; HOTP, RFC 4226), and a printed list of codes.
//!
//! A code is good once. The seeds of tokens lie in the store as they are, because the daemon has to
//! compute with them: who reads the store's file can make codes, but still needs the password.

use data_encoding::BASE32_NOPAD;
use kukaku_schema::UtcMicros;
use ring::hmac;
use rusqlite::{Connection, OptionalExtension, TransactionBehavior, params};
use sha2::{Digest, Sha256};

use super::error::{UsersError, in_act};
use super::told::{Doing, Told, tell};
use super::{User, Users, password};

/// Bytes of a seed that is made here: as many as the hash has (RFC 4226, section 4, R6).
const SEED_BYTES: usize = 20;
/// Fewest and most bytes of a seed that is taken in (RFC 4226, section 4: at least 128 bits).
const SEED_MIN_BYTES: usize = 16;
const SEED_MAX_BYTES: usize = 64;
/// Steps before and after the present one whose codes are good: a token's clock may be off.
const STEPS_AROUND: i64 = 1;
/// How far a token that counts may have been pressed without a sign-in.
const COUNTS_AHEAD: i64 = 20;
/// Seconds of a step of codes that are made here.
const STEP_S: i64 = 30;
/// Digits of codes that are made here.
const DIGITS: u32 = 6;
/// Codes on a printed list.
pub const PRINTED_CODES: usize = 10;
/// Bytes of a printed code: 80 bits, so that a plain hash of it tells nothing.
const PRINTED_BYTES: usize = 10;

/// What makes the codes of a token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TokenSort {
    /// Time (RFC 6238), with a step of so many seconds.
    Time {
        /// Seconds of a step.
        step_s: i64,
    },
    /// A count (RFC 4226), which stands at this number.
    Count {
        /// The next one.
        next: i64,
    },
}

/// A token as its maker's list has it.
#[derive(Clone, PartialEq, Eq)]
pub struct Token {
    /// The seed.
    pub seed: Vec<u8>,
    /// What makes its codes.
    pub sort: TokenSort,
    /// Digits of a code: 6 to 8.
    pub digits: u32,
}

impl std::fmt::Debug for Token {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Token({:?}, {} digits)", self.sort, self.digits)
    }
}

/// The code of a counter (RFC 4226, section 5.3).
fn code_of(seed: &[u8], counter: i64, digits: u32) -> String {
    let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, seed);
    let tag = hmac::sign(&key, &counter.to_be_bytes());
    let bytes = tag.as_ref();
    let offset = usize::from(bytes[bytes.len() - 1] & 15);
    let four: [u8; 4] = bytes[offset..offset + 4].try_into().expect("an offset below 16 leaves four of twenty bytes");
    let number = u64::from(u32::from_be_bytes(four) & 0x7fff_ffff) % 10_u64.pow(digits);
    format!("{number:0width$}", width = digits as usize)
}

/// The code that an app with this seed, in base 32, shows at `now`; none where it is no seed.
#[must_use]
pub fn code_at(seed: &str, now: UtcMicros) -> Option<String> {
    let seed = BASE32_NOPAD.decode(seed.as_bytes()).ok()?;
    Some(code_of(&seed, now.0.div_euclid(1_000_000).div_euclid(STEP_S), DIGITS))
}

/// The counter among `counters` whose code it is. All are computed, so that the time tells nothing.
fn find(seed: &[u8], digits: u32, counters: impl Iterator<Item = i64>, code: &str) -> Option<i64> {
    let mut found = None;
    for counter in counters {
        let made = code_of(seed, counter, digits);
        let same = made.len() == code.len() && made.bytes().zip(code.bytes()).fold(0, |all, (a, b)| all | (a ^ b)) == 0;
        if same && found.is_none() {
            found = Some(counter);
        }
    }
    found
}

/// A code as people type it: blanks and hyphens are nothing, letters are capital.
fn typed(code: &str) -> String {
    code.chars().filter(|c| !c.is_whitespace() && *c != '-').map(|c| c.to_ascii_uppercase()).take(64).collect()
}

impl Users {
    /// Makes a seed for an app of `name`'s, which counts once a code of it was typed in.
    ///
    /// # Errors
    /// `NoUser`, no random numbers, or the store.
    pub fn begin_token(&self, name: &str, now: UtcMicros) -> Result<String, UsersError> {
        let mut seed = vec![0_u8; SEED_BYTES];
        password::fill_random(&mut seed)?;
        let token = Token { seed, sort: TokenSort::Time { step_s: STEP_S }, digits: DIGITS };
        self.put_token(name, &token, false, now)?;
        Ok(BASE32_NOPAD.encode(&token.seed))
    }

    /// Gives `name` a token that a maker delivered with its seed.
    ///
    /// # Errors
    /// `NoUser`, `Token` for one out of shape, or the store.
    pub fn set_token(&self, name: &str, token: &Token, now: UtcMicros) -> Result<(), UsersError> {
        let fine = (SEED_MIN_BYTES..=SEED_MAX_BYTES).contains(&token.seed.len())
            && (6..=8).contains(&token.digits)
            && match token.sort {
                TokenSort::Time { step_s } => (15..=120).contains(&step_s),
                TokenSort::Count { next } => next >= 0,
            };
        if !fine {
            return Err(UsersError::Token);
        }
        self.put_token(name, token, true, now)
    }

    fn put_token(&self, name: &str, token: &Token, confirmed: bool, now: UtcMicros) -> Result<(), UsersError> {
        let (step_s, moving) = match token.sort {
            TokenSort::Time { step_s } => (Some(step_s), 0),
            TokenSort::Count { next } => (None, next),
        };
        const ACT: &str = "keep a token";
        let mut conn = self.conn();
        let tx = conn.transaction_with_behavior(TransactionBehavior::Immediate).map_err(in_act(ACT))?;
        // A new one takes the place of the present one only when it is confirmed.
        let put = tx
            .execute(
                "INSERT INTO second_factor (user_id, confirmed, seed, digits, step_s, moving, made_at_us)
                 SELECT id, ?2, ?3, ?4, ?5, ?6, ?7 FROM user WHERE name = ?1
                 ON CONFLICT (user_id, confirmed) DO UPDATE SET seed = excluded.seed, digits = excluded.digits,
                   step_s = excluded.step_s, moving = excluded.moving, made_at_us = excluded.made_at_us",
                params![name, confirmed, token.seed, token.digits, step_s, moving, now.0],
            )
            .map_err(in_act(ACT))?;
        if put == 0 {
            return Err(UsersError::NoUser(name.to_owned()));
        }
        if confirmed {
            let doing = Doing { now: Some(now), ..Doing::default() };
            tell(&tx, name, Told::Token, &doing).map_err(in_act(ACT))?;
        }
        tx.commit().map_err(in_act(ACT))
    }

    /// The seed that waits for its first code, as an app takes it.
    ///
    /// # Errors
    /// The store.
    pub fn begun_token(&self, user: i64) -> Result<Option<String>, UsersError> {
        let seed: Option<Vec<u8>> = self
            .conn()
            .query_row("SELECT seed FROM second_factor WHERE user_id = ?1 AND confirmed = 0", [user], |row| row.get(0))
            .optional()
            .map_err(in_act("read a token"))?;
        Ok(seed.map(|seed| BASE32_NOPAD.encode(&seed)))
    }

    /// Lets the seed that was begun count, where `code` is one of it. Whether it is.
    ///
    /// # Errors
    /// The store.
    pub fn confirm_token(&self, user: i64, code: &str, now: UtcMicros) -> Result<bool, UsersError> {
        const ACT: &str = "confirm a token";
        let mut conn = self.conn();
        let tx = conn.transaction_with_behavior(TransactionBehavior::Immediate).map_err(in_act(ACT))?;
        let fits = take_token(&tx, user, false, &typed(code), now).map_err(in_act(ACT))?;
        if fits {
            tx.execute("DELETE FROM second_factor WHERE user_id = ?1 AND confirmed = 1", [user])
                .map_err(in_act(ACT))?;
            tx.execute("UPDATE second_factor SET confirmed = 1 WHERE user_id = ?1", [user]).map_err(in_act(ACT))?;
            let name: String =
                tx.query_row("SELECT name FROM user WHERE id = ?1", [user], |row| row.get(0)).map_err(in_act(ACT))?;
            let doing = Doing { by: Some(&name), now: Some(now), ..Doing::default() };
            tell(&tx, &name, Told::Token, &doing).map_err(in_act(ACT))?;
        }
        tx.commit().map_err(in_act(ACT))?;
        Ok(fits)
    }

    /// Makes a list of codes to print, which is shown this once; an earlier list is void.
    ///
    /// # Errors
    /// `NoUser`, no random numbers, or the store.
    pub fn print_codes(&self, name: &str) -> Result<Vec<String>, UsersError> {
        const ACT: &str = "make a list of codes";
        let mut codes = Vec::with_capacity(PRINTED_CODES);
        for _ in 0..PRINTED_CODES {
            let mut bytes = [0_u8; PRINTED_BYTES];
            password::fill_random(&mut bytes)?;
            codes.push(BASE32_NOPAD.encode(&bytes));
        }
        let mut conn = self.conn();
        let tx = conn.transaction_with_behavior(TransactionBehavior::Immediate).map_err(in_act(ACT))?;
        let user: Option<i64> = tx
            .query_row("SELECT id FROM user WHERE name = ?1", [name], |row| row.get(0))
            .optional()
            .map_err(in_act(ACT))?;
        let user = user.ok_or_else(|| UsersError::NoUser(name.to_owned()))?;
        tx.execute("DELETE FROM printed_code WHERE user_id = ?1", [user]).map_err(in_act(ACT))?;
        for code in &codes {
            let hash = Sha256::digest(code.as_bytes());
            tx.execute("INSERT INTO printed_code (user_id, code_hash) VALUES (?1, ?2)", params![user, hash.as_slice()])
                .map_err(in_act(ACT))?;
        }
        tell(&tx, name, Told::Codes, &self.on_the_machine()).map_err(in_act(ACT))?;
        tx.commit().map_err(in_act(ACT))?;
        let grouped = |code: &String| format!("{}-{}-{}-{}", &code[..4], &code[4..8], &code[8..12], &code[12..]);
        Ok(codes.iter().map(grouped).collect())
    }

    /// Takes every second factor of a user's away, and ends its sign-ins.
    ///
    /// # Errors
    /// `NoUser`, or the store.
    pub fn remove_factors(&self, name: &str) -> Result<(), UsersError> {
        self.change(
            name,
            (Told::FactorsRemoved, self.on_the_machine()),
            "UPDATE user SET password_version = password_version + 1 WHERE name = ?1",
            params![name],
        )?;
        let conn = self.conn();
        for table in ["second_factor", "printed_code"] {
            let sql = format!("DELETE FROM {table} WHERE user_id = (SELECT id FROM user WHERE name = ?1)");
            conn.execute(&sql, [name]).map_err(in_act("take second factors away"))?;
        }
        Ok(())
    }

    /// Checks a code of who has given his password already. An attempt is counted before it is looked
    /// at, like that of a password, and to the same lock; a code that was right is used up.
    ///
    /// # Errors
    /// The store.
    pub fn check_factor(&self, user: &User, code: &str, address: &str, now: UtcMicros) -> Result<bool, UsersError> {
        const ACT: &str = "check a code";
        let Some((user, _)) = self.reserve_attempt(&user.name, now)? else {
            self.note_attempt(&user.name, address, false, now)?;
            return Ok(false);
        };
        let code = typed(code);
        let fits = {
            let mut conn = self.conn();
            let tx = conn.transaction_with_behavior(TransactionBehavior::Immediate).map_err(in_act(ACT))?;
            let by_token = take_token(&tx, user.id, true, &code, now).map_err(in_act(ACT))?;
            let by_list = take_printed(&tx, user.id, &code, now).map_err(in_act(ACT))?;
            tx.commit().map_err(in_act(ACT))?;
            by_token || by_list
        };
        if fits {
            self.accept(&user, now)?;
            self.tell_signed_in(&user, address, now)?;
        } else {
            self.tell_refused(&user, "code", address, now)?;
        }
        self.note_attempt(&user.name, address, fits, now)?;
        Ok(fits)
    }
}

/// Whether `code` is the user's token's, and not used yet: then it is used up, with all before it.
fn take_token(conn: &Connection, user: i64, confirmed: bool, code: &str, now: UtcMicros) -> rusqlite::Result<bool> {
    let found: Option<(Vec<u8>, u32, Option<i64>, i64)> = conn
        .query_row(
            "SELECT seed, digits, step_s, moving FROM second_factor WHERE user_id = ?1 AND confirmed = ?2",
            params![user, confirmed],
            |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?)),
        )
        .optional()?;
    let Some((seed, digits, step_s, moving)) = found else { return Ok(false) };
    let counters = match step_s {
        Some(step_s) => {
            let step = now.0.div_euclid(1_000_000).div_euclid(step_s);
            // `moving` is the newest step whose code was used, plus one.
            (step - STEPS_AROUND).max(moving)..step + STEPS_AROUND + 1
        }
        None => moving..moving + COUNTS_AHEAD,
    };
    let Some(counter) = find(&seed, digits, counters, code) else { return Ok(false) };
    conn.execute(
        "UPDATE second_factor SET moving = ?3 WHERE user_id = ?1 AND confirmed = ?2",
        params![user, confirmed, counter + 1],
    )?;
    Ok(true)
}

fn take_printed(conn: &Connection, user: i64, code: &str, now: UtcMicros) -> rusqlite::Result<bool> {
    let used = conn.execute(
        "UPDATE printed_code SET used_at_us = ?3 WHERE user_id = ?1 AND code_hash = ?2 AND used_at_us IS NULL",
        params![user, Sha256::digest(code.as_bytes()).as_slice(), now.0],
    )?;
    Ok(used > 0)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::users::FAILURES_MAX;
    use crate::users::tests::{RIGHT, at, house};

    /// RFC 4226, appendix D, and RFC 6238, appendix B.
    #[test]
    fn codes_are_those_of_the_standards() {
        let seed = b"12345678901234567890";
        let codes: Vec<String> = (0..10).map(|counter| code_of(seed, counter, 6)).collect();
        let wanted =
            ["755224", "287082", "359152", "969429", "338314", "254676", "287922", "162583", "399871", "520489"];
        assert_eq!(codes, wanted);
        for (seconds, code) in [
            (59, "94287082"),
            (1_111_111_109, "07081804"),
            (1_111_111_111, "14050471"),
            (1_234_567_890, "89005924"),
            (2_000_000_000, "69279037"),
            (20_000_000_000, "65353130"),
        ] {
            assert_eq!(code_of(seed, seconds / 30, 8), code, "{seconds}");
        }
    }

    fn with_token(sort: TokenSort) -> (crate::users::tests::House, Vec<u8>, User) {
        let house = house();
        house.create_with_password("sato", RIGHT, at(0)).unwrap();
        let seed = b"12345678901234567890".to_vec();
        house.set_token("sato", &Token { seed: seed.clone(), sort, digits: 6 }, at(0)).unwrap();
        let user = house.list().unwrap().into_iter().find(|user| user.name == "sato").unwrap();
        assert!(user.has_factor);
        (house, seed, user)
    }

    fn step(seconds: i64) -> i64 {
        at(seconds).0.div_euclid(1_000_000).div_euclid(30)
    }

    /// Fault 81: a code is good once, in its step and the ones beside it, and never backwards.
    #[test]
    fn a_code_of_time_is_good_once_and_no_older_one_after_it() {
        let (house, seed, user) = with_token(TokenSort::Time { step_s: 30 });
        let check = |counter: i64, seconds: i64| {
            let code = code_of(&seed, counter, 6);
            house.check_factor(&user, &code, "::1", at(seconds)).unwrap()
        };
        let now = step(600);
        assert!(!check(now - 2, 600) && !check(now + 2, 600), "two steps off");
        assert!(check(now, 600));
        assert!(!check(now, 601), "used");
        assert!(!check(now - 1, 602), "the one before it, after it");
        assert!(check(now + 1, 603), "a clock that is ahead");
        assert!(!check(now, 604));
        assert!(check(step(700), 700));
    }

    #[test]
    fn a_token_that_counts_may_be_pressed_for_nothing_but_not_read_again() {
        let (house, seed, user) = with_token(TokenSort::Count { next: 5 });
        let check = |counter: i64| house.check_factor(&user, &code_of(&seed, counter, 6), "::1", at(1)).unwrap();
        assert!(!check(4), "before it was delivered");
        assert!(check(5));
        assert!(!check(5));
        assert!(check(25), "nineteen times for nothing");
        assert!(!check(46), "too far ahead");
        assert!(check(26));
    }

    #[test]
    fn each_printed_code_is_good_once_and_a_new_list_voids_the_old_one() {
        let house = house();
        house.create_with_password("sato", RIGHT, at(0)).unwrap();
        let codes = house.print_codes("sato").unwrap();
        assert_eq!(codes.len(), PRINTED_CODES);
        let user = || house.list().unwrap().into_iter().find(|user| user.name == "sato").unwrap();
        assert_eq!(user().codes_left, 10);
        let check = |code: &str| house.check_factor(&user(), code, "::1", at(1)).unwrap();
        assert!(check(&codes[3].to_lowercase().replace('-', " ")));
        assert!(!check(&codes[3]));
        assert_eq!(user().codes_left, 9);
        let fresh = house.print_codes("sato").unwrap();
        assert!(!check(&codes[4]) && check(&fresh[0]));
        assert!(house.print_codes("nobody").is_err());
    }

    #[test]
    fn an_app_counts_only_after_its_first_code_and_takes_the_old_ones_place() {
        let (house, _, user) = with_token(TokenSort::Count { next: 0 });
        let begun = house.begin_token("sato", at(0)).unwrap();
        assert_eq!(house.begun_token(user.id).unwrap().as_deref(), Some(begun.as_str()));
        let seed = BASE32_NOPAD.decode(begun.as_bytes()).unwrap();
        let code = |seconds: i64| code_of(&seed, step(seconds), 6);
        assert!(!house.check_factor(&user, &code(0), "::1", at(0)).unwrap(), "not confirmed yet");
        assert!(!house.confirm_token(user.id, "000000", at(1)).unwrap());
        assert!(house.confirm_token(user.id, &code(1), at(1)).unwrap());
        assert!(!house.check_factor(&user, &code(2), "::1", at(2)).unwrap(), "it confirmed, and is used up");
        assert!(house.check_factor(&user, &code(60), "::1", at(60)).unwrap());
        house.remove_factors("sato").unwrap();
        assert!(!house.check_factor(&user, &code(120), "::1", at(120)).unwrap());
    }

    #[test]
    fn wrong_codes_lock_like_wrong_passwords() {
        let (house, seed, user) = with_token(TokenSort::Count { next: 0 });
        for _ in 0..FAILURES_MAX {
            assert!(!house.check_factor(&user, "000000", "::1", at(1)).unwrap());
        }
        let right = code_of(&seed, 0, 6);
        assert!(!house.check_factor(&user, &right, "::1", at(2)).unwrap(), "locked");
        assert!(house.check_factor(&user, &right, "::1", at(1000)).unwrap());
    }

    #[test]
    fn a_seed_out_of_shape_is_refused() {
        let (house, ..) = with_token(TokenSort::Count { next: 0 });
        let token = |bytes: usize, digits: u32, sort: TokenSort| Token { seed: vec![7; bytes], sort, digits };
        let time = |step_s: i64| TokenSort::Time { step_s };
        for bad in [
            token(15, 6, time(30)),
            token(65, 6, time(30)),
            token(20, 5, time(30)),
            token(20, 9, time(30)),
            token(20, 6, time(0)),
            token(20, 6, TokenSort::Count { next: -1 }),
        ] {
            assert!(matches!(house.set_token("sato", &bad, at(0)), Err(UsersError::Token)), "{bad:?}");
        }
        assert!(!format!("{:?}", token(20, 6, time(30))).contains('7'), "a seed is not written into logs");
    }
}
