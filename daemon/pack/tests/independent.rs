//! Harm: our own verifier agrees with our own mistake. `tests/verify/pack.py` reads packs in
//! another language from their description; both must judge every pack alike: whole ones, ones
//! damaged on their way, and ones that the key's holder edited and sealed again.
#![allow(clippy::unwrap_used)]

mod common;

use std::io::Write as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use common::{Dice, Log, check, files_of, lines, resealed, with_lines};
use kukaku_pack::Encoding;

/// Packs that are damaged, and packs that are edited and sealed again.
const DAMAGED: usize = 500;
const EDITED: usize = 900;

/// What the second verifier says of each.
fn theirs(packs: &[Vec<u8>]) -> Vec<String> {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut child = Command::new("python3")
        .current_dir(root)
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .args(["tests/verify/pack.py", "claims", &common::key().verifier().to_string()])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("python3 is needed for the second reader: run tests/install.sh");
    let lines: String = packs.iter().map(|pack| STANDARD.encode(pack) + "\n").collect();
    let mut input = child.stdin.take().unwrap();
    let writer = std::thread::spawn(move || input.write_all(lines.as_bytes()));
    let output = child.wait_with_output().unwrap();
    writer.join().unwrap().unwrap();
    assert!(output.status.success());
    String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).collect()
}

/// One edit, as somebody makes it who knows the format.
fn edit(files: &common::Files, dice: &mut Dice) -> common::Files {
    let mut lines = lines(files);
    let (at, other) = (dice.below(lines.len()), dice.below(lines.len()));
    match dice.below(10) {
        0 => drop(lines.remove(at)),
        1 => lines.insert(other, lines[at].clone()),
        2 => lines.swap(at, other),
        3 => {
            let mut bytes = lines[at].clone().into_bytes();
            let place = dice.below(bytes.len());
            bytes[place] = b' ' + u8::try_from(dice.below(95)).unwrap();
            lines[at] = String::from_utf8(bytes).unwrap_or_default();
        }
        4 => lines[at] = lines[at].replacen(",\"salt\"", ", \"salt\"", 1),
        5 => lines[at] = lines[at].replacen("}\n", ",\"person\":\"op-02\"}\n", 1),
        6 => lines.truncate(at),
        number => {
            // A byte or a word in one of the other files.
            let names = [
                "leaves.bin",
                "range.json",
                "manifest.json",
                "checkpoint.note",
                "セッション.csv",
                "入退室.csv",
                "検知.csv",
                "keys.txt",
            ];
            let mut files = files.clone();
            let bytes = files.get_mut(names[dice.below(names.len())]).unwrap();
            let place = dice.below(bytes.len());
            match number {
                7 => bytes[place] ^= 1 << dice.below(8),
                8 => drop(bytes.remove(place)),
                _ => bytes.insert(place, b'0' + u8::try_from(dice.below(10)).unwrap()),
            }
            return files;
        }
    }
    with_lines(files, &lines)
}

#[test]
fn both_verifiers_judge_every_pack_alike() {
    let mut dice = Dice(std::env::var("KUKAKU_SEED").map_or(20, |seed| seed.parse().unwrap()));
    let mut log = Log::of(45);
    log.entries[24].erased = true;
    let whole: Vec<Vec<u8>> =
        [(20, Encoding::Utf8), (20, Encoding::ShiftJis), (1000, Encoding::Utf8), (0, Encoding::Utf8)]
            .map(|(seconds, csv)| log.pack(seconds, csv))
            .to_vec();
    let mut packs = whole.clone();
    for number in 0..DAMAGED {
        let mut pack = whole[number % whole.len()].clone();
        let at = dice.below(pack.len());
        match dice.below(4) {
            0 => drop(pack.remove(at)),
            1 => pack.insert(at, b'x'),
            2 => pack.truncate(at),
            _ => pack[at] ^= 1 << dice.below(8),
        }
        packs.push(pack);
    }
    let files: Vec<common::Files> = whole[..3].iter().map(|pack| files_of(pack)).collect();
    for number in 0..EDITED {
        let edited = edit(&files[number % files.len()], &mut dice);
        // An edit of the manifest may leave no list of files to seal.
        let is_sealable =
            String::from_utf8(edited["manifest.json"].clone()).is_ok_and(|m| m.contains("  \"files\": ["));
        if is_sealable {
            packs.push(resealed(&edited));
        }
    }
    let answers = theirs(&packs);
    assert_eq!(answers.len(), packs.len());
    let mut good = 0;
    for (number, (pack, answer)) in packs.iter().zip(&answers).enumerate() {
        let ours = check(pack);
        assert_eq!(ours.is_ok(), answer == "ok", "pack {number}: theirs {answer}, ours {:?}", ours.err());
        good += usize::from(answer == "ok");
    }
    // The whole ones, edits that change nothing, and edits of what proves nothing: keys.txt.
    assert!((whole.len()..packs.len() / 5).contains(&good), "{good} good of {}", packs.len());
}
