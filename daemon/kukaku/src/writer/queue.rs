//! What waits for the writer.

use kukaku_ledger::Hash;
use kukaku_schema::intake::{Kept, NotKept};
use kukaku_store::notices::NoticeRow;
use kukaku_store::{
    Erased, HoldRelease, NewFindingAct, NewHold, NewLook, Offboarded, OutboxRow, Prepared, RegisterDiff, WitnessNote,
};
use tokio::sync::{OwnedSemaphorePermit, oneshot};

use super::drill::DrillNote;
use super::erasing::{EraseRequest, OffboardRequest};
use super::error::ActError;
use super::export::ExportNote;
use super::registers::{RegisterChange, Wanted};
use super::rotate::{EscrowNote, RotateRequest};

/// Arrivals that may wait: one full group while another is committed. More would only add delay,
/// since a sender that waits is slowed down by its own link.
pub(super) const QUEUE_MAX: usize = 1024;

/// Bytes of arrivals that may wait: sixty of the largest. Keeps memory small whoever floods.
pub(super) const QUEUE_BYTES_MAX: usize = 16 * 1024 * 1024;

/// Arrivals in one transaction: beyond it a commit costs as much a piece, and receipts only wait
/// longer.
pub(super) const GROUP_MAX: usize = 1024;

/// One thing to do.
pub(super) enum Job {
    /// Keep an arrival.
    Arrival {
        arrival: Box<Prepared>,
        reply: oneshot::Sender<Result<Kept, NotKept>>,
        /// Its room in the queue, given back when it is done.
        _room: OwnedSemaphorePermit,
    },
    /// Something that the house itself asks for.
    Act { act: Act, reply: oneshot::Sender<Result<Done, ActError>> },
}

/// What the house asks for.
pub(super) enum Act {
    /// Take registers in.
    Import { wanted: Wanted, actor: String, confirmed_by: Option<String>, reason: String },
    /// Say what taking registers in would change.
    Plan(Wanted),
    /// Place a hold.
    PlaceHold(NewHold),
    /// Release a hold.
    ReleaseHold(HoldRelease),
    /// Note what became of messages.
    Deliveries(Vec<OutboxRow>),
    /// Note what became of a notice to a client; none: it is taken back.
    Notice { id: i64, row: Option<Box<NoticeRow>> },
    /// Let time pass to now, and answer when all that is due is kept.
    Advance,
    /// Erase values.
    Erase(Box<EraseRequest>),
    /// Erase everything of a client.
    Offboard(Box<OffboardRequest>),
    /// Let a new key sign from here on.
    RotateKey(RotateRequest),
    /// Say in the journal that the keys are put into escrow.
    Escrow(EscrowNote),
    /// Say in the journal what a drill found.
    Drill(DrillNote),
    /// Sign the journal as it stands.
    Checkpoint,
    /// Say in the journal that something is taken out.
    Export(ExportNote),
    /// Take what was done with users into the journal.
    Accounts,
    /// Say in the journal what somebody does about a finding.
    OnFinding(NewFindingAct),
    /// Say in the journal that a user of a client looks at something.
    Look(NewLook),
    /// Sign the manifest of a pack, by its hash.
    SignPack(Hash),
    /// Note what became of a witness.
    Witness(WitnessNote),
    /// Stop.
    Stop,
}

/// What was done.
pub(super) enum Done {
    Nothing,
    Planned(RegisterDiff),
    Imported(RegisterChange),
    Signed(Option<String>),
    HoldPlaced { id: String, seq: u64 },
    HoldReleased { seq: u64 },
    Erased(Erased),
    Offboarded { entry: u64, said: Box<Offboarded> },
    Exported(u64),
    Looked(u64),
    FindingActed(u64),
    Accounts(usize),
    KeyRotated { entry: u64, from_size: u64, vkey: String },
    Escrowed(u64),
    Drilled(u64),
}
