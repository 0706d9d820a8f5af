//! What holds for every file of code.

use std::collections::BTreeMap;

use crate::repository::{files, read};

/// The wall for a file of Rust; 300 is the aim.
const LINES_MAX: usize = 500;

/// Files that may be longer, each with its reason.
const LONGER: [(&str, usize, &str); 0] = [];

#[test]
fn no_file_of_rust_runs_away() {
    let too_long: Vec<String> = files(".rs")
        .iter()
        .filter_map(|file| {
            let lines = file.text.lines().count();
            let allowed = LONGER.iter().find(|(path, ..)| *path == file.path);
            let limit = allowed.map_or(LINES_MAX, |(_, limit, _)| *limit);
            (lines > limit).then(|| format!("{}: {lines} lines, {limit} allowed", file.path))
        })
        .collect();
    assert!(too_long.is_empty(), "split by subject:\n{}", too_long.join("\n"));
}

/// Spelled in pieces, so that this file passes its own check.
fn unwanted() -> Vec<(String, &'static str)> {
    let mark = |parts: [&str; 2], why| (parts.concat(), why);
    vec![
        mark(["TO", "DO"], "unfinished work belongs into an issue"),
        mark(["FIX", "ME"], "unfinished work belongs into an issue"),
        mark(["XX", "X:"], "unfinished work belongs into an issue"),
        mark(["unimpl", "emented!"], "unfinished work belongs into an issue"),
        mark(["/ro", "ot/"], "a path of one machine"),
        mark(["/wo", "rk/"], "a path of one machine"),
        mark(["/home", "/"], "a path of one machine"),
        mark(["bash_", "jobs"], "a path of one machine"),
        mark(["index.", "crates.io"], "a registry's host"),
        mark(["static.", "crates.io"], "a registry's host"),
        mark(["registry.", "npmjs"], "a registry's host"),
        mark(["files.", "pythonhosted"], "a registry's host"),
        mark(["#[ign", "ore"], "a test that doesn't run tests nothing"),
        mark(["thread::sl", "eep"], "a test that waits by the clock fails by the clock; inject time"),
        mark(["tokio::time::sl", "eep("], "a test that waits by the clock fails by the clock; inject time"),
    ]
}

/// Where a real wait is right: the program waits for the outside world.
fn may_wait(path: &str) -> bool {
    !path.contains("tests") && !path.contains("testing")
}

#[test]
fn no_marks_of_unfinished_work_and_no_traces_of_one_machine() {
    let mut found = Vec::new();
    for file in files("") {
        for (number, line) in file.text.lines().enumerate() {
            for (mark, why) in unwanted() {
                let is_wait = mark.contains("sleep");
                if line.contains(&mark) && !(is_wait && may_wait(&file.path)) {
                    found.push(format!("{}:{}: {mark}: {why}", file.path, number + 1));
                }
            }
        }
    }
    assert!(found.is_empty(), "{}", found.join("\n"));
}

/// The rooms and what each may know of the others, as ARCHITECTURE.md draws them.
const ARROWS: [(&str, &[&str]); 18] = [
    ("schema", &[]),
    ("daemon/core", &["schema"]),
    ("daemon/ledger", &[]),
    ("daemon/pack", &["ledger"]),
    ("daemon/verify", &["ledger", "pack"]),
    ("adapters/codec", &["schema"]),
    ("daemon/store", &["schema", "core", "ledger"]),
    ("adapters/tls", &[]),
    ("adapters/mqtt", &["schema", "codec", "tls"]),
    ("adapters/radius", &["schema", "codec", "tls"]),
    ("adapters/serial", &["schema", "codec"]),
    ("adapters/syslog", &["schema", "codec", "tls"]),
    ("adapters/footage", &["schema", "codec"]),
    ("adapters/guacamole", &["schema", "codec"]),
    ("adapters/notify", &["schema"]),
    ("web", &["schema", "core", "store"]),
    (
        "daemon/kukaku",
        &[
            "schema",
            "core",
            "ledger",
            "pack",
            "codec",
            "store",
            "tls",
            "mqtt",
            "radius",
            "serial",
            "syslog",
            "footage",
            "guacamole",
            "notify",
            "web",
        ],
    ),
    (
        "tests",
        &[
            "schema", "core", "ledger", "pack", "codec", "store", "tls", "mqtt", "radius", "serial", "footage",
            "notify", "web", "kukaku",
        ],
    ),
];

#[test]
fn no_room_knows_more_of_the_others_than_the_drawing_says() {
    let workspace: toml::Table = read("Cargo.toml").parse().expect("Cargo.toml is TOML");
    let members: Vec<&str> = workspace["workspace"]["members"]
        .as_array()
        .expect("members is a list")
        .iter()
        .filter_map(toml::Value::as_str)
        .collect();
    let arrows: BTreeMap<&str, &[&str]> = ARROWS.into_iter().collect();
    let mut drawn: Vec<&str> = arrows.keys().copied().collect();
    drawn.sort_by_key(|room| members.iter().position(|member| member == room));
    assert_eq!(drawn, members, "draw the new room");
    for (room, allowed) in arrows {
        let manifest: toml::Table = read(&format!("{room}/Cargo.toml")).parse().expect("TOML");
        let knows = manifest.get("dependencies").and_then(toml::Value::as_table);
        for crate_name in knows.into_iter().flat_map(toml::Table::keys) {
            let known = crate_name.strip_prefix("kukaku-").unwrap_or(crate_name);
            let is_room = crate_name == "kukaku" || crate_name.starts_with("kukaku-");
            assert!(!is_room || allowed.contains(&known), "{room} must not know {crate_name}");
        }
    }
}

/// Rooms that are pure, and the words with which a program reaches for the world.
const PURE: [&str; 4] = ["daemon/core/src", "daemon/ledger/src", "daemon/pack/src", "adapters/codec/src"];
const WORLD: [(&str, &str); 8] = [
    ("std::fs", "files belong to the daemon"),
    ("std::net", "sockets belong to the links"),
    ("std::thread", "threads belong to the daemon"),
    ("std::process", "programs belong to the daemon"),
    ("std::env", "settings are handed in"),
    ("SystemTime", "time is an argument"),
    ("Instant::now", "time is an argument"),
    ("tokio::", "waiting belongs to the daemon"),
];

#[test]
fn the_pure_rooms_do_not_reach_for_the_world() {
    let mut found = Vec::new();
    for file in files(".rs") {
        let pure = PURE.iter().any(|room| file.path.starts_with(room));
        if !pure || file.path.contains("/tests") {
            continue;
        }
        for (number, line) in file.text.lines().enumerate() {
            let code = line.split("//").next().unwrap_or_default();
            for (word, why) in WORLD {
                if code.contains(word) {
                    found.push(format!("{}:{}: {word}: {why}", file.path, number + 1));
                }
            }
            // The order of a hash map differs from run to run, and so would a replay.
            if file.path.starts_with("daemon/core") && code.contains("HashMap") {
                found.push(format!("{}:{}: HashMap has no order", file.path, number + 1));
            }
        }
    }
    assert!(found.is_empty(), "{}", found.join("\n"));
}
