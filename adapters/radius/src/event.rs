//! What the link reports beside arrivals.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use kukaku_schema::{DurationUs, UtcMicros};

/// How often the same thing is told of the same sender: a flood must not fill the log as well.
const TELL_EVERY: DurationUs = DurationUs::from_secs(60);

/// Senders of whom it is remembered what was told; beyond it things are counted and not told.
const TOLD_MAX: usize = 256;

/// Something that happened to the link.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LinkEvent {
    /// What happened.
    pub kind: LinkEventKind,
    /// When, by our clock.
    pub at: UtcMicros,
    /// How often since it was told last of this sender, this time included.
    pub times: u64,
}

/// What happened to the link. The texts are for the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LinkEventKind {
    /// Somebody who is no client of ours sent something. He is not answered.
    UnknownSender {
        /// From where.
        peer: SocketAddr,
    },
    /// A client sent what is no packet, or is not signed with the secret. It is not answered.
    Refused {
        /// From where.
        peer: SocketAddr,
        /// As whom.
        source: String,
        /// Why.
        why: String,
    },
    /// A signed request was not understood. It is kept as an arrival of its own, and answered.
    Unreadable {
        /// From where.
        peer: SocketAddr,
        /// As whom.
        source: String,
        /// Why.
        why: String,
    },
    /// The writer did not keep what a request came to. It is not answered; the NAS sends it again.
    NotKept {
        /// From where.
        peer: SocketAddr,
        /// As whom.
        source: String,
        /// Why.
        why: String,
    },
    /// Too much is underway. The request is not answered; the NAS sends it again.
    Overloaded {
        /// From where.
        peer: SocketAddr,
        /// As whom.
        source: String,
    },
    /// A peer is let in over TLS.
    Connected {
        /// From where.
        peer: SocketAddr,
        /// As whom.
        source: String,
    },
    /// A peer that was let in over TLS is gone.
    Disconnected {
        /// From where.
        peer: SocketAddr,
        /// As whom.
        source: String,
        /// Why.
        why: String,
    },
    /// A connection was not let in.
    NotLetIn {
        /// From where.
        peer: SocketAddr,
        /// Why.
        why: String,
    },
    /// Nothing can be received for now.
    NotReceiving {
        /// What the system said.
        why: String,
    },
}

impl LinkEventKind {
    /// What is told of one sender at most once a minute; none for what is told each time.
    fn rationed(&self) -> Option<(u8, IpAddr)> {
        match self {
            Self::UnknownSender { peer } => Some((0, peer.ip())),
            Self::Refused { peer, .. } => Some((1, peer.ip())),
            Self::Unreadable { peer, .. } => Some((2, peer.ip())),
            Self::NotKept { peer, .. } => Some((3, peer.ip())),
            Self::Overloaded { peer, .. } => Some((4, peer.ip())),
            Self::NotLetIn { peer, .. } => Some((5, peer.ip())),
            Self::NotReceiving { .. } => Some((6, IpAddr::V4(std::net::Ipv4Addr::UNSPECIFIED))),
            Self::Connected { .. } | Self::Disconnected { .. } => None,
        }
    }
}

/// Where events go. Called on the network thread: it must not block.
pub type Reporter = Arc<dyn Fn(LinkEvent) + Send + Sync>;

/// What was told of whom, and when.
#[derive(Debug, Default)]
pub(crate) struct Told(BTreeMap<(u8, IpAddr), Last>);

#[derive(Debug, Clone, Copy)]
struct Last {
    at: UtcMicros,
    untold: u64,
}

