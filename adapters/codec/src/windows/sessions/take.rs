//! Taking an event: what it changes in what is remembered, and what it makes known.

use kukaku_schema::observation::{SessionAlive, SessionEnded, SessionStarted};
use kukaku_schema::{Name, Observation, UtcMicros};

use crate::windows::event::WindowsEvent;

use super::keep::{Hint, Presence, is_near};
use super::signs::{self, Ending, Evidence, How, Sign};
use super::{ENDED_MAX, HINTS_MAX, Ignored, OPEN_MAX, Outcome, Role, WindowsSessions};

/// How soon after a reconnect Windows tells that the connection before it was replaced.
const REPLACED_WITHIN_US: i64 = 5_000_000;

impl WindowsSessions {
    /// Takes an event of the source. Events should come in the order of their times; one that
    /// comes late is joined to what it belongs to while that is remembered.
    pub fn take(&mut self, event: &WindowsEvent) -> Outcome {
        let told = match signs::read(event, &self.config) {
            Sign::Start(how, evidence) => self.start(event, how, evidence),
            Sign::End(ending, evidence, reason) => self.end(event, ending, &evidence, &reason),
            Sign::Hint(evidence) => {
                if evidence.target.is_some() {
                    // The client tries anew: what it said before was of another connection.
                    self.forget_hints(&host(event), &evidence);
                }
                if self.hints.len() == HINTS_MAX {
                    self.hints.pop_front();
                }
                self.hints.push_back(Hint { host: host(event), at: event.time, evidence });
                Ok(Outcome::Held)
            }
            Sign::Ignored(why) => Ok(Outcome::Ignored(why)),
            Sign::Refused(reason) => Err(reason),
        };
        told.unwrap_or_else(Outcome::Refused)
    }

    fn start(&mut self, event: &WindowsEvent, how: How, mut evidence: Evidence) -> Result<Outcome, String> {
        let host = host(event);
        self.complete(&host, event.time, &mut evidence);
        // Before anything changes: what can't be told changes nothing.
        let presence = self.presence(event, host.clone(), how, evidence.clone())?;
        let opened = self.started(event, &presence, &evidence)?;
        let is_over = |past: &Presence| {
            let is_of_its_time = past.ended.is_some_and(|ended| event.time < ended)
                && (event.time >= past.started || is_near(past.started, event.time));
            past.host == host
                && is_of_its_time
                && past.may_be(&evidence)
                && (past.shares_key(&evidence) || past.keys_fit(&evidence, how) && is_near(past.started, event.time))
        };
        if self.ended.iter().any(is_over) {
            return Ok(Outcome::Ignored(Ignored::Known));
        }
        let mut told = Vec::new();
        if let Some(at) = self.open.iter().rposition(|open| open.host == host && open.shares_key(&evidence)) {
            if self.open[at].is_told_again(how, &evidence, event.time) {
                return self.join(at, event, how, &evidence);
            }
            told.push(self.ended(event, &self.open[at], "superseded", "/ended")?);
            self.close(at, event.time);
        }
        let fits = |open: &Presence| {
            open.host == host
                && open.may_be(&evidence)
                && open.keys_fit(&evidence, how)
                && (how == How::Unlock || is_near(open.started, event.time))
        };
        if let Some(at) = self.open.iter().rposition(fits) {
            let joined = self.join(at, event, how, &evidence)?;
            return Ok(match joined {
                Outcome::Observations(more) => {
                    told.extend(more);
                    Outcome::Observations(told)
                }
                other if told.is_empty() => other,
                _ => Outcome::Observations(told),
            });
        }
        told.push(opened);
        if self.open.len() == OPEN_MAX {
            self.open.pop_front();
        }
        self.open.push_back(presence);
        Ok(Outcome::Observations(told))
    }

    /// Drops what was told of this connection.
    fn forget_hints(&mut self, host: &str, evidence: &Evidence) {
        if evidence.connection.is_some() {
            self.hints.retain(|hint| hint.host != host || hint.evidence.connection != evidence.connection);
        }
    }

    /// Lends what hints of the same coming tell; the newest first.
    fn complete(&self, host: &str, at: UtcMicros, evidence: &mut Evidence) {
        for hint in self.hints.iter().rev().filter(|hint| hint.host == host) {
            // The client's connection is one however long its certificate's question stands open.
            let is_same_connection = hint.evidence.connection.is_some();
            if is_same_connection || is_near(hint.at, at) {
                hint.complete(evidence);
            }
        }
    }

