//! Harm: a tile that is not rewritten after it grew gives a city's tool the wrong root.
#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;

use super::*;
use crate::proof::root_at;
use crate::testing::Nodes;

#[test]
fn every_node_of_the_tree_comes_from_its_tiles() {
    let nodes = Nodes::grown_to(1000);
    let stored = |tile: TileId, slot: u8| {
        nodes.get(NodeId { level: tile.level * 8, index: tile.index * TILE_WIDTH + u64::from(slot) })
    };
    for level in 0..10u8 {
        for index in 0..(1000 >> level) {
            let id = NodeId { level, index };
            assert_eq!(node_from_tiles(id, stored), nodes.get(id), "{id:?}");
        }
    }
    for size in [1, 255, 256, 257, 511, 512, 1000] {
        let root = root_at(size, |id| node_from_tiles(id, stored));
        assert_eq!(root, Ok(nodes.root(size)));
    }
}

#[test]
fn a_subtree_that_is_not_complete_has_no_hash() {
    let nodes = Nodes::grown_to(3);
    let stored = |tile: TileId, slot: u8| {
        nodes.get(NodeId { level: tile.level * 8, index: u64::from(slot) + tile.index * TILE_WIDTH })
    };
    assert_eq!(node_from_tiles(NodeId { level: 2, index: 0 }, stored), None);
    let nowhere = NodeId { level: 7, index: u64::MAX };
    assert_eq!(node_from_tiles(nowhere, stored), None);
}

#[test]
fn seventy_thousand_leaves_lie_in_the_tiles_that_the_format_names() {
    let width = |level, index| TileId { level, index }.width(70_000);
    assert_eq!((width(0, 272), width(0, 273), width(0, 274)), (256, 112, 0));
    assert_eq!((width(1, 0), width(1, 1)), (256, 17));
    assert_eq!((width(2, 0), width(3, 0), width(255, 0)), (1, 0, 0));
    assert_eq!(TileId { level: 1, index: 0 }.width(256), 1);
}

#[test]
fn a_tile_is_named_as_the_format_says() {
    let path = |index, size| TileId { level: 0, index }.path(size);
    let size = 1_234_067 * 256;
    assert_eq!(path(1_234_066, size).unwrap(), "tile/0/x001/x234/066");
    assert_eq!(path(1_234_067, size + 7).unwrap(), "tile/0/x001/x234/067.p/7");
    assert_eq!(path(0, 256).unwrap(), "tile/0/000");
    assert_eq!(path(0, 0), None);
}

#[test]
fn the_touched_tiles_are_those_whose_width_grew() {
    let everything: Vec<TileId> = tiles_touched(0, 1_300);
    for old in [0, 1, 255, 256, 257, 300, 511, 512, 1_299] {
        for new in [1, 256, 257, 512, 513, 1_300] {
            let touched = tiles_touched(old, new);
            let grew: BTreeMap<TileId, bool> =
                everything.iter().map(|tile| (*tile, tile.width(new) > tile.width(old))).collect();
            for (tile, grew) in grew {
                assert_eq!(touched.contains(&tile), grew, "{tile:?}, {old} to {new}");
            }
        }
    }
}

#[test]
fn a_node_knows_its_slot() {
    let slot = |level, index| NodeId { level, index }.tile_slot();
    assert_eq!(slot(0, 300), Some((TileId { level: 0, index: 1 }, 44)));
    assert_eq!(slot(8, 5), Some((TileId { level: 1, index: 0 }, 5)));
    assert_eq!(slot(3, 5), None);
}
