//! A mapping that is wrong says where.

use super::*;

/// The mapping of the documentation.
const EXAMPLE: &str = r#"
[doors]
encoding = "shift_jis"       # or "utf-8"
skip_lines = 3               # before the header line
[doors.fields]
source = { constant = "panel" }
event_id = { column = "no" } # optional: identity where there is no seq
device_time = { column = "日時", format = "%Y-%m-%d %H:%M:%S", zone = "Asia/Tokyo" }
reader = { column = "状況", map = { "入室" = "north-in", "退室" = "north-out" } }
credential = { template = "card:{名前}" }
result = { constant = "granted" }
[sessions]
[sessions.fields]            # a row with start and end stands for both observations
source = { constant = "vpn-1" }
session = { column = "id" }
account = { column = "user" }
terminal = { column = "terminal" }
start = { column = "start_ms", format = "unix_ms" }   # "rfc3339", "unix_s", "unix_ms", or strftime with zone
end = { column = "end_ms", format = "unix_ms" }       # empty: still open
"#;

#[test]
fn the_documented_mapping_reads_both_kinds_of_file() {
    let doors_file = shift_jis(
        "入退室履歴\r\n出力日,2026-11-23\r\n\"\r\nno,日時,状況,名前\r\n\
         1,2026-11-22 09:00:00,入室,髙橋①\r\n2,2026-11-22 10:05:00,退室,髙橋①\r\n3,2026-11-22 11:00:00,再入室,佐藤\r\n",
    );
    let seen = rows(&doors(EXAMPLE), &doors_file);
    assert_eq!(
        seen[0].1.as_ref().unwrap(),
        r#"{"kind":"door.reading","source":"panel","event_id":"1","device_time":"2026-11-22T00:00:00Z","reader":"north-in","credential":"card:髙橋①","result":"granted"}"#
    );
    assert_eq!((seen[0].0, seen[1].0, seen.len()), (5, 6, 3));
    assert!(seen[1].1.as_ref().unwrap().contains("north-out"));
    assert_eq!(seen[2], (7, Err("`reader`: \"再入室\" is not in the map; it knows 入室, 退室".to_owned())));

    let sessions_file = "id,user,terminal,start_ms,end_ms\n7781,tmk-a01,term-1,1795305900000,1795309200000\n7782,tmk-a01,,1795305900000,\n";
    let seen = rows(&sessions(EXAMPLE), sessions_file.as_bytes());
    assert_eq!(
        seen[0].1.as_ref().unwrap(),
        concat!(
            r#"{"kind":"session.started","source":"vpn-1","device_time":"2026-11-22T00:05:00Z","session":"7781","account":"tmk-a01","terminal":"term-1"} "#,
            r#"{"kind":"session.ended","source":"vpn-1","device_time":"2026-11-22T01:00:00Z","session":"7781"}"#
        )
    );
    assert!(!seen[1].1.as_ref().unwrap().contains("ended"), "an empty end is an open session");
    assert!(doors(EXAMPLE).readings_only());
}

const FIELDS: &str = "[doors.fields]\nsource = { constant = \"p\" }\ncredential = { column = 2 }\nreader = { column = 3 }\nresult = { constant = \"granted\" }\n";
const TIME: &str = "device_time = { column = 1 }\n";

/// The error of a mapping: its line, its key, and what it says.
fn error(mapping: &str) -> (usize, String, String) {
    let e = Mapping::parse(mapping, "m.toml").unwrap_err();
    assert!(e.to_string().starts_with("read mapping m.toml: line "), "{e}");
    (e.line, e.key, e.message)
}

