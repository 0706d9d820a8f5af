//! Store and engine as one: groups of jobs go in, commits come out. Knows no thread and no queue.

use std::sync::Arc;

use kukaku_core::Names;
use kukaku_core::engine::{Engine, Input, Mode};
use kukaku_ledger::ClockState;
use kukaku_schema::intake::{Arrival, Kept, NotKept};
use kukaku_schema::{DurationUs, Registers, UtcMicros};
use kukaku_store::{Actors, Appended, Batch, Changed, Directory, Prepared, Store, StoreError};

use super::clock::{Clock, Step, Timeline};
use super::error::{ActError, WriterError};
use super::life::{self, GapCause};
use super::queue::{Act, Done, Job};
use super::registers::{RegisterChange, Wanted};
use super::{Purpose, RouteFn};

/// How often watching says that it goes on, and the journal is signed.
const LIVENESS_EVERY: DurationUs = DurationUs::from_secs(60);

/// What became of a job, once its group is committed.
pub(super) enum Outcome {
    Arrival(Result<Kept, NotKept>),
    Act(Result<Done, ActError>),
}

/// Engine and texts, once there are registers.
pub(super) struct Mind {
    pub(super) engine: Engine,
    pub(super) directory: Directory,
}

/// The store, the engine, and the time.
pub(super) struct Machine {
    pub(super) store: Store,
    pub(super) mind: Option<Mind>,
    timeline: Timeline,
    clock: Arc<dyn Clock>,
    purpose: Purpose,
    route: RouteFn,
    next_liveness: UtcMicros,
    /// A step of the wall clock that is not yet in the journal.
    clock_step: Option<Step>,
    /// Whether a time source steered the clock when that was last written down.
    clock_state: ClockState,
}

impl Machine {
    /// Builds the engine from the store.
    pub(super) fn new(
        store: Store,
        purpose: Purpose,
        clock: Arc<dyn Clock>,
        route: RouteFn,
    ) -> Result<Self, WriterError> {
        let timeline = Timeline::new(store.head().recorded_at, clock.read());
        let mut machine = Self {
            store,
            mind: None,
            timeline,
            clock,
            purpose,
            route,
            next_liveness: UtcMicros::MIN,
            clock_step: None,
            clock_state: ClockState::Unknown,
        };
        machine.build()?;
        if machine.mind.is_none() && matches!(machine.purpose, Purpose::Watch { .. }) {
            return Err(WriterError::NoRegisters);
        }
        Ok(machine)
    }

    /// Builds the engine anew from the store, and keeps what differs from what it had said:
    /// nothing, unless the rules themselves changed with a new version.
    pub(super) fn build(&mut self) -> Result<(), WriterError> {
        self.mind = None;
        let conn = self.store.connection();
        let Some(registers) = kukaku_store::registers(conn)? else { return Ok(()) };
        let (names, path) = (self.store.names()?, self.store.path().to_owned());
        let now = self.store.head().advanced_to;
        // What was said is read while the facts are folded: each is half of a start.
        let built = std::thread::scope(|scope| {
            let said = scope.spawn(|| kukaku_store::known(&kukaku_store::read_only(&path)?));
            let mut failed = None;
            let known = || match said.join() {
                Ok(Ok(known)) => known,
                Ok(Err(error)) => {
                    failed = Some(error);
                    kukaku_core::engine::Known::default()
                }
                Err(panic) => std::panic::resume_unwind(panic),
            };
            let built =
                kukaku_store::with_facts(conn, |facts| Engine::restore_beside(&registers, names, facts, now, known));
            failed.map_or(built, Err)
        })?;
        let (mut engine, effects) = built.map_err(WriterError::Engine)?;
        let directory = Directory::new(&registers, engine.names_mut());
        if !effects.is_empty() {
            let mut batch = self.store.begin(now)?;
            batch.effects(effects, engine.names_mut(), &self.route)?;
            batch.commit(engine.now(), engine.names())?;
        }
        self.mind = Some(Mind { engine, directory });
        Ok(())
    }

    /// After a failure: opens the store again, makes sure that it takes what comes, and builds
    /// the engine from what is in it.
    pub(super) fn reopen(&mut self) -> Result<(), WriterError> {
        self.mind = None;
        self.store.reopen()?;
        self.store.probe()?;
        self.build()
    }

    /// The store.
    pub(super) fn store(&self) -> &Store {
        &self.store
    }

