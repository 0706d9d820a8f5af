//! Devices of every make send us bytes, some of them wrong, some of them on purpose. The harm: a
//! panic or an endless read takes every other device down with it.

#![allow(clippy::unwrap_used)]

use kukaku_schema::intake::UNREADABLE_KEPT_BYTES;
use proptest::prelude::*;
use sha2::{Digest, Sha256};

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
    connect(
        4,
        0xC2,
        &[text("panel-1"), text("panel"), text("secret")].concat(),
    )
}

fn connect_v5() -> Vec<u8> {
    let properties = [
        vec![0x11, 0, 0, 14, 16, 0x17, 0, 0x27, 0, 0, 1, 0, 0x26],
        text("make"),
        text("x"),
    ]
    .concat();
    let tail = [
        packet(0, &properties)[1..].to_vec(),
        text("panel-1"),
        text("panel"),
        text("secret"),
    ]
    .concat();
    connect(5, 0xC2, &tail)
}

fn signed_in(version: Version) -> Decoder {
    let mut decoder = Decoder::new();
    let bytes = if version == Version::V5 {
        connect_v5()
    } else {
        connect_v4()
    };
    assert!(
        matches!(decoder.decode(&bytes), Ok(Decoded::Packet { used, .. }) if used == bytes.len())
    );
    assert_eq!(decoder.version(), Some(version));
    decoder
}

