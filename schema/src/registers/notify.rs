//! Where a client is told of its sessions.

use serde::{Deserialize, Deserializer, Serialize};

use crate::instant::DurationUs;

/// Within what time a client is told where nothing is said.
pub const NOTIFY_WITHIN: DurationUs = DurationUs::from_secs(600);

/// Most addresses of one client; a longer list belongs into a list on its mail server.
const ADDRESSES_MAX: usize = 20;

/// Longest mail address in bytes (RFC 5321 section 4.5.3.1.3, without the brackets).
const ADDRESS_MAX_BYTES: usize = 254;

/// The mail addresses at which a client is told that a session of its began or ended.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
#[serde(transparent)]
pub struct NotifyList(Vec<String>);

impl NotifyList {
    /// Checks and takes addresses.
    ///
    /// # Errors
    /// A sentence naming the one that is none.
    pub fn new(addresses: Vec<String>) -> Result<Self, String> {
        if addresses.len() > ADDRESSES_MAX {
            return Err(format!("{} addresses; at most {ADDRESSES_MAX}", addresses.len()));
        }
        match addresses.iter().find(|address| !is_address(address)) {
            Some(wrong) => Err(format!("{wrong:?} is no mail address like \"city@example.lg.jp\"")),
            None => Ok(Self(addresses)),
        }
    }

    /// The addresses; empty: it is not told.
    #[must_use]
    pub fn addresses(&self) -> &[String] {
        &self.0
    }

    /// Whether nobody is told.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl<'de> Deserialize<'de> for NotifyList {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::new(Vec::deserialize(deserializer)?).map_err(serde::de::Error::custom)
    }
}

/// The bare address alone, without a name: what could name a second receiver is refused.
fn is_address(text: &str) -> bool {
    let plain = |c: u8| c.is_ascii_alphanumeric() || b".!#$%&'*+/=?^_`{|}~-".contains(&c);
    let host = |c: u8| c.is_ascii_alphanumeric() || c == b'.' || c == b'-';
    text.len() <= ADDRESS_MAX_BYTES
        && text.split_once('@').is_some_and(|(local, domain)| {
            let whole = |part: &str| !part.is_empty() && !part.starts_with('.') && !part.ends_with('.');
            whole(local) && whole(domain) && local.bytes().all(plain) && domain.bytes().all(host)
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_bare_address_is_one() {
        for good in ["city@example.lg.jp", "a.b+c@x-1.jp"] {
            assert!(NotifyList::new(vec![good.to_owned()]).is_ok(), "{good}");
        }
        for wrong in ["", "city", "@x.jp", "a@", "a@b@c", "市 <a@b.jp>", "a@b.jp\nBcc: c@d.jp", "a@b.jp,c@d.jp"] {
            assert!(NotifyList::new(vec![wrong.to_owned()]).is_err(), "{wrong}");
        }
        assert!(NotifyList::new(vec!["a@b.jp".to_owned(); 21]).is_err());
    }
}
