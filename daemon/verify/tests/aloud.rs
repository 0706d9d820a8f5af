//! Harm: a city that has only a telephone or a sheet of paper takes another history for its own.
#![allow(clippy::unwrap_used)]

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use kukaku_ledger::{Answer, Checkpoint, Hash, Head, Nonce, Paper, SignedNote, SigningKey};

const LOG: &str = "kukaku/sapporo-1-0a1b2c3d";

struct City {
    folder: PathBuf,
}

impl City {
    /// Remembers 10 and 20 entries.
    fn new(name: &str) -> Self {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        let _ = std::fs::remove_dir_all(&folder);
        std::fs::create_dir_all(&folder).unwrap();
        let mut memory = kukaku_verify::Memory::open(&folder.join("memory")).unwrap();
        memory.trust(key().verifier(), 0).unwrap();
        for size in [10, 20] {
            memory.remember(note(size, "true").as_bytes(), None, 1).unwrap();
        }
        Self { folder }
    }

    fn run(&self, arguments: &[&str]) -> (Option<i32>, String) {
        let mut command = Command::new(env!("CARGO_BIN_EXE_kukaku-verify"));
        command.current_dir(&self.folder).args(["--memory", "memory", "--lang", "en"]).args(arguments);
        let output = command.stdin(Stdio::null()).output().unwrap();
        let text = [output.stdout, output.stderr].concat();
        (output.status.code(), String::from_utf8(text).unwrap())
    }

    fn nonce(&self) -> Nonce {
        let (code, said) = self.run(&["challenge"]);
        assert_eq!(code, Some(0), "{said}");
        assert!(said.contains("--size 20"), "{said}");
        Nonce::parse(said.lines().next().unwrap().split(": ").nth(1).unwrap()).unwrap()
    }
}

fn key() -> SigningKey {
    SigningKey::from_seed(LOG, &[7; 32]).unwrap()
}

fn checkpoint(size: u64, history: &str) -> Checkpoint {
    let root = Hash::of(format!("{history} {size}").as_bytes());
    Checkpoint { origin: LOG.to_owned(), head: Head { size, root } }
}

fn note(size: u64, history: &str) -> String {
    SignedNote::sign(&checkpoint(size, history).body(), &key()).unwrap().to_text()
}

#[test]
fn the_answer_of_the_remembered_tree_is_taken_once_and_no_other_ever() {
    let city = City::new("answers");
    let right = |nonce, size| Answer::new(nonce, &checkpoint(size, "true")).to_text();
    assert_eq!(city.run(&["check-answer", "0"]).0, Some(1), "no number was given out");
    let stale = city.nonce();
    let nonce = city.nonce();
    let check = |answer: &str, size: &str| city.run(&["check-answer", answer, "--size", size]).0;
    assert_eq!(check(&right(stale, 20), "20"), Some(4), "another nonce");
    assert_eq!(check(&Answer::new(nonce, &checkpoint(20, "forged")).to_text(), "20"), Some(4));
    assert_eq!(check(&right(nonce, 10), "10"), Some(4), "an old size");
    assert_eq!(check(&right(nonce, 30), "30"), Some(4), "a size that nobody remembers");
    let mut typo = right(nonce, 20).into_bytes();
    typo[0] = if typo[0] == b'2' { b'3' } else { b'2' };
    let (code, said) = city.run(&["check-answer", std::str::from_utf8(&typo).unwrap()]);
    assert!(code == Some(1) && said.contains("Group 1"), "{said}");
    let small = right(nonce, 20).to_lowercase();
    assert_eq!(city.run(&["check-answer", &small]).0, Some(0));
    assert_eq!(city.run(&["check-answer", &small]).0, Some(1), "a number counts once");
}

#[test]
fn paper_is_compared_and_a_scanned_note_is_a_checkpoint_like_any_other() {
    let city = City::new("paper");
    let show = |text: &str| {
        std::fs::write(city.folder.join("typed"), text).unwrap();
        city.run(&["paper", "typed"]).0
    };
    let paper = |size, history| {
        Paper { checkpoint: checkpoint(size, history), date: "2026-11-22T09:00:00+09:00".to_owned() }.to_text()
    };
    assert_eq!(show(&paper(20, "true")), Some(0));
    assert_eq!(show(&paper(20, "true").replace('\n', "\r\n")), Some(0));
    assert_eq!(show(&paper(20, "forged")), Some(4));
    assert_eq!(show(&paper(15, "true")), Some(4), "nothing to compare with");
    assert_eq!(show(&paper(20, "true").replace("SIZE 20", "SIZE 21")), Some(1));
    assert_eq!(show("hello"), Some(1));
    // A scanner may end lines its own way, and leave the last one out.
    assert_eq!(show(note(20, "true").trim_end()), Some(0));
    assert_eq!(show(&note(25, "true").replace('\n', "\r\n")), Some(0));
    assert_eq!(show(&note(20, "forged")), Some(2), "two signatures of one size prove a fork");
}
