//! The way to the writer: what links, pages and commands hold.

use std::sync::Arc;

use kukaku_ledger::Hash;
use kukaku_schema::Registers;
use kukaku_schema::intake::{Arrival, Intake, NotKept, Receipt};
use kukaku_store::notices::NoticeRow;
use kukaku_store::{
    Changed, Erased, HoldRelease, NewFindingAct, NewHold, NewLook, Offboarded, OutboxRow, Prepared, RegisterDiff,
    WitnessNote,
};
use tokio::sync::{Semaphore, broadcast, mpsc, oneshot, watch};

use super::drill::DrillNote;
use super::erasing::{EraseRequest, OffboardRequest};
use super::error::ActError;
use super::export::ExportNote;
use super::queue::{Act, Done, Job, QUEUE_BYTES_MAX};
use super::registers::{RegisterChange, Wanted};
use super::rotate::{EscrowNote, RotateRequest};

/// How the writer is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum WriterState {
    /// It keeps what comes.
    Working,
    /// Storage is in doubt: nothing is kept nor acknowledged until it recovers.
    Doubt(String),
    /// It ended in order.
    Stopped,
    /// It ended because it could not go on.
    Failed(String),
}

/// A handle to the writer; as many as are needed. An `Intake`.
#[derive(Clone)]
pub struct Writer {
    pub(super) jobs: mpsc::Sender<Job>,
    pub(super) room: Arc<Semaphore>,
    pub(super) changes: broadcast::Sender<Changed>,
    pub(super) state: watch::Receiver<WriterState>,
    pub(super) signed: watch::Receiver<u64>,
}

impl std::fmt::Debug for Writer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Writer").field("state", &*self.state.borrow()).finish_non_exhaustive()
    }
}

impl Writer {
    /// One message after each commit: what it changed.
    #[must_use]
    pub fn changes(&self) -> broadcast::Receiver<Changed> {
        self.changes.subscribe()
    }

    /// Changes after each checkpoint: how many were signed since the start.
    #[must_use]
    pub fn signed(&self) -> watch::Receiver<u64> {
        self.signed.clone()
    }

    /// How it is.
    #[must_use]
    pub fn state(&self) -> WriterState {
        self.state.borrow().clone()
    }

    /// Returns when it has ended: in order, or because it could not go on.
    ///
    /// # Errors
    /// Why it could not go on.
    pub async fn ended(&self) -> Result<(), String> {
        let mut state = self.state.clone();
        let ended = state.wait_for(|state| matches!(state, WriterState::Stopped | WriterState::Failed(_))).await;
        match ended.as_deref() {
            Ok(WriterState::Failed(why)) => Err(why.clone()),
            Ok(_) => Ok(()),
            Err(_) => Err("the writer's thread ended without a word".to_owned()),
        }
    }

    /// Takes registers in: `registers` is the whole as it shall be from now on.
    ///
    /// # Errors
    /// [`ActError::Refused`]: they are of no use; [`ActError::NotKept`]: try again.
    pub async fn import_registers(
        &self,
        registers: Registers,
        actor: String,
        reason: String,
    ) -> Result<RegisterChange, ActError> {
        self.import_wanted(Wanted::Whole(Box::new(registers)), actor, None, reason).await
    }

    /// The same, confirmed by a second person, which what keeps records for less time needs.
    ///
    /// # Errors
    /// As for one person.
    pub async fn import_registers_by_two(
        &self,
        registers: Registers,
        actor: String,
        confirmed_by: Option<String>,
        reason: String,
    ) -> Result<RegisterChange, ActError> {
        self.import_wanted(Wanted::Whole(Box::new(registers)), actor, confirmed_by, reason).await
    }

    /// The same for what is wanted in any form, confirmed by a second person, which what keeps
    /// records for less time needs.
    ///
    /// # Errors
    /// As for one person; of a table also what is wrong with its file.
    pub async fn import_wanted(
        &self,
        wanted: Wanted,
        actor: String,
        confirmed_by: Option<String>,
        reason: String,
    ) -> Result<RegisterChange, ActError> {
        match self.act(Act::Import { wanted, actor, confirmed_by, reason }).await? {
            Done::Imported(change) => Ok(change),
            _ => Err(mixed_up()),
        }
    }

    /// Says what taking registers in would change, and changes nothing.
    ///
    /// # Errors
    /// [`ActError::NotKept`]: the store can't be read now.
    pub async fn plan_registers(&self, registers: Registers) -> Result<RegisterDiff, ActError> {
        self.plan_wanted(Wanted::Whole(Box::new(registers))).await
    }

