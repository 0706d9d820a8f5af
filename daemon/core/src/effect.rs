//! What changed by a step of the engine: the store writes it, the pages and alerts show it.

use kukaku_schema::{FindingKind, Grade, Severity, Span, UtcMicros, Verdict};

use crate::names::{Names, Word};

/// A stretch in which a person was in a zone, with one grade.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Stay {
    /// Who.
    pub person: Word,
    /// In which zone (he is in its ancestors too: those are stays of their own).
    pub zone: Word,
    /// From when to when; `UtcMicros::MAX` while it is open.
    pub span: Span,
    /// How well it is known.
    pub grade: Grade,
}

/// Why a door could not be seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum OutageCause {
    /// The time before it was first watched.
    BeforeWatch,
    /// kukaku itself was not running.
    OwnDowntime,
    /// Its source gave no sign of life.
    SourceSilent,
    /// A hole in its source's numbers.
    SequenceHole,
    /// A reader on it was offline.
    ReaderOffline,
    /// A reader on it was tampered with.
    ReaderTamper,
    /// Its lock was released for everybody.
    Unlocked,
    /// It was opened by force.
    Forced,
    /// It stood open too long.
    HeldOpen,
}

impl OutageCause {
    /// Every cause: the list is closed.
    pub const ALL: [Self; 9] = [
        Self::BeforeWatch,
        Self::OwnDowntime,
        Self::SourceSilent,
        Self::SequenceHole,
        Self::ReaderOffline,
        Self::ReaderTamper,
        Self::Unlocked,
        Self::Forced,
        Self::HeldOpen,
    ];

    /// The word in files and in the store.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::BeforeWatch => "before_watch",
            Self::OwnDowntime => "own_downtime",
            Self::SourceSilent => "source_silent",
            Self::SequenceHole => "sequence_hole",
            Self::ReaderOffline => "reader_offline",
            Self::ReaderTamper => "reader_tamper",
            Self::Unlocked => "unlocked",
            Self::Forced => "forced",
            Self::HeldOpen => "held_open",
        }
    }

    /// Reads the word back.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|cause| cause.word() == word)
    }

    /// The word for people.
    #[must_use]
    pub fn label(self, lang: kukaku_schema::Lang) -> &'static str {
        match self {
            Self::BeforeWatch => lang.pick("監視開始前", "before watching began"),
            Self::OwnDowntime => lang.pick("本システムの停止", "kukaku was not running"),
            Self::SourceSilent => lang.pick("機器からの応答なし", "source silent"),
            Self::SequenceHole => lang.pick("記録番号の欠番", "hole in the numbering"),
            Self::ReaderOffline => lang.pick("リーダー停止", "reader offline"),
            Self::ReaderTamper => lang.pick("リーダーの開封検知", "reader tampered with"),
            Self::Unlocked => lang.pick("解錠中", "door unlocked"),
            Self::Forced => lang.pick("こじ開け", "door forced"),
            Self::HeldOpen => lang.pick("開放", "door held open"),
        }
    }
}

/// A stretch in which a door could not be seen, for one cause.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Outage {
    /// Which door.
    pub door: Word,
    /// From when to when; `UtcMicros::MAX` while it lasts.
    pub span: Span,
    /// Why.
    pub cause: OutageCause,
}

/// What makes a session itself: its source, numbering, id and start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SessionKey {
    /// Who reported it.
    pub source: Word,
    /// The source's numbering.
    pub epoch: Option<Word>,
    /// The source's id of it.
    pub id: Word,
    /// Its start (occurred_at).
    pub start: UtcMicros,
}

/// How a session ended, as far as is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum SessionEnd {
    /// Not yet.
    Open,
    /// The source said so.
    Ended(UtcMicros),
    /// Nothing was heard of it for too long.
    Presumed(UtcMicros),
}

/// A session as it is shown; names are words of `Names`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionView {
    /// What makes it itself.
    pub key: SessionKey,
    /// It is known only by a later sign of life or its end.
    pub start_unknown: bool,
    /// How it ended.
    pub end: SessionEnd,
    /// The newest sign of it.
    pub last_sign: UtcMicros,
    /// Account, as the source gave it.
    pub account: Option<Word>,
    /// Terminal, as the source gave it, or as its address names it.
    pub terminal: Option<Word>,
    /// The system reached.
    pub target: Option<Word>,
    /// The stepping stone.
    pub via: Option<Word>,
    /// The network address of the terminal, as the source saw it.
    pub address: Option<Word>,
    /// The address that the source gave it.
    pub inner_address: Option<Word>,
    /// How many different factors the sign-in had; 0: not told.
    pub factors: u8,
    /// The operator whose account it is, if registered.
    pub operator: Option<Word>,
    /// The client whose account it is, if registered.
    pub client: Option<Word>,
    /// The zone of the terminal, if registered.
    pub zone: Option<Word>,
    /// The journal entries that tell of it, oldest first.
    pub proofs: Vec<u64>,
    /// The records of it, where more than one source told of it: the earliest first, whose key
    /// and start are the session's.
    pub parts: Vec<SessionPart>,
}

