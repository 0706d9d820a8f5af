//! What can be wrong with a mapping, with a file, and with one line of a file.

use std::io;

use kukaku_schema::intake::{UNREADABLE_KEPT_BYTES, Unreadable};

/// A mapping that cannot be used: where, which key, and what was expected there.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("read mapping {file}: line {line}, `{key}`: {message}")]
pub struct MappingError {
    /// The mapping's file name, as it was given.
    pub file: String,
    /// The line, from 1.
    pub line: usize,
    /// The key, with its tables: `doors.fields.reader`.
    pub key: String,
    /// What is wrong and what was expected.
    pub message: String,
}

/// Why a file cannot be read at all; faults of single lines are [`LineError`]s.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The bytes did not come.
    #[error("read line {line_no}: {source}")]
    Io {
        /// The line that was being read, from 1.
        line_no: u64,
        /// What the operating system said.
        #[source]
        source: io::Error,
    },
    /// The file ended before its header line.
    #[error("the file has no header line after {skip_lines} skipped lines; is `skip_lines` right?")]
    NoHeader {
        /// How many lines the mapping skips.
        skip_lines: u64,
    },
    /// The header line cannot be understood.
    #[error("line {line_no} should be the header: {reason}")]
    Header {
        /// Its line, from 1.
        line_no: u64,
        /// What is wrong with it.
        reason: String,
    },
    /// The mapping names a column that the header does not have.
    #[error("the header in line {line_no} has no column {column:?}; it has: {found}")]
    MissingColumn {
        /// The line of the header, from 1.
        line_no: u64,
        /// The column that the mapping names.
        column: String,
        /// The columns that are there, as a list for people.
        found: String,
    },
    /// The file begins with the mark of an encoding that the mapping does not name.
    #[error(
        "the file begins with the mark of {found}, but the mapping says {expected}; \
             set `encoding`, or save the file in {expected}"
    )]
    Encoding {
        /// What the mark says.
        found: &'static str,
        /// What the mapping says.
        expected: &'static str,
    },
}

/// A line that could not be used. Its bytes are kept, the rest of the file goes on.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line_no}: {reason}")]
pub struct LineError {
    /// The line, from 1, counted as an editor does.
    pub line_no: u64,
    /// What is wrong with it.
    pub reason: String,
    /// The first 64 KiB of the line.
    pub head: Vec<u8>,
    /// Its whole length in bytes.
    pub length: u64,
    /// SHA-256 over the whole of it.
    pub sha256: [u8; 32],
}

impl LineError {
    /// Keeps what there is to keep of the line's `bytes`.
    pub(crate) fn new(line_no: u64, bytes: &[u8], reason: String) -> Self {
        let Unreadable { head, length, sha256, reason, .. } = Unreadable::new(None, bytes, reason);
        Self { line_no, reason, head, length, sha256 }
    }

    /// The arrival that keeps this line: its bytes with the line number in the reason.
    #[must_use]
    pub fn into_unreadable(self, source: Option<String>) -> Unreadable {
        debug_assert!(self.head.len() <= UNREADABLE_KEPT_BYTES);
        Unreadable {
            source,
            reason: format!("line {}: {}", self.line_no, self.reason),
            head: self.head,
            length: self.length,
            sha256: self.sha256,
        }
    }
}
