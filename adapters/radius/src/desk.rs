//! What every socket of the link shares: the memory of sessions, the clock, what is told and counted.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use kukaku_codec::radius::{Accounting, Effect, Heard, Packet, Status};
use kukaku_schema::intake::{Arrival, ArrivalBody, Unreadable};

use crate::Now;
use crate::clients::Known;
use crate::event::{Counters, LinkEventKind, Reporter, Told};

/// What a request comes to.
pub(crate) struct Work {
    pub(crate) arrivals: Vec<Arrival>,
    pub(crate) effect: Effect,
}

/// The shared part. Its locks are held for the length of a look-up, never while something is awaited.
pub(crate) struct Desk {
    memory: Mutex<Accounting>,
    told: Mutex<Told>,
    counters: Arc<Counters>,
    now: Now,
    report: Reporter,
}

impl Desk {
    pub(crate) fn new(memory: Accounting, now: Now, report: Reporter) -> Self {
        let (told, counters) = (Mutex::default(), Arc::default());
        Self { memory: Mutex::new(memory), told, counters, now, report }
    }

    pub(crate) fn counters(&self) -> Arc<Counters> {
        Arc::clone(&self.counters)
    }

    pub(crate) fn counted(&self) -> &Counters {
        &self.counters
    }

    /// Tells what happened, unless the same was told of the same sender a moment ago.
    pub(crate) fn tell(&self, kind: LinkEventKind) {
        let at = (self.now)();
        let event = self.told.lock().unwrap_or_else(PoisonError::into_inner).ration(kind, at);
        if let Some(event) = event {
            (self.report)(event);
        }
    }

    /// What a request comes to that was verified. One that isn't understood is kept as it came.
    pub(crate) fn hear(&self, packet: Packet<'_>, known: &Known, peer: SocketAddr, link: &str) -> Work {
        let heard = Heard { packet, source: &known.source, sender: peer.ip(), received: (self.now)() };
        let heard = self.memory.lock().unwrap_or_else(PoisonError::into_inner).hear(heard);
        let arrival = |body| Arrival { link: link.to_owned(), body };
        match heard {
            Ok(outcome) => {
                if let Some(Status::Other(_)) = outcome.status {
                    Counters::add(&self.counters.other_statuses);
                }
                let bodies = outcome.observations.into_iter().map(|o| ArrivalBody::Observation(Box::new(o)));
                Work { arrivals: bodies.map(arrival).collect(), effect: outcome.effect }
            }
            Err(not_understood) => {
                Counters::add(&self.counters.unreadable);
                let (source, why) = (known.source.to_string(), not_understood.to_string());
                self.tell(LinkEventKind::Unreadable { peer, source: source.clone(), why: why.clone() });
                let body = ArrivalBody::Unreadable(Unreadable::new(Some(source), packet.bytes(), why));
                Work { arrivals: vec![arrival(body)], effect: Effect::default() }
            }
        }
    }

    /// Says whether what a request came to is durable.
    pub(crate) fn settle(&self, effect: Effect, is_kept: bool) {
        self.memory.lock().unwrap_or_else(PoisonError::into_inner).settle(effect, is_kept);
    }
}
