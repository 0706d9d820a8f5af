//! Tiles: how the tree's hashes are kept and handed on (C2SP `tlog-tiles`).
//!
//! A tile holds up to 256 consecutive hashes of one level; only levels 0, 8, 16, ... are kept,
//! because a full tile is a whole subtree of height 8 and the levels inside it are computed.

use crate::hash::{Hash, node_hash};
use crate::tree::NodeId;

/// Hashes in a full tile.
pub const TILE_WIDTH: u64 = 256;

/// Levels of the tree that one tile spans.
const TILE_HEIGHT: u8 = 8;

/// Which tile.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TileId {
    /// Level of the tile: its hashes are the tree's nodes at level `8 * level`.
    pub level: u8,
    /// Number within the level, from 0.
    pub index: u64,
}

impl TileId {
    /// How many hashes it has in a tree of `size` leaves: 0 to 256.
    #[must_use]
    pub fn width(self, size: u64) -> u64 {
        let shift = u32::from(TILE_HEIGHT) * u32::from(self.level);
        let hashes = size.checked_shr(shift).unwrap_or(0);
        let before = self.index.saturating_mul(TILE_WIDTH);
        hashes.saturating_sub(before).min(TILE_WIDTH)
    }

    /// Its path in a tile log of `size` leaves: `tile/0/x001/234`, with `.p/112` behind it while
    /// it is partial. `None` where that tree has no such tile.
    #[must_use]
    pub fn path(self, size: u64) -> Option<String> {
        let width = self.width(size);
        if width == 0 {
            return None;
        }
        let mut number = format!("{:03}", self.index % 1000);
        let mut rest = self.index / 1000;
        while rest > 0 {
            number = format!("x{:03}/{number}", rest % 1000);
            rest /= 1000;
        }
        let part = match width {
            TILE_WIDTH => String::new(),
            _ => format!(".p/{width}"),
        };
        Some(format!("tile/{}/{number}{part}", self.level))
    }
}

impl NodeId {
    /// Where a tile log keeps this node: its tile and its place in it. `None` for the levels
    /// inside a tile, which are not kept.
    #[must_use]
    pub fn tile_slot(self) -> Option<(TileId, u8)> {
        if !self.level.is_multiple_of(TILE_HEIGHT) {
            return None;
        }
        let tile = TileId { level: self.level / TILE_HEIGHT, index: self.index / TILE_WIDTH };
        let slot = u8::try_from(self.index % TILE_WIDTH).expect("a remainder of 256 fits a byte");
        Some((tile, slot))
    }
}

/// The tiles that growing from `old` to `new` leaves begins, extends or fills, lowest level
/// first. Nothing for a tree that doesn't grow.
#[must_use]
pub fn tiles_touched(old: u64, new: u64) -> Vec<TileId> {
    let mut touched = Vec::new();
    let (mut first, mut end, mut level) = (old, new, 0);
    while first < end {
        touched.extend((first / TILE_WIDTH..=(end - 1) / TILE_WIDTH).map(|index| TileId { level, index }));
        first /= TILE_WIDTH;
        end /= TILE_WIDTH;
        level += 1;
    }
    touched
}

/// The hash of a complete subtree, computed from the hashes that tiles keep.
///
/// `stored` gives the hash in a slot of a tile; `None` where the store lacks it, or where the
/// subtree isn't complete.
pub fn node_from_tiles(id: NodeId, mut stored: impl FnMut(TileId, u8) -> Option<Hash>) -> Option<Hash> {
    let above = id.level % TILE_HEIGHT;
    let level = id.level - above;
    // A subtree of height h within a tile covers 2^h of its slots, at most 128.
    let first = id.index.checked_mul(1 << above)?;
    let mut row: Vec<Hash> = (first..first.checked_add(1 << above)?)
        .map(|index| {
            let (tile, slot) =
                NodeId { level, index }.tile_slot().expect("the level was rounded down to one that tiles keep");
            stored(tile, slot)
        })
        .collect::<Option<_>>()?;
    while row.len() > 1 {
        row = row.chunks_exact(2).map(|pair| node_hash(&pair[0], &pair[1])).collect();
    }
    row.pop()
}

#[cfg(test)]
mod tests;
