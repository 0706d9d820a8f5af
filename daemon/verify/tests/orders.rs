//! Harm: an officer signs what he was not shown, or something else than he meant.
#![allow(clippy::unwrap_used)]

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use kukaku_ledger::VerifierKey;
use kukaku_pack::{OrderAnswer, OrderSheet};

fn folder(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(&folder).unwrap();
    folder
}

fn program(folder: &Path, arguments: &[&str], typed: &str) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_kukaku-verify"));
    command.args(arguments).current_dir(folder).env("LANG", "ja_JP.UTF-8");
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    // A program that refuses at once reads nothing.
    let _ = child.stdin.take().unwrap().write_all(typed.as_bytes());
    child.wait_with_output().unwrap()
}

#[track_caller]
fn exits(output: &Output, code: i32) -> String {
    let said = String::from_utf8([&output.stdout[..], &output.stderr].concat()).unwrap();
    assert_eq!(output.status.code(), Some(code), "{said}");
    said
}

fn sheet(state: &str, made_at_us: i64) -> OrderSheet {
    let body = serde_json::json!({
        "kind": "order.revised", "source": "kukaku", "device_time": "2026-11-22T00:00:00Z", "order": "R8-0123",
        "client": "tomakomai", "act": "submit", "state": state, "by": "hanako", "side": "vendor",
        "from": "2026-11-24T03:00:00Z", "to": "2026-11-24T06:00:00Z", "purpose": "定期保守",
        "content": "一行目\n二行目\u{1b}[2K", "operators": ["op-01"], "responsible": "鈴木",
        "files": [{"name": "patch.zip", "sha256": "00ff"}], "something_new": "shown all the same",
    });
    OrderSheet::new("sapporo-1".to_owned(), "R8-0123".to_owned(), made_at_us, body.to_string())
}

#[test]
fn an_officer_sees_every_field_types_the_number_and_signs_exactly_that() {
    let folder = folder("orders-good");
    let said = exits(&program(&folder, &["order-key", "--name", "tomakomai-soumu", "--key", "city.key"], ""), 0);
    let key = VerifierKey::parse(said.lines().next().unwrap()).unwrap();
    assert_eq!(said.lines().nth(1).unwrap(), key.fingerprint());
    let sheet = sheet("submitted", 0);
    std::fs::write(folder.join("order.json"), sheet.to_json()).unwrap();
    let approve = ["approve", "order.json", "--key", "city.key", "--remarks", "立会いあり"];
    let said = exits(&program(&folder, &approve, "総務 太郎\nR8-0124\n"), 1);
    assert!(said.contains("署名しませんでした") && !folder.join("order.approve.txt").exists(), "{said}");
    assert!(exits(&program(&folder, &approve, ""), 1).contains("署名しませんでした"));
    let said = exits(&program(&folder, &approve, "総務 太郎\nR8-0123\n"), 0);
    for part in [
        "開始: 2026-11-24 12:00:00 (+09:00)",
        "拠点: sapporo-1",
        "目的: 定期保守",
        "二行目\u{FFFD}[2K",
        "patch.zip",
        "00ff",
        "something_new: shown all",
    ] {
        assert!(said.contains(part), "{part} in {said}");
    }
    let answer = std::fs::read(folder.join("order.approve.txt")).unwrap();
    let (answer, _) = OrderAnswer::open(&answer, &[key]).unwrap();
    assert_eq!((answer.act.as_str(), answer.by.as_str()), ("approve", "総務 太郎"));
    assert!(answer.at.len() > "2026-11-22T00:00:00Z".len(), "an order of the same second is not before it");
    assert_eq!((answer.remarks.as_deref(), answer.sheet), (Some("立会いあり"), sheet.hash().to_string()));
    // What was signed is not written over, and a key neither.
    exits(&program(&folder, &approve, "総務 太郎\nR8-0123\n"), 1);
    exits(&program(&folder, &["order-key", "--name", "x", "--key", "city.key"], ""), 1);
}

#[test]
fn nothing_is_signed_that_does_not_wait_for_it_or_by_a_clock_that_is_behind() {
    let folder = folder("orders-refused");
    exits(&program(&folder, &["order-key", "--name", "soumu", "--key", "city.key"], ""), 0);
    let keep = |sheet: &OrderSheet| std::fs::write(folder.join("order.json"), sheet.to_json()).unwrap();
    let act = |word: &str| {
        program(&folder, &[word, "order.json", "--key", "city.key", "--by", "太郎", "--out", "a.txt"], "R8-0123\n")
    };
    keep(&sheet("submitted", 0));
    assert!(exits(&act("accept"), 1).contains("reported"));
    keep(&sheet("submitted", 253_000_000_000_000_000));
    assert!(exits(&act("approve"), 1).contains("時計を合わせて"));
    std::fs::write(folder.join("order.json"), "{}").unwrap();
    assert!(exits(&act("approve"), 1).contains("申請のファイルではありません"));
    keep(&sheet("reported", 0));
    exits(&act("accept"), 0);
    let mut command = Command::new(env!("CARGO_BIN_EXE_kukaku-verify"));
    let help = exits(&command.env("LANG", "ja_JP.UTF-8").output().unwrap(), 0);
    assert!(help.contains("order-key") && help.contains("approve"), "{help}");
}
