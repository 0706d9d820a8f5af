//! The harm: a frame that is lost or misread is a door that nobody went through.

#![allow(clippy::unwrap_used)]

use kukaku_schema::observation::canonical_bytes;
use kukaku_schema::{Name, UtcMicros};
use proptest::prelude::*;

use super::*;

const NOW: UtcMicros = UtcMicros(1_795_305_900_000_000);

fn config(toml_text: &str) -> LineConfig {
    toml::from_str(&format!("source = \"panel-2\"\n{toml_text}")).unwrap()
}

/// What a decoder gives for bytes that come in the given pieces.
fn frames<'b>(config: &LineConfig, pieces: impl IntoIterator<Item = &'b [u8]>) -> Vec<String> {
    let mut decoder = Decoder::new(config).unwrap();
    let mut seen = Vec::new();
    for piece in pieces {
        decoder.push(piece, |frame| seen.push(shown(frame)));
    }
    decoder.cut(|frame| seen.push(shown(frame)));
    assert!(!decoder.is_inside_frame());
    seen
}

fn shown(frame: Frame<'_>) -> String {
    match frame {
        Frame::Whole(bytes) => format!("frame {}", bytes.escape_ascii()),
        Frame::Broken { bytes, reason } => format!("broken {}: {reason}", bytes.escape_ascii()),
        Frame::Noise(bytes) => format!("noise {}", bytes.escape_ascii()),
    }
}

fn whole(config: &LineConfig, bytes: &[u8]) -> Vec<String> {
    frames(config, [bytes])
}

#[test]
fn lines_end_with_lf_cr_or_both() {
    let lf = config("");
    assert_eq!(whole(&lf, b"a\nb\rc\r\n\n\r\nd\0e\n"), ["frame a", "frame b", "frame c", "frame d\\x00e"]);
    assert_eq!(whole(&lf, b"a\nbc"), ["frame a", "broken bc: the line fell silent inside a frame"]);
}

#[test]
fn a_line_without_end_is_told_once_and_the_next_is_read() {
    let lf = config("");
    let mut bytes = vec![b'x'; 200 * 1024];
    bytes.extend(b"\nnext\n");
    let seen = whole(&lf, &bytes);
    assert_eq!(seen.len(), 2);
    assert!(seen[0].ends_with(": 64 KiB without the end of a frame"));
    assert_eq!(seen[0].len(), "broken : 64 KiB without the end of a frame".len() + FRAME_MAX_BYTES);
    assert_eq!(seen[1], "frame next");

    let stx = config("framing = \"stx_etx\"");
    let mut bytes = vec![0x02];
    bytes.extend(vec![b'x'; 200 * 1024]);
    bytes.extend(b"\x02next\x03");
    bytes.extend(vec![b'y'; 200 * 1024]);
    bytes.extend(b"\x02last\x03");
    let seen = whole(&stx, &bytes);
    assert_eq!(seen.len(), 4, "{:?}", seen.iter().map(|s| &s[..s.len().min(20)]).collect::<Vec<_>>());
    assert_eq!((&*seen[1], &*seen[3]), ("frame next", "frame last"));
    assert!(seen[2].starts_with("noise yyy"));
}

#[test]
fn the_check_behind_etx_is_held_in_every_form() {
    // "AB" ETX: xor 0x41 ^ 0x42 ^ 0x03 = 0x00, sum 0x86; payload alone: 0x03, 0x83; with STX: 0x02, 0x88.
    for (keys, check) in [
        ("check = \"xor\"", &b"\x00"[..]),
        ("check = \"sum\"", b"\x86"),
        ("check = \"xor\"\ncheck_covers = \"payload\"", b"\x03"),
        ("check = \"sum\"\ncheck_covers = \"payload\"", b"\x83"),
        ("check = \"xor\"\ncheck_covers = \"stx_payload_etx\"", b"\x02"),
        ("check = \"sum\"\ncheck_covers = \"stx_payload_etx\"", b"\x88"),
        ("check = \"sum\"\ncheck_form = \"hex\"", b"86"),
        ("check = \"sum\"\ncheck_covers = \"stx_payload_etx\"\ncheck_form = \"hex\"", b"88"),
    ] {
        let config = config(&format!("framing = \"stx_etx\"\n{keys}"));
        let mut bytes = b"\x02AB\x03".to_vec();
        bytes.extend(check);
        assert_eq!(whole(&config, &bytes), ["frame AB"], "{keys}");
        *bytes.last_mut().unwrap() ^= 0x11;
        let seen = whole(&config, &bytes);
        assert!(seen[0].ends_with("the check behind ETX does not fit the frame"), "{keys}: {seen:?}");
    }
}

