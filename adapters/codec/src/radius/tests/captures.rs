//! Packets of others, held against what tcpdump read of them. They lie where `KUKAKU_SAMPLES` points.

use std::path::Path;

use super::*;

/// The UDP payloads of a capture over Ethernet or the "cooked" link of Linux, IPv4 without options.
fn udp_payloads(capture: &[u8]) -> Vec<&[u8]> {
    let number = |at: usize| u32::from_le_bytes(capture[at..at + 4].try_into().unwrap());
    assert_eq!(number(0), 0xA1B2_C3D4, "a capture of little-endian microseconds");
    let link_bytes = match number(20) {
        1 => 14,
        113 => 16,
        other => panic!("link {other}"),
    };
    let (mut at, mut out) = (24, Vec::new());
    while at < capture.len() {
        let kept = number(at + 8) as usize;
        let frame = &capture[at + 16..at + 16 + kept];
        out.push(&frame[link_bytes + 20 + 8..]);
        at += 16 + kept;
    }
    out
}

fn read(file: &Path) -> Vec<u8> {
    std::fs::read(file).unwrap_or_else(|error| panic!("read {}: {error}", file.display()))
}

/// The number in brackets behind the first word that is followed by one.
fn in_brackets(line: &str) -> u8 {
    line.split_once('(').and_then(|(_, rest)| rest.split_once(')')).unwrap().0.parse().unwrap()
}

#[test]
fn packets_of_others_are_read_as_tcpdump_reads_them() {
    let Some(samples) = std::env::var_os("KUKAKU_SAMPLES") else { return };
    let folder = Path::new(&samples).join("radius");
    let capture = read(&folder.join("RADIUS.pcap"));
    let mut read_here = Vec::new();
    for payload in udp_payloads(&capture) {
        let packet = Packet::decode(payload).unwrap();
        let hex: String = packet.authenticator().iter().map(|byte| format!("{byte:02x}")).collect();
        read_here.push(format!("{} {:#04x} {hex}", payload[0], packet.identifier()));
        read_here.extend(packet.attributes().map(|a| format!("{} {}", a.kind, a.value.len() + 2)));
        assert!(sign::verify(&packet, &Secret::new("x").unwrap(), false).is_err(), "no accounting");
    }
    let told = String::from_utf8(read(&folder.join("radius-v.out"))).unwrap();
    let mut read_there = Vec::new();
    for line in told.lines() {
        if let Some((code, rest)) = line.split_once("), id: ") {
            let (identifier, authenticator) = rest.split_once(", Authenticator: ").unwrap();
            read_there.push(format!("{} {identifier} {authenticator}", in_brackets(&format!("{code})"))));
        } else if let Some((name, rest)) = line.split_once("), length: ")
            && name.contains(" Attribute (")
        {
            let length = rest.split_once(',').unwrap().0;
            read_there.push(format!("{} {length}", in_brackets(&format!("{name})"))));
        }
    }
    assert_eq!(read_here, read_there);
    assert_eq!(read_there.len(), 4 + 10 + 7 + 11 + 7);
}

#[test]
fn a_packet_of_others_with_a_wrong_length_is_refused() {
    let Some(samples) = std::env::var_os("KUKAKU_SAMPLES") else { return };
    let capture = read(&Path::new(&samples).join("radius/radius_rfc5447_invalid_length.pcap"));
    let payloads = udp_payloads(&capture);
    assert_eq!(payloads.len(), 1);
    assert!(matches!(Packet::decode(payloads[0]), Err(Malformed::Cut { stated: 57, .. })), "{payloads:02X?}");
}
