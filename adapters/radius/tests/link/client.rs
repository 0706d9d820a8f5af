//! A NAS of our own: what a decent one wouldn't do can be done.

use hmac::{Hmac, KeyInit, Mac};
use md5::{Digest, Md5};

/// An Accounting-Request of a session of `vpn-gw`.
pub fn request(identifier: u8, status: u8, session: &str, secret: &[u8]) -> Vec<u8> {
    let attributes: [(u8, &[u8]); 5] = [
        (40, &[0, 0, 0, status]),
        (32, b"vpn-gw"),
        (44, session.as_bytes()),
        (1, b"a01"),
        (55, &1_795_300_000_u32.to_be_bytes()),
    ];
    let body: Vec<u8> = attributes.iter().flat_map(|(kind, value)| attribute(*kind, value)).collect();
    let mut out = head(4, identifier, [0; 16], &body);
    let made = Md5::new().chain_update(&out).chain_update(secret).finalize();
    out[4..20].copy_from_slice(&made);
    out
}

/// A Status-Server, signed as it must be.
pub fn status_server(identifier: u8, secret: &[u8]) -> Vec<u8> {
    let mut out = head(12, identifier, [9; 16], &attribute(80, &[0; 16]));
    let made = Hmac::<Md5>::new_from_slice(secret).unwrap().chain_update(&out).finalize().into_bytes();
    out[22..38].copy_from_slice(&made);
    out
}

/// Whether this is the answer to that request, from one who knows the secret.
pub fn is_answer(answer: &[u8], request: &[u8], secret: &[u8]) -> bool {
    let made = Md5::new().chain_update(&answer[..4]).chain_update(&request[4..20]).chain_update(&answer[20..]);
    answer[1] == request[1] && answer[4..20] == made.chain_update(secret).finalize()[..]
}

fn attribute(kind: u8, value: &[u8]) -> Vec<u8> {
    [&[kind, u8::try_from(value.len() + 2).unwrap()], value].concat()
}

fn head(code: u8, identifier: u8, authenticator: [u8; 16], body: &[u8]) -> Vec<u8> {
    let length = u16::try_from(20 + body.len()).unwrap().to_be_bytes();
    [&[code, identifier][..], &length, &authenticator, body].concat()
}
