//! Classes of records: what agreements on retention speak of.

use serde::{Deserialize, Serialize};

use crate::lang::Lang;

/// A class of records. Each has its own data keys and its own agreed period.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RecordClass {
    /// 入退室: readings, doors, readers, musters, lines of the entry book.
    Entry,
    /// セッション: remote sessions and their verdicts, work orders, failure reports, the city's record of its line,
    /// operation logs and power of terminals.
    Session,
    /// カメラ: health of cameras.
    Camera,
    /// 映像: the index of footage.
    Footage,
    /// 検知: findings.
    Finding,
    /// 台帳: changes of registers, holds.
    Register,
    /// 不明: what could not be understood.
    Unreadable,
    /// 運用: kukaku's own life, sources and clocks.
    Operation,
    /// 証跡: what was erased, recovered, taken out, by whom. Never erased.
    Proof,
}

impl RecordClass {
    /// All of them.
    pub const ALL: [Self; 9] = [
        Self::Entry,
        Self::Session,
        Self::Camera,
        Self::Footage,
        Self::Finding,
        Self::Register,
        Self::Unreadable,
        Self::Operation,
        Self::Proof,
    ];

    /// Its word in files and on the command line.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Entry => "entry",
            Self::Session => "session",
            Self::Camera => "camera",
            Self::Footage => "footage",
            Self::Finding => "finding",
            Self::Register => "register",
            Self::Unreadable => "unreadable",
            Self::Operation => "operation",
            Self::Proof => "proof",
        }
    }

    /// Its name for people.
    #[must_use]
    pub fn label(self, lang: Lang) -> &'static str {
        match self {
            Self::Entry => lang.pick("入退室", "Entries"),
            Self::Session => lang.pick("セッション", "Sessions"),
            Self::Camera => lang.pick("カメラ", "Cameras"),
            Self::Footage => lang.pick("映像", "Footage"),
            Self::Finding => lang.pick("検知", "Findings"),
            Self::Register => lang.pick("台帳", "Registers"),
            Self::Unreadable => lang.pick("読み取り不能", "Unreadable"),
            Self::Operation => lang.pick("運用", "Operation"),
            Self::Proof => lang.pick("証跡", "Proof"),
        }
    }

    /// The class of that word.
    #[must_use]
    pub fn of_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|class| class.word() == word)
    }

    /// The class of a kind of journal entry. What is not named here is kukaku's own.
    #[must_use]
    pub fn of_kind(kind: &str) -> Self {
        match kind {
            "revision" => Self::Session,
            "finding" | "finding.acted" => Self::Finding,
            "register" | "masked" | "hold.placed" | "hold.released" => Self::Register,
            "unreadable" => Self::Unreadable,
            "erased" | "offboarded" | "recovered" | "key_rotated" | "key_escrowed" | "export" | "look"
            | "account.event" | "drill" => Self::Proof,
            "muster" | "manual.entry" => Self::Entry,
            "camera.health" => Self::Camera,
            "footage.segment" => Self::Footage,
            _ => match kind.split_once('.') {
                Some(("door" | "reader", _)) => Self::Entry,
                Some(("session" | "order" | "failure" | "line" | "oplog" | "terminal", _)) => Self::Session,
                _ => Self::Operation,
            },
        }
    }
}
