//! A mail to others than the channel's own receivers: what a client has to be told.

use sha2::{Digest as _, Sha256};

use crate::alert::hex;
use crate::text::one_line;

/// Longest subject in characters.
const SUBJECT_MAX_CHARS: usize = 200;

/// Longest line of the body in characters; the longest is a line of a signed checkpoint.
const LINE_MAX_CHARS: usize = 900;

/// Most lines of the body.
const LINES_MAX: usize = 200;

/// A mail to somebody.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Letter {
    /// What makes it this one: the same for every attempt.
    pub key: String,
    /// The receivers: bare addresses.
    pub to: Vec<String>,
    /// Its subject.
    pub subject: String,
    /// Its body, one text a line.
    pub lines: Vec<String>,
}

impl Letter {
    /// A stable id: 32 hexadecimal digits.
    #[must_use]
    pub fn delivery_id(&self) -> String {
        hex(&Sha256::digest(format!("kukaku-letter/1\n{}", self.key).as_bytes())[..16])
    }

    /// The subject as it goes out.
    pub(crate) fn subject(&self) -> String {
        one_line(&self.subject, SUBJECT_MAX_CHARS)
    }

    /// The body as it goes out: no name forges a line.
    pub(crate) fn body(&self) -> String {
        self.lines.iter().take(LINES_MAX).map(|line| one_line(line, LINE_MAX_CHARS) + "\n").collect()
    }
}
