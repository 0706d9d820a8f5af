//! What is remembered of sessions and of packets, all of it bounded.

use std::collections::{BTreeMap, VecDeque};

use kukaku_schema::{DurationUs, Name, UtcMicros};

/// Open sessions that are remembered, of all NAS together: far more than a gateway of this trade
/// carries. Beyond it the oldest is forgotten: a reboot of its NAS then ends it by its time-out.
pub const OPEN_MAX: usize = 16_384;

/// Ended sessions that are remembered, so that a Stop sent again, or an Interim-Update that comes
/// behind it, opens nothing: an hour of a busy gateway.
pub const CLOSED_MAX: usize = 4_096;

/// Packets without Event-Timestamp whose time is remembered.
pub const REPEATS_MAX: usize = 4_096;

/// How long after its first arrival the same packet counts as a retransmission: longer than any
/// NAS goes on trying, shorter than it takes to use all 256 identifiers for the same words.
pub const REPEAT_MAX: DurationUs = DurationUs::from_secs(120);

/// How far two computed times of one event may lie apart: Acct-Delay-Time counts whole seconds.
const SAME_EVENT_MAX: DurationUs = DurationUs::from_secs(2);

/// A session: its source and its name.
pub(super) type Key = (Name, Name);

/// What is known of a session's start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Start {
    /// It was not heard.
    Unheard,
    /// It was handed to the writer.
    Offered,
    /// It is durable.
    Kept,
}

#[derive(Debug, Clone, Copy)]
struct Open {
    start: Start,
    tick: u64,
}

/// The sessions of all NAS.
#[derive(Debug, Default)]
pub(super) struct Sessions {
    open: BTreeMap<Key, Open>,
    by_age: BTreeMap<u64, Key>,
    ticks: u64,
    closed: BTreeMap<Key, UtcMicros>,
    closed_by_age: VecDeque<Key>,
}

impl Sessions {
    pub(super) fn start(&self, key: &Key) -> Start {
        self.open.get(key).map_or(Start::Unheard, |open| open.start)
    }

    pub(super) fn set_start(&mut self, key: &Key, start: Start) {
        if let Some(open) = self.open.get_mut(key) {
            open.start = start;
        }
    }

    /// When it ended, for one that is known to have ended.
    pub(super) fn closed_at(&self, key: &Key) -> Option<UtcMicros> {
        self.closed.get(key).copied()
    }

    /// Remembers a session as open, anew where it was known. True: the oldest one had to go for it.
    pub(super) fn open(&mut self, key: &Key, start: Start) -> bool {
        self.closed.remove(key);
        self.forget(key);
        self.ticks += 1;
        self.open.insert(key.clone(), Open { start, tick: self.ticks });
        self.by_age.insert(self.ticks, key.clone());
        if self.open.len() <= OPEN_MAX {
            return false;
        }
        if let Some((_, oldest)) = self.by_age.pop_first() {
            self.open.remove(&oldest);
        }
        true
    }

    pub(super) fn is_open(&self, key: &Key) -> bool {
        self.open.contains_key(key)
    }

    /// Which opening of the session this is; none while it isn't open.
    pub(super) fn opening(&self, key: &Key) -> Option<u64> {
        self.open.get(key).map(|open| open.tick)
    }

    fn forget(&mut self, key: &Key) {
        if let Some(open) = self.open.remove(key) {
            self.by_age.remove(&open.tick);
        }
    }

    /// It ended, unless it was opened again since `opening` was noted.
    pub(super) fn close(&mut self, key: &Key, opening: Option<u64>, at: UtcMicros) {
        if self.opening(key) != opening {
            return;
        }
        self.forget(key);
        if self.closed.insert(key.clone(), at).is_none() {
            self.closed_by_age.push_back(key.clone());
        }
        // A session that was opened again left its place in the queue behind.
        while self.closed_by_age.len() > CLOSED_MAX {
            if let Some(oldest) = self.closed_by_age.pop_front() {
                self.closed.remove(&oldest);
            }
        }
    }

    /// The open sessions of a NAS, in the order of their names.
    pub(super) fn of_nas(&self, source: &Name, nas: &str) -> Vec<Key> {
        let prefix = format!("{nas}/");
        let Ok(first) = Name::new(prefix.clone()) else { return Vec::new() };
        let from = (source.clone(), first);
        let mine = self.open.range(from..).map(|(key, _)| key);
        mine.take_while(|key| key.0 == *source && key.1.as_str().starts_with(&prefix)).cloned().collect()
    }

    #[cfg(test)]
    pub(super) fn counts(&self) -> [usize; 4] {
        [self.open.len(), self.by_age.len(), self.closed.len(), self.closed_by_age.len()]
    }
}

/// The times of packets that don't say their own.
#[derive(Debug, Default)]
pub(super) struct Repeats {
    by_content: BTreeMap<[u8; 32], First>,
    by_age: VecDeque<[u8; 32]>,
}

#[derive(Debug, Clone, Copy)]
struct First {
    authenticator: [u8; 16],
    received: UtcMicros,
    device_time: UtcMicros,
}

impl Repeats {
    /// The time of a packet: of the first one, where this is a retransmission of it.
    pub(super) fn time(
        &mut self,
        content: [u8; 32],
        authenticator: [u8; 16],
        received: UtcMicros,
        device_time: UtcMicros,
    ) -> UtcMicros {
        if let Some(first) = self.by_content.get(&content) {
            let is_same_packet = first.authenticator == authenticator && received.since(first.received) <= REPEAT_MAX;
            let apart = DurationUs(device_time.since(first.device_time).0.abs());
            if is_same_packet || apart <= SAME_EVENT_MAX {
                return first.device_time;
            }
        }
        if self.by_content.insert(content, First { authenticator, received, device_time }).is_none() {
            self.by_age.push_back(content);
        }
        if self.by_age.len() > REPEATS_MAX
            && let Some(oldest) = self.by_age.pop_front()
        {
            self.by_content.remove(&oldest);
        }
        device_time
    }
}
