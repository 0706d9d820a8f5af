//! Real captures of others, where `KUKAKU_SAMPLES` points to them: what tools sent, not what we
//! think that they send.

#![allow(clippy::unwrap_used)]

use std::path::PathBuf;

use kukaku_codec::syslog::{Frame, LineFramer, datagram_line};

/// UDP and TCP payloads of a capture, in order; TCP of one direction alone is what these hold.
struct Payloads {
    datagrams: Vec<Vec<u8>>,
    segments: Vec<Vec<u8>>,
}

fn samples() -> Option<PathBuf> {
    std::env::var_os("KUKAKU_SAMPLES").map(|folder| PathBuf::from(folder).join("network"))
}

fn payloads(path: PathBuf) -> Payloads {
    const ETHERNET: u32 = 1;
    const HEADER: usize = 24;
    let bytes = std::fs::read(&path).unwrap_or_else(|error| panic!("read {}: {error}", path.display()));
    let number = |at: usize| u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap());
    assert_eq!(number(0), 0xa1b2_c3d4, "a little-endian capture in microseconds");
    let link_header = if number(20) == ETHERNET { 14 } else { 0 };
    let (mut at, mut found) = (HEADER, Payloads { datagrams: Vec::new(), segments: Vec::new() });
    while at < bytes.len() {
        let length = number(at + 8) as usize;
        let packet = &bytes[at + 16 + link_header..at + 16 + length];
        at += 16 + length;
        let (header, whole) = (usize::from(packet[0] & 15) * 4, u16::from_be_bytes([packet[2], packet[3]]));
        let carried = &packet[header..usize::from(whole)];
        match packet[9] {
            17 => found.datagrams.push(carried[8..].to_vec()),
            6 => found.segments.push(carried[usize::from(carried[12] >> 4) * 4..].to_vec()),
            other => panic!("IP protocol {other}"),
        }
    }
    found
}

#[test]
fn datagrams_of_two_tools_are_lines() {
    let Some(folder) = samples() else { return };
    let found = payloads(folder.join("syslog_udp.pcap")).datagrams;
    let lines: Vec<&[u8]> = found.iter().map(|datagram| datagram_line(datagram).unwrap()).collect();
    assert_eq!(lines.len(), 4);
    for (line, datagram) in lines.iter().zip(&found) {
        assert!(line.starts_with(b"<") && line.iter().all(|byte| *byte >= b' '));
        // One of the two ends its datagrams with NUL.
        assert!(line.len() == datagram.len() || datagram.ends_with(&[0]));
    }
}

#[test]
fn a_datagram_without_pri_is_a_line_all_the_same() {
    let Some(folder) = samples() else { return };
    let found = payloads(folder.join("syslog-missing-pri.pcap")).datagrams;
    assert_eq!(found.len(), 1);
    assert_eq!(datagram_line(&found[0]), Some(&found[0][..]));
    assert!(!found[0].starts_with(b"<"));
}

#[test]
fn a_connection_that_mixes_both_framings() {
    let Some(folder) = samples() else { return };
    let segments = payloads(folder.join("tcp-syslog.pcap")).segments;
    let (mut framer, mut lines) = (LineFramer::new(), Vec::new());
    let mut on = |frame: Frame<'_>| match frame {
        Frame::Line(line) => lines.push(line.to_vec()),
        Frame::Broken(broken) => panic!("{}", broken.reason),
    };
    for segment in &segments {
        framer.push(segment, &mut on);
    }
    framer.end(true, &mut on);
    let seen: Vec<(&[u8], usize)> = lines.iter().map(|line| (&line[..4], line.len())).collect();
    assert_eq!(seen, [(&b"<13>"[..], 51), (b"<14>", 50), (b"<15>", 50), (b"<16>", 49)]);
}
