//! The archive: a ZIP that has exactly one encoding.
//!
//! The files of [`NAMES`] in that order, stored without compression, at 1980-01-01 00:00, without
//! extra fields, comments, folders or modes. So any tool unpacks it, nothing can be hidden in it,
//! and a reader needs to look nowhere but where it is: no `..`, no link, no bomb, no second
//! directory. Reading writes nothing.

use std::cell::RefCell;
use std::io::{Read, Seek, SeekFrom, Write};

use crate::error::PackError;
use crate::seal::{Seal, Sealing};

/// The files of a pack, in their order: that of their bytes.
pub const NAMES: [&str; 11] =
    [CHECKPOINT, ENTRIES, KEYS, LEAVES, MANIFEST, MANIFEST_NOTE, RANGE, SESSIONS, PASSAGES, FINDINGS, HOW_TO];

pub(crate) const CHECKPOINT: &str = "checkpoint.note";
pub(crate) const ENTRIES: &str = "entries.jsonl";
pub(crate) const KEYS: &str = "keys.txt";
pub(crate) const LEAVES: &str = "leaves.bin";
pub(crate) const MANIFEST: &str = "manifest.json";
pub(crate) const MANIFEST_NOTE: &str = "manifest.note";
pub(crate) const RANGE: &str = "range.json";
pub(crate) const SESSIONS: &str = "セッション.csv";
pub(crate) const PASSAGES: &str = "入退室.csv";
pub(crate) const FINDINGS: &str = "検知.csv";
pub(crate) const HOW_TO: &str = "検証方法.txt";

/// Largest pack in bytes: what every tool for archives reads, and about seven million entries. A
/// longer period is taken out in parts.
pub const PACK_MAX_BYTES: u64 = u32::MAX as u64;

/// Names in UTF-8; nothing else is set.
const FLAGS: u16 = 0x0800;
/// 1980-01-01, the first day that an archive knows.
const DATE: u16 = 0x0021;
const LOCAL_BYTES: usize = 30;
/// Piece in which files are read, in bytes.
const PIECE: usize = 64 * 1024;

/// What both headers of a file say.
fn common(name: &str, crc: u32, bytes: u32) -> Vec<u8> {
    let mut out = Vec::with_capacity(26 + name.len());
    for half in [10, FLAGS, 0, 0, DATE] {
        out.extend(half.to_le_bytes());
    }
    for word in [crc, bytes, bytes] {
        out.extend(word.to_le_bytes());
    }
    out.extend((name.len() as u16).to_le_bytes());
    out.extend([0, 0]);
    out
}

fn local_header(name: &str, crc: u32, bytes: u32) -> Vec<u8> {
    [&b"PK\x03\x04"[..], &common(name, crc, bytes), name.as_bytes()].concat()
}

/// The directory behind the files, and the end of the archive.
fn directory(members: &[Member], files_end: u32) -> Vec<u8> {
    let mut out = Vec::new();
    for member in members {
        out.extend(b"PK\x01\x02");
        out.extend(20u16.to_le_bytes());
        out.extend(common(member.name, member.crc, member.bytes));
        // No comment, the first disk, no attributes.
        out.extend([0; 10]);
        out.extend(member.header_at.to_le_bytes());
        out.extend(member.name.as_bytes());
    }
    let (count, length) = (members.len() as u16, out.len() as u32);
    out.extend(b"PK\x05\x06\0\0\0\0");
    out.extend(count.to_le_bytes());
    out.extend(count.to_le_bytes());
    out.extend(length.to_le_bytes());
    out.extend(files_end.to_le_bytes());
    out.extend([0, 0]);
    out
}

/// A file in the archive.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Member {
    pub name: &'static str,
    pub crc: u32,
    pub bytes: u32,
    header_at: u32,
}

impl Member {
    fn starts_at(&self) -> u64 {
        u64::from(self.header_at) + LOCAL_BYTES as u64 + self.name.len() as u64
    }
}

