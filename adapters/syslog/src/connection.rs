//! One connection, from its first byte to its last.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use kukaku_codec::syslog::relp;
use kukaku_schema::Span;
use kukaku_schema::intake::Intake;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep_until, timeout_at};

use crate::event::{Counters, LinkEventKind, LossPlace};
use crate::keeper::{Item, Pipe, keep_all};
use crate::limits::{
    KEEPALIVE_IDLE, KEEPALIVE_INTERVAL, KEEPALIVE_PROBES, READ_BYTES, REMEMBERED_FOR, STOP_READ_MAX_BYTES,
    STOP_SILENCE, WAITING_MAX,
};
use crate::link::{Shared, is_stopped, stopped};
use crate::reading::{Reading, Step};
use crate::slots::Slot;
use crate::sources::Source;

/// Serves a connection to its end. Never fails: what happened is reported.
pub(crate) async fn run<I: Intake>(
    shared: Shared,
    stream: TcpStream,
    peer: SocketAddr,
    slot: Slot,
    intake: I,
    mut stop: watch::Receiver<bool>,
) {
    let sender = peer.ip().to_canonical();
    let refused = |why: String| {
        Counters::add(&shared.counters.refused, 1);
        shared.tally.refused(sender, why);
    };
    if let Err(error) = prepare(&stream) {
        return refused(format!("set up the socket: {error}"));
    }
    let Some(acceptor) = &shared.tls else {
        return match shared.sources.find(sender, &[]).map(Arc::clone) {
            Some(source) => attend(&shared, source, stream, peer, slot, intake, stop).await,
            None => refused("a certificate is demanded of it".to_owned()),
        };
    };
    let deadline = Instant::now() + shared.limits.hello_max;
    let shaken = tokio::select! {
        () = stopped(&mut stop) => return,
        shaken = timeout_at(deadline, acceptor.accept(stream)) => shaken,
    };
    let stream = match shaken {
        Err(_) => return refused("no TLS handshake in time".to_owned()),
        Ok(Err(error)) => return refused(format!("TLS: {error}")),
        Ok(Ok(stream)) => stream,
    };
    let names = match stream.get_ref().1.peer_certificates() {
        Some([certificate, ..]) => kukaku_tls::certificate_names(certificate),
        _ => Vec::new(),
    };
    match shared.sources.find(sender, &names).map(Arc::clone) {
        Some(source) => attend(&shared, source, stream, peer, slot, intake, stop).await,
        None => refused(format!("its certificate carries {names:?}, which no source of that address demands")),
    }
}

/// Answers go out at once, and a sender that is gone without a word is noticed.
fn prepare(stream: &TcpStream) -> io::Result<()> {
    use rustix::net::sockopt;
    stream.set_nodelay(true)?;
    sockopt::set_socket_keepalive(stream, true)?;
    sockopt::set_tcp_keepidle(stream, KEEPALIVE_IDLE)?;
    sockopt::set_tcp_keepintvl(stream, KEEPALIVE_INTERVAL)?;
    sockopt::set_tcp_keepcnt(stream, KEEPALIVE_PROBES)?;
    Ok(())
}

async fn attend<S: AsyncRead + AsyncWrite + Unpin, I: Intake>(
    shared: &Shared,
    source: Arc<Source>,
    stream: S,
    peer: SocketAddr,
    slot: Slot,
    intake: I,
    stop: watch::Receiver<bool>,
) {
    let name = source.name.clone();
    let open = &shared.counters.connections_open;
    Counters::add(open, 1);
    shared.tell(LinkEventKind::Connected { source: name.clone(), peer }).await;
    let why = converse(shared, &source, stream, intake, stop).await;
    open.fetch_sub(1, Ordering::Relaxed);
    // Before the report: whoever hears of it finds the place free.
    drop(slot);
    shared.tell(LinkEventKind::Disconnected { source: name, peer, why }).await;
}

/// Reads and keeps until one of the two ends; says why.
async fn converse<S: AsyncRead + AsyncWrite + Unpin, I: Intake>(
    shared: &Shared,
    source: &Source,
    stream: S,
    intake: I,
    mut stop: watch::Receiver<bool>,
) -> String {
    let (socket, mut out) = tokio::io::split(stream);
    let (waiting, waiting_rx) = mpsc::channel(WAITING_MAX);
    let unsettled = Arc::new(AtomicU64::new(0));
    let pipe = Pipe {
        intake: intake.clone(),
        link: Arc::clone(&shared.link),
        counters: Arc::clone(&shared.counters),
        waiting,
        unsettled: Arc::clone(&unsettled),
    };
    let began = (shared.now)();
    let reader = Reader { shared, source, socket, reading: Reading::new(shared.is_relp), pipe, stop: stop.clone() };
    let is_resent = reader.reading.is_resent();
    let both = async {
        let mut keeping = Box::pin(keep_all(intake, waiting_rx, &mut out, &shared.counters, &unsettled));
        let why = tokio::select! {
            biased;
            failed = &mut keeping => return failed_to_answer(failed),
            why = reader.run() => why,
            // The reader is dropped here, and its pipe: keeping ends when it is through.
        };
        match keeping.await {
            Ok(()) => why,
            failed => failed_to_answer(failed),
        }
    };
    let why = tokio::select! {
        why = both => why,
        () = after_stop(&mut stop, shared.limits.drain_max) => {
            "the link stopped before all was kept".to_owned()
        }
    };
    let count = unsettled.load(Ordering::Relaxed);
    if count > 0 && !is_resent {
        Counters::add(&shared.counters.lost, count);
        let span = Span::new(began, (shared.now)());
        shared.tell(LinkEventKind::Lost { count, span, place: LossPlace::Stop }).await;
    }
    farewell(&mut out, is_resent).await;
    why
}

