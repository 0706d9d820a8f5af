//! Requests that are underway: from their signature to their answer.

use std::collections::{HashMap, HashSet};
use std::net::SocketAddr;
use std::sync::Arc;

use kukaku_codec::radius::sign::{self, Answer};
use kukaku_codec::radius::{Code, Effect, Forged, Packet, Signed};
use kukaku_schema::intake::{Arrival, Intake, NotKept};
use tokio::task::{Id, JoinSet};

use crate::clients::Known;
use crate::desk::Desk;
use crate::event::{Counters, LinkEventKind};

/// Requests over UDP that may wait for their commit at once: sixteen commits of 64. One more is
/// dropped, and its NAS sends it again; a queue here would only answer those who gave up already.
pub const UDP_UNDERWAY_MAX: usize = 1024;

/// The same for one connection over TLS, which is not read on meanwhile.
pub const TLS_UNDERWAY_MAX: usize = 64;

/// How a request came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Transport {
    Udp,
    Tls,
}

/// What two arrivals of one request have in common (RFC 5080, section 2.2.2).
type RequestKey = (SocketAddr, u8, [u8; 16]);

struct Underway {
    key: RequestKey,
    known: Arc<Known>,
    effect: Effect,
    answer: Vec<u8>,
}

/// A packet that is to be dropped, and whether the stream that it came in is to be trusted on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Dropped {
    pub(crate) is_fatal: bool,
    pub(crate) why: String,
}

/// The requests of one socket that are underway.
pub(crate) struct Flights<I> {
    desk: Arc<Desk>,
    intake: I,
    transport: Transport,
    keys: HashSet<RequestKey>,
    underway: HashMap<Id, Underway>,
    keeping: JoinSet<Result<(), NotKept>>,
}

impl<I: Intake> Flights<I> {
    pub(crate) fn new(desk: Arc<Desk>, intake: I, transport: Transport) -> Self {
        let (keys, underway, keeping) = (HashSet::new(), HashMap::new(), JoinSet::new());
        Self { desk, intake, transport, keys, underway, keeping }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.keeping.is_empty()
    }

    pub(crate) fn has_room(&self) -> bool {
        let max = match self.transport {
            Transport::Udp => UDP_UNDERWAY_MAX,
            Transport::Tls => TLS_UNDERWAY_MAX,
        };
        self.keeping.len() < max
    }

    /// Takes a packet of one who may speak and sends what it comes to on its way. Errors are told and
    /// counted here.
    pub(crate) fn take(&mut self, bytes: &[u8], known: &Arc<Known>, peer: SocketAddr) -> Result<(), Dropped> {
        let counted = self.desk.counted();
        let (packet, signed) = verified(bytes, known).inspect_err(|dropped| {
            Counters::add(&counted.refused);
            let (source, why) = (known.source.to_string(), dropped.why.clone());
            self.desk.tell(LinkEventKind::Refused { peer, source, why });
        })?;
        Counters::add(&counted.requests);
        let key = (peer, packet.identifier(), *packet.authenticator());
        if self.keys.contains(&key) {
            Counters::add(&counted.joined);
            return Ok(());
        }
        if !self.has_room() {
            Counters::add(&counted.overloaded);
            self.desk.tell(LinkEventKind::Overloaded { peer, source: known.source.to_string() });
            return Ok(());
        }
        let link = match self.transport {
            Transport::Udp => "radius",
            Transport::Tls => "radius-tls",
        };
        let work = self.desk.hear(packet, known, peer, link);
        let answer = self.answer(&packet, signed, known);
        let id = self.keeping.spawn(keep(self.intake.clone(), work.arrivals)).id();
        self.keys.insert(key);
        self.underway.insert(id, Underway { key, known: Arc::clone(known), effect: work.effect, answer });
        Ok(())
    }

    fn answer(&self, packet: &Packet<'_>, signed: Signed, known: &Known) -> Vec<u8> {
        let (signed, answer) = match (self.transport, packet.code()) {
            (Transport::Udp, _) => (signed, Answer::AccountingResponse),
            (Transport::Tls, Code::StatusServer) => (signed, Answer::AccessAccept),
            // TLS has signed it; and what a Message-Authenticator covers here is written nowhere.
            (Transport::Tls, _) => (Signed { has_message_authenticator: false }, Answer::AccountingResponse),
        };
        sign::answer(packet, signed, &known.secret, answer)
    }

    /// Waits until a request is through: where its answer goes, and the answer. None: it was not kept,
    /// and is not answered. Not to be called while nothing is underway.
    pub(crate) async fn landed(&mut self) -> Option<(SocketAddr, Vec<u8>)> {
        let (id, kept) = match self.keeping.join_next_with_id().await? {
            Ok((id, kept)) => (id, kept),
            Err(died) => (died.id(), Err(NotKept { reason: died.to_string() })),
        };
        let Underway { key, known, effect, answer } = self.underway.remove(&id)?;
        self.keys.remove(&key);
        self.desk.settle(effect, kept.is_ok());
        match kept {
            Ok(()) => {
                // If power fails here the NAS has no answer and sends again; identity makes that one event.
                Counters::add(&self.desk.counted().answered);
                Some((key.0, answer))
            }
            Err(NotKept { reason: why }) => {
                Counters::add(&self.desk.counted().not_kept);
                self.desk.tell(LinkEventKind::NotKept { peer: key.0, source: known.source.to_string(), why });
                None
            }
        }
    }
}

fn verified<'a>(bytes: &'a [u8], known: &Known) -> Result<(Packet<'a>, Signed), Dropped> {
    let packet = Packet::decode(bytes).map_err(|error| Dropped { is_fatal: true, why: error.to_string() })?;
    let signed = sign::verify(&packet, &known.secret, known.demands_message_authenticator).map_err(|forged| {
        // What is not meant for us is dropped; what is signed wrongly means that the stream is (RFC 6613, 2.6.4).
        Dropped { is_fatal: !matches!(forged, Forged::Code(_)), why: forged.to_string() }
    })?;
    Ok((packet, signed))
}

/// Hands everything to the writer, and waits until all of it is durable.
async fn keep<I: Intake>(intake: I, arrivals: Vec<Arrival>) -> Result<(), NotKept> {
    let mut receipts = Vec::with_capacity(arrivals.len());
    for arrival in arrivals {
        receipts.push(intake.submit(arrival).await?);
    }
    for receipt in receipts {
        receipt.await?;
    }
    Ok(())
}
