//! The bytes of a table that a spreadsheet saved, as text.

use std::path::Path;

use encoding_rs::SHIFT_JIS;

use crate::failure::Failure;

/// Longest table in bytes: ten thousand entries, and no more than the writer reads in a moment.
pub const SHEET_MAX_BYTES: u64 = 4 * 1024 * 1024;

/// Reads a table: UTF-8 with or without a byte order mark, or what Excel in Japan calls CSV.
///
/// # Errors
/// `Written`: the file can't be read, is too long, or is neither.
pub fn read(file: &Path) -> Result<String, Failure> {
    let wrong = |what: String| Failure::Written(format!("{}: {what}", file.display()));
    let length = std::fs::metadata(file).map_err(|e| wrong(e.to_string()))?.len();
    if length > SHEET_MAX_BYTES {
        return Err(wrong(format!("{length} bytes are more than {SHEET_MAX_BYTES}; split the table")));
    }
    decode(&std::fs::read(file).map_err(|e| wrong(e.to_string()))?).map_err(wrong)
}

fn decode(bytes: &[u8]) -> Result<String, String> {
    if bytes.starts_with(&[0xFF, 0xFE]) || bytes.starts_with(&[0xFE, 0xFF]) {
        return Err("UTF-16; save it as \"CSV UTF-8\"".to_owned());
    }
    if bytes.starts_with(b"PK\x03\x04") {
        return Err("a workbook; save it as \"CSV UTF-8\"".to_owned());
    }
    if let Ok(text) = std::str::from_utf8(bytes) {
        return Ok(text.to_owned());
    }
    let text = SHIFT_JIS.decode_without_bom_handling_and_without_replacement(bytes);
    text.map(std::borrow::Cow::into_owned)
        .ok_or_else(|| "neither UTF-8 nor Shift_JIS; save it as \"CSV UTF-8\"".to_owned())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_table_is_read_in_whatever_a_spreadsheet_in_japan_saves() {
        let text = "ID,氏名\nop-1,髙橋①\n";
        assert_eq!(decode(text.as_bytes()).unwrap(), text);
        assert_eq!(decode(&SHIFT_JIS.encode(text).0).unwrap(), text);
        assert!(decode(b"\xFF\xFEI\0").unwrap_err().contains("UTF-16"));
        assert!(decode(b"PK\x03\x04").unwrap_err().contains("workbook"));
        assert!(decode(b"ID\x82\n").unwrap_err().contains("neither"));
    }
}
