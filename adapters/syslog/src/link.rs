//! One port: bound, served, stopped.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use kukaku_schema::UtcMicros;
use kukaku_schema::intake::Intake;
use kukaku_tls::Clients;
use tokio::net::{TcpListener, TcpStream, UdpSocket};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;
use tokio::time::MissedTickBehavior;
use tokio_rustls::TlsAcceptor;

use crate::config::{SourceConfig, SyslogConfig, Transport};
use crate::connection;
use crate::drops::Drops;
use crate::error::SyslogError;
use crate::event::{Counters, LinkEvent, LinkEventKind, LossPlace};
use crate::limits::{ACCEPT_REST, Limits};
use crate::slots::Slots;
use crate::sources::{LineReader, Sources};
use crate::tally::Tally;
use crate::udp;

/// Our clock.
pub type Now = Arc<dyn Fn() -> UtcMicros + Send + Sync>;

/// A bound port.
pub struct SyslogLink {
    socket: Socket,
    connections_max: usize,
    shared: Shared,
}

enum Socket {
    Udp { socket: Arc<UdpSocket>, drops: std::io::Result<Drops>, asked: usize, granted: usize },
    Tcp(TcpListener),
}

/// What every connection needs.
#[derive(Clone)]
pub(crate) struct Shared {
    pub(crate) link: Arc<str>,
    pub(crate) is_relp: bool,
    pub(crate) tls: Option<TlsAcceptor>,
    pub(crate) idle_max: Option<Duration>,
    pub(crate) sources: Arc<Sources>,
    pub(crate) limits: Limits,
    pub(crate) counters: Arc<Counters>,
    pub(crate) tally: Arc<Tally>,
    pub(crate) events: mpsc::Sender<LinkEvent>,
    pub(crate) now: Now,
}

impl Shared {
    /// Waits for the receiver of events, because a gap must not go unrecorded; one that is gone is
    /// no reason to stop.
    pub(crate) async fn tell(&self, kind: LinkEventKind) {
        let _ = self.events.send(LinkEvent { kind, at: (self.now)() }).await;
    }

    async fn tell_what_is_due(&self) {
        for kind in self.tally.due((self.now)(), self.limits.told_again) {
            self.tell(kind).await;
        }
    }
}

impl SyslogLink {
    /// Checks a configuration, reads its certificates and binds its port. What comes waits in the
    /// system until [`Self::serve`]. `reader` makes the reader of each source.
    ///
    /// # Errors
    /// The key, the file or the address that can't be used.
    pub async fn bind(
        config: &SyslogConfig,
        limits: Limits,
        reader: impl FnMut(&SourceConfig) -> Box<dyn LineReader>,
        events: mpsc::Sender<LinkEvent>,
        now: Now,
    ) -> Result<Self, SyslogError> {
        config.check()?;
        let listen = config.listen;
        let tls = match (&config.certificate, &config.key) {
            (Some(certificate), Some(key)) => {
                let clients = config.client_ca.as_deref().map_or(Clients::NotAsked, Clients::MustShow);
                Some(TlsAcceptor::from(kukaku_tls::server(certificate, key, clients)?))
            }
            _ => None,
        };
        let bind = |source| SyslogError::Bind { listen: listen.to_string(), source };
        let socket = if listen.transport == Transport::Udp {
            let socket = UdpSocket::bind(listen.address).await.map_err(bind)?;
            let asked = config.receive_buffer;
            let granted = udp::ask_for_room(&socket, asked).map_err(bind)?;
            // From here on, so that what is lost before we serve is known.
            let drops = Drops::of(&socket, now());
            Socket::Udp { socket: Arc::new(socket), drops, asked, granted }
        } else {
            Socket::Tcp(TcpListener::bind(listen.address).await.map_err(bind)?)
        };
        let shared = Shared {
            link: format!("syslog:{listen}").into(),
            is_relp: listen.transport.is_relp(),
            tls,
            idle_max: config.idle_max.map(|idle| Duration::from_micros(u64::try_from(idle.0).unwrap_or(u64::MAX))),
            sources: Arc::new(Sources::new(&config.source, reader)),
            limits,
            counters: Arc::new(Counters::default()),
            tally: Arc::new(Tally::default()),
            events,
            now,
        };
        Ok(Self { socket, connections_max: config.connections_max, shared })
    }