    /// Watching begins, or goes on after a gap: says so in the journal.
    pub(super) fn resume(&mut self, after_storage_failure: bool) -> Result<Changed, StoreError> {
        let now = self.read_clock();
        let (Purpose::Watch { program, configuration }, Some(mind)) = (&self.purpose, &mut self.mind) else {
            return Ok(Changed::default());
        };
        let head = self.store.head();
        let mut batch = self.store.begin(now)?;
        self.clock_state = self.clock.state();
        batch.set_clock(self.clock_state);
        batch.watching(false);
        let now = batch.recorded_at();
        let cause = match (after_storage_failure, head.stopped) {
            (true, _) => GapCause::Storage,
            (false, true) => GapCause::Stopped,
            (false, false) => GapCause::Crashed,
        };
        let own = match head.watched_to {
            None => Some(life::watch_started(now)),
            Some(from) if from < now => Some(life::watch_gap(from, now, cause)),
            Some(_) => None,
        };
        if !after_storage_failure {
            life::append_start(&mut batch, program, configuration, mind.engine.names_mut())?;
        }
        let mut step = Stepper { batch, mind, route: &self.route };
        if let Some(own) = own {
            step.own(own)?;
        }
        self.next_liveness = now.plus(LIVENESS_EVERY);
        let Stepper { batch, mind, .. } = step;
        Ok(batch.commit(mind.engine.now(), mind.engine.names())?.changed)
    }

    /// Recorded time now; a step of the wall clock is remembered until it is in the journal.
    pub(super) fn read_clock(&mut self) -> UtcMicros {
        let (now, step) = self.timeline.advance(self.clock.read());
        self.clock_step = step.or(self.clock_step);
        now
    }

    /// When it wants to be called though nothing came: a deadline of the engine, or a sign of
    /// life.
    pub(super) fn next_wake(&self) -> UtcMicros {
        let deadline = self.mind.as_ref().and_then(|mind| mind.engine.next_wake()).unwrap_or(UtcMicros::MAX);
        match self.purpose {
            Purpose::Watch { .. } => deadline.min(self.next_liveness),
            Purpose::Command => deadline,
        }
    }

    /// Does a group of jobs in one transaction, after letting time pass to now. The outcomes are
    /// those of the jobs, in their order, and true from the moment this returns.
    ///
    /// The second value: a sign of life was due, and the journal is to be signed.
    pub(super) fn group(&mut self, jobs: &[Job]) -> Result<(Vec<Outcome>, Changed, bool), StoreError> {
        let now = self.read_clock();
        let watching = matches!(self.purpose, Purpose::Watch { .. });
        let alive = watching && now >= self.next_liveness;
        let clock_step = self.clock_step.filter(|_| watching);
        let due = alive || clock_step.is_some() || self.next_wake() <= now;
        if jobs.is_empty() && !due {
            return Ok((Vec::new(), Changed::default(), false));
        }
        if alive && let Err(error) = self.store.cut_log_that_tells() {
            tracing::warn!("what was erased still stands in the log, it is tried again in a minute: {error}");
        }
        let Some(mind) = &mut self.mind else { return self.group_without_registers(jobs, now) };
        let mut batch = self.store.begin(now)?;
        let clock_state = if alive || clock_step.is_some() { self.clock.state() } else { self.clock_state };
        if alive || clock_step.is_some() {
            batch.set_clock(clock_state);
        }
        if watching {
            batch.watching(false);
        }
        let mut step = Stepper { batch, mind, route: &self.route };
        let now = step.batch.recorded_at();
        if let Some(clock_step) = clock_step {
            step.own(life::clock_step(&clock_step))?;
            if clock_step.by.0 > 0 {
                // Either the machine slept, or its clock was wrong until now: nobody watched the
                // time that was skipped.
                step.own(life::watch_gap(clock_step.expected, now, GapCause::Clock))?;
            }
        }
        step.engine(now, Input::Time)?;
        let mut outcomes = Vec::with_capacity(jobs.len());
        for job in jobs {
            outcomes.push(step.job(job)?);
        }
        if watching && clock_state != self.clock_state {
            let names = step.mind.engine.names_mut();
            life::append_clock_state(&mut step.batch, self.clock_state, clock_state, names)?;
        }
        if alive {
            life::append_liveness(&mut step.batch, step.mind.engine.names_mut())?;
            self.next_liveness = now.plus(LIVENESS_EVERY);
        }
        let Stepper { batch, mind, .. } = step;
        if batch.is_empty() {
            return Ok((outcomes, Changed::default(), alive));
        }
        let changed = batch.commit(mind.engine.now(), mind.engine.names())?.changed;
        // Durable from here on: only now may anything be acknowledged.
        self.clock_step = None;
        self.clock_state = clock_state;
        Ok((outcomes, changed, alive))
    }

