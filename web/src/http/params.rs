//! Query parameters: each route names the ones it takes, and the same list checks requests,
//! fills the forms' error texts and writes the API's description.

use std::collections::BTreeMap;

use axum::extract::Query;
use axum::http::Uri;
use kukaku_schema::{FindingKind, Severity, SiteZone, UtcMicros, Verdict};
use serde_json::{Value, json};

use crate::error::WebError;

/// Longest value of a parameter in bytes; a name has 256, percent signs cost three.
const VALUE_MAX_BYTES: usize = 1024;

/// What a value may look like.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Shape {
    /// RFC 3339, or a local time of the site like `2026-11-22T09:00`.
    Instant,
    /// Any text.
    Text,
    /// A verdict's word, or `attention` for all that are not quiet.
    Verdict,
    /// A kind of finding.
    FindingKind,
    /// A severity.
    Severity,
    /// `1`.
    Flag,
    /// Set by its name alone, or by `1`.
    Switch,
    /// A whole number of at least 1.
    Count {
        /// At most.
        max: u32,
    },
    /// One of these.
    Choice(&'static [&'static str]),
}

/// A parameter of a route.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Param {
    pub name: &'static str,
    pub shape: Shape,
    /// What it chooses, for the API's description.
    pub about: &'static str,
}

/// What every list page knows beside its filter.
pub(crate) const PARTS: &[Param] = &[
    Param::new("after", Shape::Text, "cursor: the `next` of the page before"),
    Param::new("part", Shape::Choice(&["list"]), "the list alone"),
];

/// Two lists of parameters as one; `N` is how many they are together, else it doesn't compile.
pub(crate) const fn joined<const N: usize>(first: &[Param], second: &[Param]) -> [Param; N] {
    assert!(first.len() + second.len() == N, "N is the number of both");
    let mut out = [first[0]; N];
    let mut at = 1;
    while at < N {
        out[at] = if at < first.len() { first[at] } else { second[at - first.len()] };
        at += 1;
    }
    out
}

/// The word that asks for every verdict that is not quiet.
pub(crate) const ATTENTION: &str = "attention";

impl Param {
    pub const fn new(name: &'static str, shape: Shape, about: &'static str) -> Self {
        Self { name, shape, about }
    }

    fn check(&self, value: &str) -> Result<(), (String, String)> {
        let fine = match self.shape {
            Shape::Instant => read_instant(value, None).is_some(),
            Shape::Text => true,
            Shape::Verdict => value == ATTENTION || Verdict::from_word(value).is_some(),
            Shape::FindingKind => FindingKind::from_word(value).is_some(),
            Shape::Severity => Severity::from_word(value).is_some(),
            Shape::Flag => value == "1",
            Shape::Switch => matches!(value, "" | "1"),
            Shape::Count { max } => value.parse::<u32>().is_ok_and(|n| (1..=max).contains(&n)),
            Shape::Choice(words) => words.contains(&value),
        };
        if fine {
            return Ok(());
        }
        Err(match self.shape {
            Shape::Instant => (
                "日時は 2026-11-22T09:00 のように指定してください。".to_owned(),
                "a time looks like 2026-11-22T09:00 or 2026-11-22T09:00:00+09:00".to_owned(),
            ),
            Shape::Count { max } => {
                (format!("1 から {max} までの数を指定してください。"), format!("a whole number from 1 to {max}"))
            }
            _ => ("この値は選べません。".to_owned(), "no such choice".to_owned()),
        })
    }

    /// Its schema in the API's description.
    pub fn schema(&self) -> Value {
        match self.shape {
            Shape::Instant => json!({"type": "string", "format": "date-time"}),
            Shape::Text => json!({"type": "string", "maxLength": VALUE_MAX_BYTES}),
            Shape::Verdict => {
                let words: Vec<&str> =
                    Verdict::ALL.iter().map(|v| v.word()).chain(std::iter::once(ATTENTION)).collect();
                json!({"type": "string", "enum": words})
            }
            Shape::FindingKind => {
                json!({"type": "string", "enum": FindingKind::ALL.iter().map(|k| k.word()).collect::<Vec<_>>()})
            }
            Shape::Severity => {
                json!({"type": "string", "enum": Severity::ALL.iter().map(|s| s.word()).collect::<Vec<_>>()})
            }
            Shape::Flag => json!({"type": "string", "enum": ["1"]}),
            Shape::Switch => json!({"type": "string", "enum": ["1", ""]}),
            Shape::Count { max } => json!({"type": "integer", "minimum": 1, "maximum": max}),
            Shape::Choice(words) => json!({"type": "string", "enum": words}),
        }
    }
}

/// The parameters of one request, checked.
#[derive(Debug, Clone, Default)]
pub(crate) struct Params(BTreeMap<String, String>);

