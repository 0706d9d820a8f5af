//! What one event says by itself, before anything is remembered: the table of channels and ids.

use crate::windows::account::{Account, Address, address};
use crate::windows::event::WindowsEvent;

use super::{Ignored, Role, SessionsConfig};
use super::{client, ssh};

/// What an event says.
#[derive(Debug)]
pub(super) enum Sign {
    /// Somebody came.
    Start(How, Evidence),
    /// Somebody went; with the source's word for why.
    End(Ending, Evidence, String),
    /// Opens nothing, and completes what comes.
    Hint(Evidence),
    /// Of no account for sessions.
    Ignored(Ignored),
    /// It should say something, and can't be understood.
    Refused(String),
}

/// In which way somebody came: decides what an open session of the same key means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum How {
    /// Signed in.
    Logon,
    /// His desktop began, which is after he came.
    Shell,
    /// Unlocked, from afar: he came back, or was there all the time.
    Unlock,
    /// Came back to what he had left open.
    Reconnect,
    /// A connection with a key of its own.
    Connection,
    /// A connection through a gateway; several may have the same key.
    Gateway,
}

/// In which way somebody went: decides which session is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ending {
    /// One of the logons of a session is gone; there may be others.
    Logon,
    /// He signed out.
    SignOut,
    /// He left, and the event names him and where he sat: tells a session by itself.
    Left,
    /// The terminal-services session of that number has nobody in it any more.
    Session,
    /// As `Session`, because another connection took its place.
    Replaced,
    /// The connection of that key is gone.
    Connection,
    /// As `Connection`, and the event names him: tells a session by itself.
    ConnectionOf,
}

/// Everything that an event may tell of a session.
#[derive(Debug, Clone, Default)]
pub(super) struct Evidence {
    /// Who.
    pub account: Option<Account>,
    /// Where he sits: the address.
    pub address: Option<String>,
    /// Whether that address is what his own machine says of itself: behind a VPN or a router it is
    /// another than the one that was seen, and contradicts nothing.
    pub is_claimed: bool,
    /// Where he sits: the machine's name.
    pub terminal: Option<String>,
    /// What he reaches.
    pub target: Option<String>,
    /// Through what.
    pub via: Option<String>,
    /// The number of the terminal-services session on its host; used again after a logoff.
    pub ts: Option<u32>,
    /// The ids of his logons on the host; of an elevated one the linked id too.
    pub logons: Vec<u64>,
    /// The key of the connection, where the channel has one.
    pub connection: Option<String>,
}

const SECURITY: &str = "Security";
const LOCAL_SESSIONS: &str = "Microsoft-Windows-TerminalServices-LocalSessionManager/Operational";
const REMOTE_CONNECTIONS: &str = "Microsoft-Windows-TerminalServices-RemoteConnectionManager/Operational";
const RDP_CORE: &str = "Microsoft-Windows-RemoteDesktopServices-RdpCoreTS/Operational";
const GATEWAY: &str = "Microsoft-Windows-TerminalServices-Gateway/Operational";
const OPENSSH: &str = "OpenSSH/Operational";
const RDP_CLIENT: &str = "Microsoft-Windows-TerminalServices-RDPClient/Operational";

/// Reads an event for a source of this role.
pub(super) fn read(event: &WindowsEvent, config: &SessionsConfig) -> Sign {
    let is = |channel: &str| event.channel.eq_ignore_ascii_case(channel);
    let role = [(GATEWAY, Role::Gateway), (RDP_CLIENT, Role::Terminal)]
        .into_iter()
        .find_map(|(channel, role)| is(channel).then_some(role));
    let is_of_target = [SECURITY, LOCAL_SESSIONS, REMOTE_CONNECTIONS, RDP_CORE, OPENSSH].into_iter().any(is);
    match role.or(is_of_target.then_some(Role::Server)) {
        None => return Sign::Ignored(Ignored::NotASession),
        Some(role) if role != config.role => return Sign::Ignored(Ignored::OtherRole),
        Some(_) => {}
    }
    if is(SECURITY) {
        security(event)
    } else if is(LOCAL_SESSIONS) {
        local_sessions(event)
    } else if is(REMOTE_CONNECTIONS) {
        remote_connections(event)
    } else if is(GATEWAY) {
        gateway(event)
    } else if is(OPENSSH) {
        ssh::read(event)
    } else if is(RDP_CLIENT) {
        client::read(event, config)
    } else {
        // RdpCoreTS: 131 is a TCP connection, which every scanner of the internet makes.
        Sign::Ignored(if event.event_id == 131 { Ignored::Scanner } else { Ignored::NotASession })
    }
}

