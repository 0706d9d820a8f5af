//! The only SQL: append, project, query, verify.
//!
//! One owner (the daemon's writer thread) holds a [`Store`] and appends through a [`Batch`]: one
//! transaction for journal leaves, projections, effects, outbox and cursors. Everybody else reads
//! through [`read_only`] connections. Decides no meaning: that is `kukaku-core`.
//!
//! Trust: what [`Batch::commit`] returned is on the disk (WAL, `synchronous=FULL`, both read back
//! at opening). What a failed commit left behind is unknown; the caller drops the [`Store`],
//! opens it again and lets identity absorb what is sent twice.

mod batch;
mod bytes;
mod changed;
mod checkpoint;
mod connect;
mod directory;
mod effects;
mod error;
mod identity;
mod load;
mod lock;
mod observations;
mod outbox;
mod prepared;
pub mod query;
mod registers;
mod schema;
mod store;
mod tree;
pub mod users;
mod verify;

pub use batch::{Appended, Batch, Committed, NewLeaf, PAYLOAD_FIELD};
pub use changed::{Changed, ChangedKind};
pub use checkpoint::StoredCheckpoint;
pub use connect::{beside, read_only};
pub use directory::Directory;
pub use effects::{Notice, NoticeRow};
pub use error::StoreError;
pub use load::{EffectLeaf, JournalInput, RegisterEpoch, effect_leaves, journal_inputs};
pub use outbox::{OutboxRow, OutboxState};
pub use prepared::{Prepared, PreparedBody};
pub use registers::{RegisterDiff, RegisterStep};
pub use schema::{APPLICATION_ID, SCHEMA_SQL, SCHEMA_VERSION};
pub use store::{Head, Store};
pub use verify::{Finding as VerifyFinding, VerifyReport, verify};
