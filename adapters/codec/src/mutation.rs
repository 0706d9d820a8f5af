//! Valid input, spoiled: what a fuzzer does, with seeds that come again.

use proptest::prelude::*;
use proptest::sample::Index;

/// One spoiling of a text of bytes.
#[derive(Debug, Clone)]
pub(crate) enum Act {
    /// A byte becomes another.
    Change(Index, u8),
    /// A bit turns over.
    Flip(Index, u8),
    /// Bytes come between.
    Insert(Index, Vec<u8>),
    /// So many bytes are gone.
    Remove(Index, usize),
    /// A part stands twice, so often.
    Repeat(Index, usize, usize),
    /// The rest is another input's.
    Splice(Index, Index),
}

/// A few of them: most of the input stays valid, so that they reach behind the first check.
pub(crate) fn acts() -> impl Strategy<Value = Vec<Act>> {
    let marks = prop::sample::select(vec![
        "\"",
        "\\",
        "{",
        "}",
        "[",
        "]",
        "=",
        "|",
        ",",
        ":",
        " ",
        "\u{3000}",
        "\0",
        "\n",
        "<",
        ">",
        "%",
        "-",
        "1e999",
        "-1",
        "18446744073709551616",
        "null",
        "9999-12-31T23:59:60Z",
        "Feb 30 25:61:61",
        "\u{202e}",
    ]);
    let piece = prop_oneof![
        3 => marks.prop_map(|mark| mark.as_bytes().to_vec()),
        1 => prop::collection::vec(any::<u8>(), 1..9),
    ];
    let act = prop_oneof![
        3 => (any::<Index>(), any::<u8>()).prop_map(|(at, byte)| Act::Change(at, byte)),
        2 => (any::<Index>(), 0_u8..8).prop_map(|(at, bit)| Act::Flip(at, bit)),
        3 => (any::<Index>(), piece).prop_map(|(at, piece)| Act::Insert(at, piece)),
        2 => (any::<Index>(), 1_usize..40).prop_map(|(at, length)| Act::Remove(at, length)),
        1 => (any::<Index>(), 1_usize..60, 1_usize..200).prop_map(|(at, length, times)| Act::Repeat(at, length, times)),
        1 => (any::<Index>(), any::<Index>()).prop_map(|(at, from)| Act::Splice(at, from)),
    ];
    prop::collection::vec(act, 1..6)
}

/// The input with these done to it; `other` is what is spliced to it.
pub(crate) fn mutated(input: &[u8], other: &[u8], acts: &[Act]) -> Vec<u8> {
    let mut bytes = input.to_vec();
    for act in acts {
        let place = |at: &Index| at.index(bytes.len() + 1);
        match act {
            Act::Change(at, byte) => {
                let at = place(at);
                if let Some(there) = bytes.get_mut(at) {
                    *there = *byte;
                }
            }
            Act::Flip(at, bit) => {
                let at = place(at);
                if let Some(there) = bytes.get_mut(at) {
                    *there ^= 1 << bit;
                }
            }
            Act::Insert(at, piece) => {
                let at = place(at);
                bytes.splice(at..at, piece.iter().copied());
            }
            Act::Remove(at, length) => {
                let at = place(at);
                let end = (at + length).min(bytes.len());
                bytes.drain(at..end);
            }
            Act::Repeat(at, length, times) => {
                let at = place(at);
                let part = bytes[at..(at + length).min(bytes.len())].repeat(*times);
                bytes.splice(at..at, part);
            }
            Act::Splice(at, from) => {
                bytes.truncate(place(at));
                bytes.extend_from_slice(&other[from.index(other.len() + 1)..]);
            }
        }
    }
    bytes
}
