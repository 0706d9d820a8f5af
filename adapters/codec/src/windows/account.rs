//! Accounts and addresses as Windows writes them, made comparable.

use core::net::{IpAddr, SocketAddr};

use serde::Deserialize;

/// How an account is written in an observation, and so in the register of accounts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AccountForm {
    /// `DOMAIN\user`; `user@domain` where Windows says it so; `user` where no domain is told.
    #[default]
    Qualified,
    /// `user` alone: for a site with one domain, or none.
    #[serde(rename = "user")]
    UserOnly,
}

/// An account: the user in lower case, the domain in upper case, because Windows distinguishes
/// neither and writes what was typed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    user: String,
    domain: String,
    is_upn: bool,
}

impl Account {
    /// Takes what an event says of user and domain; `DOMAIN\user` and `user@domain` in the user
    /// count before the domain beside it, and the domain `.` is none.
    #[must_use]
    pub fn new(user: &str, domain: &str) -> Option<Self> {
        let (user, domain) = (user.trim(), domain.trim());
        let (user, domain, is_upn) = match (user.split_once('\\'), user.rsplit_once('@')) {
            (Some((domain, user)), _) => (user, domain, false),
            (None, Some((name, at))) if !name.is_empty() && !at.is_empty() => (name, at, true),
            _ => (user, domain, false),
        };
        if user.is_empty() || user == "-" {
            return None;
        }
        let domain = if matches!(domain, "-" | ".") { "" } else { domain };
        let domain = if is_upn { domain.to_lowercase() } else { domain.to_uppercase() };
        Some(Self { user: user.to_lowercase(), domain, is_upn })
    }

    /// A text that stands for a person and is no name of Windows: kept as it is.
    pub(super) fn verbatim(text: String) -> Self {
        Self { user: text, domain: String::new(), is_upn: false }
    }

    /// The text for an observation.
    #[must_use]
    pub fn text(&self, form: AccountForm) -> String {
        match form {
            AccountForm::Qualified if !self.domain.is_empty() && self.is_upn => {
                format!("{}@{}", self.user, self.domain)
            }
            AccountForm::Qualified if !self.domain.is_empty() => format!("{}\\{}", self.domain, self.user),
            _ => self.user.clone(),
        }
    }

    /// Whether both can be the same account: the same user, and domains that don't exclude each
    /// other. `OFFICE` and `office.example` may be one domain, as its short and its long name.
    pub(super) fn may_be(&self, other: &Self) -> bool {
        let is_long = |domain: &str| domain.contains('.');
        self.user == other.user
            && (self.domain.eq_ignore_ascii_case(&other.domain)
                || self.domain.is_empty()
                || other.domain.is_empty()
                || is_long(&self.domain) != is_long(&other.domain))
    }

    /// Whether it is a machine's own account.
    pub(super) fn is_machine(&self) -> bool {
        self.user.ends_with('$')
    }
}

/// Where a person sits, as an event says it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Address {
    /// An address, without port and scope. The loopback address too: that is a tunnel's end.
    Remote(String),
    /// At the machine itself: `LOCAL`, in whatever language Windows speaks.
    Local,
    /// The event leaves it open.
    Unknown,
}

/// Reads an address.
pub(super) fn address(text: &str) -> Address {
    let text = text.trim();
    if matches!(text, "" | "-") || text.eq_ignore_ascii_case("unknown") {
        return Address::Unknown;
    }
    let bare = text.trim_start_matches('[').trim_end_matches(']');
    let bare = bare.split('%').next().unwrap_or(bare);
    let parsed = bare.parse::<IpAddr>().or_else(|_| text.parse::<SocketAddr>().map(|with_port| with_port.ip()));
    match parsed {
        Ok(ip) if ip.is_unspecified() => Address::Unknown,
        Ok(ip) => Address::Remote(ip.to_canonical().to_string()),
        Err(_) => Address::Local,
    }
}

impl Address {
    pub(super) fn remote(self) -> Option<String> {
        match self {
            Self::Remote(text) => Some(text),
            Self::Local | Self::Unknown => None,
        }
    }
}
