//! A line of `entries.jsonl`: one entry that is opened to the client.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use kukaku_ledger::{Leaf, SALT_BYTES, commitment};
use serde::{Deserialize, Serialize};

use crate::archive::ENTRIES;
use crate::error::PackError;

/// Longest line in bytes: the largest arrival that is kept whole, as hex and escaped, four times.
pub const LINE_MAX_BYTES: usize = 16 * 1024 * 1024;

/// The field name under which a leaf commits to its body.
const FIELD: &str = "payload";

/// How far an entry is opened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Opened {
    /// Salt and body.
    Whole {
        /// The salt of the commitment.
        salt: [u8; SALT_BYTES],
        /// The body as it was recorded.
        body: String,
        /// The operator whose reading it is, by the registers: the site's word, not proven by the tree.
        person: Option<String>,
    },
    /// The leaf alone: the client's last entry before the period, or its first after it.
    Fence,
    /// The leaf alone: the value was erased.
    Erased,
}

/// An entry that is opened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// The leaf.
    pub leaf: Leaf,
    /// How far it is opened.
    pub opened: Opened,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Wire {
    seq: u64,
    leaf: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    salt: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    body: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    person: Option<String>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    fence: bool,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    erased: bool,
}

impl Line {
    /// The line with its newline.
    ///
    /// # Errors
    /// A leaf that has no bytes.
    pub fn to_text(&self) -> Result<String, PackError> {
        let bytes = self.leaf.encode().map_err(|error| PackError::leaf(self.leaf.seq, &error))?;
        let mut wire = Wire {
            seq: self.leaf.seq,
            leaf: STANDARD.encode(bytes),
            salt: None,
            body: None,
            person: None,
            fence: self.opened == Opened::Fence,
            erased: self.opened == Opened::Erased,
        };
        if let Opened::Whole { salt, body, person } = &self.opened {
            wire.salt = Some(STANDARD.encode(salt));
            wire.body = Some(body.clone());
            wire.person.clone_from(person);
        }
        let mut text = serde_json::to_string(&wire).expect("texts and numbers always serialise");
        text.push('\n');
        Ok(text)
    }

    /// Reads a line, with its newline, and checks what it can prove by itself: the body against
    /// the leaf. Every spelling but the one of `to_text` is refused.
    pub(crate) fn parse(text: &[u8]) -> Result<Self, PackError> {
        let form = |what: &str| PackError::form(ENTRIES, what);
        let wire: Wire =
            serde_json::from_slice(text).map_err(|error| form(&format!("not a line of a pack: {error}")))?;
        let decoded = |text: &str| STANDARD.decode(text).map_err(|_| form("not base64"));
        let leaf = Leaf::decode(&decoded(&wire.leaf)?).map_err(|error| PackError::leaf(wire.seq, &error))?;
        let opened = match (wire.salt, wire.body, wire.fence, wire.erased) {
            (Some(salt), Some(body), false, false) => {
                let salt = decoded(&salt)?.try_into().map_err(|_| form("a salt is not 32 bytes"))?;
                Opened::Whole { salt, body, person: wire.person }
            }
            (None, None, true, false) if wire.person.is_none() => Opened::Fence,
            (None, None, false, true) if wire.person.is_none() => Opened::Erased,
            _ => return Err(form("a line is neither whole, nor a fence, nor erased")),
        };
        let line = Self { leaf, opened };
        if wire.seq != line.leaf.seq {
            return Err(PackError::entry(wire.seq, "its leaf bears another number"));
        }
        if line.to_text()?.as_bytes() != text {
            return Err(PackError::entry(wire.seq, "its line is not written as a pack writes it"));
        }
        line.check_value()?;
        Ok(line)
    }

    /// Whether the body is what the leaf commits to.
    pub(crate) fn check_value(&self) -> Result<(), PackError> {
        let Opened::Whole { salt, body, .. } = &self.opened else { return Ok(()) };
        if commitment(salt, FIELD, body.as_bytes()) == self.leaf.commitment {
            return Ok(());
        }
        Err(PackError::entry(self.leaf.seq, "its value was changed: it is not what the entry commits to"))
    }
}
