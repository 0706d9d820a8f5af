//! Works the outbox off: what the writer queued with each change of a finding goes out, or is
//! tried again, and what became of it is written back.
//!
//! One task a channel, so a dead mail server doesn't keep the signal tower dark. A row is noted
//! after each attempt: a crash between a delivery and its note repeats the message with the same
//! id, and never loses it.

mod change;
mod compose;
mod desk;
mod messages;
mod towers;

pub use desk::{OutboxDesk, Route};
pub(crate) use messages::outbox_changed;
pub use messages::{room_name as message_room, work_channel};
pub use towers::{keep_tower, room_name as tower_room};

/// The longest wait between two looks into the outbox: a clock that was set is noticed by then.
pub(crate) const LOOK_AT_LEAST_EVERY: std::time::Duration = std::time::Duration::from_secs(60);

/// The shortest wait: a row that is due and can't go must not turn into a spin.
pub(crate) const LOOK_AT_MOST_EVERY: std::time::Duration = std::time::Duration::from_millis(250);
