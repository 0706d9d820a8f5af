//! Whatever comes: no panic, bounded memory, the same outcome for the same lines.

use proptest::prelude::*;

use super::*;
use crate::logs::HELD_MAX;

/// Pieces of real lines, so that chance reaches the rules.
fn line() -> impl Strategy<Value = Vec<u8>> {
    let pieces = prop::sample::select(vec![
        "<38>",
        "<190>1 ",
        "Nov 22 09:00:00 ",
        "2026-11-22T09:00:00+09:00 ",
        "gw ",
        "sshd[7]: ",
        "- ",
        "%ASA-6-113039: ",
        "[L2TP] TUNNEL[1] ",
        "connected from 203.0.113.9",
        "PP[ANONYMOUS01] ",
        "Call detected from user 'a'",
        "Disconnected",
        "Accepted password for a from 192.0.2.1 port 5 ssh2",
        "Disconnected from user a 192.0.2.1 port 5",
        " => ",
        "subtype=vpn action=\"tunnel-up\" tunneltype=ssl user=\"a\\\"",
        "CEF:0|a|b|1|300|PSM Connect|5|suser=a=b c ",
        "\\",
        "LEEF:2.0|a|b|1|x|^|k=v^",
        "{\"event\":\"session.start\",",
        "\"sid\":[1]}",
        "\"startDate\":9e99}",
        "[",
        "]",
        "\"",
        "=",
        ",gateway-connected,",
        "1,GLOBALPROTECT,",
        "\u{3000}",
        "田",
        "\r\n",
        "\0",
    ]);
    let piece = prop_oneof![
        8 => pieces.prop_map(|piece| piece.as_bytes().to_vec()),
        1 => prop::collection::vec(any::<u8>(), 0..12),
    ];
    prop::collection::vec(piece, 0..10).prop_map(|pieces| pieces.concat())
}

fn outcomes(dialect: &str, lines: &[Vec<u8>]) -> (Vec<Outcome>, usize) {
    let mut reader = shipped(dialect);
    let told = lines.iter().enumerate().map(|(second, line)| {
        let received = UtcMicros(noon().0 + second as i64 * 1_000_000);
        let line = header::read(line, received, &zone());
        reader.take(&line, received)
    });
    (told.collect(), reader.held())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn any_bytes_give_the_same_outcome_each_time(lines in prop::collection::vec(line(), 1..12)) {
        for dialect in Rules::shipped_names() {
            let (first, held) = outcomes(dialect, &lines);
            prop_assert_eq!(&(first, held), &outcomes(dialect, &lines));
            prop_assert!(held <= HELD_MAX);
        }
    }

    #[test]
    fn an_explained_line_becomes_what_it_becomes_unexplained(lines in prop::collection::vec(line(), 1..12)) {
        for dialect in Rules::shipped_names() {
            let (mut plain, mut told) = (shipped(dialect), shipped(dialect));
            for line in &lines {
                let line = header::read(line, noon(), &zone());
                prop_assert_eq!(plain.take(&line, noon()), told.explain(&line, noon()).0);
            }
        }
    }

    #[test]
    fn no_text_is_lost_to_a_header(line in line()) {
        let read = header::read(&line, noon(), &zone());
        prop_assert!(read.whole().contains(read.text()));
        prop_assert!(!read.text().is_empty() || read.whole().trim().is_empty());
    }

    #[test]
    fn any_rule_file_is_read_or_refused(text in "\\PC{0,200}") {
        let _ = Rules::parse(&text, "any.toml");
        let _ = Rules::parse(&format!("[log]\nname = 'x'\n[[rule]]\nemit = 'ignore'\nregex = '{text}'"), "any.toml");
    }
}

#[test]
fn a_long_line_of_half_open_things_takes_no_time_to_speak_of() {
    let pieces = [
        "a=\"",
        "=\\\"",
        "[",
        "CEF:0|",
        "\\",
        "{",
        "<1>",
        "Nov 22 09:00:00 ",
        "A b=c ",
        "/1:2 MULTI: primary virtual IP for ",
    ];
    for piece in pieces {
        // The longest datagram there is.
        let line = piece.repeat(65_535 / piece.len());
        for prefix in [
            "",
            "CEF:0|a|b|c|d|e|f|",
            "tunnel-up subtype=vpn ",
            "VPN zone remote user login allowed ",
            "session.start ",
        ] {
            let line = format!("{prefix}{line}");
            let read = header::read(line.as_bytes(), noon(), &zone());
            for dialect in Rules::shipped_names() {
                assert!(
                    !matches!(shipped(dialect).take(&read, noon()), Outcome::Observations(_)),
                    "{dialect}: {piece}"
                );
            }
        }
    }
}
