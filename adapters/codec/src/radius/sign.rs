//! The shared secret: what it signs, and what it doesn't.
//!
//! MD5 and HMAC-MD5, as the protocol has them. An Accounting-Request is signed as a whole by its
//! Request Authenticator; a Message-Authenticator is verified where there is one, and demanded
//! where the caller says so. Whoever can read the network can try secrets at leisure: over plain
//! UDP nothing here makes a source trustworthy, a long secret and Message-Authenticator make it better.

use std::fmt;

use hmac::{Hmac, KeyInit, Mac};
use md5::{Digest, Md5};

use super::attribute::{MESSAGE_AUTHENTICATOR, PROXY_STATE};
use super::packet::{Code, HEADER_BYTES, Packet};

/// The secret of every packet over TLS, where the certificates sign (RFC 6614, section 2.3).
pub const RADSEC_SECRET: &[u8] = b"radsec";

/// A shared secret. Shows nothing of itself.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Vec<u8>);

impl Secret {
    /// Takes a secret.
    ///
    /// # Errors
    /// It is empty: such a one signs for everybody.
    pub fn new(bytes: impl Into<Vec<u8>>) -> Result<Self, String> {
        let bytes = bytes.into();
        if bytes.is_empty() {
            return Err("a shared secret can't be empty".to_owned());
        }
        Ok(Self(bytes))
    }

    /// The one that is used over TLS.
    #[must_use]
    pub fn radsec() -> Self {
        Self(RADSEC_SECRET.to_vec())
    }

    /// Its length in bytes; 16 and more are recommended (RFC 2865, section 3).
    #[must_use]
    pub fn length(&self) -> usize {
        self.0.len()
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// Why a packet isn't from one who knows the secret. Such are dropped without an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Forged {
    /// Not signed with our secret, or changed on the way.
    #[error("its Request Authenticator doesn't fit the shared secret")]
    RequestAuthenticator,
    /// Not signed with our secret, or changed on the way.
    #[error("its Message-Authenticator doesn't fit the shared secret")]
    MessageAuthenticator,
    /// There is none, and one is demanded.
    #[error("it has no Message-Authenticator, and one is demanded")]
    Unsigned,
    /// More than one, or one that isn't 16 bytes long.
    #[error("its Message-Authenticator stands twice or isn't 16 bytes long")]
    Ambiguous,
    /// It is no request to an accounting server.
    #[error("code {0} is no Accounting-Request")]
    Code(u8),
}

/// How a packet was signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Signed {
    /// It had a Message-Authenticator, and the answer will have one.
    pub has_message_authenticator: bool,
}

/// Verifies that a request was made by one who knows the secret.
///
/// A Status-Server must carry a Message-Authenticator (RFC 5997, section 3): it has no other signature.
///
/// # Errors
/// What does not fit.
pub fn verify(packet: &Packet<'_>, secret: &Secret, demands_message_authenticator: bool) -> Result<Signed, Forged> {
    let (authenticator, demanded) = match packet.code() {
        Code::AccountingRequest => (&[0; 16], demands_message_authenticator),
        Code::StatusServer => (packet.authenticator(), true),
        Code::Other(code) => return Err(Forged::Code(code)),
    };
    if packet.code() == Code::AccountingRequest {
        let made = Md5::new()
            .chain_update(&packet.bytes()[..4])
            .chain_update(authenticator)
            .chain_update(&packet.bytes()[HEADER_BYTES..])
            .chain_update(&secret.0)
            .finalize();
        if !is_equal(&made, packet.authenticator()) {
            return Err(Forged::RequestAuthenticator);
        }
    }
    let mut found = packet.attributes().filter(|attribute| attribute.kind == MESSAGE_AUTHENTICATOR.0);
    let Some(shown) = found.next() else {
        return if demanded { Err(Forged::Unsigned) } else { Ok(Signed { has_message_authenticator: false }) };
    };
    if found.next().is_some() || shown.value.len() != 16 {
        return Err(Forged::Ambiguous);
    }
    let made = hmac(secret)
        .chain_update(&packet.bytes()[..4])
        .chain_update(authenticator)
        .chain_update(&packet.bytes()[HEADER_BYTES..shown.at])
        .chain_update([0; 16])
        .chain_update(&packet.bytes()[shown.at + 16..]);
    made.verify_slice(shown.value).map_err(|_| Forged::MessageAuthenticator)?;
    Ok(Signed { has_message_authenticator: true })
}

/// What is answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// Accounting-Response (5).
    AccountingResponse,
    /// Access-Accept (2): to a Status-Server on the one port of RADIUS over TLS.
    AccessAccept,
}

/// The answer to a request: its Proxy-State in order, and a Message-Authenticator where it had one.
#[must_use]
pub fn answer(request: &Packet<'_>, signed: Signed, secret: &Secret, answer: Answer) -> Vec<u8> {
    let code = match answer {
        Answer::AccountingResponse => 5,
        Answer::AccessAccept => 2,
    };
    let mut out = vec![code, request.identifier(), 0, 0];
    out.extend_from_slice(request.authenticator());
    if signed.has_message_authenticator {
        out.extend_from_slice(&[MESSAGE_AUTHENTICATOR.0, 18]);
        out.extend_from_slice(&[0; 16]);
    }
    for state in request.attributes().filter(|attribute| attribute.kind == PROXY_STATE.0) {
        out.push(state.kind);
        out.push(u8::try_from(state.value.len() + 2).expect("its length was one byte in the request"));
        out.extend_from_slice(state.value);
    }
    let length = u16::try_from(out.len()).expect("nothing stands in it that wasn't in the request");
    out[2..4].copy_from_slice(&length.to_be_bytes());
    if signed.has_message_authenticator {
        // No RFC says what stands for the authenticator while an Accounting-Response is signed so;
        // FreeRADIUS, server and client, takes zeros. For a Status-Server it is the request's.
        let authenticator = match request.code() {
            Code::AccountingRequest => &[0; 16],
            _ => request.authenticator(),
        };
        let made = hmac(secret).chain_update(&out[..4]).chain_update(authenticator).chain_update(&out[HEADER_BYTES..]);
        let made = made.finalize().into_bytes();
        out[HEADER_BYTES + 2..HEADER_BYTES + 18].copy_from_slice(&made);
    }
    let made = Md5::new().chain_update(&out).chain_update(&secret.0).finalize();
    out[4..HEADER_BYTES].copy_from_slice(&made);
    out
}

fn hmac(secret: &Secret) -> Hmac<Md5> {
    Hmac::new_from_slice(&secret.0).expect("HMAC takes a key of any length")
}

/// Compares in a time that doesn't tell where they differ.
fn is_equal(made: &[u8], shown: &[u8]) -> bool {
    made.len() == shown.len() && made.iter().zip(shown).fold(0, |differs, (a, b)| differs | (a ^ b)) == 0
}
