//! Harm: a proof that fails although nothing was changed accuses an honest vendor; one that
//! passes although something was changed clears a forger.
#![allow(clippy::unwrap_used)]

use proptest::prelude::*;

use super::*;
use crate::testing::Nodes;

/// Every tree up to this size is tried whole: it has all shapes up to seven levels and over.
const EVERY_SIZE_TO: u64 = 130;

/// Every proof that differs from `proof` in one bit.
fn bit_changes(proof: &[Hash]) -> impl Iterator<Item = Vec<Hash>> + '_ {
    (0..proof.len() * 256).map(|bit| {
        let mut changed = proof.to_vec();
        changed[bit / 256].0[bit % 256 / 8] ^= 1 << (bit % 8);
        changed
    })
}

fn flip(hash: Hash, bit: usize) -> Hash {
    let mut changed = hash;
    changed.0[bit / 8] ^= 1 << (bit % 8);
    changed
}

#[test]
fn every_leaf_of_every_tree_is_proven() {
    let nodes = Nodes::grown_to(EVERY_SIZE_TO);
    for size in 1..=EVERY_SIZE_TO {
        for index in 0..size {
            let proof = inclusion_proof(index, size, |id| nodes.get(id)).unwrap();
            let proven = verify_inclusion(nodes.leaf(index), index, size, nodes.root(size), &proof);
            assert_eq!(proven, Ok(()), "leaf {index} of {size}");
        }
    }
}

#[test]
fn every_tree_is_proven_to_be_the_beginning_of_every_later_one() {
    let nodes = Nodes::grown_to(EVERY_SIZE_TO);
    for new in 0..=EVERY_SIZE_TO {
        for old in 0..=new {
            let proof = consistency_proof(old, new, |id| nodes.get(id)).unwrap();
            let proven = verify_consistency(old, nodes.root(old), new, nodes.root(new), &proof);
            assert_eq!(proven, Ok(()), "{old} to {new}");
        }
    }
}

#[test]
fn an_inclusion_proof_with_one_bit_changed_proves_nothing() {
    let nodes = Nodes::grown_to(EVERY_SIZE_TO);
    for (index, size) in [(0, 1), (0, 2), (1, 3), (6, 7), (7, 8), (8, 9), (64, 130), (129, 130)] {
        let (leaf, root) = (nodes.leaf(index), nodes.root(size));
        let proof = inclusion_proof(index, size, |id| nodes.get(id)).unwrap();
        for changed in bit_changes(&proof) {
            assert!(verify_inclusion(leaf, index, size, root, &changed).is_err());
        }
        for bit in 0..256 {
            assert!(verify_inclusion(flip(leaf, bit), index, size, root, &proof).is_err());
            assert!(verify_inclusion(leaf, index, size, flip(root, bit), &proof).is_err());
        }
    }
}

#[test]
fn a_consistency_proof_with_one_bit_changed_proves_nothing() {
    let nodes = Nodes::grown_to(EVERY_SIZE_TO);
    for (old, new) in [(1, 2), (2, 3), (3, 7), (4, 8), (6, 8), (7, 8), (64, 130), (65, 130)] {
        let (old_root, new_root) = (nodes.root(old), nodes.root(new));
        let proof = consistency_proof(old, new, |id| nodes.get(id)).unwrap();
        for changed in bit_changes(&proof) {
            assert!(verify_consistency(old, old_root, new, new_root, &changed).is_err());
        }
        for bit in 0..256 {
            let (bad_old, bad_new) = (flip(old_root, bit), flip(new_root, bit));
            assert!(verify_consistency(old, bad_old, new, new_root, &proof).is_err());
            assert!(verify_consistency(old, old_root, new, bad_new, &proof).is_err());
        }
    }
}

#[test]
fn a_proof_for_another_place_or_size_proves_nothing() {
    let nodes = Nodes::grown_to(40);
    for size in 1..=40 {
        let root = nodes.root(size);
        for index in 0..size {
            let proof = inclusion_proof(index, size, |id| nodes.get(id)).unwrap();
            for other in (0..size).filter(|other| *other != index) {
                let moved = verify_inclusion(nodes.leaf(index), other, size, root, &proof);
                assert!(moved.is_err(), "leaf {index} of {size} passed as {other}");
            }
        }
    }
}

