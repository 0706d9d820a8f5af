//! Tables for spreadsheets: UTF-8 with a byte order mark, and no cell that runs as a formula.

/// What makes a Japanese Excel read the file as UTF-8.
pub(crate) const BYTE_ORDER_MARK: &str = "\u{FEFF}";

/// Appends one row; every cell is quoted (RFC 4180 section 2).
pub(crate) fn push_row<'a>(out: &mut String, cells: impl IntoIterator<Item = &'a str>) {
    for (index, cell) in cells.into_iter().enumerate() {
        if index > 0 {
            out.push(',');
        }
        out.push('"');
        if runs(cell) {
            out.push('\'');
        }
        for c in cell.chars() {
            match c {
                '"' => out.push_str("\"\""),
                // A spreadsheet stops reading at it.
                '\0' => out.push('\u{2400}'),
                c => out.push(c),
            }
        }
        out.push('"');
    }
    out.push_str("\r\n");
}

/// Whether a spreadsheet would take the cell for a formula (OWASP, "CSV Injection").
fn runs(cell: &str) -> bool {
    matches!(cell.chars().next(), Some('=' | '+' | '-' | '@' | '\t' | '\r' | '\n' | '\0' | '＝' | '＋' | '－' | '＠'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn formulas_are_text_and_quotes_are_doubled() {
        let mut out = String::new();
        push_row(&mut out, ["=cmd|' /C calc'!A0", "+1", "-1", "@SUM(1)", "\tx", "\rx", "\0x", "a\"b", "佐藤,花子", ""]);
        assert_eq!(
            out,
            "\"'=cmd|' /C calc'!A0\",\"'+1\",\"'-1\",\"'@SUM(1)\",\"'\tx\",\"'\rx\",\"'\u{2400}x\",\"a\"\"b\",\"佐藤,花子\",\"\"\r\n"
        );
    }
}
