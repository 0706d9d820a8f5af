//! What makes an arrival the same as an earlier one.
//!
//! Keys of table `identity`:
//!
//! | observation          | key                                                             |
//! | -------------------- | --------------------------------------------------------------- |
//! | with a number        | `n`, source (4 bytes), epoch (4 bytes, none all ones), number (8) |
//! | with an event id     | `e`, source (4), epoch (4), SHA-256 of the event id (32)        |
//! | with neither         | `c`: the content alone, which names the source                  |
//! | unreadable           | `u`, source (4)                                                 |
//!
//! Numbers are big-endian, so a source that counts upwards appends to the table. The content is
//! part of the primary key: the same number with another content is kept as well.

use kukaku_core::{Names, Word};
use kukaku_schema::Observation;
use sha2::{Digest, Sha256};

const NO_EPOCH: u32 = u32::MAX;

/// Writes the key of an observation to `out`, which is cleared before.
pub(crate) fn of_observation(out: &mut Vec<u8>, observation: &Observation, names: &mut Names) -> Word {
    let header = observation.header();
    let source = names.intern(header.source.as_str());
    let epoch = header.epoch.map_or(NO_EPOCH, |epoch| names.intern(epoch.as_str()).0);
    out.clear();
    match (header.seq, header.event_id) {
        (Some(number), _) => {
            out.push(b'n');
            out.extend(source.0.to_be_bytes());
            out.extend(epoch.to_be_bytes());
            out.extend(number.to_be_bytes());
        }
        (None, Some(event_id)) => {
            out.push(b'e');
            out.extend(source.0.to_be_bytes());
            out.extend(epoch.to_be_bytes());
            out.extend(Sha256::digest(event_id.as_str()));
        }
        (None, None) => out.push(b'c'),
    }
    source
}

/// Writes the key of unreadable bytes to `out`, which is cleared before.
pub(crate) fn of_unreadable(out: &mut Vec<u8>, source: Word) {
    out.clear();
    out.push(b'u');
    out.extend(source.0.to_be_bytes());
}
