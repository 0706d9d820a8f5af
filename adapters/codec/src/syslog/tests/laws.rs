//! What holds for any bytes.

use proptest::prelude::*;

use super::super::relp::{RelpData, RelpDecoder, encode_frame};
use super::super::trimmed;
use super::{Owned, frames};

/// Bytes in which counts, line ends and marks are common.
fn stream() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        any::<Vec<u8>>(),
        "[0-9]{1,3} <1[0-9]>[a-z ]{0,12}".prop_map(String::into_bytes),
        "<[0-9]{1,2}>[a-z0-9 ]{0,12}[\n\r\u{0}]{0,2}".prop_map(String::into_bytes),
        "[0-9]{1,10}[ \n]".prop_map(String::into_bytes),
        "[0-9]{1,3} (syslog|open|close) [0-9]{1,2} ?[a-z]{0,9}\n".prop_map(String::into_bytes),
        (65_530_usize..65_560).prop_map(|length| vec![b'x'; length]),
    ];
    prop::collection::vec(piece, 0..8).prop_map(|pieces| pieces.concat())
}

fn cut<'a>(bytes: &'a [u8], cuts: &[prop::sample::Index]) -> Vec<&'a [u8]> {
    let mut places: Vec<usize> = cuts.iter().map(|cut| cut.index(bytes.len() + 1)).collect();
    places.sort_unstable();
    let (mut pieces, mut from) = (Vec::new(), 0);
    for place in places {
        pieces.push(&bytes[from..place]);
        from = place;
    }
    pieces.push(&bytes[from..]);
    pieces
}

/// Frames of RELP, owned, and how the stream ended.
fn relp<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> (Vec<(u32, String, Vec<u8>)>, bool) {
    let (mut decoder, mut found, mut is_lost) = (RelpDecoder::new(), Vec::new(), false);
    for piece in pieces {
        let took = decoder.push(piece, |frame| {
            let data = match frame.data {
                RelpData::Whole(data) => data.to_vec(),
                RelpData::TooLong(broken) => broken.sha256.to_vec(),
            };
            found.push((frame.txnr, frame.command.to_owned(), data));
        });
        is_lost |= took.is_err();
    }
    (found, is_lost)
}

proptest! {
    #[test]
    fn the_lines_do_not_depend_on_the_cuts(
        bytes in stream(),
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..6),
        in_order in any::<bool>(),
    ) {
        let whole = frames([&bytes[..]], in_order);
        prop_assert_eq!(frames(cut(&bytes, &cuts), in_order), whole);
    }

    #[test]
    fn relp_frames_do_not_depend_on_the_cuts(
        bytes in stream(),
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..6),
    ) {
        prop_assert_eq!(relp(cut(&bytes, &cuts)), relp([&bytes[..]]));
    }

    #[test]
    fn lines_sent_in_either_framing_come_back(
        lines in prop::collection::vec((any::<bool>(), "<1[0-9]{1,2}>[^\n\r\u{0}]{1,40}"), 0..12),
    ) {
        let mut stream = Vec::new();
        for (counted, line) in &lines {
            if *counted {
                stream.extend_from_slice(format!("{} {line}", line.len()).as_bytes());
            } else {
                stream.extend_from_slice(format!("{line}\n").as_bytes());
            }
        }
        let sent: Vec<Owned> = lines.iter().map(|(_, line)| Owned::Line(trimmed(line.as_bytes()).to_vec())).collect();
        prop_assert_eq!(frames([&stream[..]], true), sent);
    }

    #[test]
    fn relp_frames_come_back(
        sent in prop::collection::vec((0_u32..=999_999_999, "[a-z]{1,32}", any::<Vec<u8>>()), 0..8),
    ) {
        let mut stream = Vec::new();
        for (txnr, command, data) in &sent {
            encode_frame(&mut stream, *txnr, command, data);
        }
        prop_assert_eq!(relp([&stream[..]]), (sent, false));
    }
}
