//! The harm: a name that becomes a header, a log line or a terminal command.

use super::*;
use crate::alert::AlertState;
use crate::config::ChannelId;
use crate::sample::alert;
use kukaku_schema::Lang;
use proptest::prelude::*;

#[test]
fn an_alert_in_english_says_who_where_since_when_what_proves_it_what_to_do() {
    let mut alert = alert();
    alert.lang = Lang::En;
    alert.state = AlertState::Resolved;
    alert.until = Some(UtcMicros(alert.since.0 + 60_000_000));
    let body = body(&alert);
    for part in [
        "Critical Resolved: ",
        "Who: ",
        "Where: ",
        "Since: 2026-11-22T09:05:00+09:00",
        "Until: 2026-11-22T09:06:00+09:00",
        "Client: tomakomai",
        "What proves it:\n- ",
        "What to do: ",
        "Details: https://",
        "Finding: absent/vpn-1/7781, revision 1",
    ] {
        assert!(body.contains(part), "{part:?} is missing in\n{body}");
    }
}

#[test]
fn links_that_a_mail_program_must_not_open_are_left_out() {
    let mut alert = alert();
    for link in ["javascript:alert(1)", "https://a/ b", "https://a/\r\nBcc: x", "ftp://a", "https://a/<b>"] {
        alert.link = Some(link.to_owned());
        assert_eq!(safe_link(&alert), None, "{link}");
    }
}

#[test]
fn a_zone_that_nobody_knows_shows_utc_and_says_so() {
    let mut alert = alert();
    alert.time_zone = "Mars/Olympus".to_owned();
    assert!(body(&alert).contains("2026-11-22T00:05:00Z"));
}

/// Any text, with what breaks lines and moves cursors far more often than chance.
fn hostile() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        any::<String>(),
        prop_oneof![
            Just("\r\nBcc: a@b"),
            Just("\n.\n"),
            Just("\u{1b}]0;x\u{7}"),
            Just("\u{9b}2J"),
            Just("\u{2028}"),
            Just("\u{2029}"),
            Just("\u{202e}"),
            Just("\u{85}"),
            Just("\0"),
            Just("\u{feff}"),
            Just("\"]\\"),
        ]
        .prop_map(str::to_owned),
    ];
    prop::collection::vec(piece, 0..6).prop_map(|pieces| pieces.concat())
}

fn breaks(c: char) -> bool {
    c.is_control() || matches!(c, '\u{2028}' | '\u{2029}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

proptest! {
    #[test]
    fn no_name_breaks_out_of_its_line(text in hostile(), max in 0_usize..300) {
        let line = one_line(&text, max);
        prop_assert!(!line.chars().any(breaks), "{line:?}");
        prop_assert!(line.chars().count() <= max + 1);
    }

    #[test]
    fn no_name_breaks_out_of_a_message(
        title in hostile(), who in hostile(), site in hostile(), finding in hostile(),
        proof in prop::collection::vec(hostile(), 0..4), client in hostile(), link in hostile(),
    ) {
        let mut alert = alert();
        let lines = body(&alert).lines().count() - alert.proof.len();
        alert.proof = proof;
        (alert.title, alert.who, alert.site, alert.finding) = (title, who, site, finding);
        (alert.client, alert.link) = (Some(client), Some(format!("https://x/{link}")));
        prop_assert!(!subject(&alert).chars().any(breaks));
        prop_assert!(!line(&alert).chars().any(breaks));
        let body = body(&alert);
        prop_assert!(!body.chars().any(|c| c != '\n' && breaks(c)), "{body:?}");
        // Every line is one that we meant: hostile text adds none.
        prop_assert!(body.lines().count() <= lines + alert.proof.len());

        let config = toml::from_str("id = 'log'\naddress = '127.0.0.1:514'").unwrap();
        let message = crate::syslog_message(&config, &alert, UtcMicros(0), 8_192);
        let message = std::str::from_utf8(&message).unwrap();
        prop_assert!(!message.replace('\u{feff}', "").chars().any(breaks), "{message:?}");
        // The structured data ends where we ended it.
        let data = message.split("] \u{feff}").next().unwrap();
        prop_assert_eq!(unescaped_ends(data), 0, "{}", data);
    }

    #[test]
    fn a_cut_message_is_still_text(max in 0_usize..600) {
        let config = toml::from_str("id = 'log'\naddress = '127.0.0.1:514'").unwrap();
        let message = crate::syslog_message(&config, &alert(), UtcMicros(0), max);
        prop_assert!(message.len() <= max && std::str::from_utf8(&message).is_ok());
    }

    #[test]
    fn an_alert_survives_the_outbox(who in hostile(), revision in any::<u32>()) {
        let mut alert = alert();
        (alert.who, alert.revision) = (who, revision);
        let json = serde_json::to_string(&alert).unwrap();
        prop_assert!(!json.contains('\n'));
        prop_assert_eq!(serde_json::from_str::<Alert>(&json).unwrap(), alert);
    }
}

/// How many `]` in it are not escaped.
fn unescaped_ends(data: &str) -> usize {
    let (mut ends, mut escaped) = (0, false);
    for c in data.chars() {
        ends += usize::from(c == ']' && !escaped);
        escaped = c == '\\' && !escaped;
    }
    ends
}

#[test]
fn ids_tell_channels_findings_and_revisions_apart() {
    let id = |channel: &str, finding: &str, revision| {
        let mut alert = alert();
        (alert.finding, alert.revision) = (finding.to_owned(), revision);
        alert.delivery_id(&ChannelId::new(channel).unwrap())
    };
    let ids = [id("a", "bc", 1), id("ab", "c", 1), id("a", "bc", 2), id("a", "b", 1)];
    assert!((0..4).all(|i| (0..i).all(|j| ids[i] != ids[j])), "{ids:?}");
    assert_eq!(id("a", "bc", 1), ids[0]);
}
