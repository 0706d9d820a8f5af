//! Harm: somebody who is no user of the pages gets in, or one who is stays out.

use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};

use super::*;
use crate::Store;

pub(in crate::users) const RIGHT: &str = "Sakura no Hana ga 3 saku!";

pub(in crate::users) struct House {
    folder: PathBuf,
    users: Users,
}

impl Drop for House {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

impl std::ops::Deref for House {
    type Target = Users;
    fn deref(&self) -> &Users {
        &self.users
    }
}

pub(in crate::users) fn house() -> House {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    let folder = std::env::temp_dir().join(format!("kukaku-users-{}-{number}", std::process::id()));
    std::fs::create_dir(&folder).unwrap();
    let path = folder.join("store.db");
    // The owner stays: users are kept beside it.
    drop(Store::create(&path, at(0)).unwrap());
    House { users: Users::open(&path).unwrap(), folder }
}

pub(in crate::users) fn at(seconds: i64) -> UtcMicros {
    UtcMicros(1_800_000_000_000_000 + seconds * 1_000_000)
}

fn signs_in(users: &Users, name: &str, password: &str, seconds: i64) -> bool {
    users.sign_in(name, password, "192.0.2.1", at(seconds)).unwrap().is_some()
}

fn fault(rules: PasswordRules, password: &str) -> Option<PasswordFault> {
    match rules.check("kanri", password, false) {
        Ok(()) => None,
        Err(UsersError::Password(fault)) => Some(fault),
        Err(other) => panic!("{other}"),
    }
}

const CITY: PasswordRules =
    PasswordRules { profile: PasswordProfile::City, valid_for: None, second_factor: Roles::NONE };
const NIST: PasswordRules = PasswordRules { profile: PasswordProfile::Nist, ..CITY };

#[test]
fn passwords_that_a_person_may_not_choose() {
    let long = "Ab3-あいうえおかきくけこさしす".repeat(9);
    for (password, wanted) in [
        ("", Some(PasswordFault::TooShort(15))),
        ("Fourteen-chr-5", Some(PasswordFault::TooShort(15))),
        ("Fifteen-chars-6", None),
        ("all small letters 7!", Some(PasswordFault::Classes)),
        ("NO SMALL LETTERS 7!", Some(PasswordFault::Classes)),
        ("No Digits At All Here!", Some(PasswordFault::Classes)),
        ("NoSignsButLetters77", Some(PasswordFault::Classes)),
        ("一二三四五六七八九十日月火水木", Some(PasswordFault::Classes)),
        ("春はあけぼの Yoru 8 natsu", None),
        ("My name is KANRI 5!", Some(PasswordFault::HoldsName)),
        ("Password-12345678", Some(PasswordFault::Guessable)),
        ("Aa1-Aa1-Aa1-Aa1-Aa1-", Some(PasswordFault::Guessable)),
        ("Qwertyuiop-123456", Some(PasswordFault::Guessable)),
        (&long[..long.len() / 9 * 6], None),
        ("x".repeat(129).as_str(), Some(PasswordFault::TooLong)),
    ] {
        assert_eq!(fault(PasswordRules::default(), password), wanted, "{password}");
    }
    // By written agreement: no classes, but nothing that is soon guessed either.
    assert_eq!(fault(NIST, "sakura no hana ga saku"), None);
    assert_eq!(fault(NIST, "一二三四五六七八九十日月火水木"), None);
    assert_eq!(fault(NIST, "aaaaaaaaaaaaaaaa"), Some(PasswordFault::Guessable));
    assert_eq!(fault(NIST, "passwordpassword"), Some(PasswordFault::Guessable));
    assert_eq!(fault(NIST, "fourteen chars"), Some(PasswordFault::TooShort(15)));
}

/// Fault 79, the lengths: 15 alone, 12 where a code follows, and never fewer by the other profile.
#[test]
fn a_password_may_be_shorter_where_a_code_follows() {
    let fits =
        |rules: PasswordRules, password: &str, has_factor: bool| rules.check("kanri", password, has_factor).is_ok();
    assert!(fits(CITY, "Kx7-mquzplwe", true) && !fits(CITY, "Kx7-mquzplw", true));
    assert!(!fits(CITY, "Kx7-mquzplwe", false) && !fits(NIST, "Kx7-mquzplwe", true));
}

/// Whoever has the password has not got in: his wrong codes count on, and his right passwords
/// don't take them back.
#[test]
fn the_password_alone_neither_signs_in_nor_takes_wrong_codes_back() {
    let house = house();
    house.create_with_password("kanri", RIGHT, at(0)).unwrap();
    let codes = house.print_codes("kanri").unwrap();
    for attempt in 0..FAILURES_MAX {
        let user = house.sign_in("kanri", RIGHT, "192.0.2.1", at(1)).unwrap();
        let user = user.unwrap_or_else(|| panic!("attempt {attempt}"));
        assert!(user.has_factor);
        assert!(!house.check_factor(&user, "WRONG-CODE", "192.0.2.1", at(1)).unwrap());
    }
    assert!(!signs_in(&house, "kanri", RIGHT, 2), "locked by the codes");
    let user = house.sign_in("kanri", RIGHT, "192.0.2.1", at(1000)).unwrap().unwrap();
    assert!(house.check_factor(&user, &codes[0], "192.0.2.1", at(1000)).unwrap());
}

/// Faults 76 and 78: after fifty in all, waiting doesn't help; the console does, for the last
/// administrator too.
#[test]
fn who_tries_on_after_each_lock_is_stopped_until_somebody_lets_him_in() {
    let house = house();
    house.create_with_password("kanri", RIGHT, at(0)).unwrap();
    let mut seconds = 0;
    for _ in 0..FAILURES_IN_ALL_MAX / FAILURES_MAX {
        for _ in 0..FAILURES_MAX {
            assert!(!signs_in(&house, "kanri", "wrong", seconds));
        }
        seconds += LOCKED_FOR.0 / 1_000_000 + 1;
    }
    assert!(!signs_in(&house, "kanri", RIGHT, seconds), "the lock ran out, and it is stopped");
    assert!(house.list().unwrap()[0].stopped);
    house.enable("kanri").unwrap();
    assert!(signs_in(&house, "kanri", RIGHT, seconds) && !house.list().unwrap()[0].stopped);
    // Forty-nine, and a sign-in between: it counts from the beginning.
    for place in 0..FAILURES_IN_ALL_MAX * 2 {
        if place % (FAILURES_MAX - 1) == 0 {
            assert!(signs_in(&house, "kanri", RIGHT, seconds), "{place}");
        }
        assert!(!signs_in(&house, "kanri", "wrong", seconds));
    }
}

fn nth(n: u32) -> String {
    format!("Yuki-no-asa-{n}-ni-saku")
}

#[test]
fn nobody_returns_to_a_former_password() {
    let house = house();
    house.create_with_password("kanri", &nth(0), at(0)).unwrap();
    let change = |from: u32, to: u32| house.change_password("kanri", Some(&nth(from)), &nth(to), at(1));
    (0..5).for_each(|n| change(n, n + 1).unwrap());
    assert!(matches!(change(5, 5), Err(UsersError::Password(PasswordFault::Unchanged))));
    for former in 0..5 {
        assert!(matches!(change(5, former), Err(UsersError::Password(PasswordFault::Former))), "{former}");
    }
    change(5, 6).unwrap();
    // Five are remembered: the first one is forgotten now.
    change(6, 0).unwrap();
    // A one-time password was nobody's choice; the one before it was.
    let initial = house.reset("kanri", at(2)).unwrap();
    assert!(signs_in(&house, "kanri", &initial, 3));
    let back = house.change_password("kanri", None, &nth(0), at(4));
    assert!(matches!(back, Err(UsersError::Password(PasswordFault::Former))));
    // Who agreed to the other profile is not asked.
    let path = house.folder.join("store.db");
    Users::open(&path).unwrap().with_rules(NIST).change_password("kanri", None, &nth(0), at(5)).unwrap();
}

#[test]
fn a_password_has_its_time() {
    let house = house();
    let year = 365 * 86_400;
    house.create_with_password("kanri", RIGHT, at(0)).unwrap();
    let user = |seconds| house.sign_in("kanri", RIGHT, "192.0.2.1", at(seconds)).unwrap().unwrap();
    assert!(!user(year - 1).password_is_over(at(year - 1)));
    assert!(user(year).password_is_over(at(year)), "it still signs in, to be changed");
    house.change_password("kanri", Some(RIGHT), &nth(1), at(year)).unwrap();
    let user = house.sign_in("kanri", &nth(1), "192.0.2.1", at(year + 1)).unwrap().unwrap();
    assert_eq!(user.password_until, Some(at(2 * year)));
    assert!(!user.password_is_over(at(2 * year - 1)));
}

#[test]
fn a_store_that_was_copied_tells_no_password_no_cookie_and_no_key() {
    let house = house();
    house.create_with_password("kanri", RIGHT, at(0)).unwrap();
    let user = house.sign_in("kanri", RIGHT, "192.0.2.1", at(1)).unwrap().unwrap();
    let cookie = house.open_session(&user, Scope::Full, "192.0.2.1", at(1)).unwrap();
    let key = house.create_key("panel", &["panel-1".to_owned()], false, at(1)).unwrap();
    let initial = house.create("sato", Role::Manager, at(1)).unwrap();
    let secret = key.splitn(3, '_').nth(2).unwrap();
    for file in std::fs::read_dir(&house.folder).unwrap() {
        let path = file.unwrap().path();
        if path.is_dir() {
            continue;
        }
        let bytes = std::fs::read(&path).unwrap();
        for secret in [RIGHT, &cookie, secret, &initial] {
            assert!(!bytes.windows(secret.len()).any(|w| w == secret.as_bytes()), "{} holds {secret}", path.display());
        }
    }
}

#[test]
fn guesses_at_once_gain_nothing() {
    let house = house();
    house.create_with_password("kanri", RIGHT, at(0)).unwrap();
    let looked_at = std::sync::Mutex::new(0);
    std::thread::scope(|scope| {
        for _ in 0..12 {
            scope.spawn(|| {
                if house.reserve_attempt("kanri", at(1)).unwrap().is_some() {
                    *looked_at.lock().unwrap() += 1;
                }
            });
        }
    });
    assert_eq!(*looked_at.lock().unwrap(), FAILURES_MAX, "no more passwords are looked at than may fail");
}

#[test]
fn a_right_password_starts_the_count_anew() {
    let house = house();
    house.create_with_password("kanri", RIGHT, at(0)).unwrap();
    for _ in 0..3 {
        for _ in 0..4 {
            assert!(!signs_in(&house, "kanri", "wrong", 1));
        }
        assert!(signs_in(&house, "kanri", RIGHT, 1));
    }
}

#[test]
fn a_clock_that_was_set_back_locks_nobody_out_for_ever() {
    let house = house();
    house.create_with_password("kanri", RIGHT, at(0)).unwrap();
    let user = house.sign_in("kanri", RIGHT, "192.0.2.1", at(10_000)).unwrap().unwrap();
    let cookie = house.open_session(&user, Scope::Full, "192.0.2.1", at(10_000)).unwrap();
    assert!(house.session(&cookie, true, at(0)).unwrap().is_some(), "it began in the future, and holds");
    assert!(house.session(&cookie, true, at(10_000 + 15 * 60)).unwrap().is_none());
}

#[test]
fn a_user_has_a_bounded_number_of_sign_ins_and_the_oldest_go() {
    let house = house();
    house.create_with_password("kanri", RIGHT, at(0)).unwrap();
    let user = house.sign_in("kanri", RIGHT, "192.0.2.1", at(0)).unwrap().unwrap();
    let cookies: Vec<String> =
        (0..10).map(|n| house.open_session(&user, Scope::Full, "192.0.2.1", at(n)).unwrap()).collect();
    let holds: Vec<bool> = cookies.iter().map(|c| house.session(c, false, at(10)).unwrap().is_some()).collect();
    assert_eq!(holds, [[false; 2].as_slice(), [true; 8].as_slice()].concat());
    for odd in ["", "x", &"A".repeat(43), &"A".repeat(10_000)] {
        assert!(house.session(odd, true, at(10)).unwrap().is_none());
    }
}

#[test]
fn names_are_taken_once_and_have_a_shape() {
    let house = house();
    house.create("kanri", Role::Manager, at(0)).unwrap();
    assert!(matches!(house.create("kanri", Role::Manager, at(0)), Err(UsersError::Exists(_))));
    for bad in ["", " ", "a b", "a\nb", "<b>", &"x".repeat(65)] {
        assert!(matches!(house.create(bad, Role::Manager, at(0)), Err(UsersError::Name(_))), "{bad:?}");
    }
    house.create("佐藤", Role::Manager, at(0)).unwrap();
    assert!(matches!(house.disable("nobody", at(0)), Err(UsersError::NoUser(_))));
    let names: Vec<String> = house.list().unwrap().into_iter().map(|user| user.name).collect();
    assert_eq!(names, ["kanri", "佐藤"]);
}

#[test]
fn attempts_are_kept_but_not_what_may_be_a_password_in_the_wrong_field() {
    let house = house();
    house.create_with_password("kanri", RIGHT, at(0)).unwrap();
    signs_in(&house, "kanri", "wrong", 1);
    signs_in(&house, RIGHT, "", 2);
    let kept: Vec<(String, bool)> = {
        let conn = house.conn();
        let mut statement = conn.prepare("SELECT user_name, accepted FROM login_attempt ORDER BY id").unwrap();
        statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?))).unwrap().map(Result::unwrap).collect()
    };
    assert_eq!(kept, [("kanri".to_owned(), false), (String::new(), false)]);
}

