//! The writer's thread.

use std::sync::Arc;
use std::time::Duration;

use kukaku_schema::intake::NotKept;
use kukaku_store::{Changed, Store, StoreError};
use tokio::sync::{Semaphore, broadcast, mpsc, oneshot, watch};

use super::WriterConfig;
use super::clock::Clock;
use super::error::{ActError, WriterError};
use super::handle::{Writer, WriterState};
use super::machine::{Machine, Outcome};
use super::queue::{Act, Done, GROUP_MAX, Job, QUEUE_BYTES_MAX, QUEUE_MAX};
use super::rotate::RotateRequest;
use super::sign::Signing;
use crate::reserve::Reserve;

/// Messages that a slow page may lag behind: then it is told so and asks for everything.
const CHANGES_KEPT: usize = 256;

/// How long storage is left alone between two tries.
const RETRY_AFTER: Duration = Duration::from_secs(1);

/// Failed tries in a row after which the daemon gives up, so that its supervisor and people see
/// it: about ten seconds. A full disk is waited for without end.
const TRIES_MAX: u32 = 10;

/// Failures within one run of luck: as many recoveries without a minute of peace in between mean
/// that recovering doesn't help.
const RECOVERIES_MAX: u32 = 5;
const PEACE: Duration = Duration::from_secs(60);

/// Opens everything in the caller's thread, so that it gets the errors, then starts the thread.
pub(super) fn start(config: WriterConfig) -> Result<Writer, WriterError> {
    let WriterConfig { store, key, key_files, checkpoint_file, purpose, clock, route } = config;
    let reserve = Reserve::of(&store);
    let store = Store::open(&store)?;
    // Before anything is written: a journal that was rolled back is left as it is.
    let signing = Signing::open(key, key_files, &checkpoint_file, &store, clock.read().wall)?;
    let mut machine = Machine::new(store, purpose, Arc::clone(&clock), route)?;
    machine.resume(false)?;
    let (jobs, queue) = mpsc::channel(QUEUE_MAX);
    let changes = broadcast::Sender::new(CHANGES_KEPT);
    let state = watch::Sender::new(WriterState::Working);
    let signed = watch::Sender::new(0);
    let room = Arc::new(Semaphore::new(QUEUE_BYTES_MAX));
    let writer = Writer { jobs, room, changes: changes.clone(), state: state.subscribe(), signed: signed.subscribe() };
    let thread_failed = |error: std::io::Error| WriterError::Thread(error.to_string());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().map_err(thread_failed)?;
    let run = Run {
        machine,
        signing,
        reserve,
        clock,
        queue,
        changes,
        state,
        signed,
        stopping: None,
        apart: Vec::new(),
        recoveries: 0,
        failed_at: None,
    };
    std::thread::Builder::new()
        .name("writer".to_owned())
        .spawn(move || runtime.block_on(run.until_the_end()))
        .map_err(thread_failed)?;
    Ok(writer)
}

/// Where the answer of an act goes.
type Reply = oneshot::Sender<Result<Done, ActError>>;

struct Run {
    machine: Machine,
    signing: Signing,
    /// Room for what frees room.
    reserve: Reserve,
    clock: Arc<dyn Clock>,
    queue: mpsc::Receiver<Job>,
    changes: broadcast::Sender<Changed>,
    state: watch::Sender<WriterState>,
    /// Checkpoints since the start.
    signed: watch::Sender<u64>,
    /// Who asked for the end.
    stopping: Option<Reply>,
    /// What gets a transaction of its own once the group is answered, and who asked.
    apart: Vec<(Act, Reply)>,
    recoveries: u32,
    failed_at: Option<tokio::time::Instant>,
}

impl Run {
    async fn until_the_end(mut self) {
        let ended = self.work().await;
        let Self { machine, mut queue, state, stopping, .. } = self;
        // The store is closed and its lock released before anybody hears of the end.
        drop(machine);
        queue.close();
        let why = match ended {
            Ok(()) => {
                state.send_replace(WriterState::Stopped);
                None
            }
            Err(error) => {
                let why = error.to_string();
                tracing::error!("the writer can't go on: {why}");
                state.send_replace(WriterState::Failed(why.clone()));
                Some(why)
            }
        };
        let said = why.clone().unwrap_or_else(|| "the writer has stopped".to_owned());
        while let Some(job) = queue.recv().await {
            refuse(job, &said);
        }
        if let Some(reply) = stopping {
            // Whoever asked may be gone; the end is the same.
            let _ = reply.send(why.map_or(Ok(Done::Nothing), |why| Err(ActError::NotKept(why))));
        }
    }

