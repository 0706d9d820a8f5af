//! How the link is set up.

use std::net::SocketAddr;
use std::path::PathBuf;

use kukaku_schema::Name;
use serde::Deserialize;

use crate::network::Network;

/// RADIUS accounting as it is written in the configuration.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RadiusConfig {
    /// The address for UDP, `"192.0.2.10:1813"`. Name it: with `0.0.0.0` an answer may leave from
    /// another address than it was asked at, and gateways don't believe such.
    pub listen: Option<SocketAddr>,
    /// The NAS (gateways, access points) that may speak over UDP. Nobody else is answered.
    #[serde(default)]
    pub clients: Vec<ClientConfig>,
    /// RADIUS over TLS; none by default.
    pub tls: Option<TlsConfig>,
}

/// A NAS, or a network of them, that speaks over UDP.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClientConfig {
    /// The source that it speaks for, as registered.
    pub source: Name,
    /// Its address, or the range of its addresses; the narrowest one that holds a sender counts.
    pub address: Network,
    /// The file that holds the shared secret and nothing else, mode 0600. 16 characters or more, and
    /// another one for each NAS. Wrong: everything of this NAS is refused.
    pub secret_file: PathBuf,
    /// Whether requests without a Message-Authenticator are refused; false by default, because few
    /// gateways can send one. Without it the source counts as one that could be spoofed.
    #[serde(default)]
    pub demand_message_authenticator: bool,
}

/// RADIUS over TLS (RFC 6614): both sides show certificates.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TlsConfig {
    /// The address for TCP, `"192.0.2.10:2083"`.
    pub listen: SocketAddr,
    /// Our certificate with its chain, PEM.
    pub certificate: PathBuf,
    /// Its private key, PEM.
    pub key: PathBuf,
    /// The CA whose certificates the other side must show, PEM.
    pub client_ca: PathBuf,
    /// Who may speak.
    pub peers: Vec<PeerConfig>,
}

/// A NAS, or a proxy of several, that speaks over TLS.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PeerConfig {
    /// The source that it speaks for, as registered.
    pub source: Name,
    /// A name (common name, DNS name, e-mail address or URI) that its certificate must carry.
    pub certificate: String,
}

/// Why a source is to be trusted less than its registration may say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TrustLimit {
    /// Plain RADIUS without Message-Authenticator: at most class C, for it could be spoofed.
    Spoofable,
}

impl RadiusConfig {
    /// The files that it names, for a program that keeps paths relative to its own folder.
    pub fn paths_mut(&mut self) -> Vec<&mut PathBuf> {
        let secrets = self.clients.iter_mut().map(|client| &mut client.secret_file);
        let tls = self.tls.iter_mut().flat_map(|tls| [&mut tls.certificate, &mut tls.key, &mut tls.client_ca]);
        secrets.chain(tls).collect()
    }

    /// Every source that it speaks of.
    pub fn sources(&self) -> impl Iterator<Item = &Name> {
        let peers = self.tls.iter().flat_map(|tls| &tls.peers);
        self.clients.iter().map(|client| &client.source).chain(peers.map(|peer| &peer.source))
    }

    /// The sources that deserve less trust, each with the reason; what comes over TLS does not.
    #[must_use]
    pub fn trust_limits(&self) -> Vec<(&Name, TrustLimit)> {
        let plain = self.clients.iter().filter(|client| !client.demand_message_authenticator);
        plain.map(|client| (&client.source, TrustLimit::Spoofable)).collect()
    }
}
