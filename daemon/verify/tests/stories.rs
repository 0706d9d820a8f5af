//! Harm: the vendor rewrites history, signs it with the true key, and the city takes it.
#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use kukaku_ledger::{
    AddCheckpoint, Checkpoint, Cosigner, CosignerKey, Frontier, Hash, Head, NodeId, SignedNote, SigningKey,
    consistency_proof, leaf_hash,
};
use kukaku_verify::{Finding, Memory};

const LOG: &str = "kukaku.example/sapporo-1";

fn key() -> SigningKey {
    SigningKey::from_seed(LOG, &[7; 32]).unwrap()
}

/// A fresh folder under the build's own folder.
fn folder(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(&folder).unwrap();
    folder
}

struct Log {
    nodes: BTreeMap<NodeId, Hash>,
    roots: Vec<Hash>,
}

impl Log {
    /// Leaves 0..size; the one at `forged` is another.
    fn grown_to(size: u64, forged: Option<u64>) -> Self {
        let (mut nodes, mut frontier) = (BTreeMap::new(), Frontier::new());
        let mut roots = vec![frontier.root()];
        for number in 0..size {
            let leaf = if forged == Some(number) { b"forged".to_vec() } else { number.to_be_bytes().to_vec() };
            frontier.push(leaf_hash(&leaf), |id, hash| {
                nodes.insert(id, hash);
            });
            roots.push(frontier.root());
        }
        Self { nodes, roots }
    }

    fn note(&self, size: u64) -> SignedNote {
        let head = Head { size, root: self.roots[usize::try_from(size).unwrap()] };
        SignedNote::sign(&Checkpoint { origin: LOG.to_owned(), head }.body(), &key()).unwrap()
    }

    fn proof(&self, old: u64, new: u64) -> Vec<Hash> {
        consistency_proof(old, new, |id| self.nodes.get(&id).copied()).unwrap()
    }

    fn request(&self, old: u64, new: u64) -> String {
        AddCheckpoint { old, proof: self.proof(old, new), note: self.note(new) }.to_text()
    }
}

fn trusting(folder: &Path) -> Memory {
    let mut memory = Memory::open(folder).unwrap();
    memory.trust(key().verifier(), 0).unwrap();
    memory
}

fn show(memory: &mut Memory, log: &Log, size: u64, from: Option<u64>) -> Finding {
    let proof = from.map(|old| (old, log.proof(old, size)));
    memory.remember(log.note(size).to_text().as_bytes(), proof.as_ref(), 1).unwrap()
}

#[test]
fn a_rebuilt_journal_is_caught_by_what_the_city_remembers_and_refused_for_ever() {
    let folder = folder("rebuilt");
    let (truth, forged) = (Log::grown_to(30, None), Log::grown_to(30, Some(3)));
    let mut memory = trusting(&folder);
    assert!(matches!(show(&mut memory, &truth, 10, None), Finding::First(_)));
    assert!(matches!(show(&mut memory, &truth, 20, Some(10)), Finding::Connected(_)));
    assert!(matches!(show(&mut memory, &truth, 20, None), Finding::Known(_)));
    // The forger's own proof shows another beginning than the one that was signed.
    let Finding::Fork { size: 20, evidence } = show(&mut memory, &forged, 30, Some(20)) else { panic!("not caught") };
    let text = std::fs::read_to_string(evidence).unwrap();
    assert!(text.contains(&truth.note(20).to_text()) && text.contains(&forged.request(20, 30)));
    let Finding::Fork { size: 20, evidence } = show(&mut memory, &forged, 20, None) else { panic!("not caught") };
    let text = std::fs::read_to_string(evidence).unwrap();
    assert!(text.contains(&truth.note(20).to_text()) && text.contains(&forged.note(20).to_text()));
    drop(memory);
    let mut memory = Memory::open(&folder).unwrap();
    assert_eq!(show(&mut memory, &truth, 25, Some(20)), Finding::ForkedBefore);
    let cosigner = Cosigner::from_seed("w", &[1; 32]).unwrap();
    assert_eq!(memory.witness(truth.request(0, 26).as_bytes(), &cosigner, 1).unwrap().0, 403);
}