/// Writes the archive. `files` are those of [`NAMES`], in that order.
pub(crate) fn write(out: &mut impl Write, files: &mut [(Seal, Box<dyn Read + '_>)]) -> Result<(), PackError> {
    let mut members = Vec::new();
    let mut at = 0u64;
    let too_large = || PackError::Archive(format!("more than {PACK_MAX_BYTES} bytes; take out a shorter period"));
    let total: u64 = files.iter().map(|(seal, _)| seal.bytes + 256).sum();
    if total > PACK_MAX_BYTES {
        return Err(too_large());
    }
    for (name, (seal, content)) in NAMES.into_iter().zip(files) {
        let bytes = u32::try_from(seal.bytes).map_err(|_| too_large())?;
        let header_at = u32::try_from(at).map_err(|_| too_large())?;
        out.write_all(&local_header(name, seal.crc, bytes))?;
        let copied = std::io::copy(content, out)?;
        if copied != seal.bytes {
            return Err(PackError::Archive(format!("{name} has another length than it had")));
        }
        members.push(Member { name, crc: seal.crc, bytes, header_at });
        at += (LOCAL_BYTES + name.len()) as u64 + copied;
    }
    let files_end = u32::try_from(at).map_err(|_| too_large())?;
    out.write_all(&directory(&members, files_end))?;
    Ok(())
}

/// An archive that was read.
pub(crate) struct Archive<'a, R> {
    source: &'a RefCell<R>,
    members: Vec<Member>,
}

impl<'a, R: Read + Seek> Archive<'a, R> {
    /// Reads all headers; every byte outside the files' contents is as it must be.
    pub(crate) fn open(source: &'a RefCell<R>) -> Result<Self, PackError> {
        let mut input = source.borrow_mut();
        let wrong = |what: String| Err(PackError::Archive(what));
        let length = input.seek(SeekFrom::End(0))?;
        if length > PACK_MAX_BYTES {
            return wrong(format!("{length} bytes, at most {PACK_MAX_BYTES} are read"));
        }
        let mut members: Vec<Member> = Vec::new();
        let mut at = 0u64;
        for name in NAMES {
            input.seek(SeekFrom::Start(at))?;
            let mut header = vec![0; LOCAL_BYTES + name.len()];
            if input.read_exact(&mut header).is_err() {
                return wrong(format!("it ends before {name}"));
            }
            let word = |from: usize| {
                u32::from_le_bytes(header[from..from + 4].try_into().expect("a slice of four bytes is four bytes"))
            };
            let (crc, bytes) = (word(14), word(18));
            if header != local_header(name, crc, bytes) {
                return wrong(format!("not {name} as the {}th file, stored and without extras", members.len() + 1));
            }
            let header_at = u32::try_from(at).expect("the length of the archive was checked");
            members.push(Member { name, crc, bytes, header_at });
            at += header.len() as u64 + u64::from(bytes);
            if at > length {
                return wrong(format!("it ends within {name}"));
            }
        }
        let files_end = u32::try_from(at).expect("the length of the archive was checked");
        let expected = directory(&members, files_end);
        if length - at != expected.len() as u64 {
            return wrong("more or less than a directory stands behind the files".to_owned());
        }
        input.seek(SeekFrom::Start(at))?;
        let mut found = vec![0; expected.len()];
        input.read_exact(&mut found)?;
        if found != expected {
            return wrong("the directory is not that of the files".to_owned());
        }
        drop(input);
        Ok(Self { source, members })
    }

    fn member(&self, name: &'static str) -> &Member {
        self.members.iter().find(|member| member.name == name).expect("`open` demands every name")
    }

    /// The content of a file, from its beginning.
    pub(crate) fn content(&self, name: &'static str) -> Content<'a, R> {
        let member = self.member(name);
        Content { source: self.source, at: member.starts_at(), left: u64::from(member.bytes) }
    }

    /// A small file whole; the limit is checked before anything is read.
    pub(crate) fn small(&self, name: &'static str, limit: u32) -> Result<Vec<u8>, PackError> {
        let bytes = self.member(name).bytes;
        if bytes > limit {
            return Err(PackError::form(name, format!("{bytes} bytes, at most {limit} are read")));
        }
        let mut out = Vec::new();
        self.content(name).read_to_end(&mut out)?;
        Ok(out)
    }

    /// Hashes a file.
    pub(crate) fn seal(&self, name: &'static str) -> Result<Seal, PackError> {
        let mut content = self.content(name);
        let (mut sealing, mut piece) = (Sealing::default(), vec![0; PIECE]);
        loop {
            match content.read(&mut piece)? {
                0 => break,
                read => sealing.take(&piece[..read]),
            }
        }
        let seal = sealing.done();
        if seal.crc != self.member(name).crc {
            return Err(PackError::File(name));
        }
        Ok(seal)
    }
}

/// Reads one file; several may be read by turns.
pub(crate) struct Content<'a, R> {
    source: &'a RefCell<R>,
    at: u64,
    left: u64,
}

impl<R: Read + Seek> Read for Content<'_, R> {
    fn read(&mut self, out: &mut [u8]) -> std::io::Result<usize> {
        let wanted = usize::try_from(self.left).map_or(out.len(), |left| left.min(out.len()));
        if wanted == 0 {
            return Ok(0);
        }
        let mut source = self.source.borrow_mut();
        source.seek(SeekFrom::Start(self.at))?;
        let read = source.read(&mut out[..wanted])?;
        if read == 0 {
            return Err(std::io::ErrorKind::UnexpectedEof.into());
        }
        self.at += read as u64;
        self.left -= read as u64;
        Ok(read)
    }
}
