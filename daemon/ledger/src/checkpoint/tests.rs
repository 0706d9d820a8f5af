//! Harm: a second history under the same name. The signer must refuse to begin one, and the
//! reader must refuse whatever is not plainly the log's own head.
#![allow(clippy::unwrap_used)]

use proptest::prelude::*;

use super::*;
use crate::error::ProofError;
use crate::proof::consistency_proof;
use crate::testing::Nodes;

const ORIGIN: &str = "kukaku.example/sapporo-1";

fn key(seed: u8) -> SigningKey {
    SigningKey::from_seed(ORIGIN, &[seed; 32]).unwrap()
}

fn head(nodes: &Nodes, size: u64) -> Head {
    Head { size, root: nodes.root(size) }
}

fn path(nodes: &Nodes, old: u64, new: u64) -> Vec<Hash> {
    consistency_proof(old, new, |id| nodes.get(id)).unwrap()
}

/// A note whose text is signed by the right key, whatever it says.
fn note_saying(text: &str) -> Vec<u8> {
    SignedNote::sign(text, &key(1)).unwrap().to_text().into_bytes()
}

fn open(note: &[u8]) -> Result<Checkpoint, NoteError> {
    Checkpoint::open(note, &[KeyTerm::whole(key(1).verifier().clone())])
}

#[test]
fn a_day_of_checkpoints_is_signed_and_read_back() {
    let nodes = Nodes::grown_to(100);
    let mut signer = Signer::new(key(1), None);
    let mut signed = 0;
    for size in [1, 2, 2, 7, 64, 99, 100] {
        let note = signer.sign(head(&nodes, size), &path(&nodes, signed, size)).unwrap();
        let read = open(note.to_text().as_bytes()).unwrap();
        assert_eq!(read.origin, ORIGIN);
        assert_eq!(read.head, head(&nodes, size));
        assert_eq!(signer.last(), Some(read.head));
        signed = size;
    }
}

#[test]
fn the_same_head_is_signed_again_with_the_same_bytes() {
    let nodes = Nodes::grown_to(5);
    let mut signer = Signer::new(key(1), None);
    let first = signer.sign(head(&nodes, 5), &[]).unwrap();
    let mut restarted = Signer::new(key(1), signer.last());
    assert_eq!(restarted.sign(head(&nodes, 5), &[]).unwrap(), first);
}

#[test]
fn an_empty_journal_is_not_signed() {
    let refused = Signer::new(key(1), None).sign(head(&Nodes::grown_to(0), 0), &[]);
    assert_eq!(refused, Err(SignRefusal::Empty));
}

#[test]
fn a_database_restored_from_yesterday_is_not_signed() {
    let nodes = Nodes::grown_to(50);
    let mut signer = Signer::new(key(1), Some(head(&nodes, 50)));
    assert_eq!(signer.sign(head(&nodes, 40), &[]), Err(SignRefusal::Smaller { size: 40, signed: 50 }));
    assert_eq!(signer.last(), Some(head(&nodes, 50)));
}

#[test]
fn a_database_restored_from_yesterday_and_grown_again_is_not_signed() {
    let honest = Nodes::grown_to(50);
    let texts = (0..60u64).map(|n| format!("{n}{}", if n < 40 { "" } else { "again" }));
    let forked = Nodes::of(texts.map(String::into_bytes));
    let mut signer = Signer::new(key(1), Some(head(&honest, 50)));
    assert_eq!(
        signer.sign(head(&forked, 50), &[]),
        Err(SignRefusal::OtherRoot { size: 50, root: forked.root(50), signed: honest.root(50) })
    );
    let refused = signer.sign(head(&forked, 60), &path(&forked, 50, 60));
    assert!(matches!(refused, Err(SignRefusal::Inconsistent(ProofError::RootMismatch { .. }))));
    assert_eq!(signer.last(), Some(head(&honest, 50)));
}

#[test]
fn a_head_without_its_proof_is_not_signed() {
    let nodes = Nodes::grown_to(50);
    let mut signer = Signer::new(key(1), Some(head(&nodes, 33)));
    let refused = signer.sign(head(&nodes, 50), &[]);
    assert!(matches!(refused, Err(SignRefusal::Inconsistent(_))));
}

#[test]
fn spellings_that_two_readers_could_take_differently_are_refused() {
    let root = "4RtTPThhFuKqXKl27RSvpFTJn3ds4UKCNcHmYxHZMlU=";
    assert!(open(&note_saying(&format!("{ORIGIN}\n7\n{root}\n"))).is_ok());
    for size in ["0", "07", "+7", "-7", "7 ", " 7", "", "0x7", "7e1", "\u{FF17}"] {
        let opened = open(&note_saying(&format!("{ORIGIN}\n{size}\n{root}\n")));
        assert!(matches!(opened, Err(NoteError::BadSize(_))), "size {size:?}");
    }
    for size in ["9223372036854775808", "18446744073709551615", "99999999999999999999999"] {
        let opened = open(&note_saying(&format!("{ORIGIN}\n{size}\n{root}\n")));
        assert!(matches!(opened, Err(NoteError::BadSize(_))), "size {size}");
    }
    // The last digit before the padding carries two bits that mean nothing: 'U' is 'V' or 'X' too.
    for other in [
        "4RtTPThhFuKqXKl27RSvpFTJn3ds4UKCNcHmYxHZMlV=",
        "4RtTPThhFuKqXKl27RSvpFTJn3ds4UKCNcHmYxHZMlU",
        "4RtTPThhFuKqXKl27RSvpFTJn3ds4UKCNcHmYxHZMlU==",
        "4RtTPThhFuKqXKl27RSvpFTJn3ds4UKCNcHmYxHZMl\u{3000}=",
        "4RtTPThh",
        "",
    ] {
        let opened = open(&note_saying(&format!("{ORIGIN}\n7\n{other}\n")));
        assert!(opened.is_err(), "root {other:?}");
    }
}

