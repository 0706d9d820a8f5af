//! `verify.html` in a real browser, from a `file:` address.
//!
//! Harm: a city whose machines run no foreign program takes a forged pack for a true one, or
//! can't verify a true one.

use std::path::{Path, PathBuf};

use kukaku_ledger::{Hash, SigningKey};
use kukaku_pack::Encoding;
use serde_json::json;

use super::webdriver::Browser;

#[path = "../../../daemon/pack/tests/common/mod.rs"]
mod packs;

use packs::{Dice, Log, check, files_of, key, lines, resealed, with_lines};

/// Packs that page and program judge in one run.
const EDITED: usize = 120;

fn page() -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../daemon/verify/html/verify.html");
    format!("file://{}", path.canonicalize().unwrap().display())
}

fn kept(name: &str, pack: &[u8]) -> PathBuf {
    let path = std::env::temp_dir().join(format!("kukaku-verifier-{}-{name}", std::process::id()));
    std::fs::write(&path, pack).unwrap();
    path
}

/// Pastes the key, chooses the file and presses Enter on the button: what the page says.
fn judged(browser: &Browser, key: &str, pack: &Path) -> String {
    browser.open(&page());
    browser.type_into("#key", key);
    browser.type_into("#file", pack.to_str().unwrap());
    browser.type_into("#go", "\u{E007}");
    browser.wait_for("['good', 'bad'].includes(document.getElementById('verdict').className)");
    browser.text_of("#verdict")
}

#[test]
fn the_page_verifies_a_true_pack_and_refuses_a_changed_one_and_a_foreign_key() {
    let browser = Browser::start("verifier");
    browser.resize(1000, 1200);
    let pack = Log::of(250).pack(200, Encoding::Utf8);
    let vkey = key().verifier().to_string();
    let good = kept("good.zip", &pack);
    assert!(judged(&browser, &vkey, &good).starts_with("検証できました"));
    let hex = Hash::of(vkey.as_bytes()).to_string();
    let groups: Vec<&str> = (0..5).map(|at| &hex[4 * at..4 * at + 4]).collect();
    assert_eq!(browser.text_of("#fingerprint"), groups.join("-"), "as kukaku-verify trust shows it");
    let details = browser.text_of("#details");
    assert!(
        details.contains("250 件")
            && details.contains("開示 114 件、伏せた記録 88 件")
            && details.contains("欠番がありません")
    );
    assert_eq!(browser.run("return document.activeElement.id"), "verdict", "a screen reader is led to the verdict");
    browser.picture("verifier");

    let mut changed = pack.clone();
    let at = pack.windows(7).position(|bytes| bytes == b"granted").unwrap();
    changed[at] ^= 1;
    let changed = kept("changed.zip", &changed);
    assert!(judged(&browser, &vkey, &changed).starts_with("検証できません: "));
    // The archive's own checksum fits again; the manifest still names another file.
    let mut files = packs::unpacked(&pack);
    let at = files[1].1.windows(7).position(|bytes| bytes == b"granted").unwrap();
    files[1].1[at] ^= 1;
    let refitted = kept("refitted.zip", &packs::zipped(&files));
    assert!(judged(&browser, &vkey, &refitted).contains("entries.jsonl が書き換えられています"));
    let other = SigningKey::from_seed(packs::ORIGIN, &[8; 32]).unwrap().verifier().to_string();
    assert!(judged(&browser, &other, &good).contains("署名が、この公開鍵による正しい署名ではありません"));
    let mistyped = vkey.replace("+Q", "+R").replace("+A", "+B");
    assert!(judged(&browser, &mistyped, &good).starts_with("検証できません: "));
    assert_eq!(browser.complaints(), Vec::<String>::new());
    for path in [good, changed, refitted] {
        std::fs::remove_file(path).unwrap();
    }
}

/// An edit by the key's holder, sealed again; every fourth pack only damaged.
fn edited(files: &packs::Files, whole: &[u8], dice: &mut Dice) -> Vec<u8> {
    let mut lines = lines(files);
    let (at, other) = (dice.below(lines.len()), dice.below(lines.len()));
    match dice.below(8) {
        0 => drop(lines.remove(at)),
        1 => lines.insert(other, lines[at].clone()),
        2 => lines.swap(at, other),
        3 => lines[at] = lines[at].replacen("2026", "2025", 1),
        4 => lines[at] = lines[at].replacen("}\n", ",\"person\":\"op-02\"}\n", 1),
        5 => {
            let mut files = files.clone();
            let bytes = files.get_mut("leaves.bin").unwrap();
            let place = dice.below(bytes.len());
            bytes[place] ^= 1;
            return resealed(&files);
        }
        6 => {
            let mut files = files.clone();
            files.get_mut("検知.csv").unwrap().push(b'\n');
            return resealed(&files);
        }
        _ => {
            let mut pack = whole.to_vec();
            let place = dice.below(pack.len());
            pack[place] ^= 1 << dice.below(8);
            return pack;
        }
    }
    resealed(&with_lines(files, &lines))
}

#[test]
fn page_and_program_judge_every_pack_alike() {
    let browser = Browser::start("verifiers");
    browser.open(&page());
    let mut dice = Dice(31);
    let mut log = Log::of(45);
    log.entries[24].erased = true;
    let whole: Vec<Vec<u8>> =
        [(20, Encoding::Utf8), (20, Encoding::ShiftJis), (1000, Encoding::Utf8), (0, Encoding::Utf8)]
            .map(|(seconds, csv)| log.pack(seconds, csv))
            .to_vec();
    let mut all = whole.clone();
    for number in 0..EDITED {
        let pack = &whole[number % 3];
        all.push(edited(&files_of(pack), pack, &mut dice));
    }
    for (number, pack) in all.iter().enumerate() {
        let hex: String = pack.iter().map(|byte| format!("{byte:02x}")).collect();
        browser.run(&format!(
            "window.answer = null;
             const bytes = Uint8Array.from({}.match(/../g), byte => parseInt(byte, 16));
             verifyPack(new Blob([bytes]), {}).then(() => window.answer = 'ok', e => window.answer = e.ja || 'CRASH ' + e.stack);",
            json!(hex),
            json!(key().verifier().to_string())
        ));
        browser.wait_for("window.answer !== null");
        let answer = browser.run("return window.answer");
        let ours = check(pack);
        assert_eq!(ours.is_ok(), answer == "ok", "pack {number}: the page says {answer}, the program {:?}", ours.err());
        assert!(!answer.as_str().unwrap().starts_with("CRASH"), "pack {number}: {answer}");
    }
}
