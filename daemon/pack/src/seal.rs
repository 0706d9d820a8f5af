//! What is known of a file's content: its length, its SHA-256, and the checksum that archives want.

use std::io::{self, Write};

use kukaku_ledger::Hash;
use sha2::{Digest as _, Sha256};

/// Length and hashes of a content.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Seal {
    pub bytes: u64,
    pub crc: u32,
    pub sha256: Hash,
}

impl Seal {
    pub(crate) fn of(bytes: &[u8]) -> Self {
        let mut sealing = Sealing::default();
        sealing.take(bytes);
        sealing.done()
    }
}

/// Hashes what goes by.
#[derive(Debug, Clone)]
pub(crate) struct Sealing {
    bytes: u64,
    crc: u32,
    sha256: Sha256,
}

impl Default for Sealing {
    fn default() -> Self {
        Self { bytes: 0, crc: !0, sha256: Sha256::new() }
    }
}

impl Sealing {
    pub(crate) fn take(&mut self, bytes: &[u8]) {
        self.bytes += bytes.len() as u64;
        self.crc = crc_on(self.crc, bytes);
        self.sha256.update(bytes);
    }

    pub(crate) fn done(self) -> Seal {
        Seal { bytes: self.bytes, crc: !self.crc, sha256: Hash(self.sha256.finalize().into()) }
    }
}

/// Writes and hashes.
#[derive(Debug)]
pub(crate) struct SealingWriter<W> {
    pub inner: W,
    pub sealing: Sealing,
}

impl<W: Write> Write for SealingWriter<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.inner.write(bytes)?;
        self.sealing.take(&bytes[..written]);
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}

/// CRC-32 as archives use it (polynomial 0xEDB88320), four bytes at a time.
const TABLES: [[u32; 256]; 4] = tables();

const fn tables() -> [[u32; 256]; 4] {
    let mut tables = [[0; 256]; 4];
    let mut byte = 0;
    while byte < 256 {
        let mut crc = byte as u32;
        let mut bit = 0;
        while bit < 8 {
            crc = if crc & 1 == 1 { crc >> 1 ^ 0xEDB8_8320 } else { crc >> 1 };
            bit += 1;
        }
        tables[0][byte] = crc;
        byte += 1;
    }
    let mut byte = 0;
    while byte < 256 {
        let mut table = 1;
        while table < 4 {
            let before = tables[table - 1][byte];
            tables[table][byte] = before >> 8 ^ tables[0][(before & 0xFF) as usize];
            table += 1;
        }
        byte += 1;
    }
    tables
}

fn crc_on(mut crc: u32, bytes: &[u8]) -> u32 {
    let (words, rest) = bytes.as_chunks::<4>();
    for word in words {
        let [a, b, c, d] = (crc ^ u32::from_le_bytes(*word)).to_le_bytes();
        crc = TABLES[3][usize::from(a)]
            ^ TABLES[2][usize::from(b)]
            ^ TABLES[1][usize::from(c)]
            ^ TABLES[0][usize::from(d)];
    }
    for byte in rest {
        crc = crc >> 8 ^ TABLES[0][usize::from(crc.to_le_bytes()[0] ^ byte)];
    }
    crc
}

#[cfg(test)]
mod tests {
    use super::Seal;

    #[test]
    fn the_checksum_is_the_one_of_archives() {
        assert_eq!(Seal::of(b"123456789").crc, 0xCBF4_3926);
        assert_eq!(Seal::of(b"").crc, 0);
    }
}
