//! What holds for any bytes.

use proptest::prelude::*;

use super::super::LINE_MAX_BYTES;
use super::super::relp::{RelpAsk, RelpServer};
use super::super::relp::{RelpData, RelpDecoder, encode_frame};
use super::super::trimmed;
use super::{Owned, frames};
use crate::mutation::{acts, mutated};

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
    fn a_spoiled_stream_costs_no_more_than_its_bytes_and_ends(
        acts in acts(),
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..4),
        in_order in any::<bool>(),
    ) {
        let lines = b"27 <38>1 - gw sshd 7 - - hello<13>Nov 22 09:00:00 gw x: y\n<13>three\r\n5 <1>ab";
        let spoiled = mutated(lines, lines, &acts);
        let found = frames(cut(&spoiled, &cuts), in_order);
        let held = |frame: &Owned| match frame {
            Owned::Line(line) => line.len(),
            Owned::Broken { head, .. } => head.len(),
        };
        prop_assert!(found.iter().all(|frame| held(frame) <= LINE_MAX_BYTES));
        prop_assert!(found.iter().map(held).sum::<usize>() <= spoiled.len());

        let session =
            b"1 open 30 relp_version=0\ncommands=syslog\n2 syslog 8 <13>one\n\n3 syslog 0\n4 syslog 3 two\n5 close 0\n";
        let spoiled = mutated(session, session, &acts);
        prop_assert_eq!(relp(cut(&spoiled, &cuts)), relp([&spoiled[..]]));
        let (mut decoder, mut server, mut lines) = (RelpDecoder::new(), RelpServer::new(), 0_usize);
        let _ = decoder.push(&spoiled, |frame| {
            if let RelpAsk::Line { line: Ok(line), .. } = server.hear(frame) {
                lines += line.len();
            }
        });
        prop_assert!(lines <= spoiled.len());
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
