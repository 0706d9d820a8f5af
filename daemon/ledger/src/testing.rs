//! For this room's tests: a store of nodes, and the tree as RFC 6962 defines it.
#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;

use crate::hash::{Hash, empty_root, leaf_hash, node_hash};
use crate::tree::{Frontier, NodeId};

/// Every complete node of a tree whose leaf n is the text of its number.
pub struct Nodes {
    nodes: BTreeMap<NodeId, Hash>,
    leaves: Vec<Hash>,
    roots: Vec<Hash>,
}

impl Nodes {
    pub fn grown_to(size: u64) -> Self {
        Self::of((0..size).map(|n| n.to_string().into_bytes()))
    }

    pub fn of(leaves: impl IntoIterator<Item = Vec<u8>>) -> Self {
        let (mut nodes, mut hashes, mut roots) = (BTreeMap::new(), Vec::new(), Vec::new());
        let mut frontier = Frontier::new();
        roots.push(frontier.root());
        for bytes in leaves {
            let leaf = leaf_hash(&bytes);
            hashes.push(leaf);
            frontier.push(leaf, |id, hash| {
                nodes.insert(id, hash);
            });
            roots.push(frontier.root());
        }
        Self { nodes, leaves: hashes, roots }
    }

    pub fn get(&self, id: NodeId) -> Option<Hash> {
        self.nodes.get(&id).copied()
    }

    pub fn leaves(&self) -> &[Hash] {
        &self.leaves
    }

    pub fn leaf(&self, index: u64) -> Hash {
        self.leaves[usize::try_from(index).unwrap()]
    }

    pub fn root(&self, size: u64) -> Hash {
        self.roots[usize::try_from(size).unwrap()]
    }
}

/// The root by the recursive definition, RFC 6962 section 2.1.
pub fn naive_root(leaves: &[Hash]) -> Hash {
    match leaves {
        [] => empty_root(),
        [leaf] => *leaf,
        _ => {
            let (left, right) = leaves.split_at(leaves.len().next_power_of_two() / 2);
            node_hash(&naive_root(left), &naive_root(right))
        }
    }
}
