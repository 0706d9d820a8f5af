//! The networks that this machine stands in, by name.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use kukaku_syslog::Network;
use serde::Deserialize;

/// `[[network]]`: a network with a purpose of its own (the city's line, the office, maintenance).
/// Where any is named, each listener has to have an address of exactly one of them, or of this
/// machine alone; otherwise the daemon doesn't start.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NetworkConfig {
    /// A short name: `"city-line"`. Shown by `kukaku check`.
    pub name: String,
    /// As people call it: `"苫小牧市回線"`. Default: the name alone is shown.
    #[serde(default)]
    pub label: Option<String>,
    /// Its networks (`"192.0.2.0/24"`) and addresses (`"192.0.2.10"`). Wrong: listeners are refused
    /// as open to another network or to none.
    pub addresses: Vec<Network>,
}

impl NetworkConfig {
    /// Whether an address is one of this network.
    #[must_use]
    pub fn contains(&self, address: IpAddr) -> bool {
        self.addresses.iter().any(|range| range.contains(address))
    }
}

/// The place in the list, the field and what is wrong with it.
type Wrong = (usize, &'static str, String);

/// Checks all of them; which listener stands where is for `kukaku check` and the start.
pub(super) fn check(networks: &[NetworkConfig]) -> Result<(), Wrong> {
    for (place, network) in networks.iter().enumerate() {
        let wrong = |field, why: String| Err((place, field, why));
        for (field, text) in [("name", Some(&network.name)), ("label", network.label.as_ref())] {
            if text.is_some_and(|text| text.trim().is_empty() || text.chars().any(char::is_control)) {
                return wrong(field, "expected a name of one line".to_owned());
            }
        }
        if networks[..place].iter().any(|other| other.name == network.name) {
            return wrong("name", format!("{:?} stands twice", network.name));
        }
        if network.addresses.is_empty() {
            return wrong("addresses", "is empty; expected networks like \"192.0.2.0/24\"".to_owned());
        }
        let here = [IpAddr::V4(Ipv4Addr::LOCALHOST), IpAddr::V6(Ipv6Addr::LOCALHOST)];
        if let Some(range) = network.addresses.iter().find(|range| here.iter().any(|at| range.contains(*at))) {
            return wrong("addresses", format!("{range} holds loopback, which is this machine and no network"));
        }
    }
    Ok(())
}
