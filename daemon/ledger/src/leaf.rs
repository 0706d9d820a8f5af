//! The canonical bytes of a journal leaf.
//!
//! Version 1, in this order; numbers big-endian, texts UTF-8 behind their length in two bytes:
//!
//! | field           | bytes   | meaning                                                     |
//! | --------------- | ------- | ----------------------------------------------------------- |
//! | version         | 1       | 1                                                           |
//! | seq             | 8       | number in the journal, from 0: the index in the tree        |
//! | kind            | 2 + n   | what was recorded; never empty                              |
//! | source          | 2 + n   | who said it; empty: kukaku itself                           |
//! | client          | 2 + n   | whom it concerns; empty: the site                           |
//! | client_seq      | 8       | number within that client, from 0                           |
//! | source_seq      | 8       | number within that source, from 0                           |
//! | recorded_at     | 8       | signed microseconds since 1970-01-01T00:00:00Z, our clock   |
//! | has device_time | 1       | 0 or 1                                                      |
//! | device_time     | 0 or 8  | signed microseconds, the source's clock                     |
//! | clock           | 1       | our clock: 0 unknown, 1 synchronised, 2 unsynchronised      |
//! | commitment      | 32      | see [`crate::commitment`]                                   |
//!
//! Invariant: a leaf has exactly one encoding, and every accepted encoding is that of its leaf.
//! These bytes are never edited, only added to by a new version; version 1 stays readable.

use crate::error::LeafError;
use crate::hash::{HASH_BYTES, Hash, leaf_hash};

/// The version that this program writes.
pub const LEAF_VERSION: u8 = 1;

/// Longest text of a leaf in bytes: four times the longest name on the wire, and three of them
/// keep a leaf far below the 65,535 bytes that an entry of a tile log may have.
pub const TEXT_MAX_BYTES: usize = 1024;

/// What is known of our own clock when a leaf was recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ClockState {
    /// Nobody asked.
    Unknown,
    /// Steered by a time source.
    Synchronised,
    /// Known to run free.
    Unsynchronised,
}

impl ClockState {
    fn byte(self) -> u8 {
        match self {
            Self::Unknown => 0,
            Self::Synchronised => 1,
            Self::Unsynchronised => 2,
        }
    }
}

/// One entry of the journal as it enters the tree: everything but the value itself, for which
/// its commitment stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Leaf {
    /// Number in the journal, from 0: the index in the tree.
    pub seq: u64,
    /// What was recorded: an observation's kind, or one of the daemon's own.
    pub kind: String,
    /// Who said it; empty for kukaku itself.
    pub source: String,
    /// The client it concerns; empty for the site.
    pub client: String,
    /// Number among the leaves of this client, from 0.
    pub client_seq: u64,
    /// Number among the leaves of this source, from 0.
    pub source_seq: u64,
    /// When it was recorded, in microseconds since 1970-01-01T00:00:00Z by our clock.
    pub recorded_at_us: i64,
    /// What the source's clock said, in microseconds; none where it said nothing.
    pub device_time_us: Option<i64>,
    /// The state of our clock at that moment.
    pub clock: ClockState,
    /// The commitment to the value.
    pub commitment: Hash,
}

impl Leaf {
    /// The canonical bytes.
    ///
    /// # Errors
    /// [`LeafError::NoKind`] and [`LeafError::TextTooLong`].
    pub fn encode(&self) -> Result<Vec<u8>, LeafError> {
        if self.kind.is_empty() {
            return Err(LeafError::NoKind);
        }
        let texts = self.kind.len() + self.source.len() + self.client.len();
        let mut out = Vec::with_capacity(81 + texts);
        out.push(LEAF_VERSION);
        out.extend(self.seq.to_be_bytes());
        put_text(&mut out, "kind", &self.kind)?;
        put_text(&mut out, "source", &self.source)?;
        put_text(&mut out, "client", &self.client)?;
        out.extend(self.client_seq.to_be_bytes());
        out.extend(self.source_seq.to_be_bytes());
        out.extend(self.recorded_at_us.to_be_bytes());
        out.push(u8::from(self.device_time_us.is_some()));
        if let Some(device_time_us) = self.device_time_us {
            out.extend(device_time_us.to_be_bytes());
        }
        out.push(self.clock.byte());
        out.extend(self.commitment.as_bytes());
        Ok(out)
    }