    async fn work(&mut self) -> Result<(), WriterError> {
        let mut jobs = Vec::with_capacity(GROUP_MAX);
        loop {
            let wake = self.machine.next_wake();
            // What queued while the last commit was under way is taken together; nothing waits
            // for more to come.
            let taken = tokio::select! {
                biased;
                taken = self.queue.recv_many(&mut jobs, GROUP_MAX) => Some(taken),
                () = self.clock.sleep_until(wake) => None,
            };
            // Zero: every handle is gone.
            let ending = taken == Some(0);
            self.group(&mut jobs).await?;
            if ending || self.stopping.is_some() {
                return self.finish();
            }
        }
    }

    /// Does the jobs, and answers them.
    async fn group(&mut self, jobs: &mut Vec<Job>) -> Result<(), WriterError> {
        let done = self.machine.group(jobs);
        match done {
            Ok((outcomes, changed, sign)) => {
                // From the last to the first: a link waits for its oldest receipt, and finds all that
                // came after it resolved when it wakes, once.
                for (job, outcome) in jobs.drain(..).zip(outcomes).rev() {
                    self.answer(job, outcome);
                }
                if !changed.is_empty() {
                    // Nobody may be listening; that is fine.
                    let _ = self.changes.send(changed);
                }
                if sign && let Err(error) = self.sign() {
                    self.not_signed(error)?;
                }
                self.do_apart().await
            }
            Err(error) => {
                let why = error.to_string();
                tracing::error!("storage failed: {why}");
                self.state.send_replace(WriterState::Doubt(why.clone()));
                let taken = std::mem::take(jobs);
                taken.into_iter().for_each(|job| self.refuse_or_make_room(job, &error, &why));
                self.recover(error).await?;
                self.do_apart().await
            }
        }
    }

