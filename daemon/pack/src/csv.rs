//! Cells and rows of a CSV file.

use crate::manifest::Encoding;
use crate::shift_jis::ShiftJis;

/// Writes rows in one encoding.
#[derive(Debug)]
pub(crate) struct Writer(Option<ShiftJis>);

impl Writer {
    pub(crate) fn new(encoding: Encoding) -> Self {
        Self((encoding == Encoding::ShiftJis).then(ShiftJis::new))
    }

    /// What a file begins with: by it a spreadsheet knows UTF-8.
    pub(crate) fn mark(&self) -> &'static [u8] {
        if self.0.is_some() { b"" } else { b"\xEF\xBB\xBF" }
    }

    /// One row with its end.
    pub(crate) fn row(&self, cells: &[String]) -> Vec<u8> {
        let cells: Vec<String> = cells.iter().map(|cell| quoted(cell)).collect();
        let text = cells.join(",") + "\r\n";
        match &self.0 {
            None => text.into_bytes(),
            Some(table) => table.encode(&text),
        }
    }
}

/// A cell, guarded and quoted. What a spreadsheet would take for a formula gets an apostrophe: a
/// name from a device must not compute anything on a city's machine.
fn quoted(cell: &str) -> String {
    let formula = cell.starts_with(['=', '+', '-', '@', '\t', '\r']);
    let guarded = if formula { format!("'{cell}") } else { cell.to_owned() };
    if guarded.contains([',', '"', '\r', '\n']) {
        return format!("\"{}\"", guarded.replace('"', "\"\""));
    }
    guarded
}

#[cfg(test)]
mod tests {
    use super::quoted;

    #[test]
    fn no_cell_is_a_formula() {
        assert_eq!(quoted("=1+1"), "'=1+1");
        assert_eq!(quoted("\tx"), "'\tx");
        assert_eq!(quoted("-1"), "'-1");
        assert_eq!(quoted("@a,\"b\""), "\"'@a,\"\"b\"\"\"");
        assert_eq!(quoted("a=b"), "a=b");
        assert_eq!(quoted(""), "");
    }
}