    /// An event that tells an open session again, perhaps with more of it.
    fn join(&mut self, at: usize, event: &WindowsEvent, how: How, evidence: &Evidence) -> Result<Outcome, String> {
        let grain = self.config.grain;
        let open = &mut self.open[at];
        open.learn(evidence);
        if how == How::Reconnect {
            open.how = how;
        }
        // Of a session from before a restart the first event is known by its time alone.
        let is_its_first = open.counted.is_empty() && grain.of(event.time) == grain.of(open.started);
        if how == How::Gateway && !is_its_first && open.count(event.identity()) {
            open.connections = open.connections.saturating_add(1);
        }
        let address = open.new_address(evidence);
        let terminal = evidence.terminal.clone().filter(|_| open.terminal.is_none());
        if address.is_none() && terminal.is_none() {
            return Ok(Outcome::Ignored(Ignored::Known));
        }
        let alive = SessionAlive {
            source: self.config.source.clone(),
            epoch: None,
            seq: None,
            event_id: event_id(event, "")?,
            device_time: grain.of(event.time),
            session: open.session.clone(),
            account: None,
            terminal: optional("terminal", terminal.as_deref())?,
            address: optional("address", address.as_deref())?,
            idle_s: None,
            octets: None,
        };
        if address.is_some() {
            open.address = address;
            open.is_claimed = evidence.is_claimed;
        }
        open.terminal = open.terminal.take().or(terminal);
        Ok(Outcome::Observations(vec![Observation::SessionAlive(alive)]))
    }

    fn end(
        &mut self,
        event: &WindowsEvent,
        ending: Ending,
        evidence: &Evidence,
        reason: &str,
    ) -> Result<Outcome, String> {
        let host = host(event);
        self.forget_hints(&host, evidence);
        // Where somebody came from elsewhere, the leaving of the place before is not his.
        let has_key = |open: &Presence| open.shares_key(evidence) && (ending != Ending::Left || open.may_be(evidence));
        let may_end = |open: &Presence| open.may_end(ending, evidence);
        let last = |fits: &dyn Fn(&Presence) -> bool| {
            self.open.iter().rposition(|open| open.host == host && open.started <= event.time && fits(open))
        };
        let found = last(&has_key)
            .or_else(|| last(&|open: &Presence| may_end(open) && open.is_at(evidence)))
            .or_else(|| last(&may_end));
        let Some(at) = found else {
            return self.end_of_unknown(event, host, ending, evidence, reason);
        };
        let open = &mut self.open[at];
        if ending == Ending::Logon {
            open.logons.retain(|logon| !evidence.logons.contains(logon));
            if !open.logons.is_empty() || open.ts.is_some() {
                return Ok(Outcome::Ignored(Ignored::Known));
            }
        }
        let since_us = event.time.since(open.started).0;
        if ending == Ending::Replaced && open.how == How::Reconnect && since_us <= REPLACED_WITHIN_US {
            // What was replaced is the connection before this one.
            return Ok(Outcome::Ignored(Ignored::Known));
        }
        if !open.count(event.identity()) {
            return Ok(Outcome::Ignored(Ignored::Known));
        }
        if open.connections > 1 {
            open.connections -= 1;
            return Ok(Outcome::Ignored(Ignored::Known));
        }
        let told = self.ended(event, &self.open[at], reason, "")?;
        self.close(at, event.time);
        Ok(Outcome::Observations(vec![told]))
    }

    /// An end of no open session: told twice, of somebody local, or begun before the log.
    fn end_of_unknown(
        &mut self,
        event: &WindowsEvent,
        host: String,
        ending: Ending,
        evidence: &Evidence,
        reason: &str,
    ) -> Result<Outcome, String> {
        let is_told_again = |past: &Presence| {
            past.host == host
                && past.ended.is_some_and(|ended| event.time <= ended || is_near(ended, event.time))
                && (past.shares_key(evidence)
                    || evidence.account.is_some() && past.may_be(evidence) && past.connection == evidence.connection)
        };
        if self.ended.iter().any(is_told_again) {
            return Ok(Outcome::Ignored(Ignored::Known));
        }
        if !matches!(ending, Ending::Left | Ending::ConnectionOf) || evidence.account.is_none() {
            return Ok(Outcome::Ignored(Ignored::NoSession));
        }
        let presence = self.presence(event, host, How::Connection, evidence.clone())?;
        let told = self.ended(event, &presence, reason, "")?;
        self.remember(presence, event.time);
        Ok(Outcome::Observations(vec![told]))
    }

