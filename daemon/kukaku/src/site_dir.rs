//! The folder of one installation: what lies where.

use std::path::{Path, PathBuf};

use crate::failure::Failure;
use crate::key_files::KeyFiles;

/// The environment variable that names the folder where the command line doesn't.
pub const DIR_VARIABLE: &str = "KUKAKU_DIR";

/// The folder that `kukaku init` made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SiteDir(PathBuf);

impl SiteDir {
    /// The folder as named, whatever is in it.
    #[must_use]
    pub fn at(path: impl Into<PathBuf>) -> Self {
        Self(path.into())
    }

    /// The folder that a command works on: the one named, else the one of `KUKAKU_DIR`, else
    /// the current one; it has to hold a configuration.
    ///
    /// # Errors
    /// `Written`: it is no such folder.
    pub fn find(named: Option<&Path>) -> Result<Self, Failure> {
        let dir = named
            .map(Path::to_owned)
            .or_else(|| std::env::var_os(DIR_VARIABLE).map(PathBuf::from))
            .unwrap_or_else(|| PathBuf::from("."));
        let found = Self(dir);
        if found.config().is_file() {
            return Ok(found);
        }
        Err(Failure::Written(format!(
            "{} holds no kukaku.toml; name the folder that `kukaku init` made (or set {DIR_VARIABLE})",
            found.0.display()
        )))
    }

    /// The folder itself.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// The configuration.
    #[must_use]
    pub fn config(&self) -> PathBuf {
        self.0.join("kukaku.toml")
    }

    /// The store.
    #[must_use]
    pub fn store(&self) -> PathBuf {
        self.0.join("store.db")
    }

    /// The folder of keys; nobody else may enter it.
    #[must_use]
    pub fn keys(&self) -> PathBuf {
        self.0.join("keys")
    }

    /// The key that signs checkpoints.
    #[must_use]
    pub fn signing_key(&self) -> PathBuf {
        self.keys().join("checkpoint.key")
    }

    /// The public half of that key, to be handed to the clients.
    #[must_use]
    pub fn verifier_key(&self) -> PathBuf {
        self.0.join("checkpoint.pub")
    }

    /// Public keys of before, and for which sizes of the journal each signed.
    #[must_use]
    pub fn former_keys(&self) -> PathBuf {
        self.0.join("checkpoint.former")
    }

    /// The files of the signing key.
    #[must_use]
    pub fn key_files(&self) -> KeyFiles {
        KeyFiles { key: self.signing_key(), public: self.verifier_key(), former: self.former_keys() }
    }

    /// The newest signed checkpoint, outside the store: a store put back from a backup is noticed by it.
    #[must_use]
    pub fn checkpoint(&self) -> PathBuf {
        self.0.join("checkpoint.note")
    }

    /// The passwords of MQTT users, as Argon2id hashes.
    #[must_use]
    pub fn mqtt_passwords(&self) -> PathBuf {
        self.keys().join("mqtt-passwords")
    }

    /// The folder of certificates.
    #[must_use]
    pub fn tls(&self) -> PathBuf {
        self.0.join("tls")
    }

    /// The socket over which commands reach a running daemon.
    #[must_use]
    pub fn control_socket(&self) -> PathBuf {
        self.0.join("control.sock")
    }
}