#[test]
fn a_proof_with_a_hash_too_many_or_too_few_proves_nothing() {
    let nodes = Nodes::grown_to(40);
    for new in 1..=40 {
        for old in 0..=new {
            let proof = consistency_proof(old, new, |id| nodes.get(id)).unwrap();
            let check = |proof: &[Hash]| verify_consistency(old, nodes.root(old), new, nodes.root(new), proof);
            let longer = [&proof[..], &[nodes.root(1)]].concat();
            assert!(check(&longer).is_err(), "{old} to {new}, longer");
            if let Some((_, shorter)) = proof.split_last() {
                assert!(check(shorter).is_err(), "{old} to {new}, shorter");
            }
        }
        let index = new - 1;
        let proof = inclusion_proof(index, new, |id| nodes.get(id)).unwrap();
        let longer = [&proof[..], &[nodes.root(1)]].concat();
        let check = |proof: &[Hash]| verify_inclusion(nodes.leaf(index), index, new, nodes.root(new), proof);
        assert!(check(&longer).is_err());
        if let Some((_, shorter)) = proof.split_last() {
            assert!(check(shorter).is_err());
        }
    }
}

#[test]
fn questions_that_no_tree_answers_are_refused() {
    let nodes = Nodes::grown_to(8);
    let get = |id| nodes.get(id);
    let outside = ProofError::OutsideTree { index: 8, size: 8 };
    assert_eq!(inclusion_proof(8, 8, get), Err(outside.clone()));
    let root = nodes.root(8);
    assert_eq!(verify_inclusion(root, 8, 8, root, &[]), Err(outside));
    let shrunk = ProofError::Shrunk { old: 9, new: 8 };
    assert_eq!(consistency_proof(9, 8, get), Err(shrunk.clone()));
    assert_eq!(verify_consistency(9, root, 8, root, &[]), Err(shrunk));
    let size = u64::MAX;
    let too_large = ProofError::TooLarge { size };
    assert_eq!(inclusion_proof(0, size, get), Err(too_large.clone()));
    assert_eq!(verify_inclusion(root, 0, size, root, &[]), Err(too_large));
    let missing = ProofError::MissingNode(crate::NodeId { level: 3, index: 1 });
    assert_eq!(inclusion_proof(0, 16, get), Err(missing));
}

#[test]
fn the_old_root_can_be_computed_from_the_grown_tree() {
    let nodes = Nodes::grown_to(100);
    for size in 0..=100 {
        assert_eq!(root_at(size, |id| nodes.get(id)), Ok(nodes.root(size)));
    }
}

proptest! {
    #[test]
    fn any_bit_of_any_proof_counts(size in 1u64..=EVERY_SIZE_TO, place in any::<prop::sample::Index>(), bit in any::<prop::sample::Index>()) {
        let nodes = Nodes::grown_to(size);
        let index = u64::try_from(place.index(usize::try_from(size).unwrap())).unwrap();
        let root = nodes.root(size);
        let mut path = inclusion_proof(index, size, |id| nodes.get(id)).unwrap();
        if !path.is_empty() {
            let bit = bit.index(path.len() * 256);
            path[bit / 256] = flip(path[bit / 256], bit % 256);
            prop_assert!(verify_inclusion(nodes.leaf(index), index, size, root, &path).is_err());
        }
        let mut path = consistency_proof(index, size, |id| nodes.get(id)).unwrap();
        if !path.is_empty() {
            let bit = bit.index(path.len() * 256);
            path[bit / 256] = flip(path[bit / 256], bit % 256);
            prop_assert!(verify_consistency(index, nodes.root(index), size, root, &path).is_err());
        }
    }

    /// The history was rewritten below the old head: one leaf changed, dropped, doubled or
    /// swapped with its neighbour. No proof made from the forged tree leads from the kept head.
    #[test]
    fn a_rewritten_history_has_no_proof(size in 2u64..200, at in 0u64..200, grow in 1u64..60, how in 0..4) {
        let at = usize::try_from(at % (size - 1)).unwrap();
        let honest = Nodes::grown_to(size);
        let mut texts: Vec<Vec<u8>> = (0..size + grow).map(|n| n.to_string().into_bytes()).collect();
        match how {
            0 => texts[at].push(b'!'),
            1 => { texts.remove(at); }
            2 => texts.insert(at, texts[at].clone()),
            _ => texts.swap(at, at + 1),
        }
        let new = u64::try_from(texts.len()).unwrap();
        let forged = Nodes::of(texts);
        let proof = consistency_proof(size, new, |id| forged.get(id)).unwrap();
        prop_assert!(verify_consistency(size, honest.root(size), new, forged.root(new), &proof).is_err());
    }

    /// Proofs from anywhere, with sizes from anywhere, are answered and never panic.
    #[test]
    fn hostile_proofs_are_refused(a in any::<u64>(), b in any::<u64>(), hashes in prop::collection::vec(any::<[u8; 32]>(), 0..70)) {
        let proof: Vec<Hash> = hashes.into_iter().map(Hash).collect();
        let root = Hash([1; 32]);
        prop_assert!(verify_inclusion(Hash([2; 32]), a, b, root, &proof).is_err());
        prop_assert!(verify_consistency(a, Hash([2; 32]), b, root, &proof).is_err());
    }
}
