//! A NAS: requests as it signs them.

use hmac::{Hmac, KeyInit, Mac};
use md5::{Digest, Md5};

use super::super::*;

pub(super) const SECRET: &[u8] = b"a secret of sixteen bytes or more";

/// A request that is put together.
#[derive(Debug, Clone)]
pub(super) struct Request {
    code: u8,
    identifier: u8,
    attributes: Vec<(u8, Vec<u8>)>,
    authenticator: [u8; 16],
}

impl Request {
    pub(super) fn new(status: u32) -> Self {
        Self::empty(4).number(40, status)
    }

    pub(super) fn empty(code: u8) -> Self {
        Self { code, identifier: 7, attributes: Vec::new(), authenticator: [0; 16] }
    }

    pub(super) fn session(status: u32, id: &str, at_s: u32) -> Self {
        Self::new(status).text(32, "vpn-gw").text(44, id).text(1, "a01").number(55, at_s)
    }

    pub(super) fn identifier(mut self, identifier: u8) -> Self {
        self.identifier = identifier;
        self
    }

    /// What stands in the authenticator field of a packet that isn't signed by it.
    pub(super) fn random(mut self, authenticator: [u8; 16]) -> Self {
        self.authenticator = authenticator;
        self
    }

    pub(super) fn bytes(mut self, kind: u8, value: &[u8]) -> Self {
        self.attributes.push((kind, value.to_vec()));
        self
    }

    pub(super) fn text(self, kind: u8, value: &str) -> Self {
        self.bytes(kind, value.as_bytes())
    }

    pub(super) fn number(self, kind: u8, value: u32) -> Self {
        self.bytes(kind, &value.to_be_bytes())
    }

    pub(super) fn without(mut self, kind: u8) -> Self {
        self.attributes.retain(|(k, _)| *k != kind);
        self
    }

    /// With a Message-Authenticator, in the place where it is put.
    pub(super) fn vouched(self) -> Self {
        self.bytes(80, &[0; 16])
    }

    pub(super) fn sign(&self) -> Vec<u8> {
        self.sign_with(SECRET)
    }

    pub(super) fn sign_with(&self, secret: &[u8]) -> Vec<u8> {
        let mut out = vec![self.code, self.identifier, 0, 0];
        out.extend_from_slice(&self.authenticator);
        let mut vouch = None;
        for (kind, value) in &self.attributes {
            if *kind == 80 && *value == [0; 16] {
                vouch = Some(out.len() + 2);
            }
            out.extend_from_slice(&[*kind, u8::try_from(value.len() + 2).unwrap()]);
            out.extend_from_slice(value);
        }
        let length = u16::try_from(out.len()).unwrap();
        out[2..4].copy_from_slice(&length.to_be_bytes());
        if let Some(at) = vouch {
            let made = Hmac::<Md5>::new_from_slice(secret).unwrap().chain_update(&out).finalize().into_bytes();
            out[at..at + made.len()].copy_from_slice(&made);
        }
        if self.code == 4 {
            let made = Md5::new().chain_update(&out).chain_update(secret).finalize();
            out[4..20].copy_from_slice(&made);
        }
        out
    }
}

/// The authenticator that an answer to `request` must carry.
pub(super) fn response_authenticator(answer: &[u8], request: &[u8], secret: &[u8]) -> Vec<u8> {
    let made = Md5::new().chain_update(&answer[..4]).chain_update(&request[4..20]).chain_update(&answer[20..]);
    made.chain_update(secret).finalize().to_vec()
}

pub(super) fn secret() -> Secret {
    Secret::new(SECRET).unwrap()
}
