//! The alert: what a person is told about one revision of one finding.
//!
//! The daemon makes it from the engine's effects, keeps it in the outbox as JSON and hands it
//! to each channel. It carries everything that a message needs, so that a delivery three days
//! later says what was known then, whatever the registers hold by that time.

use kukaku_schema::{FindingKind, Lang, Severity, UtcMicros};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::config::ChannelId;
use crate::words;

/// What an alert is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum AlertKind {
    /// A finding.
    Finding(FindingKind),
    /// Many alerts in one message, because a channel had too many of them.
    Digest,
    /// A message that a person sends to see whether a channel works.
    Test,
}

impl AlertKind {
    /// The word in the outbox, on the wire and in syslog's MSGID.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Finding(kind) => kind.word(),
            Self::Digest => "digest",
            Self::Test => "test",
        }
    }

    /// Reads the word back.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        match word {
            "digest" => Some(Self::Digest),
            "test" => Some(Self::Test),
            _ => FindingKind::from_word(word).map(Self::Finding),
        }
    }
}

/// What happened to the finding in this revision.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AlertState {
    /// It was found, or found again.
    Opened,
    /// It still holds, but something that people are told of it changed.
    Changed,
    /// It no longer holds, or a person closed it.
    Resolved,
}

impl AlertState {
    /// The word on the wire.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Opened => "opened",
            Self::Changed => "changed",
            Self::Resolved => "resolved",
        }
    }

    /// The word for people.
    #[must_use]
    pub fn label(self, lang: Lang) -> &'static str {
        match self {
            Self::Opened => lang.pick("発生", "Opened"),
            Self::Changed => lang.pick("変更", "Changed"),
            Self::Resolved => lang.pick("解消", "Resolved"),
        }
    }
}

/// One revision of one finding, as people are told of it.
///
/// Texts may hold anything that a register or a device holds; they are neutralised where a
/// message is written, never here, so that the outbox keeps what was meant.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Alert {
    /// The finding's key. A finding that closes and opens again keeps its key, so that a
    /// flapping one is one thread.
    pub finding: String,
    /// What it is about.
    #[serde(with = "words::kind")]
    pub kind: AlertKind,
    /// How grave it is.
    #[serde(with = "words::severity")]
    pub severity: Severity,
    /// Number of this revision of the finding, from 1; goes on counting when it opens again.
    pub revision: u32,
    /// What happened to it.
    pub state: AlertState,
    /// The language of the texts.
    #[serde(with = "words::lang")]
    pub lang: Lang,
    /// The client it concerns; none: the site itself.
    pub client: Option<String>,
    /// One line that says it all: the kind's name and what it is about.
    pub title: String,
    /// Whom it concerns: operator, account, session.
    pub who: String,
    /// Where: zone, door, terminal, camera.
    pub place: String,
    /// What proves it: readings, sessions, outages, with their journal numbers.
    pub proof: Vec<String>,
    /// What a person should do.
    pub to_do: String,
    /// The site's name, as its people call it.
    pub site: String,
    /// The site's IANA time zone; instants are shown in it.
    pub time_zone: String,
    /// The first instant that the finding speaks of.
    pub since: UtcMicros,
    /// The first instant after what it speaks of; none while it lasts.
    pub until: Option<UtcMicros>,
    /// When this revision was recorded.
    pub recorded_at: UtcMicros,
    /// The page about it; only `http` and `https` addresses are written into messages.
    pub link: Option<String>,
}

impl Alert {
    /// A stable id of this revision on one channel: 32 hexadecimal digits.
    ///
    /// The same for every attempt, so that a peer can tell a repetition.
    #[must_use]
    pub fn delivery_id(&self, channel: &ChannelId) -> String {
        delivery_id(channel, &self.finding, self.revision)
    }

    /// The id that the first revision of this finding has on that channel.
    #[must_use]
    pub fn thread_id(&self, channel: &ChannelId) -> String {
        delivery_id(channel, &self.finding, 1)
    }
}

fn delivery_id(channel: &ChannelId, finding: &str, revision: u32) -> String {
    let mut hash = Sha256::new();
    for part in [channel.as_str(), finding] {
        hash.update((part.len() as u64).to_be_bytes());
        hash.update(part);
    }
    hash.update(revision.to_be_bytes());
    hex(&hash.finalize()[..16])
}

/// Bytes as hexadecimal digits in lower case.
pub(crate) fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    bytes.iter().flat_map(|b| [DIGITS[usize::from(b >> 4)] as char, DIGITS[usize::from(b & 15)] as char]).collect()
}

/// What a channel's peer did with a message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivered {
    /// True: the peer confirmed that it has the message. False: it was handed to a path without
    /// an answer (syslog over UDP), and may be lost.
    pub confirmed: bool,
    /// What the peer said, or who of several receivers refused it; for the page and the log.
    pub note: String,
}
