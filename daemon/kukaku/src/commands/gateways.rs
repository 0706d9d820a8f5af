//! What `kukaku check` says of the ports that gateways send to.

use kukaku_radius::TrustLimit;
use kukaku_schema::Registers;
use kukaku_schema::registers::TrustClass;
use kukaku_syslog::Transport;

use super::check::Line;
use crate::config::Config;

/// How much the kernel lets a socket ask for.
const RMEM_MAX: &str = "/proc/sys/net/core/rmem_max";

/// What is to be said of them; `registers` where there are any, `heard` are the sources that told of
/// sessions already.
pub(super) fn lines(config: &Config, registers: Option<&Registers>, heard: &[String]) -> Vec<Line> {
    let mut out = Vec::new();
    let rmem_max = std::fs::read_to_string(RMEM_MAX).ok().and_then(|text| text.trim().parse::<usize>().ok());
    for port in &config.syslog {
        let udp = port.listen.transport == Transport::Udp;
        if let Some(given) = rmem_max.filter(|given| udp && *given < port.receive_buffer) {
            out.push(Line::Note(format!(
                "syslog {}: net.core.rmem_max is {given}, a burst needs {}: sysctl -w net.core.rmem_max={1}",
                port.listen, port.receive_buffer
            )));
        }
        for source in &port.source {
            out.extend(registered(registers, &source.name, &format!("syslog {}", port.listen), udp));
        }
    }
    for log in &config.web.log {
        out.extend(registered(registers, &log.source, "web.log", false));
    }
    for guacamole in &config.guacamole {
        out.extend(registered(registers, guacamole.source.as_str(), "guacamole", false));
    }
    if let Some(radius) = &config.radius {
        let spoofable = radius.trust_limits();
        for source in radius.sources() {
            let weak = spoofable.iter().any(|(of, TrustLimit::Spoofable)| *of == source);
            out.extend(registered(registers, source.as_str(), "radius", weak));
        }
    }
    let radius = config.radius.iter().flat_map(|radius| radius.sources()).map(|source| source.as_str().to_owned());
    let syslog = config.syslog.iter().flat_map(|port| &port.source).map(|source| source.name.clone());
    let tellers: Vec<String> = radius.chain(syslog).chain(heard.iter().cloned()).collect();
    for tunnel in registers.map_or_else(Vec::new, |registers| registers.nameless_tunnels(&tellers)) {
        out.push(Line::Problem(format!(
            "source {:?} is a tunnel between routers, which names no person, and nothing else tells who works{}: \
             take in the log of the terminals or of the jump host too",
            tunnel.id,
            tunnel.client.as_ref().map_or_else(String::new, |client| format!(" for {client:?}"))
        )));
    }
    out
}

/// A source has to be registered, and as what it is: one that anybody can pretend to be never
/// clears anybody.
fn registered(registers: Option<&Registers>, source: &str, link: &str, spoofable: bool) -> Option<Line> {
    let entry = registers?.sources.iter().rev().find(|entry| entry.row.id == source);
    let Some(entry) = entry else {
        return Some(Line::Note(format!(
            "{link}: source {source:?} is not registered; what it says counts as class B"
        )));
    };
    (spoofable && entry.row.class != TrustClass::C).then(|| {
        Line::Problem(format!(
            "{link}: anybody on the network can pretend to be {source:?}, which is registered as class {}: register \
             class = \"C\", or use RELP, TLS or a Message-Authenticator",
            entry.row.class.word()
        ))
    })
}
