//! Publishes too long to be held.

use kukaku_schema::intake::UNREADABLE_KEPT_BYTES;
use sha2::{Digest, Sha256};

use super::*;

/// Reads a large publish as the listener does; returns what is kept, its number and whether it is cut.
fn keep_large(payload: &[u8], chunk: usize) -> (kukaku_schema::intake::Unreadable, Option<u16>, bool) {
    let bytes = publish(0x02, &[], payload);
    let mut decoder = signed_in(Version::V311);
    let mut have = chunk.min(bytes.len());
    let (mut large, used) = loop {
        match decoder.decode(&bytes[..have]).unwrap() {
            Decoded::More(needed) => {
                assert!(needed > have && needed <= bytes.len(), "{needed} of {}", bytes.len());
                have = (have + chunk).max(needed).min(bytes.len());
            }
            Decoded::Large { publish, used, to_come } => break (LargePublish::new(&publish, to_come), used),
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
    assert_eq!((packet_id, is_cut, kept.length), (Some(7), false, payload.len() as u64));
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
    assert!(kept.reason.contains("the hash is of the first 65536 alone"), "{}", kept.reason);
    let (whole, _, is_cut) = keep_large(&payload[1..], 1_000_000);
    assert_eq!((is_cut, whole.length), (false, LARGE_MAX_BYTES as u64));
}

#[test]
fn the_longest_length_of_the_protocol_asks_for_no_more_than_the_limit() {
    let head = [vec![0x32, 0xFF, 0xFF, 0xFF, 0x7F], text("kukaku/v1/panel-1/x"), vec![0, 7]].concat();
    let decoded = signed_in(Version::V311).decode(&head);
    assert_eq!(decoded, Ok(Decoded::More(5 + PACKET_MAX_BYTES)));
    assert_eq!(refusal(Version::V5, &[0x82, 0xFF, 0xFF, 0xFF, 0x7F]).0, Reason::PacketTooLarge);
}
