//! Names that devices give: bounded, printable text.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize};

/// Longest name in bytes: longer than any id seen in the field, short enough for an index row.
pub const NAME_MAX_BYTES: usize = 256;

/// Longest path of a footage segment in bytes.
pub const PATH_MAX_BYTES: usize = 1024;

/// Longest remark in bytes: a page of text.
pub const REMARK_MAX_BYTES: usize = 4096;

/// An id or word that a device or register gives: 1 to 256 bytes, no control characters.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct Name(String);

impl Name {
    /// Checks and takes a text.
    ///
    /// # Errors
    /// A sentence that says what is wrong with the text.
    pub fn new(text: impl Into<String>) -> Result<Self, String> {
        let text = text.into();
        if text.is_empty() {
            return Err("a name can't be empty".to_owned());
        }
        if text.len() > NAME_MAX_BYTES {
            return Err(format!("a name of {} bytes is longer than {NAME_MAX_BYTES}", text.len()));
        }
        if let Some(c) = text.chars().find(|c| is_unprintable(*c)) {
            return Err(format!("a name can't hold the character U+{:04X}", u32::from(c)));
        }
        Ok(Self(text))
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The text, owned.
    #[must_use]
    pub fn into_string(self) -> String {
        self.0
    }
}

/// Controls, line separators and bidirectional overrides: they forge lines and hide text.
fn is_unprintable(c: char) -> bool {
    c.is_control() || matches!(c, '\u{2028}' | '\u{2029}' | '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}')
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl AsRef<str> for Name {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl<'de> Deserialize<'de> for Name {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::new(String::deserialize(deserializer)?).map_err(serde::de::Error::custom)
    }
}

impl schemars::JsonSchema for Name {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Name".into()
    }
    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "type": "string",
            "minLength": 1,
            "maxLength": NAME_MAX_BYTES,
            "description": "1 to 256 bytes of UTF-8 without control characters."
        })
    }
}

/// What a person writes in a form: 1 to 4096 bytes, several lines, no other control characters.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct Remark(String);

impl Remark {
    /// Checks and takes a text; line ends become `\n`, blanks around it are dropped.
    ///
    /// # Errors
    /// A sentence that says what is wrong with the text.
    pub fn new(text: &str) -> Result<Self, String> {
        let text = text.replace("\r\n", "\n").trim().to_owned();
        if text.is_empty() || text.len() > REMARK_MAX_BYTES {
            return Err(format!("a remark has 1 to {REMARK_MAX_BYTES} bytes, this one {}", text.len()));
        }
        if let Some(c) = text.chars().find(|c| *c != '\n' && is_unprintable(*c)) {
            return Err(format!("a remark can't hold the character U+{:04X}", u32::from(c)));
        }
        Ok(Self(text))
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl<'de> Deserialize<'de> for Remark {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::new(&String::deserialize(deserializer)?).map_err(serde::de::Error::custom)
    }
}

impl schemars::JsonSchema for Remark {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Remark".into()
    }
    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "type": "string",
            "minLength": 1,
            "maxLength": REMARK_MAX_BYTES,
            "description": "1 to 4096 bytes of UTF-8, several lines, without other control characters."
        })
    }
}

/// The path of a footage segment below its recorder's folder: relative, no `..`, `/` between parts.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct SegmentPath(String);

impl SegmentPath {
    /// Checks and takes a path.
    ///
    /// # Errors
    /// A sentence that says what is wrong with the path.
    pub fn new(text: impl Into<String>) -> Result<Self, String> {
        let text = text.into();
        if text.is_empty() || text.len() > PATH_MAX_BYTES {
            return Err(format!("a segment path has 1 to {PATH_MAX_BYTES} bytes, this one {}", text.len()));
        }
        if let Some(c) = text.chars().find(|c| is_unprintable(*c)) {
            return Err(format!("a segment path can't hold the character U+{:04X}", u32::from(c)));
        }
        // Windows names would mean another file on another machine.
        if text.starts_with('/') || text.contains('\\') || text.contains(':') {
            return Err(format!("segment path {text:?} must be relative, with / between its parts"));
        }
        if text.split('/').any(|part| part.is_empty() || part == "." || part == "..") {
            return Err(format!("segment path {text:?} leaves its folder or holds an empty part"));
        }
        Ok(Self(text))
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl<'de> Deserialize<'de> for SegmentPath {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::new(String::deserialize(deserializer)?).map_err(serde::de::Error::custom)
    }
}

impl schemars::JsonSchema for SegmentPath {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "SegmentPath".into()
    }
    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "type": "string",
            "minLength": 1,
            "maxLength": PATH_MAX_BYTES,
            "description": "Relative path below the recorder's folder; no empty, `.` or `..` parts."
        })
    }
}
