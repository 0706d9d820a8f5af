//! The built-in listener: devices connect to us, and PUBACK means durable.
//!
//! One task a connection. It reads publishes, hands each straight to the writer and remembers the
//! receipt; it acknowledges from the head of that list as receipts resolve, so many publishes of
//! one connection share a commit and acknowledgements keep their order. If the power fails before
//! an acknowledgement was sent, the client sends again and the identity of the observation absorbs
//! it. Nothing is delivered to clients, so there is no broker to secure.
//!
//! Back-pressure is not reading on: a full writer, a full list of receipts or an exceeded rate
//! leave the next message in the sender's own socket.

mod acks;
mod config;
mod connection;
mod hello;
mod reader;
mod signin;
mod slots;
mod users;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use kukaku_schema::intake::Intake;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::Instant;
use tokio_rustls::TlsAcceptor;

pub use config::{Limits, ListenerConfig, User, VerifyPassword};

use crate::MqttError;
use crate::event::{Counters, LinkEvent, Reporter};
use signin::SignIn;
use slots::Slots;
use users::Users;

/// Publishes of one connection that may wait for their commit, announced to MQTT 5 clients: four
/// commits of 64. An MQTT 3.1.1 client that sends more is simply not read on.
pub const RECEIVE_MAXIMUM: u16 = 256;

/// How long accepting rests when the system refuses it, out of file descriptors most likely.
const ACCEPT_REST: Duration = Duration::from_millis(200);

/// A bound listener.
pub struct Listener {
    socket: TcpListener,
    shared: Shared,
}

/// What every connection needs.
#[derive(Clone)]
struct Shared {
    link: Arc<str>,
    tls: Option<TlsAcceptor>,
    users: Arc<Users>,
    signin: Arc<SignIn>,
    slots: Arc<Slots>,
    limits: Limits,
    report: Reporter,
    counters: Arc<Counters>,
    started: Instant,
}

impl Listener {
    /// Binds the address. Connections wait in the system's backlog until [`Self::serve`].
    ///
    /// # Errors
    /// The address can't be bound, or users and limits don't fit together.
    pub async fn bind(config: ListenerConfig, verify: VerifyPassword, report: Reporter) -> Result<Self, MqttError> {
        config.limits.check()?;
        let users = Users::new(&config.users, config.limits.rate, config.tls.is_some())?;
        let socket = TcpListener::bind(config.address)
            .await
            .map_err(|source| MqttError::Bind { address: config.address, source })?;
        let shared = Shared {
            link: config.link.into(),
            tls: config.tls.map(TlsAcceptor::from),
            users: Arc::new(users),
            signin: Arc::new(SignIn::new(verify)),
            slots: Arc::new(Slots::new(config.limits.connections_max)),
            limits: config.limits,
            report,
            counters: Arc::new(Counters::default()),
            started: Instant::now(),
        };
        Ok(Self { socket, shared })
    }

    /// The address it listens on: the port that was chosen, where 0 was asked.
    ///
    /// # Errors
    /// What the system says about a socket that is gone.
    pub fn local_address(&self) -> std::io::Result<SocketAddr> {
        self.socket.local_addr()
    }

    /// What it counts.
    #[must_use]
    pub fn counters(&self) -> Arc<Counters> {
        Arc::clone(&self.shared.counters)
    }

    /// Serves until `stop` says true or its sender is gone, then drains: no more is read, what was
    /// handed on is acknowledged when its receipt resolves, and each client is told.
    pub async fn serve<I: Intake>(self, intake: I, mut stop: watch::Receiver<bool>) {
        let mut connections = JoinSet::new();
        loop {
            let accepted = tokio::select! {
                () = stopped(&mut stop) => break,
                Some(_) = connections.join_next(), if !connections.is_empty() => continue,
                accepted = self.socket.accept() => accepted,
            };
            match accepted {
                Ok((stream, peer)) => self.admit(stream, peer, &intake, &stop, &mut connections),
                Err(e) => {
                    (self.shared.report)(LinkEvent::NotAccepting { why: e.to_string() });
                    tokio::select! {
                        () = stopped(&mut stop) => break,
                        () = tokio::time::sleep(ACCEPT_REST) => {}
                    }
                }
            }
        }
        drop(self.socket);
        while connections.join_next().await.is_some() {}
    }

    fn admit<I: Intake>(
        &self,
        stream: TcpStream,
        peer: SocketAddr,
        intake: &I,
        stop: &watch::Receiver<bool>,
        connections: &mut JoinSet<()>,
    ) {
        match self.shared.slots.enter(peer.ip()) {
            Ok(slot) => {
                let shared = self.shared.clone();
                connections.spawn(connection::run(shared, stream, peer, slot, intake.clone(), stop.clone()));
            }
            Err(full) => {
                Counters::add(&self.shared.counters.refused);
                (self.shared.report)(LinkEvent::Refused { peer, user: None, why: full.to_string() });
            }
        }
    }
}

/// Resolves when the listener is to stop.
async fn stopped(stop: &mut watch::Receiver<bool>) {
    // An error means that whoever could say "stop" is gone: that is a stop too.
    let _ = stop.wait_for(|stop| *stop).await;
}
