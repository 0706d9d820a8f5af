//! RADIUS over UDP.

use std::sync::Arc;
use std::time::Duration;

use kukaku_codec::radius::PACKET_MAX_BYTES;
use kukaku_schema::intake::Intake;
use tokio::net::UdpSocket;
use tokio::sync::watch;
use tokio::time::{Instant, timeout_at};

use crate::clients::Clients;
use crate::desk::Desk;
use crate::event::{Counters, LinkEventKind};
use crate::flights::{Flights, Transport};
use crate::stopped;

/// How long receiving rests when the system refuses it.
const RECEIVE_REST: Duration = Duration::from_millis(200);

/// How long requests that are underway may take to their answer after receiving ended.
pub(crate) const DRAIN_MAX: Duration = Duration::from_secs(5);

pub(crate) async fn serve<I: Intake>(
    socket: UdpSocket,
    clients: Clients,
    desk: Arc<Desk>,
    intake: I,
    mut stop: watch::Receiver<bool>,
) {
    let mut flights = Flights::new(Arc::clone(&desk), intake, Transport::Udp);
    // What is longer than a packet may be is padding, and cut off by the system.
    let mut buffer = vec![0; PACKET_MAX_BYTES];
    loop {
        tokio::select! {
            () = stopped(&mut stop) => break,
            landed = flights.landed(), if !flights.is_empty() => {
                if let Some((peer, answer)) = landed {
                    // An answer that can't be sent is one that got lost: the NAS asks again.
                    let _ = socket.send_to(&answer, peer).await;
                }
            }
            received = socket.recv_from(&mut buffer) => match received {
                Ok((length, peer)) => match clients.at(peer.ip()) {
                    // What is wrong with it is told by then; a datagram spoils no other.
                    Some(known) => drop(flights.take(&buffer[..length], known, peer)),
                    None => {
                        Counters::add(&desk.counted().unknown_senders);
                        desk.tell(LinkEventKind::UnknownSender { peer });
                    }
                },
                Err(error) => {
                    desk.tell(LinkEventKind::NotReceiving { why: format!("receive a datagram: {error}") });
                    tokio::time::sleep(RECEIVE_REST).await;
                }
            },
        }
    }
    let deadline = Instant::now() + DRAIN_MAX;
    while !flights.is_empty() {
        match timeout_at(deadline, flights.landed()).await {
            Ok(Some((peer, answer))) => drop(socket.send_to(&answer, peer).await),
            Ok(None) => {}
            Err(_) => return,
        }
    }
}
