//! The dialects in which gateways write their logs: those that come with the program, and files.

use std::path::Path;
use std::sync::Arc;

use kukaku_codec::logs::{LogReader, Outcome, Rules, header};
use kukaku_schema::intake::{ArrivalBody, Unreadable};
use kukaku_schema::{Name, SiteZone, UtcMicros};
use kukaku_syslog::{LineReader, Taken};

/// How a file of rules is told from a shipped dialect.
pub const FILE_ENDING: &str = ".toml";

/// Longest file of rules in bytes: thousands of lines.
const RULES_MAX_BYTES: u64 = 1024 * 1024;

/// The rules of a dialect: the name of a shipped one, or a file that ends in `.toml`.
///
/// # Errors
/// A sentence: there is no such dialect or file, or what is wrong in it with file, line and key.
pub fn rules(dialect: &str) -> Result<Arc<Rules>, String> {
    if !dialect.ends_with(FILE_ENDING) {
        return Rules::shipped(dialect).ok_or_else(|| {
            let known: Vec<&str> = Rules::shipped_names().collect();
            format!("{dialect:?} is no dialect; expected a file that ends in .toml, or one of {}", known.join(", "))
        });
    }
    read(Path::new(dialect)).map(Arc::new)
}

fn read(path: &Path) -> Result<Rules, String> {
    let wrong = |e: std::io::Error| format!("read {}: {e}", path.display());
    let length = std::fs::metadata(path).map_err(wrong)?.len();
    if length > RULES_MAX_BYTES {
        return Err(format!("{}: {length} bytes are more than {RULES_MAX_BYTES}", path.display()));
    }
    let text = std::fs::read_to_string(path).map_err(wrong)?;
    Rules::parse(&text, &path.display().to_string()).map_err(|e| e.to_string())
}

/// Reads the lines of one source.
pub struct DialectReader {
    source: String,
    zone: SiteZone,
    reader: LogReader,
}

impl DialectReader {
    /// A reader of `source`'s lines, whose clock shows the time of `zone` where a line names none.
    #[must_use]
    pub fn new(rules: Arc<Rules>, source: Name, zone: SiteZone) -> Self {
        Self { source: source.as_str().to_owned(), zone: zone.clone(), reader: LogReader::new(rules, source, zone) }
    }
}

impl LineReader for DialectReader {
    fn take(&mut self, line: &[u8], received: UtcMicros) -> Taken {
        let read = header::read(line, received, &self.zone);
        match self.reader.take(&read, received) {
            Outcome::Observations(all) => {
                let bodies = all.into_iter().map(|one| ArrivalBody::Observation(Box::new(one))).collect();
                Taken { bodies, remembers: false }
            }
            Outcome::Held { .. } => Taken { bodies: Vec::new(), remembers: true },
            Outcome::Ignored { .. } => Taken::default(),
            Outcome::Refused { reason, .. } => {
                let kept = Unreadable::new(Some(self.source.clone()), line, reason);
                Taken { bodies: vec![ArrivalBody::Unreadable(kept)], remembers: false }
            }
        }
    }
}
