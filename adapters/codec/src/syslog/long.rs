//! Lines that are no line: too long, or cut off.

use sha2::{Digest, Sha256};

/// Longest line, in bytes: what the writer keeps of something unreadable, and thirty times what
/// RFC 5424 asks a receiver to take.
pub const LINE_MAX_BYTES: usize = kukaku_schema::intake::UNREADABLE_KEPT_BYTES;

/// Bytes that make no line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Broken<'a> {
    /// The first of them, [`LINE_MAX_BYTES`] at most.
    pub head: &'a [u8],
    /// How many they were, in bytes.
    pub length: u64,
    /// SHA-256 over all of them.
    pub sha256: [u8; 32],
    /// What is wrong.
    pub reason: &'static str,
}

impl<'a> Broken<'a> {
    /// Bytes that are all here.
    pub(super) fn whole(bytes: &'a [u8], reason: &'static str) -> Self {
        Self { head: bytes, length: bytes.len() as u64, sha256: Sha256::digest(bytes).into(), reason }
    }
}

/// Passes over a line that is too long, and remembers how long and which it was.
#[derive(Debug, Clone)]
pub(super) struct Passing {
    hash: Sha256,
    length: u64,
}

impl Passing {
    /// Begins with what was there already.
    pub(super) fn new(head: &[u8]) -> Self {
        Self { hash: Sha256::new_with_prefix(head), length: head.len() as u64 }
    }

    /// Takes more of it. `head` is filled up to the limit.
    pub(super) fn pass(&mut self, head: &mut Vec<u8>, bytes: &[u8]) {
        self.hash.update(bytes);
        self.length += bytes.len() as u64;
        let room = LINE_MAX_BYTES.saturating_sub(head.len()).min(bytes.len());
        head.extend_from_slice(&bytes[..room]);
    }

    /// Ends it.
    pub(super) fn end<'a>(&self, head: &'a [u8], reason: &'static str) -> Broken<'a> {
        Broken { head, length: self.length, sha256: self.hash.clone().finalize().into(), reason }
    }
}
