//! Files as systems in the field write them.

use super::*;

fn times_and_credentials(table: &Table, file: &[u8]) -> Vec<(String, String)> {
    let mut seen = Vec::new();
    let count = visit_doors(table, file, |line_no, row| {
        let row = row.unwrap_or_else(|e| panic!("{line_no}: {e}"));
        seen.push((row.device_time.to_rfc3339_utc(), format!("{} {}", row.reader, row.credential)));
    })
    .unwrap();
    assert_eq!(count.read, seen.len() as u64);
    seen
}

#[test]
fn a_japanese_export_with_titles_two_time_columns_and_full_width_digits() {
    let table = doors(
        r#"[doors]
        encoding = "cp932"
        skip_lines = 2
        [doors.fields]
        source = { constant = "panel" }
        device_time = { template = "{日付} {時刻}", format = "%Y/%m/%d %H:%M:%S", zone = "Asia/Tokyo" }
        reader = { template = "{扉}-{区分}", map = { "北口-入室" = "north-in", "北口-退室" = "north-out" } }
        credential = { template = "card:{カード番号}", narrow = true }
        result = { column = "結果", map = { "許可" = "granted", "拒否" = "denied" } }
        factors = { column = "認証", separator = "＋" }
        "#,
    );
    let file = shift_jis(concat!(
        "入退室ログ \"北館\"\r\n\r\n日付,時刻,扉,区分,カード番号,氏名,結果,認証\r\n",
        "2026/11/22,9:05:03,北口,入室,０１２３,\"能登, ソ\",許可,カード＋指紋\r\n",
        "\"２０２６／１１／２２\",\" 18:00:00 \",北口,退室,　0123　,\"表\"\"示\"\"\",許可,\r\n",
        ",,,,,,,\r\n\r\n\u{1A}"
    ));
    assert_eq!(
        times_and_credentials(&table, &file),
        [
            ("2026-11-22T00:05:03Z".to_owned(), "north-in card:0123".to_owned()),
            ("2026-11-22T09:00:00Z".to_owned(), "north-out card:0123".to_owned()),
        ]
    );
    assert!(rows(&table, &file)[0].1.as_ref().unwrap().contains(r#""factors":["カード","指紋"]"#));
}

#[test]
fn times_in_the_ways_that_logs_write_them() {
    for (format, zone, text, expected) in [
        ("%Y/%m/%d %H:%M:%S", Some("Asia/Tokyo"), "2026/1/2 9:05:03", "2026-01-02T00:05:03Z"),
        ("%Y年%m月%d日 %H時%M分", Some("Asia/Tokyo"), "2026年1月2日 9時5分", "2026-01-02T00:05:00Z"),
        ("%Y年%m月%d日 %H時%M分", Some("Asia/Tokyo"), "２０２６年１月２日　９時５分", "2026-01-02T00:05:00Z"),
        ("%Y/%m/%d %p %I:%M:%S", Some("Asia/Tokyo"), "2026/01/02 午後 9:05:03", "2026-01-02T12:05:03Z"),
        ("%Y/%m/%d %p%I:%M:%S", Some("Asia/Tokyo"), "2026/01/02 午前0:05:03", "2026-01-01T15:05:03Z"),
        ("%Y/%m/%d %I:%M:%S %p", Some("UTC"), "2026/01/02 12:05:03 AM", "2026-01-02T00:05:03Z"),
        ("%Y%m%d%H%M%S", Some("Asia/Tokyo"), "20260102090503", "2026-01-02T00:05:03Z"),
        ("%y%m%d%H%M", Some("Asia/Tokyo"), "2601020905", "2026-01-02T00:05:00Z"),
        ("%F %T%.f", Some("Asia/Tokyo"), "2026-01-02 09:05:03.25", "2026-01-02T00:05:03.25Z"),
        ("%F %T%.f", Some("Asia/Tokyo"), "2026-01-02 09:05:03", "2026-01-02T00:05:03Z"),
        ("%Y-%m-%dT%H:%M:%S%z", None, "2026-01-02T09:05:03+0900", "2026-01-02T00:05:03Z"),
        ("%d/%b/%Y:%H:%M:%S %z", None, "02/Jan/2026:09:05:03 +0900", "2026-01-02T00:05:03Z"),
        ("%F %T", Some("Europe/Berlin"), "2026-07-01 12:00:00", "2026-07-01T10:00:00Z"),
        ("%F %T", Some("Europe/Berlin"), "2026-12-01 12:00:00", "2026-12-01T11:00:00Z"),
        // The hour that comes twice is taken the first time.
        ("%F %T", Some("Europe/Berlin"), "2026-10-25 02:30:00", "2026-10-25T00:30:00Z"),
        // Japan had summer time once.
        ("%F %T", Some("Asia/Tokyo"), "1950-07-01 12:00:00", "1950-07-01T02:00:00Z"),
        ("%F %T", Some("Asia/Tokyo"), "2016-12-31 23:59:60", "2016-12-31T14:59:59.999999Z"),
        ("unix_s", None, "1767312303", "2026-01-02T00:05:03Z"),
        ("unix_s", None, "1767312303.5", "2026-01-02T00:05:03.5Z"),
        ("unix_ms", None, "-1", "1969-12-31T23:59:59.999Z"),
        ("unix_ms", None, "１７６７３１２３０３０００", "2026-01-02T00:05:03Z"),
        ("rfc3339", None, "2026-01-02T09:05:03+09:00", "2026-01-02T00:05:03Z"),
    ] {
        let format =
            super::super::time::TimeFormat::new(Some(format), zone).unwrap_or_else(|e| panic!("{format}: {e}"));
        assert_eq!(format.instant(text).unwrap_or_else(|e| panic!("{e}")).to_rfc3339_utc(), expected, "{format:?}");
    }
}

#[test]
fn times_that_do_not_fit_are_refused_and_never_guessed() {
    for (format, zone, text) in [
        ("%Y/%m/%d %H:%M:%S", Some("Asia/Tokyo"), "2026/02/30 09:00:00"),
        ("%Y/%m/%d %H:%M:%S", Some("Asia/Tokyo"), "2026/11/22 24:00:00"),
        ("%Y/%m/%d %H:%M:%S", Some("Asia/Tokyo"), "2026/11/22 09:00:00 "),
        ("%Y/%m/%d %H:%M:%S", Some("Asia/Tokyo"), "26/11/22 09:00:00"),
        ("%Y/%m/%d %H:%M:%S", Some("Asia/Tokyo"), "2026/11/22"),
        ("%Y/%m/%d %H:%M:%S", Some("Asia/Tokyo"), "0000/11/22 09:00:00"),
        ("%Y/%m/%d %p %I:%M", Some("Asia/Tokyo"), "2026/11/22 午後 13:00"),
        ("%FT%T%z", None, "2026-11-22T09:00:00"),
        ("unix_s", None, "1e9"),
        ("unix_s", None, "99999999999999999999"),
        ("unix_ms", None, "999999999999999999"),
        ("unix_ms", None, "1."),
        ("unix_ms", None, ""),
        ("rfc3339", None, "2026-11-22 09:00:00"),
    ] {
        let format = super::super::time::TimeFormat::new(Some(format), zone).unwrap();
        assert!(format.instant(text).is_err(), "{text}");
    }
}

#[test]
fn an_attendance_log_with_tabs_padding_and_no_header() {
    let table = doors(
        r#"[doors]
        format = "tsv"
        header = false
        columns = ["pin", "time", "status"]
        [doors.fields]
        source = { constant = "terminal-1" }
        device_time = { column = "time", format = "%Y-%m-%d %H:%M:%S", zone = "Asia/Tokyo" }
        reader = { column = 3, map = { 0 = "north-in", 1 = "north-out" } }
        credential = { template = "pin:{1}" }
        result = { constant = "granted" }
        "#,
    );
    let file = b"       45\t2025-11-05 08:30:00\t0\t0\t0\t0\r\n       46\t2025-11-05 08:31:00\t1\t15\t0\t0\t0\r\n";
    assert_eq!(
        times_and_credentials(&table, file),
        [
            ("2025-11-04T23:30:00Z".to_owned(), "north-in pin:45".to_owned()),
            ("2025-11-04T23:31:00Z".to_owned(), "north-out pin:46".to_owned()),
        ]
    );
}

#[test]
fn json_lines_with_nested_keys() {
    let table = doors(
        r#"[doors]
        format = "jsonl"
        [doors.fields]
        source = { constant = "terminal-2" }
        device_time = { column = "dateTime" }
        seq = { column = "AccessControllerEvent.serialNo" }
        reader = { template = "reader-{AccessControllerEvent.cardReaderNo}" }
        credential = { template = "card:{AccessControllerEvent.cardNo}" }
        result = { column = "AccessControllerEvent.subEventType", map = { 1 = "granted" }, default = "denied" }
        factors = { column = "factors" }
        "#,
    );
    let file = concat!(
        r#"{"dateTime":"2026-04-02T12:00:57+02:00","factors":["card","pin"],"AccessControllerEvent":{"subEventType":1,"serialNo":42,"cardNo":"1234","cardReaderNo":1}}"#,
        "\n",
        r#"{"dateTime":"2026-04-02T12:00:57+02:00","AccessControllerEvent":{"subEventType":10,"serialNo":2,"cardReaderNo":1}}"#,
        "\n\n",
        r#"{"dateTime":"2026-04-02T12:00:57+02:00","AccessControllerEvent":{"cardNo":{}}}"#,
        "\n",
        "[]\n{\"a\"\n",
    );
    let seen = rows(&table, file.as_bytes());
    assert_eq!(
        seen[0].1.as_ref().unwrap(),
        r#"{"kind":"door.reading","source":"terminal-2","seq":42,"device_time":"2026-04-02T10:00:57Z","reader":"reader-1","credential":"card:1234","result":"granted","factors":["card","pin"]}"#
    );
    assert_eq!(seen[1], (2, Err("`credential` is empty".to_owned())));
    assert!(seen[2].1.as_ref().unwrap_err().contains("holds no plain value"));
    assert_eq!(seen[3], (5, Err("no JSON object".to_owned())));
    assert!(seen[4].1.as_ref().unwrap_err().starts_with("no JSON"));
}

#[test]
fn a_log_of_several_kinds_gives_each_its_own_fields() {
    let table = doors(
        r#"[doors.fields]
        source = { constant = "panel" }
        kind = { column = "種別", map = { "認証" = "door.reading", "扉" = "door.state", "通過" = "door.used", "時計" = "source.clock" } }
        seq = { column = "no" }
        device_time = { column = "time" }
        reader = { column = "reader" }
        credential = { template = "card:{card}" }
        result = { constant = "granted" }
        door = { column = "door" }
        state = { column = "state" }
        reading = { column = "of" }
        used = { column = "used", map = { "済" = true, "未" = false } }
        offset_ms = { constant = "-5" }
        from = { column = "time" }
        to = { column = "until" }
        measured_by = { constant = "ntp" }
        "#,
    );
    let file = "no,種別,time,reader,card,door,state,of,used,until\n\
        1,認証,2026-11-22T09:00:00+09:00,north-in,01,,,,,\n\
        2,扉,2026-11-22T09:00:01+09:00,,,north,opened,,,\n\
        3,通過,2026-11-22T09:00:02+09:00,,,north,,1,済,\n\
        4,扉,2026-11-22T09:00:03+09:00,,,north,ajar,,,\n\
        5,扉,2026-11-22T09:00:03+09:00,,,,opened,,,\n\
        6,時計,2026-11-22T09:00:03+09:00,,,,,,,2026-11-22T08:00:00+09:00\n";
    let seen = rows(&table, file.as_bytes());
    assert!(seen[0].1.as_ref().unwrap().contains(r#""kind":"door.reading","source":"panel","seq":1"#));
    assert_eq!(
        seen[1].1.as_ref().unwrap(),
        r#"{"kind":"door.state","source":"panel","seq":2,"device_time":"2026-11-22T00:00:01Z","door":"north","state":"opened"}"#
    );
    assert!(seen[2].1.as_ref().unwrap().contains(r#""reading":1,"used":true"#));
    assert!(seen[3].1.as_ref().unwrap_err().contains("unknown variant `ajar`, expected one of `closed`"));
    assert_eq!(seen[4].1, Err("`door` is empty".to_owned()));
    assert!(seen[5].1.as_ref().unwrap_err().contains("lies before"));
    assert!(!table.readings_only());
    let mut refused = 0;
    let count = visit_doors(&table, file.as_bytes(), |_, row| refused += u64::from(row.is_err())).unwrap();
    assert_eq!((count, refused), (RowCount { read: 1, failed: 5 }, 5));
}