fn security(event: &WindowsEvent) -> Sign {
    match event.event_id {
        4624 => logon(event),
        4634 | 4647 => {
            let kind = event.field("LogonType");
            // 4647 has no type. A network logon lasts as long as a file is read, an unlock's an instant.
            if !matches!(kind, "" | "10" | "12") {
                return Sign::Ignored(if matches!(kind, "7" | "13") {
                    Ignored::Temporary
                } else {
                    Ignored::NotASession
                });
            }
            let evidence = Evidence {
                account: Account::new(event.field("TargetUserName"), event.field("TargetDomainName")),
                logons: logon_ids(event, &["TargetLogonId"]),
                ..Evidence::default()
            };
            let ending = if event.event_id == 4634 { Ending::Logon } else { Ending::SignOut };
            Sign::End(ending, evidence, "logoff".to_owned())
        }
        4778 | 4779 => window_station(event),
        4625 | 4825 | 4771 | 4776 => Sign::Ignored(Ignored::Failure),
        _ => Sign::Ignored(Ignored::NotASession),
    }
}

fn logon(event: &WindowsEvent) -> Sign {
    let place = address(event.field("IpAddress"));
    let mut evidence = Evidence {
        account: Account::new(event.field("TargetUserName"), event.field("TargetDomainName")),
        logons: logon_ids(event, &["TargetLogonId", "TargetLinkedLogonId"]),
        ..Evidence::default()
    };
    match event.field("LogonType") {
        // 12: signed in with a cached password. `WorkstationName` is the server's own here.
        "10" | "12" => {
            evidence.address = place.remote();
            Sign::Start(How::Logon, evidence)
        }
        "7" | "13" => {
            let Address::Remote(remote) = place else {
                return Sign::Ignored(Ignored::Local);
            };
            if matches!(remote.as_str(), "127.0.0.1" | "::1") {
                return Sign::Ignored(Ignored::Local);
            }
            evidence.address = Some(remote);
            // The unlock's own logon is gone at once, and no key.
            evidence.logons.clear();
            Sign::Start(How::Unlock, evidence)
        }
        // What network level authentication leaves, and every use of a shared folder too: it names
        // the machine that a session from the same address may soon come from.
        "3" => {
            let is_person = evidence.account.as_ref().is_some_and(|account| !account.is_machine());
            evidence.terminal = name(event.field("WorkstationName"));
            evidence.address = place.remote();
            evidence.logons.clear();
            if is_person && evidence.address.is_some() && evidence.terminal.is_some() {
                Sign::Hint(evidence)
            } else {
                Sign::Ignored(Ignored::NotASession)
            }
        }
        _ => Sign::Ignored(Ignored::NotASession),
    }
}

/// 4778 and 4779: to a window station, and from it. The console's are of somebody who sits there.
fn window_station(event: &WindowsEvent) -> Sign {
    let place = address(event.field("ClientAddress"));
    if place == Address::Local || event.field("SessionName").eq_ignore_ascii_case("console") {
        return Sign::Ignored(Ignored::Local);
    }
    let evidence = Evidence {
        account: Account::new(event.field("AccountName"), event.field("AccountDomain")),
        address: place.remote(),
        is_claimed: true,
        terminal: name(event.field("ClientName")),
        logons: logon_ids(event, &["LogonID"]),
        ..Evidence::default()
    };
    if event.event_id == 4778 {
        Sign::Start(How::Reconnect, evidence)
    } else {
        Sign::End(Ending::Left, evidence, "disconnect".to_owned())
    }
}