impl Told {
    /// The event that is to be told now, if it is.
    pub(crate) fn ration(&mut self, kind: LinkEventKind, at: UtcMicros) -> Option<LinkEvent> {
        let Some(key) = kind.rationed() else {
            return Some(LinkEvent { kind, at, times: 1 });
        };
        // A clock that was set back must not silence us.
        let is_over = |last: &Last| at.since(last.at).0.abs() >= TELL_EVERY.0;
        if let Some(last) = self.0.get_mut(&key) {
            last.untold += 1;
            if !is_over(last) {
                return None;
            }
            let times = last.untold;
            *last = Last { at, untold: 0 };
            return Some(LinkEvent { kind, at, times });
        }
        if self.0.len() >= TOLD_MAX {
            self.0.retain(|_, last| !is_over(last));
        }
        if self.0.len() >= TOLD_MAX {
            return None;
        }
        self.0.insert(key, Last { at, untold: 0 });
        Some(LinkEvent { kind, at, times: 1 })
    }
}

/// What the link counts, from its start.
#[derive(Debug, Default)]
pub struct Counters {
    pub(crate) requests: AtomicU64,
    pub(crate) unknown_senders: AtomicU64,
    pub(crate) refused: AtomicU64,
    pub(crate) joined: AtomicU64,
    pub(crate) overloaded: AtomicU64,
    pub(crate) other_statuses: AtomicU64,
    pub(crate) unreadable: AtomicU64,
    pub(crate) not_kept: AtomicU64,
    pub(crate) answered: AtomicU64,
    pub(crate) not_let_in: AtomicU64,
}

/// A reading of [`Counters`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counted {
    /// Requests that were signed, retransmissions included.
    pub requests: u64,
    /// Datagrams of senders that are no client.
    pub unknown_senders: u64,
    /// Packets that were malformed or not signed with the secret.
    pub refused: u64,
    /// Retransmissions that were joined to the request that was underway.
    pub joined: u64,
    /// Requests that were dropped because too many were underway.
    pub overloaded: u64,
    /// Requests with an Acct-Status-Type that is no session's: answered, and nothing else.
    pub other_statuses: u64,
    /// Requests that were kept as unreadable.
    pub unreadable: u64,
    /// Requests whose observations the writer did not keep.
    pub not_kept: u64,
    /// Answers sent.
    pub answered: u64,
    /// Connections over TLS that were not let in.
    pub not_let_in: u64,
}

impl Counters {
    pub(crate) fn add(counter: &AtomicU64) {
        counter.fetch_add(1, Ordering::Relaxed);
    }

    /// Reads all counters.
    #[must_use]
    pub fn read(&self) -> Counted {
        let get = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Counted {
            requests: get(&self.requests),
            unknown_senders: get(&self.unknown_senders),
            refused: get(&self.refused),
            joined: get(&self.joined),
            overloaded: get(&self.overloaded),
            other_statuses: get(&self.other_statuses),
            unreadable: get(&self.unreadable),
            not_kept: get(&self.not_kept),
            answered: get(&self.answered),
            not_let_in: get(&self.not_let_in),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn unknown(host: u32) -> LinkEventKind {
        LinkEventKind::UnknownSender { peer: SocketAddr::from((host.to_be_bytes(), 1813)) }
    }

    #[test]
    fn a_flood_is_told_once_a_minute_with_its_number() {
        let mut told = Told::default();
        let times = |told: &mut Told, host: u32, at: i64| told.ration(unknown(host), UtcMicros(at)).map(|e| e.times);
        assert_eq!(times(&mut told, 1, 0), Some(1));
        for at in 1..60 {
            assert_eq!(times(&mut told, 1, at * 1_000_000), None);
        }
        assert_eq!(times(&mut told, 2, 59_000_000), Some(1), "another one is told");
        assert_eq!(times(&mut told, 1, 60_000_000), Some(60));
        assert_eq!(times(&mut told, 1, 0), Some(1), "the clock was set back");
    }

    #[test]
    fn many_senders_fill_no_memory() {
        let mut told = Told::default();
        let count = (0..1_000).filter(|host| told.ration(unknown(*host), UtcMicros(0)).is_some()).count();
        assert_eq!((count, told.0.len()), (TOLD_MAX, TOLD_MAX));
        assert!(told.ration(unknown(2_000), UtcMicros(60_000_000)).is_some(), "a minute later there is room");
        assert_eq!(told.0.len(), 1);
    }
}
