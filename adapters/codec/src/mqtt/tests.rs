//! Devices of every make send us bytes, some of them wrong, some of them on purpose. The harm: a
//! panic or an endless read takes every other device down with it.

#![allow(clippy::unwrap_used)]

mod answers;
mod connect;
mod hostile;
mod large;
mod publish;

use super::*;

fn text(text: &str) -> Vec<u8> {
    let mut out = u16::try_from(text.len()).unwrap().to_be_bytes().to_vec();
    out.extend_from_slice(text.as_bytes());
    out
}

fn packet(first: u8, body: &[u8]) -> Vec<u8> {
    let mut out = vec![first];
    let mut length = body.len();
    while length > 127 {
        out.push((length & 0x7F) as u8 | 0x80);
        length >>= 7;
    }
    out.push(length as u8);
    out.extend_from_slice(body);
    out
}

/// CONNECT with user and password; the tail holds what comes after the keep-alive.
fn connect(level: u8, flags: u8, tail: &[u8]) -> Vec<u8> {
    let mut body = text("MQTT");
    body.extend_from_slice(&[level, flags, 0, 60]);
    body.extend_from_slice(tail);
    packet(0x10, &body)
}

fn connect_v4() -> Vec<u8> {
    connect(4, 0xC2, &[text("panel-1"), text("panel"), text("secret")].concat())
}

fn connect_v5() -> Vec<u8> {
    let properties = [vec![0x11, 0, 0, 14, 16, 0x17, 0, 0x27, 0, 0, 1, 0, 0x26], text("make"), text("x")].concat();
    let tail = [packet(0, &properties)[1..].to_vec(), text("panel-1"), text("panel"), text("secret")].concat();
    connect(5, 0xC2, &tail)
}

fn signed_in(version: Version) -> Decoder {
    let mut decoder = Decoder::new();
    let bytes = if version == Version::V5 { connect_v5() } else { connect_v4() };
    assert!(matches!(decoder.decode(&bytes), Ok(Decoded::Packet { used, .. }) if used == bytes.len()));
    assert_eq!(decoder.version(), Some(version));
    decoder
}

fn publish(flags: u8, properties: &[u8], payload: &[u8]) -> Vec<u8> {
    let body = [text("kukaku/v1/panel-1/door"), vec![0, 7], properties.to_vec(), payload.to_vec()].concat();
    packet(0x30 | flags, &body)
}

#[track_caller]
fn refusal(version: Version, bytes: &[u8]) -> (Reason, String) {
    let refused = signed_in(version).decode(bytes).unwrap_err();
    (refused.reason, refused.what)
}

#[track_caller]
fn refused_connect(bytes: &[u8]) -> Reason {
    Decoder::new().decode(bytes).unwrap_err().reason
}
