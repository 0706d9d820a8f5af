//! From bytes to an observation, or a precise refusal.

use sha2::{Digest, Sha256};

use super::kinds::{Kind, Observation};

/// Longest observation in bytes: fifty times the largest seen, small enough to refuse a bomb early.
pub const MAX_OBSERVATION_BYTES: usize = 64 * 1024;

/// Why bytes are no observation.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// More than `MAX_OBSERVATION_BYTES`.
    #[error("{length} bytes are more than the {MAX_OBSERVATION_BYTES} an observation may have")]
    TooLong {
        /// Its length in bytes.
        length: usize,
    },
    /// Not UTF-8.
    #[error("not UTF-8 from byte {valid_up_to} on")]
    NotUtf8 {
        /// How many bytes before it are.
        valid_up_to: usize,
    },
    /// Not JSON, an unknown kind, an unknown or missing field, a value out of shape.
    #[error("{0}")]
    Shape(String),
    /// A kind that only the daemon itself makes.
    #[error("kind {0:?} is made by kukaku itself and not taken from outside")]
    Internal(&'static str),
    /// A span that ends before it starts.
    #[error("`{end_field}` lies before `{start_field}`")]
    Backwards {
        /// The field of the start.
        start_field: &'static str,
        /// The field of the end.
        end_field: &'static str,
    },
}

/// Reads one observation from JSON bytes that came from outside.
///
/// # Errors
/// A `Refusal` that names what is wrong; the caller keeps the bytes as unreadable.
pub fn parse_observation(bytes: &[u8]) -> Result<Observation, Refusal> {
    if bytes.len() > MAX_OBSERVATION_BYTES {
        return Err(Refusal::TooLong {
            length: bytes.len(),
        });
    }
    let text = std::str::from_utf8(bytes).map_err(|e| Refusal::NotUtf8 {
        valid_up_to: e.valid_up_to(),
    })?;
    let observation: Observation =
        serde_json::from_str(text).map_err(|e| Refusal::Shape(e.to_string()))?;
    check(&observation)?;
    Ok(observation)
}

/// What types alone can't say.
fn check(observation: &Observation) -> Result<(), Refusal> {
    if observation.kind().is_internal() {
        return Err(Refusal::Internal(observation.kind().word()));
    }
    if observation
        .stated_span()
        .is_some_and(|span| span.end < span.start)
    {
        return Err(Refusal::Backwards {
            start_field: "from",
            end_field: "to",
        });
    }
    match observation {
        Observation::FootageSegment(segment) if segment.end < segment.start => {
            Err(Refusal::Backwards {
                start_field: "start",
                end_field: "end",
            })
        }
        _ => Ok(()),
    }
}

/// The observation as it is kept and hashed: compact JSON, fields in the order of the
/// documentation, instants in UTC, absent fields left out.
#[must_use]
pub fn canonical_bytes(observation: &Observation) -> Vec<u8> {
    serde_json::to_vec(observation).expect("texts, numbers and instants always serialise")
}

/// SHA-256 of the canonical bytes: the identity of an observation without a number.
#[must_use]
pub fn content_hash(canonical: &[u8]) -> [u8; 32] {
    Sha256::digest(canonical).into()
}

/// The words of every kind, for an error that lists them.
#[must_use]
pub fn kind_words() -> Vec<&'static str> {
    Kind::ALL
        .iter()
        .filter(|kind| !kind.is_internal())
        .map(|kind| kind.word())
        .collect()
}