#[test]
fn a_mistake_is_named_with_its_line_and_key() {
    let with = |line: &str| error(&format!("{FIELDS}{line}\n"));
    for (line, key, said) in [
        ("device_time = { colum = 1 }", "doors.fields.device_time", "unknown field `colum`, expected one of `column`"),
        ("device_time = { column = 0 }", "doors.fields.device_time", "its number from 1"),
        (
            "device_time = { column = 1, constant = \"x\" }",
            "doors.fields.device_time",
            "exactly one of `column`, `constant`, `template`",
        ),
        ("device_time = { group = \"x\" }", "doors.fields.device_time", "expected `column` here"),
        ("device_time = { column = 1, format = \"%Y-%m-%d %H:%M\" }", "doors.fields.device_time", "`zone` is needed"),
        (
            "device_time = { column = 1, format = \"%Y-%m-%d\", zone = \"Asia/Tokyo\" }",
            "doors.fields.device_time",
            "does not name a whole date",
        ),
        (
            "device_time = { column = 1, format = \"%H:%M:%S\", zone = \"Asia/Tokyo\" }",
            "doors.fields.device_time",
            "does not name a whole date",
        ),
        (
            "device_time = { column = 1, format = \"%Y-%m-%d %I:%M\", zone = \"Asia/Tokyo\" }",
            "doors.fields.device_time",
            "strftime pattern",
        ),
        (
            "device_time = { column = 1, format = \"%Q%Q\", zone = \"Asia/Tokyo\" }",
            "doors.fields.device_time",
            "strftime pattern",
        ),
        ("device_time = { column = 1, format = \"unix\" }", "doors.fields.device_time", "\"unix_s\""),
        (
            "device_time = { column = 1, format = \"%Y-%m-%d %H:%M\", zone = \"Asia/Tokio\" }",
            "doors.fields.device_time",
            "no IANA time zone",
        ),
        (
            "device_time = { column = 1, zone = \"Asia/Tokyo\" }",
            "doors.fields.device_time",
            "belongs to a strftime pattern",
        ),
        ("device_time = { constant = \"yesterday\" }", "doors.fields.device_time", "no RFC 3339 time"),
        ("seq = { constant = \"1a\" }", "doors.fields.seq", "no whole number"),
        ("seq = { column = 1, format = \"unix_s\" }", "doors.fields.seq", "belong to time fields"),
        ("reason = { template = \"{a\" }", "doors.fields.reason", "{ without }"),
        ("reason = { column = 1, separator = \";\" }", "doors.fields.reason", "belongs to `factors`"),
        ("reason = { column = 1, map = {} }", "doors.fields.reason", "no entry"),
        ("reason = { constant = \"a\\u0007\" }", "doors.fields.reason", "U+0007"),
        ("state = { column = 1 }", "doors.fields.state", "has no place here"),
        ("door_time = { column = 1 }", "doors.fields.door_time", "unknown field `door_time`, expected one of source"),
        ("kind = { constant = \"watch.gap\" }", "doors.fields.kind", "expected a kind: door.reading"),
    ] {
        let (at, named, message) = with(line);
        assert_eq!((at, named.as_str()), (6, key), "{line}: {message}");
        assert!(message.contains(said), "{line}: {message}");
    }
    assert_eq!(error(FIELDS), (1, "doors.fields".to_owned(), "missing a rule for `device_time`".to_owned()));
    assert!(error("").2.contains("expected a table [doors], [sessions] or [lines]"));
    assert!(error("[doors]\n").2.contains("missing field `fields`"));
    assert_eq!(error("[doors]\nencoding = \"euc-jp\"\n").0, 2);
    assert_eq!(error("[[doors]]\n"), (1, "doors".to_owned(), "wanted exactly 1 element, found 0 elements".to_owned()));
}

#[test]
fn the_shape_of_the_file_is_checked_too() {
    let with = |keys: &str| error(&format!("[doors]\n{keys}\n{FIELDS}{TIME}"));
    assert!(with("delimiter = \"::\"").2.contains("one ASCII character"));
    assert!(with("columns = [\"a\"]").2.contains("write header = false"));
    assert!(with("header = false\ncolumns = [\"a\", \"a\"]").2.contains("named twice"));
    assert!(with("format = \"jsonl\"\nquoted = false").2.contains("JSON Lines have no quotes"));
    assert!(with("format = \"jsonl\"").2.contains("no numbered columns"));
    assert!(with("skip_lines = -1").2.contains("invalid value"));
    let unnamed = "[sessions]\nheader = false\n[sessions.fields]\nsource = { column = \"src\" }\nsession = { column = 1 }\naccount = { column = 1 }\nstart = { column = 1 }\n";
    assert!(error(unnamed).2.contains("without a header"));
    let other = unnamed.replace("header = false", "header = false\ncolumns = [\"source\"]");
    assert!(error(&other).2.contains("not among `columns`: source"));
}

#[test]
fn a_column_that_the_file_lacks_is_named_with_those_it_has() {
    let table = sessions(EXAMPLE);
    let read =
        |file: &str| read_rows(&table, file.as_bytes(), |_, _| ControlFlow::Continue(())).unwrap_err().to_string();
    assert_eq!(
        read("\nid,user, start_ms,end_ms\n"),
        "the header in line 2 has no column \"terminal\"; it has: id, user, start_ms, end_ms"
    );
    assert!(read("id,id,user,terminal,start_ms,end_ms\n").contains("more than once"));
    assert!(read("").contains("no header line"));
    assert!(read("id,\"user\n").contains("line 1 should be the header"));
}
