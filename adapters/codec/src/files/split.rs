//! From a record to its fields.

use super::slots::Range;

/// Cuts `text` at every delimiter; quotes mean nothing.
///
/// Fields are short, so eight bytes at a time beat a search from field to field.
#[inline]
pub(crate) fn split_plain(text: &str, delimiter: u8, ranges: &mut Vec<Range>) {
    ranges.clear();
    let bytes = text.as_bytes();
    let wanted = u64::from_le_bytes([delimiter; 8]);
    let mut from = 0;
    let mut cut = |at: u32| {
        ranges.push((from, at));
        from = at + 1;
    };
    let (words, rest) = bytes.as_chunks::<8>();
    for (index, word) in words.iter().enumerate() {
        let mut hits = zero_bytes(u64::from_le_bytes(*word) ^ wanted);
        while hits != 0 {
            cut(index as u32 * 8 + hits.trailing_zeros() / 8);
            hits &= hits - 1;
        }
    }
    for (index, byte) in rest.iter().enumerate() {
        if *byte == delimiter {
            cut((words.len() * 8 + index) as u32);
        }
    }
    cut(bytes.len() as u32);
}

/// The top bit of every byte of `word` that is zero.
#[inline]
fn zero_bytes(word: u64) -> u64 {
    const LOW: u64 = u64::from_le_bytes([0x7F; 8]);
    !(((word & LOW) + LOW) | word | LOW)
}

/// Cuts `text` as RFC 4180 says; the fields without their quotes go to `out`, the ranges lie in it.
///
/// # Errors
/// A sentence about the quote that is out of place. Nothing is guessed: a stray quote may have
/// moved a delimiter.
pub(crate) fn split_quoted(text: &str, delimiter: u8, out: &mut String, ranges: &mut Vec<Range>) -> Result<(), String> {
    ranges.clear();
    out.clear();
    let delimiter = char::from(delimiter);
    let mut rest = text;
    loop {
        let from = out.len() as u32;
        // Blanks around a quoted field are common in hand-made files.
        let quoted = rest.trim_start_matches([' ', '\u{3000}']).strip_prefix('"');
        let (field_end, is_quoted) = match quoted {
            Some(inside) => (unquote(inside, out, ranges.len())?, true),
            None => (rest, false),
        };
        let (field, after) = match field_end.find(delimiter) {
            Some(at) => (&field_end[..at], Some(&field_end[at + delimiter.len_utf8()..])),
            None => (field_end, None),
        };
        if is_quoted {
            if !field.trim().is_empty() {
                return Err(format!("column {}: text after a closing quote", ranges.len() + 1));
            }
        } else if field.contains('"') {
            return Err(format!(
                "column {}: a quote inside a field without quotes; write quoted = false if quotes mean nothing in this file",
                ranges.len() + 1
            ));
        } else {
            out.push_str(field);
        }
        ranges.push((from, out.len() as u32));
        match after {
            Some(after) => rest = after,
            None => return Ok(()),
        }
    }
}

/// Takes a field up to its closing quote; returns what stands behind that.
fn unquote<'t>(inside: &'t str, out: &mut String, column: usize) -> Result<&'t str, String> {
    let mut rest = inside;
    loop {
        let Some((part, after)) = rest.split_once('"') else {
            return Err(format!("column {}: a quote that is never closed", column + 1));
        };
        out.push_str(part);
        match after.strip_prefix('"') {
            Some(after) => {
                out.push('"');
                rest = after;
            }
            None => return Ok(after),
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn fields(text: &str) -> Result<Vec<String>, String> {
        let (mut out, mut ranges) = (String::new(), Vec::new());
        split_quoted(text, b',', &mut out, &mut ranges)?;
        Ok(ranges.iter().map(|(a, b)| out[*a as usize..*b as usize].to_owned()).collect())
    }

    #[test]
    fn plain_fields_are_cut_at_every_delimiter() {
        for text in ["", ",", "a", "a,b", ",,,,,,,,,,", "12345678,12345678", "1234567,日本,\u{7f}-,x,", "-,-,-,-.,"] {
            let mut ranges = Vec::new();
            split_plain(text, b',', &mut ranges);
            let cut: Vec<&str> = ranges.iter().map(|(a, b)| &text[*a as usize..*b as usize]).collect();
            assert_eq!(cut, text.split(',').collect::<Vec<_>>());
        }
    }

    #[test]
    fn quoted_fields_keep_commas_quotes_and_line_ends() {
        assert_eq!(fields("a,\"b,\"\"c\"\"\nd\",,\"\"").unwrap(), ["a", "b,\"c\"\nd", "", ""]);
        assert_eq!(fields("").unwrap(), [""]);
        assert_eq!(fields(" \"a\" , b").unwrap(), ["a", " b"]);
    }

    #[test]
    fn quotes_out_of_place_are_refused_with_their_column() {
        for (text, column) in [("a,12\" b", "column 2"), ("\"a\"b", "column 1"), ("a,b,\"c", "column 3")] {
            let reason = fields(text).unwrap_err();
            assert!(reason.contains(column), "{text}: {reason}");
        }
    }
}
