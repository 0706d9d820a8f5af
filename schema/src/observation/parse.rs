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
        return Err(Refusal::TooLong { length: bytes.len() });
    }
    let text = std::str::from_utf8(bytes).map_err(|e| Refusal::NotUtf8 { valid_up_to: e.valid_up_to() })?;
    // The JSON reader would take an array of the fields in order too: nobody means that.
    if !text.trim_start().starts_with('{') {
        return Err(Refusal::Shape("an observation is one JSON object, from { to }".to_owned()));
    }
    let observation: Observation = serde_json::from_str(text).map_err(|e| Refusal::Shape(said(&e.to_string())))?;
    check(&observation)?;
    Ok(observation)
}

/// The reader's words; of an unknown kind with the kinds that may come from outside alone.
fn said(message: &str) -> String {
    match message.strip_prefix("unknown variant `").and_then(|rest| rest.split_once('`')) {
        Some((kind, rest)) if rest.contains("`source.alive`") => {
            format!("unknown kind `{kind}`, expected one of {}", kind_words().join(", "))
        }
        _ => message.to_owned(),
    }
}

/// What types alone can't say.
fn check(observation: &Observation) -> Result<(), Refusal> {
    if observation.kind().is_internal() {
        return Err(Refusal::Internal(observation.kind().word()));
    }
    if observation.stated_span().is_some_and(|span| span.end < span.start) {
        return Err(Refusal::Backwards { start_field: "from", end_field: "to" });
    }
    match observation {
        Observation::FootageSegment(segment) if segment.end < segment.start => {
            Err(Refusal::Backwards { start_field: "start", end_field: "end" })
        }
        Observation::OplogSegment(segment) if segment.end < segment.start => {
            Err(Refusal::Backwards { start_field: "start", end_field: "end" })
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
    Kind::ALL.iter().filter(|kind| !kind.is_internal()).map(|kind| kind.word()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALIVE: &str = r#""kind":"source.alive","source":"p","device_time":"2026-11-22T09:00:00Z""#;

    fn refused(text: &str) -> String {
        parse_observation(text.as_bytes()).expect_err(text).to_string()
    }

    #[test]
    fn each_mistake_is_named_and_nothing_is_guessed() {
        assert!(parse_observation(format!("{{{ALIVE}}}").as_bytes()).is_ok());
        let cases = [
            (format!("{{{ALIVE},\"colour\":1}}"), "unknown field `colour`"),
            (format!("{{{ALIVE},\"source\":\"q\"}}"), "duplicate field `source`"),
            (ALIVE.to_owned(), "one JSON object"),
            (format!("[{{{ALIVE}}}]"), "one JSON object"),
            (
                r#"{"kind":"door.opened","source":"p"}"#.to_owned(),
                "unknown kind `door.opened`, expected one of door.reading",
            ),
            (r#"{"kind":"source.alive","source":"p"}"#.to_owned(), "missing field `device_time`"),
            (ALIVE.replace("\"p\"", "\"\"").replacen('"', "{\"", 1) + "}", "empty"),
            (format!("{{{}}}", ALIVE.replace("00Z", "00")), "RFC 3339"),
            (format!("{{{}}}", ALIVE.replace("\"2026-11-22T09:00:00Z\"", "1763769600")), "RFC 3339"),
            (format!("{{{}}}", ALIVE.replace("source.alive", "watch.started")), "made by kukaku"),
            ("{\"a\":".repeat(10_000), ""),
        ];
        for (text, part) in cases {
            let said = refused(&text);
            assert!(said.contains(part), "{text}: {said}");
        }
        assert!(!refused(r#"{"kind":"door.opened","source":"p"}"#).contains("muster"));
    }

    #[test]
    fn a_long_or_broken_text_is_refused_before_it_is_read() {
        let bomb = vec![b'{'; 10_000_000];
        assert_eq!(parse_observation(&bomb), Err(Refusal::TooLong { length: 10_000_000 }));
        let broken = b"{\"a\":\"\xff\"}";
        assert_eq!(parse_observation(broken), Err(Refusal::NotUtf8 { valid_up_to: 6 }));
    }

    #[test]
    fn what_is_kept_reads_back_the_same() {
        let text = r#"{"kind":"door.reading","source":"p","seq":1,"device_time":"2026-11-22T09:00:00+09:00","reader":"r","credential":"card:1","result":"denied"}"#;
        let observation = parse_observation(text.as_bytes()).expect("a reading");
        let kept = canonical_bytes(&observation);
        assert_eq!(parse_observation(&kept), Ok(observation));
        assert!(std::str::from_utf8(&kept).is_ok_and(|k| k.contains("2026-11-22T00:00:00Z")));
    }
}
