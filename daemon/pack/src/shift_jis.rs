//! Shift_JIS, for spreadsheets of before Unicode.
//!
//! A character is written with the first bytes that read back as it, by the table that Windows
//! and the web share (WHATWG Encoding, index jis0208), lead bytes 0x81-0x9F, 0xE0-0xEC and
//! 0xFA-0xFC; ASCII and half-width kana are one byte. What the table lacks is written as `U+XXXX`.

use std::collections::BTreeMap;

use encoding_rs::SHIFT_JIS;

/// The table, turned round.
#[derive(Debug)]
pub(crate) struct ShiftJis(BTreeMap<char, [u8; 2]>);

impl ShiftJis {
    pub(crate) fn new() -> Self {
        let mut table = BTreeMap::new();
        // 0xED and 0xEE repeat what stands at 0xFA-0xFC; 0xF0-0xF9 are private.
        for lead in (0x81..=0x9F).chain(0xE0..=0xEC).chain(0xFA..=0xFC) {
            for trail in (0x40..=0x7E).chain(0x80..=0xFC) {
                let bytes = [lead, trail];
                let (text, wrong) = SHIFT_JIS.decode_without_bom_handling(&bytes);
                let mut chars = text.chars();
                if let (false, Some(one), None) = (wrong, chars.next(), chars.next()) {
                    table.entry(one).or_insert(bytes);
                }
            }
        }
        Self(table)
    }

    pub(crate) fn encode(&self, text: &str) -> Vec<u8> {
        let mut out = Vec::with_capacity(text.len());
        for one in text.chars() {
            match (u32::from(one), self.0.get(&one)) {
                (code @ 0..=0x7F, _) => out.push(code as u8),
                (code @ 0xFF61..=0xFF9F, _) => out.push((code - 0xFF61) as u8 + 0xA1),
                (_, Some(bytes)) => out.extend(bytes),
                (code, None) => out.extend(format!("U+{code:04X}").bytes()),
            }
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::ShiftJis;

    #[test]
    fn names_are_written_and_what_is_lacking_is_named() {
        let table = ShiftJis::new();
        assert_eq!(table.encode("苫小牧A\u{FF71}\u{FF76}"), [0x93, 0xCF, 0x8F, 0xAC, 0x96, 0x71, 0x41, 0xB1, 0xB6]);
        // The first of two places, as every writer takes it: not NEC's copy at 0xED.
        assert_eq!(table.encode("髙﨑①"), [0xFB, 0xFC, 0xFA, 0xB1, 0x87, 0x40]);
        assert_eq!(table.encode("𠮷"), b"U+20BB7");
        assert_eq!(table.encode("é"), b"U+00E9");
    }
}