#[test]
fn one_time_passwords_are_all_different_and_can_be_read_out() {
    let made: std::collections::BTreeSet<String> = (0..100).map(|_| password::make_initial().unwrap()).collect();
    assert_eq!(made.len(), 100);
    for text in made {
        assert_eq!(text.len(), 24);
        assert!(!text.contains(['0', '1', 'l', 'o', 'O', 'I']), "{text}");
    }
}

#[test]
fn a_key_speaks_for_its_sources_until_it_is_revoked() {
    let house = house();
    assert!(matches!(house.create_key("x", &[], false, at(0)), Err(UsersError::NoSource)));
    let text = house.create_key("panel", &["panel-1".to_owned()], false, at(0)).unwrap();
    let key = house.check_key(&text, at(1)).unwrap().unwrap();
    assert!(key.speaks_for("panel-1") && !key.speaks_for("panel-2") && !key.may_read);
    let (head, secret) = text.split_at(text.len() - 44);
    let secret = &secret[1..];
    for odd in ["", "kk_", head, &format!("{head}_"), &format!("{head}_AAAA"), secret, &format!("{text}A")] {
        assert!(house.check_key(odd, at(1)).unwrap().is_none(), "{odd}");
    }
    house.revoke_key(&key.id, at(1)).unwrap();
    assert!(house.check_key(&text, at(1)).unwrap().is_none());
    assert!(matches!(house.revoke_key("none", at(1)), Err(UsersError::NoKey(_))));
}