#[test]
fn a_file_that_says_from_where_it_leads_is_no_false_alarm() {
    let log = Log::grown_to(20, None);
    let mut memory = trusting(&folder("leads"));
    // The first one leads from nothing; the same one again leads from itself.
    assert!(matches!(show(&mut memory, &log, 10, Some(0)), Finding::First(_)));
    assert!(matches!(show(&mut memory, &log, 10, Some(10)), Finding::Known(_)));
    assert!(matches!(show(&mut memory, &log, 20, Some(0)), Finding::Unconnected { largest: 10, .. }));
    assert!(matches!(show(&mut memory, &log, 20, Some(10)), Finding::Connected(_)));
    // What is connected stays so, whatever proof it comes with again.
    assert!(matches!(show(&mut memory, &log, 20, Some(7)), Finding::Known(_)));
}

#[test]
fn a_journal_cut_at_any_length_is_not_taken_for_the_one_remembered() {
    let folder = folder("cut");
    let log = Log::grown_to(12, None);
    let mut memory = trusting(&folder);
    show(&mut memory, &log, 12, None);
    for size in 1..12 {
        assert!(matches!(show(&mut memory, &log, size, None), Finding::Unconnected { largest: 12, .. }), "{size}");
        let proof = (size, log.proof(size, 12));
        let found = memory.remember(log.note(size).to_text().as_bytes(), Some(&proof), 1).unwrap();
        assert!(matches!(found, Finding::Connected(_)), "an older checkpoint that is proven is no rollback");
    }
}

#[test]
fn a_torn_line_is_dropped_and_a_changed_one_refused() {
    let folder = folder("torn");
    let log = Log::grown_to(9, None);
    let mut memory = trusting(&folder);
    show(&mut memory, &log, 5, None);
    drop(memory);
    let path = folder.join("memory.log");
    let kept = std::fs::read(&path).unwrap();
    let mut torn = kept.clone();
    torn.extend(&kept[..40]);
    std::fs::write(&path, torn).unwrap();
    let mut memory = Memory::open(&folder).unwrap();
    assert!(matches!(show(&mut memory, &log, 5, None), Finding::Known(_)));
    assert!(matches!(show(&mut memory, &log, 9, Some(5)), Finding::Connected(_)));
    drop(memory);
    let kept = std::fs::read(&path).unwrap();
    for at in (0..kept.len() - 1).step_by(7) {
        let mut changed = kept.clone();
        changed[at] ^= 1;
        std::fs::write(&path, changed).unwrap();
        assert!(Memory::open(&folder).is_err(), "byte {at}");
    }
}

struct Witness {
    child: Child,
    address: String,
}

impl Witness {
    fn start(folder: &Path) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_kukaku-verify"))
            .args(["witness", "--listen", "127.0.0.1:0", "--lang", "en", "--key"])
            .arg(folder.join("key"))
            .arg("--memory")
            .arg(folder.join("memory"))
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let address = line.split("http://").nth(1).unwrap().split('/').next().unwrap().to_owned();
        Self { child, address }
    }
}

