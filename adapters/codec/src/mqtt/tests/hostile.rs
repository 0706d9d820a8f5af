//! Bytes that are cut, changed or made up.

use proptest::prelude::*;

use super::*;

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
        let Ok(Decoded::Packet { used, .. }) = decoder.decode(bytes) else { panic!("{bytes:02X?}") };
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
                assert!(needed <= PACKET_MAX_BYTES + 5, "it asks for more than the limit");
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
