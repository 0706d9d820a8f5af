//! One event of a Windows log, whichever way it came.

use std::collections::BTreeMap;

use kukaku_schema::UtcMicros;
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};

/// Most fields of an event's own data: the richest event of the channels read here has 27.
pub const FIELDS_MAX: usize = 128;

/// Longest kept value of a field in bytes; what lies behind is cut. Only command lines and
/// messages are longer, and no session is told from those.
pub const VALUE_MAX_BYTES: usize = 4096;

/// One event, normalised: EVTX, winlogbeat and NXLog give the same for the same record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WindowsEvent {
    /// The log it stands in: `Security`, `OpenSSH/Operational`.
    pub channel: String,
    /// Who wrote it there.
    pub provider: String,
    /// What it is; means something only together with the channel.
    pub event_id: u32,
    /// Its number in the channel of its computer (`EventRecordID`); of an export the number it
    /// had where it was written.
    pub record_id: Option<u64>,
    /// The computer that wrote it, as it names itself.
    pub computer: String,
    /// When it was written, by that computer's clock.
    pub time: UtcMicros,
    /// What ties the events of one connection together, in lower case without braces.
    pub activity: Option<String>,
    /// The security identifier (SID) of the account in whose name it was written.
    pub user_sid: Option<String>,
    /// Its own fields by name; unnamed ones are `param1`, `param2`, ...
    pub data: BTreeMap<String, String>,
}

impl WindowsEvent {
    /// The text of a field; empty where there is none, and where Windows writes `-` for that.
    #[must_use]
    pub fn field(&self, name: &str) -> &str {
        match self.data.get(name).map_or("", |text| text.trim()) {
            "-" => "",
            text => text,
        }
    }

    /// The id by which an observation made of it is known again, however the event came:
    /// `channel/record/computer`, the computer as 16 hex digits of the SHA-256 of its name in
    /// lower case. `None` where the sender left the record's number out.
    #[must_use]
    pub fn identity(&self) -> Option<String> {
        let digest = Sha256::digest(self.computer.to_lowercase().as_bytes());
        let hex: String = digest.iter().take(8).map(|byte| format!("{byte:02x}")).collect();
        Some(format!("{}/{}/{hex}", self.channel, self.record_id?))
    }
}

/// An event's own fields while they are gathered.
#[derive(Default)]
pub(super) struct Fields(pub BTreeMap<String, String>);

impl Fields {
    /// Takes one field; nothing where its value says nothing.
    pub fn take(&mut self, name: &str, value: &Value) {
        if self.0.len() >= FIELDS_MAX {
            return;
        }
        if let Some(text) = text_of(value) {
            self.0.insert(cut(name, VALUE_MAX_BYTES).to_owned(), cut(&text, VALUE_MAX_BYTES).to_owned());
        }
    }

    /// Takes an object's fields; of an object in it its fields, under their own names.
    pub fn take_all(&mut self, object: &Map<String, Value>) {
        for (name, value) in object {
            match value {
                _ if name.starts_with('#') => {}
                Value::Object(inner) if !inner.contains_key("#text") => {
                    for (name, value) in inner.iter().filter(|(name, _)| !name.starts_with('#')) {
                        self.take(name, value);
                    }
                }
                // Data without names: the older way of writing events.
                Value::Array(values) => {
                    for (at, value) in values.iter().enumerate() {
                        self.take(&format!("param{}", at + 1), value);
                    }
                }
                value => self.take(name, value),
            }
        }
    }
}

/// A value as a text: texts and numbers as they stand, an element with attributes its own text.
pub(super) fn text_of(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(is) => Some(is.to_string()),
        Value::Object(object) => object.get("#text").filter(|inner| !inner.is_object()).and_then(text_of),
        Value::Null | Value::Array(_) => None,
    }
}

/// The text's first bytes, cut between characters.
pub(super) fn cut(text: &str, max: usize) -> &str {
    &text[..text.floor_char_boundary(max)]
}

/// An activity's id as every way of sending it agrees on: lower case, no braces.
pub(super) fn activity(text: &str) -> Option<String> {
    let text = text.trim().trim_start_matches('{').trim_end_matches('}').to_lowercase();
    (!text.is_empty() && text != "-" && text.bytes().any(|byte| byte != b'0' && byte != b'-'))
        .then(|| cut(&text, 64).to_owned())
}

/// A name of a channel, provider or computer: kept short, without blanks around it.
pub(super) fn word(value: Option<&Value>) -> Option<String> {
    let text = text_of(value?)?;
    let text = cut(text.trim(), VALUE_MAX_BYTES);
    (!text.is_empty()).then(|| text.to_owned())
}

/// A whole number, written as one or as a text.
pub(super) fn number(value: Option<&Value>) -> Option<u64> {
    text_of(value?)?.trim().parse().ok()
}