    fn close(&mut self, at: usize, time: UtcMicros) {
        if let Some(presence) = self.open.remove(at) {
            self.remember(presence, time);
        }
    }

    fn remember(&mut self, mut presence: Presence, ended: UtcMicros) {
        presence.ended = Some(ended);
        if self.ended.len() == ENDED_MAX {
            self.ended.pop_front();
        }
        self.ended.push_back(presence);
    }

    fn presence(&self, event: &WindowsEvent, host: String, how: How, evidence: Evidence) -> Result<Presence, String> {
        let account = evidence.account.ok_or("the event names no account")?;
        Ok(Presence {
            session: self.session_name(event, &host, evidence.ts, &evidence.logons)?,
            host,
            account,
            address: evidence.address,
            is_claimed: evidence.is_claimed,
            terminal: evidence.terminal,
            started: event.time,
            ended: None,
            how,
            ts: evidence.ts,
            logons: evidence.logons,
            connection: evidence.connection,
            connections: 1,
            counted: event.identity().into_iter().collect(),
        })
    }

    /// `server/s3/2026-11-22T00:00:00Z`: the computer, the key that was known first, the time of
    /// the event that told the session first.
    fn session_name(&self, event: &WindowsEvent, host: &str, ts: Option<u32>, logons: &[u64]) -> Result<Name, String> {
        let key = match (ts, logons.first(), event.record_id) {
            (Some(ts), ..) => format!("s{ts}"),
            (None, Some(logon), _) => format!("l{logon:x}"),
            (None, None, Some(record)) => format!("r{record}"),
            (None, None, None) => "r".to_owned(),
        };
        let time = self.config.grain.of(event.time).to_rfc3339_utc();
        field("session", format!("{host}/{key}/{time}"))
    }

    fn started(&self, event: &WindowsEvent, presence: &Presence, evidence: &Evidence) -> Result<Observation, String> {
        let target = match self.config.role {
            Role::Server => Some(event.computer.as_str()),
            Role::Gateway | Role::Terminal => evidence.target.as_deref(),
        };
        Ok(Observation::SessionStarted(SessionStarted {
            source: self.config.source.clone(),
            epoch: None,
            seq: None,
            event_id: event_id(event, "")?,
            device_time: self.config.grain.of(event.time),
            session: presence.session.clone(),
            account: field("account", presence.account.text(self.config.accounts))?,
            terminal: optional("terminal", presence.terminal.as_deref())?,
            address: optional("address", presence.address.as_deref())?,
            inner_address: None,
            target: optional("target", target)?,
            via: optional("via", evidence.via.as_deref())?,
            factors: Vec::new(),
        }))
    }

    /// The end of a session; `suffix` tells it from what else the same event makes known.
    fn ended(
        &self,
        event: &WindowsEvent,
        presence: &Presence,
        reason: &str,
        suffix: &str,
    ) -> Result<Observation, String> {
        Ok(Observation::SessionEnded(SessionEnded {
            source: self.config.source.clone(),
            epoch: None,
            seq: None,
            event_id: event_id(event, suffix)?,
            device_time: self.config.grain.of(event.time),
            session: presence.session.clone(),
            account: Some(field("account", presence.account.text(self.config.accounts))?),
            terminal: optional("terminal", presence.terminal.as_deref())?,
            address: optional("address", presence.address.as_deref())?,
            reason: Some(field("reason", reason.to_owned())?),
            idle_s: None,
            octets: None,
        }))
    }
}

/// The computer as a key: Windows does not distinguish capitals in its name.
fn host(event: &WindowsEvent) -> String {
    event.computer.to_lowercase()
}

fn event_id(event: &WindowsEvent, suffix: &str) -> Result<Option<Name>, String> {
    event.identity().map(|id| field("event_id", format!("{id}{suffix}"))).transpose()
}

fn field(name: &str, text: String) -> Result<Name, String> {
    Name::new(text).map_err(|reason| format!("`{name}`: {reason}"))
}

fn optional(name: &str, text: Option<&str>) -> Result<Option<Name>, String> {
    text.map(|text| field(name, text.to_owned())).transpose()
}
