//! New secrets, and the recognition of ones that are none.

use std::fmt::Write as _;

/// Letters of passwords that are read aloud and typed: without 0 O 1 l I.
const TYPED: &[u8] = b"abcdefghijkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789";

/// Shortest password of a source, in characters: 20 random ones are more, 12 are typed by people.
pub const PASSWORD_MIN_CHARS: usize = 12;

/// Passwords and keys that stand in manuals and examples.
const SAMPLES: &[&str] = &[
    "password",
    "passw0rd",
    "changeme",
    "change-me",
    "change_me",
    "secret",
    "default",
    "sample",
    "example",
    "admin",
    "administrator",
    "kukaku",
    "mosquitto",
    "mqtt",
    "test",
    "guest",
    "letmein",
    "qwerty",
    "himitsu",
    "patlite",
];

/// Random bytes of the operating system.
///
/// # Errors
/// A sentence: the operating system gives none.
pub fn random<const N: usize>() -> Result<[u8; N], String> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(|e| format!("the operating system gives no random bytes: {e}"))?;
    Ok(bytes)
}

/// A new password that a person can read aloud: `chars` characters in groups of five.
///
/// # Errors
/// As `random`.
pub fn new_password(chars: usize) -> Result<String, String> {
    let mut out = String::new();
    let mut picked = 0;
    while picked < chars {
        for byte in random::<64>()? {
            // Bytes above the largest multiple would make the first letters likelier.
            let most = 256 - 256 % TYPED.len();
            if picked == chars || usize::from(byte) >= most {
                continue;
            }
            if picked > 0 && picked % 5 == 0 {
                out.push('-');
            }
            out.push(char::from(TYPED[usize::from(byte) % TYPED.len()]));
            picked += 1;
        }
    }
    Ok(out)
}

/// A new bearer key: 256 random bits in hex after a mark by which a scanner finds a leaked one.
///
/// # Errors
/// As `random`.
pub fn new_bearer_key() -> Result<String, String> {
    let mut out = String::from("kukaku_");
    for byte in random::<32>()? {
        write!(out, "{byte:02x}").expect("a string takes everything");
    }
    Ok(out)
}

/// Why a secret is none: short, from a manual, one character only, or a plain row of them.
#[must_use]
pub fn weakness(secret: &str) -> Option<String> {
    let plain = secret.trim().to_lowercase();
    let letters: String = plain.chars().filter(|c| c.is_alphabetic()).collect();
    let sample = SAMPLES.iter().find(|s| plain == **s || letters == s.replace(['-', '_', '0'], ""));
    if let Some(sample) = sample {
        return Some(format!("it is {sample:?} or nearly so, which every attacker tries first"));
    }
    let codes: Vec<u32> = plain.chars().map(u32::from).collect();
    if codes.len() < PASSWORD_MIN_CHARS {
        return Some(format!("it has {} characters; at least {PASSWORD_MIN_CHARS} are needed", codes.len()));
    }
    let steps = |by: i64| codes.windows(2).all(|w| i64::from(w[1]) - i64::from(w[0]) == by);
    if steps(0) || steps(1) || steps(-1) {
        return Some("it is one character repeated or a plain row of them".to_owned());
    }
    None
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn manual_passwords_and_plain_rows_are_refused_and_new_ones_pass() {
        for bad in ["changeme", "Passw0rd", "kukaku123456", "aaaaaaaaaaaaaaaa", "abcdefghijklmnop", "short", "98765432"]
        {
            assert!(weakness(bad).is_some(), "{bad}");
        }
        assert_eq!(weakness(&new_password(20).unwrap()), None);
        assert_eq!(weakness(&new_bearer_key().unwrap()), None);
        assert_ne!(new_password(20).unwrap(), new_password(20).unwrap());
        assert_eq!(new_password(20).unwrap().len(), 23);
    }
}