impl Drop for Witness {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn post(address: &str, body: &str) -> Option<(u16, String)> {
    let mut stream = TcpStream::connect(address).ok()?;
    let head = format!("POST /add-checkpoint HTTP/1.1\r\nHost: w\r\nContent-Length: {}\r\n\r\n", body.len());
    stream.write_all(format!("{head}{body}").as_bytes()).ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    let (head, body) = answer.split_once("\r\n\r\n")?;
    Some((head.split(' ').nth(1)?.parse().ok()?, body.to_owned()))
}

fn prepared(name: &str) -> (PathBuf, CosignerKey) {
    let folder = folder(name);
    let cosigner = Cosigner::from_seed("witness.example/city", &[9; 32]).unwrap();
    std::fs::write(folder.join("key"), cosigner.to_secret_text()).unwrap();
    trusting(&folder.join("memory"));
    (folder, cosigner.key())
}

#[test]
fn a_witness_killed_at_any_moment_stands_where_it_said() {
    let (folder, _) = prepared("killed");
    let log = Log::grown_to(200, None);
    let mut stands = 0;
    for round in 0..10u64 {
        let mut witness = Witness::start(&folder);
        let (_, size) = post(&witness.address, &log.request(0, 1)).unwrap();
        // The first round starts from nothing and accepts size 1.
        let known = if round == 0 { 1 } else { size.trim().parse::<u64>().unwrap() };
        assert!(known >= stands, "round {round}: stood at {stands}, now {known}");
        stands = known;
        for _ in 0..=round % 4 {
            assert_eq!(post(&witness.address, &log.request(stands, stands + 1)).unwrap().0, 200);
            stands += 1;
        }
        // One more is under way when it dies; whether it was kept is not known.
        let (address, body) = (witness.address.clone(), log.request(stands, stands + 1));
        let under_way = std::thread::spawn(move || post(&address, &body));
        witness.child.kill().unwrap();
        if under_way.join().unwrap().is_some_and(|(status, _)| status == 200) {
            stands += 1;
        }
    }
}

#[test]
fn of_many_askers_at_once_no_two_get_contradicting_cosignatures() {
    let (folder, cosigner) = prepared("race");
    let witness = Witness::start(&folder);
    let (truth, forged) = (Log::grown_to(40, None), Log::grown_to(40, Some(0)));
    let asked: Vec<_> = (1..=16u64)
        .map(|n| {
            let log = if n % 2 == 0 { &truth } else { &forged };
            let (address, body, note) = (witness.address.clone(), log.request(0, n), log.note(n));
            std::thread::spawn(move || (post(&address, &body), note))
        })
        .collect();
    let answers: Vec<_> = asked.into_iter().map(|asked| asked.join().unwrap()).collect();
    let good: Vec<_> = answers.iter().filter(|(a, _)| a.as_ref().is_some_and(|(status, _)| *status == 200)).collect();
    assert_eq!(good.len(), 1, "only one may be the first");
    let (answer, note) = good[0];
    let cosigned = format!("{}{}", note.to_text(), answer.as_ref().unwrap().1);
    assert!(cosigner.cosigned_at(&SignedNote::parse(cosigned.as_bytes()).unwrap()).is_ok());
    let claim: String = cosigned.bytes().map(|byte| format!("{byte:02x}")).collect();
    let mut python = Command::new("python3")
        .current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("../.."))
        .args(["-B", "tests/verify/ledger.py", "claims"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    python.stdin.take().unwrap().write_all(format!("cosignature {cosigner} {claim}\n").as_bytes()).unwrap();
    assert_eq!(python.wait_with_output().unwrap().stdout, b"ok\n", "the second reader agrees");
}

#[test]
fn the_exit_code_tells_what_was_found() {
    let folder = folder("codes");
    let (truth, forged) = (Log::grown_to(9, None), Log::grown_to(9, Some(2)));
    let run = |arguments: &[&str], note: &SignedNote| {
        std::fs::write(folder.join("note"), note.to_text()).unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_kukaku-verify"));
        command.current_dir(&folder).args(["--memory", "memory"]).args(arguments).stdin(Stdio::null());
        command.stdout(Stdio::null()).stderr(Stdio::null()).status().unwrap().code()
    };
    let vkey = key().verifier().to_string();
    let hex = Hash::of(vkey.as_bytes()).to_string();
    assert_eq!(run(&["remember", "note"], &truth.note(5)), Some(3), "no key is trusted yet");
    assert_eq!(run(&["trust", &vkey, "--fingerprint", "0000"], &truth.note(5)), Some(3));
    assert_eq!(run(&["trust", &vkey, "--fingerprint", &hex[..20]], &truth.note(5)), Some(0));
    assert_eq!(run(&["remember", "note"], &truth.note(5)), Some(0));
    assert_eq!(run(&["remember", "note"], &truth.note(4)), Some(4));
    assert_eq!(run(&["remember", "missing"], &truth.note(5)), Some(1));
    assert_eq!(run(&["remember", "note"], &forged.note(5)), Some(2));
    assert_eq!(run(&["remember", "note"], &truth.note(6)), Some(2), "for ever");
    assert_eq!(run(&["show"], &truth.note(5)), Some(0));
}
