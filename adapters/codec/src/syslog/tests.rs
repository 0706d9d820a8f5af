//! The harm: a line that is lost, cut, or made of two.

mod laws;
mod relp;

use super::*;
use sha2::{Digest, Sha256};

/// A frame that owns its bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Owned {
    Line(Vec<u8>),
    Broken { head: Vec<u8>, length: u64, sha256: [u8; 32], reason: &'static str },
}

pub fn own(frame: Frame<'_>) -> Owned {
    match frame {
        Frame::Line(line) => Owned::Line(line.to_vec()),
        Frame::Broken(Broken { head, length, sha256, reason }) => {
            Owned::Broken { head: head.to_vec(), length, sha256, reason }
        }
    }
}

pub fn frames<'a>(pieces: impl IntoIterator<Item = &'a [u8]>, is_closed_in_order: bool) -> Vec<Owned> {
    let (mut framer, mut found) = (LineFramer::new(), Vec::new());
    for piece in pieces {
        framer.push(piece, |frame| found.push(own(frame)));
    }
    framer.end(is_closed_in_order, |frame| found.push(own(frame)));
    found
}

#[track_caller]
fn check(stream: &[u8], expected: &[&str]) {
    let lines: Vec<Owned> = expected.iter().map(|line| Owned::Line(line.as_bytes().to_vec())).collect();
    assert_eq!(frames([stream], true), lines);
    assert_eq!(frames(stream.chunks(1), true), lines, "byte by byte");
}

#[test]
fn line_ends_of_every_kind_end_a_line() {
    check(
        b"<13>one\n<13>two\r\n<13>three\0<13>four\n\0\r\n\n<13>five\n",
        &["<13>one", "<13>two", "<13>three", "<13>four", "<13>five"],
    );
}

#[test]
fn counted_lines_may_hold_line_ends_and_have_them_behind() {
    check(b"9 <13>a\nb c9 <13>d e f\n7 <13>g\r\n\0", &["<13>a\nb c", "<13>d e f", "<13>g"]);
}

#[test]
fn both_framings_on_one_connection() {
    let stream = "<13>one\n7 <13>two<13>three\n8 <13>four\n10 <13>五五<13>last\n";
    check(stream.as_bytes(), &["<13>one", "<13>two", "<13>three", "<13>four", "<13>五五", "<13>last"]);
}

#[test]
fn a_line_without_pri_may_begin_with_a_year() {
    check(
        b"2026-11-22 09:00:00 rtx up\n2026 Nov 22 rtx up\n22 Nov rtx up\n0 <13>x\n1234567890 <13>y\n",
        &["2026-11-22 09:00:00 rtx up", "2026 Nov 22 rtx up", "22 Nov rtx up", "0 <13>x", "1234567890 <13>y"],
    );
}

#[test]
fn behind_a_counted_line_a_count_needs_no_pri() {
    check(b"6 <13>up8 Nov 22 a8 Nov 22 b", &["<13>up", "Nov 22 a", "Nov 22 b"]);
}

#[test]
fn a_close_in_order_ends_the_last_line_and_any_other_end_breaks_it() {
    for stream in ["<13>only", "12", "2026 "] {
        check(stream.as_bytes(), &[stream]);
        let broken = frames([stream.as_bytes()], false);
        assert!(matches!(&broken[..], [Owned::Broken { head, .. }] if head == stream.as_bytes()), "{broken:?}");
    }
    let counted = frames([&b"12 <13>only"[..]], true);
    assert!(matches!(&counted[..], [Owned::Broken { head, .. }] if head == b"<13>only"), "{counted:?}");
}

#[test]
fn a_line_that_is_too_long_is_told_whole_and_the_next_is_not_lost() {
    let long = [&b"<13>"[..], &vec![b'x'; LINE_MAX_BYTES]].concat();
    let exact = &long[..LINE_MAX_BYTES];
    let by_end = [&long[..], b"\n<13>next\n", exact, b"\n"].concat();
    let counted =
        [format!("{} ", long.len()).as_bytes(), &long, b"9 <13>next\n", format!("{LINE_MAX_BYTES} ").as_bytes(), exact]
            .concat();
    for stream in [by_end, counted] {
        for piece in [1, 1000, stream.len()] {
            let found = frames(stream.chunks(piece), true);
            let [Owned::Broken { head, length, sha256, .. }, next, whole] = &found[..] else {
                panic!("{} frames", found.len())
            };
            assert_eq!((&head[..], *length), (exact, long.len() as u64));
            assert_eq!(sha256[..], Sha256::digest(&long)[..]);
            assert_eq!(next, &Owned::Line(b"<13>next".to_vec()));
            assert_eq!(whole, &Owned::Line(exact.to_vec()));
        }
    }
}

#[test]
fn a_count_that_no_line_has_swallows_nothing() {
    check(
        b"9999999 <189>x\n<13>next\n1048577 <13>y\n8 <13>more",
        &["9999999 <189>x", "<13>next", "1048577 <13>y", "<13>more"],
    );
    // One that is only too large for us, and whose bytes never came, says so.
    let cut = frames([&b"100000 <13>x\n<13>next\n"[..]], true);
    assert!(matches!(&cut[..], [Owned::Broken { reason, .. }] if reason.contains("ended inside")), "{cut:?}");
}

#[test]
fn a_datagram_is_one_line() {
    assert_eq!(datagram_line(b"<13>a\nb\n\0"), Some(&b"<13>a\nb"[..]));
    assert_eq!(datagram_line(b"\r\n"), None);
    assert_eq!(datagram_line(b""), None);
}