#[test]
fn lines_beyond_the_three_are_refused() {
    let root = "4RtTPThhFuKqXKl27RSvpFTJn3ds4UKCNcHmYxHZMlU=";
    for text in [
        format!("{ORIGIN}\n7\n{root}\nextension\n"),
        format!("{ORIGIN}\n{ORIGIN}\n7\n{root}\n"),
        format!("{ORIGIN}\n7\n{root}\n\n"),
        format!("\n7\n{root}\n"),
        format!("{ORIGIN}\n7\n"),
        "\n".to_owned(),
    ] {
        assert!(open(&note_saying(&text)).is_err(), "{text:?}");
    }
}

#[test]
fn a_key_signs_for_its_own_log_only() {
    let text = "kukaku.example/other\n7\n4RtTPThhFuKqXKl27RSvpFTJn3ds4UKCNcHmYxHZMlU=\n";
    assert_eq!(
        open(&note_saying(text)),
        Err(NoteError::WrongOrigin { origin: "kukaku.example/other".to_owned(), signer: ORIGIN.to_owned() })
    );
}

#[test]
fn a_rotated_key_signs_nothing_from_its_rotation_on() {
    let nodes = Nodes::grown_to(20);
    let terms = [
        KeyTerm { key: key(1).verifier().clone(), from_size: 0, until_size: Some(10) },
        KeyTerm { key: key(2).verifier().clone(), from_size: 10, until_size: None },
    ];
    let signed = |seed: u8, size: u64| {
        let note = Signer::new(key(seed), None).sign(head(&nodes, size), &[]).unwrap();
        Checkpoint::open(note.to_text().as_bytes(), &terms)
    };
    assert!(signed(1, 9).is_ok());
    assert!(signed(2, 10).is_ok());
    for (seed, size) in [(1, 10), (1, 20), (2, 9)] {
        assert_eq!(signed(seed, size), Err(NoteError::KeyOutOfTerm { name: ORIGIN.to_owned(), size }));
    }
}

#[test]
fn a_stranger_with_the_log_s_name_is_refused() {
    let nodes = Nodes::grown_to(3);
    let note = Signer::new(key(9), None).sign(head(&nodes, 3), &[]).unwrap();
    assert_eq!(open(note.to_text().as_bytes()), Err(NoteError::NoKnownSignature));
}

proptest! {
    #[test]
    fn a_body_is_refused_or_has_one_spelling(text in "[a-z]{0,3}\n[0-9]{0,3}\n([A-Za-z0-9+/]{43}=)?\n?[a-z]{0,1}") {
        if let Ok(checkpoint) = Checkpoint::parse_body(&text) {
            prop_assert_eq!(checkpoint.body(), text);
        }
    }

    /// Whatever heads are asked for in whatever order: of any two that were signed, the earlier
    /// is the beginning of the later.
    #[test]
    fn no_two_signed_heads_ever_contradict(asked in prop::collection::vec((0u64..60, any::<bool>()), 1..30)) {
        let honest = Nodes::grown_to(60);
        let forked = Nodes::of((0..60u64).map(|n| format!("{n}{}", if n < 20 { "" } else { "x" }).into_bytes()));
        let mut signer = Signer::new(key(1), None);
        let mut signed: Vec<Head> = Vec::new();
        for (size, fork) in asked {
            let nodes = if fork { &forked } else { &honest };
            let old = signer.last().map_or(0, |last| last.size).min(size);
            if let Ok(note) = signer.sign(head(nodes, size), &path(nodes, old, size)) {
                signed.push(open(note.to_text().as_bytes()).unwrap().head);
            }
        }
        for (at, later) in signed.iter().enumerate() {
            for earlier in &signed[..at] {
                let consistent = [&honest, &forked].iter().any(|nodes| {
                    nodes.root(earlier.size) == earlier.root && nodes.root(later.size) == later.root
                });
                prop_assert!(earlier.size <= later.size && consistent);
            }
        }
    }
}

#[test]
fn no_statement_passes_for_a_checkpoint() {
    let key = SigningKey::from_seed("kukaku.example/sapporo-1", &[7; 32]).unwrap();
    let signer = Signer::new(key, None);
    let head = Head { size: 3, root: Hash::of(b"forged") };
    let body = Checkpoint { origin: "kukaku.example/sapporo-1".to_owned(), head }.body();
    assert!(signer.sign_statement(&body).is_err());
    assert!(signer.sign_statement("kukaku-pack/1\nkukaku.example/sapporo-1\n00\n").is_ok());
}
