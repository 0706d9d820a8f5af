//! What proof costs: appending with the ledger and sealed values beside the same rows bare, one
//! entry's proof, and the whole journal verified.

use std::time::Instant;

use kukaku_core::Names;
use kukaku_ledger::{Hash, NodeId, TILE_WIDTH, TileId, inclusion_proof, leaf_hash, node_from_tiles, verify_inclusion};
use kukaku_schema::UtcMicros;
use kukaku_store::{NewLeaf, Store};
use rusqlite::Connection;

use super::at;
use super::site::Scratch;

const ENTRIES: u64 = 200_000;
const GROUP: u64 = 64;
const ROUNDS: usize = 3;
const BODY: &[u8] = &[b'x'; 260];
const LARGE: u64 = 10_000_000;
const PROOFS: u64 = 1_000;

/// Appends entries through the store: leaf, tree, commitment, sealed value.
fn ours(scratch: &Scratch, round: usize) -> Result<f64, String> {
    let folder = scratch.path().join(format!("ours-{round}"));
    std::fs::create_dir(&folder).map_err(at("make", &folder))?;
    let path = folder.join("store.db");
    let mut store = Store::create(&path, UtcMicros(0)).map_err(|e| e.to_string())?;
    let mut names = Names::new();
    let (site, source) = (names.intern(""), names.intern("panel"));
    let began = Instant::now();
    for group in 0..ENTRIES / GROUP {
        let now = UtcMicros(1_700_000_000_000_000 + i64::try_from(group).unwrap_or(0));
        let mut batch = store.begin(now).map_err(|e| e.to_string())?;
        for _ in 0..GROUP {
            let leaf = NewLeaf { kind: "door.reading", source, client: site, device_time: Some(now), payload: BODY };
            batch.append(leaf, &names).map_err(|e| e.to_string())?;
        }
        batch.commit(now, &names).map_err(|e| e.to_string())?;
    }
    Ok(ENTRIES as f64 / began.elapsed().as_secs_f64())
}

/// The same rows without hash, salt, tree and cipher.
fn bare(scratch: &Scratch, round: usize) -> Result<f64, String> {
    let path = scratch.path().join(format!("bare-{round}.db"));
    let wrong = |e: rusqlite::Error| format!("bare writer: {e}");
    let conn = Connection::open(&path).map_err(wrong)?;
    conn.execute_batch(
        "PRAGMA journal_mode = wal; PRAGMA synchronous = FULL; PRAGMA wal_autocheckpoint = 16000;
         CREATE TABLE journal (seq INTEGER PRIMARY KEY, kind TEXT, source INTEGER, client INTEGER, client_seq INTEGER,
           source_seq INTEGER, recorded_at_us INTEGER, device_time_us INTEGER, clock INTEGER) STRICT;
         CREATE TABLE payload (seq INTEGER PRIMARY KEY, body BLOB) STRICT;
         CREATE TABLE head (one INTEGER PRIMARY KEY, size INTEGER) STRICT; INSERT INTO head VALUES (1, 0);",
    )
    .map_err(wrong)?;
    let began = Instant::now();
    let mut seq: i64 = 0;
    for _ in 0..ENTRIES / GROUP {
        conn.execute_batch("BEGIN IMMEDIATE").map_err(wrong)?;
        for _ in 0..GROUP {
            conn.prepare_cached("INSERT INTO journal VALUES (?1, 'door.reading', 1, 0, ?1, ?1, ?2, ?2, 0)")
                .and_then(|mut insert| insert.execute([seq, 1_700_000_000_000_000 + seq]))
                .map_err(wrong)?;
            conn.prepare_cached("INSERT INTO payload VALUES (?1, ?2)")
                .and_then(|mut insert| insert.execute(rusqlite::params![seq, BODY]))
                .map_err(wrong)?;
            seq += 1;
        }
        conn.prepare_cached("UPDATE head SET size = ?1").and_then(|mut s| s.execute([seq])).map_err(wrong)?;
        conn.execute_batch("COMMIT").map_err(wrong)?;
    }
    Ok(ENTRIES as f64 / began.elapsed().as_secs_f64())
}

/// The hashes of a tree as a store keeps them: leaves, and every eighth level above.
fn tiles(size: u64) -> Vec<Vec<Hash>> {
    let mut levels = vec![(0..size).map(|n| leaf_hash(&n.to_be_bytes())).collect::<Vec<_>>()];
    loop {
        let below = levels.last().expect("there are leaves");
        let full = below.len() / TILE_WIDTH as usize;
        if full == 0 {
            return levels;
        }
        let root = |tile: &[Hash]| {
            let mut row = tile.to_vec();
            while row.len() > 1 {
                row = row.chunks(2).map(|pair| kukaku_ledger::node_hash(&pair[0], &pair[1])).collect();
            }
            row[0]
        };
        let above = below.chunks_exact(TILE_WIDTH as usize).map(root).collect();
        levels.push(above);
    }
}

/// Proofs of single entries in a tree of ten million.
fn proofs() -> Result<f64, String> {
    let levels = tiles(LARGE);
    let kept = |tile: TileId, place: u8| {
        let at = tile.index * TILE_WIDTH + u64::from(place);
        levels.get(usize::from(tile.level))?.get(usize::try_from(at).ok()?).copied()
    };
    let node = |id: NodeId| node_from_tiles(id, kept);
    let root = kukaku_ledger::root_at(LARGE, node).map_err(|e| e.to_string())?;
    let began = Instant::now();
    for n in 0..PROOFS {
        let index = n * (LARGE / PROOFS) + n;
        let proof = inclusion_proof(index, LARGE, node).map_err(|e| e.to_string())?;
        verify_inclusion(leaf_hash(&index.to_be_bytes()), index, LARGE, root, &proof).map_err(|e| e.to_string())?;
    }
    Ok(began.elapsed().as_secs_f64() * 1000.0 / PROOFS as f64)
}

/// Measures appending and proving.
///
/// # Errors
/// The disk.
pub fn measure() -> Result<(), String> {
    let scratch = Scratch::new("ledger")?;
    for round in 1..=ROUNDS {
        let (bare, ours) = (bare(&scratch, round)?, ours(&scratch, round)?);
        println!(
            "append {round}          bare {bare:>7.0}/s; with ledger and sealed values {ours:>7.0}/s: {:.2} (wanted: at least 0.5)",
            ours / bare
        );
    }
    println!(
        "proof             {:.3} ms for one of ten million entries, made and checked (wanted: under 5)",
        proofs()?
    );
    Ok(())
}
