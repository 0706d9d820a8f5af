//! The dialects in which gateways write their logs: those that come with the program, and files.

use std::path::Path;
use std::sync::Arc;

use kukaku_codec::logs::{LogReader, Outcome, Rules, header};
use kukaku_codec::windows::{self, AccountForm, Grain, Role, SessionsConfig, WindowsSessions, read_json};
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
            format!(
                "{dialect:?} is no dialect; expected a file that ends in .toml, windows, windows-gateway, windows-terminal, or one of {}",
                known.join(", ")
            )
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

/// What the machines are whose event logs winlogbeat and NXLog send as JSON.
const WINDOWS: [(&str, Role); 3] =
    [("windows", Role::Target), ("windows-gateway", Role::Gateway), ("windows-terminal", Role::Terminal)];

/// What lines are written in.
#[derive(Clone)]
pub enum Dialect {
    /// Read by rules.
    Rules(Arc<Rules>),
    /// Windows events as JSON.
    Windows(Role),
}

impl Dialect {
    /// The dialect of that name: `windows` and its like, a shipped one, or a file of rules.
    ///
    /// # Errors
    /// As [`rules`].
    pub fn named(name: &str) -> Result<Self, String> {
        match WINDOWS.iter().find(|(word, _)| *word == name) {
            Some((_, role)) => Ok(Self::Windows(*role)),
            None => rules(name).map(Self::Rules),
        }
    }

    /// A reader of `source`'s lines, whose clock shows the time of `zone` where a line names none.
    #[must_use]
    pub fn reader(&self, source: Name, zone: SiteZone) -> Box<dyn LineReader> {
        let (named, zone_too) = (source.as_str().to_owned(), zone.clone());
        match self {
            Self::Rules(rules) => {
                let reader = LogReader::new(Arc::clone(rules), source, zone);
                Box::new(DialectReader { source: named, zone: zone_too, reader })
            }
            Self::Windows(role) => {
                let config = SessionsConfig {
                    source,
                    role: *role,
                    accounts: AccountForm::Qualified,
                    grain: Grain::Milliseconds,
                    known_accounts: Vec::new(),
                };
                Box::new(WindowsReader { source: named, zone, sessions: WindowsSessions::new(config) })
            }
        }
    }
}

/// Reads the events of one source's machines.
struct WindowsReader {
    source: String,
    zone: SiteZone,
    sessions: WindowsSessions,
}

impl LineReader for WindowsReader {
    fn take(&mut self, line: &[u8], received: UtcMicros) -> Taken {
        let read = header::read(line, received, &self.zone);
        let outcome = match read_json(read.text().as_bytes(), Some(&self.zone)) {
            Ok(event) => self.sessions.take(&event),
            Err(why) => windows::Outcome::Refused(why),
        };
        match outcome {
            windows::Outcome::Observations(all) => {
                let bodies = all.into_iter().map(|one| ArrivalBody::Observation(Box::new(one))).collect();
                Taken { bodies, remembers: false }
            }
            windows::Outcome::Held => Taken { bodies: Vec::new(), remembers: true },
            windows::Outcome::Ignored(_) => Taken::default(),
            windows::Outcome::Refused(reason) => {
                let kept = Unreadable::new(Some(self.source.clone()), line, reason);
                Taken { bodies: vec![ArrivalBody::Unreadable(kept)], remembers: false }
            }
        }
    }
}

/// Reads the lines of one source.
struct DialectReader {
    source: String,
    zone: SiteZone,
    reader: LogReader,
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
