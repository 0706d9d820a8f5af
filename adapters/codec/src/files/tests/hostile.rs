//! Files that are broken, or made to break us: every other line goes in, and memory stays bounded.

use std::io::{self, Read};

use super::*;

const PLAIN: &str = r#"
[doors.fields]
source = { constant = "panel" }
event_id = { column = "no" }
device_time = { column = "at", format = "unix_s" }
reader = { column = "reader" }
credential = { column = "card" }
result = { constant = "granted" }
"#;

fn good(no: u32) -> String {
    format!("{no},1795305900,north-in,card-{no}\n")
}

/// The line numbers that were read, and those that were not with the reason.
fn outcome(file: &[u8]) -> (Vec<u64>, Vec<(u64, String)>) {
    let mut read = Vec::new();
    let mut failed = Vec::new();
    for (line_no, row) in rows(&doors(PLAIN), file) {
        match row {
            Ok(_) => read.push(line_no),
            Err(reason) => failed.push((line_no, reason)),
        }
    }
    (read, failed)
}

fn around(bad: &[u8]) -> Vec<u8> {
    let mut file = b"no,at,reader,card\n".to_vec();
    file.extend(good(1).as_bytes());
    file.extend(bad);
    file.extend(b"\n");
    file.extend(good(2).as_bytes());
    file
}

#[test]
fn one_bad_line_costs_itself_alone() {
    for (bad, said) in [
        (&b"3,1795305900,north-in"[..], "3 columns, but the mapping uses column 4"),
        (b"3,1795305900,north-in,card,x", "5 columns, but the header has 4"),
        (b"3,1795305900,north-in,", "`credential` is empty"),
        (b"3,yesterday,north-in,card", "no count of seconds"),
        (b"3,1795305900,north-in,\xFF\xFE", "no UTF-8 from byte 23 on"),
        (b"3,1795305900,north\0in,card", "U+0000"),
        (b"3,1795305900,north-in,\x1B[31mcard", "U+001B"),
        ("3,1795305900,north-in,card\u{202E}".as_bytes(), "U+202E"),
        (b"3,1795305900,north-in,12\" pipe", "a quote"),
        (b"3,1795305900,north-in,\"card", "a quote that is never closed"),
        (b"3,1795305900,\"north\"-in,card", "text after a closing quote"),
        (&[b'x'; 300_000], "1 columns"),
    ] {
        let (read, failed) = outcome(&around(bad));
        assert_eq!(read, [2, 4], "{said}");
        assert_eq!(failed.len(), 1, "{said}");
        assert_eq!(failed[0].0, 3, "{said}");
        assert!(failed[0].1.contains(said), "{said}: {}", failed[0].1);
    }
}

#[test]
fn a_trailing_comma_and_empty_lines_are_no_fault() {
    assert_eq!(outcome(&around(b"3,1795305900,north-in,card,")).0, [2, 3, 4]);
    let (read, failed) = outcome(&around(b"\r\n , ,\n\n\"\",\"\"\n"));
    assert_eq!((read, failed.len()), (vec![2, 8], 0));
}

#[test]
fn line_ends_may_be_mixed_and_are_counted_as_an_editor_does() {
    let file = b"\xEF\xBB\xBFno,at,reader,card\r1,1795305900,r,a\r\n2,1795305900,r,b\n\r3,1795305900,r,\"c\r\nd\"\r4,1795305900,r,e";
    let (read, failed) = outcome(file);
    assert_eq!(read, [2, 3, 7]);
    assert_eq!(failed[0].0, 5);
    assert!(failed[0].1.contains("U+000D"));
}