    /// The name of this link in arrivals: `syslog:udp://0.0.0.0:514`.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.shared.link
    }

    /// The address it listens on: the port that was chosen, where 0 was asked.
    ///
    /// # Errors
    /// What the system says about a socket that is gone.
    pub fn local_address(&self) -> std::io::Result<SocketAddr> {
        match &self.socket {
            Socket::Udp { socket, .. } => socket.local_addr(),
            Socket::Tcp(socket) => socket.local_addr(),
        }
    }

    /// What it counts.
    #[must_use]
    pub fn counters(&self) -> Arc<Counters> {
        Arc::clone(&self.shared.counters)
    }

    /// Serves until `stop` says true or its sender is gone, then drains: what was read is seen to
    /// its commit within `Limits::drain_max`, RELP senders are told, and what is not kept by then
    /// is told as lost.
    pub async fn serve<I: Intake>(self, intake: I, stop: watch::Receiver<bool>) {
        if let Ok(address) = self.local_address() {
            self.shared.tell(LinkEventKind::Listening { address }).await;
        }
        let shared = self.shared.clone();
        match self.socket {
            Socket::Udp { socket, drops, asked, granted } => {
                if granted < asked {
                    shared.tell(LinkEventKind::SmallBuffer { asked, granted }).await;
                }
                let mut drops = Watched::new(&shared, drops).await;
                let serving = udp::serve(shared.clone(), Arc::clone(&socket), intake, stop);
                look_while(&shared, &mut drops, serving).await;
                // Open until the last look: the kernel forgets its count with it.
                drop(socket);
            }
            Socket::Tcp(listener) => {
                let slots = Arc::new(Slots::new(self.connections_max));
                look_while(&shared, &mut Watched(None), accept_all(&shared, listener, &slots, intake, stop)).await;
            }
        }
    }
}

/// What the kernel drops, where it can be asked.
struct Watched(Option<Drops>);

impl Watched {
    async fn new(shared: &Shared, drops: std::io::Result<Drops>) -> Self {
        match drops {
            Ok(drops) => Self(Some(drops)),
            Err(error) => {
                shared.tell(LinkEventKind::DropsUnknown { why: error.to_string() }).await;
                Self(None)
            }
        }
    }

    async fn look(&mut self, shared: &Shared) {
        let Some(drops) = &mut self.0 else { return };
        match drops.look((shared.now)()) {
            Ok(None) => {}
            Ok(Some((count, span))) => {
                Counters::add(&shared.counters.lost, count);
                shared.tell(LinkEventKind::Lost { count, span, place: LossPlace::Kernel }).await;
            }
            Err(error) => {
                self.0 = None;
                shared.tell(LinkEventKind::DropsUnknown { why: error.to_string() }).await;
            }
        }
    }
}

/// Tells what is due while the port is served, and the rest when it no longer is.
async fn look_while(shared: &Shared, drops: &mut Watched, serving: impl Future<Output = ()>) {
    let mut looks = tokio::time::interval(shared.limits.look_every.max(Duration::from_millis(1)));
    looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut serving = std::pin::pin!(serving);
    loop {
        tokio::select! {
            () = &mut serving => break,
            _ = looks.tick() => {}
        }
        // Not beside the serving: what was taken to be told is told, even if it ends meanwhile.
        drops.look(shared).await;
        shared.tell_what_is_due().await;
    }
    drops.look(shared).await;
    for kind in shared.tally.due((shared.now)(), Duration::ZERO) {
        shared.tell(kind).await;
    }
}

async fn accept_all<I: Intake>(
    shared: &Shared,
    listener: TcpListener,
    slots: &Arc<Slots>,
    intake: I,
    mut stop: watch::Receiver<bool>,
) {
    let mut connections = JoinSet::new();
    loop {
        let accepted = tokio::select! {
            () = stopped(&mut stop) => break,
            Some(_) = connections.join_next(), if !connections.is_empty() => continue,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, peer)) => admit(shared, stream, peer, slots, &intake, &stop, &mut connections),
            Err(error) => {
                shared.tell(LinkEventKind::NotReceiving { why: error.to_string() }).await;
                tokio::select! {
                    () = stopped(&mut stop) => break,
                    () = tokio::time::sleep(ACCEPT_REST) => {}
                }
            }
        }
    }
    drop(listener);
    while connections.join_next().await.is_some() {}
}

fn admit<I: Intake>(
    shared: &Shared,
    stream: TcpStream,
    peer: SocketAddr,
    slots: &Arc<Slots>,
    intake: &I,
    stop: &watch::Receiver<bool>,
    connections: &mut JoinSet<()>,
) {
    let sender = peer.ip().to_canonical();
    if !shared.sources.knows(sender) {
        // Closed unread: it learns that nobody takes its lines here.
        Counters::add(&shared.counters.strangers, 1);
        return shared.tally.unknown(sender);
    }
    match slots.enter(sender) {
        Ok(slot) => {
            connections.spawn(connection::run(shared.clone(), stream, peer, slot, intake.clone(), stop.clone()));
        }
        Err(full) => {
            Counters::add(&shared.counters.refused, 1);
            shared.tally.refused(sender, full);
        }
    }
}

/// Resolves when the link is to stop.
pub(crate) async fn stopped(stop: &mut watch::Receiver<bool>) {
    // An error means that whoever could say "stop" is gone: that is a stop too.
    let _ = stop.wait_for(|stop| *stop).await;
}

/// Whether the link is to stop.
pub(crate) fn is_stopped(stop: &watch::Receiver<bool>) -> bool {
    *stop.borrow() || stop.has_changed().is_err()
}