    /// Erases and rotates what was asked for in this group, each in a transaction of its own.
    async fn do_apart(&mut self) -> Result<(), WriterError> {
        while !self.apart.is_empty() {
            let (act, reply) = self.apart.remove(0);
            let mut done = self.do_one(&act);
            if let Err(WriterError::Store(error @ StoreError::Full { .. })) = done {
                if !frees_room(&act) || !self.reserve.release() {
                    let _ = reply.send(Err(ActError::NotKept(error.to_string())));
                    self.recover(error).await?;
                    continue;
                }
                tracing::warn!("{error}; the reserve beside the store is released, and it is tried once more");
                self.recover(error).await?;
                done = self.do_one(&act);
            }
            match done {
                Ok(outcome) => {
                    // Whoever asked may be gone; what is erased is erased.
                    let _ = reply.send(outcome);
                }
                Err(WriterError::Store(error)) => {
                    tracing::error!("storage failed in an act of its own: {error}");
                    let _ = reply.send(Err(ActError::NotKept(error.to_string())));
                    self.recover(error).await?;
                }
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    fn do_one(&mut self, act: &Act) -> Result<Result<Done, ActError>, WriterError> {
        match act {
            Act::Erase(request) => self.machine.erase(request),
            Act::Offboard(request) => self.machine.offboard(request),
            Act::RotateKey(request) => self.rotate(request),
            _ => Ok(Ok(Done::Nothing)),
        }
    }

    /// While the disk is full, what frees room gets the reserve and is done as soon as the store
    /// works again; everything else is refused.
    fn refuse_or_make_room(&mut self, job: Job, error: &StoreError, why: &str) {
        match job {
            Job::Act { act, reply }
                if frees_room(&act) && matches!(error, StoreError::Full { .. }) && self.reserve.release() =>
            {
                tracing::warn!("the reserve beside the store is released: what is to be erased comes first");
                self.apart.push((act, reply));
            }
            job => refuse(job, why),
        }
    }

    fn answer(&mut self, job: Job, outcome: Outcome) {
        match (job, outcome) {
            (Job::Arrival { reply, .. }, Outcome::Arrival(outcome)) => {
                // A link that is gone asks again, and identity absorbs it.
                let _ = reply.send(outcome);
            }
            (
                Job::Act { act: act @ (Act::Erase(_) | Act::Offboard(_) | Act::RotateKey(_)), reply },
                Outcome::Act(Ok(_)),
            ) => {
                self.apart.push((act, reply));
            }
            (Job::Act { act: Act::Stop, reply }, Outcome::Act(_)) => self.stopping = Some(reply),
            (Job::Act { act: Act::Checkpoint, reply }, Outcome::Act(Ok(_))) => {
                let signed = self.sign().map(Done::Signed).map_err(|error| ActError::Refused(error.to_string()));
                let _ = reply.send(signed);
            }
            (Job::Act { act: Act::Witness(note), reply }, Outcome::Act(Ok(_))) => {
                let noted = self.machine.store().note_witness(&note, self.clock.read().wall);
                let _ = reply.send(noted.map(|()| Done::Nothing).map_err(|e| ActError::NotKept(e.to_string())));
            }
            (Job::Act { act: Act::SignPack(sha256), reply }, Outcome::Act(Ok(_))) => {
                let signed = self.signing.sign_pack(sha256).map(|note| Done::Signed(Some(note)));
                let _ = reply.send(signed.map_err(|error| ActError::Refused(error.to_string())));
            }
            (Job::Act { reply, .. }, Outcome::Act(outcome)) => {
                let _ = reply.send(outcome);
            }
            (job, _) => refuse(job, "the writer mixed answers up"),
        }
    }

    /// A failure after the entry is kept ends the writer: the next start does the rest before
    /// anything else is signed.
    fn rotate(&mut self, request: &RotateRequest) -> Result<Result<Done, ActError>, WriterError> {
        let Some(next) = self.signing.make_next()? else {
            return Ok(Err(ActError::Refused("this store's key is not kept in files".to_owned())));
        };
        let noted = self.machine.note_rotation(request, self.signing.verifier(), next.verifier())?;
        let Some((entry, from_size)) = noted else {
            self.signing.give_up_next()?;
            return Ok(Err(ActError::Refused(WriterError::NoRegisters.to_string())));
        };
        self.sign()?;
        let vkey = next.verifier().to_string();
        self.signing.follow(next, from_size)?;
        Ok(Ok(Done::KeyRotated { entry, from_size, vkey }))
    }

    fn sign(&mut self) -> Result<Option<String>, WriterError> {
        let now = self.clock.read().wall;
        let note = self.signing.sign(self.machine.store(), now)?;
        // Whoever asks witnesses reads from the store what was signed.
        self.signed.send_modify(|count| *count += 1);
        Ok(note)
    }

    /// A checkpoint that can't be written now is written a minute later. A journal that is not
    /// the one that was signed is the end.
    fn not_signed(&self, error: WriterError) -> Result<(), WriterError> {
        match error {
            WriterError::Sign(_) | WriterError::Store(StoreError::Corrupt { .. } | StoreError::RolledBack { .. }) => {
                Err(error)
            }
            error => {
                tracing::warn!("the journal was not signed, it is tried again in a minute: {error}");
                Ok(())
            }
        }
    }

    /// Opens the store again until it works, refusing everything meanwhile.
    async fn recover(&mut self, mut error: StoreError) -> Result<(), WriterError> {
        let now = tokio::time::Instant::now();
        let peace = self.failed_at.is_none_or(|at| now.duration_since(at) >= PEACE);
        self.recoveries = if peace { 1 } else { self.recoveries + 1 };
        self.failed_at = Some(now);
        let mut tries = 0;
        loop {
            // A full disk is nobody's mistake and passes; anything else may not.
            if !error.may_pass() {
                tries += 1;
                if tries > TRIES_MAX || self.recoveries > RECOVERIES_MAX {
                    return Err(WriterError::Storage { times: tries.max(self.recoveries), last: error });
                }
            }
            if matches!(error, StoreError::Corrupt { .. } | StoreError::Held { .. } | StoreError::NotAStore { .. }) {
                return Err(error.into());
            }
            match self.reopen() {
                Ok(()) => {
                    self.state.send_replace(WriterState::Working);
                    tracing::warn!("storage works again");
                    return Ok(());
                }
                Err(WriterError::Store(again)) => error = again,
                Err(other) => return Err(other),
            }
            self.state.send_replace(WriterState::Doubt(error.to_string()));
            // The reserve was not enough: nobody is kept waiting for an answer.
            for (_, reply) in std::mem::take(&mut self.apart) {
                let _ = reply.send(Err(ActError::NotKept(error.to_string())));
            }
            self.refuse_for(RETRY_AFTER, &error).await;
        }
    }

    fn reopen(&mut self) -> Result<(), WriterError> {
        self.machine.reopen()?;
        let changed = self.machine.resume(true)?;
        // Nobody may be listening; that is fine.
        let _ = self.changes.send(changed);
        Ok(())
    }

    /// Ends early where the reserve was released.
    async fn refuse_for(&mut self, time: Duration, error: &StoreError) {
        let until = tokio::time::Instant::now() + time;
        let why = error.to_string();
        while let Ok(Some(job)) = tokio::time::timeout_at(until, self.queue.recv()).await {
            self.refuse_or_make_room(job, error, &why);
            if !self.apart.is_empty() {
                return;
            }
        }
        tokio::time::sleep_until(until).await;
    }

    /// Everything that was handed in before is kept by now.
    fn finish(&mut self) -> Result<(), WriterError> {
        self.machine.stop()?;
        match self.sign() {
            Ok(_) => Ok(()),
            Err(error) => self.not_signed(error),
        }
    }
}

/// Whether an act gives room back, so that the reserve may be spent on it.
fn frees_room(act: &Act) -> bool {
    matches!(act, Act::Erase(_) | Act::Offboard(_))
}

fn refuse(job: Job, why: &str) {
    match job {
        Job::Arrival { reply, .. } => {
            let _ = reply.send(Err(NotKept { reason: why.to_owned() }));
        }
        Job::Act { reply, .. } => {
            let _ = reply.send(Err(ActError::NotKept(why.to_owned())));
        }
    }
}
