//! Reading the packets of a client that has signed in, and handing each message to the writer.

use std::sync::Arc;
use std::time::Duration;

use kukaku_codec::mqtt::{self, Decoded, Decoder, LargePublish, Malformed, Packet, Publish, Reason};
use kukaku_schema::intake::{Arrival, ArrivalBody, Intake, NotKept, Unreadable};
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout_at};

use super::Shared;
use super::acks::{Answer, Control, Waiting};
use super::users::Known;
use crate::arrival::{self, Judged, quoted};
use crate::event::{Counters, LinkEvent};
use crate::throttle::{Change, Gate};

/// Room kept free in front of a read: a commit's worth of door readings.
const READ_BYTES: usize = 32 * 1024;

/// Why reading ended.
#[derive(Debug, thiserror::Error)]
pub(super) enum End {
    /// The client said goodbye or closed.
    #[error("{0}")]
    Gone(&'static str),
    /// It broke a rule, or lost its place: it is told why.
    #[error("{1}")]
    Told(Reason, String),
    /// The socket failed.
    #[error("read from the client: {0}")]
    Socket(#[from] std::io::Error),
    /// The writer keeps nothing for now.
    #[error(transparent)]
    NotKept(#[from] NotKept),
}

impl End {
    /// What an MQTT 5 client is told.
    pub(super) fn told(&self) -> Option<Reason> {
        match self {
            Self::Told(reason, _) => Some(*reason),
            Self::NotKept(_) => Some(Reason::ImplementationSpecific),
            Self::Gone(_) | Self::Socket(_) => None,
        }
    }
}

impl From<Malformed> for End {
    fn from(malformed: Malformed) -> Self {
        Self::Told(malformed.reason, malformed.what)
    }
}

/// The bytes of a connection that aren't decoded yet.
#[derive(Default)]
pub(super) struct Buffer {
    bytes: Vec<u8>,
    start: usize,
}

impl Buffer {
    pub(super) fn unread(&self) -> &[u8] {
        &self.bytes[self.start..]
    }

    pub(super) fn consume(&mut self, used: usize) {
        self.start += used;
    }

    /// Reads more, until `deadline`. `needed` is how many bytes a whole packet will take.
    pub(super) async fn fill<R: AsyncRead + Unpin>(
        &mut self,
        socket: &mut R,
        needed: usize,
        deadline: Instant,
    ) -> Result<(), End> {
        self.bytes.drain(..self.start);
        self.start = 0;
        if self.bytes.is_empty() && self.bytes.capacity() > 4 * READ_BYTES {
            // A single large packet doesn't hold its memory for the life of the connection.
            self.bytes = Vec::new();
        }
        self.bytes.reserve(needed.saturating_sub(self.bytes.len()).max(READ_BYTES));
        match timeout_at(deadline, socket.read_buf(&mut self.bytes)).await {
            Err(_) => Err(End::Told(Reason::KeepAliveTimeout, "no packet in time".to_owned())),
            Ok(Err(error)) => Err(End::Socket(error)),
            Ok(Ok(0)) if self.bytes.is_empty() => Err(End::Gone("the client closed the connection")),
            Ok(Ok(0)) => Err(End::Gone("the client closed the connection inside a packet")),
            Ok(Ok(_)) => Ok(()),
        }
    }
}

/// Reads one client to its end.
pub(super) struct Reader<'a, R, I> {
    pub(super) socket: R,
    pub(super) buffer: Buffer,
    pub(super) decoder: Decoder,
    pub(super) shared: &'a Shared,
    pub(super) known: &'a Known,
    pub(super) intake: I,
    /// Longest silence that is taken for life.
    pub(super) silence_max: Duration,
    /// The client wants reasons in words.
    pub(super) wants_reasons: bool,
    pub(super) waiting: mpsc::Sender<Waiting>,
    pub(super) control: mpsc::Sender<Control>,
}

/// What one look at the buffer asks for. Owned, so that the buffer can move on.
enum Next {
    Fill(usize),
    Message { used: usize, judged: Judged, gate: Arc<Gate>, packet_id: Option<u16> },
    Large { used: usize, large: LargePublish, source: Option<String>, gate: Arc<Gate> },
    Control { used: usize, control: Control },
    Goodbye,
}

impl<R: AsyncRead + Unpin, I: Intake> Reader<'_, R, I> {
    pub(super) async fn run(mut self) -> End {
        match self.read().await {
            Ok(end) | Err(end) => end,
        }
    }

    async fn read(&mut self) -> Result<End, End> {
        let mut deadline = Instant::now() + self.silence_max;
        loop {
            match self.next().await? {
                Next::Fill(needed) => {
                    self.buffer.fill(&mut self.socket, needed, deadline).await?;
                    continue;
                }
                Next::Goodbye => return Ok(End::Gone("the client disconnected in order")),
                Next::Control { used, control } => {
                    self.buffer.consume(used);
                    if self.control.send(control).await.is_err() {
                        return Ok(End::Gone("answers can no longer be written"));
                    }
                }
                Next::Message { used, judged, gate, packet_id } => {
                    self.buffer.consume(used);
                    self.hand_on(judged, &gate, packet_id).await?;
                }
                Next::Large { used, large, source, gate } => {
                    self.buffer.consume(used);
                    self.large(large, source, &gate).await?;
                }
            }
            // Counted from when we read on: our own waiting is no silence of the client.
            deadline = Instant::now() + self.silence_max;
        }
    }

    async fn next(&mut self) -> Result<Next, End> {
        let unread = &self.buffer.bytes[self.buffer.start..];
        match self.decoder.decode(unread) {
            Ok(Decoded::More(needed)) => Ok(Next::Fill(needed)),
            Ok(Decoded::Packet { packet, used }) => Ok(match packet {
                Packet::Publish(publish) => {
                    let (judged, gate) = self.judge(&publish);
                    Next::Message { used, judged, gate, packet_id: publish.packet_id }
                }
                Packet::Subscribe { packet_id, filters } => {
                    Next::Control { used, control: Control::SubAck { packet_id, filters } }
                }
                Packet::Unsubscribe { packet_id, filters } => {
                    Next::Control { used, control: Control::UnsubAck { packet_id, filters } }
                }
                Packet::PingReq => Next::Control { used, control: Control::PingResp },
                Packet::Disconnect | Packet::Connect(_) => Next::Goodbye,
            }),
            Ok(Decoded::Large { publish, used, to_come }) => {
                let (source, gate) = self.whose(publish.topic);
                let source = source.map(str::to_owned);
                let gate = Arc::clone(gate);
                Ok(Next::Large { used, large: LargePublish::new(&publish, to_come), source, gate })
            }
            Err(malformed) => {
                self.keep_malformed(&malformed).await?;
                Err(malformed.into())
            }
        }
    }

    /// The source that a topic names, where this user may speak for it, and the gate to pass.
    fn whose<'t>(&self, topic: &'t str) -> (Option<&'t str>, &Arc<Gate>) {
        match arrival::source_of(topic).map(|source| (source, self.known.sources.get(source))) {
            Some((source, Some(gate))) => (Some(source), gate),
            _ => (None, &self.known.stray),
        }
    }

