//! Reading fields from a slice that is already whole.

use super::error::Malformed;

/// A reader over the bytes of one packet.
#[derive(Debug, Clone)]
pub(super) struct Scan<'a> {
    rest: &'a [u8],
}

impl<'a> Scan<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { rest: bytes }
    }

    pub(super) fn rest(&self) -> &'a [u8] {
        self.rest
    }

    pub(super) fn is_empty(&self) -> bool {
        self.rest.is_empty()
    }

    pub(super) fn take(&mut self, length: usize, what: &str) -> Result<&'a [u8], Malformed> {
        let Some((taken, rest)) = self.rest.split_at_checked(length) else {
            let have = self.rest.len();
            return Err(Malformed::packet(format!("{what}: {length} bytes announced, {have} left in the packet")));
        };
        self.rest = rest;
        Ok(taken)
    }

    pub(super) fn byte(&mut self, what: &str) -> Result<u8, Malformed> {
        Ok(self.take(1, what)?[0])
    }

    pub(super) fn two(&mut self, what: &str) -> Result<u16, Malformed> {
        let bytes = self.take(2, what)?;
        Ok(u16::from_be_bytes([bytes[0], bytes[1]]))
    }

    pub(super) fn four(&mut self, what: &str) -> Result<u32, Malformed> {
        let bytes = self.take(4, what)?;
        Ok(u32::from_be_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]))
    }

    /// Binary data: two bytes of length, then the bytes.
    pub(super) fn binary(&mut self, what: &str) -> Result<&'a [u8], Malformed> {
        let length = usize::from(self.two(what)?);
        self.take(length, what)
    }

    /// A text: UTF-8 without U+0000 (MQTT 5.0 section 1.5.4).
    pub(super) fn text(&mut self, what: &str) -> Result<&'a str, Malformed> {
        let text = std::str::from_utf8(self.binary(what)?)
            .map_err(|e| Malformed::packet(format!("{what}: not UTF-8 from byte {} on", e.valid_up_to())))?;
        if text.as_bytes().contains(&0) {
            return Err(Malformed::packet(format!("{what}: holds U+0000")));
        }
        Ok(text)
    }

    /// A variable byte integer (MQTT 5.0 section 1.5.5).
    pub(super) fn variable(&mut self, what: &str) -> Result<usize, Malformed> {
        match variable(self.rest)? {
            Some((value, used)) => {
                self.rest = &self.rest[used..];
                Ok(value)
            }
            None => Err(Malformed::packet(format!("{what}: the packet ends inside its length"))),
        }
    }
}

/// Reads a variable byte integer: its value and how many bytes it took, or none if more are needed.
pub(super) fn variable(bytes: &[u8]) -> Result<Option<(usize, usize)>, Malformed> {
    let mut value = 0_usize;
    for (index, byte) in bytes.iter().take(4).enumerate() {
        value |= usize::from(byte & 0x7F) << (7 * index);
        if byte & 0x80 == 0 {
            if index > 0 && *byte == 0 {
                return Err(Malformed::packet("a length is written with more bytes than it needs"));
            }
            return Ok(Some((value, index + 1)));
        }
    }
    if bytes.len() < 4 { Ok(None) } else { Err(Malformed::packet("a length of more than four bytes")) }
}
