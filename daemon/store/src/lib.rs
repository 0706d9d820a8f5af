//! The only SQL: append, project, query, verify.
//!
//! One owner (the daemon's writer thread) holds a [`Store`] and appends through a [`Batch`]: one
//! transaction for journal leaves, projections, effects, outbox and cursors. Everybody else reads
//! through [`read_only`] connections. Decides no meaning: that is `kukaku-core`.
//!
//! Trust: what [`Batch::commit`] returned is on the disk (WAL, `synchronous=FULL`, both read back
//! at opening). What a failed commit left behind is unknown; the caller drops the [`Store`],
//! opens it again and lets identity absorb what is sent twice.

mod accounts;
pub mod aloud;
pub mod backup;
mod batch;
mod bodies;
mod bytes;
mod changed;
mod checkpoint;
mod connect;
mod directory;
mod effects;
mod entry_proof;
mod erase;
mod error;
mod export;
mod failures;
mod finding_acts;
mod holds;
mod identity;
mod load;
mod lock;
mod looks;
pub mod notices;
mod observations;
mod offsets;
mod outbox;
mod parts;
mod prepared;
pub mod query;
mod registers;
mod replay;
mod retention;
mod schema;
mod sealing;
mod stays;
mod store;
mod terminals;
mod tree;
pub mod users;
mod values;
mod verify;
mod witnesses;

pub use accounts::account_events_wait;
pub use batch::{Appended, Batch, Committed, NewLeaf, PAYLOAD_FIELD};
pub use bodies::{finding as finding_body, revision as revision_body};
pub use changed::{Changed, ChangedKind};
pub use checkpoint::{StoredCheckpoint, head_at, newest_checkpoint, newest_checkpoint_from};
pub use connect::{beside, read_only};
pub use directory::Directory;
pub use effects::{Notice, Route};
pub use entry_proof::{EntryProof, entry_proof};
pub use erase::{Erased, ErasedNote, ErasureOrder, Offboarded, erased_note};
pub use error::StoreError;
pub use export::{
    ExportEntry, ExportRange, ExportValue, checkpoint_at, entries_of_kind, export_leaves, export_range, export_value,
    exports, tree_node,
};
pub use finding_acts::NewFindingAct;
pub use holds::{HoldRelease, HoldRow, NewHold, Released, all_holds, holds};
pub use load::{head, known, names, with_facts};
pub use looks::NewLook;
pub use outbox::{
    OutboxRow, OutboxState, delivered_since as outbox_delivered_since, due as outbox_due, next_due as outbox_next_due,
    stranded as outbox_stranded,
};
pub use prepared::{Prepared, PreparedBody};
pub use registers::{Actors, RegisterDiff, RegisterStep, plan, registers, registers_at};
pub use replay::{JournalLine, journal_lines, last_erasure};
pub use retention::{PlanInputs, agreements, guard_of, key_days, session_days, shortened};
pub use rusqlite::Connection;
pub use schema::{APPLICATION_ID, SCHEMA_SQL, SCHEMA_VERSION};
pub use store::{Head, Store};
pub use values::{DataKey, DestroyedKey, RecordClass, Value, keys_of};
pub use verify::{Fault, VerifyReport, verify};
pub use witnesses::{Cosignature, WitnessNote, cosigned_note, cosigned_size, witnessing};
