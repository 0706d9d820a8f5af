//! Rows whose fields are borrowed: what a replay over millions of lines works on.

use kukaku_schema::observation::{DoorReading, ReadingResult, SessionEnded, SessionStarted};
use kukaku_schema::{Name, Observation, UtcMicros};

use super::values::split_names;

/// A door reading whose texts lie in the file's buffer or in the mapping.
///
/// Every text is known to be a valid [`Name`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DoorRowRef<'a> {
    /// Who speaks.
    pub source: &'a str,
    /// The numbering that `seq` belongs to.
    pub epoch: Option<&'a str>,
    /// The source's own number.
    pub seq: Option<u64>,
    /// The source's own id, where there is no number.
    pub event_id: Option<&'a str>,
    /// When, by the source's clock.
    pub device_time: UtcMicros,
    /// The reader, as registered.
    pub reader: &'a str,
    /// The credential with its sort before a colon.
    pub credential: &'a str,
    /// Whether the panel released the door.
    pub granted: bool,
    /// The factors that were presented.
    pub factors: Factors<'a>,
    /// The panel's own reason, where it gives one.
    pub reason: Option<&'a str>,
}

/// A session whose texts lie in the file's buffer or in the mapping.
///
/// Every text is known to be a valid [`Name`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SessionRowRef<'a> {
    /// Who speaks.
    pub source: &'a str,
    /// The source's id of the session.
    pub session: &'a str,
    /// The account that signed in.
    pub account: &'a str,
    /// The machine that the person sits at.
    pub terminal: Option<&'a str>,
    /// Its network address as the source saw it.
    pub address: Option<&'a str>,
    /// The address that the source gave it.
    pub inner_address: Option<&'a str>,
    /// The system that was reached.
    pub target: Option<&'a str>,
    /// The city's stepping stone on the way.
    pub via: Option<&'a str>,
    /// When it began, by the source's clock.
    pub start: UtcMicros,
    /// When it ended; none while it is open.
    pub end: Option<UtcMicros>,
    /// The factors of the sign-in.
    pub factors: Factors<'a>,
}

/// A list of factors in one text.
#[derive(Debug, Clone, Copy)]
pub struct Factors<'a> {
    text: &'a str,
    separator: &'a str,
}

impl<'a> Factors<'a> {
    /// No factors.
    pub(crate) const NONE: Self = Self { text: "", separator: "," };

    pub(crate) fn new(text: &'a str, separator: &'a str) -> Self {
        Self { text, separator }
    }

    /// Each factor, without blanks around it.
    pub fn iter(self) -> impl Iterator<Item = &'a str> {
        split_names(self.text, self.separator)
    }

    /// How many different ones there are.
    #[must_use]
    pub fn different(self) -> u8 {
        if self.text.is_empty() {
            return 0;
        }
        let all: std::collections::BTreeSet<&str> = self.iter().collect();
        u8::try_from(all.len()).unwrap_or(u8::MAX)
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(self) -> bool {
        self.text.is_empty() || self.iter().next().is_none()
    }

    fn names(self) -> Result<Vec<Name>, String> {
        self.iter().map(|name| Name::new(name).map_err(|reason| format!("`factors`: {reason}"))).collect()
    }
}

impl PartialEq for Factors<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.iter().eq(other.iter())
    }
}

impl Eq for Factors<'_> {}

fn name(text: &str, field: &str) -> Result<Name, String> {
    Name::new(text).map_err(|reason| format!("`{field}`: {reason}"))
}

fn optional(text: Option<&str>, field: &str) -> Result<Option<Name>, String> {
    text.map(|text| name(text, field)).transpose()
}

impl DoorRowRef<'_> {
    /// The same as an observation.
    ///
    /// # Errors
    /// A sentence naming the field, if a text is no name; rows that a file gave never fail.
    pub fn to_observation(self) -> Result<Observation, String> {
        Ok(Observation::DoorReading(DoorReading {
            source: name(self.source, "source")?,
            epoch: optional(self.epoch, "epoch")?,
            seq: self.seq,
            event_id: optional(self.event_id, "event_id")?,
            device_time: self.device_time,
            reader: name(self.reader, "reader")?,
            credential: name(self.credential, "credential")?,
            result: if self.granted { ReadingResult::Granted } else { ReadingResult::Denied },
            factors: self.factors.names()?,
            reason: optional(self.reason, "reason")?,
        }))
    }
}

impl SessionRowRef<'_> {
    /// The observations that the row stands for: the start, and the end where there is one.
    ///
    /// # Errors
    /// A sentence naming the field, if a text is no name; rows that a file gave never fail.
    pub fn to_observations(self) -> Result<Vec<Observation>, String> {
        let source = name(self.source, "source")?;
        let session = name(self.session, "session")?;
        let end = self.end.map(|end| {
            Observation::SessionEnded(SessionEnded {
                source: source.clone(),
                epoch: None,
                seq: None,
                event_id: None,
                device_time: end,
                session: session.clone(),
                account: None,
                terminal: None,
                address: None,
                reason: None,
                idle_s: None,
                octets: None,
            })
        });
        let start = Observation::SessionStarted(SessionStarted {
            source,
            epoch: None,
            seq: None,
            event_id: None,
            device_time: self.start,
            session,
            account: name(self.account, "account")?,
            terminal: optional(self.terminal, "terminal")?,
            address: optional(self.address, "address")?,
            inner_address: optional(self.inner_address, "inner_address")?,
            target: optional(self.target, "target")?,
            via: optional(self.via, "via")?,
            factors: self.factors.names()?,
        });
        Ok(std::iter::once(start).chain(end).collect())
    }
}
