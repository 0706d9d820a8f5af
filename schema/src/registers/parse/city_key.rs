//! The public keys with which a client signs.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest as _, Sha256};

use super::RegisterError;
use super::place::{Place, Placed};
use crate::observation::Name;
use crate::registers::Client;

/// The byte before an Ed25519 key in its text form.
const ED25519: u8 = 0x01;

/// Most keys of one client at a time: its officers, and one of each that is being replaced.
const KEYS_MAX: usize = 32;

/// A key that was typed wrong would refuse the city's answers on the day they are needed.
pub(super) fn check(place: &Place<'_>, client: &Placed<Client>) -> Result<(), RegisterError> {
    let wrong = |what: String| {
        let line = place.line_of(&client.span, "city_keys");
        Err(place.error(line, format!("[[client]] {:?}: `city_keys`: {what}", client.entry.row.id)))
    };
    let keys = &client.entry.row.city_keys;
    if keys.len() > KEYS_MAX {
        return wrong(format!("{} keys are more than {KEYS_MAX}", keys.len()));
    }
    for (number, key) in keys.iter().enumerate() {
        if !is_key(key) {
            return wrong(format!("{key:?} is no key; expected the line that `kukaku-verify order-key` printed"));
        }
        if keys[..number].contains(key) {
            return wrong(format!("{key:?} stands twice"));
        }
    }
    Ok(())
}

/// Whether it is `name+hash+base64`, the hash that of name and key.
fn is_key(text: &str) -> bool {
    let mut parts = text.splitn(3, '+');
    let (Some(name), Some(hash), Some(key)) = (parts.next(), parts.next(), parts.next()) else { return false };
    let Ok(bytes) = STANDARD.decode(key) else { return false };
    let mut sum = Sha256::new();
    sum.update(name);
    sum.update(b"\n");
    sum.update(&bytes);
    let head: [u8; 32] = sum.finalize().into();
    let expected = format!("{:02x}{:02x}{:02x}{:02x}", head[0], head[1], head[2], head[3]);
    !name.is_empty()
        && Name::new(text).is_ok()
        && bytes.len() == 33
        && bytes.first() == Some(&ED25519)
        && hash == expected
}

#[cfg(test)]
mod tests {
    use super::is_key;

    #[test]
    fn a_key_is_taken_as_printed_and_not_with_one_sign_changed() {
        let key = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";
        assert!(is_key(key), "the key of the format's own example");
        for wrong in [key.replace("c74f", "c74e"), key.replace("10TW", "10TX"), key.replace("Peter", "Petra")] {
            assert!(!is_key(&wrong), "{wrong}");
        }
        assert!(!is_key("") && !is_key("a+b") && !is_key("+c74f20a3+AA=="));
    }
}