fn failed_to_answer(outcome: io::Result<()>) -> String {
    match outcome {
        Err(error) => format!("answer the sender: {error}"),
        Ok(()) => "answers can no longer be written".to_owned(),
    }
}

/// Resolves so long after the stop.
async fn after_stop(stop: &mut watch::Receiver<bool>, wait: Duration) {
    stopped(stop).await;
    tokio::time::sleep(wait).await;
}

/// Says that this side closes. The sender may be gone: then nobody misses it.
async fn farewell<W: AsyncWrite + Unpin>(out: &mut W, is_relp: bool) {
    let mut bytes = Vec::new();
    if is_relp {
        relp::encode_serverclose(&mut bytes);
    }
    let said = async {
        out.write_all(&bytes).await?;
        out.shutdown().await
    };
    let _ = tokio::time::timeout(crate::limits::WRITE_MAX, said).await;
}

/// Reads one connection to its end.
struct Reader<'a, R, I> {
    shared: &'a Shared,
    source: &'a Source,
    socket: R,
    reading: Reading,
    pipe: Pipe<I>,
    stop: watch::Receiver<bool>,
}

/// What one wait for bytes brought.
enum Came {
    Bytes(usize),
    Closed,
    Failed(String),
    Stopped,
    TooLate(&'static str),
    /// Answers have waited long enough for their reader.
    Release,
}

impl<R: AsyncRead + Unpin, I: Intake> Reader<'_, R, I> {
    async fn run(mut self) -> String {
        let mut buffer = vec![0; READ_BYTES];
        let mut steps = Vec::new();
        let mut left = STOP_READ_MAX_BYTES;
        let hello = Instant::now() + self.shared.limits.hello_max;
        let mut release_at = None;
        let (is_closed_in_order, why) = loop {
            if self.reading.is_remembering() {
                release_at.get_or_insert_with(|| Instant::now() + REMEMBERED_FOR);
            } else {
                release_at = None;
            }
            let is_stopped = is_stopped(&self.stop);
            if is_stopped && (left == 0 || self.reading.is_resent()) {
                break (false, "the link stopped".to_owned());
            }
            let came = match self.wait(&mut buffer, hello, release_at, is_stopped).await {
                // Read on for a moment: what is on its way, its sender believes delivered.
                Came::Stopped if !is_stopped => continue,
                came => came,
            };
            match came {
                Came::Bytes(n) => {
                    if is_stopped {
                        left = left.saturating_sub(n);
                    }
                    let (now, counters) = ((self.shared.now)(), &self.shared.counters);
                    let over = self.reading.take(&buffer[..n], self.source, now, counters, &mut steps);
                    if self.hand_on(&mut steps).await.is_err() {
                        break (false, "answers can no longer be written".to_owned());
                    }
                    if let Some(why) = over {
                        break (false, why);
                    }
                }
                Came::Release => {
                    self.reading.release(&mut steps);
                    if self.hand_on(&mut steps).await.is_err() {
                        break (false, "answers can no longer be written".to_owned());
                    }
                }
                Came::Closed => break (true, "the sender closed the connection".to_owned()),
                Came::Failed(why) => break (false, why),
                Came::Stopped => break (false, "the link stopped".to_owned()),
                Came::TooLate(why) => break (false, why.to_owned()),
            }
        };
        let now = (self.shared.now)();
        self.reading.end(is_closed_in_order, self.source, now, &self.shared.counters, &mut steps);
        // Where answers can't be written nobody takes it, and its sender has it still.
        let _ = self.hand_on(&mut steps).await;
        why
    }

    async fn wait(&mut self, buffer: &mut [u8], hello: Instant, release_at: Option<Instant>, is_stopped: bool) -> Came {
        // Counted from when we read on: our own waiting is no silence of the sender.
        let (deadline, why) = if self.reading.awaits_hello() {
            (Some(hello), "no RELP session was opened in time")
        } else {
            (self.shared.idle_max.map(|idle| Instant::now() + idle), "silent for longer than `idle_max`")
        };
        tokio::select! {
            biased;
            read = self.socket.read(buffer) => match read {
                Ok(0) => Came::Closed,
                Ok(n) => Came::Bytes(n),
                Err(error) => Came::Failed(format!("read from the sender: {error}")),
            },
            () = stopped(&mut self.stop), if !is_stopped => Came::Stopped,
            () = tokio::time::sleep(STOP_SILENCE), if is_stopped => Came::Stopped,
            () = until(release_at) => Came::Release,
            () = until(deadline) => Came::TooLate(why),
        }
    }

    async fn hand_on(&self, steps: &mut Vec<Step>) -> Result<(), crate::keeper::Closed> {
        let to_keep = steps.iter().filter(|step| matches!(step, Step::Keep(_))).count();
        Counters::add(&self.pipe.unsettled, to_keep as u64);
        for step in steps.drain(..) {
            match step {
                Step::Keep(body) => self.pipe.keep(body).await?,
                Step::Line(txnr) => self.pipe.say(Item::Line(txnr)).await?,
                Step::Say(bytes) => self.pipe.say(Item::Say(bytes)).await?,
            }
        }
        Ok(())
    }
}

async fn until(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => sleep_until(deadline).await,
        None => std::future::pending().await,
    }
}
