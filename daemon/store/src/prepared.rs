//! Arrivals made ready for the writer, in the task of whoever brings them.
//!
//! Everything that costs time and needs no store happens here: canonical bytes, hashes, the salt
//! and the commitment. The writer thread then only looks up, inserts and steps the engine.

use kukaku_ledger::{Hash, SALT_BYTES, commitment};
use kukaku_schema::Observation;
use kukaku_schema::intake::{Arrival, ArrivalBody, Unreadable};
use kukaku_schema::observation::{canonical_bytes, content_hash};
use serde::Serialize;

use crate::batch::PAYLOAD_FIELD;
use crate::error::StoreError;

/// An arrival that is ready to be appended.
#[derive(Debug)]
pub struct Prepared {
    /// The link it came over.
    pub link: String,
    /// What came.
    pub body: PreparedBody,
    pub(crate) salt: [u8; SALT_BYTES],
    pub(crate) payload: Vec<u8>,
    pub(crate) commitment: Hash,
    pub(crate) content: [u8; 32],
}

/// What came.
#[derive(Debug)]
pub enum PreparedBody {
    /// An observation.
    Observation(Box<Observation>),
    /// Bytes that were none.
    Unreadable(Unreadable),
}

impl Prepared {
    /// Makes an arrival ready.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] if the system gives no random numbers.
    pub fn new(arrival: Arrival) -> Result<Self, StoreError> {
        let (body, payload, content) = match arrival.body {
            ArrivalBody::Observation(observation) => {
                let payload = canonical_bytes(&observation);
                let content = content_hash(&payload);
                (PreparedBody::Observation(observation), payload, content)
            }
            ArrivalBody::Unreadable(unreadable) => {
                let payload = unreadable_payload(&arrival.link, &unreadable);
                let content = unreadable.sha256;
                (PreparedBody::Unreadable(unreadable), payload, content)
            }
        };
        let salt = new_salt()?;
        let commitment = commitment(&salt, PAYLOAD_FIELD, &payload);
        Ok(Self { link: arrival.link, body, salt, payload, commitment, content })
    }

    /// How much memory it takes while it waits, in bytes, roughly.
    #[must_use]
    pub fn size(&self) -> usize {
        // The value stands in it twice: read, and as canonical bytes.
        2 * self.payload.len() + 512
    }
}

/// A salt for one value, from the system.
pub(crate) fn new_salt() -> Result<[u8; SALT_BYTES], StoreError> {
    let mut salt = [0; SALT_BYTES];
    getrandom::fill(&mut salt).map_err(|error| StoreError::Unavailable {
        act: "draw a salt from the system's random numbers",
        detail: error.to_string(),
    })?;
    Ok(salt)
}

fn unreadable_payload(link: &str, unreadable: &Unreadable) -> Vec<u8> {
    #[derive(Serialize)]
    struct Body<'a> {
        kind: &'static str,
        link: &'a str,
        #[serde(skip_serializing_if = "Option::is_none")]
        source: Option<&'a str>,
        reason: &'a str,
        length: u64,
        sha256: String,
        /// Hexadecimal: it may be any bytes.
        head: String,
    }
    serde_json::to_vec(&Body {
        kind: "unreadable",
        link,
        source: unreadable.source.as_deref(),
        reason: &unreadable.reason,
        length: unreadable.length,
        sha256: hex(&unreadable.sha256),
        head: hex(&unreadable.head),
    })
    .expect("texts and numbers always serialise")
}

/// Lower case hexadecimal digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    bytes
        .iter()
        .flat_map(|byte| [DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 15)]])
        .map(char::from)
        .collect()
}