impl Params {
    /// Reads and checks the query of `uri`. Empty values are as good as absent: forms send them.
    pub fn read(uri: &Uri, known: &[Param]) -> Result<Self, WebError> {
        let Query(pairs) = Query::<Vec<(String, String)>>::try_from_uri(uri)
            .map_err(|_| fault("query", "読み取れません。", "can't be read"))?;
        let mut out = BTreeMap::new();
        for (name, value) in pairs {
            let Some(param) = known.iter().find(|param| param.name == name) else {
                return Err(fault(&name, "この条件はありません。", "no such parameter here"));
            };
            if value.is_empty() && !matches!(param.shape, Shape::Switch) {
                continue;
            }
            if value.len() > VALUE_MAX_BYTES {
                return Err(fault(param.name, "長すぎます。", "too long"));
            }
            param.check(&value).map_err(|why| WebError::Param { name: param.name.to_owned(), why })?;
            if out.insert(name, value).is_some() {
                return Err(fault(param.name, "二度指定されています。", "given twice"));
            }
        }
        Ok(Self(out))
    }

    /// A value as text.
    pub fn text(&self, name: &str) -> Option<String> {
        self.0.get(name).cloned()
    }

    /// A value as it was given, or nothing, for a form's field.
    pub fn shown(&self, name: &str) -> &str {
        self.0.get(name).map_or("", String::as_str)
    }

    /// Whether a flag is set.
    pub fn flag(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }

    /// An instant; a local time is one of `zone`.
    pub fn instant(&self, name: &str, zone: &SiteZone) -> Option<UtcMicros> {
        read_instant(self.0.get(name)?, Some(zone))
    }

    /// A number, or `otherwise`.
    pub fn count(&self, name: &str, otherwise: u32) -> u32 {
        self.0.get(name).and_then(|text| text.parse().ok()).unwrap_or(otherwise)
    }

    /// The same parameters as a query text, without those named in `but`, and with `also`.
    pub fn query_with(&self, but: &[&str], also: &[(&str, &str)]) -> String {
        let kept = self.0.iter().filter(|(name, _)| !but.contains(&name.as_str()));
        let pairs = kept.map(|(name, value)| (name.as_str(), value.as_str())).chain(also.iter().copied());
        let parts: Vec<String> = pairs.map(|(name, value)| format!("{}={}", escape(name), escape(value))).collect();
        parts.join("&")
    }
}

fn fault(name: &str, ja: &str, en: &str) -> WebError {
    let name: String = name.chars().take(40).collect();
    WebError::Param { name, why: (ja.to_owned(), en.to_owned()) }
}

/// Reads an instant; without a zone only its shape matters.
pub(crate) fn read_instant(text: &str, zone: Option<&SiteZone>) -> Option<UtcMicros> {
    if let Ok(at) = UtcMicros::parse_rfc3339(text) {
        return Some(at);
    }
    let local: jiff::civil::DateTime = text.parse().ok()?;
    zone.map_or(Some(UtcMicros(0)), |zone| zone.instant_of(local))
}

/// Percent-encodes all but unreserved characters (RFC 3986 section 2.3), for a path segment or a
/// query value.
pub(crate) fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~') {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    const KNOWN: &[Param] = &[
        Param::new("from", Shape::Instant, ""),
        Param::new("limit", Shape::Count { max: 10 }, ""),
        Param::new("name", Shape::Text, ""),
    ];

    fn read(query: &str) -> Result<Params, WebError> {
        Params::read(&format!("/x?{query}").parse().unwrap(), KNOWN)
    }

    #[test]
    fn a_form_with_empty_fields_asks_for_everything() {
        let params = read("from=&limit=&name=").unwrap();
        assert_eq!(params.text("name"), None);
    }

    #[test]
    fn a_switch_is_set_by_its_name_alone() {
        const SWITCH: &[Param] = &[Param::new("dry_run", Shape::Switch, "")];
        let read = |query: &str| Params::read(&format!("/x?{query}").parse().unwrap(), SWITCH);
        assert!(read("dry_run").unwrap().flag("dry_run") && read("dry_run=1").unwrap().flag("dry_run"));
        assert!(!read("").unwrap().flag("dry_run") && read("dry_run=no").is_err() && read("dry_run&dry_run").is_err());
    }

    #[test]
    fn local_times_are_those_of_the_site() {
        let tokyo = SiteZone::named("Asia/Tokyo").unwrap();
        let local = read("from=2026-11-22T09:00").unwrap().instant("from", &tokyo).unwrap();
        let offset = read("from=2026-11-22T00:00:00Z").unwrap().instant("from", &tokyo).unwrap();
        assert_eq!(local, offset);
    }

    #[test]
    fn what_is_unknown_twice_or_out_of_shape_is_refused() {
        for bad in ["colour=red", "limit=0", "limit=11", "limit=x", "from=yesterday", "name=a&name=b"] {
            assert!(read(bad).is_err(), "{bad}");
        }
        assert!(read(&format!("name={}", "a".repeat(2000))).is_err());
    }

    #[test]
    fn a_query_can_be_written_again() {
        let params = read("name=%E4%BD%90%E8%97%A4%26x%3D1&limit=3").unwrap();
        assert_eq!(params.query_with(&["limit"], &[("after", "a b")]), "name=%E4%BD%90%E8%97%A4%26x%3D1&after=a%20b");
    }
}
