//! What is remembered of a session, and when an event means it.

use kukaku_schema::{Name, UtcMicros};

use crate::windows::account::Account;

use super::JOIN_WINDOW;
use super::signs::{Ending, Evidence, How};

/// Most logons of one session that are remembered: two of an elevated one, and a reconnect's.
const LOGONS_MAX: usize = 8;

/// Most counted events of one session that are remembered: a sender sends its last batch again.
const COUNTED_MAX: usize = 32;

/// Somebody who is there from afar.
#[derive(Debug, Clone)]
pub(super) struct Presence {
    pub host: String,
    pub session: Name,
    pub account: Account,
    pub address: Option<String>,
    /// Whether `address` is what his own machine says of itself.
    pub is_claimed: bool,
    pub terminal: Option<String>,
    pub started: UtcMicros,
    /// When he went, of one that is over.
    pub ended: Option<UtcMicros>,
    pub how: How,
    pub ts: Option<u32>,
    pub logons: Vec<u64>,
    pub connection: Option<String>,
    /// How many connections of the same key are open; 1 but at a gateway.
    pub connections: u32,
    /// The events that were counted last, so that one that is sent again counts once; bounded by
    /// `COUNTED_MAX`.
    pub counted: Vec<String>,
}

/// Whether two instants may be of one coming.
pub(super) fn is_near(a: UtcMicros, b: UtcMicros) -> bool {
    a.since(b).0.saturating_abs() <= JOIN_WINDOW.0
}

/// Whether two details don't contradict each other.
fn agree<T: PartialEq>(a: Option<&T>, b: Option<&T>) -> bool {
    a.is_none() || b.is_none() || a == b
}

impl Presence {
    /// Whether they have a key in common.
    pub fn shares_key(&self, evidence: &Evidence) -> bool {
        (self.ts.is_some() && self.ts == evidence.ts)
            || self.shares_logon(evidence)
            || (self.connection.is_some() && self.connection == evidence.connection)
    }

    pub fn shares_logon(&self, evidence: &Evidence) -> bool {
        evidence.logons.iter().any(|logon| self.logons.contains(logon))
    }

    /// Whether it can be the same person at the same place.
    pub fn may_be(&self, evidence: &Evidence) -> bool {
        let is_claimed = self.is_claimed || evidence.is_claimed;
        (is_claimed || agree(self.address.as_ref(), evidence.address.as_ref()))
            && evidence.account.as_ref().is_none_or(|account| self.account.may_be(account))
    }

    /// Whether the event names the very address or machine that this session is known by.
    pub fn is_at(&self, evidence: &Evidence) -> bool {
        (self.address.is_some() && self.address == evidence.address)
            || (self.terminal.is_some() && self.terminal == evidence.terminal)
    }

    /// The address that the event adds: the first one, and the seen one in place of a claimed one.
    pub fn new_address(&self, evidence: &Evidence) -> Option<String> {
        let is_better = self.address.is_none() || (self.is_claimed && !evidence.is_claimed);
        evidence.address.clone().filter(|address| is_better && self.address.as_ref() != Some(address))
    }

    /// Whether the event's keys can be of this session: it has none of the same sort, or that one.
    pub fn keys_fit(&self, evidence: &Evidence, how: How) -> bool {
        let logons_fit = how == How::Reconnect
            || self.logons.is_empty()
            || evidence.logons.is_empty()
            || self.shares_logon(evidence);
        agree(self.ts.as_ref(), evidence.ts.as_ref())
            && logons_fit
            && self.connection.is_none()
            && evidence.connection.is_none()
    }

    /// Whether a coming, told now, is this one told again.
    pub fn is_told_again(&self, how: How, evidence: &Evidence, at: UtcMicros) -> bool {
        if !self.may_be(evidence) {
            return false;
        }
        let is_later_by_nature = matches!(how, How::Shell | How::Unlock | How::Connection | How::Gateway);
        is_later_by_nature || is_near(self.started, at) || (how == How::Logon && self.shares_logon(evidence))
    }

    /// Whether an end that has no key of it may mean it all the same.
    pub fn may_end(&self, ending: Ending, evidence: &Evidence) -> bool {
        if evidence.account.is_none() || !self.may_be(evidence) {
            return false;
        }
        match ending {
            Ending::Left => self.keys_fit(evidence, How::Logon),
            Ending::Logon | Ending::SignOut => self.logons.is_empty() && self.ts.is_none() && self.connection.is_none(),
            Ending::Session | Ending::Replaced | Ending::Connection | Ending::ConnectionOf => false,
        }
    }

    /// Notes an event that counts connections; false where it was counted already.
    pub fn count(&mut self, identity: Option<String>) -> bool {
        let Some(identity) = identity else {
            return true;
        };
        if self.counted.contains(&identity) {
            return false;
        }
        if self.counted.len() == COUNTED_MAX {
            self.counted.remove(0);
        }
        self.counted.push(identity);
        true
    }

    /// Takes the keys that the event adds.
    pub fn learn(&mut self, evidence: &Evidence) {
        self.ts = self.ts.or(evidence.ts);
        for logon in &evidence.logons {
            if self.logons.len() < LOGONS_MAX && !self.logons.contains(logon) {
                self.logons.push(*logon);
            }
        }
    }
}

/// What an event that opens nothing told.
#[derive(Debug, Clone)]
pub(super) struct Hint {
    pub host: String,
    pub at: UtcMicros,
    pub evidence: Evidence,
}

impl Hint {
    /// Completes what a coming tells of itself, where both are of one.
    pub fn complete(&self, evidence: &mut Evidence) {
        if let (Some(_), true) = (&self.evidence.connection, self.evidence.connection == evidence.connection) {
            // The client's own events of one connection: there is no doubt.
            evidence.account = self.evidence.account.clone().or(evidence.account.take());
            // The address that the client tells is that of the computer it reaches: good where
            // nothing gives its name.
            let target = self.evidence.target.clone().or(evidence.target.take());
            evidence.target = target.or(self.evidence.address.clone());
            return;
        }
        let is_his = match (&self.evidence.account, &evidence.account) {
            (Some(hinted), Some(account)) => hinted.may_be(account),
            _ => false,
        };
        if !is_his || evidence.connection.is_some() {
            return;
        }
        // A network logon of another address is another use of the account.
        if self.evidence.terminal.is_some() {
            if evidence.address.is_some() && evidence.address == self.evidence.address {
                evidence.terminal = evidence.terminal.take().or(self.evidence.terminal.clone());
            }
        } else {
            let seen = self.evidence.address.clone();
            if seen.is_some() && (evidence.address.is_none() || evidence.is_claimed) {
                evidence.address = seen;
                evidence.is_claimed = false;
            }
        }
    }
}
