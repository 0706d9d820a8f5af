//! Harm: two readings of one note, or a signature that covers less than is shown.
#![allow(clippy::unwrap_used)]

use proptest::prelude::*;

use super::*;

const TEXT: &str = "first line\n\nthird line\n";

fn key(name: &str, seed: u8) -> SigningKey {
    SigningKey::from_seed(name, &[seed; 32]).unwrap()
}

fn signed() -> (String, VerifierKey) {
    let key = key("log.example", 1);
    let note = SignedNote::sign(TEXT, &key).unwrap();
    (note.to_text(), key.verifier().clone())
}

fn open(note: &[u8], keys: &[VerifierKey]) -> Result<String, NoteError> {
    let note = SignedNote::parse(note)?;
    note.verify(keys)?;
    Ok(note.text().to_owned())
}

#[test]
fn a_note_of_another_tool_is_verified() {
    // The worked example in Go's `golang.org/x/mod/sumdb/note` documentation.
    let text = "If you think cryptography is the answer to your problem,\n\
                then you don't know what your problem is.\n";
    let note = format!(
        "{text}\n\u{2014} PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n"
    );
    let key = VerifierKey::parse("PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW").unwrap();
    assert_eq!(open(note.as_bytes(), &[key]).unwrap(), text);
}

#[test]
fn every_single_bit_of_a_note_counts() {
    let (note, key) = signed();
    let keys = [key];
    assert_eq!(open(note.as_bytes(), &keys).unwrap(), TEXT);
    for bit in 0..note.len() * 8 {
        let mut changed = note.clone().into_bytes();
        changed[bit / 8] ^= 1 << (bit % 8);
        let opened = open(&changed, &keys);
        assert!(opened.is_err(), "bit {} of byte {}", bit % 8, bit / 8);
    }
}

#[test]
fn every_byte_dropped_or_doubled_counts() {
    let (note, key) = signed();
    let keys = [key];
    for at in 0..note.len() {
        let mut dropped = note.clone().into_bytes();
        let byte = dropped.remove(at);
        assert!(open(&dropped, &keys).is_err(), "byte {at} dropped");
        let mut doubled = note.clone().into_bytes();
        doubled.insert(at, byte);
        assert!(open(&doubled, &keys).is_err(), "byte {at} doubled");
    }
}

#[test]
fn a_stranger_s_signature_neither_helps_nor_harms() {
    let (note, log_key) = signed();
    let stranger = SignedNote::sign(TEXT, &key("stranger.example", 2)).unwrap();
    let line = stranger.to_text().rsplit_once("\n\n").unwrap().1.to_owned();
    let both = format!("{note}{line}");
    assert!(open(both.as_bytes(), std::slice::from_ref(&log_key)).is_ok());
    assert_eq!(open(stranger.to_text().as_bytes(), &[log_key]), Err(NoteError::NoKnownSignature));
}

#[test]
fn the_same_name_with_another_key_is_a_stranger() {
    let (note, _) = signed();
    let other = key("log.example", 9).verifier().clone();
    assert_eq!(open(note.as_bytes(), &[other]), Err(NoteError::NoKnownSignature));
}

#[test]
fn one_wrong_signature_of_a_known_key_spoils_the_note() {
    let (note, log_key) = signed();
    let witness = key("witness.example", 3);
    let mut lying = SignedNote::sign(TEXT, &witness).unwrap();
    lying.signatures[0].signature[5] ^= 1;
    let line = lying.to_text().rsplit_once("\n\n").unwrap().1.to_owned();
    let keys = [log_key, witness.verifier().clone()];
    assert_eq!(
        open(format!("{note}{line}").as_bytes(), &keys),
        Err(NoteError::BadSignature("witness.example".to_owned()))
    );
}

#[test]
fn a_key_that_signs_twice_is_refused() {
    let (note, key) = signed();
    let line = note.rsplit_once("\n\n").unwrap().1.to_owned();
    assert_eq!(
        open(format!("{note}{line}").as_bytes(), &[key]),
        Err(NoteError::RepeatedSignature("log.example".to_owned()))
    );
}

#[test]
fn limits_hold() {
    let (note, key) = signed();
    let line = note.rsplit_once("\n\n").unwrap().1.replace("log", "gol");
    let keys = [key];
    let many = |count: usize| format!("{note}{}", line.repeat(count));
    assert!(open(many(SIGNATURES_MAX - 1).as_bytes(), &keys).is_ok());
    assert_eq!(open(many(SIGNATURES_MAX).as_bytes(), &keys), Err(NoteError::TooManySignatures));
    let bytes = NOTE_MAX_BYTES + 1;
    assert_eq!(SignedNote::parse(&vec![b'a'; bytes]), Err(NoteError::TooLarge { bytes }));
}

#[test]
fn texts_that_hide_something_are_not_signed() {
    let key = key("log.example", 1);
    for text in ["no newline", "tab\there\n", "bell\u{7}\n", ""] {
        assert!(SignedNote::sign(text, &key).is_err(), "{text:?}");
    }
}

proptest! {
    #[test]
    fn bytes_from_anywhere_are_refused_or_have_one_spelling(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        if let Ok(note) = SignedNote::parse(&bytes) {
            prop_assert_eq!(note.to_text().into_bytes(), bytes);
        }
    }

    #[test]
    fn lines_from_anywhere_are_refused_or_have_one_spelling(text in "([a-z0-9 \u{2014}]{0,6}\n?){0,6}", line in "\u{2014} [a-z]{0,3} [A-Za-z0-9+/]{0,12}={0,2}\n") {
        let note = format!("{text}\n{line}");
        if let Ok(read) = SignedNote::parse(note.as_bytes()) {
            prop_assert_eq!(read.to_text(), note);
        }
    }
}
