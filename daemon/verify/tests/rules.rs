//! The witness's rules in any order of requests, and what its listener lets through.
//!
//! Harm: a witness cosigns two histories, and its word is worth nothing any more; or somebody
//! keeps it from answering.
#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::time::Duration;

use kukaku_ledger::{
    AddCheckpoint, Checkpoint, Cosigner, Frontier, Hash, Head, NodeId, SignedNote, SigningKey, consistency_proof,
    leaf_hash,
};
use kukaku_verify::{BODY_MAX_BYTES, Crossed, Finding, Memory, cross_check, read_other, serve_within};
use proptest::prelude::*;

const LOG: &str = "kukaku.example/sapporo-1";

fn key() -> SigningKey {
    SigningKey::from_seed(LOG, &[7; 32]).unwrap()
}

fn cosigner() -> Cosigner {
    Cosigner::from_seed("witness.example/city", &[9; 32]).unwrap()
}

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
    /// Leaves 0..size; those from `forged` on are others.
    fn of(size: u64, forged: u64) -> Self {
        let (mut nodes, mut frontier) = (BTreeMap::new(), Frontier::new());
        let mut roots = vec![frontier.root()];
        for number in 0..size {
            let leaf = format!("{number} {}", number >= forged);
            frontier.push(leaf_hash(leaf.as_bytes()), |id, hash| {
                nodes.insert(id, hash);
            });
            roots.push(frontier.root());
        }
        Self { nodes, roots }
    }

    fn head(&self, size: u64) -> Head {
        Head { size, root: self.roots[usize::try_from(size).unwrap()] }
    }

    fn note(&self, size: u64) -> SignedNote {
        SignedNote::sign(&Checkpoint { origin: LOG.to_owned(), head: self.head(size) }.body(), &key()).unwrap()
    }

    fn request(&self, old: u64, new: u64) -> String {
        let proof = consistency_proof(old, new, |id| self.nodes.get(&id).copied()).unwrap();
        AddCheckpoint { old, proof, note: self.note(new) }.to_text()
    }
}

fn trusting(folder: &Path) -> Memory {
    let mut memory = Memory::open(folder).unwrap();
    memory.trust(key().verifier(), 0).unwrap();
    memory
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_order_of_requests_gets_two_heads_cosigned_that_do_not_go_together(
        steps in prop::collection::vec((any::<bool>(), 0_u64..24, 1_u64..24, prop::bool::weighted(0.1)), 1..40),
    ) {
        let logs = [Log::of(24, 24), Log::of(24, 9)];
        let folder = folder("any-order");
        let mut memory = trusting(&folder);
        let (mut cosigned, mut convicted, mut stands) = (Vec::<Head>::new(), false, 0);
        for (forged, old, new, dies) in steps {
            if dies {
                drop(memory);
                memory = Memory::open(&folder).unwrap();
            }
            let log = &logs[usize::from(forged)];
            // Every other request starts where the witness stands, so that it has something to accept.
            let old = if old % 2 == 0 { stands } else { old };
            if old > new {
                continue;
            }
            let (status, answer) = memory.witness(log.request(old, new).as_bytes(), &cosigner(), 1).unwrap();
            if status == 200 {
                prop_assert!(!convicted, "a site that was caught is never cosigned again");
                prop_assert_eq!(old, stands);
                prop_assert!(new >= stands, "it never steps back");
                stands = new;
                cosigned.push(log.head(new));
                let note = format!("{}{answer}", log.note(new).to_text());
                prop_assert!(cosigner().key().cosigned_at(&SignedNote::parse(note.as_bytes()).unwrap()).is_ok());
            }
            convicted |= memory.sites()[0].forked;
        }
        let one = logs.iter().any(|log| cosigned.iter().all(|head| log.head(head.size) == *head));
        prop_assert!(one, "{cosigned:?}");
    }

    #[test]
    fn no_proof_of_a_true_journal_convicts_it(old in 1_u64..40, new in 1_u64..40, spoilt in any::<prop::sample::Index>()) {
        prop_assume!(old < new);
        let log = Log::of(40, 40);
        let mut memory = trusting(&folder("no-conviction"));
        let request = AddCheckpoint::parse(log.request(old, new).as_bytes()).unwrap();
        memory.remember(log.note(old).to_text().as_bytes(), None, 1).unwrap();
        let mut broken = request.proof.clone();
        let at = spoilt.index(broken.len());
        broken[at] = Hash::of(b"spoilt");
        let found = memory.remember(log.note(new).to_text().as_bytes(), Some(&(old, broken)), 1).unwrap();
        prop_assert!(matches!(found, Finding::ProofFails(_)), "{found:?}");
        let found = memory.remember(log.note(new).to_text().as_bytes(), Some(&(old, request.proof)), 1).unwrap();
        prop_assert!(matches!(found, Finding::Connected(_)), "{found:?}");
    }
}