/// What ties a record of a session to another source's record of it; the strongest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Link {
    /// One came from the address that the other, a line, had given it.
    Line,
    /// Both name the address that was given to it.
    InnerAddress,
    /// Both name the terminal.
    Terminal,
    /// Both saw it come from the same address.
    Address,
    /// Both reached the same system.
    Target,
}

impl Link {
    /// Every link: the list is closed.
    pub const ALL: [Self; 5] = [Self::Line, Self::InnerAddress, Self::Terminal, Self::Address, Self::Target];

    /// The word in the store.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Line => "line",
            Self::InnerAddress => "inner_address",
            Self::Terminal => "terminal",
            Self::Address => "address",
            Self::Target => "target",
        }
    }

    /// Reads the word back.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|link| link.word() == word)
    }

    /// The reason for people.
    #[must_use]
    pub fn label(self, lang: kukaku_schema::Lang) -> &'static str {
        match self {
            Self::Line => lang.pick("回線が払い出したアドレスからの接続", "came from the address that the line gave"),
            Self::InnerAddress => lang.pick("払い出されたアドレスが同じ", "same address given"),
            Self::Terminal => lang.pick("端末が同じ", "same terminal"),
            Self::Address => lang.pick("接続元アドレスが同じ", "same address of origin"),
            Self::Target => lang.pick("接続先が同じ", "same system reached"),
        }
    }
}

/// One source's record of a session that more than one told of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SessionPart {
    /// What makes the record itself.
    pub key: SessionKey,
    /// It is known only by a later sign of life or its end.
    pub start_unknown: bool,
    /// How it ended, as its own source told.
    pub end: SessionEnd,
    /// Account, as the source gave it.
    pub account: Option<Word>,
    /// Terminal, as the source gave it, or as its address names it.
    pub terminal: Option<Word>,
    /// The system reached.
    pub target: Option<Word>,
    /// The stepping stone.
    pub via: Option<Word>,
    /// The network address of the terminal, as the source saw it.
    pub address: Option<Word>,
    /// The address that the source gave it.
    pub inner_address: Option<Word>,
    /// How many different factors the sign-in had; 0: not told.
    pub factors: u8,
    /// What ties it to another record of the session; none for a session that one source told of.
    pub link: Option<Link>,
}

/// What caused a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Cause {
    /// The observation of this journal entry.
    Observation(u64),
    /// The register change of this journal entry.
    Registers(u64),
    /// Time passed.
    Time,
}

/// One revision of a session's verdict. A verdict is never edited: the newest revision is it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Revision {
    /// Which session.
    pub session: SessionKey,
    /// 1 for the first.
    pub number: u32,
    /// The instant it was reached (the engine's `now`).
    pub at: UtcMicros,
    /// The verdict.
    pub verdict: Verdict,
    /// The weakest grade that supports it; none where nothing does.
    pub grade: Option<Grade>,
    /// Spans in which the operator is known to have been absent.
    /// The last one ends at `UtcMicros::MAX` while it grows with an open session.
    pub absent: Vec<Span>,
    /// Spans in which it is not known; likewise.
    pub unknown: Vec<Span>,
    /// What caused it.
    pub cause: Cause,
}

/// Something that a finding names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Subject {
    /// A session, by its source and id.
    Session(Word, Word),
    /// A person.
    Person(Word),
    /// An account, as the source gave it.
    Account(Word),
    /// A terminal, as the source gave it.
    Terminal(Word),
    /// A client.
    Client(Word),
    /// A zone.
    Zone(Word),
    /// A door.
    Door(Word),
    /// A reader.
    Reader(Word),
    /// A credential.
    Credential(Word),
    /// A source.
    Source(Word),
    /// A work order.
    Order(Word),
    /// A camera.
    Camera(Word),
    /// A segment of footage, by its path.
    Segment(Word),
    /// A cause of an outage.
    Outage(OutageCause),
}

impl Subject {
    /// The words that it holds.
    pub fn words(self) -> impl Iterator<Item = Word> {
        let (first, second) = match self {
            Self::Session(source, id) => (Some(source), Some(id)),
            Self::Person(word)
            | Self::Account(word)
            | Self::Terminal(word)
            | Self::Client(word)
            | Self::Zone(word)
            | Self::Door(word)
            | Self::Reader(word)
            | Self::Credential(word)
            | Self::Source(word)
            | Self::Order(word)
            | Self::Camera(word)
            | Self::Segment(word) => (Some(word), None),
            Self::Outage(_) => (None, None),
        };
        first.into_iter().chain(second)
    }

