//! The writer's part in erasing: what is erased, what is carried over, and the engine after it.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use kukaku_schema::intake::{Arrival, ArrivalBody};
use kukaku_schema::observation::{Muster, MusterEntry, WatchStarted};
use kukaku_schema::registers::Registers;
use kukaku_schema::{DurationUs, Name, Observation, UtcMicros};
use kukaku_store::{Erased, ErasureOrder, Prepared, RecordClass};

use super::error::{ActError, WriterError};
use super::machine::Machine;
use super::queue::Done;

/// Verdicts this much after the last erased reading may rest on it, at the least.
const RESTS_ON: DurationUs = DurationUs::from_secs(2 * 86_400);

/// How long verdicts still move by themselves: what is pending settles, what is late comes in.
const STILL_MOVING: DurationUs = DurationUs::from_secs(86_400);

const OWN: &str = "kukaku";

/// What is to be erased.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EraseRequest {
    /// Class, clients, days, rule and who. `final_before` is found by the writer.
    pub order: ErasureOrder,
    /// The data keys of what is due.
    pub keys: HashSet<u64>,
}

/// A client that leaves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OffboardRequest {
    /// The client's id.
    pub client: String,
    /// Who: two people.
    pub by: Vec<String>,
    /// Why.
    pub reason: String,
    /// Keys and passwords of its sources that were taken away before.
    pub credentials: u64,
}

impl Machine {
    /// Erases in one transaction, destroys the keys, and builds the engine from what is left.
    pub(super) fn erase(&mut self, request: &EraseRequest) -> Result<Result<Done, ActError>, WriterError> {
        let refused = |why: String| Ok(Err(ActError::Refused(why)));
        let now = self.pass_time()?;
        let Some(mind) = &mut self.mind else { return refused("there are no registers yet".to_owned()) };
        let mut order = request.order.clone();
        let Some(class) = order.class else { return refused("name a class of records".to_owned()) };
        let mut batch = self.store.begin(now)?;
        let horizon = batch.span_of_days(order.days).1;
        let told = tells_the_engine(class);
        // Findings tell the engine nothing, but it would raise them again of what is kept longer.
        if told || class == RecordClass::Finding {
            let rests_on = batch.longest_stay().max(RESTS_ON);
            let final_before = horizon.plus(rests_on);
            if let Some(open) = batch.open_since(final_before)? {
                let from = open.to_rfc3339_utc();
                return refused(format!(
                    "a session or stay that began at {from} still goes on; what it rests on can't be erased before it ends"
                ));
            }
            if final_before.plus(STILL_MOVING) > now {
                return refused(format!(
                    "verdicts up to {} still rest on these records; they can be erased from {} on",
                    final_before.to_rfc3339_utc(),
                    final_before.plus(STILL_MOVING).to_rfc3339_utc()
                ));
            }
            order.final_before = Some(final_before);
        }
        let mut entries: BTreeSet<u64> = batch.sealed_under(&request.keys, order.days)?.into_iter().collect();
        let held = batch.held(&entries, &kukaku_store::holds(batch.connection())?)?;
        entries.retain(|seq| !held.contains(seq));
        let inside = if class == RecordClass::Entry { Some(batch.inside_at(horizon)?) } else { None };
        let erased = batch.erase(&entries, &order, mind.engine.names_mut())?;
        if told {
            let registers = kukaku_store::registers(batch.connection())?;
            for own in carried_over(horizon, inside, registers.as_ref()) {
                let prepared = Prepared::new(own)?;
                batch.arrival(&prepared, &mind.directory, mind.engine.names_mut())?;
            }
        }
        batch.commit(now, mind.engine.names())?;
        self.after_erasing(erased).map(Ok)
    }

