//! The fields of a line's text: key=value, CEF, LEEF, CSV, JSON.

use std::borrow::Cow;

use serde_json::Value;

use crate::files::{split_plain, split_quoted, write_json};

/// So many fields of a line are read; more are left out. The widest real ones have about 150.
pub(crate) const FIELDS_MAX: usize = 512;

/// How the fields of a text are told apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Format {
    /// `key=value key="two words"`; the separator, or none for blanks.
    KeyValue { separator: Option<char> },
    /// ArcSight's Common Event Format.
    Cef,
    /// QRadar's Log Event Extended Format.
    Leef,
    /// Columns, with their names.
    Csv { delimiter: u8, columns: Vec<String> },
    /// A JSON object, from the first brace of the text on.
    Json,
}

/// Names and values, in the order of the line.
type Pairs<'t> = Vec<(Cow<'t, str>, Cow<'t, str>)>;

/// The fields of one line.
#[derive(Debug)]
pub(crate) enum Fields<'t> {
    Pairs(Pairs<'t>),
    Json(Value),
}

impl Fields<'_> {
    /// The text of a field; for JSON of a path, `$.user.names[0]`.
    pub(crate) fn get(&self, name: &str) -> Option<Cow<'_, str>> {
        match self {
            Self::Pairs(pairs) => pairs.iter().find(|(key, _)| key == name).map(|(_, value)| Cow::Borrowed(&**value)),
            Self::Json(object) => {
                let value = follow(object, name)?;
                if let Value::String(text) = value {
                    return Some(Cow::Borrowed(text));
                }
                let mut text = String::new();
                write_json(value, &mut text)?;
                (!text.is_empty()).then_some(Cow::Owned(text))
            }
        }
    }

    /// The fields for people, at most [`FIELDS_MAX`].
    pub(crate) fn shown(&self) -> Vec<(String, String)> {
        match self {
            Self::Pairs(pairs) => pairs.iter().map(|(key, value)| (key.to_string(), value.to_string())).collect(),
            Self::Json(Value::Object(members)) => {
                members.iter().take(FIELDS_MAX).map(|(key, value)| (format!("$.{key}"), value.to_string())).collect()
            }
            Self::Json(_) => Vec::new(),
        }
    }
}

impl Format {
    /// Reads the fields of a text.
    ///
    /// # Errors
    /// A sentence: what is not of the format.
    pub(crate) fn read<'t>(&self, text: &'t str) -> Result<Fields<'t>, String> {
        match self {
            Self::KeyValue { separator } => Ok(Fields::Pairs(key_values(text, *separator))),
            Self::Cef => cef(text).ok_or_else(|| "no CEF header with seven bars".to_owned()).map(Fields::Pairs),
            Self::Leef => leef(text).ok_or_else(|| "no LEEF header".to_owned()).map(Fields::Pairs),
            Self::Csv { delimiter, columns } => csv(text, *delimiter, columns).map(Fields::Pairs),
            Self::Json => {
                let from = text.find('{').ok_or("no JSON object")?;
                // Behind the object there may be anything; serde's own depth limit holds.
                let mut objects = serde_json::Deserializer::from_str(&text[from..]).into_iter::<Value>();
                match objects.next() {
                    Some(Ok(object)) => Ok(Fields::Json(object)),
                    Some(Err(error)) => Err(format!("no JSON: {error}")),
                    None => Err("no JSON object".to_owned()),
                }
            }
        }
    }
}

/// Follows `$.a.b[0]['c.d']`; none where a step leads nowhere.
fn follow<'v>(object: &'v Value, path: &str) -> Option<&'v Value> {
    let mut rest = path.strip_prefix('$')?;
    let mut value = object;
    while !rest.is_empty() {
        if let Some(quoted) = rest.strip_prefix("['") {
            let (key, behind) = quoted.split_once("']")?;
            (value, rest) = (value.get(key)?, behind);
        } else if let Some(index) = rest.strip_prefix('[') {
            let (index, behind) = index.split_once(']')?;
            (value, rest) = (value.get(index.parse::<usize>().ok()?)?, behind);
        } else {
            let key = rest.strip_prefix('.')?;
            let end = key.find(['.', '[']).unwrap_or(key.len());
            (value, rest) = (value.get(&key[..end])?, &key[end..]);
        }
    }
    Some(value)
}

