//! Harm: the city's own tool takes a forged pack for a true one, or forgets which checkpoint it
//! was shown.
#![allow(clippy::unwrap_used)]

#[path = "../../pack/tests/common/mod.rs"]
mod common;

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use common::{Log, key};
use kukaku_ledger::{Cosigner, SignedNote};
use kukaku_pack::Encoding;

/// A fresh folder under the build's own folder.
fn folder(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(&folder).unwrap();
    folder
}

fn program(folder: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_kukaku-verify"));
    command.args(arguments).arg("--memory").arg(folder.join("memory")).env("LANG", "ja_JP.UTF-8");
    command.output().unwrap()
}

#[track_caller]
fn exits(output: &Output, code: i32) -> String {
    let said = [&output.stdout[..], &output.stderr].concat();
    let said = String::from_utf8(said).unwrap();
    assert_eq!(output.status.code(), Some(code), "{said}");
    said
}

fn trust(folder: &Path) {
    let vkey = key().verifier().to_string();
    let hex = kukaku_ledger::Hash::of(vkey.as_bytes()).to_string();
    exits(&program(folder, &["trust", &vkey, "--fingerprint", &hex[..20]]), 0);
}

fn keep(folder: &Path, name: &str, pack: &[u8]) -> String {
    let path = folder.join(name);
    std::fs::write(&path, pack).unwrap();
    path.to_str().unwrap().to_owned()
}

#[test]
fn a_pack_is_verified_with_the_key_that_was_trusted_and_its_checkpoint_remembered() {
    let folder = folder("pack-good");
    let pack = keep(&folder, "pack.zip", &Log::of(250).pack(200, Encoding::Utf8));
    let said = exits(&program(&folder, &[&pack]), 3);
    assert!(said.contains("kukaku-verify trust 公開鍵"), "{said}");
    trust(&folder);
    let said = exits(&program(&folder, &[&pack]), 0);
    for part in [
        "検証できました",
        "封印: 250 件",
        "開示 114 件、伏せた記録 88 件",
        "欠番がありません",
        "未証人 250 件",
        "最初の封印として記憶しました",
    ] {
        assert!(said.contains(part), "{part} in {said}");
    }
    let said = exits(&program(&folder, &["pack", &pack]), 0);
    assert!(said.contains("記憶と一致します"), "{said}");
    assert!(exits(&program(&folder, &[&pack, "--lang", "en"]), 0).contains("Verified: "));
}

#[test]
fn a_changed_pack_is_refused_and_nothing_of_it_remembered() {
    let folder = folder("pack-changed");
    trust(&folder);
    let mut pack = Log::of(250).pack(200, Encoding::Utf8);
    let at = pack.windows(7).position(|bytes| bytes == b"granted").unwrap();
    pack[at] ^= 1;
    let pack = keep(&folder, "pack.zip", &pack);
    let said = exits(&program(&folder, &[&pack]), 5);
    assert!(said.starts_with("検証できません: "), "{said}");
    assert!(!exits(&program(&folder, &["show"]), 0).contains("250"));
}

#[test]
fn a_pack_of_a_rebuilt_journal_is_a_fork_though_it_verifies() {
    let folder = folder("pack-fork");
    trust(&folder);
    let truth = keep(&folder, "truth.zip", &Log::of(250).pack(200, Encoding::Utf8));
    exits(&program(&folder, &[&truth]), 0);
    let mut rebuilt = Log::of(250).entries;
    rebuilt[20].leaf.source = "vpn-2".to_owned();
    let rebuilt = keep(&folder, "rebuilt.zip", &Log::sealed(rebuilt).pack(200, Encoding::Utf8));
    let said = exits(&program(&folder, &[&rebuilt]), 2);
    assert!(said.contains("分岐") && !said.contains("検証できました"), "{said}");
}

#[test]
fn cosignatures_beside_the_pack_are_named_if_they_hold() {
    let folder = folder("pack-witnessed");
    trust(&folder);
    let log = Log::of(250);
    let pack = keep(&folder, "pack.zip", &log.pack(200, Encoding::Utf8));
    let witness = Cosigner::from_seed("witness.tomakomai", &[9; 32]).unwrap();
    let note = SignedNote::parse(&log.checkpoint()).unwrap();
    let cosigned = note.with_signature(witness.cosign(&note, 1_795_305_900)).unwrap();
    let beside = |checkpoint: &str| {
        let json = serde_json::json!({"format": "kukaku-pack-beside/1", "checkpoint": checkpoint, "witnesses": [witness.key().to_string()]});
        keep(&folder, "pack.zip.beside.json", json.to_string().as_bytes());
    };
    beside(&cosigned.to_text());
    let said = exits(&program(&folder, &[&pack]), 0);
    assert!(said.contains("連署: 2026-11-22T00:05:00Z 250 件まで") && said.contains("witness.tomakomai"), "{said}");
    beside(&note.to_text());
    assert!(exits(&program(&folder, &[&pack]), 0).contains("未証人 250 件"));
    // A cosignature of another tree counts nothing.
    let other = SignedNote::parse(&Log::of(249).checkpoint()).unwrap();
    beside(&other.with_signature(witness.cosign(&other, 1)).unwrap().to_text());
    assert!(exits(&program(&folder, &[&pack]), 0).contains("未証人 250 件"));
}
