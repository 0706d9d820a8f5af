//! The passwords with which devices sign in over MQTT: a file of Argon2id hashes.
//!
//! One line a user, in the order of names: name, hash, sources, with tabs between. The file is
//! written whole or not at all and read when the listener starts. It lies outside the store,
//! because it says what may reach this machine, not what happened at the site.

use std::collections::BTreeMap;
use std::path::Path;

use argon2::{Algorithm, Argon2, Params, PasswordHash, PasswordHasher as _, PasswordVerifier as _, Version};

use crate::durable::{SECRET_MODE, write_file};
use crate::secrets;

/// Memory of one hash in KiB, its passes and lanes: the smallest setting that OWASP names, so
/// that a small machine can let a hundred devices in again within seconds.
const MEMORY_KIB: u32 = 19 * 1024;
const PASSES: u32 = 2;
const LANES: u32 = 1;

/// Most users of one file: beyond any site, small enough to read at each start.
const USERS_MAX: usize = 10_000;

/// What the file says of one user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PasswordUser {
    /// The hash, in PHC format.
    pub hash: String,
    /// The sources that it may speak for.
    pub sources: Vec<String>,
}

/// The users of the file, by name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct MqttPasswords(pub BTreeMap<String, PasswordUser>);

impl MqttPasswords {
    /// Reads the file; one that isn't there holds nobody.
    ///
    /// # Errors
    /// A sentence with the line that can't be read.
    pub fn read(path: &Path) -> Result<Self, String> {
        let text = match std::fs::read_to_string(path) {
            Ok(text) => text,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Self::default()),
            Err(error) => return Err(format!("read {}: {error}", path.display())),
        };
        let mut users = BTreeMap::new();
        for (index, line) in text.lines().enumerate() {
            let wrong = |what: &str| format!("{}, line {}: {what}", path.display(), index + 1);
            let mut parts = line.split('\t');
            let (Some(name), Some(hash), Some(sources), None) =
                (parts.next(), parts.next(), parts.next(), parts.next())
            else {
                return Err(wrong("expected a name, a hash and sources with tabs between"));
            };
            PasswordHash::new(hash).map_err(|e| wrong(&format!("the hash of {name:?} can't be read: {e}")))?;
            let sources = sources.split(' ').filter(|s| !s.is_empty()).map(str::to_owned).collect();
            let user = PasswordUser { hash: hash.to_owned(), sources };
            if users.insert(name.to_owned(), user).is_some() {
                return Err(wrong(&format!("{name:?} stands twice")));
            }
            if users.len() > USERS_MAX {
                return Err(wrong(&format!("more than {USERS_MAX} users")));
            }
        }
        Ok(Self(users))
    }

    /// Sets the password of a user.
    ///
    /// # Errors
    /// A name or source that can't stand in a topic, or a password that will not do.
    pub fn set(&mut self, name: &str, password: &str, sources: Vec<String>) -> Result<(), String> {
        for text in std::iter::once(name).chain(sources.iter().map(String::as_str)) {
            let fits = |c: char| !c.is_whitespace() && !c.is_control() && !matches!(c, '/' | '+' | '#');
            if text.is_empty() || !text.chars().all(fits) {
                return Err(format!("{text:?} can't name a source over MQTT: no spaces, no / + #"));
            }
        }
        if let Some(why) = secrets::weakness(password) {
            return Err(format!("the password will not do: {why}"));
        }
        if self.0.len() >= USERS_MAX && !self.0.contains_key(name) {
            return Err(format!("{USERS_MAX} users are the most"));
        }
        let salt = secrets::random::<16>()?;
        let hash = hasher()
            .hash_password_with_salt(password.as_bytes(), &salt)
            .map_err(|e| format!("hash the password: {e}"))?
            .to_string();
        self.0.insert(name.to_owned(), PasswordUser { hash, sources });
        Ok(())
    }

    /// Writes the file.
    ///
    /// # Errors
    /// What the operating system says; the old file then still stands.
    pub fn write(&self, path: &Path) -> std::io::Result<()> {
        let mut text = String::new();
        for (name, user) in &self.0 {
            text.push_str(&format!("{name}\t{}\t{}\n", user.hash, user.sources.join(" ")));
        }
        write_file(path, text.as_bytes(), SECRET_MODE)
    }
}

/// Whether `password` is the one behind `hash`. Takes tens of milliseconds and 19 MiB.
#[must_use]
pub fn verify(hash: &str, password: &[u8]) -> bool {
    PasswordHash::new(hash).is_ok_and(|parsed| hasher().verify_password(password, &parsed).is_ok())
}

fn hasher() -> Argon2<'static> {
    let params = Params::new(MEMORY_KIB, PASSES, LANES, None).expect("the constants are within Argon2's bounds");
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_password_survives_the_file_and_only_the_right_one_opens() {
        let path = std::env::temp_dir().join(format!("kukaku-mqtt-passwords-{}", std::process::id()));
        let mut users = MqttPasswords::default();
        users.set("panel-1", "correct horse battery", vec!["panel-1".to_owned(), "panel-2".to_owned()]).unwrap();
        users.write(&path).unwrap();
        let read = MqttPasswords::read(&path).unwrap();
        assert_eq!(read, users);
        assert!(verify(&read.0["panel-1"].hash, b"correct horse battery"));
        assert!(!verify(&read.0["panel-1"].hash, b"correct horse batterz"));
        let mode = std::os::unix::fs::PermissionsExt::mode(&std::fs::metadata(&path).unwrap().permissions());
        assert_eq!(mode & 0o777, 0o600);
        std::fs::write(&path, "panel-1\tnothing\tpanel-1\n").unwrap();
        assert!(MqttPasswords::read(&path).is_err_and(|e| e.contains("line 1")));
        std::fs::remove_file(&path).unwrap();
    }

    #[test]
    fn sample_passwords_and_names_that_break_a_topic_are_refused() {
        let mut users = MqttPasswords::default();
        assert!(users.set("panel-1", "changeme", vec![]).is_err());
        assert!(users.set("panel/1", "correct horse battery", vec![]).is_err());
        assert!(users.set("panel-1", "correct horse battery", vec!["#".to_owned()]).is_err());
        assert!(users.0.is_empty());
    }
}
