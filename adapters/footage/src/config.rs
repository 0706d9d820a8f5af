//! The part of the configuration file that names a recorder's folder: `[[footage]]`.
//!
//! ```toml
//! [[footage]]
//! source = "nvr-1"
//! root = "/srv/nvr/recordings"
//! pattern = "%Y-%m-%d/%H/{camera}/%M.%S.mp4"
//! segment_length = "10s"
//! ```

use std::path::PathBuf;

use kukaku_schema::{DurationUs, Name, SiteZone};
use serde::Deserialize;

use crate::oplog::What;
use crate::pattern::Pattern;

/// How changes in the folder are noticed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Watch {
    /// By the kernel's notifications on local file systems; by polling on shares (NFS, SMB, 9P,
    /// FUSE), where another machine's writing is never notified.
    #[default]
    Auto,
    /// By polling.
    Poll,
}

/// One recorder's folder.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FootageConfig {
    /// The source that the segments are reported by.
    pub source: Name,
    /// The camera, where the pattern has no `{camera}`.
    #[serde(default)]
    pub camera: Option<Name>,
    /// The recorder's folder.
    pub root: PathBuf,
    /// How files are named below it: `%Y %m %d %H %M %S %j %s %f %%`, `{camera}`, `{any}`.
    pub pattern: String,
    /// The IANA zone of the times in names. Wrong: every segment is hours off.
    #[serde(default = "utc")]
    pub zone: String,
    /// The longest a segment lasts, where the file itself doesn't say how long it is.
    #[serde(default = "one_minute")]
    pub segment_length: DurationUs,
    /// Whether SHA-256 of each file is computed; costs one reading of everything.
    #[serde(default = "yes")]
    pub hash: bool,
    /// How many MiB a second are read at most for hashing, so that the recorder comes first.
    #[serde(default = "fifty")]
    pub hash_mib_per_s: u32,
    /// A file that was neither closed nor renamed is complete when it has not grown for so long.
    #[serde(default = "five_seconds")]
    pub settle: DurationUs,
    /// How changes are noticed.
    #[serde(default)]
    pub watch: Watch,
    /// The time between two passes through the whole folder while polling.
    #[serde(default = "half_a_minute")]
    pub poll_every: DurationUs,
    /// The time between two passes while watching: finds what a notification missed.
    #[serde(default = "ten_minutes")]
    pub rescan_every: DurationUs,
    /// What the files are.
    #[serde(skip)]
    pub what: What,
}

fn utc() -> String {
    "UTC".to_owned()
}

fn yes() -> bool {
    true
}

fn fifty() -> u32 {
    50
}

fn one_minute() -> DurationUs {
    DurationUs::from_secs(60)
}

fn five_seconds() -> DurationUs {
    DurationUs::from_secs(5)
}

fn half_a_minute() -> DurationUs {
    DurationUs::from_secs(30)
}

fn ten_minutes() -> DurationUs {
    DurationUs::from_secs(600)
}

/// What is wrong with a footage folder's configuration.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("footage of source {source_name:?}: {field}: {reason}")]
pub struct ConfigError {
    /// The source whose folder it is.
    pub source_name: String,
    /// The field.
    pub field: &'static str,
    /// What is wrong with it and what was expected.
    pub reason: String,
}

impl FootageConfig {
    /// Checks what types alone can't say, and reads the pattern.
    ///
    /// # Errors
    /// The first field that can't work.
    pub fn check(&self) -> Result<Pattern, ConfigError> {
        let wrong = |field, reason: String| Err(ConfigError { source_name: self.source.to_string(), field, reason });
        let zone = match SiteZone::named(&self.zone) {
            Ok(zone) => zone,
            Err(reason) => return wrong("zone", reason),
        };
        let read = match self.what {
            What::Footage => Pattern::parse,
            What::Oplog => Pattern::parse_daily,
        };
        let pattern = match read(&self.pattern, zone) {
            Ok(pattern) => pattern,
            Err(reason) => return wrong("pattern", reason),
        };
        match (&self.camera, pattern.names_camera()) {
            (None, false) => {
                return wrong("camera", "needed, because the pattern has no {camera}".to_owned());
            }
            (Some(_), true) => {
                return wrong("camera", "stands in the pattern already as {camera}".to_owned());
            }
            _ => {}
        }
        let day = DurationUs::from_secs(86_400);
        for (field, value, least) in [
            ("segment_length", self.segment_length, DurationUs::from_secs(1)),
            ("settle", self.settle, DurationUs(100_000)),
            ("poll_every", self.poll_every, DurationUs::from_secs(1)),
            ("rescan_every", self.rescan_every, DurationUs::from_secs(10)),
        ] {
            if value < least || value > day {
                return wrong(field, format!("{} must lie between {} and 1d", value.to_text(), least.to_text()));
            }
        }
        if self.hash_mib_per_s == 0 {
            return wrong("hash_mib_per_s", "must be at least 1; to switch hashing off say hash = false".to_owned());
        }
        if !self.root.is_absolute() {
            return wrong("root", format!("{:?} must be an absolute path", self.root));
        }
        Ok(pattern)
    }
}
