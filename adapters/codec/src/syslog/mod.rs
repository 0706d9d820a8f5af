//! Syslog as it travels: from bytes to lines. What a line means is not known here.
//!
//! [`LineFramer`] cuts a TCP or TLS stream (RFC 6587, both framings, mixed as senders mix them),
//! [`datagram_line`] a datagram, and [`relp`] speaks the server's side of RELP.
//!
//! Invariant of all: the lines depend on the bytes alone, not on how they were cut into pieces;
//! memory is bounded by [`LINE_MAX_BYTES`]; a line that is longer is told once, with its whole
//! length and hash, and the line after it is not lost.

mod frames;
mod long;
pub mod relp;
#[cfg(test)]
mod tests;

pub use frames::{Frame, LineFramer, datagram_line};
pub use long::{Broken, LINE_MAX_BYTES};

use kukaku_schema::intake::Unreadable;

/// Bytes that end a line, or stand behind a counted one: LF, CR, and NUL of RFC 6587, 3.4.2.
const fn is_trailer(byte: u8) -> bool {
    matches!(byte, b'\n' | b'\r' | 0)
}

/// A line without the line ends behind it.
fn trimmed(line: &[u8]) -> &[u8] {
    let end = line.iter().rposition(|byte| !is_trailer(*byte)).map_or(0, |at| at + 1);
    &line[..end]
}

impl Broken<'_> {
    /// What is kept of it.
    #[must_use]
    pub fn keep(&self, source: Option<String>) -> Unreadable {
        Unreadable {
            source,
            head: self.head.to_vec(),
            length: self.length,
            sha256: self.sha256,
            reason: self.reason.to_owned(),
        }
    }
}
