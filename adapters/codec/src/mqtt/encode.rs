//! The packets that an intake answers with, appended to a buffer.

use super::error::Reason;
use super::{PACKET_MAX_BYTES, Version};

/// Longest reason string sent, in bytes: a sentence, never a payload.
const REASON_TEXT_MAX_BYTES: usize = 512;

/// What CONNACK tells a client that was let in.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ConnAck<'a> {
    /// How many unacknowledged publishes it may have under way (MQTT 5).
    pub receive_maximum: u16,
    /// The client identifier that it was given, where it had none (MQTT 5).
    pub assigned_client_id: Option<&'a str>,
    /// The keep-alive that counts in place of its own, in seconds (MQTT 5).
    pub keep_alive_s: Option<u16>,
    /// It asked us to keep a session: say that we keep none (MQTT 5).
    pub refuses_session: bool,
}

/// CONNACK of a client that was let in. Announces to MQTT 5 what is not served.
pub fn encode_connack(out: &mut Vec<u8>, version: Version, ack: &ConnAck<'_>) {
    if version == Version::V311 {
        out.extend_from_slice(&[0x20, 2, 0, 0]);
        return;
    }
    let mut properties = Vec::with_capacity(32);
    properties.push(0x21);
    properties.extend_from_slice(&ack.receive_maximum.to_be_bytes());
    properties.extend_from_slice(&[0x24, 1]); // Maximum QoS.
    properties.push(0x27);
    let packet_max = u32::try_from(PACKET_MAX_BYTES).expect("a constant of 256 KiB");
    properties.extend_from_slice(&packet_max.to_be_bytes());
    // Neither wildcard, identified nor shared subscriptions.
    properties.extend_from_slice(&[0x28, 0, 0x29, 0, 0x2A, 0]);
    if ack.refuses_session {
        properties.extend_from_slice(&[0x11, 0, 0, 0, 0]);
    }
    if let Some(seconds) = ack.keep_alive_s {
        properties.push(0x13);
        properties.extend_from_slice(&seconds.to_be_bytes());
    }
    if let Some(id) = ack.assigned_client_id {
        properties.push(0x12);
        put_text(&mut properties, id);
    }
    let mut body = vec![0, Reason::Success.code()];
    put_variable(&mut body, properties.len());
    body.extend_from_slice(&properties);
    put_packet(out, 0x20, &body);
}

/// CONNACK of a client that isn't let in; the connection is closed after it.
pub fn encode_refusal(out: &mut Vec<u8>, version: Version, reason: Reason, why: &str) {
    match version {
        Version::V311 => out.extend_from_slice(&[0x20, 2, 0, reason.connect_return_code()]),
        Version::V5 => {
            let mut body = vec![0, reason.code()];
            put_reason_properties(&mut body, Some(why));
            put_packet(out, 0x20, &body);
        }
    }
}

/// PUBACK. `why` goes along to an MQTT 5 client where the answer still fits in `packet_max` bytes.
pub fn encode_puback(
    out: &mut Vec<u8>,
    version: Version,
    packet_id: u16,
    reason: Reason,
    why: Option<&str>,
    packet_max: usize,
) {
    let [high, low] = packet_id.to_be_bytes();
    if version == Version::V311 || reason == Reason::Success {
        out.extend_from_slice(&[0x40, 2, high, low]);
        return;
    }
    let mut body = vec![high, low, reason.code()];
    let why = why.map(shortened).filter(|why| why.len() + 12 <= packet_max);
    if why.is_some() {
        put_reason_properties(&mut body, why);
    }
    put_packet(out, 0x40, &body);
}

/// SUBACK that refuses each of `filters` filters.
pub fn encode_suback(out: &mut Vec<u8>, version: Version, packet_id: u16, filters: usize) {
    let refusal = match version {
        Version::V311 => 0x80,
        Version::V5 => Reason::NotAuthorised.code(),
    };
    put_filters_answer(out, 0x90, version, packet_id, (filters, refusal));
}

/// UNSUBACK: there was no subscription.
pub fn encode_unsuback(out: &mut Vec<u8>, version: Version, packet_id: u16, filters: usize) {
    let codes = if version == Version::V5 { filters } else { 0 };
    put_filters_answer(out, 0xB0, version, packet_id, (codes, Reason::NoSubscriptionExisted.code()));
}

/// PINGRESP.
pub fn encode_pingresp(out: &mut Vec<u8>) {
    out.extend_from_slice(&[0xD0, 0]);
}

/// DISCONNECT with its reason, which only MQTT 5 has; nothing for 3.1.1, where closing says it.
pub fn encode_disconnect(out: &mut Vec<u8>, version: Version, reason: Reason, why: &str, packet_max: usize) {
    if version == Version::V311 {
        return;
    }
    let mut body = vec![reason.code()];
    let why = shortened(why);
    if why.len() + 12 <= packet_max {
        put_reason_properties(&mut body, Some(why));
    }
    put_packet(out, 0xE0, &body);
}

fn put_filters_answer(out: &mut Vec<u8>, first: u8, version: Version, packet_id: u16, (count, code): (usize, u8)) {
    let mut body = packet_id.to_be_bytes().to_vec();
    if version == Version::V5 {
        body.push(0);
    }
    body.resize(body.len() + count, code);
    put_packet(out, first, &body);
}

fn put_reason_properties(body: &mut Vec<u8>, why: Option<&str>) {
    let why = why.map(shortened).unwrap_or_default();
    if why.is_empty() {
        body.push(0);
        return;
    }
    put_variable(body, why.len() + 3);
    body.push(0x1F);
    put_text(body, why);
}

/// Cuts at a character, and before U+0000, which no text of the protocol may hold.
fn shortened(text: &str) -> &str {
    let text = text.split('\0').next().unwrap_or_default();
    &text[..text.floor_char_boundary(REASON_TEXT_MAX_BYTES)]
}

fn put_text(out: &mut Vec<u8>, text: &str) {
    let length = u16::try_from(text.len()).unwrap_or(u16::MAX);
    out.extend_from_slice(&length.to_be_bytes());
    out.extend_from_slice(&text.as_bytes()[..usize::from(length)]);
}

fn put_packet(out: &mut Vec<u8>, first: u8, body: &[u8]) {
    out.push(first);
    put_variable(out, body.len());
    out.extend_from_slice(body);
}

fn put_variable(out: &mut Vec<u8>, mut value: usize) {
    loop {
        let digit = u8::try_from(value & 0x7F).expect("seven bits");
        value >>= 7;
        if value == 0 {
            out.push(digit);
            return;
        }
        out.push(digit | 0x80);
    }
}
