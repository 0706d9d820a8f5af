//! Observations, borrowed rows and the wire format say the same of every row, and no bytes break
//! the reading.

use std::io::Read;

use kukaku_schema::parse_observation;
use proptest::prelude::*;

use super::*;

#[derive(Debug, Clone)]
struct Row {
    id: Option<u32>,
    ms: i64,
    zone: &'static str,
    entry: bool,
    name: String,
    result: &'static str,
    factors: &'static str,
    quoted: u8,
    end: &'static str,
}

fn name() -> impl Strategy<Value = String> {
    prop_oneof![
        8 => "[A-Za-z0-9]{1,12}",
        2 => "[ -~]{0,20}",
        2 => "[ 　ァ-ン能表十予構,\"\n\r\u{1}]{0,8}",
        1 => "[a-z]{250,270}",
    ]
}

fn row() -> impl Strategy<Value = Row> {
    let texts = (name(), prop_oneof![3 => Just("granted"), 1 => Just("denied"), 1 => Just("maybe")]);
    let factors = prop_oneof![4 => Just(""), 1 => Just("card+pin"), 1 => Just(" + "), 1 => Just("カード+指紋")];
    let ends = prop_oneof![Just("\n"), Just("\r\n"), Just("\r"), Just("\n\n")];
    let zones = prop_oneof![Just("Z1"), Just("区画A"), Just("")];
    (
        proptest::option::of(any::<u32>()),
        -3_000_000_000_000_i64..9_000_000_000_000,
        zones,
        any::<bool>(),
        texts,
        factors,
        0_u8..3,
        ends,
    )
        .prop_map(|(id, ms, zone, entry, (name, result), factors, quoted, end)| Row {
            id,
            ms,
            zone,
            entry,
            name,
            result,
            factors,
            quoted,
            end,
        })
}

const MAPPING: &str = r#"
[doors.fields]
source = { constant = "panel" }
event_id = { column = "id" }
device_time = { column = "ms", format = "unix_ms" }
reader = { template = "{zone}-{dir}" }
credential = { template = "card:{name}" }
result = { column = "result" }
factors = { column = "factors", separator = "+" }
"#;

impl Row {
    fn csv(&self) -> String {
        let id = self.id.map_or(String::new(), |id| id.to_string());
        let ms = self.ms.to_string();
        let dir = if self.entry { "in" } else { "out" };
        let fields = [&*id, &*ms, self.zone, dir, &*self.name, self.result, self.factors];
        let written = fields.iter().enumerate().map(|(at, text)| {
            let must = text.contains([',', '"', '\n', '\r']);
            if must || self.quoted == 2 || (self.quoted == 1 && at == 4) {
                format!("\"{}\"", text.replace('"', "\"\""))
            } else {
                (*text).to_owned()
            }
        });
        written.collect::<Vec<_>>().join(",") + self.end
    }

    /// What the wire format says of the row: an oracle that knows nothing of files.
    fn on_wire(&self) -> Result<String, ()> {
        let dir = if self.entry { "in" } else { "out" };
        let name = self.name.trim();
        let factors: Vec<&str> = self.factors.split('+').map(str::trim).filter(|f| !f.is_empty()).collect();
        let mut wire = serde_json::json!({
            "kind": "door.reading",
            "source": "panel",
            "device_time": kukaku_schema::UtcMicros(self.ms * 1000).to_rfc3339_utc(),
            "reader": format!("{}-{dir}", self.zone),
            "credential": if name.is_empty() { String::new() } else { format!("card:{name}") },
            "result": self.result,
            "factors": factors,
        });
        if let Some(id) = self.id {
            wire["event_id"] = id.to_string().into();
        }
        parse_observation(wire.to_string().as_bytes()).map(|o| json(&o)).map_err(|_| ())
    }
}

/// Each row's line number with its observation as JSON, or why there is none.
type Rows = Vec<(u64, Result<String, String>)>;

/// How large the portions are: so small that every record is cut, and as in use.
const PORTIONS: [usize; 4] = [1, 24, 100, 1 << 18];

/// All ways to read a file must tell the same of each row.
fn every_way(table: &Table, file: impl Fn() -> Box<dyn Read>) -> Result<Rows, String> {
    let mut general = Vec::new();
    let first = read_rows(table, file(), |line_no, row| {
        general.push((line_no, row.map(|all| json(&all[0]))));
        ControlFlow::Continue(())
    });
    for read_bytes in PORTIONS {
        let (mut borrowed, mut owned) = (Vec::new(), Vec::new());
        let second = each_portion(table, file(), read_bytes, |portion| {
            portion.doors(|line_no, row| {
                borrowed.push((line_no, row.map(|row| json(&row.to_observation().unwrap()))));
            })
        });
        let third = each_portion(table, file(), read_bytes, |portion| {
            portion.observations(|line_no, row| owned.push((line_no, row.map(|all| json(&all[0])))))
        });
        assert_eq!(general, borrowed);
        assert_eq!(general, owned);
        let told = |outcome: &Result<RowCount, ReadError>| outcome.as_ref().copied().map_err(ToString::to_string);
        assert_eq!(told(&first), told(&second));
        assert_eq!(told(&first), told(&third));
    }
    let count = first.map_err(|e| e.to_string())?;
    assert_eq!(count.read + count.failed, general.len() as u64);
    Ok(general.into_iter().map(|(line_no, row)| (line_no, row.map_err(|e| e.reason))).collect())
}