#[test]
fn heads_of_other_sizes_prove_nothing_and_what_is_owed_is_said() {
    let folder = folder("owed");
    let (truth, forged) = (Log::of(30, 30), Log::of(30, 3));
    let mut memory = trusting(&folder);
    memory.remember(truth.note(16).to_text().as_bytes(), None, 1).unwrap();
    // The root of a complete subtree is no part of its proof: nothing is shown by that one.
    let request = AddCheckpoint::parse(forged.request(16, 30).as_bytes()).unwrap();
    let proof = Some((16, request.proof));
    let found = memory.remember(forged.note(30).to_text().as_bytes(), proof.as_ref(), 1).unwrap();
    assert!(matches!(found, Finding::ProofFails(_)), "{found:?}");
    let mut files = std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path());
    let owed = files.find(|path| path.file_name().unwrap().to_string_lossy().starts_with("owed-")).unwrap();
    let text = std::fs::read_to_string(owed).unwrap();
    assert!(text.contains(&truth.note(16).to_text()) && text.contains(&forged.note(30).to_text()));
    assert!(!memory.sites()[0].forked);
}

#[test]
fn a_site_that_shows_two_witnesses_two_histories_is_caught_by_both_signatures() {
    let (ours, theirs) = (folder("split-ours"), folder("split-theirs"));
    let (truth, forged) = (Log::of(30, 30), Log::of(30, 12));
    let (mut our, mut other) = (trusting(&ours), trusting(&theirs));
    for (memory, log, sizes) in [(&mut our, &truth, [5, 20]), (&mut other, &forged, [5, 20])] {
        let mut stands = 0;
        for size in sizes {
            assert_eq!(memory.witness(log.request(stands, size).as_bytes(), &cosigner(), 1).unwrap().0, 200);
            stands = size;
        }
    }
    drop(other);
    let crossed = cross_check(&mut our, &read_other(&theirs).unwrap(), 2).unwrap();
    let Crossed { same: 1, new: 0, unknown: 0, owed, forks } = crossed else { panic!("{crossed:?}") };
    assert_eq!((owed, forks.len(), forks[0].0), (vec![], 1, 20));
    let text = std::fs::read_to_string(&forks[0].1).unwrap();
    assert!(text.contains(&truth.note(20).to_text()) && text.contains(&forged.note(20).to_text()));
    assert!(our.sites()[0].forked);
}

