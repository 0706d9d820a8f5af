//! Who may do what: the table of roles and rights. Nothing else decides.

use kukaku_schema::Lang;

/// What a user is at this site.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// Keeps the system and its users; as few as possible.
    Administrator,
    /// The facility manager (施設管理者): answers for what the site declares.
    Manager,
    /// The security officer: watches, and confirms what another does.
    Security,
    /// Looks, and does nothing.
    Auditor,
}

/// What a role may let its users do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Right {
    /// See every page of the site, and take lists out of it.
    Look,
    /// Write work orders, work reports and failure reports; take in the city's answers.
    Papers,
    /// Change the registers.
    Registers,
    /// Sign an act that needs two people: entry book, musters, holds, erasures, orders on paper.
    Confirm,
}

impl Role {
    /// Every role, the mightiest first.
    pub const ALL: [Self; 4] = [Self::Administrator, Self::Manager, Self::Security, Self::Auditor];

    /// The word by which it is kept and named on the command line.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Administrator => "administrator",
            Self::Manager => "manager",
            Self::Security => "security",
            Self::Auditor => "auditor",
        }
    }

    /// The role of that word.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.word() == word)
    }

    /// Its name for people.
    #[must_use]
    pub fn label(self, lang: Lang) -> &'static str {
        match self {
            Self::Administrator => lang.pick("システム管理者", "Administrator"),
            Self::Manager => lang.pick("施設管理者", "Facility manager"),
            Self::Security => lang.pick("セキュリティ責任者", "Security officer"),
            Self::Auditor => lang.pick("監査担当者", "Auditor"),
        }
    }

    /// Whether its users may.
    #[must_use]
    pub fn may(self, right: Right) -> bool {
        match right {
            Right::Look => true,
            Right::Papers | Right::Registers => matches!(self, Self::Administrator | Self::Manager),
            Right::Confirm => self != Self::Auditor,
        }
    }
}

impl Right {
    /// Every right.
    pub const ALL: [Self; 4] = [Self::Look, Self::Papers, Self::Registers, Self::Confirm];

    /// What it allows, for people.
    #[must_use]
    pub fn label(self, lang: Lang) -> &'static str {
        match self {
            Self::Look => lang.pick("閲覧と一覧の出力", "See every page, take lists out"),
            Self::Papers => lang.pick(
                "作業申請・作業報告・障害報告の作成、市の回答の取り込み",
                "Write work orders and reports, take in the city's answers",
            ),
            Self::Registers => lang.pick("台帳の変更", "Change the registers"),
            Self::Confirm => lang.pick(
                "二人で行う操作の署名（入退室帳、在室者の確定、保全、消去、紙の申請）",
                "Sign what needs two people (entry book, musters, holds, erasures, orders on paper)",
            ),
        }
    }
}
