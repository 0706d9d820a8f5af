//! How much a link takes on, beside what the configuration says.

use std::time::Duration;

/// Observations of one connection that may wait for their commit: four commits of 64. A sender
/// that says more is not read on.
pub(crate) const WAITING_MAX: usize = 256;

/// RELP lines, and for how long, whose answer waits because the reader still needs them: long
/// enough for two lines that a gateway writes at once, and shorter than any sender's patience.
pub(crate) const REMEMBERED_MAX: usize = 64;
pub(crate) const REMEMBERED_FOR: Duration = Duration::from_secs(1);

/// Read from a connection at a time, in bytes: two hundred lines.
pub(crate) const READ_BYTES: usize = 32 * 1024;

/// Read from a connection after the stop was said, in bytes: what its sender believes delivered
/// and the system holds for us. A sender that goes on without a pause ends here.
pub(crate) const STOP_READ_MAX_BYTES: usize = 1024 * 1024;

/// How long a connection must be silent after the stop was said to be taken for read: what was on
/// its way then is here by now.
pub(crate) const STOP_SILENCE: Duration = Duration::from_millis(50);

/// Longest datagram, in bytes: what UDP can carry.
pub(crate) const DATAGRAM_MAX_BYTES: usize = 65_536;

/// Connections of one sender at once. More is a sender that forgets its own; it must not take the
/// places of the others.
pub(crate) const PER_SENDER_MAX: usize = 16;

/// Answers are written at the latest when so many bytes of them are due.
pub(crate) const ANSWERS_MAX_BYTES: usize = 16 * 1024;

/// How long an answer may take to its sender before the connection is given up.
pub(crate) const WRITE_MAX: Duration = Duration::from_secs(10);

/// How long accepting rests when the system refuses it, out of file descriptors most likely.
pub(crate) const ACCEPT_REST: Duration = Duration::from_millis(200);

/// A silent connection is asked for life after so long, then so often, so many times: a sender
/// that is gone without a word frees its place after two minutes. One that lives may be silent for
/// ever: closing its connection would lose the next line, which plain TCP doesn't send again.
pub(crate) const KEEPALIVE_IDLE: Duration = Duration::from_secs(60);
pub(crate) const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(10);
pub(crate) const KEEPALIVE_PROBES: u32 = 6;

/// Senders that are remembered as turned away; those beyond are told as one.
pub(crate) const TURNED_AWAY_MAX: usize = 256;

/// How much a link takes on. The defaults are what the house is measured with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Datagrams that wait to be read: three bursts of 5,000.
    pub datagrams_max: usize,
    /// The same in bytes: `datagrams_max` of 2 KiB, the longest that RFC 5424 asks a receiver to take.
    pub datagrams_max_bytes: usize,
    /// How often losses and strangers are looked for, and told.
    pub look_every: Duration,
    /// The same stranger is told again after so long at the earliest, with what came meanwhile.
    pub told_again: Duration,
    /// From accepting to the end of the TLS handshake, and again to the opening of a RELP session.
    pub hello_max: Duration,
    /// How long what was read may take to its commit after the stop was said.
    pub drain_max: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            datagrams_max: 16 * 1024,
            datagrams_max_bytes: 32 * 1024 * 1024,
            look_every: Duration::from_secs(1),
            told_again: Duration::from_secs(60),
            hello_max: Duration::from_secs(10),
            drain_max: Duration::from_secs(5),
        }
    }
}