    /// Erases everything of a client.
    pub(super) fn offboard(&mut self, request: &OffboardRequest) -> Result<Result<Done, ActError>, WriterError> {
        let refused = |why: String| Ok(Err(ActError::Refused(why)));
        let now = self.pass_time()?;
        let Some(mind) = &mut self.mind else { return refused("there are no registers yet".to_owned()) };
        let mut batch = self.store.begin(now)?;
        let client = request.client.as_str();
        let registers = kukaku_store::registers(batch.connection())?;
        if !registers.iter().flat_map(|registers| &registers.clients).any(|entry| entry.row.id == client) {
            return refused(format!("no client {client:?} is registered"));
        }
        if let Some(open) = batch.open_session_of(client)? {
            let from = open.to_rfc3339_utc();
            return refused(format!("a session of {client} that began at {from} still goes on; end it first"));
        }
        let holds = kukaku_store::holds(batch.connection())?;
        if let Some(hold) = holds.iter().find(|hold| hold.client.as_deref().is_none_or(|of| of == client)) {
            return refused(format!(
                "hold {} ({}) keeps records of {client}; it has to be released first",
                hold.id, hold.reason
            ));
        }
        let OffboardRequest { by, reason, credentials, .. } = request;
        let (entry, said, registers) = batch.offboard(client, by, reason, *credentials, mind.engine.names_mut())?;
        batch.commit(now, mind.engine.names())?;
        drop(registers);
        self.store.finish_erasures()?;
        self.build()?;
        Ok(Ok(Done::Offboarded { entry, said: Box::new(said) }))
    }

    fn after_erasing(&mut self, erased: Erased) -> Result<Done, WriterError> {
        self.store.finish_erasures()?;
        // The engine's memory still holds what is gone.
        self.build()?;
        Ok(Done::Erased(erased))
    }
}

/// Whether the engine judges by records of this class.
fn tells_the_engine(class: RecordClass) -> bool {
    matches!(
        class,
        RecordClass::Entry | RecordClass::Session | RecordClass::Camera | RecordClass::Footage | RecordClass::Operation
    )
}

/// What a replay starts from once the beginning is gone: that the site is watched, and who was
/// inside.
fn carried_over(
    horizon: UtcMicros,
    inside: Option<Vec<(String, String)>>,
    registers: Option<&Registers>,
) -> Vec<Arrival> {
    let name = |text: &str| Name::new(text).ok();
    let Some(own) = name(OWN) else { return Vec::new() };
    let arrival = |observation| Arrival { link: OWN.to_owned(), body: ArrivalBody::Observation(Box::new(observation)) };
    let started = Observation::WatchStarted(WatchStarted {
        source: own.clone(),
        epoch: None,
        seq: None,
        event_id: None,
        device_time: horizon,
    });
    let mut out = vec![arrival(started)];
    if let Some(inside) = inside {
        let inside = innermost(inside, registers)
            .iter()
            .filter_map(|(person, zone)| Some(MusterEntry { person: name(person)?, zone: name(zone)? }))
            .collect();
        out.push(arrival(Observation::Muster(Muster {
            source: own.clone(),
            epoch: None,
            seq: None,
            event_id: None,
            device_time: horizon,
            inside,
            written_by: own.clone(),
            confirmed_by: own,
        })));
    }
    out
}

/// Of each person's zones, the one that holds none of the others.
fn innermost(inside: Vec<(String, String)>, registers: Option<&Registers>) -> Vec<(String, String)> {
    let parents: BTreeMap<&str, &str> = registers
        .iter()
        .flat_map(|registers| &registers.zones)
        .filter_map(|entry| Some((entry.row.id.as_str(), entry.row.parent.as_deref()?)))
        .collect();
    let all: BTreeSet<(String, String)> = inside.into_iter().collect();
    let is_outer = |person: &str, zone: &str| {
        all.iter().any(|(other, inner)| other == person && parents.get(inner.as_str()) == Some(&zone))
    };
    all.iter().filter(|(person, zone)| !is_outer(person, zone)).cloned().collect()
}
