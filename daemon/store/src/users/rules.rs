//! What is asked of the passwords that people choose.
//!
//! Two profiles. `city` is what cities write into their contracts: length, four classes of
//! characters, no return to a former one, an end. `nist` is NIST SP 800-63B-4, 3.1.1.2: length
//! and nothing that is easily guessed; it is for those who agreed on it in writing.

use kukaku_schema::{DurationUs, Lang, UtcMicros};
use rusqlite::Transaction;
use zxcvbn::{Score, zxcvbn};

use super::error::UsersError;
use super::role::Role;

/// Fewest characters of a password that a person chooses.
pub const PASSWORD_MIN_CHARS: usize = 15;
/// The same where a second factor follows, under the profile `city`.
pub const PASSWORD_MIN_CHARS_WITH_FACTOR: usize = 12;
/// Most characters: far beyond any phrase, small enough to hash without harm.
pub const PASSWORD_MAX_CHARS: usize = 128;
/// Former passwords that can't be taken again, under the profile `city`.
pub const PASSWORDS_REMEMBERED: i64 = 5;
/// How long a password is good under the profile `city`, where nothing else is said.
pub const PASSWORD_VALID_FOR: DurationUs = DurationUs::from_secs(365 * 86_400);

/// By which rules passwords are chosen.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum PasswordProfile {
    /// As cities ask.
    #[default]
    City,
    /// NIST SP 800-63B-4: by written agreement.
    Nist,
}

/// What is asked of passwords.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PasswordRules {
    /// By which rules they are chosen.
    pub profile: PasswordProfile,
    /// How long one is good; none: until it is changed.
    pub valid_for: Option<DurationUs>,
    /// The roles that sign in with a second factor, or not at all.
    pub second_factor: Roles,
}

impl Default for PasswordRules {
    fn default() -> Self {
        Self { profile: PasswordProfile::City, valid_for: Some(PASSWORD_VALID_FOR), second_factor: Roles::default() }
    }
}

/// Some of the roles.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Roles(u8);

impl Roles {
    /// None of them.
    pub const NONE: Self = Self(0);

    /// Those that can change what others rely on.
    pub const PRIVILEGED: [Role; 3] = [Role::Administrator, Role::Manager, Role::Security];

    /// Whether `role` is one of them.
    #[must_use]
    pub fn contains(self, role: Role) -> bool {
        self.0 & Self::bit(role) != 0
    }

    fn bit(role: Role) -> u8 {
        Role::ALL.iter().position(|one| *one == role).map_or(0, |place| 1 << place)
    }
}

impl FromIterator<Role> for Roles {
    fn from_iter<I: IntoIterator<Item = Role>>(roles: I) -> Self {
        Self(roles.into_iter().fold(0, |all, role| all | Self::bit(role)))
    }
}

impl PasswordRules {
    /// How many of a user's former passwords can't be taken again.
    #[must_use]
    pub fn remembered(self) -> i64 {
        match self.profile {
            PasswordProfile::City => PASSWORDS_REMEMBERED,
            PasswordProfile::Nist => 0,
        }
    }

    /// Until when a password that was set at `set_at` is good.
    #[must_use]
    pub fn until(self, set_at: UtcMicros) -> Option<UtcMicros> {
        self.valid_for.map(|valid_for| set_at.plus(valid_for))
    }

    /// Fewest characters of who signs in with a code, too, or without.
    #[must_use]
    pub fn shortest(self, has_factor: bool) -> usize {
        match self.profile {
            PasswordProfile::City if has_factor => PASSWORD_MIN_CHARS_WITH_FACTOR,
            _ => PASSWORD_MIN_CHARS,
        }
    }

    /// What is asked, for people who choose one.
    #[must_use]
    pub fn label(self, has_factor: bool, lang: Lang) -> String {
        let shortest = self.shortest(has_factor);
        let mut out = lang.pick(format!("{shortest}文字以上。"), format!("{shortest} characters or more."));
        if self.profile == PasswordProfile::City {
            out += lang.pick(
                "英大文字・英小文字・数字・記号をすべて含み、過去5回と違うもの。",
                " Capital and small letters, digits and signs, and none of your last five.",
            );
        }
        if let Some(valid_for) = self.valid_for {
            let days = valid_for.0 / (86_400 * 1_000_000);
            out += &lang.pick(format!("有効期間は{days}日です。"), format!(" Good for {days} days."));
        }
        out
    }

