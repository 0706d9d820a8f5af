//! Inclusion and consistency proofs: made from stored nodes, checked from nothing.
//!
//! Proofs are made as RFC 6962 sections 2.1.1 and 2.1.2 define them and checked as RFC 9162
//! sections 2.1.3.2 and 2.1.4.2 say. Checking needs no store and trusts no input.

use crate::error::ProofError;
use crate::hash::{Hash, empty_root, node_hash};
use crate::tree::{NodeId, check_size, complete_parts, fold_parts};

/// Proves that leaf `index` is in the tree of `size` leaves.
///
/// `node` gives the hash of any complete subtree of that tree; where only tiles are kept,
/// [`crate::node_from_tiles`] makes one from them.
///
/// # Errors
/// [`ProofError::OutsideTree`], [`ProofError::TooLarge`], [`ProofError::MissingNode`].
pub fn inclusion_proof(
    index: u64,
    size: u64,
    mut node: impl FnMut(NodeId) -> Option<Hash>,
) -> Result<Vec<Hash>, ProofError> {
    check_size(size)?;
    if index >= size {
        return Err(ProofError::OutsideTree { index, size });
    }
    let (mut start, mut end) = (0, size);
    let mut proof = Vec::new();
    while end - start > 1 {
        let middle = start + left_leaves(end - start);
        let sibling = if index < middle {
            let right = (middle, end);
            end = middle;
            right
        } else {
            let left = (start, middle);
            start = middle;
            left
        };
        proof.push(range_root(sibling.0, sibling.1, &mut node)?);
    }
    // Collected from the root downwards; the format goes from the leaf upwards.
    proof.reverse();
    Ok(proof)
}

/// Proves that the tree of `old` leaves is the beginning of the tree of `new` leaves. Empty for
/// `old == 0` and for `old == new`.
///
/// # Errors
/// [`ProofError::Shrunk`], [`ProofError::TooLarge`], [`ProofError::MissingNode`].
pub fn consistency_proof(
    old: u64,
    new: u64,
    mut node: impl FnMut(NodeId) -> Option<Hash>,
) -> Result<Vec<Hash>, ProofError> {
    check_size(new)?;
    if old > new {
        return Err(ProofError::Shrunk { old, new });
    }
    if old == 0 || old == new {
        return Ok(Vec::new());
    }
    let (mut start, mut end) = (0, new);
    let mut proof = Vec::new();
    // Goes down to the subtree that ends where the old tree ended.
    while old != end {
        let middle = start + left_leaves(end - start);
        if old <= middle {
            proof.push(range_root(middle, end, &mut node)?);
            end = middle;
        } else {
            proof.push(range_root(start, middle, &mut node)?);
            start = middle;
        }
    }
    // If that subtree is the whole old tree, the verifier has its hash already.
    if start != 0 {
        proof.push(range_root(start, end, &mut node)?);
    }
    proof.reverse();
    Ok(proof)
}

/// The root that the tree had when it had `size` leaves.
///
/// # Errors
/// [`ProofError::TooLarge`], [`ProofError::MissingNode`].
pub fn root_at(size: u64, mut node: impl FnMut(NodeId) -> Option<Hash>) -> Result<Hash, ProofError> {
    check_size(size)?;
    range_root(0, size, &mut node)
}

/// Checks that the leaf with hash `leaf` stands at `index` in the tree of `size` leaves with
/// this root (RFC 9162 section 2.1.3.2).
///
/// # Errors
/// [`ProofError::RootMismatch`], [`ProofError::WrongLength`], [`ProofError::OutsideTree`],
/// [`ProofError::TooLarge`].
pub fn verify_inclusion(leaf: Hash, index: u64, size: u64, root: Hash, proof: &[Hash]) -> Result<(), ProofError> {
    check_size(size)?;
    if index >= size {
        return Err(ProofError::OutsideTree { index, size });
    }
    let wrong_length = ProofError::WrongLength { found: proof.len() };
    let (mut at, mut last, mut hash) = (index, size - 1, leaf);
    for sibling in proof {
        if last == 0 {
            return Err(wrong_length);
        }
        if at & 1 == 1 || at == last {
            hash = node_hash(sibling, &hash);
            // On the right edge, levels without a sibling are passed over.
            while at & 1 == 0 && at != 0 {
                at >>= 1;
                last >>= 1;
            }
        } else {
            hash = node_hash(&hash, sibling);
        }
        at >>= 1;
        last >>= 1;
    }
    if last != 0 {
        return Err(wrong_length);
    }
    expect_root(root, hash)
}

/// Checks that the tree `(old, old_root)` is the beginning of the tree `(new, new_root)`
/// (RFC 9162 section 2.1.4.2). The empty tree is the beginning of every tree.
///
/// # Errors
/// [`ProofError::RootMismatch`], [`ProofError::WrongLength`], [`ProofError::Shrunk`],
/// [`ProofError::TooLarge`].
pub fn verify_consistency(
    old: u64,
    old_root: Hash,
    new: u64,
    new_root: Hash,
    proof: &[Hash],
) -> Result<(), ProofError> {
    check_size(new)?;
    let wrong_length = ProofError::WrongLength { found: proof.len() };
    if old > new {
        return Err(ProofError::Shrunk { old, new });
    }
    if old == 0 || old == new {
        if !proof.is_empty() {
            return Err(wrong_length);
        }
        return expect_root(old_root, if old == 0 { empty_root() } else { new_root });
    }
    // If the old tree is one complete subtree, its root is the first hash and is left out.
    let whole = old.is_power_of_two().then_some(&old_root);
    let mut path = whole.into_iter().chain(proof);
    let Some(&seed) = path.next() else {
        return Err(wrong_length);
    };
    let (mut at, mut last) = (old - 1, new - 1);
    let shared = at.trailing_ones();
    at >>= shared;
    last >>= shared;
    let (mut old_hash, mut new_hash) = (seed, seed);
    for sibling in path {
        if last == 0 {
            return Err(wrong_length);
        }
        if at & 1 == 1 || at == last {
            old_hash = node_hash(sibling, &old_hash);
            new_hash = node_hash(sibling, &new_hash);
            while at & 1 == 0 && at != 0 {
                at >>= 1;
                last >>= 1;
            }
        } else {
            new_hash = node_hash(&new_hash, sibling);
        }
        at >>= 1;
        last >>= 1;
    }
    if last != 0 {
        return Err(wrong_length);
    }
    expect_root(old_root, old_hash)?;
    expect_root(new_root, new_hash)
}

fn expect_root(expected: Hash, computed: Hash) -> Result<(), ProofError> {
    if expected == computed {
        return Ok(());
    }
    Err(ProofError::RootMismatch { expected, computed })
}

/// The largest power of two below `leaves`: how many go to the left subtree.
fn left_leaves(leaves: u64) -> u64 {
    debug_assert!(leaves > 1, "one leaf is not split");
    1 << (leaves - 1).ilog2()
}

/// The hash of the leaves `start..end`, a range that RFC 6962 splits a tree into.
fn range_root(start: u64, end: u64, node: &mut impl FnMut(NodeId) -> Option<Hash>) -> Result<Hash, ProofError> {
    let parts: Result<Vec<Hash>, ProofError> =
        complete_parts(start, end).map(|id| node(id).ok_or(ProofError::MissingNode(id))).collect();
    Ok(fold_parts(&parts?))
}

#[cfg(test)]
mod tests;
