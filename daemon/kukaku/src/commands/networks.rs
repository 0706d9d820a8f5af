//! What `kukaku check` says of the networks: which listener stands in which, and that nothing is
//! routed between them.

use std::net::SocketAddr;
use std::path::Path;

use kukaku_syslog::Transport;

use super::check::Line;
use crate::config::{Config, NetworkConfig};

/// Where the kernel tells, and is told, what it routes.
const SYSCTL_NET: &str = "/proc/sys/net";

/// An address that the daemon listens on.
#[derive(Debug, Clone, Copy)]
pub(super) struct Listener {
    /// Its key in the configuration.
    pub key: &'static str,
    /// What is served there.
    what: &'static str,
    /// UDP rather than TCP.
    pub is_udp: bool,
    /// Whether everything there is encrypted.
    is_tls: bool,
    /// Where.
    pub address: SocketAddr,
}

/// Every one of them: what is bound before the start, and what is held against the networks.
pub(super) fn listeners(config: &Config) -> Vec<Listener> {
    let tcp = |key, what, is_tls, address| Listener { key, what, is_udp: false, is_tls, address };
    let mut found = vec![tcp("web.listen", "pages and API", config.web.tls.is_some(), config.web.listen)];
    if let Some(mqtt) = &config.mqtt {
        found.extend(mqtt.listen.map(|at| tcp("mqtt.listen", "MQTT", false, at)));
        found.extend(mqtt.tls.as_ref().map(|tls| tcp("mqtt.tls.listen", "MQTT", true, tls.listen)));
    }
    found.extend(config.syslog.iter().map(|port| {
        let transport = port.listen.transport;
        let what = if transport.is_relp() { "syslog (RELP)" } else { "syslog" };
        let is_udp = transport == Transport::Udp;
        Listener { is_udp, ..tcp("syslog.listen", what, transport.is_tls(), port.listen.address) }
    }));
    if let Some(radius) = &config.radius {
        found.extend(radius.tls.as_ref().map(|tls| tcp("radius.tls.listen", "RADIUS accounting", true, tls.listen)));
        let plain = |at| Listener { is_udp: true, ..tcp("radius.listen", "RADIUS accounting", false, at) };
        found.extend(radius.listen.map(plain));
    }
    found
}

/// Each listener with its network, the listeners that stand in two or in none, and what is routed.
pub(super) fn lines(config: &Config) -> Vec<Line> {
    let mut out = Vec::new();
    if config.network.is_empty() {
        out.push(Line::Note(
            "networks: none is named, so nobody checks that each listener stands in one alone: name them with \
             [[network]] in kukaku.toml"
                .to_owned(),
        ));
        out.extend(listeners(config).iter().map(|listener| match listener.is_here() {
            true => Line::Fine(format!("this machine alone: {}", listener.text())),
            false => Line::Fine(format!("listener: {}", listener.text())),
        }));
        return out;
    }
    let placed: Vec<_> = listeners(config).into_iter().map(|one| (one, place(&config.network, &one))).collect();
    let mut served = 0;
    for network in &config.network {
        let name = shown_name(network);
        let here = placed.iter().filter(|(_, place)| matches!(place, Ok(Some(at)) if at.name == network.name));
        let before = out.len();
        out.extend(here.map(|(listener, _)| Line::Fine(format!("network {name}: {}", listener.text()))));
        match out.len() == before {
            true => out.push(Line::Fine(format!("network {name}: nothing listens"))),
            false => served += 1,
        }
    }
    let here = placed.iter().filter(|(_, place)| matches!(place, Ok(None)));
    out.extend(here.map(|(listener, _)| Line::Fine(format!("this machine alone: {}", listener.text()))));
    out.extend(placed.iter().filter_map(|(_, place)| place.as_ref().err().cloned().map(Line::Problem)));
    if served > 1 {
        out.push(Line::Note(
            "networks: Linux answers for each of its addresses on every wire; let the firewall of this machine drop \
             what comes to the address of one network over the wire of another"
                .to_owned(),
        ));
    }
    out.push(routing(Path::new(SYSCTL_NET)));
    out
}

/// The listeners that stand in two networks or in none; nothing where no network is named.
pub(super) fn refused(config: &Config) -> Vec<Line> {
    if config.network.is_empty() {
        return Vec::new();
    }
    let wrong = |listener| place(&config.network, &listener).err();
    listeners(config).into_iter().filter_map(wrong).map(Line::Problem).collect()
}

