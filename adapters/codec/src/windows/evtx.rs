//! EVTX files: every whole record, and each damage by its name.
//!
//! A file is a header of 4 KiB and chunks of 64 KiB, each with its own header, checksum and
//! records. They are read one at a time, the one with the oldest records first: a full log
//! begins anew at its top.

use std::collections::VecDeque;
use std::fmt;
use std::io::{self, Read, Seek, SeekFrom};
use std::sync::Arc;

use evtx::err::EvtxError as RecordError;
use evtx::{EvtxChunkData, ParserSettings};

use super::event::WindowsEvent;
use super::json;

/// Most chunks that are read of one file: 4 GiB, the largest log that Windows writes.
pub const CHUNKS_MAX: u64 = 65_536;

const FILE_HEADER_BYTES: u64 = 4096;
const CHUNK_BYTES: usize = 65_536;
const CHUNK_HEADER_BYTES: usize = 512;
const FILE_MAGIC: &[u8] = b"ElfFile\0";
const CHUNK_MAGIC: &[u8] = b"ElfChnk\0";
const RECORD_MAGIC: [u8; 4] = [0x2A, 0x2A, 0, 0];

/// Why a file can't be read as an event log at all.
#[derive(Debug, thiserror::Error)]
pub enum EvtxError {
    /// The bytes did not come.
    #[error("read the event log: {0}")]
    Io(#[from] io::Error),
    /// Neither the file's header nor any chunk's.
    #[error("no event log of Windows: neither an `ElfFile` header nor an `ElfChnk` chunk in {length} bytes")]
    NotEvtx {
        /// The length of the file in bytes.
        length: u64,
    },
}

/// What a file gave: an event, or the name of a damage.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EvtxItem {
    /// A whole record.
    Event(Box<WindowsEvent>),
    /// Something that could not be read, or not be vouched for.
    Damaged(Damage),
}

/// A damage: where, and what. What it does not name was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Damage {
    /// The chunk, from 0 in the order of the file; `None`: the file's own header.
    pub chunk: Option<u64>,
    /// The record's number in the file, where it could still be read.
    pub record: Option<u64>,
    /// What is wrong.
    pub reason: String,
}

impl fmt::Display for Damage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.chunk, self.record) {
            (None, _) => write!(f, "file header: {}", self.reason),
            (Some(chunk), None) => write!(f, "chunk {chunk}: {}", self.reason),
            (Some(chunk), Some(record)) => write!(f, "chunk {chunk}, record {record}: {}", self.reason),
        }
    }
}

/// An event log that is being read; an iterator over what it holds, oldest chunk first.
pub struct EvtxFile<R> {
    reader: R,
    length: u64,
    /// The chunks that are left, by number; bounded by [`CHUNKS_MAX`].
    chunks: VecDeque<u64>,
    /// What the chunk at hand gave; bounded by what 64 KiB can hold.
    items: VecDeque<EvtxItem>,
    settings: Arc<ParserSettings>,
}

impl<R: Read + Seek> EvtxFile<R> {
    /// Looks at the headers.
    ///
    /// # Errors
    /// The bytes did not come, or nothing in them is of an event log.
    pub fn open(mut reader: R) -> Result<Self, EvtxError> {
        let length = reader.seek(SeekFrom::End(0))?;
        let body = length.saturating_sub(FILE_HEADER_BYTES);
        let there = body.div_ceil(CHUNK_BYTES as u64);
        let mut items = VecDeque::new();
        let header = read_at(&mut reader, 0, 48)?;
        let has_header = header.starts_with(FILE_MAGIC);
        if !has_header {
            items.push_back(damaged(None, None, "it does not begin with `ElfFile`; the chunks were read all the same"));
        } else if let Some(count) = header.get(42..44) {
            let named = u64::from(u16::from_le_bytes([count[0], count[1]]));
            if named > there {
                items.push_back(damaged(None, None, format!("it names {named} chunks, and there are {there}")));
            }
        }
        if there > CHUNKS_MAX {
            let reason = format!("{there} chunks are more than the {CHUNKS_MAX} that are read; the rest was not");
            items.push_back(damaged(None, None, reason));
        }
        let mut order = Vec::new();
        let (mut newest, mut has_chunk) = (0, false);
        for chunk in 0..there.min(CHUNKS_MAX) {
            let head = read_at(&mut reader, offset(chunk), 16)?;
            if let (true, Some(first)) = (head.starts_with(CHUNK_MAGIC), head.get(8..16)) {
                // A chunk without a header of its own stays behind the one before it.
                newest = u64::from_le_bytes(first.try_into().expect("eight bytes were cut"));
                has_chunk = true;
            }
            order.push((newest, chunk));
        }
        if !has_header && !has_chunk {
            return Err(EvtxError::NotEvtx { length });
        }
        order.sort_unstable();
        let chunks = order.into_iter().map(|(_, chunk)| chunk).collect();
        let settings = ParserSettings::default().num_threads(1).indent(false);
        Ok(Self { reader, length, chunks, items, settings: Arc::new(settings) })
    }

