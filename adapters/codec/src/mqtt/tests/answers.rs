//! What is answered, byte by byte.

use super::*;

#[test]
fn a_subscription_is_read_and_refused_filter_by_filter() {
    let body = [vec![0, 9], text("a/#"), vec![1], text("b"), vec![0]].concat();
    let read = Packet::Subscribe { packet_id: 9, filters: 2 };
    let bytes = packet(0x82, &body);
    let used = bytes.len();
    assert_eq!(signed_in(Version::V311).decode(&bytes), Ok(Decoded::Packet { packet: read, used }));
    let mut out = Vec::new();
    encode_suback(&mut out, Version::V311, 9, 2);
    encode_suback(&mut out, Version::V5, 9, 2);
    encode_unsuback(&mut out, Version::V311, 9, 2);
    encode_unsuback(&mut out, Version::V5, 9, 2);
    let expected: &[&[u8]] = &[
        &[0x90, 4, 0, 9, 0x80, 0x80],
        &[0x90, 5, 0, 9, 0, 0x87, 0x87],
        &[0xB0, 2, 0, 9],
        &[0xB0, 5, 0, 9, 0, 0x11, 0x11],
    ];
    assert_eq!(out, expected.concat());
    assert_eq!(refusal(Version::V311, &packet(0x82, &[0, 9])).0, Reason::ProtocolError);
    assert_eq!(refusal(Version::V311, &packet(0x80, &body)).0, Reason::MalformedPacket);
    let many = [vec![0, 9], [text("a"), vec![1]].concat().repeat(FILTERS_MAX + 1)].concat();
    assert_eq!(refusal(Version::V311, &packet(0x82, &many)).0, Reason::MalformedPacket);
}

#[test]
fn answers_have_the_bytes_of_the_specification() {
    let mut out = Vec::new();
    encode_connack(&mut out, Version::V311, &ConnAck::default());
    encode_refusal(&mut out, Version::V311, Reason::BadUserNameOrPassword, "no");
    encode_refusal(&mut out, Version::V5, Reason::BadUserNameOrPassword, "no");
    encode_puback(&mut out, Version::V311, 258, Reason::PayloadFormatInvalid, Some("why"), 1000);
    encode_puback(&mut out, Version::V5, 258, Reason::Success, None, 1000);
    encode_puback(&mut out, Version::V5, 258, Reason::PayloadFormatInvalid, Some("why"), 1000);
    encode_puback(&mut out, Version::V5, 258, Reason::PayloadFormatInvalid, Some("why"), 12);
    encode_disconnect(&mut out, Version::V311, Reason::QosNotSupported, "why", 1000);
    encode_disconnect(&mut out, Version::V5, Reason::QosNotSupported, "a\0b", 1000);
    let expected: &[&[u8]] = &[
        &[0x20, 2, 0, 0],
        &[0x20, 2, 0, 4],
        &[0x20, 8, 0, 0x86, 5, 0x1F, 0, 2, b'n', b'o'],
        &[0x40, 2, 1, 2],
        &[0x40, 2, 1, 2],
        &[0x40, 10, 1, 2, 0x99, 6, 0x1F, 0, 3, b'w', b'h', b'y'],
        &[0x40, 3, 1, 2, 0x99],
        &[0xE0, 6, 0x9B, 4, 0x1F, 0, 1, b'a'],
    ];
    assert_eq!(out, expected.concat());
}

#[test]
fn an_mqtt_5_client_is_told_what_is_not_served() {
    let mut out = Vec::new();
    let ack = ConnAck {
        receive_maximum: 256,
        assigned_client_id: Some("x"),
        keep_alive_s: Some(2400),
        refuses_session: true,
    };
    encode_connack(&mut out, Version::V5, &ack);
    let expected: &[&[u8]] = &[
        &[0x20, 31, 0, 0, 28],
        &[0x21, 1, 0],
        &[0x24, 1],
        &[0x27, 0, 4, 0, 0],
        &[0x28, 0, 0x29, 0, 0x2A, 0],
        &[0x11, 0, 0, 0, 0],
        &[0x13, 0x09, 0x60],
        &[0x12, 0, 1, b'x'],
    ];
    assert_eq!(out, expected.concat());
}
