//! Arrivals on the way from `kukaku import` to the writer.

use kukaku_schema::Observation;
use kukaku_schema::intake::{Arrival, ArrivalBody, UNREADABLE_KEPT_BYTES, Unreadable};
use serde::{Deserialize, Serialize};

/// The link that imported arrivals came over.
pub const LINK: &str = "import";

/// One line of an import.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum WireArrival {
    /// A row that was understood.
    Observation(Box<Observation>),
    /// A row that was not.
    Unreadable {
        /// The source, where the mapping names it for every row.
        source: Option<String>,
        /// Its first bytes, hexadecimal.
        head: String,
        /// Its whole length in bytes.
        length: u64,
        /// SHA-256 of the whole, hexadecimal.
        sha256: String,
        /// Why it was not understood, with the line number.
        reason: String,
    },
    /// The last line.
    End(bool),
}

impl From<Unreadable> for WireArrival {
    fn from(unreadable: Unreadable) -> Self {
        Self::Unreadable {
            source: unreadable.source,
            head: to_hex(&unreadable.head),
            length: unreadable.length,
            sha256: to_hex(&unreadable.sha256),
            reason: unreadable.reason,
        }
    }
}

impl WireArrival {
    /// The arrival; none for the last line.
    ///
    /// # Errors
    /// What is wrong with the line.
    pub fn into_arrival(self) -> Result<Option<Arrival>, String> {
        let body = match self {
            Self::End(_) => return Ok(None),
            // What the daemon alone may say is not taken from a file either.
            Self::Observation(observation) if observation.kind().is_internal() => {
                return Err(format!("kind {:?} is made by kukaku itself", observation.kind().word()));
            }
            Self::Observation(observation) => ArrivalBody::Observation(observation),
            Self::Unreadable { source, head, length, sha256, reason } => {
                let head = from_hex(&head).filter(|head| head.len() <= UNREADABLE_KEPT_BYTES);
                let sha256 = from_hex(&sha256).and_then(|bytes| bytes.try_into().ok());
                match (head, sha256) {
                    (Some(head), Some(sha256)) => {
                        ArrivalBody::Unreadable(Unreadable { source, head, length, sha256, reason })
                    }
                    _ => return Err("an unreadable row needs hexadecimal bytes and hash".to_owned()),
                }
            }
        };
        Ok(Some(Arrival { link: LINK.to_owned(), body }))
    }
}

fn to_hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut out, byte| {
        use std::fmt::Write as _;
        write!(out, "{byte:02x}").expect("a string takes everything");
        out
    })
}

fn from_hex(text: &str) -> Option<Vec<u8>> {
    let digits = text.as_bytes();
    if !digits.len().is_multiple_of(2) {
        return None;
    }
    let value = |digit: u8| char::from(digit).to_digit(16);
    digits
        .chunks_exact(2)
        .map(|pair| Some(u8::try_from(value(pair[0])? * 16 + value(pair[1])?).expect("two digits make a byte")))
        .collect()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn an_unreadable_row_crosses_the_socket_byte_for_byte() {
        let row = Unreadable::new(Some("panel".to_owned()), b"\x82\xa0,\xff\x00", "line 7: not Shift_JIS");
        let line = serde_json::to_string(&WireArrival::from(row.clone())).unwrap();
        let back: WireArrival = serde_json::from_str(&line).unwrap();
        let arrival = back.into_arrival().unwrap().unwrap();
        assert_eq!((arrival.link.as_str(), arrival.body), ("import", ArrivalBody::Unreadable(row)));
    }

    #[test]
    fn a_file_cannot_say_what_only_the_daemon_may() {
        let line = r#"{"observation":{"kind":"watch.started","source":"x","device_time":"2026-11-22T09:00:00Z"}}"#;
        let arrival: WireArrival = serde_json::from_str(line).unwrap();
        assert!(arrival.into_arrival().is_err_and(|e| e.contains("watch.started")));
    }
}
