//! Talks to the service manager: ready, stopping, still alive (`sd_notify(3)`).
//!
//! A datagram to the socket that the manager names. Where there is no manager, nothing is sent.

use std::io;
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::time::Duration;

/// The line to the service manager.
#[derive(Debug)]
pub struct Supervisor {
    socket: Option<(UnixDatagram, SocketAddr)>,
    watchdog: Option<Duration>,
}

impl Supervisor {
    /// The manager that started this process, if one did.
    ///
    /// # Errors
    /// The manager's socket is named but can't be used.
    pub fn of_environment() -> io::Result<Self> {
        let socket = match std::env::var_os("NOTIFY_SOCKET") {
            Some(path) => Some((UnixDatagram::unbound()?, address(path.as_bytes())?)),
            None => None,
        };
        let own = std::env::var("WATCHDOG_PID").map_or(true, |pid| pid == std::process::id().to_string());
        let watchdog = std::env::var("WATCHDOG_USEC")
            .ok()
            .filter(|_| own && socket.is_some())
            .and_then(|us| us.parse().ok())
            .filter(|us| *us > 0)
            .map(Duration::from_micros);
        Ok(Self { socket, watchdog })
    }

    /// How often the manager wants a sign of life: half the time after which it would kill.
    #[must_use]
    pub fn watchdog_every(&self) -> Option<Duration> {
        self.watchdog.map(|limit| limit / 2)
    }

    /// The daemon serves: every listener is open, the store is whole.
    pub fn ready(&self) {
        self.tell("READY=1");
    }

    /// The daemon drains.
    pub fn stopping(&self) {
        self.tell("STOPPING=1");
    }

    /// The writer still works.
    pub fn alive(&self) {
        self.tell("WATCHDOG=1");
    }

    fn tell(&self, what: &str) {
        if let Some((socket, address)) = &self.socket
            && let Err(error) = socket.send_to_addr(what.as_bytes(), address)
        {
            tracing::warn!("tell the service manager {what}: {error}");
        }
    }
}

/// A path, or with a leading `@` a name of the abstract namespace.
fn address(path: &[u8]) -> io::Result<SocketAddr> {
    match path.split_first() {
        Some((b'@', name)) => SocketAddr::from_abstract_name(name),
        _ => SocketAddr::from_pathname(std::ffi::OsStr::from_bytes(path)),
    }
}