#[test]
fn a_line_of_ten_megabytes_is_hashed_and_passed_over() {
    let long = vec![b'7'; 10 * 1024 * 1024];
    for end in ["\n", "\r\n", "\r"] {
        let mut file = format!("no,at,reader,card{end}").into_bytes();
        file.extend(&long);
        file.extend(format!("{end}1,1795305900,north-in,card-1{end}").as_bytes());
        let mut errors = Vec::new();
        let mut read = Vec::new();
        visit_doors(&doors(PLAIN), &file[..], |line_no, row| match row {
            Ok(_) => read.push(line_no),
            Err(error) => errors.push(error),
        })
        .unwrap();
        assert_eq!(read, [3], "{end:?}");
        let whole = kukaku_schema::intake::Unreadable::new(
            None,
            &long,
            "line 2: 10485760 bytes are more than the 1048576 a line may have",
        );
        assert_eq!(errors.remove(0).into_unreadable(None), whole);
    }
}

#[test]
fn two_stray_quotes_do_not_swallow_the_good_lines_between_them() {
    let mut file = around(b"3,1795305900,north-in,12\" pipe");
    file.extend(b"4,1795305900,north-in,14\" pipe\n");
    file.extend(good(5).as_bytes());
    let (read, failed) = outcome(&file);
    assert_eq!(read, [2, 4, 6]);
    assert_eq!(failed.iter().map(|(line_no, _)| *line_no).collect::<Vec<_>>(), [3, 5]);
}

#[test]
fn a_quote_that_is_never_closed_does_not_swallow_the_file() {
    let mut file = b"no,at,reader,card\n0,1795305900,north-in,\"card-0\n".to_vec();
    for no in 1..60_000 {
        file.extend(good(no).as_bytes());
    }
    assert!(file.len() > 2 * 256 * 1024 + 1024 * 1024);
    let (read, failed) = outcome(&file);
    assert_eq!(read.len(), 59_999);
    assert_eq!(failed.len(), 1);
    assert_eq!(failed[0].0, 2);
}

#[test]
fn records_lie_across_every_border_of_the_buffer() {
    for shift in 0..12 {
        let mut file = format!("no,at,reader,card{}\r\n", " ".repeat(shift)).into_bytes();
        let mut lines = 1;
        let mut expected = Vec::new();
        for no in 0..20_000_u32 {
            expected.push(lines + 1);
            if no % 7 == 0 {
                file.extend(format!("{no},1795305900,\"north-in\",\"card\", \"x\r\n\"\r\n").as_bytes());
                expected.pop();
                lines += 2;
            } else {
                file.extend(format!("{no},1795305900,north-in,card-{no}\r\n").as_bytes());
                lines += 1;
            }
        }
        let (read, failed) = outcome(&file);
        assert_eq!(read, expected);
        assert_eq!(failed.len(), 2858);
    }
}

#[test]
fn marks_of_other_encodings_are_told_before_anything_is_read() {
    let read = |file: &[u8], mapping: &str| {
        read_rows(&doors(mapping), file, |_, _| ControlFlow::Continue(())).unwrap_err().to_string()
    };
    assert!(
        read(b"\xFF\xFEn\0o\0", PLAIN)
            .starts_with("the file begins with the mark of UTF-16, but the mapping says UTF-8")
    );
    let japanese = format!("[doors]\nencoding = \"shift_jis\"\n{PLAIN}");
    assert!(read(b"\xEF\xBB\xBFno,at,reader,card\n", &japanese).contains("mark of UTF-8"));
}

#[test]
fn a_disk_that_fails_is_told_with_the_line() {
    struct Failing<'a>(&'a [u8], bool);
    impl Read for Failing<'_> {
        fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
            if !self.1 {
                self.1 = true;
                return Err(io::ErrorKind::Interrupted.into());
            }
            match self.0.read(into)? {
                0 => Err(io::Error::other("the disk is gone")),
                n => Ok(n),
            }
        }
    }
    let file = around(b"");
    let error = read_rows(&doors(PLAIN), Failing(&file, false), |_, _| ControlFlow::Continue(())).unwrap_err();
    assert_eq!(error.to_string(), "read line 1: the disk is gone");
}

#[test]
fn a_caller_that_had_enough_is_asked_no_more() {
    let mut asked = 0;
    let count = read_rows(&doors(PLAIN), &around(b"x")[..], |_, _| {
        asked += 1;
        ControlFlow::Break(())
    });
    assert_eq!((asked, count.unwrap().read), (1, 1));
}
