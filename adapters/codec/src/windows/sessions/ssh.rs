//! OpenSSH on Windows: event 4 of its channel carries the lines of `sshd`.

use core::net::IpAddr;

use crate::windows::account::{Account, Address, address};
use crate::windows::event::WindowsEvent;

use super::Ignored;
use super::signs::{Ending, Evidence, How, Sign};

/// How a line begins that tells of a connection that is gone.
const ENDS: [&str; 6] = [
    "Disconnected from ",
    "Received disconnect from ",
    "Connection closed by ",
    "Connection reset by ",
    "Timeout, client not responding from ",
    "Close session: user ",
];

/// How a line begins that tells of a refused attempt.
const FAILURES: [&str; 5] =
    ["Failed ", "Invalid user ", "Disconnecting ", "error: maximum authentication attempts", "Connection from "];

/// Reads a line of `sshd`.
pub(super) fn read(event: &WindowsEvent) -> Sign {
    let line = event.field("payload");
    if event.event_id != 4 || !event.field("process").starts_with("sshd") {
        return Sign::Ignored(Ignored::NotASession);
    }
    // What ends before the sign-in was none.
    if line.ends_with("[preauth]") || FAILURES.iter().any(|start| line.starts_with(start)) {
        return Sign::Ignored(Ignored::Failure);
    }
    if let Some(accepted) = line.strip_prefix("Accepted ") {
        return match accepted_line(accepted) {
            Some(evidence) => Sign::Start(How::Connection, evidence),
            None => Sign::Refused(format!("`{line}` names no user with his address and port")),
        };
    }
    match (ENDS.iter().any(|start| line.starts_with(start)), peer(line)) {
        (true, Some((place, key))) => {
            let user = line.split_once("isconnected from user ").and_then(|(_, rest)| rest.split(' ').next());
            let account = user.and_then(|user| Account::new(user, ""));
            let ending = if account.is_some() { Ending::ConnectionOf } else { Ending::Connection };
            let evidence = Evidence { account, address: place.remote(), connection: Some(key), ..Evidence::default() };
            Sign::End(ending, evidence, "disconnect".to_owned())
        }
        _ => Sign::Ignored(Ignored::NotASession),
    }
}

/// `publickey for user from 192.0.2.7 port 50022 ssh2`.
fn accepted_line(line: &str) -> Option<Evidence> {
    let (_method, rest) = line.split_once(" for ")?;
    let (user, _) = rest.split_once(" from ")?;
    let (place, key) = peer(rest)?;
    let account = Some(Account::new(user, "")?);
    Some(Evidence { account, address: place.remote(), connection: Some(key), ..Evidence::default() })
}

/// The first `address port number` of a line, and both as the key of the connection.
fn peer(line: &str) -> Option<(Address, String)> {
    let words: Vec<&str> = line.split_whitespace().collect();
    words.windows(3).find_map(|window| {
        let [place, "port", port] = window else {
            return None;
        };
        let digits = port.split(|c: char| !c.is_ascii_digit()).next().filter(|digits| !digits.is_empty())?;
        let bare = place.split('%').next()?;
        bare.parse::<IpAddr>().ok()?;
        Some((address(place), format!("ssh {bare} {digits}")))
    })
}