    /// Says what taking in what is wanted in any form would change, and changes nothing.
    ///
    /// # Errors
    /// [`ActError::Refused`]: they are of no use; [`ActError::NotKept`]: the store can't be read now.
    pub async fn plan_wanted(&self, wanted: Wanted) -> Result<RegisterDiff, ActError> {
        match self.act(Act::Plan(wanted)).await? {
            Done::Planned(diff) => Ok(diff),
            _ => Err(mixed_up()),
        }
    }

    /// Places a hold; returns its id and the journal entry.
    ///
    /// # Errors
    /// [`ActError::NotKept`]: try again.
    pub async fn place_hold(&self, hold: NewHold) -> Result<(String, u64), ActError> {
        match self.act(Act::PlaceHold(hold)).await? {
            Done::HoldPlaced { id, seq } => Ok((id, seq)),
            _ => Err(mixed_up()),
        }
    }

    /// Releases a hold; returns the journal entry.
    ///
    /// # Errors
    /// [`ActError::Refused`]: there is no such hold, it was released already, or by one person.
    pub async fn release_hold(&self, release: HoldRelease) -> Result<u64, ActError> {
        match self.act(Act::ReleaseHold(release)).await? {
            Done::HoldReleased { seq } => Ok(seq),
            _ => Err(mixed_up()),
        }
    }

    /// Notes what became of messages of the outbox.
    ///
    /// # Errors
    /// [`ActError::NotKept`]: not noted, the messages are still as they were.
    pub async fn note_deliveries(&self, rows: Vec<OutboxRow>) -> Result<(), ActError> {
        self.act(Act::Deliveries(rows)).await.map(drop)
    }

    /// Notes what became of a notice to a client; `None` takes it back.
    ///
    /// # Errors
    /// [`ActError::NotKept`]: not noted, it is still as it was.
    pub async fn note_notice(&self, id: i64, row: Option<NoticeRow>) -> Result<(), ActError> {
        self.act(Act::Notice { id, row: row.map(Box::new) }).await.map(drop)
    }

    /// Returns when everything that is due by now is kept; for a simulated clock, and before a
    /// reading that must not miss anything.
    ///
    /// # Errors
    /// [`ActError::NotKept`].
    pub async fn advance(&self) -> Result<(), ActError> {
        self.act(Act::Advance).await.map(drop)
    }

    /// Erases values, and destroys their keys.
    ///
    /// # Errors
    /// [`ActError::Refused`]: something that rests on them still goes on.
    pub async fn erase(&self, request: EraseRequest) -> Result<Erased, ActError> {
        match self.act(Act::Erase(Box::new(request))).await? {
            Done::Erased(erased) => Ok(erased),
            _ => Err(mixed_up()),
        }
    }

    /// Erases everything of a client; returns the entry that says so, and what it says.
    ///
    /// # Errors
    /// [`ActError::Refused`]: it is not registered, or a session of it still goes on.
    pub async fn offboard(&self, request: OffboardRequest) -> Result<(u64, Offboarded), ActError> {
        match self.act(Act::Offboard(Box::new(request))).await? {
            Done::Offboarded { entry, said } => Ok((entry, *said)),
            _ => Err(mixed_up()),
        }
    }

    /// Signs the journal as it stands, and returns the checkpoint; none for an empty journal.
    ///
    /// # Errors
    /// [`ActError::Refused`]: the journal is not what was signed, or the file can't be written.
    pub async fn checkpoint(&self) -> Result<Option<String>, ActError> {
        match self.act(Act::Checkpoint).await? {
            Done::Signed(note) => Ok(note),
            _ => Err(mixed_up()),
        }
    }

    /// Says in the journal that something is taken out; returns the entry.
    ///
    /// # Errors
    /// [`ActError::NotKept`]: try again.
    pub async fn note_export(&self, note: ExportNote) -> Result<u64, ActError> {
        match self.act(Act::Export(note)).await? {
            Done::Exported(seq) => Ok(seq),
            _ => Err(mixed_up()),
        }
    }

    /// Takes what was done with users into the journal; returns how much there was.
    ///
    /// # Errors
    /// [`ActError::NotKept`]: try again.
    pub async fn note_accounts(&self) -> Result<usize, ActError> {
        match self.act(Act::Accounts).await? {
            Done::Accounts(count) => Ok(count),
            // Before the first registers there is no journal yet: it waits.
            Done::Nothing => Ok(0),
            _ => Err(mixed_up()),
        }
    }

    /// Says in the journal what somebody does about a finding; returns the entry.
    ///
    /// # Errors
    /// [`ActError::NotKept`]: try again.
    pub async fn note_finding_act(&self, act: NewFindingAct) -> Result<u64, ActError> {
        match self.act(Act::OnFinding(act)).await? {
            Done::FindingActed(seq) => Ok(seq),
            _ => Err(mixed_up()),
        }
    }

