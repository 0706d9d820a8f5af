//! RADIUS over TLS (RFC 6614): TCP, certificates on both sides, packets framed by their own length.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use kukaku_codec::radius::{HEADER_BYTES, PACKET_MAX_BYTES, frame_bytes};
use kukaku_schema::intake::Intake;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until, timeout, timeout_at};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

use crate::clients::{Known, Peers};
use crate::desk::Desk;
use crate::event::{Counters, LinkEventKind};
use crate::flights::{Flights, Transport};
use crate::stopped;
use crate::udp::DRAIN_MAX;

/// Connections at once: far more NAS than a site has.
const CONNECTIONS_MAX: usize = 64;

/// From accepting to the end of the handshake.
const HANDSHAKE_MAX: Duration = Duration::from_secs(10);

/// The longest silence that is taken for life. A NAS that has nothing to tell connects again.
const SILENCE_MAX: Duration = Duration::from_secs(3600);

/// How long a peer may take to take its answer.
const WRITE_MAX: Duration = Duration::from_secs(10);

/// How long accepting rests when the system refuses it, out of file descriptors most likely.
const ACCEPT_REST: Duration = Duration::from_millis(200);

pub(crate) async fn serve<I: Intake>(
    (listener, acceptor): (TcpListener, TlsAcceptor),
    peers: Peers,
    desk: Arc<Desk>,
    intake: I,
    mut stop: watch::Receiver<bool>,
) {
    let peers = Arc::new(peers);
    let places = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    let mut connections = JoinSet::new();
    loop {
        let accepted = tokio::select! {
            () = stopped(&mut stop) => break,
            Some(_) = connections.join_next(), if !connections.is_empty() => continue,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, peer)) => {
                let Ok(place) = Arc::clone(&places).try_acquire_owned() else {
                    let why = format!("there are {CONNECTIONS_MAX} connections already");
                    not_let_in(&desk, peer, why);
                    continue;
                };
                let (acceptor, peers, desk) = (acceptor.clone(), Arc::clone(&peers), Arc::clone(&desk));
                let (intake, stop) = (intake.clone(), stop.clone());
                connections.spawn(async move {
                    admit(stream, peer, acceptor, &peers, desk, intake, stop).await;
                    drop(place);
                });
            }
            Err(error) => {
                desk.tell(LinkEventKind::NotReceiving { why: format!("accept a connection: {error}") });
                tokio::time::sleep(ACCEPT_REST).await;
            }
        }
    }
    drop(listener);
    while connections.join_next().await.is_some() {}
}

fn not_let_in(desk: &Desk, peer: SocketAddr, why: String) {
    Counters::add(&desk.counted().not_let_in);
    desk.tell(LinkEventKind::NotLetIn { peer, why });
}

async fn admit<I: Intake>(
    stream: TcpStream,
    peer: SocketAddr,
    acceptor: TlsAcceptor,
    peers: &Peers,
    desk: Arc<Desk>,
    intake: I,
    mut stop: watch::Receiver<bool>,
) {
    // It can only fail on a socket that is gone, which the next read reports.
    let _ = stream.set_nodelay(true);
    let shaken = tokio::select! {
        () = stopped(&mut stop) => return,
        shaken = timeout(HANDSHAKE_MAX, acceptor.accept(stream)) => shaken,
    };
    let stream = match shaken {
        Err(_) => return not_let_in(&desk, peer, "no TLS handshake in time".to_owned()),
        Ok(Err(error)) => return not_let_in(&desk, peer, format!("TLS: {error}")),
        Ok(Ok(stream)) => stream,
    };
    let names = match stream.get_ref().1.peer_certificates() {
        Some([certificate, ..]) => kukaku_tls::certificate_names(certificate),
        _ => Vec::new(),
    };
    let Some(known) = peers.certified(&names) else {
        return not_let_in(&desk, peer, format!("no peer has a certificate with the names {names:?}"));
    };
    let source = known.source.to_string();
    desk.tell(LinkEventKind::Connected { peer, source: source.clone() });
    let flights = Flights::new(Arc::clone(&desk), intake, Transport::Tls);
    let why = converse(stream, known, peer, flights, stop).await;
    desk.tell(LinkEventKind::Disconnected { peer, source, why });
}

/// Takes requests and answers them until one side ends; says why.
async fn converse<I: Intake>(
    stream: TlsStream<TcpStream>,
    known: &Arc<Known>,
    peer: SocketAddr,
    mut flights: Flights<I>,
    mut stop: watch::Receiver<bool>,
) -> String {
    let (mut input, mut output) = tokio::io::split(stream);
    let mut unread = Vec::with_capacity(2 * PACKET_MAX_BYTES);
    let mut piece = [0; PACKET_MAX_BYTES];
    let mut silent_at = Instant::now() + SILENCE_MAX;
    let why = loop {
        tokio::select! {
            () = stopped(&mut stop) => break "the daemon stops".to_owned(),
            () = sleep_until(silent_at) => break format!("no word for {SILENCE_MAX:?}"),
            landed = flights.landed(), if !flights.is_empty() => {
                if let Some((_, answer)) = landed
                    && let Err(why) = write(&mut output, &answer).await
                {
                    return why;
                }
            }
            read = input.read(&mut piece), if unread.len() < PACKET_MAX_BYTES && flights.has_room() => match read {
                Ok(0) => break "it closed".to_owned(),
                Ok(length) => {
                    silent_at = Instant::now() + SILENCE_MAX;
                    unread.extend_from_slice(&piece[..length]);
                }
                Err(error) => return format!("read: {error}"),
            },
        }
        if let Err(why) = take_whole(&mut unread, known, peer, &mut flights) {
            break why;
        }
    };
    let deadline = Instant::now() + DRAIN_MAX;
    while !flights.is_empty() {
        match timeout_at(deadline, flights.landed()).await {
            Ok(Some((_, answer))) => {
                if write(&mut output, &answer).await.is_err() {
                    break;
                }
            }
            Ok(None) => {}
            Err(_) => break,
        }
    }
    // Whether the last word arrives is up to a peer that we part with.
    let _ = timeout(WRITE_MAX, output.shutdown()).await;
    why
}

/// Takes the packets that are there whole, as far as there is room.
fn take_whole<I: Intake>(
    unread: &mut Vec<u8>,
    known: &Arc<Known>,
    peer: SocketAddr,
    flights: &mut Flights<I>,
) -> Result<(), String> {
    let mut at = 0;
    while flights.has_room() && unread.len() - at >= HEADER_BYTES {
        let head = unread[at..].first_chunk::<4>().expect("a header is there");
        let length = frame_bytes(*head).map_err(|error| error.to_string())?;
        let Some(frame) = unread.get(at..at + length) else { break };
        match flights.take(frame, known, peer) {
            Err(dropped) if dropped.is_fatal => return Err(dropped.why),
            Err(_) | Ok(()) => at += length,
        }
    }
    unread.drain(..at);
    Ok(())
}

async fn write(output: &mut (impl AsyncWriteExt + Unpin), answer: &[u8]) -> Result<(), String> {
    let written = timeout(WRITE_MAX, async {
        output.write_all(answer).await?;
        output.flush().await
    });
    match written.await {
        Ok(Ok(())) => Ok(()),
        Ok(Err(error)) => Err(format!("write: {error}")),
        Err(_) => Err("it didn't take its answer in time".to_owned()),
    }
}