    fn judge(&self, publish: &Publish<'_>) -> (Judged, Arc<Gate>) {
        let (source, gate) = self.whose(publish.topic);
        let judged = match (source, arrival::source_of(publish.topic)) {
            (Some(source), _) => arrival::judge(source, publish.payload),
            (None, Some(source)) => arrival::not_allowed(&self.known.name, source, publish.payload),
            (None, None) => arrival::outside_the_tree(publish.topic, publish.payload),
        };
        (judged, Arc::clone(gate))
    }

    /// Hands a message on. Nothing waits for a fuller commit here: an idle writer commits at once.
    async fn hand_on(&self, judged: Judged, gate: &Gate, packet_id: Option<u16>) -> Result<(), End> {
        self.pass(gate).await;
        let counters = &self.shared.counters;
        Counters::add(&counters.publishes);
        if packet_id.is_none() {
            Counters::add(&counters.without_acknowledgement);
        }
        let mut why = None;
        if let ArrivalBody::Unreadable(unreadable) = &judged.body {
            Counters::add(&counters.unreadable);
            why = self.wants_reasons.then(|| unreadable.reason.clone());
        }
        let answer = packet_id.map(|packet_id| Answer { packet_id, reason: judged.reason, why });
        let arrival = Arrival { link: self.shared.link.to_string(), body: judged.body };
        let receipt = self.intake.submit(arrival).await?;
        // If the power fails from here on, the message may be kept and is not acknowledged: it
        // comes again and is known.
        self.waiting
            .send(Waiting { receipt, answer })
            .await
            .map_err(|_| End::Gone("acknowledgements can no longer be written"))
    }

    /// Waits until the gate lets one more message through, and reports a flood.
    async fn pass(&self, gate: &Gate) {
        let pass = gate.pass(self.shared.started.elapsed());
        match pass.change {
            Some(Change::Throttled) => {
                (self.shared.report)(LinkEvent::SourceThrottled { source: gate.source.clone() });
            }
            Some(Change::Flowing { held_back }) => {
                (self.shared.report)(LinkEvent::SourceFlowing { source: gate.source.clone(), held_back });
            }
            None => {}
        }
        if !pass.wait.is_zero() {
            Counters::add(&self.shared.counters.held_back);
            tokio::time::sleep(pass.wait).await;
        }
    }

    async fn large(&mut self, mut large: LargePublish, source: Option<String>, gate: &Gate) -> Result<(), End> {
        while large.to_come() > 0 {
            if self.buffer.unread().is_empty() {
                let deadline = Instant::now() + self.silence_max;
                self.buffer.fill(&mut self.socket, 0, deadline).await?;
            }
            let taken = large.feed(self.buffer.unread());
            self.buffer.consume(taken);
        }
        let is_cut = large.is_cut();
        // A message that isn't read to its end isn't acknowledged: the client is told instead.
        let packet_id = if is_cut { None } else { large.packet_id() };
        let unreadable = large.finish(source);
        let told = End::Told(Reason::PacketTooLarge, unreadable.reason.clone());
        let judged = Judged { body: ArrivalBody::Unreadable(unreadable), reason: Reason::PayloadFormatInvalid };
        self.hand_on(judged, gate, packet_id).await?;
        if is_cut { Err(told) } else { Ok(()) }
    }

    /// A publish that isn't even a packet is kept as it came; then the connection ends.
    async fn keep_malformed(&self, malformed: &Malformed) -> Result<(), End> {
        let unread = self.buffer.unread();
        if malformed.reason != Reason::MalformedPacket || !mqtt::is_publish(unread) {
            return Ok(());
        }
        let bytes = mqtt::first_packet(unread);
        let why = format!("a broken MQTT PUBLISH of user {}: {}", quoted(&self.known.name), malformed.what);
        let judged = Judged {
            body: ArrivalBody::Unreadable(Unreadable::new(None, bytes, why)),
            reason: Reason::MalformedPacket,
        };
        self.hand_on(judged, &self.known.stray, None).await
    }
}
