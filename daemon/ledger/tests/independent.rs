//! Harm: our own check agrees with our own mistake. `tests/verify/ledger.py` reads the same
//! formats in another language by other algorithms; both must judge every claim alike, true ones
//! and tampered ones.
#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;
use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use kukaku_ledger::{
    Checkpoint, ClockState, Frontier, Hash, Head, KeyTerm, Leaf, NodeId, Signer, SigningKey, consistency_proof,
    inclusion_proof, leaf_hash, verify_consistency, verify_inclusion,
};

/// Tampered variants of each true claim.
const VARIANTS: usize = 12;

/// Claims about checkpoints: openssl takes some milliseconds for each.
const CHECKPOINT_VARIANTS: usize = 150;

fn root_folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn python(arguments: &[&str]) -> Command {
    let mut command = Command::new("python3");
    command
        .current_dir(root_folder())
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .arg("tests/verify/ledger.py")
        .args(arguments);
    command
}

/// SplitMix64: the same tampering on every run.
struct Dice(u64);

impl Dice {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.next() % u64::try_from(end).unwrap()).unwrap()
    }

    /// Changes, drops or inserts one byte.
    fn tamper(&mut self, bytes: &mut Vec<u8>) {
        let at = self.below(bytes.len());
        match self.below(4) {
            0 => drop(bytes.remove(at)),
            1 => bytes.insert(at, u8::try_from(self.below(256)).unwrap()),
            _ => bytes[at] ^= 1 << self.below(8),
        }
    }
}

/// A proof with its numbers and hashes, as both readers take it.
#[derive(Clone)]
struct Claim {
    inclusion: bool,
    numbers: [u64; 2],
    hashes: Vec<Hash>,
}

impl Claim {
    fn tamper(&mut self, dice: &mut Dice) {
        match dice.below(6) {
            0 => {
                let number = dice.below(2);
                self.numbers[number] = self.numbers[number].wrapping_add(1);
            }
            1 => {
                let number = dice.below(2);
                self.numbers[number] = self.numbers[number].wrapping_sub(1);
            }
            2 if self.hashes.len() > 2 => drop(self.hashes.pop()),
            3 => self.hashes.push(leaf_hash(b"more")),
            _ => {
                let at = dice.below(self.hashes.len());
                self.hashes[at].0[dice.below(32)] ^= 1 << dice.below(8);
            }
        }
    }

    fn is_true(&self) -> bool {
        let ([a, b], proof) = (self.numbers, &self.hashes[2..]);
        let (first, second) = (self.hashes[0], self.hashes[1]);
        if self.inclusion {
            verify_inclusion(first, a, b, second, proof).is_ok()
        } else {
            verify_consistency(a, first, b, second, proof).is_ok()
        }
    }

    fn line(&self) -> String {
        let proof: Vec<String> = self.hashes[2..].iter().map(Hash::to_string).collect();
        let proof = if proof.is_empty() { "-".to_owned() } else { proof.join(",") };
        let ([a, b], first, second) = (self.numbers, self.hashes[0], self.hashes[1]);
        if self.inclusion {
            format!("inclusion {first} {a} {b} {second} {proof}")
        } else {
            format!("consistency {a} {first} {b} {second} {proof}")
        }
    }
}

