//! What the listener is told.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use crate::MqttError;
use crate::throttle::Rate;

/// Says whether a password belongs to a stored hash: `(hash, password)`. It may take its time; it
/// runs on a thread that may block, and few at once.
pub type VerifyPassword = Arc<dyn Fn(&str, &[u8]) -> bool + Send + Sync>;

/// Where to listen, and who may speak.
pub struct ListenerConfig {
    /// The address; port 0 takes a free one.
    pub address: SocketAddr,
    /// TLS, or none for plain TCP. One listener speaks one of the two.
    pub tls: Option<Arc<rustls::ServerConfig>>,
    /// Who may sign in. Nobody else can: there is no anonymous client.
    pub users: Vec<User>,
    /// The link's name in every arrival: `mqtt`.
    pub link: String,
    /// How much it takes on.
    pub limits: Limits,
}

/// A device or gateway that may sign in.
#[derive(Clone)]
pub struct User {
    /// Its user name; at a sign-in by certificate alone it need not be sent.
    pub name: String,
    /// The hash of its password. With a certificate as well, both are demanded.
    pub password_hash: Option<String>,
    /// A name (common name, DNS name, e-mail address or URI) that its certificate must carry.
    pub certificate: Option<String>,
    /// The sources that it may speak for, exactly.
    pub sources: Vec<String>,
}

/// Shows no hash.
impl std::fmt::Debug for User {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("User")
            .field("name", &self.name)
            .field("has_password", &self.password_hash.is_some())
            .field("certificate", &self.certificate)
            .field("sources", &self.sources)
            .finish()
    }
}

/// How much a listener takes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Connections at once, signed in or not.
    pub connections_max: usize,
    /// From accepting to CONNECT and its check, TLS included.
    pub connect_timeout: Duration,
    /// What one source may send.
    pub rate: Rate,
}

impl Default for Limits {
    fn default() -> Self {
        Self { connections_max: 512, connect_timeout: Duration::from_secs(10), rate: Rate::default() }
    }
}

impl Limits {
    pub(super) fn check(&self) -> Result<(), MqttError> {
        let at_least_one = |key, value: u64| {
            if value == 0 {
                return Err(MqttError::Setting { key, what: "0, expected 1 or more".to_owned() });
            }
            Ok(())
        };
        at_least_one("connections_max", self.connections_max as u64)?;
        at_least_one("rate.per_second", u64::from(self.rate.per_second))?;
        at_least_one("rate.burst", u64::from(self.rate.burst))?;
        at_least_one("connect_timeout", u64::try_from(self.connect_timeout.as_millis()).unwrap_or(u64::MAX))
    }
}