    /// Says in the journal that a user of a client looks at something; returns the entry.
    ///
    /// # Errors
    /// [`ActError::NotKept`]: try again.
    pub async fn note_look(&self, look: NewLook) -> Result<u64, ActError> {
        match self.act(Act::Look(look)).await? {
            Done::Looked(seq) => Ok(seq),
            _ => Err(mixed_up()),
        }
    }

    /// Makes a new key and lets it sign from here on. Returns the entry that says so, the smallest
    /// size of the journal that it signs, and its public half.
    ///
    /// # Errors
    /// [`ActError::Refused`]: there are no registers yet, or the key is not kept in files.
    pub async fn rotate_key(&self, request: RotateRequest) -> Result<(u64, u64, String), ActError> {
        match self.act(Act::RotateKey(request)).await? {
            Done::KeyRotated { entry, from_size, vkey } => Ok((entry, from_size, vkey)),
            _ => Err(mixed_up()),
        }
    }

    /// Says in the journal what a drill found; returns the entry.
    ///
    /// # Errors
    /// [`ActError::NotKept`]: try again.
    pub async fn note_drill(&self, note: DrillNote) -> Result<u64, ActError> {
        match self.act(Act::Drill(note)).await? {
            Done::Drilled(seq) => Ok(seq),
            _ => Err(mixed_up()),
        }
    }

    /// Says in the journal that the keys are put into escrow; returns the entry.
    ///
    /// # Errors
    /// [`ActError::NotKept`]: try again.
    pub async fn note_escrow(&self, note: EscrowNote) -> Result<u64, ActError> {
        match self.act(Act::Escrow(note)).await? {
            Done::Escrowed(seq) => Ok(seq),
            _ => Err(mixed_up()),
        }
    }

    /// Signs the manifest of a pack, whose SHA-256 this is; returns the signed note.
    ///
    /// # Errors
    /// [`ActError::NotKept`]: try again.
    pub async fn sign_pack(&self, sha256: Hash) -> Result<String, ActError> {
        match self.act(Act::SignPack(sha256)).await? {
            Done::Signed(Some(note)) => Ok(note),
            _ => Err(mixed_up()),
        }
    }

    /// Notes what became of a witness.
    ///
    /// # Errors
    /// [`ActError::NotKept`]: not noted; what it signed can be asked for again.
    pub async fn note_witness(&self, note: WitnessNote) -> Result<(), ActError> {
        self.act(Act::Witness(note)).await.map(drop)
    }

    /// Stops in order: what was handed in before is kept, then the journal says so.
    ///
    /// # Errors
    /// [`ActError::NotKept`]: it had ended already, or storage failed.
    pub async fn stop(&self) -> Result<(), ActError> {
        self.act(Act::Stop).await.map(drop)
    }

    async fn act(&self, act: Act) -> Result<Done, ActError> {
        let (reply, answer) = oneshot::channel();
        let gone = |_| ActError::NotKept(self.gone());
        self.jobs.send(Job::Act { act, reply }).await.map_err(|_| ActError::NotKept(self.gone()))?;
        answer.await.map_err(gone)?
    }

    fn gone(&self) -> String {
        match &*self.state.borrow() {
            WriterState::Failed(why) | WriterState::Doubt(why) => why.clone(),
            WriterState::Working | WriterState::Stopped => "the writer has stopped".to_owned(),
        }
    }
}

/// The writer answered another question than the one asked.
fn mixed_up() -> ActError {
    ActError::Refused("the writer mixed answers up; this is a mistake in kukaku, please report it".to_owned())
}

impl Intake for Writer {
    async fn submit(&self, arrival: Arrival) -> Result<Receipt, NotKept> {
        // Hashing and encoding happen here, in the task of the link, not in the writer's thread.
        let arrival = Prepared::new(arrival).map_err(|error| NotKept { reason: error.to_string() })?;
        let bytes = u32::try_from(arrival.size().min(QUEUE_BYTES_MAX)).unwrap_or(u32::MAX);
        let stopped = || NotKept { reason: self.gone() };
        let room = Arc::clone(&self.room).acquire_many_owned(bytes).await.map_err(|_| stopped())?;
        let (reply, answer) = oneshot::channel();
        let job = Job::Arrival { arrival: Box::new(arrival), reply, _room: room };
        self.jobs.send(job).await.map_err(|_| stopped())?;
        Ok(Receipt::new(async move {
            let gone = |_| NotKept { reason: "the writer ended before the commit".to_owned() };
            answer.await.map_err(gone)?
        }))
    }
}