#[test]
fn memories_without_a_common_size_say_which_proof_is_owed_and_strangers_are_counted() {
    let (ours, theirs) = (folder("apart-ours"), folder("apart-theirs"));
    let log = Log::of(30, 30);
    let mut our = trusting(&ours);
    our.remember(log.note(10).to_text().as_bytes(), None, 1).unwrap();
    trusting(&theirs).remember(log.note(25).to_text().as_bytes(), None, 1).unwrap();
    let notes = read_other(&theirs).unwrap();
    let crossed = cross_check(&mut our, &notes, 2).unwrap();
    assert_eq!((crossed.same, crossed.new, crossed.owed), (0, 1, vec![(LOG.to_owned(), 10, 25)]));
    let mut nobody = Memory::open(&folder("apart-nobody")).unwrap();
    assert_eq!(cross_check(&mut nobody, &notes, 2).unwrap().unknown, 1);
    let path = theirs.join("memory.log");
    let mut bytes = std::fs::read(&path).unwrap();
    bytes[80] ^= 1;
    std::fs::write(&path, bytes).unwrap();
    assert!(read_other(&path).is_err(), "a changed memory is no witness");
}

/// A listener whose requests may take this long.
fn listening(name: &str, time_max: Duration) -> String {
    let memory = trusting(&folder(name));
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    std::thread::spawn(move || serve_within(&listener, memory, cosigner(), time_max));
    address
}

/// Sends bytes and reads until the other end closes.
fn told(address: &str, request: &[u8]) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    // What is refused early may close while we still write.
    let _ = stream.write_all(request);
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    String::from_utf8_lossy(&answer).into_owned()
}

fn post(body: &str, more: &str) -> String {
    format!("POST /add-checkpoint HTTP/1.1\r\nHost: w\r\n{more}Content-Length: {}\r\n\r\n{body}", body.len())
}

#[test]
fn one_request_a_connection_and_nothing_beyond_the_limits() {
    let address = listening("limits", Duration::from_secs(30));
    let log = Log::of(5, 5);
    let good = post(&log.request(0, 2), "Connection: keep-alive\r\n");
    let two = told(&address, format!("{good}{}", post(&log.request(2, 3), "")).as_bytes());
    assert_eq!(two.matches("HTTP/1.1").count(), 1, "the second request on the line is not heard: {two}");
    assert!(two.starts_with("HTTP/1.1 200") && two.contains("Connection: close"), "{two}");
    let status = |request: String| told(&address, request.as_bytes()).get(9..12).map(str::to_owned);
    let asked = |head: &str| status(format!("{head}\r\n\r\n"));
    assert_eq!(asked(&format!("POST /add-checkpoint HTTP/1.1\r\nX: {}", "x".repeat(9000))).as_deref(), Some("400"));
    let long = format!("POST /add-checkpoint HTTP/1.1\r\nContent-Length: {}", BODY_MAX_BYTES + 1);
    assert_eq!(asked(&long).as_deref(), Some("413"));
    assert_eq!(asked("POST /add-checkpoint HTTP/1.1").as_deref(), Some("411"));
    assert_eq!(asked("POST /add-checkpoint HTTP/1.1\r\nTransfer-Encoding: chunked").as_deref(), Some("411"));
    let twice = "POST /add-checkpoint HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2";
    assert_eq!(asked(twice).as_deref(), Some("400"));
    assert_eq!(asked("GET /add-checkpoint HTTP/1.1").as_deref(), Some("405"));
    assert_eq!(asked("POST /other HTTP/1.1").as_deref(), Some("404"));
    assert_eq!(status(post(&log.request(2, 4), "")).as_deref(), Some("200"), "it still answers");
}

#[test]
fn a_slow_sender_is_let_go_and_holds_nobody_up() {
    let address = listening("slow", Duration::from_millis(300));
    let mut slow = TcpStream::connect(&address).unwrap();
    slow.write_all(b"POST /add-checkpoint HTTP/1.1\r\nContent-Length: 500\r\n\r\nold 0\n").unwrap();
    let log = Log::of(5, 5);
    assert!(told(&address, post(&log.request(0, 2), "").as_bytes()).starts_with("HTTP/1.1 200"));
    let mut answer = Vec::new();
    // Returns because the other end closed; a line that stayed open would keep the test here.
    let _ = slow.read_to_end(&mut answer);
    assert!(answer.is_empty());
}
