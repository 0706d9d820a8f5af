//! Harm: the vendor shows each city another history, and a witness signs both.
#![allow(clippy::unwrap_used)]

use proptest::prelude::*;

use super::*;
use crate::cosignature::{Cosigner, CosignerKey};
use crate::key::SigningKey;
use crate::proof::consistency_proof;
use crate::testing::Nodes;

const LOG: &str = "kukaku.example/sapporo-1";

fn log_key() -> SigningKey {
    SigningKey::from_seed(LOG, &[7; 32]).unwrap()
}

fn terms() -> Vec<KeyTerm> {
    vec![KeyTerm::whole(log_key().verifier().clone())]
}

fn note(size: u64, root: Hash) -> SignedNote {
    let body = Checkpoint { origin: LOG.to_owned(), head: Head { size, root } }.body();
    SignedNote::sign(&body, &log_key()).unwrap()
}

fn request(nodes: &Nodes, old: u64, new: u64) -> AddCheckpoint {
    let proof = consistency_proof(old, new, |id| nodes.get(id)).unwrap();
    AddCheckpoint { old, proof, note: note(new, nodes.root(new)) }
}

/// The whole rule, as a server applies it.
fn status(body: &[u8], remembered: Option<Head>) -> u16 {
    let judged = AddCheckpoint::parse(body).and_then(|request| {
        let new = open_signed(&request, &terms())?.head;
        accept(&request, new, remembered)
    });
    judged.map_or_else(|refusal| refusal.status(), |()| 200)
}

fn text_status(text: &str) -> u16 {
    status(text.as_bytes(), None)
}

#[test]
fn every_true_step_is_accepted_and_every_cut_is_refused() {
    let nodes = Nodes::grown_to(20);
    for old in 0..=20 {
        let remembered = (old > 0).then(|| Head { size: old, root: nodes.root(old) });
        for new in 1..=20 {
            let expected = if new >= old { 200 } else { 409 };
            let from = old.min(new);
            let body = request(&nodes, from, new).to_text();
            assert_eq!(status(body.as_bytes(), remembered), expected, "{old} to {new}");
        }
    }
}

#[test]
fn a_tree_that_was_rebuilt_and_signed_with_the_true_key_is_refused() {
    let nodes = Nodes::grown_to(12);
    for changed in 0..8 {
        let leaf = |n: usize| if n == changed { b"forged".to_vec() } else { n.to_string().into_bytes() };
        let forged = Nodes::of((0..12).map(leaf));
        let remembered = Some(Head { size: 8, root: nodes.root(8) });
        for new in 9..=12 {
            assert_eq!(status(request(&forged, 8, new).to_text().as_bytes(), remembered), 422);
        }
        assert_eq!(status(request(&forged, 8, 8).to_text().as_bytes(), remembered), 409);
    }
}

#[test]
fn the_codes_are_those_of_the_protocol() {
    let nodes = Nodes::grown_to(9);
    let good = request(&nodes, 0, 9).to_text();
    assert_eq!(text_status(&good), 200);
    assert_eq!(text_status(&good.replace("old 0", "old 00")), 400);
    assert_eq!(text_status(&good.replace("old 0", "old 10")), 400, "above the checkpoint");
    assert_eq!(text_status(&good.replace("old 0", "old 4")), 409);
    assert_eq!(text_status(&good.replace("old 0", "old 18446744073709551616")), 400);
    assert_eq!(text_status(&good.replace("\n9\n", "\n9223372036854775808\n")), 400, "2^63");
    assert_eq!(text_status(&good.replace("\n9\n", "\n0\n")), 400, "an empty tree is never signed");
    assert_eq!(text_status(&good.replace("\n9\n", "\n8\n")), 403, "changed after signing");
    assert_eq!(text_status(&good.replace(LOG, "kukaku.example/other")), 404);
    let root = STANDARD.encode(nodes.root(1).as_bytes()) + "\n";
    let with = |lines: &str| text_status(&good.replace("old 0\n", &format!("old 0\n{lines}")));
    assert_eq!(with(&root), 422, "nothing proves from nothing");
    assert_eq!(with(&root.repeat(63)), 422);
    assert_eq!(with(&root.repeat(64)), 400);
    assert_eq!(with(&root.replace('=', "")), 400);
    let mut spelled = root.clone().into_bytes();
    // The last digit before `=` carries two unused bits; setting one is another spelling.
    spelled[42] = if spelled[42] == b'A' { b'B' } else { spelled[42] + 1 };
    assert_eq!(with(std::str::from_utf8(&spelled).unwrap()), 400);
}

#[test]
fn a_stranger_or_a_key_out_of_term_is_refused() {
    let nodes = Nodes::grown_to(5);
    let stranger = SigningKey::from_seed(LOG, &[8; 32]).unwrap();
    let mut body = request(&nodes, 0, 5);
    let text = body.note.text().to_owned();
    body.note = SignedNote::sign(&text, &stranger).unwrap();
    assert_eq!(text_status(&body.to_text()), 403);
    let rotated = [
        KeyTerm { until_size: Some(5), ..terms().remove(0) },
        KeyTerm { from_size: 5, ..KeyTerm::whole(stranger.verifier().clone()) },
    ];
    assert!(open_signed(&body, &rotated).is_ok());
    let old_key = open_signed(&request(&nodes, 0, 5), &rotated);
    assert!(matches!(old_key, Err(WitnessRefusal::NotSigned(NoteError::KeyOutOfTerm { .. }))));
}

#[test]
fn a_cosignature_binds_the_text_the_time_and_the_witness() {
    let witness = Cosigner::from_seed("witness.example/city", &[9; 32]).unwrap();
    let key = CosignerKey::parse(&witness.key().to_string()).unwrap();
    let note = note(3, Nodes::grown_to(3).root(3));
    let cosigned = note.with_signature(witness.cosign(&note, 1_700_000_000)).unwrap();
    assert_eq!(key.cosigned_at(&cosigned), Ok(1_700_000_000));
    assert!(Checkpoint::open(cosigned.to_text().as_bytes(), &terms()).is_ok(), "the log's own line still counts");
    assert_eq!(key.cosigned_at(&note), Err(NoteError::NoKnownSignature));
    let mut late = witness.cosign(&note, 1_700_000_000);
    late.signature[7] ^= 1;
    assert!(key.cosigned_at(&note.with_signature(late).unwrap()).is_err());
    let twice = cosigned.with_signature(witness.cosign(&note, 1)).unwrap();
    assert!(matches!(key.cosigned_at(&twice), Err(NoteError::RepeatedSignature(_))));
    // Neither sort of key passes for the other.
    assert!(CosignerKey::parse(&log_key().verifier().to_string()).is_err());
    assert!(crate::key::VerifierKey::parse(&key.to_string()).is_err());
    assert!(Cosigner::parse(&witness.to_secret_text()).is_ok());
}

proptest! {
    #[test]
    fn no_body_makes_it_stumble(body in proptest::collection::vec(any::<u8>(), 0..600)) {
        let _ = AddCheckpoint::parse(&body);
    }

    #[test]
    fn a_changed_byte_is_never_accepted_as_another_head(at in 0usize..400, bit in 0u8..8) {
        let nodes = Nodes::grown_to(9);
        let remembered = Some(Head { size: 4, root: nodes.root(4) });
        let mut body = request(&nodes, 4, 9).to_text().into_bytes();
        let at = at % body.len();
        body[at] ^= 1 << bit;
        prop_assert_ne!(status(&body, remembered), 200);
    }
}
