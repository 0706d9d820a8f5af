//! RADIUS accounting from gateways, over UDP and over TLS (RadSec, RFC 6614).
//!
//! [`RadiusLink`] receives requests from the NAS of its configuration and from nobody else, hands what
//! they come to (`kukaku_codec::radius`) to the intake, and answers once all of it is durable: a NAS
//! that gets no answer sends again. Who is unknown, or doesn't know the secret, is counted and told,
//! never answered. A request that comes again while its first arrival is underway is joined to it.
//!
//! Plain RADIUS can be spoofed by whoever can write to the network and read or guess the secret:
//! [`RadiusConfig::trust_limits`] says of which sources that is true, for the program to warn.
//!
//! Decides no meaning, opens no database, and reports through [`LinkEvent`].

mod clients;
mod config;
mod desk;
mod error;
mod event;
mod flights;
mod network;
mod tls;
mod udp;

use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use kukaku_codec::radius::Accounting;
use kukaku_schema::UtcMicros;
use kukaku_schema::intake::Intake;
use tokio::net::{TcpListener, UdpSocket};
use tokio::sync::watch;
use tokio_rustls::TlsAcceptor;

pub use config::{ClientConfig, PeerConfig, RadiusConfig, TlsConfig, TrustLimit};
pub use error::RadiusError;
pub use event::{Counted, Counters, LinkEvent, LinkEventKind, Reporter};
pub use flights::{TLS_UNDERWAY_MAX, UDP_UNDERWAY_MAX};
pub use network::Network;

use clients::{Clients, Peers};
use desk::Desk;

/// Our clock.
pub type Now = Arc<dyn Fn() -> UtcMicros + Send + Sync>;

/// A link whose addresses are bound.
pub struct RadiusLink {
    udp: Option<(UdpSocket, Clients)>,
    tls: Option<(TcpListener, TlsAcceptor, Peers)>,
    desk: Arc<Desk>,
}

impl RadiusLink {
    /// Checks the configuration, reads secrets and certificates, and binds the addresses.
    ///
    /// `read_secret` gives the secret that a file holds. `memory` is what is known of open sessions:
    /// `Accounting::new` of this instant, or one that was handed the open sessions of the store.
    ///
    /// # Errors
    /// What of the configuration, the files or the addresses can't be used.
    pub async fn bind(
        config: &RadiusConfig,
        read_secret: impl Fn(&Path) -> Result<Vec<u8>, String>,
        memory: Accounting,
        now: Now,
        report: Reporter,
    ) -> Result<Self, RadiusError> {
        if config.listen.is_none() && config.tls.is_none() {
            return Err(RadiusError::setting("listen", "expected an address here, or a table `tls`"));
        }
        let bind_error = |address| move |source| RadiusError::Bind { address, source };
        let udp = match config.listen {
            None if config.clients.is_empty() => None,
            None => return Err(RadiusError::setting("clients", "they need an address to speak to: `listen`")),
            Some(address) => {
                let clients = Clients::new(&config.clients, read_secret)?;
                Some((UdpSocket::bind(address).await.map_err(bind_error(address))?, clients))
            }
        };
        let tls = match &config.tls {
            None => None,
            Some(settings) => {
                let peers = Peers::new(&settings.peers)?;
                let acceptor = TlsAcceptor::from(kukaku_tls::server(
                    &settings.certificate,
                    &settings.key,
                    kukaku_tls::Clients::MustShow(&settings.client_ca),
                )?);
                let listener = TcpListener::bind(settings.listen).await.map_err(bind_error(settings.listen))?;
                Some((listener, acceptor, peers))
            }
        };
        Ok(Self { udp, tls, desk: Arc::new(Desk::new(memory, now, report)) })
    }

    /// The address of UDP: the port that was chosen, where 0 was asked.
    #[must_use]
    pub fn udp_address(&self) -> Option<SocketAddr> {
        self.udp.as_ref().and_then(|(socket, _)| socket.local_addr().ok())
    }

    /// The address of TLS: the port that was chosen, where 0 was asked.
    #[must_use]
    pub fn tls_address(&self) -> Option<SocketAddr> {
        self.tls.as_ref().and_then(|(listener, ..)| listener.local_addr().ok())
    }

    /// What it counts.
    #[must_use]
    pub fn counters(&self) -> Arc<Counters> {
        self.desk.counters()
    }

    /// Serves until `stop` says true or its sender is gone; then no more is read, and what is underway
    /// is answered when it is durable, for some seconds at most.
    pub async fn serve<I: Intake>(self, intake: I, stop: watch::Receiver<bool>) {
        let datagrams = async {
            if let Some((socket, clients)) = self.udp {
                udp::serve(socket, clients, Arc::clone(&self.desk), intake.clone(), stop.clone()).await;
            }
        };
        let connections = async {
            if let Some((listener, acceptor, peers)) = self.tls {
                tls::serve((listener, acceptor), peers, Arc::clone(&self.desk), intake.clone(), stop.clone()).await;
            }
        };
        tokio::join!(datagrams, connections);
    }
}

/// Resolves when the link is to stop.
pub(crate) async fn stopped(stop: &mut watch::Receiver<bool>) {
    // An error means that whoever could say "stop" is gone: that is a stop too.
    let _ = stop.wait_for(|stop| *stop).await;
}
