//! The form of a packet: RFC 2865, section 3.

/// Code, Identifier, Length and Authenticator.
pub const HEADER_BYTES: usize = 20;

/// The longest packet (RFC 2865, section 3).
pub const PACKET_MAX_BYTES: usize = 4096;

/// What a packet is, as far as an accounting server is concerned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Code {
    /// Accounting-Request (4).
    AccountingRequest,
    /// Status-Server (12): asks whether we are there.
    StatusServer,
    /// Anything else: not for us.
    Other(u8),
}

/// Bytes that are no packet. Such are dropped without an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    /// Less than a header.
    #[error("{got} bytes, a header has {HEADER_BYTES}")]
    Short {
        /// How many came.
        got: usize,
    },
    /// The length field is out of range.
    #[error("length field {stated}, expected {HEADER_BYTES} to {PACKET_MAX_BYTES}")]
    LengthField {
        /// What it says.
        stated: usize,
    },
    /// Less came than the length field says.
    #[error("length field {stated}, but only {got} bytes came")]
    Cut {
        /// What it says.
        stated: usize,
        /// How many came.
        got: usize,
    },
    /// A byte behind the last attribute: a type without a length.
    #[error("attribute {kind} at byte {at} has no length")]
    NoLength {
        /// Its type.
        kind: u8,
        /// Where it begins in the packet.
        at: usize,
    },
    /// An attribute is shorter than its own header.
    #[error("attribute {kind} at byte {at} has length {length}, expected 2 or more")]
    AttributeShort {
        /// Its type.
        kind: u8,
        /// Where it begins in the packet.
        at: usize,
        /// The length it states.
        length: u8,
    },
    /// An attribute runs past the packet's end.
    #[error("attribute {kind} at byte {at} has length {length}, only {left} bytes are left")]
    AttributeCut {
        /// Its type.
        kind: u8,
        /// Where it begins in the packet.
        at: usize,
        /// The length it states.
        length: u8,
        /// What is left of the packet from its beginning.
        left: usize,
    },
}

/// A packet whose lengths are right. Nothing is known of who made it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Packet<'a> {
    /// As long as the length field says.
    bytes: &'a [u8],
    authenticator: &'a [u8; 16],
}

/// An attribute.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Attribute<'a> {
    /// Its type.
    pub kind: u8,
    /// Where its value begins in the packet.
    pub at: usize,
    /// Its value.
    pub value: &'a [u8],
}

/// The length of the packet whose first four bytes these are, for a stream (RFC 6613, section 2.6.1).
///
/// # Errors
/// The length is out of range: the stream can't be read on.
pub fn frame_bytes(head: [u8; 4]) -> Result<usize, Malformed> {
    let stated = usize::from(u16::from_be_bytes([head[2], head[3]]));
    if (HEADER_BYTES..=PACKET_MAX_BYTES).contains(&stated) {
        Ok(stated)
    } else {
        Err(Malformed::LengthField { stated })
    }
}

impl<'a> Packet<'a> {
    /// Cuts a packet out of a datagram. Bytes behind its length are padding and ignored.
    ///
    /// # Errors
    /// Which length is wrong.
    pub fn decode(datagram: &'a [u8]) -> Result<Self, Malformed> {
        let (Some(head), Some(authenticator)) = (datagram.first_chunk::<4>(), datagram.get(4..HEADER_BYTES)) else {
            return Err(Malformed::Short { got: datagram.len() });
        };
        let stated = frame_bytes(*head)?;
        let bytes = datagram.get(..stated).ok_or(Malformed::Cut { stated, got: datagram.len() })?;
        let authenticator = authenticator.try_into().expect("cut to 16 bytes above");
        let mut at = HEADER_BYTES;
        while at < bytes.len() {
            let (kind, left) = (bytes[at], bytes.len() - at);
            let Some(length) = bytes.get(at + 1).copied() else {
                return Err(Malformed::NoLength { kind, at });
            };
            if length < 2 {
                return Err(Malformed::AttributeShort { kind, at, length });
            }
            if usize::from(length) > left {
                return Err(Malformed::AttributeCut { kind, at, length, left });
            }
            at += usize::from(length);
        }
        Ok(Self { bytes, authenticator })
    }

    /// What it is.
    #[must_use]
    pub fn code(&self) -> Code {
        match self.bytes[0] {
            4 => Code::AccountingRequest,
            12 => Code::StatusServer,
            other => Code::Other(other),
        }
    }

    /// The number by which the sender joins the answer to it.
    #[must_use]
    pub fn identifier(&self) -> u8 {
        self.bytes[1]
    }

    /// Its authenticator.
    #[must_use]
    pub fn authenticator(&self) -> &'a [u8; 16] {
        self.authenticator
    }

    /// The whole packet, without padding.
    #[must_use]
    pub fn bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// Its attributes, in order.
    #[must_use]
    pub fn attributes(&self) -> Attributes<'a> {
        Attributes { bytes: self.bytes, at: HEADER_BYTES }
    }
}

/// Walks the attributes of a packet.
#[derive(Debug, Clone)]
pub struct Attributes<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Iterator for Attributes<'a> {
    type Item = Attribute<'a>;

    fn next(&mut self) -> Option<Attribute<'a>> {
        // `Packet::decode` has seen that every length is right; without it the walk just ends.
        let [kind, length] = *self.bytes.get(self.at..)?.first_chunk::<2>()?;
        let value = self.bytes.get(self.at + 2..self.at + usize::from(length))?;
        let at = self.at + 2;
        self.at += usize::from(length);
        Some(Attribute { kind, at, value })
    }
}
