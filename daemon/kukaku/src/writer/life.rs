//! What kukaku says of itself: observations of source `kukaku`, and journal entries of its own
//! life.

use kukaku_core::Names;
use kukaku_ledger::ClockState;
use kukaku_schema::intake::{Arrival, ArrivalBody};
use kukaku_schema::observation::{ClockStep, WatchGap, WatchStarted};
use kukaku_schema::{Name, Observation, UtcMicros};
use kukaku_store::{Batch, NewLeaf, StoreError};
use serde::Serialize;

use super::clock::Step;

/// The source of what kukaku observes of itself, and its link.
const OWN: &str = "kukaku";

/// Why the site was not watched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum GapCause {
    /// Watching ended in order.
    Stopped,
    /// It was cut off: a crash, a power cut.
    Crashed,
    /// Storage failed.
    Storage,
    /// The clock jumped: the machine slept, or its clock was wrong before.
    Clock,
}

fn name(text: &str) -> Name {
    Name::new(text).expect("a short word of small letters is a name")
}

fn arrival(observation: Observation) -> Arrival {
    Arrival { link: OWN.to_owned(), body: ArrivalBody::Observation(Box::new(observation)) }
}

/// Watching began.
pub(super) fn watch_started(at: UtcMicros) -> Arrival {
    arrival(Observation::WatchStarted(WatchStarted {
        source: name(OWN),
        epoch: None,
        seq: None,
        event_id: None,
        device_time: at,
    }))
}

/// The site was not watched.
pub(super) fn watch_gap(from: UtcMicros, to: UtcMicros, cause: GapCause) -> Arrival {
    let cause = match cause {
        GapCause::Stopped => "stopped",
        GapCause::Crashed => "crashed",
        GapCause::Storage => "storage",
        GapCause::Clock => "clock",
    };
    arrival(Observation::WatchGap(WatchGap {
        source: name(OWN),
        epoch: None,
        seq: None,
        event_id: None,
        from,
        to,
        cause: name(cause),
    }))
}

/// Our clock was set.
pub(super) fn clock_step(step: &Step) -> Arrival {
    arrival(Observation::ClockStep(ClockStep {
        source: name(OWN),
        epoch: None,
        seq: None,
        event_id: None,
        device_time: step.wall,
        step_us: step.by.0,
    }))
}

/// Appends a `start`: which program and configuration watch from here on.
pub(super) fn append_start(
    batch: &mut Batch<'_>,
    program: &str,
    configuration: &str,
    names: &mut Names,
) -> Result<u64, StoreError> {
    #[derive(Serialize)]
    struct Body<'a> {
        kind: &'static str,
        at: UtcMicros,
        version: &'static str,
        program_sha256: &'a str,
        configuration_sha256: &'a str,
    }
    let body = Body {
        kind: "start",
        at: batch.recorded_at(),
        version: env!("CARGO_PKG_VERSION"),
        program_sha256: program,
        configuration_sha256: configuration,
    };
    append(batch, "start", &body, names)
}

/// Appends a `stop`: watching ends here, in order.
pub(super) fn append_stop(batch: &mut Batch<'_>, names: &mut Names) -> Result<u64, StoreError> {
    #[derive(Serialize)]
    struct Body {
        kind: &'static str,
        at: UtcMicros,
    }
    let body = Body { kind: "stop", at: batch.recorded_at() };
    append(batch, "stop", &body, names)
}

/// Appends a `clock_state`: a time source steers the clock from here on, or no longer does, by
/// the kernel's own word.
pub(super) fn append_clock_state(
    batch: &mut Batch<'_>,
    before: ClockState,
    after: ClockState,
    names: &mut Names,
) -> Result<u64, StoreError> {
    #[derive(Serialize)]
    struct Body {
        kind: &'static str,
        at: UtcMicros,
        before: &'static str,
        after: &'static str,
    }
    let word = |state| match state {
        ClockState::Synchronised => "synchronised",
        ClockState::Unsynchronised => "unsynchronised",
        ClockState::Unknown => "unknown",
    };
    let body = Body { kind: "clock_state", at: batch.recorded_at(), before: word(before), after: word(after) };
    append(batch, "clock_state", &body, names)
}

/// Appends a `liveness`: we watched, and how many entries each client has by now, so that a
/// client sees whether one of its own was left out.
pub(super) fn append_liveness(batch: &mut Batch<'_>, names: &mut Names) -> Result<u64, StoreError> {
    #[derive(Serialize)]
    struct ClientBody {
        client: String,
        leaves: u64,
    }
    #[derive(Serialize)]
    struct Body {
        kind: &'static str,
        at: UtcMicros,
        clients: Vec<ClientBody>,
    }
    let count = |(word, leaves): (kukaku_core::Word, u64)| ClientBody { client: names.text(word).to_owned(), leaves };
    let clients = batch.client_counts().into_iter().map(count).collect();
    let body = Body { kind: "liveness", at: batch.recorded_at(), clients };
    append(batch, "liveness", &body, names)
}

fn append(batch: &mut Batch<'_>, kind: &str, body: &impl Serialize, names: &mut Names) -> Result<u64, StoreError> {
    let payload = serde_json::to_vec(body).expect("texts, numbers and instants always serialise");
    let site = names.intern("");
    batch.append(NewLeaf { kind, source: site, client: site, device_time: None, payload: &payload }, names)
}