    /// Lets time pass to now, and keeps what that changed: what comes after it in the journal
    /// rests on no deadline before it. Gives the instant.
    pub(super) fn pass_time(&mut self) -> Result<UtcMicros, StoreError> {
        let now = self.read_clock();
        let batch = self.store.begin(now)?;
        let now = batch.recorded_at();
        let Some(mind) = &mut self.mind else { return Ok(now) };
        let mut step = Stepper { batch, mind, route: &self.route };
        step.engine(now, Input::Time)?;
        let Stepper { batch, mind, .. } = step;
        if !batch.is_empty() {
            batch.commit(mind.engine.now(), mind.engine.names())?;
        }
        Ok(now)
    }

    /// Before the opening of the site there is nothing to understand arrivals with.
    fn group_without_registers(
        &mut self,
        jobs: &[Job],
        now: UtcMicros,
    ) -> Result<(Vec<Outcome>, Changed, bool), StoreError> {
        let mut outcomes = Vec::with_capacity(jobs.len());
        let mut changed = Changed::default();
        for job in jobs {
            if let (Some(_), Job::Act { act: Act::Import { .. }, .. }) = (&self.mind, job) {
                outcomes.push(Outcome::Act(Err(ActError::Refused("registers were just taken in".to_owned()))));
                continue;
            }
            outcomes.push(match job {
                Job::Act {
                    act: Act::Import { wanted: Wanted::Whole(registers), actor, confirmed_by, reason }, ..
                } => {
                    let by = Actors { actor, confirmed_by: confirmed_by.as_deref(), reason };
                    let (outcome, opened) = self.open_site(registers, &by, now)?;
                    changed = opened;
                    outcome
                }
                Job::Act { act: Act::Plan(Wanted::Whole(registers)), .. } => {
                    let diff = kukaku_store::plan(self.store.connection(), registers, now)?;
                    Outcome::Act(Ok(Done::Planned(diff)))
                }
                Job::Act {
                    act:
                        Act::OnFinding(_)
                        | Act::Look(_)
                        | Act::Export(_)
                        | Act::Escrow(_)
                        | Act::Drill(_)
                        | Act::Import { .. }
                        | Act::Plan(_),
                    ..
                } => Outcome::Act(Err(ActError::Refused(WriterError::NoRegisters.to_string()))),
                Job::Act { .. } => Outcome::Act(Ok(Done::Nothing)),
                Job::Arrival { .. } => Outcome::Arrival(Err(NotKept { reason: WriterError::NoRegisters.to_string() })),
            });
        }
        Ok((outcomes, changed, false))
    }

    /// The first registers: they hold from ever.
    fn open_site(
        &mut self,
        registers: &Registers,
        by: &Actors<'_>,
        now: UtcMicros,
    ) -> Result<(Outcome, Changed), StoreError> {
        if let Err(wrong) = Engine::new(registers, Names::new(), Mode::Live) {
            return Ok((Outcome::Act(Err(ActError::Refused(wrong))), Changed::default()));
        }
        let mut names = self.store.names()?;
        let diff = kukaku_store::plan(self.store.connection(), registers, now)?;
        let mut batch = self.store.begin(now)?;
        batch.set_clock(self.clock.state());
        let (seq, registers) = batch.change_registers(&diff, by, &mut names)?;
        let now = batch.recorded_at();
        let committed = batch.commit(now, &names)?;
        let engine = Engine::new(&registers, names, Mode::Live);
        if let Ok(mut engine) = engine {
            let directory = Directory::new(&registers, engine.names_mut());
            self.mind = Some(Mind { engine, directory });
        }
        let (added, closed) = diff.counts();
        let change = RegisterChange { journal_seq: Some(seq), added, closed, opening: true };
        Ok((Outcome::Act(Ok(Done::Imported(change))), committed.changed))
    }

    /// Watching ends in order: the last entry says so.
    pub(super) fn stop(&mut self) -> Result<Changed, StoreError> {
        let now = self.read_clock();
        let (Purpose::Watch { .. }, Some(mind)) = (&self.purpose, &mut self.mind) else {
            return Ok(Changed::default());
        };
        let mut batch = self.store.begin(now)?;
        batch.set_clock(self.clock.state());
        batch.watching(true);
        let now = batch.recorded_at();
        let mut step = Stepper { batch, mind, route: &self.route };
        step.engine(now, Input::Time)?;
        life::append_stop(&mut step.batch, step.mind.engine.names_mut())?;
        let Stepper { batch, mind, .. } = step;
        Ok(batch.commit(mind.engine.now(), mind.engine.names())?.changed)
    }
}

