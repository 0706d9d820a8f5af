//! Proof: the journal's leaves, the Merkle tree over them, and the signed head of that tree.
//!
//! Invariant: a head `(size, root)` covers every byte of the leaves `0..size`; a changed, dropped,
//! inserted or swapped leaf changes the root. [`Signer`] never signs two heads of which the later
//! doesn't contain the earlier.
//!
//! Does no I/O, knows no clock, and no meaning: it is small so that a city's auditor can read all
//! of it. It therefore depends on no other room, and takes instants as plain microseconds. The
//! formats are documented byte by byte in `schema/README.md`; hashing is RFC 6962 and RFC 9162,
//! tiles, notes and checkpoints are those of C2SP (`tlog-tiles`, `signed-note`,
//! `tlog-checkpoint`, `tlog-cosignature`, `tlog-witness`), so that tools by others verify them.
//!
//! A forger who holds the signing key *and* the disk can build another tree and sign its head.
//! Nothing in here stops him: a head that somebody else has kept does, because no consistency
//! proof leads from it to the forged one.

mod aloud;
mod checkpoint;
mod commitment;
mod cosignature;
mod error;
mod hash;
mod key;
mod leaf;
mod note;
mod paper;
mod proof;
mod spoken;
#[cfg(test)]
mod testing;
mod tiles;
mod tree;
mod witness;

pub use aloud::{from_groups, to_groups};
pub use checkpoint::{Checkpoint, Head, KeyTerm, Signer};
pub use commitment::{SALT_BYTES, commitment};
pub use cosignature::{Cosigner, CosignerKey};
pub use error::{AloudError, KeyError, LeafError, NoteError, PaperError, ProofError, SignRefusal};
pub use hash::{HASH_BYTES, Hash, empty_root, leaf_hash, node_hash};
pub use key::{KEY_NAME_MAX_BYTES, SigningKey, VerifierKey};
pub use leaf::{ClockState, LEAF_VERSION, Leaf, TEXT_MAX_BYTES};
pub use note::{NOTE_MAX_BYTES, NoteSignature, SIGNATURES_MAX, SignedNote};
pub use paper::{PAPER_MAX_BYTES, Paper};
pub use proof::{consistency_proof, inclusion_proof, root_at, verify_consistency, verify_inclusion};
pub use spoken::{ANSWER_BITS, Answer, NONCE_BYTES, Nonce};
pub use tiles::{TILE_WIDTH, TileId, node_from_tiles, tiles_touched};
pub use tree::{Frontier, MAX_TREE_SIZE, NodeId, peaks};
pub use witness::{AddCheckpoint, PROOF_LINES_MAX, WitnessRefusal, accept, open_signed};