/// Whether `path` is a path at all, for the check of a rule.
pub(crate) fn is_path(path: &str) -> bool {
    let Some(mut rest) = path.strip_prefix('$') else {
        return false;
    };
    while !rest.is_empty() {
        let step = if let Some(quoted) = rest.strip_prefix("['") {
            quoted.split_once("']").map(|(_, behind)| behind)
        } else if let Some(index) = rest.strip_prefix('[') {
            index.split_once(']').filter(|(index, _)| index.parse::<usize>().is_ok()).map(|(_, behind)| behind)
        } else {
            rest.strip_prefix('.').and_then(|key| {
                let end = key.find(['.', '[']).unwrap_or(key.len());
                (end > 0).then(|| &key[end..])
            })
        };
        match step {
            Some(behind) => rest = behind,
            None => return false,
        }
    }
    true
}

fn key_values(text: &str, separator: Option<char>) -> Pairs<'_> {
    let ends = |c: char| separator.map_or(c.is_whitespace(), |separator| c == separator);
    let mut pairs = Vec::new();
    let mut rest = text;
    while let Some(equals) = rest.find('=') {
        let before = &rest[..equals];
        let start = before
            .rfind(|c: char| ends(c) || matches!(c, '[' | '(' | '{'))
            .map_or(0, |at| at + before[at..].chars().next().map_or(1, char::len_utf8));
        let key = before[start..].trim();
        let behind = rest[equals + 1..].trim_start_matches(' ');
        let is_spaced = behind.len() < rest.len() - equals - 1;
        let (value, after) = match behind.strip_prefix('"').and_then(unquoted) {
            Some(found) => found,
            // `key= ` is an empty value, not the next key.
            None if is_spaced && separator.is_none() => (Cow::Borrowed(""), behind),
            None => {
                let end = behind.find(ends).unwrap_or(behind.len());
                (Cow::Borrowed(behind[..end].trim()), &behind[end..])
            }
        };
        if !key.is_empty() && pairs.len() < FIELDS_MAX {
            pairs.push((Cow::Borrowed(key), value));
        }
        rest = after;
    }
    pairs
}

/// The text up to the closing quote, and what is behind it; none where it is never closed.
fn unquoted(text: &str) -> Option<(Cow<'_, str>, &str)> {
    let mut out: Option<String> = None;
    let mut from = 0;
    let bytes = text.as_bytes();
    let mut at = 0;
    while at < bytes.len() {
        match bytes[at] {
            b'"' => {
                let tail = &text[from..at];
                let value = match out {
                    Some(mut out) => {
                        out.push_str(tail);
                        Cow::Owned(out)
                    }
                    None => Cow::Borrowed(tail),
                };
                return Some((value, &text[at + 1..]));
            }
            b'\\' if matches!(bytes.get(at + 1), Some(b'"' | b'\\')) => {
                out.get_or_insert_default().push_str(&text[from..at]);
                from = at + 1;
                at += 2;
            }
            _ => at += 1,
        }
    }
    None
}

/// `CEF:0|vendor|product|version|id|name|severity|key=value with blanks key2=value`.
fn cef(text: &str) -> Option<Pairs<'_>> {
    const NAMES: [&str; 7] = ["version", "vendor", "product", "device_version", "id", "name", "severity"];
    let mut rest = &text[text.find("CEF:")? + 4..];
    let mut pairs = Vec::new();
    for name in NAMES {
        let end = unescaped(rest, b'|')?;
        pairs.push((Cow::Borrowed(name), cef_value(&rest[..end])));
        rest = &rest[end + 1..];
    }
    // A key begins behind a blank and ends at `=`; whatever stands between two keys is value.
    let mut key_at: Option<(usize, usize)> = None;
    let mut from = 0;
    while let Some(equals) = unescaped(&rest[from..], b'=').map(|at| from + at) {
        let start = rest[from..equals].rfind(' ').map_or(from, |at| from + at + 1);
        // The first `=` of all needs no blank before its key; later ones do, or are value.
        let is_key = equals > start && (key_at.is_none() || start > from);
        if is_key && let Some((key, value)) = key_at.replace((start, equals)) {
            push_cef(&mut pairs, &rest[key..value], &rest[value + 1..start]);
        }
        from = equals + 1;
    }
    if let Some((key, value)) = key_at {
        push_cef(&mut pairs, &rest[key..value], &rest[value + 1..]);
    }
    label(&mut pairs);
    Some(pairs)
}

