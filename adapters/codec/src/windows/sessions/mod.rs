//! From the events of one source to its sessions.
//!
//! What matters is that a person is there from afar. So **a disconnect ends the session** (24, 39,
//! 40, 4779), though Windows keeps his programs running, **and a reconnect begins a new one** (25,
//! 4778).
//!
//! # One session, many events
//!
//! The same person's coming is told by up to eight events in three channels. The rule by which
//! they are one session, in this order:
//!
//! 1. **The same key on the same computer**: the terminal-services session's number
//!    (`SessionID`), or a logon id (an elevated logon names its twin in `TargetLinkedLogonId`), or
//!    the connection (gateway: account, address and resource; OpenSSH: address and port; client:
//!    activity). Numbers are used again: where a sign-in or reconnect of that number comes more
//!    than [`JOIN_WINDOW`] after the session's start, or of somebody else, the old session is
//!    ended there as `superseded`, and a new one begins.
//! 2. **The same account within [`JOIN_WINDOW`]** on the same computer, where neither names an
//!    address or a key that the other contradicts. A reconnect names the logon of the day before,
//!    which is no contradiction.
//!
//! 4778 and 4779 name the address that the person's machine gives itself, which behind a VPN or a
//! router is another than the one seen: it contradicts nothing, and is told only until another
//! event names the seen one.
//!
//! An end is looked for by the same keys; of an event without them (4779, 24) by account and
//! address. A logoff of one logon (4634) ends the session only when it was the last one and no
//! terminal-services session is known: that one's own channel tells the end better. An end that
//! names a person and no known session is given out too: its start was before the log. A second
//! telling of an end within [`JOIN_WINDOW`] is the same end.
//!
//! 1149 and the network logon (type 3) open nothing; they lend address and machine to a session of
//! the same account that follows within [`JOIN_WINDOW`]. Where such a detail comes after the start,
//! a `session.alive` says it.
//!
//! Known limit: where `Security` is the only channel, and its reconnect events (4778, 4779) are not
//! audited, a reconnect shows as one short session. LocalSessionManager's channel, which Windows
//! writes by default, shows all of it.
//!
//! After a restart [`WindowsSessions::take_up`] takes up the sessions that were open.
//!
//! Known limit: a gateway that stops without writing its 303 leaves the count of a person's connections
//! one too high, and his session open. It is seen as overlong; nothing is cleared by it.

mod client;
mod keep;
mod restore;
mod signs;
mod ssh;
mod take;

use std::collections::VecDeque;

use kukaku_schema::{DurationUs, Lang, Name, Observation, UtcMicros};
use serde::Deserialize;

use super::account::AccountForm;
use keep::{Hint, Presence};
pub use restore::OpenSession;

/// How far the events of one coming lie apart: a slow profile takes seconds, a person who comes
/// twice takes longer.
pub const JOIN_WINDOW: DurationUs = DurationUs::from_secs(30);

/// Most sessions of one source that are open at a time; the oldest is then forgotten, and its end
/// tells itself. The largest server of a city has some dozens.
pub const OPEN_MAX: usize = 1024;

/// Most hints that are remembered: those of [`JOIN_WINDOW`] on a busy server.
pub const HINTS_MAX: usize = 256;

/// Most ended sessions that are remembered for the second telling of their end.
const ENDED_MAX: usize = 256;

/// What the computers of a source are to the person who comes from afar.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// What is reached: Security, LocalSessionManager, RemoteConnectionManager, OpenSSH.
    #[default]
    Server,
    /// An RD gateway on the way: what it connects to is reached, it is the stepping stone.
    Gateway,
    /// The vendor's own terminal: what its Remote Desktop client did.
    Terminal,
}

/// To which fraction a time is told. The same event must be told alike by every way it comes, or
/// it contradicts itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Grain {
    /// As winlogbeat does; EVTX files are cut to it.
    #[default]
    Milliseconds,
    /// As NXLog does where its `DateFormat` was left alone.
    Seconds,
}

impl Grain {
    fn of(self, at: UtcMicros) -> UtcMicros {
        let step = match self {
            Self::Milliseconds => 1_000,
            Self::Seconds => 1_000_000,
        };
        UtcMicros(at.0.div_euclid(step) * step)
    }
}

/// How one source is read.
#[derive(Debug, Clone)]
pub struct SessionsConfig {
    /// The source, as registered.
    pub source: Name,
    /// What its computers are.
    pub role: Role,
    /// How accounts are written.
    pub accounts: AccountForm,
    /// To which fraction times are told.
    pub grain: Grain,
    /// Accounts that the client's log may mean, which names them by a hash alone. In the very
    /// letters that are typed at the sign-in: the hash distinguishes capitals.
    pub known_accounts: Vec<String>,
}

/// What became of an event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// It says this.
    Observations(Vec<Observation>),
    /// It says nothing of a session, or nothing new.
    Ignored(Ignored),
    /// It says nothing yet, and completes what follows.
    Held,
    /// It should say something, and can't be understood: the reason.
    Refused(String),
}

/// Why an event says nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Ignored {
    /// It speaks of something else.
    NotASession,
    /// Somebody was refused.
    Failure,
    /// Somebody sat at the computer itself.
    Local,
    /// A connection that anybody can make, and every scanner does.
    Scanner,
    /// Another telling of what is known.
    Known,
    /// An end of what was no session from afar.
    NoSession,
    /// A connection beside the session's own.
    SideChannel,
    /// A logon of an instant, which Windows makes while somebody unlocks.
    Temporary,
    /// A channel that computers of another role write.
    OtherRole,
}

impl Ignored {
    /// The reason for people.
    #[must_use]
    pub fn text(self, lang: Lang) -> &'static str {
        let (ja, en) = match self {
            Self::NotASession => ("セッションのイベントではない", "not about a session"),
            Self::Failure => ("失敗したサインイン", "a refused sign-in"),
            Self::Local => ("本体での操作（リモートではない）", "at the computer itself, not from afar"),
            Self::Scanner => ("接続のみ（サインインなし）", "a mere connection, no sign-in"),
            Self::Known => ("既知のセッションの別の記録", "another telling of a known session"),
            Self::NoSession => ("対応するリモートセッションがない終了", "an end of what was no session from afar"),
            Self::SideChannel => ("補助の接続", "a connection beside the session's own"),
            Self::Temporary => ("ロック解除時の一時的なログオン", "a logon of an instant, while unlocking"),
            Self::OtherRole => ("別の役割の機器のログ", "a log of computers of another role"),
        };
        lang.pick(ja, en)
    }
}

/// The sessions of one source, and what is remembered to tell them.
#[derive(Debug, Clone)]
pub struct WindowsSessions {
    config: SessionsConfig,
    /// Bounded by [`OPEN_MAX`].
    open: VecDeque<Presence>,
    /// Bounded by `ENDED_MAX`.
    ended: VecDeque<Presence>,
    /// Bounded by [`HINTS_MAX`].
    hints: VecDeque<Hint>,
}

impl WindowsSessions {
    /// Nothing known yet.
    #[must_use]
    pub fn new(config: SessionsConfig) -> Self {
        Self { config, open: VecDeque::new(), ended: VecDeque::new(), hints: VecDeque::new() }
    }

    /// How many sessions are open.
    #[must_use]
    pub fn open_sessions(&self) -> usize {
        self.open.len()
    }
}