/// What is to be told at the start where packets go from one network to another.
pub(super) fn routing_problem(config: &Config) -> Option<String> {
    match routing(Path::new(SYSCTL_NET)) {
        Line::Problem(what) if !config.network.is_empty() => Some(what),
        _ => None,
    }
}

impl Listener {
    fn is_here(&self) -> bool {
        self.address.ip().to_canonical().is_loopback()
    }

    fn text(&self) -> String {
        let Self { key, what, address, .. } = self;
        let transport = if self.is_udp { "UDP" } else { "TCP" };
        let secret = if self.is_tls { "TLS" } else { "not encrypted" };
        format!("{what}, {transport} {address}, {secret} ({key})")
    }
}

/// The one network that a listener stands in, `None` for this machine alone, or why it is neither.
fn place<'a>(networks: &'a [NetworkConfig], listener: &Listener) -> Result<Option<&'a NetworkConfig>, String> {
    if listener.is_here() {
        return Ok(None);
    }
    let ip = listener.address.ip().to_canonical();
    let wrong = |why: String| {
        let text = listener.text();
        Err(format!("{text}: {why}: listen on one address of one [[network]], or of this machine alone"))
    };
    // Even with a single network named: the machine may have, or get, an address in another.
    if ip.is_unspecified() {
        return wrong(format!("{ip} is open to every network that this machine stands in"));
    }
    let within: Vec<_> = networks.iter().filter(|network| network.contains(ip)).collect();
    match within.as_slice() {
        [] => wrong(format!("{ip} is an address of no named network")),
        [network] => Ok(Some(network)),
        several => {
            let names: Vec<_> = several.iter().map(|network| shown_name(network)).collect();
            wrong(format!("{ip} is open to {} networks, {}", several.len(), names.join(" and ")))
        }
    }
}

fn shown_name(network: &NetworkConfig) -> String {
    match &network.label {
        Some(label) => format!("{:?} ({label})", network.name),
        None => format!("{:?}", network.name),
    }
}

/// Whether the kernel passes packets on, by the folder where it says so.
fn routing(sysctl_net: &Path) -> Line {
    let on = match forwarding(sysctl_net) {
        Ok(on) => on,
        Err(why) => return Line::Note(format!("networks: whether this machine routes is not known: {why}")),
    };
    if on.is_empty() {
        return Line::Fine("networks: nothing is routed between them".to_owned());
    }
    Line::Problem(format!(
        "networks: this machine routes packets from one to another ({} is not 0): `sysctl -w net.ipv4.ip_forward=0 \
         net.ipv6.conf.all.forwarding=0`, write 0 where one is left, the same in /etc/sysctl.d, and find out who \
         switched it on (virtual machines and containers do)",
        on.join(", ")
    ))
}

/// The switches that let packets through. A packet is passed on where the interface that it came by
/// says so, whatever the machine's own switch says: each is read.
fn forwarding(sysctl_net: &Path) -> Result<Vec<String>, String> {
    let mut on = Vec::new();
    for family in ["ipv4", "ipv6"] {
        let folder = sysctl_net.join(family).join("conf");
        let failed = |e: std::io::Error| format!("{}: {e}", folder.display());
        let interfaces = match std::fs::read_dir(&folder) {
            Ok(interfaces) => interfaces,
            // A kernel without IPv6 routes none.
            Err(error) if error.kind() == std::io::ErrorKind::NotFound && family == "ipv6" => continue,
            Err(error) => return Err(failed(error)),
        };
        let mut found = Vec::new();
        for interface in interfaces {
            let switch = interface.map_err(failed)?.path().join("forwarding");
            match std::fs::read_to_string(&switch) {
                Ok(text) if text.trim() == "0" => {}
                Ok(_) => found.push(switch),
                // Interfaces go while they are listed.
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
                Err(error) => return Err(format!("{}: {error}", switch.display())),
            }
        }
        let all = folder.join("all").join("forwarding");
        if found.contains(&all) {
            found = vec![all];
        }
        found.sort();
        on.extend(found.iter().map(|switch| switch.display().to_string()));
    }
    Ok(on)
}
