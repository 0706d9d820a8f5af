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
    /// One who opens sessions: sees what is recorded of himself (本人).
    Operator,
    /// A city's inspector: sees what concerns it, for an agreed time; each look is recorded.
    Inspector,
    /// Who keeps the city's systems: sees what concerns it.
    Officer,
}

/// What a role may let its users do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Right {
    /// See what is recorded, as far as it is his to see, and take lists out of it.
    Look,
    /// See how the site itself works: devices, links, what was unreadable, the wall display.
    Site,
    /// Write work orders, work reports and failure reports; take in the city's answers.
    Papers,
    /// Say what is done about findings: acknowledge, assign, put off, tell the city, close.
    Findings,
    /// Change the registers.
    Registers,
    /// Sign an act that needs two people: entry book, musters, holds, erasures, orders on paper.
    Confirm,
}

impl Role {
    /// Every role, the mightiest first.
    pub const ALL: [Self; 7] = [
        Self::Administrator,
        Self::Manager,
        Self::Security,
        Self::Auditor,
        Self::Operator,
        Self::Inspector,
        Self::Officer,
    ];

    /// The word by which it is kept and named on the command line.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Administrator => "administrator",
            Self::Manager => "manager",
            Self::Security => "security",
            Self::Auditor => "auditor",
            Self::Operator => "operator",
            Self::Inspector => "inspector",
            Self::Officer => "officer",
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
            Self::Operator => lang.pick("作業者（本人）", "Operator (himself)"),
            Self::Inspector => lang.pick("市の検査員", "City inspector"),
            Self::Officer => lang.pick("市のシステム担当者", "City system officer"),
        }
    }

    /// Whether its users see the whole site, and not only what concerns them.
    #[must_use]
    pub fn sees_the_site(self) -> bool {
        matches!(self, Self::Administrator | Self::Manager | Self::Security | Self::Auditor)
    }

    /// Whether its users are a client's (市).
    #[must_use]
    pub fn is_of_clients(self) -> bool {
        matches!(self, Self::Inspector | Self::Officer)
    }

    /// Whether its users may.
    #[must_use]
    pub fn may(self, right: Right) -> bool {
        match right {
            Right::Look => true,
            Right::Site => self.sees_the_site(),
            Right::Papers | Right::Registers => matches!(self, Self::Administrator | Self::Manager),
            Right::Confirm | Right::Findings => matches!(self, Self::Administrator | Self::Manager | Self::Security),
        }
    }
}

impl Right {
    /// Every right.
    pub const ALL: [Self; 6] = [Self::Look, Self::Site, Self::Papers, Self::Findings, Self::Registers, Self::Confirm];

    /// What it allows, for people.
    #[must_use]
    pub fn label(self, lang: Lang) -> &'static str {
        match self {
            Self::Look => lang.pick("記録の閲覧と一覧の出力", "See records, take lists out"),
            Self::Site => lang.pick("機器・通信・読取不能データの閲覧", "See devices, links and what was unreadable"),
            Self::Papers => lang.pick(
                "作業申請・作業報告・障害報告の作成、市の回答の取り込み",
                "Write work orders and reports, take in the city's answers",
            ),
            Self::Findings => lang.pick(
                "検知への対応（確認・担当・保留・市への連絡・完了）",
                "Act on findings (acknowledge, assign, put off, tell the city, close)",
            ),
            Self::Registers => lang.pick("台帳の変更", "Change the registers"),
            Self::Confirm => lang.pick(
                "二人で行う操作の署名（入退室帳、在室者の確定、保全、消去、紙の申請）",
                "Sign what needs two people (entry book, musters, holds, erasures, orders on paper)",
            ),
        }
    }
}
