//! A PUBLISH too long to be an observation: its head, length and hash are kept.

use kukaku_schema::intake::{UNREADABLE_KEPT_BYTES, Unreadable};
use sha2::{Digest, Sha256};

use super::{LARGE_MAX_BYTES, Publish};

/// Follows a large payload to its end without holding it.
///
/// One longer than [`LARGE_MAX_BYTES`] is cut off at what the buffer held: its length is then what
/// was announced, its hash that of the kept head alone, and the reason says so.
#[derive(Debug)]
pub struct LargePublish {
    packet_id: Option<u16>,
    head: Vec<u8>,
    hash: Sha256,
    length: u64,
    to_come: usize,
    is_cut: bool,
}

impl LargePublish {
    /// Starts with what [`super::Decoded::Large`] told.
    #[must_use]
    pub fn new(publish: &Publish<'_>, to_come: usize) -> Self {
        let payload = publish.payload;
        let length = payload.len() + to_come;
        let head = payload[..payload.len().min(UNREADABLE_KEPT_BYTES)].to_vec();
        let is_cut = length > LARGE_MAX_BYTES;
        let hash = Sha256::new().chain_update(if is_cut { &head } else { payload });
        Self {
            packet_id: publish.packet_id,
            head,
            hash,
            length: length as u64,
            to_come: if is_cut { 0 } else { to_come },
            is_cut,
        }
    }

    /// Takes what `bytes` hold of the payload; returns how many bytes that were.
    pub fn feed(&mut self, bytes: &[u8]) -> usize {
        let taken = bytes.len().min(self.to_come);
        self.hash.update(&bytes[..taken]);
        self.to_come -= taken;
        taken
    }

    /// How many bytes are still to come; 0 when it is complete or cut off.
    #[must_use]
    pub fn to_come(&self) -> usize {
        self.to_come
    }

    /// It is longer than is read: the connection ends with [`super::Reason::PacketTooLarge`].
    #[must_use]
    pub fn is_cut(&self) -> bool {
        self.is_cut
    }

    /// The number that its acknowledgement names; none at QoS 0.
    #[must_use]
    pub fn packet_id(&self) -> Option<u16> {
        self.packet_id
    }

    /// What is kept of it.
    #[must_use]
    pub fn finish(self, source: Option<String>) -> Unreadable {
        let reason = if self.is_cut {
            format!(
                "a payload of {} bytes: more than {LARGE_MAX_BYTES} are not read; the hash is of the first {} alone",
                self.length,
                self.head.len()
            )
        } else {
            format!("a payload of {} bytes is too long for an observation", self.length)
        };
        Unreadable { source, head: self.head, length: self.length, sha256: self.hash.finalize().into(), reason }
    }
}