/// True proofs over trees of many sizes.
fn proofs(dice: &mut Dice) -> Vec<Claim> {
    let (mut frontier, mut nodes, mut roots) = (Frontier::new(), BTreeMap::new(), Vec::new());
    roots.push(frontier.root());
    for number in 0..400u64 {
        frontier.push(leaf_hash(&number.to_be_bytes()), |id, hash| {
            nodes.insert(id, hash);
        });
        roots.push(frontier.root());
    }
    let get = |id: NodeId| nodes.get(&id).copied();
    let mut claims = Vec::new();
    for size in 1..=400usize {
        let (other, size_number) = (dice.below(size), u64::try_from(size).unwrap());
        let number = u64::try_from(other).unwrap();
        let leaf = get(NodeId { level: 0, index: number }).unwrap();
        let path = inclusion_proof(number, size_number, get).unwrap();
        claims.push(Claim {
            inclusion: true,
            numbers: [number, size_number],
            hashes: [vec![leaf, roots[size]], path].concat(),
        });
        let path = consistency_proof(number, size_number, get).unwrap();
        claims.push(Claim {
            inclusion: false,
            numbers: [number, size_number],
            hashes: [vec![roots[other], roots[size]], path].concat(),
        });
    }
    claims
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Sends every line to the other reader and compares its answers with ours.
fn compare(claims: &[(String, bool)]) {
    let mut child = python(&["claims"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("python3 is needed for the second reader: run tests/install.sh");
    let lines: String = claims.iter().map(|(line, _)| format!("{line}\n")).collect();
    let mut input = child.stdin.take().unwrap();
    let writer = std::thread::spawn(move || input.write_all(lines.as_bytes()));
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap().unwrap();
    assert!(output.status.success());
    let answers = String::from_utf8(output.stdout).unwrap();
    assert_eq!(answers.lines().count(), claims.len());
    for ((line, ours), answer) in claims.iter().zip(answers.lines()) {
        assert_eq!(*ours, answer == "ok", "theirs: {answer}; claim: {line}");
    }
}

#[test]
fn both_readers_accept_the_published_vectors() {
    let output = python(&["vectors", "schema/vectors"]).output().unwrap();
    let complaint = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{complaint}");
}

#[test]
fn both_readers_judge_proofs_alike() {
    let mut dice = Dice(1);
    let mut claims = Vec::new();
    for claim in proofs(&mut dice) {
        assert!(claim.is_true());
        claims.push((claim.line(), true));
        for _ in 0..VARIANTS {
            let mut tampered = claim.clone();
            tampered.tamper(&mut dice);
            claims.push((tampered.line(), tampered.is_true()));
        }
    }
    compare(&claims);
}

#[test]
fn both_readers_judge_leaves_alike() {
    let mut dice = Dice(2);
    let mut claims = Vec::new();
    for number in 0..300u64 {
        let leaf = Leaf {
            seq: number,
            kind: "door.reading".to_owned(),
            source: "装置".repeat(dice.below(3)),
            client: "苫小牧市".repeat(dice.below(2)),
            client_seq: dice.next(),
            source_seq: dice.next(),
            recorded_at_us: dice.next().cast_signed(),
            device_time_us: (dice.below(2) == 1).then_some(-1),
            clock: ClockState::Unsynchronised,
            commitment: leaf_hash(&number.to_be_bytes()),
        };
        let bytes = leaf.encode().unwrap();
        claims.push((format!("leaf {}", hex(&bytes)), true));
        for _ in 0..VARIANTS {
            let mut tampered = bytes.clone();
            dice.tamper(&mut tampered);
            let ours = Leaf::decode(&tampered).is_ok();
            claims.push((format!("leaf {}", hex(&tampered)), ours));
        }
    }
    compare(&claims);
}

#[test]
fn both_readers_judge_checkpoints_alike() {
    let mut dice = Dice(3);
    let key = SigningKey::from_seed("kukaku.example/札幌", &[5; 32]).unwrap();
    let verifier = key.verifier().clone();
    let head = Head { size: 1_234_567, root: leaf_hash(b"root") };
    let note = Signer::new(key, None).sign(head, &[]).unwrap();
    let bytes = note.to_text().into_bytes();
    let mut claims = vec![(format!("checkpoint {verifier} {}", hex(&bytes)), true)];
    for _ in 0..CHECKPOINT_VARIANTS {
        let mut tampered = bytes.clone();
        dice.tamper(&mut tampered);
        let ours = Checkpoint::open(&tampered, &[KeyTerm::whole(verifier.clone())]).is_ok();
        claims.push((format!("checkpoint {verifier} {}", hex(&tampered)), ours));
    }
    compare(&claims);
}
