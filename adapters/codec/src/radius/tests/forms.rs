//! Lengths, and what attributes say.

use std::net::{IpAddr, Ipv4Addr};

use kukaku_schema::UtcMicros;

use super::*;

const SENDER: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 9));

fn read(request: &Request) -> Result<Record, String> {
    let bytes = request.sign();
    Record::read(&Packet::decode(&bytes).unwrap(), SENDER).map_err(|e| e.to_string())
}

#[test]
fn a_datagram_shorter_than_it_says_is_refused_and_a_longer_one_is_padded() {
    let bytes = Request::session(1, "00001", 9).sign();
    for cut in 0..bytes.len() {
        let error = Packet::decode(&bytes[..cut]).unwrap_err();
        assert!(matches!(error, Malformed::Short { .. } | Malformed::Cut { .. }), "{cut}: {error}");
    }
    let padded = [bytes.clone(), vec![0xFF; 9]].concat();
    assert_eq!(Packet::decode(&padded).unwrap().bytes(), bytes);
}

#[test]
fn lengths_out_of_range_are_refused() {
    let mut bytes = Request::session(1, "00001", 9).sign();
    for stated in [0_u16, 19, 4097, u16::MAX] {
        bytes[2..4].copy_from_slice(&stated.to_be_bytes());
        bytes.resize(70_000, 0);
        assert_eq!(Packet::decode(&bytes), Err(Malformed::LengthField { stated: usize::from(stated) }));
    }
    let full: Vec<u8> = std::iter::repeat_n([vec![26, 255], vec![0; 253]].concat(), 15).flatten().collect();
    let rest = [vec![26, 251], vec![0; 249]].concat();
    let most = [vec![4, 1, 0x10, 0], vec![0; 16], full, rest].concat();
    assert_eq!(most.len(), PACKET_MAX_BYTES);
    assert_eq!(Packet::decode(&most).unwrap().attributes().count(), 16);
}

#[test]
fn attributes_must_fill_the_packet_exactly() {
    let whole = Request::new(1).text(1, "a01").sign();
    for (length, wanted) in [
        (0_u8, Malformed::AttributeShort { kind: 1, at: 26, length: 0 }),
        (1, Malformed::AttributeShort { kind: 1, at: 26, length: 1 }),
        (6, Malformed::AttributeCut { kind: 1, at: 26, length: 6, left: 5 }),
        (4, Malformed::NoLength { kind: b'1', at: 30 }),
    ] {
        let mut bytes = whole.clone();
        bytes[27] = length;
        assert_eq!(Packet::decode(&bytes), Err(wanted));
    }
}

#[test]
fn a_session_is_named_by_its_nas_and_its_id() {
    let bare = Request::new(1).text(1, "a01").text(44, "7");
    let name = |request: &Request| read(request).unwrap().session.unwrap().into_string();
    assert_eq!(name(&bare), "192.0.2.9/7", "by where it came from");
    let v6 = bare.clone().bytes(95, &"2001:db8::9".parse::<std::net::Ipv6Addr>().unwrap().octets());
    assert_eq!(name(&v6), "2001:db8::9/7");
    let v4 = v6.bytes(4, &[10, 0, 0, 1]);
    assert_eq!(name(&v4), "10.0.0.1/7");
    let named = v4.text(32, "east/1%");
    assert_eq!(name(&named), "east%2F1%25/7");
    let long = Request::new(1).text(32, &"ん".repeat(84)).text(44, &"x".repeat(253)).text(1, "a01");
    let other = Request::new(1).text(32, &"ん".repeat(84)).text(44, &("x".repeat(252) + "y")).text(1, "a01");
    assert!(name(&long).len() <= 201, "{}", name(&long));
    assert_ne!(name(&long), name(&other));
}

#[test]
fn an_address_is_read_as_gateways_write_it() {
    let address = |calling: &str| {
        read(&Request::session(1, "7", 9).text(31, calling)).unwrap().address.map(kukaku_schema::Name::into_string)
    };
    for text in ["203.0.113.5", "203.0.113.5:4500", "203.0.113.5[4500]", " 203.0.113.5 ", "::ffff:203.0.113.5"] {
        assert_eq!(address(text).as_deref(), Some("203.0.113.5"), "{text}");
    }
    for text in ["2001:db8::1", "[2001:db8::1]", "[2001:db8::1]:4500", "2001:db8::1[500]"] {
        assert_eq!(address(text).as_deref(), Some("2001:db8::1"), "{text}");
    }
    for text in ["00-14-22-AA-BB-CC", "0312345678", "203.0.113.5[x]", "203.0.113.256", "]"] {
        assert_eq!(address(text), None, "{text}");
    }
    let tunnel = Request::session(1, "7", 9).text(31, "0312345678").bytes(66, b"\x01203.0.113.6");
    assert_eq!(read(&tunnel).unwrap().address.unwrap().as_str(), "203.0.113.6");
}

