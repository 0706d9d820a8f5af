//! Who is asked to cosign the checkpoints.

use std::path::PathBuf;

use kukaku_ledger::CosignerKey;
use serde::Deserialize;

/// Most witnesses: half the signatures that a note may bear, so that a checkpoint with all their
/// lines is read everywhere.
pub const WITNESSES_MAX: usize = 16;

/// `[[witness]]`: somebody outside the vendor's reach who cosigns each checkpoint (C2SP
/// `tlog-witness`): `kukaku-verify witness`, or another program of that protocol.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WitnessConfig {
    /// As people call it: `"札幌市"`. Shown wherever it is told how far it reaches.
    pub name: String,
    /// Where it listens, without `/add-checkpoint`: `"http://192.0.2.30:8430"`. Plain HTTP hides
    /// nothing that is secret, and what comes back is signed. Wrong: entries stay unwitnessed.
    pub url: String,
    /// Its public key, as `kukaku-verify witness-init` prints it. Wrong: its word is refused.
    pub key: String,
    /// The CA that the certificate of an `https` address must come from; left out: the machine's.
    #[serde(default)]
    pub ca_file: Option<PathBuf>,
}

/// The place in the list, the field and what is wrong with it.
type Wrong = (usize, &'static str, String);

/// Checks all of them without opening a file or a line.
pub(super) fn check(witnesses: &[WitnessConfig]) -> Result<(), Wrong> {
    let mut keys: Vec<CosignerKey> = Vec::new();
    for (place, witness) in witnesses.iter().enumerate() {
        let wrong = |field, why: String| Err((place, field, why));
        if place == WITNESSES_MAX {
            return wrong("name", format!("more than {WITNESSES_MAX} witnesses"));
        }
        if witness.name.trim().is_empty() || witness.name.chars().any(char::is_control) {
            return wrong("name", "expected a name of one line".to_owned());
        }
        if witnesses[..place].iter().any(|other| other.name == witness.name) {
            return wrong("name", format!("{:?} stands twice", witness.name));
        }
        let host = witness.url.strip_prefix("https://").or_else(|| witness.url.strip_prefix("http://"));
        if host.is_none_or(|rest| rest.is_empty() || rest.starts_with('/') || rest.contains(['@', '?', '#', ' '])) {
            return wrong("url", format!("{:?} is no address like \"http://192.0.2.30:8430\"", witness.url));
        }
        let key = match CosignerKey::parse(&witness.key) {
            Ok(key) => key,
            Err(error) => return wrong("key", format!("is no public key of a witness: {error}")),
        };
        if keys.iter().any(|other| other.name() == key.name()) {
            return wrong("key", format!("two witnesses sign as {}", key.name()));
        }
        keys.push(key);
    }
    Ok(())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use kukaku_ledger::Cosigner;

    use super::*;

    fn witness(name: &str, key: &str) -> WitnessConfig {
        let url = "http://192.0.2.30:8430".to_owned();
        WitnessConfig { name: name.to_owned(), url, key: key.to_owned(), ca_file: None }
    }

    #[test]
    fn each_wrong_field_is_named() {
        let key = |name: &str| Cosigner::from_seed(name, &[1; 32]).unwrap().key().to_string();
        let (city, ward) = (witness("city", &key("w.example/city")), witness("ward", &key("w.example/ward")));
        let field = |list: &[WitnessConfig]| check(list).map_err(|(place, field, _)| (place, field));
        assert_eq!(field(&[city.clone(), ward.clone()]), Ok(()));
        assert_eq!(field(&[city.clone(), witness("city", &ward.key)]), Err((1, "name")));
        assert_eq!(field(&[city.clone(), witness("other", &city.key)]), Err((1, "key")));
        assert_eq!(field(&[witness("", &city.key)]), Err((0, "name")));
        assert_eq!(field(&[witness("city", "w.example/city+0+AA")]), Err((0, "key")));
        for url in ["192.0.2.30:8430", "ftp://w", "http://", "http://a@b", "http:///x", "http://w?x"] {
            assert_eq!(field(&[WitnessConfig { url: url.to_owned(), ..city.clone() }]), Err((0, "url")), "{url}");
        }
        let many: Vec<_> = (0..17).map(|n| witness(&n.to_string(), &key(&format!("w{n}.example")))).collect();
        assert_eq!((field(&many[..16]), field(&many)), (Ok(()), Err((16, "name"))));
    }
}