#[test]
fn a_lost_mark_costs_one_frame() {
    let xor = config("framing = \"stx_etx\"\ncheck = \"xor\"");
    let good = b"\x02AB\x03\x00";
    for (cut, first) in [
        (&b"AB\x03\x00"[..], "noise AB\\x03"),
        (b"\x02AB\x00", "broken \\x02AB\\x00: a new frame begins before this one ends"),
        (b"\x02AB\x03", "broken \\x02AB\\x03: the check behind ETX is missing"),
        (b"\x02AC\x03\x00", "broken \\x02AC\\x03\\x00: the check behind ETX does not fit the frame"),
        (b"\x02AB", "broken \\x02AB: a new frame begins before this one ends"),
    ] {
        let bytes = [cut, good].concat();
        assert_eq!(whole(&xor, &bytes), [first, "frame AB"]);
    }
    assert_eq!(
        whole(&xor, b"\x05\x06\r\n\x02AB\x03\x00\x04\xFF\xFF"),
        ["frame AB"],
        "handshakes and idle bytes say nothing"
    );
}

#[test]
fn frames_of_fixed_length_find_their_beginning_again() {
    let fixed = config("framing = \"fixed\"\nlength = 6\nsync = \"AA 55\"");
    assert_eq!(whole(&fixed, b"\xAA\x55abcd\xAA\x55efgh"), ["frame abcd", "frame efgh"]);
    assert_eq!(whole(&fixed, b"zz\xAA\xAA\x55abcd"), ["noise zz\\xaa", "frame abcd"]);
    // A byte is lost: that frame takes the first byte of the next, and the one behind it is whole again.
    let seen = whole(&fixed, b"\xAA\x55abd\xAA\x55efgh\xAA\x55ijkl");
    assert_eq!(seen, ["frame abd\\xaa", "noise Uefgh", "frame ijkl"]);
    assert_eq!(
        whole(&config("framing = \"fixed\"\nlength = 3"), b"abcdefgh"),
        ["frame abc", "frame def", "broken gh: the line fell silent inside a frame"]
    );
}

const PANEL: &str = r#"
encoding = "shift_jis"
ignore = ["^\\?$", "^POLL"]
alive = "^OK"
[[messages]]
pattern = '^(?<no>\d+),(?<at>[^,]*),(?<dir>入室|退室|.),(?<card>[^,]*)(?:,(?<result>.*))?$'
[messages.fields]
seq = { group = "no" }
device_time = { group = "at", format = "%Y%m%d%H%M%S", zone = "Asia/Tokyo" }
reader = { group = "dir", map = { "入室" = "north-in", "退室" = "north-out" } }
credential = { template = "card:{card}" }
result = { group = "result", map = { "拒否" = "denied" }, default = "granted" }
[[messages]]
pattern = '^DOOR (?<state>\w+)$'
[messages.fields]
kind = { constant = "door.state" }
door = { constant = "north" }
state = { group = "state", map = { OPEN = "opened", SHUT = "closed" } }
"#;

fn says(text: &[u8]) -> String {
    let protocol = LineProtocol::new(&config(PANEL)).unwrap();
    match protocol.hear(Frame::Whole(text), NOW) {
        Heard::Observation(observation) => String::from_utf8(canonical_bytes(&observation)).unwrap(),
        Heard::Unreadable(unreadable) => {
            assert_eq!((&*unreadable.head, unreadable.source.as_deref()), (text, Some("panel-2")));
            unreadable.reason
        }
        Heard::Ignored => "ignored".to_owned(),
    }
}

