//! The dialects in which gateways write their logs: those that come with the program, and files.

use std::path::Path;
use std::sync::Arc;

use kukaku_codec::logs::{LogReader, Outcome, Rules, header};
use kukaku_codec::windows::{self, OpenSession, WindowsConfig, WindowsSessions, read_json};
use kukaku_schema::intake::{ArrivalBody, Unreadable};
use kukaku_schema::{Name, SiteZone, UtcMicros};
use kukaku_store::query::{self, SessionRow};
use kukaku_store::read_only;
use kukaku_syslog::{LineReader, Taken};
use kukaku_web::PostedLog;

/// How a file of rules is told from a shipped dialect.
pub const FILE_ENDING: &str = ".toml";

/// The dialect of Windows events as JSON.
pub const WINDOWS: &str = "windows";

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
                "{dialect:?} is no dialect; expected a file that ends in .toml, {WINDOWS}, or one of {}",
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

/// What lines are written in.
#[derive(Clone)]
pub enum Dialect {
    /// Read by rules.
    Rules(Arc<Rules>),
    /// Windows events as winlogbeat and NXLog send them.
    Windows(WindowsConfig),
}

/// Why a source's log can't be read: the key, and what is wrong with it.
pub type Wrong = (&'static str, String);

impl Dialect {
    /// The dialect of that name: `windows`, a shipped one, or a file of rules; with what the
    /// configuration says of Windows' logs beside it.
    ///
    /// # Errors
    /// As [`rules`]; and where it speaks of Windows beside another dialect.
    pub fn named(name: &str, windows: Option<&WindowsConfig>) -> Result<Self, Wrong> {
        match windows {
            _ if name == WINDOWS => Ok(Self::Windows(windows.cloned().unwrap_or_default())),
            Some(_) => Err((WINDOWS, format!("belongs to dialect = {WINDOWS:?}, and this is {name:?}"))),
            None => rules(name).map(Self::Rules).map_err(|why| ("dialect", why)),
        }
    }

    /// A reader of `source`'s lines, whose clock shows the time of `zone` where a line names none.
    #[must_use]
    pub fn reader(&self, source: Name, zone: SiteZone) -> SourceReader {
        let (named, zone_too) = (source.as_str().to_owned(), zone.clone());
        let sort = match self {
            Self::Rules(rules) => Sort::Rules(LogReader::new(Arc::clone(rules), source, zone)),
            Self::Windows(config) => Sort::Windows(WindowsSessions::new(config.sessions(source))),
        };
        SourceReader { source: named, zone: zone_too, sort }
    }
}

/// Open sessions that are taken up after a restart, of all sources together.
const OPEN_TAKEN_UP_MAX: u32 = 10_000;

/// The sessions that are open, for [`SourceReader::with_open`]. Where they can't be read, none: what
/// comes is kept all the same.
#[must_use]
pub fn open_sessions(store: &Path) -> Vec<SessionRow> {
    let open = read_only(store).and_then(|conn| query::open_sessions(&conn, OPEN_TAKEN_UP_MAX));
    open.map(|open| open.rows).unwrap_or_else(|error| {
        tracing::warn!("the open sessions can't be read: {error}");
        Vec::new()
    })
}

/// Reads the lines of one source, over whatever link they come.
#[derive(Clone)]
pub struct SourceReader {
    source: String,
    zone: SiteZone,
    sort: Sort,
}

#[derive(Clone)]
enum Sort {
    Rules(LogReader),
    Windows(WindowsSessions),
}

/// What came of a line, whichever reader read it.
enum Read {
    Said(Vec<kukaku_schema::Observation>),
    Held,
    Nothing,
    Refused(String),
}

impl SourceReader {
    /// Takes up what was open before a restart: what a later line ends by a number alone is else
    /// never known to have ended.
    #[must_use]
    pub fn with_open(mut self, open: &[SessionRow]) -> Self {
        if let Sort::Windows(sessions) = &mut self.sort {
            // The latest is the likelier one to be meant, and is looked for first.
            for row in open.iter().rev().filter(|row| row.source == self.source) {
                sessions.take_up(&OpenSession {
                    session: &row.session,
                    account: row.account.as_deref().unwrap_or_default(),
                    address: row.address.as_deref(),
                    target: row.target.as_deref(),
                    started: row.start,
                });
            }
        }
        self
    }

    fn read(&mut self, line: &[u8], received: UtcMicros) -> Read {
        let read = header::read(line, received, &self.zone);
        match &mut self.sort {
            Sort::Rules(reader) => match reader.take(&read, received) {
                Outcome::Observations(all) => Read::Said(all),
                Outcome::Held { .. } => Read::Held,
                Outcome::Ignored { .. } => Read::Nothing,
                Outcome::Refused { reason, .. } => Read::Refused(reason),
            },
            Sort::Windows(sessions) => match read_json(read.text().as_bytes(), Some(&self.zone)) {
                Err(why) => Read::Refused(why),
                Ok(event) => match sessions.take(&event) {
                    windows::Outcome::Observations(all) => Read::Said(all),
                    windows::Outcome::Held => Read::Held,
                    windows::Outcome::Ignored(_) => Read::Nothing,
                    windows::Outcome::Refused(reason) => Read::Refused(reason),
                },
            },
        }
    }
}

impl LineReader for SourceReader {
    fn take(&mut self, line: &[u8], received: UtcMicros) -> Taken {
        let (bodies, remembers) = match self.read(line, received) {
            Read::Said(all) => (all.into_iter().map(|one| ArrivalBody::Observation(Box::new(one))).collect(), false),
            Read::Held => (Vec::new(), true),
            Read::Nothing => (Vec::new(), false),
            Read::Refused(reason) => {
                let kept = Unreadable::new(Some(self.source.clone()), line, reason);
                (vec![ArrivalBody::Unreadable(kept)], false)
            }
        };
        Taken { bodies, remembers }
    }
}

impl PostedLog for SourceReader {
    fn take(&mut self, line: &[u8], received: UtcMicros) -> Vec<ArrivalBody> {
        LineReader::take(self, line, received).bodies
    }

    fn copied(&self) -> Box<dyn PostedLog> {
        Box::new(self.clone())
    }
}
