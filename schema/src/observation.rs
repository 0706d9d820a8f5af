//! Observations: everything the outside world says, in the native wire format.
//!
//! One JSON object an observation, the same over every link. Unknown fields and kinds are
//! refused by name; nothing is guessed. The format is documented in `schema/wire/README.md`,
//! its JSON Schemas beside it are generated from these types.

mod ask;
#[macro_use]
mod table;
mod kinds;
mod name;
mod parse;
mod words;

pub use kinds::{
    CameraHealth, ClockStep, DoorReading, DoorState, DoorUsed, FailureReported, FootageSegment, Header, Kind,
    LineListed, LineUnlocked, ManualEntry, Muster, Observation, OplogSegment, OrderRevised, ReaderStatus, SessionAlive,
    SessionEnded, SessionStarted, SourceAlive, SourceCaughtUp, SourceClock, SourceGap, SystemState, TerminalPower,
    WatchGap, WatchStarted, json_schemas,
};
pub use name::{NAME_MAX_BYTES, Name, PATH_MAX_BYTES, REMARK_MAX_BYTES, Remark, SegmentPath};
pub use parse::{MAX_OBSERVATION_BYTES, Refusal, canonical_bytes, content_hash, kind_words, parse_observation};
pub use words::{
    CityAnswer, DoorStateWord, ManualDirection, MusterEntry, OrderFile, OrderReport, PowerState, ReaderStatusWord,
    ReadingResult, Sha256Hex, SystemConcern,
};