fn publish(flags: u8, properties: &[u8], payload: &[u8]) -> Vec<u8> {
    let body = [
        text("kukaku/v1/panel-1/door"),
        vec![0, 7],
        properties.to_vec(),
        payload.to_vec(),
    ]
    .concat();
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

#[test]
fn a_sign_in_is_read_in_both_versions() {
    let bytes = connect_v4();
    let Ok(Decoded::Packet {
        packet: Packet::Connect(read),
        ..
    }) = Decoder::new().decode(&bytes)
    else {
        panic!()
    };
    assert_eq!(
        (read.version, read.client_id, read.keep_alive_s),
        (Version::V311, "panel-1", 60)
    );
    assert_eq!(
        (read.user, read.password),
        (Some("panel"), Some(&b"secret"[..]))
    );
    assert!(
        !format!("{read:?}").contains("secret"),
        "a password is never shown"
    );

    let bytes = connect_v5();
    let Ok(Decoded::Packet {
        packet: Packet::Connect(read),
        ..
    }) = Decoder::new().decode(&bytes)
    else {
        panic!()
    };
    assert_eq!((read.version, read.session_expiry_s), (Version::V5, 3600));
    assert_eq!(
        (read.maximum_packet_size, read.wants_reasons),
        (Some(256), false)
    );
}

#[test]
fn a_will_is_read_over() {
    let v4 = connect(4, 0x2E, &[text("c"), text("dead"), text("x")].concat());
    assert!(matches!(
        Decoder::new().decode(&v4),
        Ok(Decoded::Packet { .. })
    ));
    let v5 = connect(
        5,
        0x0E,
        &[
            vec![0],
            text("c"),
            vec![5, 0x18, 0, 0, 0, 9],
            text("dead"),
            text("x"),
        ]
        .concat(),
    );
    assert!(matches!(
        Decoder::new().decode(&v5),
        Ok(Decoded::Packet { .. })
    ));
    let qos_2 = connect(
        5,
        0x16,
        &[vec![0], text("c"), vec![0], text("dead"), text("x")].concat(),
    );
    assert_eq!(refused_connect(&qos_2), Reason::QosNotSupported);
}

#[test]
fn a_sign_in_that_breaks_the_rules_is_refused_with_its_reason() {
    let id = [text("c")].concat();
    for (why, bytes, reason) in [
        ("level 3", connect(3, 2, &id), Reason::UnsupportedVersion),
        ("level 6", connect(6, 2, &id), Reason::UnsupportedVersion),
        ("reserved flag", connect(4, 3, &id), Reason::MalformedPacket),
        (
            "password without user",
            connect(4, 0x42, &[id.clone(), text("p")].concat()),
            Reason::MalformedPacket,
        ),
        ("will QoS 3", connect(4, 0x1E, &id), Reason::MalformedPacket),
        (
            "will flags without will",
            connect(4, 0x0A, &id),
            Reason::MalformedPacket,
        ),
        (
            "empty id, kept session",
            connect(4, 0, &text("")),
            Reason::ClientIdNotValid,
        ),
        (
            "bytes at the end",
            connect(4, 2, &[id.clone(), vec![0]].concat()),
            Reason::MalformedPacket,
        ),
        ("no client id", connect(4, 2, &[]), Reason::MalformedPacket),
        (
            "id with NUL",
            connect(4, 2, &text("a\0b")),
            Reason::MalformedPacket,
        ),
        (
            "id not UTF-8",
            connect(4, 2, &[0, 2, 0xC3, 0x28]),
            Reason::MalformedPacket,
        ),
        (
            "authentication",
            connect(
                5,
                2,
                &[vec![6, 0x15, 0, 3, b'f', b'o', b'o'], id.clone()].concat(),
            ),
            Reason::BadAuthenticationMethod,
        ),
        (
            "receive maximum 0",
            connect(5, 2, &[vec![3, 0x21, 0, 0], id.clone()].concat()),
            Reason::ProtocolError,
        ),
        (
            "a property twice",
            connect(5, 2, &[vec![4, 0x17, 1, 0x17, 1], id.clone()].concat()),
            Reason::ProtocolError,
        ),
        (
            "a property of PUBLISH",
            connect(5, 2, &[vec![2, 0x01, 1], id.clone()].concat()),
            Reason::ProtocolError,
        ),
        (
            "unknown property",
            connect(5, 2, &[vec![2, 0x7F, 1], id.clone()].concat()),
            Reason::MalformedPacket,
        ),
        (
            "PUBLISH first",
            publish(2, &[], b"x"),
            Reason::ProtocolError,
        ),
        (
            "HTTP",
            b"GET / HTTP/1.1\r\n\r\n".to_vec(),
            Reason::ProtocolError,
        ),
        (
            "TLS hello to the plain port",
            vec![0x16, 3, 1, 2, 0],
            Reason::MalformedPacket,
        ),
        (
            "flags of CONNECT",
            {
                let mut c = connect_v4();
                c[0] = 0x11;
                c
            },
            Reason::MalformedPacket,
        ),
        (
            "a stranger's 17 KiB",
            packet(0x10, &[0; 17 * 1024]),
            Reason::PacketTooLarge,
        ),
        (
            "a stranger's 256 MiB",
            vec![0x10, 0xFF, 0xFF, 0xFF, 0x7F],
            Reason::PacketTooLarge,
        ),
        (
            "a length of five bytes",
            vec![0x10, 0xFF, 0xFF, 0xFF, 0xFF, 0x7F],
            Reason::MalformedPacket,
        ),
        (
            "a length with a needless byte",
            vec![0x10, 0x80, 0x00],
            Reason::MalformedPacket,
        ),
    ] {
        assert_eq!(refused_connect(&bytes), reason, "{why}");
    }
}

#[test]
fn a_publish_is_sliced_out_of_the_buffer() {
    for (version, properties) in [(Version::V311, &[][..]), (Version::V5, &[2, 0x01, 1])] {
        let bytes = [publish(0x0B, properties, b"{}"), vec![0xC0, 0]].concat();
        let mut decoder = signed_in(version);
        let Ok(Decoded::Packet {
            packet: Packet::Publish(read),
            used,
        }) = decoder.decode(&bytes)
        else {
            panic!()
        };
        assert_eq!(
            (read.topic, read.packet_id, read.payload),
            ("kukaku/v1/panel-1/door", Some(7), &b"{}"[..])
        );
        assert!(read.duplicate && read.retain);
        assert_eq!(
            decoder.decode(&bytes[used..]),
            Ok(Decoded::Packet {
                packet: Packet::PingReq,
                used: 2
            })
        );
    }
}

#[test]
fn a_publish_that_is_not_served_is_refused_with_its_reason() {
    use Reason::{
        MalformedPacket, ProtocolError, QosNotSupported, TopicAliasInvalid, TopicNameInvalid,
    };
    let body = |topic: &str| [text(topic), b"{}".to_vec()].concat();
    for (why, bytes, reason) in [
        ("QoS 2", publish(0x04, &[0], b""), QosNotSupported),
        ("QoS 3", publish(0x06, &[0], b""), MalformedPacket),
        ("DUP at QoS 0", packet(0x38, &body("a")), MalformedPacket),
        (
            "packet identifier 0",
            packet(0x32, &[text("a"), vec![0, 0, 0]].concat()),
            ProtocolError,
        ),
        (
            "topic alias",
            publish(0x02, &[3, 0x23, 0, 1], b""),
            TopicAliasInvalid,
        ),
        (
            "topic alias 0",
            publish(0x02, &[3, 0x23, 0, 0], b""),
            TopicAliasInvalid,
        ),
        (
            "empty topic",
            packet(0x30, &[text(""), vec![0]].concat()),
            TopicNameInvalid,
        ),
        (
            "wildcard",
            packet(0x30, &[text("kukaku/v1/+/x"), vec![0]].concat()),
            TopicNameInvalid,
        ),
        (
            "topic not UTF-8",
            packet(0x30, &[0, 2, 0xFF, 0xFE, 0]),
            MalformedPacket,
        ),
        (
            "topic longer than the packet",
            packet(0x30, &[0xFF, 0xFF, b'a']),
            MalformedPacket,
        ),
        (
            "properties longer than the packet",
            publish(0x02, &[0x7F], b""),
            MalformedPacket,
        ),
        (
            "a subscription identifier",
            publish(0x02, &[2, 0x0B, 1], b""),
            ProtocolError,
        ),
    ] {
        assert_eq!(refusal(Version::V5, &bytes).0, reason, "{why}");
    }
}

#[test]
fn ten_thousand_user_properties_are_refused() {
    let one = [vec![0x26], text("k"), text("v")].concat();
    let properties = packet(0, &one.repeat(10_000))[1..].to_vec();
    let (reason, what) = refusal(Version::V5, &publish(0x02, &properties, b""));
    assert_eq!(reason, Reason::MalformedPacket);
    assert!(what.contains("128"), "{what}");
}

#[test]
fn a_topic_of_65_400_levels_is_just_a_topic() {
    let bytes = packet(0x30, &[text(&"/".repeat(65_400)), b"{}".to_vec()].concat());
    assert!(matches!(
        signed_in(Version::V311).decode(&bytes),
        Ok(Decoded::Packet { packet: Packet::Publish(Publish { topic, .. }), .. }) if topic.len() == 65_400
    ));
}

#[test]
fn packets_that_only_a_server_sends_are_refused() {
    for kind in [2_u8, 4, 5, 6, 7, 9, 11, 13, 0] {
        let bytes = packet(kind << 4, &[0, 1]);
        assert_eq!(
            refusal(Version::V5, &bytes).0,
            Reason::ProtocolError,
            "type {kind}"
        );
    }
    assert_eq!(
        refusal(Version::V5, &packet(0xF0, &[])).0,
        Reason::BadAuthenticationMethod
    );
    assert_eq!(
        refusal(Version::V311, &packet(0xF0, &[])).0,
        Reason::ProtocolError
    );
    assert_eq!(
        refusal(Version::V311, &connect_v4()).0,
        Reason::ProtocolError
    );
}

#[test]
fn a_subscription_is_read_and_refused_filter_by_filter() {
    let body = [vec![0, 9], text("a/#"), vec![1], text("b"), vec![0]].concat();
    let read = Packet::Subscribe {
        packet_id: 9,
        filters: 2,
    };
    let bytes = packet(0x82, &body);
    let used = bytes.len();
    assert_eq!(
        signed_in(Version::V311).decode(&bytes),
        Ok(Decoded::Packet { packet: read, used })
    );
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
    assert_eq!(
        refusal(Version::V311, &packet(0x82, &[0, 9])).0,
        Reason::ProtocolError
    );
    assert_eq!(
        refusal(Version::V311, &packet(0x80, &body)).0,
        Reason::MalformedPacket
    );
    let many = [
        vec![0, 9],
        [text("a"), vec![1]].concat().repeat(FILTERS_MAX + 1),
    ]
    .concat();
    assert_eq!(
        refusal(Version::V311, &packet(0x82, &many)).0,
        Reason::MalformedPacket
    );
}

#[test]
fn answers_have_the_bytes_of_the_specification() {
    let mut out = Vec::new();
    encode_connack(&mut out, Version::V311, &ConnAck::default());
    encode_refusal(&mut out, Version::V311, Reason::BadUserNameOrPassword, "no");
    encode_refusal(&mut out, Version::V5, Reason::BadUserNameOrPassword, "no");
    encode_puback(
        &mut out,
        Version::V311,
        258,
        Reason::PayloadFormatInvalid,
        Some("why"),
        1000,
    );
    encode_puback(&mut out, Version::V5, 258, Reason::Success, None, 1000);
    encode_puback(
        &mut out,
        Version::V5,
        258,
        Reason::PayloadFormatInvalid,
        Some("why"),
        1000,
    );
    encode_puback(
        &mut out,
        Version::V5,
        258,
        Reason::PayloadFormatInvalid,
        Some("why"),
        12,
    );
    encode_disconnect(
        &mut out,
        Version::V311,
        Reason::QosNotSupported,
        "why",
        1000,
    );
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

/// Reads a large publish as the listener does; returns what is kept, its number and whether it is cut.
fn keep_large(
    payload: &[u8],
    chunk: usize,
) -> (kukaku_schema::intake::Unreadable, Option<u16>, bool) {
    let bytes = publish(0x02, &[], payload);
    let mut decoder = signed_in(Version::V311);
    let mut have = chunk.min(bytes.len());
    let (mut large, used) = loop {
        match decoder.decode(&bytes[..have]).unwrap() {
            Decoded::More(needed) => {
                assert!(
                    needed > have && needed <= bytes.len(),
                    "{needed} of {}",
                    bytes.len()
                );
                have = (have + chunk).max(needed).min(bytes.len());
            }
            Decoded::Large {
                publish,
                used,
                to_come,
            } => break (LargePublish::new(&publish, to_come), used),
            Decoded::Packet { .. } => panic!("a large packet in memory"),
        }
    };
    for piece in bytes[used..].chunks(chunk) {
        let expected = if large.is_cut() { 0 } else { piece.len() };
        assert_eq!(large.feed(piece), expected);
    }
    assert_eq!((large.to_come(), large.feed(b"the next packet")), (0, 0));
    let (packet_id, is_cut) = (large.packet_id(), large.is_cut());
    (large.finish(Some("panel-1".to_owned())), packet_id, is_cut)
}

#[test]
fn ten_megabytes_are_kept_by_head_length_and_hash() {
    let payload: Vec<u8> = (0..10 * 1024 * 1024_u32).map(|n| (n % 251) as u8).collect();
    let (kept, packet_id, is_cut) = keep_large(&payload, 48_000);
    assert_eq!(
        (packet_id, is_cut, kept.length),
        (Some(7), false, payload.len() as u64)
    );
    assert_eq!(kept.head, payload[..UNREADABLE_KEPT_BYTES]);
    assert_eq!(kept.sha256, <[u8; 32]>::from(Sha256::digest(&payload)));
}

#[test]
fn what_is_longer_than_the_limit_is_cut_and_says_so() {
    let payload = vec![b'x'; LARGE_MAX_BYTES + 1];
    let (kept, _, is_cut) = keep_large(&payload, 1_000_000);
    assert!(is_cut);
    assert_eq!(kept.length, payload.len() as u64);
    assert_eq!(kept.sha256, <[u8; 32]>::from(Sha256::digest(&kept.head)));
    assert!(
        kept.reason.contains("the hash is of the first 65536 alone"),
        "{}",
        kept.reason
    );
    let (whole, _, is_cut) = keep_large(&payload[1..], 1_000_000);
    assert_eq!((is_cut, whole.length), (false, LARGE_MAX_BYTES as u64));
}

#[test]
fn the_longest_length_of_the_protocol_asks_for_no_more_than_the_limit() {
    let head = [
        vec![0x32, 0xFF, 0xFF, 0xFF, 0x7F],
        text("kukaku/v1/panel-1/x"),
        vec![0, 7],
    ]
    .concat();
    let decoded = signed_in(Version::V311).decode(&head);
    assert_eq!(decoded, Ok(Decoded::More(5 + PACKET_MAX_BYTES)));
    assert_eq!(
        refusal(Version::V5, &[0x82, 0xFF, 0xFF, 0xFF, 0x7F]).0,
        Reason::PacketTooLarge
    );
}

#[test]
fn a_packet_cut_at_any_byte_waits_for_the_rest() {
    let whole = [
        connect_v5(),
        publish(0x02, &[2, 0x01, 1], b"{}"),
        packet(0x82, &[vec![0, 9, 0], text("a/#"), vec![1]].concat()),
        packet(0xA2, &[vec![0, 9, 0], text("a/#")].concat()),
        packet(0xE0, &[0x04, 5, 0x11, 0, 0, 0, 1]),
    ];
    let mut decoder = Decoder::new();
    for bytes in &whole {
        for cut in 0..bytes.len() {
            match decoder.decode(&bytes[..cut]) {
                Ok(Decoded::More(needed)) => assert!(needed > cut && needed <= bytes.len().max(2)),
                other => panic!("{cut} of {} bytes: {other:?}", bytes.len()),
            }
        }
        let Ok(Decoded::Packet { used, .. }) = decoder.decode(bytes) else {
            panic!("{bytes:02X?}")
        };
        assert_eq!(used, bytes.len());
    }
}

#[test]
fn the_first_packet_of_a_buffer_is_found_even_when_it_is_broken() {
    let broken = packet(0x30, &[0, 2, 0xFF, 0xFE, 0]);
    let buffer = [broken.clone(), publish(0x02, &[], b"{}")].concat();
    assert!(is_publish(&buffer));
    assert_eq!(first_packet(&buffer), broken);
    assert_eq!(first_packet(&broken[..3]), &broken[..3]);
    assert_eq!(first_packet(&[]), &[] as &[u8]);
    assert!(!is_publish(&[0xC0, 0]));
}

/// Decodes all that `bytes` hold, as a connection would; must end and never panic.
fn decode_all(mut decoder: Decoder, bytes: &[u8]) {
    let mut at = 0;
    loop {
        match decoder.decode(&bytes[at..]) {
            Err(_) => return,
            Ok(Decoded::More(needed)) => {
                assert!(needed > bytes.len() - at, "it asks for what it has");
                assert!(
                    needed <= PACKET_MAX_BYTES + 5,
                    "it asks for more than the limit"
                );
                return;
            }
            Ok(Decoded::Packet { used, .. } | Decoded::Large { used, .. }) => {
                assert!(used >= 2 && used <= bytes.len() - at);
                at += used;
            }
        }
    }
}

proptest! {
    #[test]
    fn random_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..600)) {
        decode_all(Decoder::new(), &bytes);
        decode_all(signed_in(Version::V311), &bytes);
        decode_all(signed_in(Version::V5), &bytes);
    }

    #[test]
    fn a_valid_stream_with_changed_bytes_never_panics(
        changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6),
        cut in any::<prop::sample::Index>(),
    ) {
        let mut bytes = [connect_v5(), publish(0x02, &[2, 0x01, 1], b"{}"), packet(0xC0, &[])].concat();
        for (index, byte) in changes {
            let index = index.index(bytes.len());
            bytes[index] = byte;
        }
        bytes.truncate(cut.index(bytes.len()) + 1);
        decode_all(Decoder::new(), &bytes);
    }

    #[test]
    fn random_bodies_of_every_type_never_panic(
        first in any::<u8>(),
        body in proptest::collection::vec(any::<u8>(), 0..200),
    ) {
        decode_all(Decoder::new(), &packet(first, &body));
        decode_all(signed_in(Version::V311), &packet(first, &body));
        decode_all(signed_in(Version::V5), &packet(first, &body));
    }
}
