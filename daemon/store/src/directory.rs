//! The registers by word and instant, for what projections show beside an observation: whose
//! credential, which door, whose client. What that means is the engine's business.

use std::collections::HashMap;

use kukaku_core::{Names, Word};
use kukaku_schema::registers::{Entry, ReaderDirection, Registers};
use kukaku_schema::{Observation, Span, UtcMicros};

/// Entries by word, each with its validity.
type ByWord<T> = HashMap<Word, Vec<(Span, T)>>;

/// A reader's place at an instant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ReaderPlace {
    pub(crate) door: Word,
    pub(crate) direction: ReaderDirection,
    pub(crate) zone: Option<Word>,
}

/// The registers, ready to be looked up.
#[derive(Debug, Default)]
pub struct Directory {
    persons: ByWord<Word>,
    readers: ByWord<(Word, ReaderDirection)>,
    doors: ByWord<Word>,
    accounts: ByWord<(Option<Word>, Word)>,
    terminals: ByWord<Word>,
    sources: ByWord<Word>,
    /// The clients that an operator works for, sorted by their text.
    entitled: ByWord<Vec<Word>>,
}

impl Directory {
    /// Makes the directory of `registers`.
    #[must_use]
    pub fn new(registers: &Registers, names: &mut Names) -> Self {
        let mut made = Self::default();
        for entry in &registers.credentials {
            if let Some(person) = entry.row.operator.as_ref().or(entry.row.person.as_ref()) {
                let person = names.intern(person);
                add(&mut made.persons, names, &entry.row.id, entry, person);
            }
        }
        for entry in &registers.operators {
            let mut clients = entry.row.clients.clone();
            clients.sort();
            clients.dedup();
            let clients = clients.iter().map(|client| names.intern(client)).collect();
            add(&mut made.entitled, names, &entry.row.id, entry, clients);
        }
        for entry in &registers.readers {
            let door = names.intern(&entry.row.door);
            add(&mut made.readers, names, &entry.row.id, entry, (door, entry.row.direction));
        }
        for entry in &registers.doors {
            let inner = names.intern(&entry.row.inner);
            add(&mut made.doors, names, &entry.row.id, entry, inner);
        }
        for entry in &registers.accounts {
            let source = entry.row.source.as_ref().map(|source| names.intern(source));
            let client = names.intern(&entry.row.client);
            add(&mut made.accounts, names, &entry.row.id, entry, (source, client));
        }
        for entry in &registers.terminals {
            if let Some(client) = &entry.row.client {
                let client = names.intern(client);
                add(&mut made.terminals, names, &entry.row.id, entry, client);
            }
        }
        for entry in &registers.sources {
            if let Some(client) = &entry.row.client {
                let client = names.intern(client);
                add(&mut made.sources, names, &entry.row.id, entry, client);
            }
        }
        made
    }

    /// Whose a credential is at an instant.
    pub(crate) fn person(&self, credential: Word, at: UtcMicros) -> Option<Word> {
        valid(&self.persons, credential, at).copied()
    }

    /// The clients of the person that an observation of the door speaks of; none: of nobody, or of
    /// somebody who works for no client.
    pub(crate) fn entitled(&self, observation: &Observation, recorded_at: UtcMicros, names: &Names) -> Option<&[Word]> {
        let at = observation.header().device_time.unwrap_or(recorded_at);
        let person = match observation {
            Observation::DoorReading(o) => self.person(names.find(o.credential.as_str())?, at)?,
            Observation::ManualEntry(o) => names.find(o.person.as_str())?,
            _ => return None,
        };
        valid(&self.entitled, person, at).map(Vec::as_slice)
    }

    /// Where a reader stands at an instant.
    pub(crate) fn reader(&self, reader: Word, at: UtcMicros) -> Option<ReaderPlace> {
        let (door, direction) = *valid(&self.readers, reader, at)?;
        Some(ReaderPlace { door, direction, zone: valid(&self.doors, door, at).copied() })
    }

    /// The client that an observation concerns, as far as it says so itself: its account's, else
    /// its terminal's, else its source's. None: the site, or its session's, which the store knows.
    pub(crate) fn client(
        &self,
        observation: &Observation,
        source: Word,
        recorded_at: UtcMicros,
        names: &Names,
    ) -> Option<Word> {
        if let Observation::OrderRevised(order) = observation {
            return names.find(order.client.as_str());
        }
        match observation {
            Observation::LineUnlocked(line) => return names.find(line.client.as_str()),
            Observation::FailureReported(report) => return names.find(report.client.as_str()),
            Observation::LineListed(line) => return names.find(line.client.as_str()),
            _ => {}
        }
        let (account, terminal) = match observation {
            Observation::SessionStarted(o) => (Some(&o.account), o.terminal.as_ref()),
            Observation::SessionAlive(o) => (o.account.as_ref(), o.terminal.as_ref()),
            Observation::SessionEnded(o) => (o.account.as_ref(), o.terminal.as_ref()),
            Observation::OplogSegment(o) => (None, Some(&o.terminal)),
            Observation::TerminalPower(o) => (None, Some(&o.terminal)),
            _ => (None, None),
        };
        let at = observation.header().device_time.unwrap_or(recorded_at);
        let of_account = account.and_then(|account| self.account_client(names.find(account.as_str())?, source, at));
        of_account
            .or_else(|| valid(&self.terminals, names.find(terminal?.as_str())?, at).copied())
            .or_else(|| valid(&self.sources, source, at).copied())
    }

    /// An account named for this very source goes before one for any source.
    fn account_client(&self, account: Word, source: Word, at: UtcMicros) -> Option<Word> {
        let entries = self.accounts.get(&account)?;
        let of = |wanted: Option<Word>| {
            entries.iter().find(|(span, (of, _))| *of == wanted && span.contains(at)).map(|(_, (_, client))| *client)
        };
        of(Some(source)).or_else(|| of(None))
    }
}

fn add<R, T>(map: &mut ByWord<T>, names: &mut Names, id: &str, entry: &Entry<R>, value: T) {
    map.entry(names.intern(id)).or_default().push((entry.valid, value));
}

fn valid<T>(map: &ByWord<T>, word: Word, at: UtcMicros) -> Option<&T> {
    map.get(&word)?.iter().find(|(span, _)| span.contains(at)).map(|(_, value)| value)
}
