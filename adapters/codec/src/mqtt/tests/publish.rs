//! Publishes, taken and refused.

use super::*;

#[test]
fn a_publish_is_sliced_out_of_the_buffer() {
    for (version, properties) in [(Version::V311, &[][..]), (Version::V5, &[2, 0x01, 1])] {
        let bytes = [publish(0x0B, properties, b"{}"), vec![0xC0, 0]].concat();
        let mut decoder = signed_in(version);
        let Ok(Decoded::Packet { packet: Packet::Publish(read), used }) = decoder.decode(&bytes) else { panic!() };
        assert_eq!((read.topic, read.packet_id, read.payload), ("kukaku/v1/panel-1/door", Some(7), &b"{}"[..]));
        assert!(read.duplicate && read.retain);
        assert_eq!(decoder.decode(&bytes[used..]), Ok(Decoded::Packet { packet: Packet::PingReq, used: 2 }));
    }
}

#[test]
fn a_publish_that_is_not_served_is_refused_with_its_reason() {
    use Reason::{MalformedPacket, ProtocolError, QosNotSupported, TopicAliasInvalid, TopicNameInvalid};
    let body = |topic: &str| [text(topic), b"{}".to_vec()].concat();
    for (why, bytes, reason) in [
        ("QoS 2", publish(0x04, &[0], b""), QosNotSupported),
        ("QoS 3", publish(0x06, &[0], b""), MalformedPacket),
        ("DUP at QoS 0", packet(0x38, &body("a")), MalformedPacket),
        ("packet identifier 0", packet(0x32, &[text("a"), vec![0, 0, 0]].concat()), ProtocolError),
        ("topic alias", publish(0x02, &[3, 0x23, 0, 1], b""), TopicAliasInvalid),
        ("topic alias 0", publish(0x02, &[3, 0x23, 0, 0], b""), TopicAliasInvalid),
        ("empty topic", packet(0x30, &[text(""), vec![0]].concat()), TopicNameInvalid),
        ("wildcard", packet(0x30, &[text("kukaku/v1/+/x"), vec![0]].concat()), TopicNameInvalid),
        ("topic not UTF-8", packet(0x30, &[0, 2, 0xFF, 0xFE, 0]), MalformedPacket),
        ("topic longer than the packet", packet(0x30, &[0xFF, 0xFF, b'a']), MalformedPacket),
        ("properties longer than the packet", publish(0x02, &[0x7F], b""), MalformedPacket),
        ("a subscription identifier", publish(0x02, &[2, 0x0B, 1], b""), ProtocolError),
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
        assert_eq!(refusal(Version::V5, &bytes).0, Reason::ProtocolError, "type {kind}");
    }
    assert_eq!(refusal(Version::V5, &packet(0xF0, &[])).0, Reason::BadAuthenticationMethod);
    assert_eq!(refusal(Version::V311, &packet(0xF0, &[])).0, Reason::ProtocolError);
    assert_eq!(refusal(Version::V311, &connect_v4()).0, Reason::ProtocolError);
}