fn says_japanese(text: &str) -> String {
    says(&encoding_rs::SHIFT_JIS.encode(text).0)
}

#[test]
fn messages_become_observations_by_their_groups() {
    assert_eq!(
        says_japanese("12,20261122090000,入室,0A1B"),
        r#"{"kind":"door.reading","source":"panel-2","seq":12,"device_time":"2026-11-22T00:00:00Z","reader":"north-in","credential":"card:0A1B","result":"granted"}"#
    );
    assert!(
        says_japanese("13,20261122090000,退室,0A1B,拒否")
            .contains(r#""reader":"north-out","credential":"card:0A1B","result":"denied""#)
    );
    assert_eq!(
        says_japanese("DOOR OPEN"),
        r#"{"kind":"door.state","source":"panel-2","device_time":"2026-11-22T00:05:00Z","door":"north","state":"opened"}"#
    );
    assert_eq!(
        says_japanese("OK"),
        r#"{"kind":"source.alive","source":"panel-2","device_time":"2026-11-22T00:05:00Z"}"#
    );
    assert_eq!(says_japanese("POLL 3"), "ignored");
    // A line without a time was said when it was heard.
    assert!(says_japanese("14,,入室,0A1B").contains(r#""device_time":"2026-11-22T00:05:00Z""#));
}

#[test]
fn what_is_not_understood_says_why_and_keeps_its_bytes() {
    assert_eq!(says_japanese("hello"), "no message pattern fits");
    assert_eq!(says(b"12,2026\x81"), "no Shift_JIS");
    assert_eq!(says_japanese("12,20261122090000,再,0A1B"), "`reader`: \"再\" is not in the map; it knows 入室, 退室");
    assert_eq!(
        says_japanese("12,2026112209,入室,0A1B"),
        "`device_time`: \"2026112209\" is no time of the form \"%Y%m%d%H%M%S\""
    );
    assert_eq!(says_japanese("12,20261122090000,入室,"), "`credential` is empty");
    assert!(says_japanese("99999999999999999999,20261122090000,入室,0A1B").starts_with("`seq`: "));
    assert!(says_japanese("12,20261122090000,入室,0A\u{1}").contains("U+0001"));
    assert!(says_japanese("DOOR AJAR").contains("it knows OPEN, SHUT"));
}

#[test]
fn a_wrong_setup_names_its_key() {
    let error = |text: &str| {
        let config = config(text);
        LineProtocol::new(&config).map(drop).and_then(|()| Decoder::new(&config).map(drop)).unwrap_err().to_string()
    };
    assert!(error("").starts_with("`messages`: "));
    assert!(error("ignore = [\"(\"]\nalive = '.'").starts_with("`ignore[0]`: "));
    assert!(error("alive = '.'\nframing = \"fixed\"").starts_with("`length`: "));
    assert!(error("alive = '.'\nframing = \"fixed\"\nlength = 2\nsync = \"AA55\"").starts_with("`length`: "));
    assert!(error("alive = '.'\nframing = \"fixed\"\nlength = 9\nsync = \"AA5\"").starts_with("`sync`: "));
    assert!(error("alive = '.'\nlength = 9").starts_with("`length`: belongs to"));
    assert!(error("alive = '.'\ncheck = \"xor\"").starts_with("`check`: belongs to"));
    let with = |fields: &str| error(&format!("[[messages]]\npattern = '^(?<a>.)$'\n[messages.fields]\n{fields}"));
    assert_eq!(with(""), "`messages[0].fields`: missing a rule for `reader`");
    assert!(with("reader = { column = \"a\" }").starts_with("`messages[0].fields.reader`: expected `group` here"));
    let all = "reader = { group = \"a\" }\ncredential = { group = \"b\" }\nresult = { constant = \"granted\" }";
    assert_eq!(with(all), "`messages[0].fields`: the pattern has no group \"b\"; it has: a");
    assert!(with("kind = { constant = \"session.alive\" }").contains("missing a rule for `session`"));
}

/// Bytes as they come from a line: frames, torn frames and noise, for each framing.
fn stream() -> impl Strategy<Value = Vec<u8>> {
    let part = prop_oneof![
        4 => "[A-Z]{0,6}".prop_map(|text| {
            let mut bytes = vec![STX];
            bytes.extend(text.as_bytes());
            bytes.push(ETX);
            bytes.push(bytes[1..].iter().fold(0, |all, b| all ^ b));
            bytes
        }),
        2 => "[A-Z]{0,6}\r?\n?".prop_map(String::into_bytes),
        2 => Just(b"\xAA\x55abcd".to_vec()),
        2 => proptest::collection::vec(any::<u8>(), 0..6),
    ];
    proptest::collection::vec((part, any::<proptest::sample::Index>(), any::<bool>()), 0..20).prop_map(|parts| {
        parts
            .into_iter()
            .flat_map(|(mut bytes, cut, is_torn)| {
                if is_torn {
                    bytes.truncate(cut.index(bytes.len() + 1));
                }
                bytes
            })
            .collect()
    })
}

const STX: u8 = 0x02;
const ETX: u8 = 0x03;

fn framings() -> [LineConfig; 5] {
    [
        config(""),
        config("framing = \"stx_etx\""),
        config("framing = \"stx_etx\"\ncheck = \"xor\""),
        config("framing = \"stx_etx\"\ncheck = \"sum\"\ncheck_form = \"hex\""),
        config("framing = \"fixed\"\nlength = 6\nsync = \"AA55\""),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_frames_do_not_depend_on_how_the_bytes_were_cut(bytes in stream(), cuts in proptest::collection::vec(1_usize..7, 1..40)) {
        for config in framings() {
            let mut pieces = Vec::new();
            let mut rest = &bytes[..];
            for len in cuts.iter().cycle() {
                let (piece, after) = rest.split_at((*len).min(rest.len()));
                pieces.push(piece);
                rest = after;
                if rest.is_empty() {
                    break;
                }
            }
            prop_assert_eq!(whole(&config, &bytes), frames(&config, pieces));
        }
    }

    #[test]
    fn every_truncation_is_told_and_the_frame_behind_it_is_read(text in "[A-Z]{1,12}", cut in any::<proptest::sample::Index>()) {
        let mut frame = vec![STX];
        frame.extend(text.as_bytes());
        frame.push(ETX);
        frame.push(frame[1..].iter().fold(0, |all, b| all ^ b));
        let torn = &frame[..cut.index(frame.len())];
        // Torn before a check byte that happens to be STX, the next frame's STX completes it: no
        // receiver can tell.
        prop_assume!(torn.last() != Some(&ETX) || frame.last() != Some(&STX));
        let xor = config("framing = \"stx_etx\"\ncheck = \"xor\"");
        let seen = whole(&xor, &[torn, &frame[..]].concat());
        let expected = format!("frame {text}");
        prop_assert_eq!(seen.last(), Some(&expected));
        prop_assert_eq!(seen.len(), usize::from(!torn.is_empty()) + 1);
    }

    #[test]
    fn no_frame_breaks_the_protocol(bytes in proptest::collection::vec(any::<u8>(), 0..200), text in "[0-9]{1,3},[0-9]{0,14},(入室|x),\\PC{0,5}") {
        let protocol = LineProtocol::new(&config(PANEL)).unwrap();
        for bytes in [&bytes[..], &encoding_rs::SHIFT_JIS.encode(&text).0] {
            if let Heard::Unreadable(unreadable) = protocol.hear(Frame::Whole(bytes), NOW) {
                prop_assert_eq!(unreadable.length, bytes.len() as u64);
                prop_assert_eq!(&unreadable.head[..], bytes);
            }
        }
    }
}

#[test]
fn the_source_of_a_line_may_be_named_by_its_message() {
    let text = "[[messages]]\npattern = '^(?<unit>\\d)$'\n[messages.fields]\nkind = { constant = \"source.alive\" }\nsource = { template = \"panel-{unit}\" }";
    let protocol = LineProtocol::new(&config(text)).unwrap();
    let Heard::Observation(observation) = protocol.hear(Frame::Whole(b"7"), NOW) else { panic!() };
    assert_eq!(observation.header().source, &Name::new("panel-7").unwrap());
}
