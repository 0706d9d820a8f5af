//! Bytes that people read aloud and type: Crockford's base32 in groups of four symbols and a
//! check symbol.
//!
//! The check symbol is `number + Σ α^i·s_i` (i from 1) in GF(32) with `x^5 + x^2 + 1` and the
//! group's number from 0: one wrong symbol, two symbols exchanged, and two groups exchanged are
//! all noticed, and the group that is wrong is named. What is typed may be small, full-width, with
//! hyphens, `O` for `0`, `I` or `L` for `1`.

use crate::error::AloudError;

const SYMBOLS: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";

/// Symbols in a group, the check symbol not counted.
const GROUP: usize = 4;

/// Longest text that is taken: more than any that is written here.
const TYPED_MAX_CHARS: usize = 512;

fn times_alpha(value: u8) -> u8 {
    let doubled = value << 1;
    if doubled & 32 == 0 { doubled } else { doubled ^ 0b10_0101 }
}

fn check_symbol(number: usize, group: &[u8]) -> u8 {
    // Horner's rule from the last symbol on.
    let sum = group.iter().rev().fold(0, |sum, symbol| times_alpha(sum ^ symbol));
    sum ^ (number % 32) as u8
}

/// Groups of five characters; the last symbol is filled with zero bits.
#[must_use]
pub fn to_groups(bytes: &[u8]) -> Vec<String> {
    let count = (bytes.len() * 8).div_ceil(5).next_multiple_of(GROUP);
    let bit = |at: usize| bytes.get(at / 8).map_or(0, |byte| byte >> (7 - at % 8) & 1);
    let symbols: Vec<u8> = (0..count).map(|n| (0..5).fold(0, |value, i| value << 1 | bit(n * 5 + i))).collect();
    let text = |(number, group): (usize, &[u8])| {
        let all = group.iter().copied().chain([check_symbol(number, group)]);
        all.map(|symbol| char::from(SYMBOLS[usize::from(symbol)])).collect()
    };
    symbols.chunks(GROUP).enumerate().map(text).collect()
}

/// A character as it was meant: full-width and small letters, and those that look like digits.
#[must_use]
pub fn plain(c: char) -> char {
    let half = match c {
        '\u{ff01}'..='\u{ff5e}' => char::from_u32(u32::from(c) - 0xfee0).unwrap_or(c),
        '\u{3000}' => ' ',
        'ー' | '‐' | '−' | '–' => '-',
        other => other,
    };
    half.to_ascii_uppercase()
}

/// Reads exactly `N` bytes of what [`to_groups`] wrote.
///
/// # Errors
/// [`AloudError`]: which group is wrong.
pub fn from_groups<const N: usize>(typed: &str) -> Result<[u8; N], AloudError> {
    let mut values = Vec::new();
    for c in typed.chars().take(TYPED_MAX_CHARS + 1) {
        let meant = match plain(c) {
            '-' | '.' => continue,
            c if c.is_whitespace() => continue,
            'O' => '0',
            'I' | 'L' => '1',
            other => other,
        };
        let value = SYMBOLS.iter().position(|symbol| char::from(*symbol) == meant);
        values.push(value.ok_or(AloudError::Symbol(c))? as u8);
    }
    let groups = (N * 8).div_ceil(5).div_ceil(GROUP);
    if values.len() != groups * (GROUP + 1) {
        return Err(AloudError::Length { expected: groups * (GROUP + 1), found: values.len() });
    }
    let mut bytes = [0; N];
    let mut at = 0;
    for (number, group) in values.chunks(GROUP + 1).enumerate() {
        let (symbols, check) = group.split_at(GROUP);
        if check != [check_symbol(number, symbols)] {
            return Err(AloudError::Group(number + 1));
        }
        for symbol in symbols {
            for bit in (0..5).rev().map(|shift| symbol >> shift & 1) {
                match bytes.get_mut(at / 8) {
                    Some(byte) => *byte |= bit << (7 - at % 8),
                    None if bit == 1 => return Err(AloudError::Group(number + 1)),
                    None => {}
                }
                at += 1;
            }
        }
    }
    Ok(bytes)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn every_slip_of_one_symbol_or_of_two_exchanged_is_noticed(
            bytes in any::<[u8; 13]>(), at in 0_usize..30, other in 0_usize..30, symbol in 0_usize..32,
        ) {
            let said: Vec<char> = to_groups(&bytes).concat().chars().collect();
            prop_assert_eq!(from_groups::<13>(&said.iter().collect::<String>()).unwrap(), bytes);
            let mut wrong = said.clone();
            wrong[at] = char::from(SYMBOLS[symbol]);
            let same = wrong == said;
            prop_assert_eq!(from_groups::<13>(&wrong.iter().collect::<String>()).is_ok(), same);
            let mut swapped = said.clone();
            let pair = (at - at % 5 + other % 5, at);
            swapped.swap(pair.0, pair.1);
            let same = swapped == said;
            prop_assert_eq!(from_groups::<13>(&swapped.iter().collect::<String>()).is_ok(), same);
            let mut groups = to_groups(&bytes);
            groups.swap(at / 5, other / 5);
            prop_assert_eq!(from_groups::<13>(&groups.join(" ")).is_ok(), at / 5 == other / 5);
        }
    }

    #[test]
    fn what_is_typed_small_wide_or_with_look_alikes_is_understood() {
        let said = to_groups(&[0; 10]).join("-");
        let typed: String = said.chars().map(|c| if c == '0' { 'o' } else { c }).collect();
        assert_eq!(from_groups::<10>(&typed).unwrap(), [0; 10]);
        let wide: String = said.chars().map(|c| char::from_u32(u32::from(c) + 0xfee0).unwrap()).collect();
        assert_eq!(from_groups::<10>(&wide).unwrap(), [0; 10]);
        assert!(matches!(from_groups::<10>("U0000"), Err(AloudError::Symbol('U'))));
        assert!(matches!(from_groups::<10>(&said[..5]), Err(AloudError::Length { expected: 20, found: 5 })));
    }
}
