//! Sessions that were open before a restart, taken up again from what was told of them.

use kukaku_schema::{Name, UtcMicros};

use crate::windows::account::Account;

use super::keep::Presence;
use super::signs::{How, gateway_key};
use super::{OPEN_MAX, Role, WindowsSessions};

/// A session that was told, and whose end was not.
#[derive(Debug, Clone, Copy)]
pub struct OpenSession<'a> {
    /// Its name, as it was told.
    pub session: &'a str,
    /// The account, as it was told.
    pub account: &'a str,
    /// The address, as it was told.
    pub address: Option<&'a str>,
    /// What was reached.
    pub target: Option<&'a str>,
    /// When it began.
    pub started: UtcMicros,
}

impl WindowsSessions {
    /// Takes up a session from before a restart, so that its end is known as its own. The latest
    /// should come last. One whose name is not of our making is passed over.
    ///
    /// The name holds the key that was known first. Ends that name another key alone (`OpenSSH`
    /// names a port, a terminal's client its activity) are not found after a restart: such a session
    /// is over when its source is silent about it for long enough.
    pub fn take_up(&mut self, open: &OpenSession<'_>) {
        let Some(presence) = self.presence_of(open) else { return };
        if self.open.iter().any(|known| known.session == presence.session) {
            return;
        }
        if self.open.len() == OPEN_MAX {
            self.open.pop_front();
        }
        self.open.push_back(presence);
    }

    fn presence_of(&self, open: &OpenSession<'_>) -> Option<Presence> {
        // `server/s3/2026-11-22T00:00:00Z`, as `session_name` writes it.
        let mut parts = open.session.rsplitn(3, '/');
        let (_time, key, host) = (parts.next()?, parts.next()?, parts.next()?);
        let account = Account::new(open.account, "")?;
        let (sort, rest) = key.split_at_checked(1)?;
        let (mut ts, mut logons, mut how) = (None, Vec::new(), How::Logon);
        match sort {
            "s" => ts = Some(rest.parse().ok()?),
            "l" => logons.push(u64::from_str_radix(rest, 16).ok()?),
            "r" => how = How::Connection,
            _ => return None,
        }
        let connection = match (self.config.role, open.target) {
            (Role::Gateway, Some(target)) => {
                how = How::Gateway;
                Some(gateway_key(&account, open.address.unwrap_or("-"), target))
            }
            _ => None,
        };
        Some(Presence {
            host: host.to_owned(),
            session: Name::new(open.session).ok()?,
            account,
            address: open.address.map(str::to_owned),
            is_claimed: false,
            terminal: None,
            started: open.started,
            ended: None,
            how,
            ts,
            logons,
            connection,
            connections: 1,
            counted: Vec::new(),
        })
    }
}
