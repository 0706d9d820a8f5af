//! Follows a recorder's folder and reports its segments as `footage.segment` observations; a folder
//! of operation logs likewise, as `oplog.segment`.
//!
//! A file is reported once it is complete: renamed into place, closed by its writer, or not
//! grown for a named time. Its start and length come from the MP4 where it tells them, else
//! from its name and the next one's start. A file that is deleted later is reported gone; when
//! the whole folder vanishes, nothing is reported gone: an unmounted disk is no lost footage.
//!
//! Nothing counts as reported before the writer kept it. Files are hostile: names, links, sizes
//! and contents are bounded and checked, and what is refused is reported as unreadable.
//! Decides no meaning: gaps and losses are the engine's business.

mod config;
mod disk;
mod event;
mod follower;
mod mp4;
mod oplog;
mod pattern;
mod shelf;
mod watch;

pub use config::{ConfigError, FootageConfig, Watch};
pub use event::{LinkEvent, Reporter};
pub use follower::{Follower, Handle};
pub use mp4::{Timing, timing};
pub use oplog::{OplogConfig, What};
pub use pattern::{Named, Pattern};
pub use shelf::{Cursor, KNOWN_MAX, KnownSegment};
pub use watch::Hint;
