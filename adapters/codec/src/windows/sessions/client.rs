//! The log of the vendor's own terminal: what its Remote Desktop client did.
//!
//! 1024 names the computer that is tried, 1102 its address, 1029 the user by a hash; 1025 says that
//! the computer answered, which it does for wrong passwords too. Only 1027 says that somebody is
//! signed in there, and 1026 that the client went. 1105 is the end of the UDP connection beside it,
//! behind which the session may go on; it ends nothing. What belongs together has one activity.

use sha2::{Digest, Sha256};

use crate::windows::account::{Account, address};
use crate::windows::event::WindowsEvent;

use super::signs::{Ending, Evidence, How, Sign, name};
use super::{Ignored, SessionsConfig};

/// Reads an event of the client.
pub(super) fn read(event: &WindowsEvent, config: &SessionsConfig) -> Sign {
    // A client that names no activity has one connection at a time.
    let connection = Some(format!("rdp {}", event.activity.as_deref().unwrap_or("only")));
    let evidence = Evidence { connection, ..Evidence::default() };
    match event.event_id {
        1024 => Sign::Hint(Evidence { target: name(event.field("Value")), ..evidence }),
        1102 => Sign::Hint(Evidence { address: address(event.field("Value")).remote(), ..evidence }),
        1029 => Sign::Hint(Evidence { account: hashed(event.field("TraceMessage"), config), ..evidence }),
        1025 | 1103 => Sign::Hint(evidence),
        1027 => {
            let sid = event.user_sid.as_ref().map(|sid| Account::verbatim(format!("sid:{sid}")));
            let terminal = name(&event.computer);
            Sign::Start(How::Connection, Evidence { account: sid, terminal, ..evidence })
        }
        1026 => Sign::End(Ending::Connection, evidence, format!("reason {}", event.field("Value"))),
        1105 => Sign::Ignored(Ignored::SideChannel),
        _ => Sign::Ignored(Ignored::NotASession),
    }
}

/// The account behind the hash: one of those that are configured, or the hash itself.
fn hashed(text: &str, config: &SessionsConfig) -> Option<Account> {
    let hash = text.trim().trim_end_matches('-');
    if hash.is_empty() {
        return None;
    }
    let known = config.known_accounts.iter().find(|known| {
        let user = known.rsplit('\\').next().unwrap_or(known);
        name_hash(user) == hash || name_hash(known) == hash
    });
    match known {
        Some(known) => Account::new(known, ""),
        None => Some(Account::verbatim(format!("sha256:{hash}"))),
    }
}

/// Base64 of the SHA-256 of the name in UTF-16LE, as the client writes it.
fn name_hash(user: &str) -> String {
    let bytes: Vec<u8> = user.encode_utf16().flat_map(u16::to_le_bytes).collect();
    base64(&Sha256::digest(&bytes))
}

fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = String::new();
    for three in bytes.chunks(3) {
        let bits = three.iter().fold(0_u32, |bits, byte| bits << 8 | u32::from(*byte)) << (8 * (3 - three.len()));
        for place in 0..4 {
            let digit = bits >> (18 - 6 * place) & 63;
            out.push(if place <= three.len() { char::from(DIGITS[digit as usize]) } else { '=' });
        }
    }
    out
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_name_is_hashed_as_the_client_does() {
        assert_eq!(super::name_hash("Administrator"), "UmTGMgTFbA35+PSgMOoZ2ToPpAK+awC010ZOYWQQIfc=");
    }
}