    /// Checks a password that a person chooses for `user`.
    ///
    /// # Errors
    /// `UsersError::Password` with the reason.
    pub fn check(self, user: &str, password: &str, has_factor: bool) -> Result<(), UsersError> {
        self.fault(user, password, has_factor).map_or(Ok(()), |fault| Err(UsersError::Password(fault)))
    }

    fn fault(self, user: &str, password: &str, has_factor: bool) -> Option<PasswordFault> {
        let chars = password.chars().count();
        if chars < self.shortest(has_factor) {
            return Some(PasswordFault::TooShort(self.shortest(has_factor)));
        }
        if chars > PASSWORD_MAX_CHARS {
            return Some(PasswordFault::TooLong);
        }
        if self.profile == PasswordProfile::City && !has_four_classes(password) {
            return Some(PasswordFault::Classes);
        }
        if !user.is_empty() && password.to_lowercase().contains(&user.to_lowercase()) {
            return Some(PasswordFault::HoldsName);
        }
        // Common ones, rows of the keyboard, dates, repetitions, and what is made of them.
        if zxcvbn(password, &[user, "kukaku"]).score() < Score::Four {
            return Some(PasswordFault::Guessable);
        }
        None
    }
}

/// Keeps the hash of a password that a person chose, before another takes its place.
pub(super) fn remember(tx: &Transaction<'_>, name: &str) -> rusqlite::Result<()> {
    tx.execute(
        "INSERT INTO former_password (user_id, password_hash)
         SELECT id, password_hash FROM user WHERE name = ?1 AND must_change = 0",
        [name],
    )
    .map(drop)
}

/// Forgets what has been kept long enough, and what is the present one still.
pub(super) fn forget(tx: &Transaction<'_>, name: &str) -> rusqlite::Result<()> {
    tx.execute(
        "DELETE FROM former_password WHERE user_id = (SELECT id FROM user WHERE name = ?1) AND (
           password_hash = (SELECT password_hash FROM user WHERE name = ?1)
           OR id NOT IN (SELECT id FROM former_password WHERE user_id = (SELECT id FROM user WHERE name = ?1)
                         ORDER BY id DESC LIMIT ?2))",
        rusqlite::params![name, PASSWORDS_REMEMBERED],
    )
    .map(drop)
}

/// Small and capital letters, digits, and anything else.
fn has_four_classes(password: &str) -> bool {
    let is_other = |c: char| !c.is_ascii_alphanumeric();
    let classes: [fn(char) -> bool; 3] =
        [|c| c.is_ascii_lowercase(), |c| c.is_ascii_uppercase(), |c| c.is_ascii_digit()];
    classes.iter().all(|class| password.chars().any(class)) && password.chars().any(is_other)
}

/// What is wrong with a password that a person chose.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PasswordFault {
    /// Fewer characters than this.
    TooShort(usize),
    /// More than `PASSWORD_MAX_CHARS`.
    TooLong,
    /// Not of all four classes of characters.
    Classes,
    /// The user's name is in it.
    HoldsName,
    /// Anybody who tries the likeliest first would soon have it.
    Guessable,
    /// It is the one that is to be changed.
    Unchanged,
    /// It is one of those before.
    Former,
}

impl PasswordFault {
    /// The reason for people.
    #[must_use]
    pub fn label(self, lang: Lang) -> &'static str {
        match self {
            Self::TooShort(PASSWORD_MIN_CHARS_WITH_FACTOR) => {
                lang.pick("パスワードは12文字以上にしてください。", "A password needs at least 12 characters.")
            }
            Self::TooShort(_) => {
                lang.pick("パスワードは15文字以上にしてください。", "A password needs at least 15 characters.")
            }
            Self::TooLong => {
                lang.pick("パスワードは128文字以下にしてください。", "A password has at most 128 characters.")
            }
            Self::Classes => lang.pick(
                "英大文字・英小文字・数字・記号のすべてを含めてください。",
                "A password needs capital and small letters, digits and signs, all four.",
            ),
            Self::HoldsName => {
                lang.pick("パスワードに利用者名を含めることはできません。", "A password can't hold the user's name.")
            }
            Self::Guessable => lang.pick(
                "推測されやすいパスワードです。よくある言葉、続き番号、日付、繰り返しを避けてください。",
                "This one is easily guessed. Avoid common words, sequences, dates and repetitions.",
            ),
            Self::Unchanged => {
                lang.pick("今までと違うパスワードにしてください。", "Choose another password than the present one.")
            }
            Self::Former => lang.pick(
                "以前使ったパスワードは使えません。",
                "This password was used before. Choose one that never was.",
            ),
        }
    }
}
