//! Harm: a root that other tools compute otherwise proves nothing to the city.
#![allow(clippy::unwrap_used)]

use super::*;
use crate::hash::leaf_hash;
use crate::testing::{Nodes, naive_root};

#[test]
fn the_root_is_that_of_rfc_6962_at_every_size() {
    let nodes = Nodes::grown_to(300);
    for size in 0..=300 {
        let frontier = Frontier::restore_from(size, |id| nodes.get(id)).unwrap();
        let leaves = &nodes.leaves()[..usize::try_from(size).unwrap()];
        assert_eq!(frontier.root(), naive_root(leaves), "size {size}");
    }
}

#[test]
fn a_leaf_is_never_taken_for_a_node() {
    let (a, b) = (leaf_hash(b"a"), leaf_hash(b"b"));
    let mut joined = a.as_bytes().to_vec();
    joined.extend(b.as_bytes());
    assert_ne!(leaf_hash(&joined), node_hash(&a, &b));
}

#[test]
fn a_restored_frontier_goes_on_as_the_one_before_the_restart() {
    let mut grown = Frontier::new();
    for number in 0..200u64 {
        let restored = Frontier::restore(grown.size(), grown.peak_hashes().to_vec()).unwrap();
        assert_eq!(restored, grown);
        grown.push(leaf_hash(&number.to_be_bytes()), |_, _| {});
    }
}

#[test]
fn peaks_of_another_size_are_refused() {
    let hash = leaf_hash(b"");
    assert_eq!(Frontier::restore(6, vec![hash; 3]), Err(ProofError::PeakCount { size: 6, expected: 2, found: 3 }));
}

#[test]
fn a_tree_that_no_head_can_have_is_refused() {
    let size = MAX_TREE_SIZE + 1;
    let refused = Err(ProofError::TooLarge { size });
    assert_eq!(Frontier::restore(size, vec![leaf_hash(b"")]), refused);
}

#[test]
fn a_missing_peak_is_named() {
    let id = NodeId { level: 2, index: 0 };
    assert_eq!(
        Frontier::restore_from(5, |asked| (asked != id).then(|| leaf_hash(b""))),
        Err(ProofError::MissingNode(id))
    );
}

#[test]
fn every_complete_node_is_handed_out_once_and_never_again() {
    let mut seen = std::collections::BTreeMap::new();
    let mut frontier = Frontier::new();
    for number in 0..64u64 {
        frontier.push(leaf_hash(&number.to_be_bytes()), |id, hash| {
            assert!(seen.insert(id, hash).is_none(), "{id:?} came twice");
        });
    }
    assert_eq!(seen.len(), 64 + 32 + 16 + 8 + 4 + 2 + 1);
}
