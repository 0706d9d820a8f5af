//! Who may speak, and for which source.

use std::net::IpAddr;
use std::path::Path;
use std::sync::Arc;

use kukaku_codec::radius::Secret;
use kukaku_schema::Name;

use crate::RadiusError;
use crate::config::{ClientConfig, PeerConfig};
use crate::network::Network;

/// One who may speak.
#[derive(Debug)]
pub(crate) struct Known {
    pub(crate) source: Name,
    pub(crate) secret: Secret,
    pub(crate) demands_message_authenticator: bool,
}

/// The NAS over UDP, the narrowest networks first.
#[derive(Debug)]
pub(crate) struct Clients(Vec<(Network, Arc<Known>)>);

impl Clients {
    pub(crate) fn new(
        clients: &[ClientConfig],
        read_secret: impl Fn(&Path) -> Result<Vec<u8>, String>,
    ) -> Result<Self, RadiusError> {
        if clients.is_empty() {
            return Err(RadiusError::setting("clients", "expected at least one: nobody else is answered"));
        }
        let mut known: Vec<(Network, Arc<Known>)> = Vec::new();
        for (at, client) in clients.iter().enumerate() {
            if known.iter().any(|(network, _)| *network == client.address) {
                let what = format!("{} belongs to another client already", client.address);
                return Err(RadiusError::setting(format!("clients[{at}].address"), what));
            }
            let secret = read_secret(&client.secret_file).and_then(Secret::new).map_err(|why| RadiusError::File {
                what: "the shared secret",
                path: client.secret_file.clone(),
                why,
            })?;
            let demands_message_authenticator = client.demand_message_authenticator;
            let source = client.source.clone();
            known.push((client.address, Arc::new(Known { source, secret, demands_message_authenticator })));
        }
        known.sort_by_key(|(network, _)| std::cmp::Reverse(network.bits()));
        Ok(Self(known))
    }

    pub(crate) fn at(&self, address: IpAddr) -> Option<&Arc<Known>> {
        self.0.iter().find(|(network, _)| network.holds(address)).map(|(_, known)| known)
    }
}

/// The NAS over TLS, by the name in their certificate.
#[derive(Debug)]
pub(crate) struct Peers(Vec<(String, Arc<Known>)>);

impl Peers {
    pub(crate) fn new(peers: &[PeerConfig]) -> Result<Self, RadiusError> {
        if peers.is_empty() {
            return Err(RadiusError::setting("tls.peers", "expected at least one: nobody else is let in"));
        }
        let mut known: Vec<(String, Arc<Known>)> = Vec::new();
        for (at, peer) in peers.iter().enumerate() {
            let key = || format!("tls.peers[{at}].certificate");
            if peer.certificate.is_empty() {
                return Err(RadiusError::setting(key(), "expected a name that the certificate carries"));
            }
            if known.iter().any(|(name, _)| *name == peer.certificate) {
                return Err(RadiusError::setting(key(), format!("{:?} belongs to another peer", peer.certificate)));
            }
            // The certificate has signed already: a Message-Authenticator would add nothing.
            let secret = Secret::radsec();
            let source = peer.source.clone();
            let peer_known = Known { source, secret, demands_message_authenticator: false };
            known.push((peer.certificate.clone(), Arc::new(peer_known)));
        }
        Ok(Self(known))
    }

    pub(crate) fn certified(&self, names: &[String]) -> Option<&Arc<Known>> {
        names.iter().find_map(|name| self.0.iter().find(|(known, _)| known == name)).map(|(_, known)| known)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client(source: &str, address: &str) -> ClientConfig {
        ClientConfig {
            source: Name::new(source).unwrap(),
            address: address.parse().unwrap(),
            secret_file: "secret".into(),
            demand_message_authenticator: false,
        }
    }

    fn secret(_: &Path) -> Result<Vec<u8>, String> {
        Ok(b"0123456789abcdef".to_vec())
    }

    #[test]
    fn the_narrowest_network_counts() {
        let list = [client("all", "0.0.0.0/0"), client("one", "10.1.2.3"), client("some", "10.0.0.0/8")];
        let clients = Clients::new(&list, secret).unwrap();
        let source = |address: &str| clients.at(address.parse().unwrap()).map(|known| known.source.as_str());
        assert_eq!(source("10.1.2.3"), Some("one"));
        assert_eq!(source("10.1.2.4"), Some("some"));
        assert_eq!(source("192.0.2.1"), Some("all"));
        assert_eq!(source("2001:db8::1"), None);
    }

    #[test]
    fn what_does_not_fit_is_named() {
        let said = |list: &[ClientConfig]| Clients::new(list, secret).unwrap_err().to_string();
        assert!(said(&[]).starts_with("`clients`"));
        let twice = said(&[client("a", "10.0.0.1"), client("b", "10.0.0.1/32")]);
        assert_eq!(twice, "`clients[1].address`: 10.0.0.1/32 belongs to another client already");
        let empty = Clients::new(&[client("a", "10.0.0.1")], |_| Ok(Vec::new())).unwrap_err().to_string();
        assert_eq!(empty, "read the shared secret from secret: a shared secret can't be empty");
        assert!(Peers::new(&[]).is_err());
        let peer = PeerConfig { source: Name::new("a").unwrap(), certificate: "gw.example".to_owned() };
        assert!(Peers::new(&[peer.clone(), peer]).unwrap_err().to_string().contains("another peer"));
    }
}
