//! What a link reports beside arrivals.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// Something that happened to a link.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LinkEvent {
    /// A client signed in.
    Connected {
        /// As whom.
        user: String,
        /// Its client identifier.
        client_id: String,
        /// From where.
        peer: SocketAddr,
    },
    /// A client that had signed in is gone.
    Disconnected {
        /// As whom it had signed in.
        user: String,
        /// Its client identifier.
        client_id: String,
        /// From where.
        peer: SocketAddr,
        /// Why, for the log.
        why: String,
    },
    /// A connection ended before it was let in.
    Refused {
        /// From where.
        peer: SocketAddr,
        /// The user that it claimed to be, where it came that far.
        user: Option<String>,
        /// Why, for the log.
        why: String,
    },
    /// A source sends more than its rate and is held back from here on.
    SourceThrottled {
        /// The source, or `user:<name>` for messages that name no source of that user.
        source: String,
    },
    /// A source that was held back is within its rate again: seen at its next message.
    SourceFlowing {
        /// The source, as in `SourceThrottled`.
        source: String,
        /// How many of its messages had to wait.
        held_back: u64,
    },
    /// New connections can't be accepted for now.
    NotAccepting {
        /// What the system said.
        why: String,
    },
    /// The broker let us in.
    BrokerConnected {
        /// Its address.
        broker: String,
        /// It had kept our session, so nothing that it held was lost by our absence.
        session_present: bool,
    },
    /// The broker is gone, or refuses us.
    BrokerLost {
        /// Its address.
        broker: String,
        /// Why, for the log.
        why: String,
        /// When it is tried again.
        retry_in: Duration,
    },
}

/// Where events go. Called on the network thread: it must not block.
pub type Reporter = Arc<dyn Fn(LinkEvent) + Send + Sync>;

/// What a link counts, from its start.
#[derive(Debug, Default)]
pub struct Counters {
    pub(crate) connections_open: AtomicU64,
    pub(crate) connections: AtomicU64,
    pub(crate) refused: AtomicU64,
    pub(crate) publishes: AtomicU64,
    pub(crate) without_acknowledgement: AtomicU64,
    pub(crate) unreadable: AtomicU64,
    pub(crate) acknowledged: AtomicU64,
    pub(crate) not_kept: AtomicU64,
    pub(crate) held_back: AtomicU64,
}

/// A reading of [`Counters`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counted {
    /// Clients signed in now.
    pub connections_open: u64,
    /// Sign-ins that succeeded.
    pub connections: u64,
    /// Connections that were not let in.
    pub refused: u64,
    /// Messages handed on.
    pub publishes: u64,
    /// Of these, sent at QoS 0: nobody would have known of their loss.
    pub without_acknowledgement: u64,
    /// Of these, handed on as unreadable.
    pub unreadable: u64,
    /// Acknowledgements sent.
    pub acknowledged: u64,
    /// Connections that ended because the writer could not keep a message; it is sent again.
    pub not_kept: u64,
    /// Messages that had to wait because their source exceeded its rate.
    pub held_back: u64,
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
            connections_open: get(&self.connections_open),
            connections: get(&self.connections),
            refused: get(&self.refused),
            publishes: get(&self.publishes),
            without_acknowledgement: get(&self.without_acknowledgement),
            unreadable: get(&self.unreadable),
            acknowledged: get(&self.acknowledged),
            not_kept: get(&self.not_kept),
            held_back: get(&self.held_back),
        }
    }
}
