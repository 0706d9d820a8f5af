//! The demonstration's day, run by the real program: what comes out has to be its written truth.

#![allow(clippy::unwrap_used)]

use std::process::Command;

use kukaku::demo::truth::{FAILURES, FINDINGS, JOINED, ORDERS, SESSIONS};

#[test]
fn the_day_of_the_demonstration_comes_out_as_its_written_truth_says() {
    let out = Command::new(env!("CARGO_BIN_EXE_kukaku")).args(["demo", "--once"]).output().unwrap();
    let text = String::from_utf8(out.stdout).unwrap();
    assert_eq!(out.status.code(), Some(0), "{text}\n{}", String::from_utf8_lossy(&out.stderr));
    for truth in SESSIONS {
        let row = text.lines().find(|line| line.split_whitespace().any(|cell| cell == truth.session));
        let row = row.unwrap_or_else(|| panic!("no row for {}:\n{text}", truth.session));
        assert!(row.split_whitespace().any(|cell| cell == truth.verdict.word()), "{row}");
    }
    let words = |line: &str, words: &[&str]| words.iter().all(|word| line.split_whitespace().any(|cell| cell == *word));
    for (order, state) in ORDERS {
        assert!(text.lines().any(|line| words(line, &[order, state.word()])), "no order {order}:\n{text}");
    }
    for (failure, stage, _) in FAILURES {
        assert!(text.lines().any(|line| words(line, &[failure, stage.word()])), "no failure {failure}:\n{text}");
    }
    for (_, records) in JOINED {
        assert!(text.lines().any(|line| words(line, records)), "not one session: {records:?}\n{text}");
    }
    for kind in FINDINGS.iter().filter_map(|name| name.split('|').next()) {
        assert!(text.split_whitespace().any(|cell| cell == kind), "no finding {kind}:\n{text}");
    }
}
