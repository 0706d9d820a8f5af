//! The presence verdict of a session and the grade of what supports it.

use crate::lang::Lang;

/// The presence verdict of a session, newest revision.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Verdict {
    /// Too young to be judged.
    Pending,
    /// All of it covered by a stay of its operator in the terminal's zone.
    Present,
    /// Covered in part.
    Partial,
    /// Not covered at all, and the operator's absence is known.
    Absent,
    /// Not covered, and the operator's place is not known.
    Undetermined,
    /// Its account is in no register.
    UnknownAccount,
    /// Its operator is not registered for the client.
    UnregisteredOperator,
    /// Its terminal is in no register.
    UnknownTerminal,
}

impl Verdict {
    /// Every verdict, in the order of the glossary.
    pub const ALL: [Self; 8] = [
        Self::Pending,
        Self::Present,
        Self::Partial,
        Self::Absent,
        Self::Undetermined,
        Self::UnknownAccount,
        Self::UnregisteredOperator,
        Self::UnknownTerminal,
    ];

    /// The word on the wire, in files and in the store.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Present => "present",
            Self::Partial => "partial",
            Self::Absent => "absent",
            Self::Undetermined => "undetermined",
            Self::UnknownAccount => "unknown_account",
            Self::UnregisteredOperator => "unregistered_operator",
            Self::UnknownTerminal => "unknown_terminal",
        }
    }

    /// Reads the word back.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|v| v.word() == word)
    }

    /// The word for people.
    #[must_use]
    pub fn label(self, lang: Lang) -> &'static str {
        match self {
            Self::Pending => lang.pick("判定待ち", "Pending"),
            Self::Present => lang.pick("在室確認済", "Present"),
            Self::Partial => lang.pick("一部不在", "Partly absent"),
            Self::Absent => lang.pick("在室なし", "Absent"),
            Self::Undetermined => lang.pick("判定不能", "Undetermined"),
            Self::UnknownAccount => lang.pick("未登録アカウント", "Unknown account"),
            Self::UnregisteredOperator => lang.pick("未登録作業者", "Unregistered operator"),
            Self::UnknownTerminal => lang.pick("未登録端末", "Unknown terminal"),
        }
    }

    /// Whether the manager need not look: only `present` and `pending` are.
    #[must_use]
    pub fn is_quiet(self) -> bool {
        matches!(self, Self::Present | Self::Pending)
    }
}

/// How well a stay is known; the weakest part wins, so a greater grade is a weaker one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Grade {
    /// Read at covered doors on both ends.
    Confirmed,
    /// Fewer factors than the zone demands, or met only by grace.
    Weak,
    /// From an opening muster or a confirmed manual entry.
    Manual,
    /// Something about it is not certain.
    Unconfirmed,
    /// Ended by the longest permitted stay, not by a reading.
    Assumed,
}

impl Grade {
    /// Every grade, strongest first.
    pub const ALL: [Self; 5] = [Self::Confirmed, Self::Weak, Self::Manual, Self::Unconfirmed, Self::Assumed];

    /// The word on the wire, in files and in the store.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Confirmed => "confirmed",
            Self::Weak => "weak",
            Self::Manual => "manual",
            Self::Unconfirmed => "unconfirmed",
            Self::Assumed => "assumed",
        }
    }

    /// Reads the word back.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|g| g.word() == word)
    }

    /// The word for people.
    #[must_use]
    pub fn label(self, lang: Lang) -> &'static str {
        match self {
            Self::Confirmed => lang.pick("確認済", "Confirmed"),
            Self::Weak => lang.pick("弱い確認", "Weak"),
            Self::Manual => lang.pick("手書き記録", "Manual"),
            Self::Unconfirmed => lang.pick("未確認", "Unconfirmed"),
            Self::Assumed => lang.pick("推定", "Assumed"),
        }
    }
}
