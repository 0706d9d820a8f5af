//! The spoken check: over the telephone a city gives a number that it has just made, the site
//! answers with what only the tree with the city's own root gives.
//!
//! The answer is the first 120 bits of `SHA-256("kukaku-answer/1\n" || nonce (10) || length of the
//! origin (2) || origin || size (8) || root (32))`, numbers big-endian. Invariant: there is no
//! shorter answer, and none without a city's nonce.

use crate::aloud::{from_groups, to_groups};
use crate::checkpoint::Checkpoint;
use crate::error::AloudError;
use crate::hash::Hash;

const DOMAIN: &[u8] = b"kukaku-answer/1\n";

/// Bytes of a nonce.
pub const NONCE_BYTES: usize = 10;

/// Bits of an answer. Never fewer: what is compared by ear is all that is compared.
pub const ANSWER_BITS: usize = 120;

const ANSWER_BYTES: usize = ANSWER_BITS / 8;

// What the ear can tell apart has to be more than a forger can try.
const _: () = assert!(ANSWER_BITS >= 100 && ANSWER_BITS.is_multiple_of(8));

/// A number of the city's, used once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Nonce([u8; NONCE_BYTES]);

impl Nonce {
    /// Takes random bytes of the city's own system.
    #[must_use]
    pub fn from_random(bytes: [u8; NONCE_BYTES]) -> Self {
        Self(bytes)
    }

    /// Reads what was said or typed.
    ///
    /// # Errors
    /// [`AloudError`]: which group is wrong.
    pub fn parse(typed: &str) -> Result<Self, AloudError> {
        from_groups(typed).map(Self)
    }

    /// As it is said: four groups.
    #[must_use]
    pub fn to_text(self) -> String {
        to_groups(&self.0).join("-")
    }
}

/// What a site answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Answer([u8; ANSWER_BYTES]);

impl Answer {
    /// The answer to `nonce` of the log with this head.
    #[must_use]
    pub fn new(nonce: Nonce, checkpoint: &Checkpoint) -> Self {
        let origin = checkpoint.origin.as_bytes();
        // No key's name is longer than a number of two bytes can tell.
        let length = u16::try_from(origin.len()).unwrap_or(u16::MAX).to_be_bytes();
        let size = checkpoint.head.size.to_be_bytes();
        let text = [DOMAIN, &nonce.0, &length, origin, &size, checkpoint.head.root.as_bytes()].concat();
        let mut bytes = [0; ANSWER_BYTES];
        bytes.copy_from_slice(&Hash::of(&text).as_bytes()[..ANSWER_BYTES]);
        Self(bytes)
    }

    /// Reads what was heard.
    ///
    /// # Errors
    /// [`AloudError`]: which group is wrong.
    pub fn parse(typed: &str) -> Result<Self, AloudError> {
        from_groups(typed).map(Self)
    }

    /// As it is said: six groups.
    #[must_use]
    pub fn to_text(self) -> String {
        to_groups(&self.0).join("-")
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::checkpoint::Head;

    fn checkpoint(size: u64, leaf: &[u8]) -> Checkpoint {
        Checkpoint { origin: "kukaku/sapporo-1".to_owned(), head: Head { size, root: Hash::of(leaf) } }
    }

    #[test]
    fn an_answer_fits_one_nonce_one_size_and_one_root() {
        let nonce = Nonce::from_random([7; NONCE_BYTES]);
        let answer = Answer::new(nonce, &checkpoint(5, b"a"));
        assert_eq!(Answer::parse(&answer.to_text()).unwrap(), answer);
        assert_eq!(Nonce::parse(&nonce.to_text()).unwrap(), nonce);
        let other = Nonce::from_random([8; NONCE_BYTES]);
        for wrong in [
            Answer::new(other, &checkpoint(5, b"a")),
            Answer::new(nonce, &checkpoint(4, b"a")),
            Answer::new(nonce, &checkpoint(5, b"b")),
        ] {
            assert_ne!(wrong, answer);
        }
    }

    #[test]
    fn an_answer_is_120_bits_in_six_groups_and_two_slips_never_pass() {
        let answer = Answer::new(Nonce::from_random([1; NONCE_BYTES]), &checkpoint(9, b"x"));
        let text: Vec<char> = answer.to_text().chars().filter(|c| *c != '-').collect();
        assert_eq!(text.len(), ANSWER_BITS / 5 + 6);
        for (first, second) in [(0, 1), (0, 4), (3, 9), (11, 24), (23, 24)] {
            for a in "0123456789ABCDEFGHJKMNPQRSTVWXYZ".chars() {
                for b in "0123456789ABCDEFGHJKMNPQRSTVWXYZ".chars() {
                    let mut typed = text.clone();
                    (typed[first], typed[second]) = (a, b);
                    let same = typed == text;
                    let heard = Answer::parse(&typed.iter().collect::<String>());
                    assert_eq!(heard.is_ok_and(|heard| heard == answer), same);
                }
            }
        }
    }
}
