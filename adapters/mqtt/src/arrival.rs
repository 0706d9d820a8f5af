//! From a message to what the writer gets: shared by listener and client.

use kukaku_codec::mqtt::Reason;
use kukaku_schema::intake::{ArrivalBody, Unreadable};
use kukaku_schema::parse_observation;

use crate::TOPIC_PREFIX;

/// Longest piece of a topic or name repeated in a reason, in bytes.
const QUOTED_MAX_BYTES: usize = 120;

/// A message, judged.
pub(crate) struct Judged {
    /// What goes to the writer.
    pub(crate) body: ArrivalBody,
    /// What the acknowledgement says to an MQTT 5 client.
    pub(crate) reason: Reason,
}

/// The source that a topic names, if it lies in the tree.
pub(crate) fn source_of(topic: &str) -> Option<&str> {
    let source = topic.strip_prefix(TOPIC_PREFIX)?.split('/').next()?;
    (!source.is_empty()).then_some(source)
}

/// Judges the payload of a topic that names `source`, which the sender may speak for.
pub(crate) fn judge(source: &str, payload: &[u8]) -> Judged {
    let unreadable = |reason, why: String| Judged {
        body: ArrivalBody::Unreadable(Unreadable::new(Some(source.to_owned()), payload, why)),
        reason,
    };
    // One object a message: said here, because the parser's own words for an array are no help.
    if payload.iter().find(|byte| !byte.is_ascii_whitespace()) != Some(&b'{') {
        let why = "a message holds one observation, a JSON object; this doesn't begin with `{`";
        return unreadable(Reason::PayloadFormatInvalid, why.to_owned());
    }
    match parse_observation(payload) {
        Err(refusal) => unreadable(Reason::PayloadFormatInvalid, refusal.to_string()),
        Ok(observation) if observation.header().source.as_str() != source => {
            let said = quoted(observation.header().source.as_str());
            let why = format!("the observation names source {said}, its topic {}", quoted(source));
            unreadable(Reason::NotAuthorised, why)
        }
        Ok(observation) => Judged { body: ArrivalBody::Observation(Box::new(observation)), reason: Reason::Success },
    }
}

/// A message whose topic doesn't say whose it is.
pub(crate) fn outside_the_tree(topic: &str, payload: &[u8]) -> Judged {
    let why = format!("topic {} isn't {TOPIC_PREFIX}<source>/<anything>", quoted(topic));
    Judged { body: ArrivalBody::Unreadable(Unreadable::new(None, payload, why)), reason: Reason::TopicNameInvalid }
}

/// A message for a source that its sender may not speak for.
pub(crate) fn not_allowed(user: &str, source: &str, payload: &[u8]) -> Judged {
    let why = format!("user {} may not speak for source {}", quoted(user), quoted(source));
    Judged { body: ArrivalBody::Unreadable(Unreadable::new(None, payload, why)), reason: Reason::NotAuthorised }
}

/// A text from outside, shortened, with control characters shown as escapes.
pub(crate) fn quoted(text: &str) -> String {
    let end = text.floor_char_boundary(QUOTED_MAX_BYTES);
    let ellipsis = if end < text.len() { "…" } else { "" };
    format!("{:?}{ellipsis}", &text[..end])
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn why(judged: Judged) -> (Reason, Option<String>, String) {
        match judged.body {
            ArrivalBody::Observation(_) => (judged.reason, None, String::new()),
            ArrivalBody::Unreadable(kept) => (judged.reason, kept.source, kept.reason),
        }
    }

    const ALIVE: &[u8] = br#" {"kind":"source.alive","source":"panel-1","device_time":"2026-11-22T09:00:00+09:00"}"#;

    #[test]
    fn a_topic_names_its_source() {
        assert_eq!(source_of("kukaku/v1/panel-1/door/north"), Some("panel-1"));
        assert_eq!(source_of("kukaku/v1/panel-1"), Some("panel-1"));
        for topic in ["kukaku/v1/", "kukaku/v1//x", "kukaku/v2/panel-1/x", "panel-1", "/kukaku/v1/p/x"] {
            assert_eq!(source_of(topic), None, "{topic}");
        }
    }

    #[test]
    fn an_observation_of_the_topics_source_is_taken() {
        assert_eq!(why(judge("panel-1", ALIVE)).0, Reason::Success);
    }

    #[test]
    fn another_source_in_the_payload_is_kept_as_unreadable() {
        let (reason, source, why) = why(judge("panel-2", ALIVE));
        assert_eq!((reason, source.as_deref()), (Reason::NotAuthorised, Some("panel-2")));
        assert!(why.contains("\"panel-1\"") && why.contains("\"panel-2\""), "{why}");
    }

    #[test]
    fn an_array_and_lines_of_observations_are_unreadable() {
        let array = [b"[", ALIVE, b"]"].concat();
        assert_eq!(why(judge("panel-1", &array)).0, Reason::PayloadFormatInvalid);
        let sequence = br#"["source.alive","panel-1",null,null,null,"2026-11-22T09:00:00+09:00"]"#;
        assert_eq!(why(judge("panel-1", sequence)).0, Reason::PayloadFormatInvalid);
        let lines = [ALIVE, b"\n", ALIVE].concat();
        assert_eq!(why(judge("panel-1", &lines)).0, Reason::PayloadFormatInvalid);
        assert_eq!(why(judge("panel-1", b"")).0, Reason::PayloadFormatInvalid);
    }

    #[test]
    fn a_long_topic_is_not_repeated_whole() {
        let (_, _, why) = why(outside_the_tree(&"あ/".repeat(20_000), b"x"));
        assert!(why.len() < 300, "{}", why.len());
    }
}