    /// Reads the whole of a chunk into `items`.
    fn read_chunk(&mut self, number: u64) {
        let mut bytes = match read_at(&mut self.reader, offset(number), CHUNK_BYTES) {
            Ok(bytes) => bytes,
            Err(error) => return self.damage(number, None, format!("read: {error}")),
        };
        if bytes.iter().all(|byte| *byte == 0) {
            // Windows makes room before it writes.
            return;
        }
        let is_cut = bytes.len() < CHUNK_BYTES;
        if is_cut {
            let reason = format!("the file of {} bytes ends in it; what lay behind is not there", self.length);
            self.damage(number, None, reason);
        }
        if bytes.len() < CHUNK_HEADER_BYTES {
            return;
        }
        let has_header = bytes.starts_with(CHUNK_MAGIC);
        if !has_header {
            if bytes.get(CHUNK_HEADER_BYTES..CHUNK_HEADER_BYTES + 4) != Some(&RECORD_MAGIC) {
                return self.damage(number, None, "no `ElfChnk` header and no record behind it".to_owned());
            }
            self.damage(number, None, "no `ElfChnk` header; its records were read without it".to_owned());
            write_open_header(&mut bytes);
        }
        if let Err(reason) = self.read_records(number, bytes.clone(), has_header && !is_cut) {
            // The records name what they need by themselves; the header's tables are a short cut.
            self.damage(number, None, format!("{reason}; its records were read without its header"));
            write_open_header(&mut bytes);
            if let Err(reason) = self.read_records(number, bytes, false) {
                self.damage(number, None, reason);
            }
        }
    }

    fn read_records(&mut self, number: u64, bytes: Vec<u8>, has_checksum: bool) -> Result<(), String> {
        let mut data = EvtxChunkData::new(bytes, false).map_err(|error| chain(&error))?;
        data.number = Some(number);
        let is_whole = !has_checksum || data.validate_checksum();
        let mut chunk = data.parse(Arc::clone(&self.settings)).map_err(|error| chain(&error))?;
        if !is_whole {
            // A log that is copied while it is written looks the same as one that was altered.
            let reason = "its checksum does not fit; its records were taken as they stand".to_owned();
            self.items.push_back(damaged(Some(number), None, reason));
        }
        for record in chunk.iter() {
            let read = record.map_err(|error| (record_of(&error), chain(&error))).and_then(|record| {
                let id = record.event_record_id;
                let json = record.into_json_bytes().map_err(|error| (Some(id), chain(&error)))?;
                json::read_record(&json.data).map_err(|reason| (Some(id), reason))
            });
            self.items.push_back(match read {
                Ok(event) => EvtxItem::Event(Box::new(event)),
                Err((record, reason)) => damaged(Some(number), record, reason),
            });
        }
        Ok(())
    }

    fn damage(&mut self, chunk: u64, record: Option<u64>, reason: String) {
        self.items.push_back(damaged(Some(chunk), record, reason));
    }
}

impl<R: Read + Seek> Iterator for EvtxFile<R> {
    type Item = EvtxItem;

    fn next(&mut self) -> Option<EvtxItem> {
        loop {
            if let Some(item) = self.items.pop_front() {
                return Some(item);
            }
            let chunk = self.chunks.pop_front()?;
            self.read_chunk(chunk);
        }
    }
}

fn damaged(chunk: Option<u64>, record: Option<u64>, reason: impl Into<String>) -> EvtxItem {
    EvtxItem::Damaged(Damage { chunk, record, reason: reason.into() })
}

fn offset(chunk: u64) -> u64 {
    FILE_HEADER_BYTES + chunk * CHUNK_BYTES as u64
}

/// Up to `max` bytes from `at` on; fewer at the end of the file.
fn read_at(reader: &mut (impl Read + Seek), at: u64, max: usize) -> io::Result<Vec<u8>> {
    reader.seek(SeekFrom::Start(at))?;
    let mut bytes = Vec::with_capacity(max);
    reader.take(max as u64).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Gives a chunk a header that claims nothing: no tables, no last record, no free space.
fn write_open_header(bytes: &mut [u8]) {
    bytes[..CHUNK_HEADER_BYTES].fill(0);
    bytes[..CHUNK_MAGIC.len()].copy_from_slice(CHUNK_MAGIC);
    bytes[32..40].fill(0xFF);
    bytes[40..44].copy_from_slice(&128_u32.to_le_bytes());
    bytes[48..52].copy_from_slice(&65_536_u32.to_le_bytes());
}

/// The number of the record that an error speaks of.
fn record_of(error: &RecordError) -> Option<u64> {
    match error {
        RecordError::FailedToParseRecord { record_id, .. } => Some(*record_id),
        _ => None,
    }
}

/// An error with what caused it.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}
