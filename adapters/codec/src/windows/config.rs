//! How the event logs of a source are read, as it is written in the configuration.

use kukaku_schema::Name;
use serde::Deserialize;

use super::{AccountForm, Grain, Role, SessionsConfig};

/// `windows = { … }` beside `dialect = "windows"`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WindowsConfig {
    /// What the computers of this source are: `"server"`, which is reached; `"gateway"`, the RD
    /// gateway on the way; `"terminal"`, at which the vendor's people sit. Default: `"server"`.
    /// Wrong: their logs say nothing.
    #[serde(default)]
    pub role: Role,
    /// How accounts are told, and so stand in the register: `"qualified"`, with their domain as
    /// `EXAMPLE\tanaka`; `"user"`, `tanaka` alone, for a site with one domain or none.
    /// Default: `"qualified"`. Wrong: every session is of an unknown account.
    #[serde(default)]
    pub accounts: AccountForm,
    /// To which fraction the sender tells times: `"milliseconds"` as winlogbeat does, `"seconds"`
    /// as NXLog does where its `DateFormat` was left alone. Default: `"milliseconds"`. Wrong: an
    /// event that comes both ways contradicts itself.
    #[serde(default)]
    pub times: Grain,
    /// Accounts that a terminal's log may mean, which names them by a hash alone; in the very
    /// letters that are typed at the sign-in. Default: none. Left out: a terminal's sessions name
    /// the hash, and nobody knows that account.
    #[serde(default)]
    pub known_accounts: Vec<String>,
}

impl WindowsConfig {
    /// The same for one source.
    #[must_use]
    pub fn sessions(&self, source: Name) -> SessionsConfig {
        SessionsConfig {
            source,
            role: self.role,
            accounts: self.accounts,
            grain: self.times,
            known_accounts: self.known_accounts.clone(),
        }
    }
}
