//! Harm: the bytes of the journal drift from one release to the next, and what was recorded last
//! year no longer verifies. The vectors in `schema/vectors/` are kept for ever.
#![allow(clippy::unwrap_used)]

use std::fs;
use std::path::PathBuf;

use kukaku_ledger::{
    Checkpoint, ClockState, Cosigner, CosignerKey, Frontier, Hash, Head, KeyTerm, Leaf, SignedNote, Signer, SigningKey,
    VerifierKey, commitment, leaf_hash, verify_consistency, verify_inclusion,
};

/// The first bytes of each file and their hash. A file may grow behind them and never change in
/// them; a new line here goes with each growth.
const SEALED: [(&str, usize, &str); 8] = [
    ("checkpoint-v1.note", 195, "db1cfbd718145299910409ab3847f6ea81d4f8a0b3804ee8a435e7414d01476e"),
    ("checkpoint-v1.vkey", 79, "5af5e9c1b91cfed7f8a3b3cc78f76da7e369d742044264086847123c771fc48b"),
    ("commitment-v1.tsv", 695, "48fb627816a7e1a80a4cdb229a04e60aad9fb34410e986613ac72223bd212f38"),
    ("cosignature-v1.note", 325, "a4483d21e894d5d66eac12a1f3e5d38f2a079dfad93e9f4aca72cec691f776a6"),
    ("cosignature-v1.vkey", 75, "b013a6cc3edc8259fb0645075528d79326a3bd282d3914ec287ce292d152c5b4"),
    ("leaf-v1.tsv", 2412, "eae755f987770857dbe4a184a77666d6ed40e06213020cac809772b8af608e6f"),
    ("proof-v1.tsv", 22077, "a92ac5a40ffcaf9b9ae41716cf09e0aa5b796419959f2cd21c081b3debf923ca"),
    ("tree-v1.tsv", 642, "c8ad07dd2c43e23c68e504165d360c07509ac4bb45abc2ef708074dcdb5d02ef"),
];

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../schema/vectors")
}

fn read(name: &str) -> String {
    fs::read_to_string(folder().join(name)).unwrap()
}

fn rows(name: &str) -> Vec<Vec<String>> {
    read(name)
        .lines()
        .filter(|line| !line.starts_with('#'))
        .map(|line| line.split('\t').map(str::to_owned).collect())
        .collect()
}

fn bytes(hex: &str) -> Vec<u8> {
    let digit = |at: usize| u8::from_str_radix(&hex[at..at + 2], 16).unwrap();
    (0..hex.len()).step_by(2).map(digit).collect()
}

fn hash(hex: &str) -> Hash {
    Hash::from_hex(hex).unwrap()
}

fn proof(text: &str) -> Vec<Hash> {
    let parts = text.split(',').filter(|part| *part != "-");
    parts.map(hash).collect()
}

fn number(text: &str) -> u64 {
    text.parse().unwrap()
}

#[test]
fn no_published_vector_was_edited() {
    for (name, length, sealed) in SEALED {
        let content = fs::read(folder().join(name)).unwrap();
        assert_eq!(Hash::of(&content[..length]), hash(sealed), "{name}");
    }
    let mut found: Vec<String> = fs::read_dir(folder())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name != "README.md")
        .collect();
    found.sort();
    assert_eq!(found, SEALED.map(|(name, ..)| name), "seal the new file");
}

#[test]
fn commitments_are_those_published() {
    for row in rows("commitment-v1.tsv") {
        let salt = hash(&row[0]).0;
        assert_eq!(commitment(&salt, &row[1], &bytes(&row[2])), hash(&row[3]));
    }
}

#[test]
fn leaves_are_written_and_read_as_published() {
    for row in rows("leaf-v1.tsv") {
        let leaf = Leaf {
            seq: number(&row[0]),
            kind: row[1].clone(),
            source: row[2].clone(),
            client: row[3].clone(),
            client_seq: number(&row[4]),
            source_seq: number(&row[5]),
            recorded_at_us: row[6].parse().unwrap(),
            device_time_us: (!row[7].is_empty()).then(|| row[7].parse().unwrap()),
            clock: match row[8].as_str() {
                "0" => ClockState::Unknown,
                "1" => ClockState::Synchronised,
                _ => ClockState::Unsynchronised,
            },
            commitment: hash(&row[9]),
        };
        assert_eq!(leaf.encode().unwrap(), bytes(&row[10]));
        assert_eq!(Leaf::decode(&bytes(&row[10])).unwrap(), leaf);
        assert_eq!(leaf.hash().unwrap(), hash(&row[11]));
    }
}

/// The leaves are those that the reference implementation of certificate transparency tests with.
#[test]
fn roots_are_those_of_certificate_transparency() {
    let mut frontier = Frontier::new();
    for row in rows("tree-v1.tsv") {
        frontier.push(leaf_hash(&bytes(&row[0])), |_, _| {});
        assert_eq!(frontier.root(), hash(&row[1]), "size {}", frontier.size());
    }
    assert_eq!(frontier.size(), 8);
}

#[test]
fn published_proofs_prove() {
    for row in rows("proof-v1.tsv") {
        let proven = match row[0].as_str() {
            "inclusion" => {
                verify_inclusion(hash(&row[1]), number(&row[2]), number(&row[3]), hash(&row[4]), &proof(&row[5]))
            }
            _ => verify_consistency(number(&row[1]), hash(&row[2]), number(&row[3]), hash(&row[4]), &proof(&row[5])),
        };
        assert_eq!(proven, Ok(()), "{row:?}");
    }
}

/// The published note was signed by openssl from the seed 00 01 02 ... 1f.
#[test]
fn the_published_checkpoint_is_ours_to_the_byte() {
    let verifier = VerifierKey::parse(read("checkpoint-v1.vkey").trim_end()).unwrap();
    let root = hash(&rows("tree-v1.tsv")[7][1]);
    let head = Head { size: 8, root };
    let published = read("checkpoint-v1.note");
    let opened = Checkpoint::open(published.as_bytes(), &[KeyTerm::whole(verifier.clone())]);
    assert_eq!(opened.unwrap().head, head);

    let seed: [u8; 32] = std::array::from_fn(|n| u8::try_from(n).unwrap());
    let key = SigningKey::from_seed(verifier.name(), &seed).unwrap();
    let signed = Signer::new(key, None).sign(head, &[]).unwrap();
    assert_eq!(signed.to_text(), published);
}

/// The published cosignature was made by openssl from the seed 20 21 22 ... 3f.
#[test]
fn the_published_cosignature_is_ours_to_the_byte() {
    let key = CosignerKey::parse(read("cosignature-v1.vkey").trim_end()).unwrap();
    let published = read("cosignature-v1.note");
    let cosigned = SignedNote::parse(published.as_bytes()).unwrap();
    assert_eq!(key.cosigned_at(&cosigned), Ok(1_700_000_000));

    let seed: [u8; 32] = std::array::from_fn(|n| u8::try_from(n + 0x20).unwrap());
    let witness = Cosigner::from_seed(key.name(), &seed).unwrap();
    assert_eq!(witness.key(), key);
    let plain = SignedNote::parse(read("checkpoint-v1.note").as_bytes()).unwrap();
    let signed = plain.with_signature(witness.cosign(&plain, 1_700_000_000)).unwrap();
    assert_eq!(signed.to_text(), published);
}
