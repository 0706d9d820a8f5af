//! The append-only edge of the tree: all that the writer keeps in memory.
//!
//! A tree of n leaves is a row of complete subtrees, one for each set bit of n, largest first:
//! the *peaks*. They are enough to append and to know the root.

use crate::error::ProofError;
use crate::hash::{Hash, empty_root, node_hash};

/// The largest tree that is ever signed, 2^63 - 1 leaves: it fits the signed integers of the
/// store, and no journal gets near it.
pub const MAX_TREE_SIZE: u64 = i64::MAX as u64;

/// A complete subtree: the leaves `index * 2^level .. (index + 1) * 2^level`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeId {
    /// Height above the leaves; a leaf is at level 0.
    pub level: u8,
    /// Number within the level, from 0.
    pub index: u64,
}

/// The peaks of a tree of `size` leaves, largest (leftmost) first.
pub fn peaks(size: u64) -> impl Iterator<Item = NodeId> {
    complete_parts(0, size)
}

/// Cuts the leaves `start..end` into complete subtrees, largest first. `start` must be a
/// multiple of the largest power of two that fits: true of all ranges that RFC 6962 splits into.
pub(crate) fn complete_parts(start: u64, end: u64) -> impl Iterator<Item = NodeId> {
    let length = end - start;
    let levels = (0..64u8).rev().filter(move |level| length >> level & 1 == 1);
    let mut at = start;
    levels.map(move |level| {
        let index = at >> level;
        at += 1 << level;
        NodeId { level, index }
    })
}

/// Hashes a row of complete subtrees, largest first, into one; none gives the empty root.
pub(crate) fn fold_parts(parts: &[Hash]) -> Hash {
    parts.iter().rev().copied().reduce(|right, left| node_hash(&left, &right)).unwrap_or_else(empty_root)
}

/// The append-only edge of a tree: its size and its peaks.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Frontier {
    size: u64,
    peaks: Vec<Hash>,
}

impl Frontier {
    /// The tree without leaves.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes up a tree whose peaks were kept, largest first.
    ///
    /// # Errors
    /// [`ProofError::PeakCount`] and [`ProofError::TooLarge`].
    pub fn restore(size: u64, peaks: Vec<Hash>) -> Result<Self, ProofError> {
        check_size(size)?;
        let expected = size.count_ones() as usize;
        if peaks.len() != expected {
            return Err(ProofError::PeakCount { size, expected, found: peaks.len() });
        }
        Ok(Self { size, peaks })
    }

    /// Takes up a tree whose nodes were kept.
    ///
    /// # Errors
    /// [`ProofError::MissingNode`] names the first peak that `node` doesn't know.
    pub fn restore_from(size: u64, mut node: impl FnMut(NodeId) -> Option<Hash>) -> Result<Self, ProofError> {
        check_size(size)?;
        let found: Result<Vec<Hash>, ProofError> =
            peaks(size).map(|id| node(id).ok_or(ProofError::MissingNode(id))).collect();
        Self::restore(size, found?)
    }

    /// Number of leaves.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.size
    }

    /// The peaks, largest first; their ids are [`peaks`]`(size)`.
    #[must_use]
    pub fn peak_hashes(&self) -> &[Hash] {
        &self.peaks
    }

    /// The root of the tree as it stands.
    #[must_use]
    pub fn root(&self) -> Hash {
        fold_parts(&self.peaks)
    }

    /// Appends a leaf and hands every node that it completes to `completed`: the leaf itself
    /// first, then its ancestors upwards. A node never changes after that.
    pub fn push(&mut self, leaf: Hash, mut completed: impl FnMut(NodeId, Hash)) {
        let mut id = NodeId { level: 0, index: self.size };
        let mut hash = leaf;
        completed(id, hash);
        // Each trailing one bit of the size is a peak that the new leaf pairs with.
        for _ in 0..self.size.trailing_ones() {
            let left = self.peaks.pop().expect("restore and push keep one peak for each set bit of the size");
            hash = node_hash(&left, &hash);
            id = NodeId { level: id.level + 1, index: id.index >> 1 };
            completed(id, hash);
        }
        self.peaks.push(hash);
        self.size += 1;
    }
}

/// Refuses sizes that no head can have.
pub(crate) fn check_size(size: u64) -> Result<(), ProofError> {
    if size > MAX_TREE_SIZE {
        return Err(ProofError::TooLarge { size });
    }
    Ok(())
}

#[cfg(test)]
mod tests;
