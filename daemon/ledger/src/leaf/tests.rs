//! Harm: two readings of the same bytes, or two spellings of one leaf, would let a forger show
//! one record and prove another.
#![allow(clippy::unwrap_used)]

use proptest::prelude::*;

use super::*;
use crate::commitment;

fn entry_of_the_morning() -> Leaf {
    Leaf {
        seq: 1841,
        kind: "door.reading".to_owned(),
        source: "panel-1".to_owned(),
        client: String::new(),
        client_seq: 1700,
        source_seq: 12,
        recorded_at_us: 1_795_305_601_000_000,
        device_time_us: Some(1_795_305_600_000_000),
        clock: ClockState::Synchronised,
        commitment: commitment(&[7; 32], "payload", b"{}"),
    }
}

fn any_leaf() -> impl Strategy<Value = Leaf> {
    let clock =
        prop_oneof![Just(ClockState::Unknown), Just(ClockState::Synchronised), Just(ClockState::Unsynchronised)];
    let texts = ("\\PC{1,40}", "\\PC{0,40}", "\\PC{0,40}");
    let numbers = (any::<u64>(), any::<u64>(), any::<u64>());
    let times = (any::<i64>(), any::<Option<i64>>());
    (texts, numbers, times, clock, any::<[u8; 32]>()).prop_map(
        |((kind, source, client), (seq, client_seq, source_seq), times, clock, commitment)| Leaf {
            seq,
            kind,
            source,
            client,
            client_seq,
            source_seq,
            recorded_at_us: times.0,
            device_time_us: times.1,
            clock,
            commitment: Hash(commitment),
        },
    )
}

proptest! {
    #[test]
    fn what_is_written_is_what_is_read(leaf in any_leaf()) {
        let bytes = leaf.encode().unwrap();
        prop_assert_eq!(Leaf::decode(&bytes).unwrap(), leaf);
    }

    #[test]
    fn bytes_from_anywhere_are_refused_or_have_one_spelling(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        if let Ok(leaf) = Leaf::decode(&bytes) {
            prop_assert_eq!(leaf.encode().unwrap(), bytes);
        }
    }

    #[test]
    fn a_flipped_bit_is_refused_or_is_another_leaf(leaf in any_leaf(), at in any::<prop::sample::Index>(), bit in 0..8u8) {
        let mut bytes = leaf.encode().unwrap();
        let at = at.index(bytes.len());
        bytes[at] ^= 1 << bit;
        if let Ok(other) = Leaf::decode(&bytes) {
            prop_assert_ne!(&other, &leaf);
            prop_assert_eq!(other.encode().unwrap(), bytes);
        }
    }

    #[test]
    fn a_leaf_cut_anywhere_is_refused(leaf in any_leaf(), at in any::<prop::sample::Index>()) {
        let bytes = leaf.encode().unwrap();
        prop_assert!(Leaf::decode(&bytes[..at.index(bytes.len())]).is_err());
    }
}

#[test]
fn each_field_changes_the_hash() {
    let leaf = entry_of_the_morning();
    let changed = [
        Leaf { seq: 1, ..leaf.clone() },
        Leaf { kind: "door.used".to_owned(), ..leaf.clone() },
        Leaf { source: "panel-2".to_owned(), ..leaf.clone() },
        Leaf { client: "tomakomai".to_owned(), ..leaf.clone() },
        Leaf { client_seq: 1, ..leaf.clone() },
        Leaf { source_seq: 1, ..leaf.clone() },
        Leaf { recorded_at_us: 1, ..leaf.clone() },
        Leaf { device_time_us: None, ..leaf.clone() },
        Leaf { clock: ClockState::Unknown, ..leaf.clone() },
        Leaf { commitment: Hash([0; 32]), ..leaf.clone() },
    ];
    for other in changed {
        assert_ne!(other.hash().unwrap(), leaf.hash().unwrap(), "{other:?}");
    }
}

#[test]
fn text_moved_from_one_field_to_the_next_is_another_leaf() {
    let leaf = entry_of_the_morning();
    let moved = Leaf { kind: "door.readingp".to_owned(), source: "anel-1".to_owned(), ..leaf.clone() };
    assert_ne!(moved.hash().unwrap(), leaf.hash().unwrap());
}

#[test]
fn a_leaf_of_a_later_version_is_named_not_guessed() {
    let mut bytes = entry_of_the_morning().encode().unwrap();
    bytes[0] = 2;
    assert_eq!(Leaf::decode(&bytes), Err(LeafError::UnknownVersion(2)));
}

#[test]
fn bytes_behind_the_leaf_are_refused() {
    let mut bytes = entry_of_the_morning().encode().unwrap();
    bytes.extend([0, 0]);
    assert_eq!(Leaf::decode(&bytes), Err(LeafError::TrailingBytes(2)));
}

#[test]
fn flags_outside_their_list_are_refused() {
    let bytes = entry_of_the_morning().encode().unwrap();
    let clock_at = bytes.len() - HASH_BYTES - 1;
    for (at, field) in [(clock_at, "clock"), (clock_at - 9, "has device_time")] {
        let mut bad = bytes.clone();
        bad[at] = 3;
        assert_eq!(Leaf::decode(&bad), Err(LeafError::BadByte { field, value: 3 }));
    }
}

#[test]
fn a_leaf_without_kind_is_neither_written_nor_read() {
    let leaf = Leaf { kind: String::new(), ..entry_of_the_morning() };
    assert_eq!(leaf.encode(), Err(LeafError::NoKind));
    let mut bytes = Leaf { kind: "k".to_owned(), ..leaf }.encode().unwrap();
    bytes[10] = 0;
    bytes.remove(11);
    assert_eq!(Leaf::decode(&bytes), Err(LeafError::NoKind));
}

#[test]
fn a_text_beyond_the_limit_is_refused_on_both_ways() {
    let leaf = Leaf { source: "s".repeat(TEXT_MAX_BYTES + 1), ..entry_of_the_morning() };
    let too_long = LeafError::TextTooLong { field: "source", bytes: TEXT_MAX_BYTES + 1, max: TEXT_MAX_BYTES };
    assert_eq!(leaf.encode(), Err(too_long));
    let longest = Leaf { source: "s".repeat(TEXT_MAX_BYTES), ..leaf };
    assert_eq!(Leaf::decode(&longest.encode().unwrap()).unwrap(), longest);
}

#[test]
fn a_text_that_is_not_utf8_is_refused() {
    let mut bytes = entry_of_the_morning().encode().unwrap();
    bytes[11] = 0xFF;
    assert_eq!(Leaf::decode(&bytes), Err(LeafError::NotUtf8 { field: "kind" }));
}

#[test]
fn a_commitment_keeps_name_and_value_apart() {
    let salt = [9; 32];
    assert_ne!(commitment(&salt, "ab", b"c"), commitment(&salt, "a", b"bc"));
    assert_ne!(commitment(&salt, "card", b"1"), commitment(&[8; 32], "card", b"1"));
}