fn local_sessions(event: &WindowsEvent) -> Sign {
    let number = |field: &str| event.field(field).parse::<u32>().ok();
    let evidence = |ts: Option<u32>| Evidence { ts, ..Evidence::default() };
    match event.event_id {
        21 | 22 | 24 | 25 => {
            let place = address(event.field("Address"));
            if place == Address::Local {
                return Sign::Ignored(Ignored::Local);
            }
            let Some(ts) = number("SessionID") else {
                return Sign::Refused("`SessionID` is no number".to_owned());
            };
            let is_remote = place != Address::Unknown;
            let account = Account::new(event.field("User"), "");
            let evidence = Evidence { account, address: place.remote(), ..evidence(Some(ts)) };
            match event.event_id {
                21 => Sign::Start(How::Logon, evidence),
                22 => Sign::Start(How::Shell, evidence),
                25 => Sign::Start(How::Reconnect, evidence),
                // Without an address it may be the console's: it ends what is known, no more.
                _ if is_remote => Sign::End(Ending::Left, evidence, "disconnect".to_owned()),
                _ => Sign::End(Ending::Session, evidence, "disconnect".to_owned()),
            }
        }
        23 => Sign::End(Ending::Session, evidence(number("SessionID")), "logoff".to_owned()),
        39 => {
            let reason = format!("disconnected by session {}", event.field("Source"));
            Sign::End(Ending::Session, evidence(number("TargetSession")), reason)
        }
        40 => {
            let code = event.field("Reason");
            let ending = if code == "5" { Ending::Replaced } else { Ending::Session };
            Sign::End(ending, evidence(number("Session")), format!("reason {code}"))
        }
        _ => Sign::Ignored(Ignored::NotASession),
    }
}

fn remote_connections(event: &WindowsEvent) -> Sign {
    match event.event_id {
        // Network level authentication passed. There is no desktop yet, and there may never be one.
        1149 => match Account::new(event.field("Param1"), event.field("Param2")) {
            Some(account) => Sign::Hint(Evidence {
                account: Some(account),
                address: address(event.field("Param3")).remote(),
                ..Evidence::default()
            }),
            None => Sign::Ignored(Ignored::NotASession),
        },
        // The listener heard from somebody.
        261 => Sign::Ignored(Ignored::Scanner),
        _ => Sign::Ignored(Ignored::NotASession),
    }
}

fn gateway(event: &WindowsEvent) -> Sign {
    match event.event_id {
        202 | 302 | 303 => {}
        201 | 203 | 204 | 206 | 301 | 304 => return Sign::Ignored(Ignored::Failure),
        _ => return Sign::Ignored(Ignored::NotASession),
    }
    // Beside the connection itself there are up to two of UDP, for sound and pictures.
    if event.field("ConnectionProtocol").to_ascii_uppercase().starts_with("UDP") {
        return Sign::Ignored(Ignored::SideChannel);
    }
    let Some(account) = Account::new(event.field("Username"), "") else {
        return Sign::Refused("`Username` is empty".to_owned());
    };
    let told = event.field("IpAddress");
    let target = event.field("Resource");
    let key = gateway_key(&account, told, target);
    let evidence = Evidence {
        account: Some(account),
        address: address(told).remote(),
        target: name(target),
        via: name(&event.computer),
        connection: Some(key),
        ..Evidence::default()
    };
    match event.event_id {
        302 => Sign::Start(How::Gateway, evidence),
        303 => Sign::End(Ending::ConnectionOf, evidence, "disconnect".to_owned()),
        _ => Sign::End(Ending::ConnectionOf, evidence, "disconnected by the administrator".to_owned()),
    }
}

/// By what a connection through a gateway is known again.
pub(super) fn gateway_key(account: &Account, address: &str, target: &str) -> String {
    format!("{}|{address}|{}", account.text(crate::windows::AccountForm::Qualified), target.to_lowercase())
}

/// The ids of logons in these fields; `0x0` is none.
fn logon_ids(event: &WindowsEvent, fields: &[&str]) -> Vec<u64> {
    let hex = |field: &&str| u64::from_str_radix(event.field(field).trim_start_matches("0x"), 16).ok();
    fields.iter().filter_map(hex).filter(|id| *id != 0).collect()
}

/// A name of a machine, where the event gives one.
pub(super) fn name(text: &str) -> Option<String> {
    let text = text.trim();
    (!text.is_empty() && !text.eq_ignore_ascii_case("unknown")).then(|| text.to_owned())
}
