//! How the words of the trade are written in configuration and in the outbox.

macro_rules! by_word {
    ($module:ident, $type:ty, $what:literal, $write:expr, $read:expr) => {
        /// The type by its word, for `#[serde(with)]`.
        pub(crate) mod $module {
            use serde::{Deserialize, Deserializer, Serializer};

            pub(crate) fn serialize<S: Serializer>(value: &$type, serializer: S) -> Result<S::Ok, S::Error> {
                let write: fn(&$type) -> &'static str = $write;
                serializer.serialize_str(write(value))
            }

            pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<$type, D::Error> {
                let word = String::deserialize(deserializer)?;
                let read: fn(&str) -> Option<$type> = $read;
                read(&word).ok_or_else(|| serde::de::Error::custom(format!("{word:?} is no {}", $what)))
            }
        }
    };
}

by_word!(
    severity,
    kukaku_schema::Severity,
    "severity: medium, high or critical",
    |s| s.word(),
    kukaku_schema::Severity::from_word
);
by_word!(lang, kukaku_schema::Lang, "language: ja or en", |l| l.tag(), kukaku_schema::Lang::from_tag);
by_word!(kind, crate::alert::AlertKind, "kind of finding", |k| k.word(), crate::alert::AlertKind::from_word);

/// Lists of finding kinds.
pub(crate) mod kinds {
    use kukaku_schema::FindingKind;
    use serde::{Deserialize, Deserializer};

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<FindingKind>, D::Error> {
        Vec::<String>::deserialize(deserializer)?
            .iter()
            .map(|word| {
                FindingKind::from_word(word)
                    .ok_or_else(|| serde::de::Error::custom(format!("{word:?} is no kind of finding")))
            })
            .collect()
    }
}