    /// Its sort, as in files: `session`, `person`, ...
    #[must_use]
    pub fn sort(self) -> &'static str {
        match self {
            Self::Session(..) => "session",
            Self::Person(_) => "person",
            Self::Account(_) => "account",
            Self::Terminal(_) => "terminal",
            Self::Client(_) => "client",
            Self::Zone(_) => "zone",
            Self::Door(_) => "door",
            Self::Reader(_) => "reader",
            Self::Credential(_) => "credential",
            Self::Source(_) => "source",
            Self::Order(_) => "order",
            Self::Camera(_) => "camera",
            Self::Segment(_) => "segment",
            Self::Outage(_) => "cause",
        }
    }

    /// Its value: the id, `source/id` for a session, the cause's word.
    #[must_use]
    pub fn value(self, names: &Names) -> String {
        match self {
            Self::Session(source, id) => format!("{}/{}", names.text(source), names.text(id)),
            Self::Outage(cause) => cause.word().to_owned(),
            Self::Person(w)
            | Self::Account(w)
            | Self::Terminal(w)
            | Self::Client(w)
            | Self::Zone(w)
            | Self::Door(w)
            | Self::Reader(w)
            | Self::Credential(w)
            | Self::Source(w)
            | Self::Order(w)
            | Self::Camera(w)
            | Self::Segment(w) => names.text(w).to_owned(),
        }
    }
}

/// What makes a finding itself, however its span or severity changes.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FindingKey {
    /// Its kind.
    pub kind: FindingKind,
    /// What it is about.
    pub about: Vec<Subject>,
    /// The instant that tells it from others about the same: a session's start, a movement, the
    /// start of an outage.
    pub at: UtcMicros,
}

impl FindingKey {
    /// The key as text, the same in every run: `absent|session:vpn-1/7781|2026-11-22T00:05:00Z`.
    #[must_use]
    pub fn text(&self, names: &Names) -> String {
        let mut out = String::from(self.kind.word());
        for subject in &self.about {
            out.push('|');
            out.push_str(subject.sort());
            out.push(':');
            out.push_str(&subject.value(names));
        }
        out.push('|');
        out.push_str(&self.at.to_rfc3339_utc());
        out
    }
}

/// A finding that holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// What makes it itself.
    pub key: FindingKey,
    /// How grave.
    pub severity: Severity,
    /// The span it speaks of; `UtcMicros::MAX` as end while it lasts.
    pub span: Span,
    /// Everything it names, the key's subjects first.
    pub subjects: Vec<Subject>,
    /// The client it concerns, if one.
    pub client: Option<Word>,
    /// The journal entries that prove it, oldest first; at most `effect::PROOFS_MAX`.
    pub proofs: Vec<u64>,
}

/// Most journal entries a finding lists: a flood is proven by its first ones.
pub const PROOFS_MAX: usize = 64;

/// What became of a finding.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FindingChange {
    /// It holds now and did not before (or again after it was resolved).
    Opened(Finding),
    /// It still holds; severity, span, subjects or proofs changed.
    Changed(Finding),
    /// It no longer holds.
    Resolved(FindingKey),
}

impl FindingChange {
    /// The finding that it speaks of.
    #[must_use]
    pub fn key(&self) -> &FindingKey {
        match self {
            Self::Opened(finding) | Self::Changed(finding) => &finding.key,
            Self::Resolved(key) => key,
        }
    }
}

/// One change that a step made. Effects are in the order in which they have to be written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Effect {
    /// The stays of `person` that start at or after `from` are now these.
    Stays {
        /// Whose.
        person: Word,
        /// Stays before it stand.
        from: UtcMicros,
        /// What replaces the rest, ordered by start, then zone.
        stays: Vec<Stay>,
    },
    /// The outages of `door` are now these, all of them, ordered.
    Outages {
        /// Of which door.
        door: Word,
        /// All of them.
        outages: Vec<Outage>,
    },
    /// A session is new or shown differently.
    Session(Box<SessionView>),
    /// A session turned out not to be one of its own (its start became known to be another).
    SessionGone(SessionKey),
    /// A verdict was reached or changed.
    Revision(Revision),
    /// A finding opened, changed or was resolved.
    Finding {
        /// The instant (the engine's `now`).
        at: UtcMicros,
        /// What caused it.
        cause: Cause,
        /// What became of it.
        change: FindingChange,
    },
}
