//! One connection, from its first byte to its last.

use std::future::Future;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::atomic::Ordering;
use std::time::Duration;

use kukaku_codec::mqtt::{self, Decoder, Reason};
use kukaku_schema::intake::Intake;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep_until, timeout_at};

use super::acks::{self, AckError, Dialect};
use super::hello::{Hello, last_word, refused, shown_name, sign_in};
use super::reader::{Buffer, End, Reader};
use super::slots::Slot;
use super::users::Known;
use super::{RECEIVE_MAXIMUM, Shared, stopped};
use crate::event::{Counters, LinkEvent};

/// How long messages that were handed on may take to their acknowledgement after reading ended.
const DRAIN_MAX: Duration = Duration::from_secs(5);

/// Answers that wait for no commit and aren't written yet: more of them stop the reading.
const CONTROL_MAX: usize = 16;

/// Serves a connection to its end. Never fails: what happened is reported.
pub(super) async fn run<I: Intake>(
    shared: Shared,
    stream: TcpStream,
    peer: SocketAddr,
    slot: Slot,
    intake: I,
    mut stop: watch::Receiver<bool>,
) {
    let deadline = Instant::now() + shared.limits.connect_timeout;
    // Without it an answer waits for the acknowledgement of the one before, 40 ms. It can only fail
    // on a socket that is gone, which the next read reports.
    let _ = stream.set_nodelay(true);
    let arrived = Arrived { shared: &shared, peer, slot, certificate_names: Vec::new(), deadline };
    let Some(acceptor) = &shared.tls else {
        return arrived.serve(stream, intake, stop).await;
    };
    let shaken = tokio::select! {
        () = stopped(&mut stop) => return,
        shaken = timeout_at(deadline, acceptor.accept(stream)) => shaken,
    };
    match shaken {
        Err(_) => refused(&shared, peer, None, "no TLS handshake in time".to_owned()).unwrap_or(()),
        Ok(Err(error)) => refused(&shared, peer, None, format!("TLS: {error}")).unwrap_or(()),
        Ok(Ok(stream)) => {
            let certificate_names = match stream.get_ref().1.peer_certificates() {
                Some([certificate, ..]) => kukaku_tls::certificate_names(certificate),
                _ => Vec::new(),
            };
            Arrived { certificate_names, ..arrived }.serve(stream, intake, stop).await;
        }
    }
}

/// A connection whose bytes can be read.
struct Arrived<'a> {
    shared: &'a Shared,
    peer: SocketAddr,
    slot: Slot,
    certificate_names: Vec<String>,
    deadline: Instant,
}

impl Arrived<'_> {
    async fn serve<S: AsyncRead + AsyncWrite + Unpin, I: Intake>(
        mut self,
        mut stream: S,
        intake: I,
        mut stop: watch::Receiver<bool>,
    ) {
        let Self { shared, peer, .. } = self;
        let mut buffer = Buffer::default();
        let mut decoder = Decoder::new();
        let names = std::mem::take(&mut self.certificate_names);
        let parts = (&mut buffer, &mut decoder);
        let signed = tokio::select! {
            () = stopped(&mut stop) => return,
            signed = sign_in(shared, &mut stream, parts, peer, names, self.deadline) => signed,
        };
        let Some((hello, known)) = signed else { return };
        let told_to_go = self.slot.signed_in(&known.name, &hello.client_id);
        let (user, client_id) = (known.name.clone(), shown_name(&hello.client_id));
        let counters = &shared.counters;
        Counters::add(&counters.connections);
        counters.connections_open.fetch_add(1, Ordering::Relaxed);
        (shared.report)(LinkEvent::Connected { user: user.clone(), client_id: client_id.clone(), peer });
        let told = async {
            tokio::select! {
                () = stopped(&mut stop) => End::Told(Reason::ServerShuttingDown, "the daemon stops".to_owned()),
                () = told_to_go.notified() => {
                    End::Told(Reason::SessionTakenOver, "the same client signed in again".to_owned())
                }
            }
        };
        let why = converse(shared, stream, (buffer, decoder), (&hello, &known), intake, told).await;
        counters.connections_open.fetch_sub(1, Ordering::Relaxed);
        // Before the report: whoever hears of it finds the place free.
        drop(self.slot);
        (shared.report)(LinkEvent::Disconnected { user, client_id, peer, why });
    }
}

/// Reads and acknowledges until one of the two ends or `told` does; says why.
async fn converse<S: AsyncRead + AsyncWrite + Unpin, I: Intake>(
    shared: &Shared,
    stream: S,
    (buffer, decoder): (Buffer, Decoder),
    (hello, known): (&Hello, &Known),
    intake: I,
    told: impl Future<Output = End>,
) -> String {
    let (socket, mut out) = tokio::io::split(stream);
    let (waiting, waiting_rx) = mpsc::channel(usize::from(RECEIVE_MAXIMUM));
    let (control, control_rx) = mpsc::channel(CONTROL_MAX);
    let reader = Reader {
        socket,
        buffer,
        decoder,
        shared,
        known,
        intake,
        silence_max: hello.silence_max(),
        wants_reasons: hello.wants_reasons,
        waiting,
        control,
    };
    let dialect = Dialect { version: hello.version, packet_max: hello.packet_max };
    let (end, acknowledged) = {
        let mut acks = pin!(acks::run(&mut out, dialect, waiting_rx, control_rx, &shared.counters));
        let end = {
            let mut reading = pin!(reader.run());
            let mut told = pin!(told);
            tokio::select! {
                biased;
                failed = &mut acks => Err(failed),
                end = &mut reading => Ok(end),
                end = &mut told => Ok(end),
            }
            // The reader is dropped here, and with it the senders: acknowledging ends when it is through.
        };
        match end {
            Err(failed) => (None, Some(failed)),
            Ok(end) => {
                let deadline = Instant::now() + DRAIN_MAX;
                tokio::select! {
                    acknowledged = &mut acks => (Some(end), Some(acknowledged)),
                    () = sleep_until(deadline) => (Some(end), None),
                }
            }
        }
    };
    farewell(shared, &mut out, dialect, end, acknowledged).await
}

/// Tells the client why, where it can be told, and closes; returns why for the log.
async fn farewell<W: AsyncWrite + Unpin>(
    shared: &Shared,
    out: &mut W,
    dialect: Dialect,
    end: Option<End>,
    acknowledged: Option<Result<(), AckError>>,
) -> String {
    let not_kept = matches!(end, Some(End::NotKept(_))) || matches!(acknowledged, Some(Err(AckError::NotKept(_))));
    if not_kept {
        Counters::add(&shared.counters.not_kept);
    }
    let (reason, why) = match (end, &acknowledged) {
        (_, Some(Err(AckError::NotKept(not_kept)))) => (Some(Reason::ImplementationSpecific), not_kept.to_string()),
        (_, Some(Err(error))) => return error.to_string(),
        (Some(end), None) => {
            return format!("{end}; what it had sent was not kept within {DRAIN_MAX:?}");
        }
        (None, _) => (None, "answers can no longer be written".to_owned()),
        (Some(end), Some(Ok(()))) => (end.told(), end.to_string()),
    };
    let mut bytes = Vec::new();
    if let Some(reason) = reason {
        mqtt::encode_disconnect(&mut bytes, dialect.version, reason, &why, dialect.packet_max);
    }
    last_word(out, &bytes).await;
    why
}