    /// The hash under which the leaf stands in the tree.
    ///
    /// # Errors
    /// As [`Leaf::encode`].
    pub fn hash(&self) -> Result<Hash, LeafError> {
        Ok(leaf_hash(&self.encode()?))
    }

    /// Reads canonical bytes back; refuses every other spelling.
    ///
    /// # Errors
    /// Names the first field that is wrong.
    pub fn decode(bytes: &[u8]) -> Result<Self, LeafError> {
        let mut input = Input { rest: bytes };
        let [version] = input.take("version")?;
        if version != LEAF_VERSION {
            return Err(LeafError::UnknownVersion(version));
        }
        let leaf = Self {
            seq: u64::from_be_bytes(input.take("seq")?),
            kind: input.text("kind")?,
            source: input.text("source")?,
            client: input.text("client")?,
            client_seq: u64::from_be_bytes(input.take("client_seq")?),
            source_seq: u64::from_be_bytes(input.take("source_seq")?),
            recorded_at_us: i64::from_be_bytes(input.take("recorded_at")?),
            device_time_us: input.device_time()?,
            clock: input.clock()?,
            commitment: Hash(input.take::<HASH_BYTES>("commitment")?),
        };
        if leaf.kind.is_empty() {
            return Err(LeafError::NoKind);
        }
        match input.rest.len() {
            0 => Ok(leaf),
            more => Err(LeafError::TrailingBytes(more)),
        }
    }
}

fn put_text(out: &mut Vec<u8>, field: &'static str, text: &str) -> Result<(), LeafError> {
    check_length(field, text.len())?;
    let length = u16::try_from(text.len()).expect("TEXT_MAX_BYTES is below 65,536");
    out.extend(length.to_be_bytes());
    out.extend(text.as_bytes());
    Ok(())
}

fn check_length(field: &'static str, bytes: usize) -> Result<(), LeafError> {
    if bytes <= TEXT_MAX_BYTES {
        return Ok(());
    }
    Err(LeafError::TextTooLong { field, bytes, max: TEXT_MAX_BYTES })
}

/// What is not yet read.
struct Input<'a> {
    rest: &'a [u8],
}

impl Input<'_> {
    fn take<const N: usize>(&mut self, field: &'static str) -> Result<[u8; N], LeafError> {
        let (head, rest) = self.rest.split_first_chunk::<N>().ok_or(LeafError::CutShort { field })?;
        self.rest = rest;
        Ok(*head)
    }

    fn text(&mut self, field: &'static str) -> Result<String, LeafError> {
        let length = usize::from(u16::from_be_bytes(self.take(field)?));
        check_length(field, length)?;
        let (head, rest) = self.rest.split_at_checked(length).ok_or(LeafError::CutShort { field })?;
        self.rest = rest;
        let text = std::str::from_utf8(head).map_err(|_| LeafError::NotUtf8 { field })?;
        Ok(text.to_owned())
    }

    fn device_time(&mut self) -> Result<Option<i64>, LeafError> {
        match self.take("has device_time")? {
            [0] => Ok(None),
            [1] => Ok(Some(i64::from_be_bytes(self.take("device_time")?))),
            [value] => Err(LeafError::BadByte { field: "has device_time", value }),
        }
    }

    fn clock(&mut self) -> Result<ClockState, LeafError> {
        match self.take("clock")? {
            [0] => Ok(ClockState::Unknown),
            [1] => Ok(ClockState::Synchronised),
            [2] => Ok(ClockState::Unsynchronised),
            [value] => Err(LeafError::BadByte { field: "clock", value }),
        }
    }
}

#[cfg(test)]
mod tests;
