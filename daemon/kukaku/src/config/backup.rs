//! Backups.

use std::path::PathBuf;

use kukaku_schema::DurationUs;
use serde::Deserialize;

/// `[backup]`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BackupConfig {
    /// The folder on another disk or a mounted share; it must exist, so that a share that is not
    /// mounted is noticed. Wrong: the backup dies with the disk that it was made for.
    pub folder: PathBuf,
    /// How often what was signed is copied, `"60s"` at most. Default: `"60s"`.
    /// Wrong: that much is lost with the disk.
    #[serde(default = "minute")]
    pub every: DurationUs,
    /// Whole copies that are kept. Default: 7.
    /// Wrong: a damage that is noticed late is in every copy, or the disk is full.
    #[serde(default = "week")]
    pub keep: usize,
    /// After so long a whole copy begins. Default: `"1d"`.
    /// Wrong: a restore reads a long row of small files.
    #[serde(default = "day")]
    pub whole_every: DurationUs,
    /// How often the newest and the oldest generation are restored for a try. Default: `"7d"`.
    /// Wrong: on the day of need it turns out to be no backup.
    #[serde(default = "week_between")]
    pub drill_every: DurationUs,
}

fn week_between() -> DurationUs {
    DurationUs::from_secs(7 * 86_400)
}

fn minute() -> DurationUs {
    DurationUs::from_secs(60)
}

fn day() -> DurationUs {
    DurationUs::from_secs(86_400)
}

fn week() -> usize {
    7
}
