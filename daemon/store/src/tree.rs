//! The Merkle tree as it is kept: leaves in `journal.leaf_hash`, every eighth level in `tile`.

use kukaku_ledger::{Frontier, Hash, NodeId, TILE_WIDTH, TileId, node_from_tiles};
use rusqlite::{Connection, OptionalExtension, params};

use crate::error::{StoreError, in_act};

const ACT: &str = "read the journal's tree";

/// The hash of a complete subtree, or none where the store lacks it.
pub(crate) fn node(conn: &Connection, id: NodeId) -> Result<Option<Hash>, StoreError> {
    let mut failed = None;
    let hash = node_from_tiles(id, |tile, slot| match stored(conn, tile, slot) {
        Ok(hash) => hash,
        Err(error) => {
            failed = Some(error);
            None
        }
    });
    failed.map_or(Ok(hash), Err)
}

/// The hash in a slot of a tile.
fn stored(conn: &Connection, tile: TileId, slot: u8) -> Result<Option<Hash>, StoreError> {
    let bytes: Option<Vec<u8>> = if tile.level == 0 {
        let seq = tile.index * TILE_WIDTH + u64::from(slot);
        conn.prepare_cached("SELECT leaf_hash FROM journal WHERE seq = ?1")
            .and_then(|mut statement| statement.query_row([seq.cast_signed()], |row| row.get(0)).optional())
            .map_err(in_act(ACT))?
    } else {
        conn.prepare_cached("SELECT substr(hashes, ?3, 32) FROM tile WHERE level = ?1 AND idx = ?2")
            .and_then(|mut statement| {
                let place = i64::from(slot) * 32 + 1;
                statement.query_row(params![tile.level, tile.index.cast_signed(), place], |row| row.get(0)).optional()
            })
            .map_err(in_act(ACT))?
    };
    match bytes {
        None => Ok(None),
        Some(bytes) if bytes.is_empty() => Ok(None),
        Some(bytes) => Hash::from_slice(&bytes).map(Some).ok_or_else(|| {
            StoreError::corrupt(ACT, format!("tile {} of level {} is cut short", tile.index, tile.level))
        }),
    }
}

/// The tree's edge at `size` leaves.
pub(crate) fn frontier(conn: &Connection, size: u64) -> Result<Frontier, StoreError> {
    let mut failed = None;
    let frontier = Frontier::restore_from(size, |id| {
        node(conn, id).unwrap_or_else(|error| {
            failed = Some(error);
            None
        })
    });
    match (failed, frontier) {
        (Some(error), _) => Err(error),
        (None, Ok(frontier)) => Ok(frontier),
        (None, Err(error)) => Err(StoreError::corrupt(ACT, error.to_string())),
    }
}

/// Appends the hash of a complete subtree to its tile. Levels 8, 16, ... come here; each node
/// comes once, in order.
pub(crate) fn keep_node(conn: &Connection, id: NodeId, hash: &Hash) -> Result<(), StoreError> {
    const ACT: &str = "append to the journal's tree";
    let Some((tile, _)) = id.tile_slot().filter(|(tile, _)| tile.level > 0) else {
        return Ok(());
    };
    // `||` would make a text of two blobs; the cast makes it a blob again.
    conn.prepare_cached(
        "INSERT INTO tile (level, idx, hashes) VALUES (?1, ?2, ?3)
         ON CONFLICT (level, idx) DO UPDATE SET hashes = CAST(hashes || excluded.hashes AS BLOB)",
    )
    .and_then(|mut statement| statement.execute(params![tile.level, tile.index.cast_signed(), hash.as_bytes()]))
    .map(drop)
    .map_err(in_act(ACT))
}