/// Gives its bytes in pieces of uneven length.
struct Pieces(Vec<u8>, usize, usize);

impl Read for Pieces {
    fn read(&mut self, into: &mut [u8]) -> std::io::Result<usize> {
        let len = (self.2 % 5 + 1).min(into.len()).min(self.0.len() - self.1);
        into[..len].copy_from_slice(&self.0[self.1..self.1 + len]);
        (self.1, self.2) = (self.1 + len, self.2.wrapping_mul(31).wrapping_add(7));
        Ok(len)
    }
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, cases: 128, ..ProptestConfig::default() })]

    #[test]
    fn rows_mean_what_the_wire_format_says(rows in proptest::collection::vec(row(), 0..20), japanese in any::<bool>()) {
        let mut text = "id,ms,zone,dir,name,result,factors\n".to_owned();
        text.extend(rows.iter().map(Row::csv));
        let (mapping, file) = if japanese {
            (format!("[doors]\nencoding = \"shift_jis\"\n{MAPPING}"), shift_jis(&text))
        } else {
            (MAPPING.to_owned(), text.into_bytes())
        };
        let table = doors(&mapping);
        let seen = every_way(&table, || Box::new(std::io::Cursor::new(file.clone()))).unwrap();
        let expected: Vec<Result<String, ()>> = rows.iter().map(Row::on_wire).collect();
        let said: Vec<Result<String, ()>> = seen.iter().map(|(_, row)| row.clone().map_err(|_| ())).collect();
        prop_assert_eq!(said, expected);
        let in_pieces = every_way(&table, || Box::new(Pieces(file.clone(), 0, 3))).unwrap();
        prop_assert_eq!(seen, in_pieces);
    }

    #[test]
    fn no_bytes_break_the_reading(file in proptest::collection::vec(
        prop_oneof![4 => Just(b','), 2 => Just(b'"'), 1 => Just(b'\n'), 1 => Just(b'\r'), 2 => any::<u8>(), 4 => Just(b'1')], 0..400)) {
        for shape in ["", "[doors]\nencoding = \"shift_jis\"\n", "[doors]\nquoted = false\n", "[doors]\nheader = false\ncolumns = [\"id\", \"ms\", \"zone\", \"dir\", \"name\", \"result\", \"factors\"]\n"] {
            let table = doors(&format!("{shape}{MAPPING}"));
            let mut with_header = b"id,ms,zone,dir,name,result,factors\n".to_vec();
            with_header.extend(&file);
            for bytes in [&with_header, &file] {
                let whole = every_way(&table, || Box::new(std::io::Cursor::new(bytes.clone())));
                let in_pieces = every_way(&table, || Box::new(Pieces(bytes.clone(), 0, 1)));
                prop_assert_eq!(whole, in_pieces);
            }
        }
    }

    #[test]
    fn sessions_mean_the_same_every_way(starts in proptest::collection::vec((any::<i32>(), proptest::option::of(any::<i32>()), name()), 0..20)) {
        let table = sessions(r#"
            [sessions.fields]
            source = { constant = "vpn-1" }
            session = { column = "id" }
            account = { column = "user" }
            start = { column = "start", format = "unix_s" }
            end = { column = "end", format = "unix_s" }
        "#);
        let mut file = "id,user,start,end\n".to_owned();
        for (at, (start, end, user)) in starts.iter().enumerate() {
            let end = end.map_or(String::new(), |end| end.to_string());
            file.push_str(&format!("{at},\"{}\",{start},{end}\n", user.replace('"', "\"\"")));
        }
        let mut general = Vec::new();
        read_rows(&table, file.as_bytes(), |line_no, row| {
            general.push((line_no, row));
            ControlFlow::Continue(())
        }).unwrap();
        for read_bytes in PORTIONS {
            let mut borrowed = Vec::new();
            each_portion(&table, file.as_bytes(), read_bytes, |portion| portion.sessions(|line_no, row| {
                if let Ok(row) = &row {
                    let (start, end, _) = &starts[row.session.parse::<usize>().unwrap()];
                    assert_eq!(row.start.0, i64::from(*start) * 1_000_000);
                    assert_eq!(row.end.map(|at| at.0), end.map(|end| i64::from(end) * 1_000_000));
                }
                borrowed.push((line_no, row.map(|row| row.to_observations().unwrap())));
            })).unwrap();
            prop_assert_eq!(&general, &borrowed);
        }
    }
}
