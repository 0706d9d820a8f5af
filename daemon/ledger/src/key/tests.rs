//! Harm: a mistyped or tampered key text that is accepted makes every later check worthless.
#![allow(clippy::unwrap_used)]

use super::*;

/// The key of the worked example in Go's `golang.org/x/mod/sumdb/note` documentation.
const GO_SECRET: &str = "PRIVATE+KEY+PeterNeumann+c74f20a3+AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz";
const GO_PUBLIC: &str = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";

#[test]
fn keys_made_by_other_tools_are_read() {
    let secret = SigningKey::parse(GO_SECRET).unwrap();
    assert_eq!(secret.verifier().to_string(), GO_PUBLIC);
    assert_eq!(VerifierKey::parse(GO_PUBLIC).unwrap(), *secret.verifier());
    assert_eq!(secret.to_secret_text(), GO_SECRET);
}

#[test]
fn a_key_text_changed_in_one_character_is_refused() {
    for at in 0..GO_PUBLIC.len() {
        for replacement in ['A', 'b', '7', '/', '+', ' ', '='] {
            let mut changed = GO_PUBLIC.to_owned();
            changed.replace_range(at..=at, &replacement.to_string());
            if changed != GO_PUBLIC {
                assert!(VerifierKey::parse(&changed).is_err(), "{changed}");
            }
        }
    }
}

#[test]
fn a_retyped_id_is_named() {
    let changed = GO_PUBLIC.replace("c74f20a3", "c74f20a4");
    assert_eq!(VerifierKey::parse(&changed), Err(KeyError::WrongId { found: 0xc74f_20a4, expected: 0xc74f_20a3 }));
    for id in ["C74F20A3", "+74f20a3", "c74f20a", "0c74f20a3"] {
        let changed = GO_PUBLIC.replace("c74f20a3", id);
        assert!(VerifierKey::parse(&changed).is_err(), "{id}");
    }
}

#[test]
fn another_algorithm_is_refused() {
    // 0x04: a witness's cosignature key, not a log's.
    let text = format!("w+00000000+{}", STANDARD.encode([[4].as_slice(), &[1; 32]].concat()));
    assert_eq!(VerifierKey::parse(&text), Err(KeyError::UnknownAlgorithm(4)));
}

#[test]
fn a_key_under_which_everything_verifies_is_refused() {
    // The identity point: small order.
    let mut point = [0; 32];
    point[0] = 1;
    let id = key_id("weak", ED25519, &point);
    let text = format!("weak+{id:08x}+{}", encode_key(ED25519, &point));
    assert_eq!(VerifierKey::parse(&text), Err(KeyError::BadKey));
}

#[test]
fn names_that_would_break_the_lines_are_refused() {
    for name in ["", "a b", "a+b", "a\nb", "a\u{3000}b", &"n".repeat(257)] {
        let made = SigningKey::from_seed(name, &[1; 32]);
        assert!(matches!(made, Err(KeyError::BadName)), "{name:?}");
    }
    assert!(SigningKey::from_seed("札幌.example/封印", &[1; 32]).is_ok());
}

#[test]
fn neither_debug_nor_errors_tell_the_secret() {
    let key = SigningKey::parse(GO_SECRET).unwrap();
    let seed = GO_SECRET.rsplit('+').next().unwrap();
    assert!(!format!("{key:?}").contains(seed));
    let broken = GO_SECRET.replace("c74f20a3", "c74f20a4");
    let error = SigningKey::parse(&broken).unwrap_err();
    assert!(!error.to_string().contains(seed) && !format!("{error:?}").contains(seed));
}