/// A batch with the engine beside it.
pub(super) struct Stepper<'a> {
    pub(super) batch: Batch<'a>,
    pub(super) mind: &'a mut Mind,
    route: &'a RouteFn,
}

impl Stepper<'_> {
    /// Steps the engine and writes what that changed.
    pub(super) fn engine(&mut self, now: UtcMicros, input: Input<'_>) -> Result<(), StoreError> {
        let effects = self.mind.engine.step(now, input);
        if effects.is_empty() {
            return Ok(());
        }
        self.batch.effects(effects, self.mind.engine.names_mut(), self.route)
    }

    /// Keeps what kukaku observes of itself.
    fn own(&mut self, arrival: Arrival) -> Result<(), StoreError> {
        let prepared = Prepared::new(arrival)?;
        self.arrival(&prepared).map(drop)
    }

    fn arrival(&mut self, arrival: &Prepared) -> Result<Kept, StoreError> {
        let Mind { engine, directory } = &mut *self.mind;
        match self.batch.arrival(arrival, directory, engine.names_mut())? {
            Appended::Duplicate { seq } => Ok(Kept { journal_seq: seq, duplicate: true }),
            Appended::New { seq, fact } => {
                if let Some(fact) = fact {
                    self.engine(self.batch.recorded_at(), Input::Fact(fact))?;
                }
                Ok(Kept { journal_seq: seq, duplicate: false })
            }
        }
    }

    fn job(&mut self, job: &Job) -> Result<Outcome, StoreError> {
        Ok(match job {
            Job::Arrival { arrival, .. } => Outcome::Arrival(Ok(self.arrival(arrival)?)),
            Job::Act { act, .. } => Outcome::Act(self.act(act)?),
        })
    }

    fn act(&mut self, act: &Act) -> Result<Result<Done, ActError>, StoreError> {
        match act {
            Act::Import { wanted, actor, confirmed_by, reason } => {
                self.import(wanted, &Actors { actor, confirmed_by: confirmed_by.as_deref(), reason })
            }
            Act::Plan(wanted) => self.plan(wanted),
            Act::PlaceHold(hold) => {
                let (id, seq) = self.batch.place_hold(hold, self.mind.engine.names_mut())?;
                Ok(Ok(Done::HoldPlaced { id, seq }))
            }
            Act::ReleaseHold(release) => {
                let released = self.batch.release_hold(release, self.mind.engine.names_mut())?;
                Ok(released.map(|seq| Done::HoldReleased { seq }).map_err(ActError::Refused))
            }
            Act::Deliveries(rows) => {
                for row in rows {
                    self.batch.note_delivery(row)?;
                }
                Ok(Ok(Done::Nothing))
            }
            Act::Notice { id, row } => {
                match row {
                    Some(row) => self.batch.note_notice(row)?,
                    None => self.batch.drop_notice(*id)?,
                }
                Ok(Ok(Done::Nothing))
            }
            // Time has passed already; erasing, signing, witnesses and stopping follow the commit.
            Act::Witness(_)
            | Act::Advance
            | Act::Checkpoint
            | Act::SignPack(_)
            | Act::Stop
            | Act::Erase(_)
            | Act::Offboard(_)
            | Act::RotateKey(_) => Ok(Ok(Done::Nothing)),
            Act::Drill(note) => {
                note.append(&mut self.batch, self.mind.engine.names_mut()).map(|seq| Ok(Done::Drilled(seq)))
            }
            Act::Escrow(note) => {
                note.append(&mut self.batch, self.mind.engine.names_mut()).map(|seq| Ok(Done::Escrowed(seq)))
            }
            Act::Accounts => {
                self.batch.note_account_events(self.mind.engine.names_mut()).map(|count| Ok(Done::Accounts(count)))
            }
            Act::OnFinding(act) => {
                self.batch.note_finding_act(act, self.mind.engine.names_mut()).map(|seq| Ok(Done::FindingActed(seq)))
            }
            Act::Look(look) => {
                self.batch.note_look(look, self.mind.engine.names_mut()).map(|seq| Ok(Done::Looked(seq)))
            }
            Act::Export(note) => {
                note.append(&mut self.batch, self.mind.engine.names_mut()).map(|seq| Ok(Done::Exported(seq)))
            }
        }
    }
}
