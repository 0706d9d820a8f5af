//! What a commit changed, for those who show it live.

/// A sort of thing that pages show.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u16)]
pub enum ChangedKind {
    /// Door readings.
    Reading = 1,
    /// Stays.
    Stay = 1 << 1,
    /// Sessions and their verdicts.
    Session = 1 << 2,
    /// Findings.
    Finding = 1 << 3,
    /// Sources: last sign of life, counters.
    Source = 1 << 4,
    /// Doors, readers and their outages.
    Door = 1 << 5,
    /// Cameras and footage.
    Camera = 1 << 6,
    /// Registers.
    Registers = 1 << 7,
    /// The outbox.
    Outbox = 1 << 8,
    /// Notices to clients.
    Notice = 1 << 9,
}

/// One message after each commit: what it changed. Who lags behind misses nothing that a new
/// query doesn't show.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Changed {
    /// Entries in the journal after it.
    pub journal_size: u64,
    kinds: u16,
}

impl Changed {
    /// Whether things of this sort changed.
    #[must_use]
    pub fn has(self, kind: ChangedKind) -> bool {
        self.kinds & kind as u16 != 0
    }

    /// Whether nothing that is shown changed.
    #[must_use]
    pub fn is_empty(self) -> bool {
        self.kinds == 0
    }

    /// Adds a sort.
    pub fn add(&mut self, kind: ChangedKind) {
        self.kinds |= kind as u16;
    }
}
