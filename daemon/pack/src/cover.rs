//! What stands left and right of a range of leaves, so that the root can be computed from the
//! range's own leaves.

use kukaku_ledger::{Hash, NodeId, empty_root, node_hash};

/// Cuts the leaves `start..end` into the fewest complete subtrees of the tree, from left to right.
pub(crate) fn cover(start: u64, end: u64) -> Vec<NodeId> {
    let mut out = Vec::new();
    let mut at = start;
    while at < end {
        let aligned = if at == 0 { 63 } else { at.trailing_zeros().min(63) };
        let fits = (end - at).ilog2();
        let level = aligned.min(fits);
        out.push(NodeId { level: level as u8, index: at >> level });
        at += 1 << level;
    }
    out
}

/// Computes a root from subtrees that stand side by side.
#[derive(Debug, Default)]
pub(crate) struct Row {
    size: u64,
    peaks: Vec<(u8, Hash)>,
}

impl Row {
    /// Appends a complete subtree; it must begin at a multiple of its own size.
    pub(crate) fn push(&mut self, level: u8, hash: Hash) {
        let (mut level, mut hash) = (level, hash);
        self.size += 1 << level;
        while let Some((_, left)) = self.peaks.pop_if(|(top, _)| *top == level) {
            hash = node_hash(&left, &hash);
            level += 1;
        }
        self.peaks.push((level, hash));
    }

    /// Leaves so far.
    pub(crate) fn size(&self) -> u64 {
        self.size
    }

    pub(crate) fn root(&self) -> Hash {
        let hashes = self.peaks.iter().rev().map(|(_, hash)| *hash);
        hashes.reduce(|right, left| node_hash(&left, &right)).unwrap_or_else(empty_root)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::collections::BTreeMap;

    use kukaku_ledger::{Frontier, leaf_hash};

    use super::*;

    #[test]
    fn every_range_of_every_small_tree_gives_its_root() {
        let (mut frontier, mut nodes) = (Frontier::new(), BTreeMap::new());
        for size in 1..=33u64 {
            frontier.push(leaf_hash(&size.to_be_bytes()), |id, hash| {
                nodes.insert(id, hash);
            });
            for start in 0..=size {
                for end in start..=size {
                    let mut row = Row::default();
                    let leaves = (start..end).map(|index| NodeId { level: 0, index });
                    for id in cover(0, start).into_iter().chain(leaves).chain(cover(end, size)) {
                        row.push(id.level, nodes[&id]);
                    }
                    assert_eq!((row.size(), row.root()), (size, frontier.root()), "{start}..{end} of {size}");
                }
            }
        }
    }
}