#[test]
fn the_address_that_was_given_is_told_where_it_is_one() {
    let inner =
        |request: Request| read(&request).map(|record| record.inner_address.map(kukaku_schema::Name::into_string));
    let given = Request::session(1, "7", 9);
    assert_eq!(inner(given.clone().bytes(8, &[10, 1, 2, 3])).unwrap().as_deref(), Some("10.1.2.3"));
    for nobody in [0xFFFF_FFFF, 0xFFFF_FFFE] {
        assert_eq!(inner(given.clone().number(8, nobody)).unwrap(), None);
    }
    let prefix = [&[0, 64, 0x20, 0x01, 0x0d, 0xb8][..], &[0; 4]].concat();
    assert_eq!(inner(given.clone().bytes(97, &prefix)).unwrap().as_deref(), Some("2001:db8::/64"));
    let whole = given.bytes(97, &prefix).bytes(168, &std::net::Ipv6Addr::LOCALHOST.octets());
    assert_eq!(inner(whole).unwrap().as_deref(), Some("::1"));
}

#[test]
fn a_packet_that_says_no_time_is_from_when_it_came_minus_its_delay() {
    let received = UtcMicros(100_000_000);
    let at = |request: Request| read(&request).unwrap().device_time(received);
    assert_eq!(at(Request::session(1, "7", 9).number(41, 5)), UtcMicros(9_000_000));
    assert_eq!(at(Request::session(1, "7", 9).without(55)), received);
    assert_eq!(at(Request::session(1, "7", 9).without(55).number(41, 5)), UtcMicros(95_000_000));
}

#[test]
fn what_cannot_be_understood_is_named() {
    let whole = Request::session(1, "7", 9);
    for (request, said) in [
        (whole.clone().without(40), "Acct-Status-Type (40) is missing"),
        (whole.clone().without(44), "Acct-Session-Id (44) is missing"),
        (whole.clone().without(1), "User-Name (1) is missing"),
        (whole.clone().text(1, "b01"), "User-Name (1) stands twice"),
        (whole.clone().without(1).bytes(1, b"\xB4\xC7"), "User-Name (1): is no UTF-8 from its byte 0 on"),
        (whole.clone().without(1).text(1, "a\nb"), "User-Name (1): a name can't hold the character U+000A"),
        (whole.clone().without(55).bytes(55, &[1, 2, 3]), "Event-Timestamp (55) has 3 bytes, expected 4"),
        (whole.clone().bytes(8, &[10, 0, 0, 1, 0]), "Framed-IP-Address (8) has 5 bytes, expected 4"),
        (whole.clone().bytes(97, &[0, 64, 1]), "Framed-IPv6-Prefix (97) is no IPv6 prefix"),
        (whole.clone().bytes(97, &[0, 129, 1]), "Framed-IPv6-Prefix (97) is no IPv6 prefix"),
    ] {
        assert_eq!(read(&request).unwrap_err(), said);
    }
    assert!(read(&Request::session(2, "7", 9).without(1)).is_ok(), "an end needs no name");
    assert!(read(&Request::new(9)).is_ok(), "a tunnel is no session");
}

#[test]
fn what_a_session_carried_is_counted_beyond_the_wrap_of_its_counters() {
    let octets = |request: Request| read(&request).unwrap().octets;
    let interim = Request::session(3, "7", 9);
    assert_eq!(octets(interim.clone()), None, "not told");
    assert_eq!(octets(interim.clone().number(42, 5)), Some(5), "one way alone");
    assert_eq!(octets(interim.clone().number(42, 5).number(43, 7)), Some(12));
    let wrapped = interim.clone().number(42, 5).number(52, 2).number(43, 7).number(53, 1);
    assert_eq!(octets(wrapped), Some((3 << 32) + 12));
    assert_eq!(octets(interim.number(52, 2)), None, "how often it wrapped is no count");
}
