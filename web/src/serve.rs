//! Listening: plain HTTP on loopback alone, TLS elsewhere, under limits of size, time and number.

use std::future::Future;
use std::io;
use std::net::{IpAddr, SocketAddr, TcpListener};
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use axum_server::Handle;
use axum_server::accept::Accept;
use axum_server::tls_rustls::{RustlsAcceptor, RustlsConfig};
use kukaku_schema::intake::Intake;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::error::OpenError;
use crate::house::{House, Shared};
use crate::routes;

/// Connections at once; a page holds two or three.
const CONNECTIONS_MAX: usize = 512;
/// Connections of one address at once, so that one can't take them all; a source behind an address
/// translation shares it.
const CONNECTIONS_PER_ADDRESS_MAX: usize = 96;
/// Longest wait for a request's head: the slow-sender attack holds a place no longer than this.
const HEAD_LONGEST: Duration = Duration::from_secs(15);
/// Longest head in bytes, and most header lines.
const HEAD_MAX_BYTES: usize = 64 * 1024;
const HEADERS_MAX: usize = 64;
/// How long open answers may take to end when the daemon stops.
const STOP_LONGEST: Duration = Duration::from_secs(5);

/// Where to listen, and under which certificate.
pub struct Listen {
    /// The address.
    pub addr: SocketAddr,
    /// The certificate; none: plain HTTP, on loopback alone.
    pub tls: Option<Arc<rustls::ServerConfig>>,
}

/// A listener that stands but does not serve yet.
pub struct Bound {
    listener: TcpListener,
    tls: Option<Arc<rustls::ServerConfig>>,
    addr: SocketAddr,
}

impl Bound {
    /// Takes the address.
    ///
    /// # Errors
    /// `OpenError::PlainBeyondLoopback`, or `OpenError::Listen` where it is taken or not ours.
    pub fn new(listen: Listen) -> Result<Self, OpenError> {
        let Listen { addr, tls } = listen;
        if tls.is_none() && !addr.ip().is_loopback() {
            return Err(OpenError::PlainBeyondLoopback(addr));
        }
        let failed = |source| OpenError::Listen { addr, source };
        let listener = TcpListener::bind(addr).map_err(failed)?;
        let addr = listener.local_addr().map_err(failed)?;
        Ok(Self { listener, tls, addr })
    }

    /// Where it listens; the port is the system's choice where 0 was asked for.
    #[must_use]
    pub fn local_addr(&self) -> SocketAddr {
        self.addr
    }

    /// Serves the pages until `shutdown` resolves.
    ///
    /// # Errors
    /// What keeps the pages from the store, or ends the server.
    pub async fn serve<I: Intake>(
        self,
        house: House<I>,
        shutdown: impl Future<Output = ()> + Send + 'static,
    ) -> Result<(), OpenError> {
        let app = Shared::open(house, self.tls.is_none())?;
        let service = routes::router(&app).into_make_service_with_connect_info::<SocketAddr>();
        let handle = Handle::new();
        let stopper = handle.clone();
        let stop = tokio::spawn(async move {
            shutdown.await;
            stopper.graceful_shutdown(Some(STOP_LONGEST));
        });
        let mut server = axum_server::from_tcp(self.listener)
            .map_err(OpenError::Serve)?
            .http1_only()
            .first_request_timeout(HEAD_LONGEST)
            .handle(handle)
            .accept_error_handler(|peer, error| tracing::debug!(?peer, "a connection was not taken: {error}"));
        server
            .http_builder()
            .http1()
            .header_read_timeout(HEAD_LONGEST)
            .max_buf_size(HEAD_MAX_BYTES)
            .max_headers(HEADERS_MAX)
            .half_close(false);
        let places = Places::new();
        let served = match self.tls {
            Some(config) => {
                let acceptor = RustlsAcceptor::new(RustlsConfig::from_config(config)).acceptor(places);
                server.acceptor(acceptor).serve(service).await
            }
            None => server.acceptor(places).serve(service).await,
        };
        stop.abort();
        served.map_err(OpenError::Serve)
    }
}

/// Takes the address and serves the pages on it until `shutdown` resolves.
///
/// # Errors
/// As for `Bound::new` and `Bound::serve`.
pub async fn serve<I: Intake>(
    house: House<I>,
    listen: Listen,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> Result<(), OpenError> {
    Bound::new(listen)?.serve(house, shutdown).await
}

/// Gives each connection a place, or refuses it at once.
#[derive(Clone)]
struct Places {
    all: Arc<Semaphore>,
    taken: Arc<Mutex<std::collections::BTreeMap<IpAddr, usize>>>,
}

impl Places {
    fn new() -> Self {
        Self { all: Arc::new(Semaphore::new(CONNECTIONS_MAX)), taken: Arc::default() }
    }

    fn take(&self, address: IpAddr) -> Option<Place> {
        let permit = Arc::clone(&self.all).try_acquire_owned().ok()?;
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        let count = taken.entry(address).or_insert(0);
        if *count >= CONNECTIONS_PER_ADDRESS_MAX {
            return None;
        }
        *count += 1;
        Some(Place { _permit: permit, taken: Arc::clone(&self.taken), address })
    }
}

impl<S> Accept<TcpStream, S> for Places {
    type Stream = Placed;
    type Service = S;
    type Future = std::future::Ready<io::Result<(Placed, S)>>;

    fn accept(&self, stream: TcpStream, service: S) -> Self::Future {
        let placed = stream.peer_addr().and_then(|peer| {
            let place = self.take(peer.ip()).ok_or_else(|| io::Error::other("too many connections at once"))?;
            // A small answer goes out at once instead of waiting for the one before it.
            stream.set_nodelay(true)?;
            Ok((Placed { stream, _place: place }, service))
        });
        std::future::ready(placed)
    }
}

/// A place that is free again when it is dropped.
struct Place {
    _permit: OwnedSemaphorePermit,
    taken: Arc<Mutex<std::collections::BTreeMap<IpAddr, usize>>>,
    address: IpAddr,
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = taken.get_mut(&self.address) {
            *count -= 1;
            if *count == 0 {
                taken.remove(&self.address);
            }
        }
    }
}

/// A connection with its place.
struct Placed {
    stream: TcpStream,
    _place: Place,
}

impl AsyncRead for Placed {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl AsyncWrite for Placed {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, buf)
    }
    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }
    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, bufs)
    }
    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn plain_http_is_not_served_to_others() {
        let listen = Listen { addr: "0.0.0.0:0".parse().unwrap(), tls: None };
        assert!(matches!(Bound::new(listen), Err(OpenError::PlainBeyondLoopback(_))));
    }

    #[test]
    fn a_taken_port_is_told_with_its_address() {
        let first = Bound::new(Listen { addr: "127.0.0.1:0".parse().unwrap(), tls: None }).unwrap();
        let Err(second) = Bound::new(Listen { addr: first.local_addr(), tls: None }) else { panic!("it was free") };
        assert!(second.to_string().contains(&first.local_addr().to_string()));
    }

    #[test]
    fn one_address_can_not_take_every_place() {
        let places = Places::new();
        let (greedy, other) = ("192.0.2.1".parse().unwrap(), "192.0.2.2".parse().unwrap());
        let held: Vec<Place> = (0..CONNECTIONS_MAX).map_while(|_| places.take(greedy)).collect();
        assert_eq!(held.len(), CONNECTIONS_PER_ADDRESS_MAX);
        assert!(places.take(other).is_some());
        drop(held);
        assert!(places.take(greedy).is_some());
        assert_eq!(places.taken.lock().unwrap().len(), 0);
    }
}
