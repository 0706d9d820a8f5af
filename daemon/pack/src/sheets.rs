//! The CSV files: rows that follow from the opened entries and from nothing else.
//!
//! A column is named by where its cells come from: `#seq`, `#recorded`, `#kind`, `#source` and
//! `#person` from the line, any other word from the field of that name in the body, `a.b` from a
//! field within; of several with `|` between, the first that is not empty.

use serde_json::Value;

use crate::archive::{FINDINGS, PASSAGES, SESSIONS};
use crate::csv::Writer;
use crate::entry::{Line, Opened};
use crate::error::PackError;
use crate::instant::instant_text;
use crate::manifest::Encoding;

/// One file: its kinds of entry, and its columns with their headings.
struct Sheet {
    name: &'static str,
    kinds: &'static [&'static str],
    columns: &'static [(&'static str, &'static str)],
}

/// In the order of the archive.
const SHEETS: [Sheet; 3] = [
    Sheet {
        name: SESSIONS,
        kinds: &["session.started", "session.alive", "session.ended", "revision"],
        columns: &[
            ("記録番号", "#seq"),
            ("記録時刻(UTC)", "#recorded"),
            ("種類", "#kind"),
            ("機器", "session.source|#source"),
            ("採番", "session.epoch|epoch"),
            ("セッション", "session.session|session"),
            ("機器時刻", "session.start|device_time"),
            ("アカウント", "account"),
            ("端末", "terminal"),
            ("接続先", "target"),
            ("経由", "via"),
            ("認証要素", "factors"),
            ("終了理由", "reason"),
            ("改訂番号", "number"),
            ("判定時刻", "at"),
            ("判定", "verdict"),
            ("確度", "grade"),
            ("不在の区間", "absent"),
            ("不明の区間", "unknown"),
        ],
    },
    Sheet {
        name: PASSAGES,
        kinds: &["door.reading", "door.used", "manual.entry"],
        columns: &[
            ("記録番号", "#seq"),
            ("記録時刻(UTC)", "#recorded"),
            ("種類", "#kind"),
            ("機器", "#source"),
            ("機器の番号", "seq"),
            ("機器時刻", "device_time"),
            ("作業者(台帳による)", "person|#person"),
            ("リーダー", "reader"),
            ("扉", "door"),
            ("区画", "zone"),
            ("方向", "direction"),
            ("認証媒体", "credential"),
            ("結果", "result"),
            ("認証要素", "factors"),
            ("理由", "reason"),
            ("対象の読み取り", "reading"),
            ("通過", "used"),
        ],
    },
    Sheet {
        name: FINDINGS,
        kinds: &["finding"],
        columns: &[
            ("記録番号", "#seq"),
            ("記録時刻(UTC)", "#recorded"),
            ("変化", "change"),
            ("検知", "finding"),
            ("重大度", "severity"),
            ("時刻", "at"),
            ("区間", "span"),
            ("対象", "subjects"),
            ("根拠の記録番号", "proofs"),
            ("識別", "key"),
        ],
    },
];

/// The files' names, in the order of their numbers here.
pub(crate) const SHEET_NAMES: [&str; 3] = [SHEETS[0].name, SHEETS[1].name, SHEETS[2].name];

/// Derives the rows.
#[derive(Debug)]
pub(crate) struct Sheets(Writer);

impl Sheets {
    pub(crate) fn new(encoding: Encoding) -> Self {
        Self(Writer::new(encoding))
    }

    /// What each file begins with.
    pub(crate) fn heads(&self) -> [Vec<u8>; 3] {
        SHEETS.map(|sheet| {
            let heads: Vec<String> = sheet.columns.iter().map(|(head, _)| (*head).to_owned()).collect();
            [self.0.mark(), &self.0.row(&heads)].concat()
        })
    }

    /// The row of an entry, and the number of its file; none for entries of other kinds and for
    /// those without a body.
    pub(crate) fn row(&self, line: &Line) -> Result<Option<(usize, Vec<u8>)>, PackError> {
        let Opened::Whole { body, person, .. } = &line.opened else { return Ok(None) };
        let Some(number) = SHEETS.iter().position(|sheet| sheet.kinds.contains(&line.leaf.kind.as_str())) else {
            return Ok(None);
        };
        let body: Value = serde_json::from_str(body)
            .ok()
            .filter(Value::is_object)
            .ok_or_else(|| PackError::entry(line.leaf.seq, "its body is no JSON object"))?;
        let cell = |source: &&str| match *source {
            "#seq" => line.leaf.seq.to_string(),
            "#recorded" => instant_text(line.leaf.recorded_at_us),
            "#kind" => line.leaf.kind.clone(),
            "#source" => line.leaf.source.clone(),
            "#person" => person.clone().unwrap_or_default(),
            path => {
                let found = path.split('.').try_fold(&body, |value, field| value.as_object()?.get(field));
                found.map(flat).unwrap_or_default()
            }
        };
        let columns = SHEETS[number].columns.iter();
        let cells: Vec<String> = columns
            .map(|(_, sources)| sources.split('|').map(|s| cell(&s)).find(|text| !text.is_empty()).unwrap_or_default())
            .collect();
        Ok(Some((number, self.0.row(&cells))))
    }
}

/// A value as one cell: lists with blanks between, a span as `start/end`, a subject as
/// `sort:value`; what is none of these is left empty.
fn flat(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::Bool(value) => value.to_string(),
        Value::Number(number) if number.is_i64() || number.is_u64() => number.to_string(),
        Value::Number(_) => String::new(),
        Value::String(text) => text.clone(),
        Value::Array(items) => items.iter().map(flat).collect::<Vec<_>>().join(" "),
        Value::Object(fields) => {
            let field = |name| fields.get(name).map(flat).unwrap_or_default();
            match (fields.contains_key("start"), fields.contains_key("sort")) {
                (true, _) => format!("{}/{}", field("start"), field("end")),
                (_, true) => format!("{}:{}", field("sort"), field("value")),
                _ => String::new(),
            }
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::flat;

    #[test]
    fn values_become_cells() {
        let check = |json: &str, cell: &str| assert_eq!(flat(&serde_json::from_str(json).unwrap()), cell, "{json}");
        check(r#"[{"start":"a","end":"b"},{"start":"c"}]"#, "a/b c/");
        check(r#"[{"sort":"door","value":"north"}]"#, "door:north");
        check("[1,18446744073709551615,true,null]", "1 18446744073709551615 true ");
        check("1.5", "");
        check("{}", "");
    }
}
