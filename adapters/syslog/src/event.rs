//! What a link reports beside arrivals.

use std::net::{IpAddr, SocketAddr};
use std::sync::atomic::{AtomicU64, Ordering};

use kukaku_schema::{Span, UtcMicros};

/// Something that happened to the link.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LinkEvent {
    /// What happened.
    pub kind: LinkEventKind,
    /// When it was told, by our clock.
    pub at: UtcMicros,
}

/// What happened to a link.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LinkEventKind {
    /// The port is open and listened to.
    Listening {
        /// The address.
        address: SocketAddr,
    },
    /// The system gives less room for datagrams than was asked: a burst may be lost. `net.core.rmem_max`
    /// has to be `asked` or more.
    SmallBuffer {
        /// The room that was asked for, in bytes.
        asked: usize,
        /// The room that was given, in bytes.
        granted: usize,
    },
    /// A source connected.
    Connected {
        /// Its name.
        source: String,
        /// From where.
        peer: SocketAddr,
    },
    /// A source that had connected is gone.
    Disconnected {
        /// Its name.
        source: String,
        /// From where.
        peer: SocketAddr,
        /// Why, for the log.
        why: String,
    },
    /// Somebody whom no source names sends here. Nothing of it was taken.
    UnknownSender {
        /// Who; `None` stands for all beyond those that are remembered.
        sender: Option<IpAddr>,
        /// How many lines (UDP) or connections since it was told last.
        count: u64,
    },
    /// A sender that is known was not let in.
    Refused {
        /// Who; `None` stands for all beyond those that are remembered.
        sender: Option<IpAddr>,
        /// How many connections since it was told last.
        count: u64,
        /// Why the last of them, for the log.
        why: String,
    },
    /// Lines are gone for good: within this span the sources of this link were not heard whole.
    Lost {
        /// How many at least.
        count: u64,
        /// The first lies in it, and the last.
        span: Span,
        /// Where they were lost.
        place: LossPlace,
    },
    /// The kernel can't be asked what it dropped: losses there will not be told.
    DropsUnknown {
        /// Why, for the log.
        why: String,
    },
    /// New connections can't be accepted, or datagrams not received, for now.
    NotReceiving {
        /// What the system said.
        why: String,
    },
}

/// Where lines were lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LossPlace {
    /// In the kernel's receive buffer of the UDP socket, whoever sent them.
    Kernel,
    /// In our own buffer of datagrams: the writer was too slow for too long.
    Buffer,
    /// Between reading and commit, because the link had to stop.
    Stop,
}

/// What a link counts, from its start.
#[derive(Debug, Default)]
pub struct Counters {
    pub(crate) lines: AtomicU64,
    pub(crate) observations: AtomicU64,
    pub(crate) unreadable: AtomicU64,
    pub(crate) answered: AtomicU64,
    pub(crate) strangers: AtomicU64,
    pub(crate) refused: AtomicU64,
    pub(crate) lost: AtomicU64,
    pub(crate) connections_open: AtomicU64,
}

/// A reading of [`Counters`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counted {
    /// Lines of known sources that were read.
    pub lines: u64,
    /// Observations that came of them.
    pub observations: u64,
    /// Lines, and bytes that were none, that are kept as unreadable.
    pub unreadable: u64,
    /// RELP lines that were answered.
    pub answered: u64,
    /// Datagrams and connections of unknown senders.
    pub strangers: u64,
    /// Connections of known senders that were not let in.
    pub refused: u64,
    /// Lines that are lost, as far as it is known.
    pub lost: u64,
    /// Connections now.
    pub connections_open: u64,
}

impl Counters {
    pub(crate) fn add(counter: &AtomicU64, count: u64) {
        counter.fetch_add(count, Ordering::Relaxed);
    }

    /// Reads all counters.
    #[must_use]
    pub fn read(&self) -> Counted {
        let get = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Counted {
            lines: get(&self.lines),
            observations: get(&self.observations),
            unreadable: get(&self.unreadable),
            answered: get(&self.answered),
            strangers: get(&self.strangers),
            refused: get(&self.refused),
            lost: get(&self.lost),
            connections_open: get(&self.connections_open),
        }
    }
}
