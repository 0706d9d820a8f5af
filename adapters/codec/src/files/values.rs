//! What the text of a field turns into.

use kukaku_schema::Name;
use kukaku_schema::observation::NAME_MAX_BYTES;

use super::time::narrowed;

/// Whether `text` is a name; `plain` says that it is printable ASCII throughout.
#[inline]
pub(crate) fn check_name(text: &str, plain: bool) -> Result<(), String> {
    let fits = (1..=NAME_MAX_BYTES).contains(&text.len());
    if fits && (plain || is_plain(text)) {
        return Ok(());
    }
    Name::new(text).map(|_| ())
}

/// Whether every byte is printable ASCII.
pub(crate) fn is_plain(text: &str) -> bool {
    text.bytes().all(|b| (0x20..0x7F).contains(&b))
}

/// The names of a list, without empty ones.
pub(crate) fn split_names<'x>(text: &'x str, separator: &'x str) -> impl Iterator<Item = &'x str> {
    text.split(separator).map(str::trim).filter(|name| !name.is_empty())
}

pub(crate) fn unsigned(text: &str) -> Result<u64, String> {
    // `parse` alone would take a plus sign.
    let narrow = narrowed(text);
    match narrow.parse() {
        Ok(number) if narrow.as_bytes()[0].is_ascii_digit() => Ok(number),
        _ => Err(format!("{text:?} is no whole number from 0 to {}", u64::MAX)),
    }
}

pub(crate) fn signed(text: &str) -> Result<i64, String> {
    narrowed(text).parse().map_err(|_| format!("{text:?} is no whole number"))
}

pub(crate) fn boolean(text: &str) -> Result<bool, String> {
    match &*narrowed(text) {
        "true" | "1" => Ok(true),
        "false" | "0" => Ok(false),
        _ => Err(format!("{text:?} is none of true, false, 1, 0; a `map` can turn it into one")),
    }
}

pub(crate) fn granted(text: &str) -> Result<bool, String> {
    match text {
        "granted" => Ok(true),
        "denied" => Ok(false),
        _ => Err(format!("{text:?} is none of granted, denied; a `map` can turn it into one")),
    }
}

/// The kinds, for an error.
pub(crate) fn kinds_expected() -> String {
    let words = kukaku_schema::observation::kind_words();
    format!("expected a kind: {}", super::fields::listed(words))
}
