//! Why a command failed, and the number with which the process ends.

/// Why a command failed, sorted by what the person at the keyboard can do.
///
/// The text says what was tried, with what, and what to do; it is printed once, by `main`.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// It could not be done, or only in part. Exit code 1.
    #[error("{0}")]
    Failed(String),
    /// The command line, the configuration or a file that a person wrote is wrong. Exit code 2.
    #[error("{0}")]
    Written(String),
    /// The store is missing, held by another process, of a newer version, or damaged. Exit code 3.
    #[error("{0}")]
    Store(String),
    /// A verification or a replay found that something differs. Exit code 4.
    #[error("{0}")]
    Differs(String),
    /// An address can't be listened on. Exit code 5.
    #[error("{0}")]
    Address(String),
}

/// The exit codes, as `--help` prints them.
pub const EXIT_CODES: &str = "\
Exit codes:
  0  done
  1  failed, or done only in part (import: some lines were not understood; check: problems found)
  2  command line, configuration, registers or mapping file are wrong
  3  the store is missing, held by another process, of a newer version, or damaged
  4  verify or replay found a difference, or retention show a promise that is not kept
  5  an address can't be listened on (port in use, not allowed, not ours)";

impl Failure {
    /// The number with which the process ends.
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Failed(_) => 1,
            Self::Written(_) => 2,
            Self::Store(_) => 3,
            Self::Differs(_) => 4,
            Self::Address(_) => 5,
        }
    }

    /// A file or folder that could not be used: `write /srv/kukaku/kukaku.toml: disk full`.
    pub fn io(what: &str, path: &std::path::Path, error: &std::io::Error) -> Self {
        Self::Failed(format!("{what} {}: {error}", path.display()))
    }
}
