//! Cuts a posted body into what its source wrote: lines, or JSON values.
//!
//! Pure; never fails: what can't be cut is one piece, and whoever reads it says why it is wrong.

/// Longest line or value that is looked at whole: an event of Windows as JSON, with its message.
pub(super) const PIECE_MAX_BYTES: usize = 256 * 1024;

/// Values without an end that are looked for; behind them a body is cut by lines alone, because
/// each costs a look at up to `PIECE_MAX_BYTES`.
const ENDLESS_MAX: usize = 64;

/// The lines that aren't blank, without their ends.
pub(super) fn lines(body: &[u8]) -> impl Iterator<Item = &[u8]> {
    body.split(|byte| *byte == b'\n').map(trimmed).filter(|line| !line.is_empty())
}

/// The values of a JSON body: one, several behind each other (JSON Lines among them), or the
/// elements of an array.
pub(super) fn values(body: &[u8]) -> Vec<&[u8]> {
    let mut cutter = Cutter { rest: body, out: Vec::new(), endless: 0 };
    while let Some(first) = cutter.next_byte() {
        if first == b'[' {
            cutter.rest = &cutter.rest[1..];
            cutter.elements();
        } else {
            cutter.value();
        }
    }
    cutter.out
}

fn trimmed(piece: &[u8]) -> &[u8] {
    piece.trim_ascii()
}

struct Cutter<'b> {
    rest: &'b [u8],
    out: Vec<&'b [u8]>,
    endless: usize,
}

impl<'b> Cutter<'b> {
    /// The next byte that is no white space.
    fn next_byte(&mut self) -> Option<u8> {
        // A byte order mark before the first value is none of it.
        let rest = self.rest.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(self.rest);
        self.rest = rest.trim_ascii_start();
        self.rest.first().copied()
    }

    fn take(&mut self, length: usize) {
        let (piece, rest) = self.rest.split_at(length);
        self.rest = rest;
        let piece = trimmed(piece);
        if !piece.is_empty() {
            self.out.push(piece);
        }
    }

    /// A value to its end; one without an end to the end of its line, so that what follows is read.
    fn value(&mut self) {
        let whole = if self.endless < ENDLESS_MAX { closed(self.rest) } else { None };
        let length = whole.unwrap_or_else(|| {
            self.endless += 1;
            self.rest.iter().position(|byte| *byte == b'\n').map_or(self.rest.len(), |at| at + 1)
        });
        self.take(length);
    }

    /// The elements of an array, to its end.
    fn elements(&mut self) {
        while let Some(first) = self.next_byte() {
            match first {
                b']' => {
                    self.rest = &self.rest[1..];
                    return;
                }
                b',' => self.rest = &self.rest[1..],
                b'{' | b'[' => match closed(self.rest) {
                    Some(length) => self.take(length),
                    None => self.take(self.rest.len()),
                },
                _ => {
                    let end = self.rest.iter().position(|byte| matches!(byte, b',' | b']'));
                    self.take(end.unwrap_or(self.rest.len()));
                }
            }
        }
    }
}

/// The length of the object or array that `text` begins with; none where it begins with none, or
/// that has no end within `PIECE_MAX_BYTES`.
fn closed(text: &[u8]) -> Option<usize> {
    let (mut depth, mut in_text, mut escaped) = (0_usize, false, false);
    for (at, byte) in text.iter().take(PIECE_MAX_BYTES).enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if in_text => escaped = true,
            b'"' => in_text = !in_text,
            _ if in_text => {}
            b'{' | b'[' => depth += 1,
            b'}' | b']' => {
                depth = depth.checked_sub(1)?;
                if depth == 0 {
                    return Some(at + 1);
                }
            }
            _ => {}
        }
        if depth == 0 {
            return None;
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cut(body: &str) -> Vec<String> {
        values(body.as_bytes()).into_iter().map(|piece| String::from_utf8_lossy(piece).into_owned()).collect()
    }

    #[test]
    fn one_object_several_and_an_array_are_cut_alike() {
        let pieces = [r#"{"a":"]}\"{"}"#, r#"{"b":[{"c":1}]}"#];
        for body in [
            pieces.join("\n"),
            pieces.join("\r\n\r\n"),
            pieces.join(""),
            format!("[{}]", pieces.join(",")),
            format!("\u{feff}[\n {} ,\n {}\n]\n", pieces[0], pieces[1]),
            format!("[{}]\n[{}]", pieces[0], pieces[1]),
        ] {
            assert_eq!(cut(&body), pieces, "{body}");
        }
        assert_eq!(cut("{\n  \"a\": {\n    \"b\": 1\n  }\n}\n").len(), 1, "on several lines");
        assert_eq!(cut(" \n "), Vec::<String>::new());
        assert_eq!(cut("[]"), Vec::<String>::new());
    }

    #[test]
    fn what_is_broken_spoils_no_other() {
        assert_eq!(cut("{\"a\":\n{\"b\":2}\n{\"c\":3}\n"), ["{\"a\":", "{\"b\":2}", "{\"c\":3}"]);
        assert_eq!(cut("garbage\n{\"b\":2}\n"), ["garbage", "{\"b\":2}"]);
        assert_eq!(cut("}\n{\"b\":2}"), ["}", "{\"b\":2}"]);
        assert_eq!(cut("[1, {\"b\":2}, \"x\", {\"c\":"), ["1", "{\"b\":2}", "\"x\"", "{\"c\":"]);
    }

    #[test]
    fn a_body_of_open_braces_takes_no_time_to_speak_of() {
        let body = "{\n".repeat(2 * 1024 * 1024);
        assert_eq!(values(body.as_bytes()).len(), 2 * 1024 * 1024);
        assert_eq!(values("[{".repeat(2 * 1024 * 1024).as_bytes()).len(), 1);
    }

    #[test]
    fn nothing_of_a_body_is_lost() {
        // A generator of its own, so that a failure comes again.
        let mut state = 0x9e37_79b9_u32;
        let letters = b"{}[]\"\\,:1a \n";
        for _ in 0..20_000 {
            let body: Vec<u8> = (0..24)
                .map(|_| {
                    state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                    letters[(state >> 16) as usize % letters.len()]
                })
                .collect();
            let told = |text: &[u8]| text.iter().filter(|byte| matches!(byte, b':' | b'1' | b'a' | b'"')).count();
            let kept: usize = values(&body).iter().map(|piece| told(piece)).sum();
            assert_eq!(kept, told(&body), "{}", String::from_utf8_lossy(&body));
        }
    }

    #[test]
    fn lines_end_as_windows_and_unix_end_them() {
        assert_eq!(lines(b"a\r\n\n b\nc").collect::<Vec<_>>(), [b"a".as_slice(), b"b", b"c"]);
    }
}