fn push_cef<'t>(pairs: &mut Pairs<'t>, key: &'t str, value: &'t str) {
    if pairs.len() < FIELDS_MAX {
        pairs.push((Cow::Borrowed(key), cef_value(value.trim())));
    }
}

/// `cs1Label=Session` names `cs1`: the value is found under both names.
fn label<'t>(pairs: &mut Pairs<'t>) {
    let labels: Vec<_> = pairs
        .iter()
        .filter_map(|(key, name)| {
            let key = key.strip_suffix("Label")?;
            let (_, value) = pairs.iter().find(|(known, _)| known == key)?;
            Some((name.clone(), value.clone()))
        })
        .collect();
    pairs.extend(labels.into_iter().take(FIELDS_MAX));
}

/// Where `byte` first stands without a backslash before it.
fn unescaped(text: &str, byte: u8) -> Option<usize> {
    let bytes = text.as_bytes();
    let mut at = 0;
    while at < bytes.len() {
        match bytes[at] {
            b'\\' => at += 2,
            found if found == byte => return Some(at),
            _ => at += 1,
        }
    }
    None
}

fn cef_value(text: &str) -> Cow<'_, str> {
    if !text.contains('\\') {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        match (c, c == '\\') {
            (_, true) => match chars.next() {
                Some('n' | 'r') => out.push(' '),
                Some(c @ ('\\' | '|' | '=')) => out.push(c),
                Some(other) => out.extend(['\\', other]),
                None => out.push('\\'),
            },
            (c, false) => out.push(c),
        }
    }
    Cow::Owned(out)
}

/// `LEEF:1.0|vendor|product|version|id|` and pairs with tabs between them; 2.0 names another delimiter.
fn leef(text: &str) -> Option<Pairs<'_>> {
    const NAMES: [&str; 5] = ["version", "vendor", "product", "device_version", "id"];
    let mut rest = &text[text.find("LEEF:")? + 5..];
    let mut pairs = Vec::new();
    for name in NAMES {
        let (value, behind) = rest.split_once('|')?;
        pairs.push((Cow::Borrowed(name), Cow::Borrowed(value)));
        rest = behind;
    }
    let mut delimiter = '\t';
    if pairs[0].1.starts_with('2')
        && let Some((given, behind)) =
            rest.split_once('|').filter(|(given, _)| given.len() <= 6 && !given.contains('='))
    {
        let hex = given.trim_start_matches("0x").trim_start_matches('x');
        let coded = (hex.len() < given.len()).then(|| u32::from_str_radix(hex, 16).ok().and_then(char::from_u32));
        delimiter = coded.unwrap_or_else(|| given.chars().next()).unwrap_or('\t');
        rest = behind;
    }
    let attributes = rest.split(delimiter).filter_map(|pair| pair.split_once('='));
    pairs.extend(
        attributes.take(FIELDS_MAX).map(|(key, value)| (Cow::Borrowed(key.trim()), Cow::Borrowed(value.trim()))),
    );
    Some(pairs)
}

/// Columns by their names, and by their numbers from 1.
fn csv<'t>(text: &'t str, delimiter: u8, columns: &[String]) -> Result<Pairs<'t>, String> {
    let mut ranges = Vec::new();
    let mut unquoted = String::new();
    let is_plain = !text.contains('"');
    if is_plain {
        split_plain(text, delimiter, &mut ranges);
    } else {
        split_quoted(text, delimiter, &mut unquoted, &mut ranges)?;
    }
    let value = |(start, end): (u32, u32)| {
        let range = start as usize..end as usize;
        if is_plain { Cow::Borrowed(&text[range]) } else { Cow::Owned(unquoted[range].to_owned()) }
    };
    let pairs = ranges.iter().take(FIELDS_MAX).enumerate().map(|(at, range)| {
        let name = columns.get(at).filter(|name| !name.is_empty()).cloned().unwrap_or_else(|| (at + 1).to_string());
        (Cow::Owned(name), value(*range))
    });
    Ok(pairs.collect())
}
