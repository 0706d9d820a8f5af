//! Folders of operation logs: `[[oplogs]]`. Followed like a recorder's folder, with what differs
//! said here: a log goes on growing, is complete only when it rests, and is read again when its
//! time of change is another, so that a file which was changed in place is seen.
//!
//! ```toml
//! [[oplogs]]
//! source = "oplog-1"
//! root = "/srv/oplog"
//! pattern = "{terminal}/%Y-%m-%d.log"
//! zone = "Asia/Tokyo"
//! ```

use std::path::PathBuf;

use kukaku_schema::observation::{FootageSegment, Observation, OplogSegment, Sha256Hex};
use kukaku_schema::{DurationUs, Name, UtcMicros};
use serde::Deserialize;

use crate::config::{ConfigError, FootageConfig, Watch};
use crate::shelf::Place;

/// What the files of a folder are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum What {
    /// A recorder's segments.
    #[default]
    Footage,
    /// Operation logs of terminals.
    Oplog,
}

impl What {
    /// The word for the link's name.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Footage => "footage",
            Self::Oplog => "oplog",
        }
    }

    /// What a refused file is called.
    pub(crate) fn refused(self) -> &'static str {
        match self {
            Self::Footage => "footage file refused",
            Self::Oplog => "operation log refused",
        }
    }
}

/// One folder of operation logs.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OplogConfig {
    /// The source that the logs are reported by.
    pub source: Name,
    /// The terminal, where the pattern has no `{terminal}`.
    #[serde(default)]
    pub terminal: Option<Name>,
    /// The folder.
    pub root: PathBuf,
    /// How files are named below it: `%Y %m %d %H %M %S %j %s %f %%`, `{terminal}`, `{any}`.
    pub pattern: String,
    /// The IANA zone of the times in names. Wrong: every log is hours off.
    #[serde(default = "utc")]
    pub zone: String,
    /// The longest time that one file tells of.
    #[serde(default = "one_day")]
    pub length: DurationUs,
    /// A log rests, and is reported, when it has not grown for so long.
    #[serde(default = "one_minute")]
    pub settle: DurationUs,
    /// How many MiB a second are read at most for hashing.
    #[serde(default = "fifty")]
    pub hash_mib_per_s: u32,
    /// How changes are noticed.
    #[serde(default)]
    pub watch: Watch,
    /// The time between two passes through the whole folder while polling.
    #[serde(default = "one_minute")]
    pub poll_every: DurationUs,
    /// The time between two passes while watching: finds what a notification missed.
    #[serde(default = "ten_minutes")]
    pub rescan_every: DurationUs,
}

fn utc() -> String {
    "UTC".to_owned()
}

fn fifty() -> u32 {
    50
}

fn one_minute() -> DurationUs {
    DurationUs::from_secs(60)
}

fn ten_minutes() -> DurationUs {
    DurationUs::from_secs(600)
}

fn one_day() -> DurationUs {
    DurationUs::from_secs(86_400)
}

impl OplogConfig {
    /// Checks what types alone can't say.
    ///
    /// # Errors
    /// The first field that can't work.
    pub fn check(&self) -> Result<(), ConfigError> {
        let named = |error: ConfigError| ConfigError {
            field: match error.field {
                "camera" => "terminal",
                "segment_length" => "length",
                other => other,
            },
            reason: error.reason.replace("{camera}", "{terminal}"),
            ..error
        };
        if self.pattern.contains("{camera}") {
            let reason = "{camera} stands in patterns of footage; here it is {terminal}".to_owned();
            return Err(ConfigError { source_name: self.source.to_string(), field: "pattern", reason });
        }
        self.follow().check().map(drop).map_err(named)
    }

    /// How the folder is followed.
    #[must_use]
    pub fn follow(&self) -> FootageConfig {
        FootageConfig {
            source: self.source.clone(),
            camera: self.terminal.clone(),
            root: self.root.clone(),
            pattern: self.pattern.replace("{terminal}", "{camera}"),
            zone: self.zone.clone(),
            segment_length: self.length,
            hash: true,
            hash_mib_per_s: self.hash_mib_per_s,
            settle: self.settle,
            watch: self.watch,
            poll_every: self.poll_every,
            rescan_every: self.rescan_every,
            what: What::Oplog,
        }
    }
}

/// What is said of a file.
pub(crate) struct Said {
    pub(crate) device_time: UtcMicros,
    pub(crate) start: UtcMicros,
    pub(crate) end: UtcMicros,
    pub(crate) bytes: u64,
    pub(crate) sha256: Option<Sha256Hex>,
    pub(crate) gone: bool,
}

/// The observation that says it.
pub(crate) fn observation(config: &FootageConfig, place: &Place, said: Said) -> Observation {
    let (source, path) = (config.source.clone(), place.path.clone());
    let Said { device_time, start, end, bytes, sha256, gone } = said;
    let (epoch, seq, event_id) = (None, None, None);
    match config.what {
        What::Footage => {
            let camera = place.camera.clone();
            Observation::FootageSegment(FootageSegment {
                source,
                epoch,
                seq,
                event_id,
                device_time,
                camera,
                path,
                start,
                end,
                bytes,
                sha256,
                gone,
            })
        }
        What::Oplog => {
            let (terminal, session) = (place.camera.clone(), None);
            Observation::OplogSegment(OplogSegment {
                source,
                epoch,
                seq,
                event_id,
                device_time,
                terminal,
                session,
                path,
                start,
                end,
                bytes,
                sha256,
                gone,
            })
        }
    }
}
