//! Datagrams: drained as fast as they come, read as fast as the writer keeps them.
//!
//! The receiving side never waits for anybody: it looks up the sender, puts the datagram into a
//! bounded buffer, and counts what doesn't fit. A burst is so limited by the buffer, not by the
//! commit.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use kukaku_codec::syslog::datagram_line;
use kukaku_schema::intake::Intake;
use kukaku_schema::{Span, UtcMicros};
use rustix::net::RecvFlags;
use tokio::net::UdpSocket;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, watch};
use tokio::task::JoinSet;

use crate::event::{Counters, LinkEventKind, LossPlace};
use crate::keeper::{Pipe, keep_all};
use crate::limits::{ACCEPT_REST, DATAGRAM_MAX_BYTES, WAITING_MAX};
use crate::link::{Shared, stopped};
use crate::sources::Source;

/// Asks the kernel for room; returns what it gave, in bytes.
pub(crate) fn ask_for_room(socket: &UdpSocket, asked: usize) -> io::Result<usize> {
    use rustix::net::sockopt;
    // Past `net.core.rmem_max` only where we may; else up to it.
    #[cfg(target_os = "linux")]
    if sockopt::set_socket_recv_buffer_size_force(socket, asked).is_ok() {
        return granted(socket);
    }
    sockopt::set_socket_recv_buffer_size(socket, asked)?;
    granted(socket)
}

fn granted(socket: &UdpSocket) -> io::Result<usize> {
    let size = rustix::net::sockopt::socket_recv_buffer_size(socket)?;
    // Linux doubles what is asked for its own bookkeeping, and tells the double.
    Ok(if cfg!(target_os = "linux") { size / 2 } else { size })
}

/// A datagram that waits to be read.
struct Datagram {
    source: Arc<Source>,
    bytes: Box<[u8]>,
    received: UtcMicros,
    /// Its share of the buffer.
    _room: OwnedSemaphorePermit,
}

/// Serves until the stop, then reads what is there and sees it to its commit.
pub(crate) async fn serve<I: Intake>(
    shared: Shared,
    socket: Arc<UdpSocket>,
    intake: I,
    mut stop: watch::Receiver<bool>,
) {
    let (buffered, datagrams) = mpsc::channel(shared.limits.datagrams_max.max(1));
    let (waiting, waiting_rx) = mpsc::channel(WAITING_MAX);
    let unsettled = Arc::new(AtomicU64::new(0));
    let began = (shared.now)();
    let pipe = Pipe {
        intake: intake.clone(),
        link: Arc::clone(&shared.link),
        counters: Arc::clone(&shared.counters),
        waiting,
        unsettled: Arc::clone(&unsettled),
    };
    // Tasks of their own, so that a slow reader of lines doesn't keep us from receiving.
    let mut tasks = JoinSet::new();
    let receiver = Receiver {
        room: Arc::new(Semaphore::new(shared.limits.datagrams_max_bytes.clamp(1, Semaphore::MAX_PERMITS))),
        shared: shared.clone(),
        socket,
        buffered,
        unsettled: Arc::clone(&unsettled),
    };
    tasks.spawn(receiver.run(stop.clone()));
    tasks.spawn(read_all(datagrams, pipe));
    let (counters, settling) = (Arc::clone(&shared.counters), Arc::clone(&unsettled));
    tasks.spawn(async move {
        // There is nobody to answer, so nothing can fail.
        let _ = keep_all(intake, waiting_rx, tokio::io::sink(), &counters, &settling).await;
    });
    let late = async {
        stopped(&mut stop).await;
        tokio::time::sleep(shared.limits.drain_max).await;
    };
    tokio::select! {
        () = join(&mut tasks) => {}
        () = late => tasks.shutdown().await,
    }
    let count = unsettled.load(Ordering::Relaxed);
    if count > 0 {
        Counters::add(&shared.counters.lost, count);
        let span = Span::new(began, (shared.now)());
        shared.tell(LinkEventKind::Lost { count, span, place: LossPlace::Stop }).await;
    }
}

/// Waits for all of them. One that panics takes the link with it: without it every line would be a
/// loss until somebody looks.
async fn join(tasks: &mut JoinSet<()>) {
    while let Some(joined) = tasks.join_next().await {
        if let Err(error) = joined
            && error.is_panic()
        {
            std::panic::resume_unwind(error.into_panic());
        }
    }
}

struct Receiver {
    shared: Shared,
    socket: Arc<UdpSocket>,
    room: Arc<Semaphore>,
    buffered: mpsc::Sender<Datagram>,
    unsettled: Arc<AtomicU64>,
}

impl Receiver {
    async fn run(self, mut stop: watch::Receiver<bool>) {
        let mut buffer = vec![0; DATAGRAM_MAX_BYTES];
        loop {
            let received = tokio::select! {
                () = stopped(&mut stop) => break,
                received = self.socket.recv_from(&mut buffer) => received,
            };
            match received {
                Ok((length, peer)) => self.take(&buffer[..length], peer),
                Err(error) => {
                    self.shared.tell(LinkEventKind::NotReceiving { why: error.to_string() }).await;
                    tokio::select! {
                        () = stopped(&mut stop) => break,
                        () = tokio::time::sleep(ACCEPT_REST) => {}
                    }
                }
            }
        }
        // What the kernel holds for us was sent before the stop: it is taken, as far as it fits.
        for _ in 0..self.shared.limits.datagrams_max {
            // Asked of the kernel itself: the runtime may not have heard of them yet.
            let asked = rustix::net::recvfrom(&*self.socket, &mut buffer[..], RecvFlags::DONTWAIT);
            let Ok((length, _, Some(peer))) = asked else { break };
            if let Ok(peer) = SocketAddr::try_from(peer) {
                self.take(&buffer[..length], peer);
            }
        }
    }

    fn take(&self, bytes: &[u8], peer: SocketAddr) {
        let shared = &self.shared;
        let sender = peer.ip().to_canonical();
        let Some(source) = shared.sources.find(sender, &[]) else {
            Counters::add(&shared.counters.strangers, 1);
            return shared.tally.unknown(sender);
        };
        let Some(line) = datagram_line(bytes) else { return };
        let received = (shared.now)();
        let share = u32::try_from(line.len()).unwrap_or(u32::MAX);
        let buffered = Arc::clone(&self.room).try_acquire_many_owned(share).ok().and_then(|room| {
            let place = self.buffered.try_reserve().ok()?;
            Counters::add(&self.unsettled, 1);
            place.send(Datagram { source: Arc::clone(source), bytes: line.into(), received, _room: room });
            Some(())
        });
        if buffered.is_none() {
            Counters::add(&shared.counters.lost, 1);
            shared.tally.overflowed(received);
        }
    }
}

/// Reads datagrams in turn until their sender is gone.
async fn read_all<I: Intake>(mut datagrams: mpsc::Receiver<Datagram>, pipe: Pipe<I>) {
    while let Some(datagram) = datagrams.recv().await {
        Counters::add(&pipe.counters.lines, 1);
        let bodies = datagram.source.take(&datagram.bytes, datagram.received).bodies;
        Counters::add(&pipe.unsettled, bodies.len() as u64);
        pipe.unsettled.fetch_sub(1, Ordering::Relaxed);
        for body in bodies {
            if pipe.keep(body).await.is_err() {
                return;
            }
        }
    }
}
