//! Rows of files into the replay: read portion by portion on every thread, taken in their order.

use std::fs::File;
use std::path::Path;

use kukaku_codec::files::{DoorRowRef, LineError, Portion, Portions, ReadError, SessionRowRef, Table};
use kukaku_core::fact::order_of;
use kukaku_core::replay::{FileReading, FileSession, Replay};
use kukaku_core::{Fact, Names, Word};
use kukaku_schema::Observation;
use kukaku_schema::observation::{canonical_bytes, content_hash};

use super::turns::in_order;
use crate::failure::Failure;

/// Lines that were not understood: the first ones named, all counted.
#[derive(Default)]
pub(super) struct FailedLines {
    shown: Vec<String>,
    count: u64,
}

/// How many failed lines are named one by one.
const SHOWN_MAX: u64 = 50;

impl FailedLines {
    fn add(&mut self, reason: String) {
        self.count += 1;
        if self.count <= SHOWN_MAX {
            self.shown.push(reason);
        }
    }

    /// Adds those of the next portion of a file, and names them.
    fn take(&mut self, next: &mut Self, path: &Path) {
        for (reason, _) in next.shown.drain(..).zip(self.count..SHOWN_MAX) {
            eprintln!("{}: {reason}", path.display());
        }
        self.count += std::mem::take(&mut next.count);
    }

    /// Fails if any line did.
    pub(super) fn close(self) -> Result<(), Failure> {
        match self.count {
            0 => Ok(()),
            n => Err(Failure::Failed(format!("{n} lines were not understood; the outputs are made from the rest"))),
        }
    }
}

fn open(path: &Path) -> Result<File, Failure> {
    File::open(path).map_err(|e| Failure::Written(format!("open {}: {e}", path.display())))
}

fn whole(path: &Path) -> impl Fn(ReadError) -> Failure + '_ {
    move |e| Failure::Written(format!("read {}: {e}", path.display()))
}

/// What the rows of a portion say, with texts as numbers of its own.
#[derive(Default)]
struct Desk<'t> {
    portion: Portion<'t>,
    names: Names,
    /// What the replay calls each of `names`, where it met them.
    known: Vec<Option<Word>>,
    heads: Heads,
    /// The source of the row before.
    source: Option<Word>,
    readings: Vec<FileReading>,
    /// Other rows, each with the number of readings before it.
    others: Vec<(usize, Other)>,
    /// The ids of sessions, one behind the other: hardly any comes again.
    ids: String,
    failed: FailedLines,
    fatal: Option<ReadError>,
}

/// A row that is no plain reading.
enum Other {
    /// A session, and where its id ends.
    Session(FileSession, usize),
    Fact(Box<(Observation, [u8; 32])>),
}

impl Desk<'_> {
    /// The word of a source: mostly the same for every row.
    fn source(&mut self, text: &str) -> Word {
        match self.source {
            Some(word) if self.names.text(word) == text => word,
            _ => *self.source.insert(self.names.intern(text)),
        }
    }

    fn add_reading(&mut self, row: &DoorRowRef<'_>) {
        let source = self.source(row.source);
        let reader = self.names.intern(row.reader);
        let credential = self.names.intern(row.credential);
        let head = self.heads.head(&mut self.names, source, reader, row);
        let order = row.event_id.map_or(0, order_of);
        self.readings.push(FileReading { head, credential, at: row.device_time, order });
    }

    fn add_session(&mut self, row: &SessionRowRef<'_>) {
        let source = self.source(row.source);
        let mut word = |text: &str| self.names.intern(text);
        let session = FileSession {
            source,
            id: Word(0),
            account: word(row.account),
            terminal: row.terminal.map(&mut word),
            target: row.target.map(&mut word),
            via: row.via.map(&mut word),
            address: row.address.map(&mut word),
            inner_address: row.inner_address.map(&mut word),
            factors: row.factors.different(),
            start: row.start,
            end: row.end,
            entry: 0,
        };
        self.ids.push_str(row.session);
        self.others.push((0, Other::Session(session, self.ids.len())));
    }

    fn add_observation(&mut self, observation: Observation) {
        let hash = content_hash(&canonical_bytes(&observation));
        self.others.push((self.readings.len(), Other::Fact(Box::new((observation, hash)))));
    }

    /// The replay's word for one of the desk's.
    fn word(&mut self, replay: &mut Replay, local: Word) -> Word {
        let index = local.0 as usize;
        *self.known[index].get_or_insert_with(|| replay.names_mut().intern(self.names.text(local)))
    }

    /// Hands everything to the replay, which meets texts in the order of the file.
    fn take(&mut self, replay: &mut Replay, entries: &mut u64) {
        self.known.resize(self.names.len(), None);
        let mut readings = std::mem::take(&mut self.readings);
        let mut id_from = 0;
        let mut taken = 0;
        let mut others = std::mem::take(&mut self.others);
        for (before, other) in others.drain(..) {
            self.take_readings(replay, readings[taken..before].to_vec(), entries);
            taken = before;
            match other {
                Other::Session(row, id_to) => {
                    let source = self.word(replay, row.source);
                    let id = replay.names_mut().intern(&self.ids[id_from..id_to]);
                    id_from = id_to;
                    let mut word = |local| self.word(replay, local);
                    let (account, terminal) = (word(row.account), row.terminal.map(&mut word));
                    let (target, via) = (row.target.map(&mut word), row.via.map(&mut word));
                    let (address, inner_address) = (row.address.map(&mut word), row.inner_address.map(&mut word));
                    replay.session(FileSession {
                        source,
                        id,
                        account,
                        terminal,
                        target,
                        via,
                        address,
                        inner_address,
                        entry: *entries,
                        ..row
                    });
                }
                Other::Fact(of) => {
                    let (observation, hash) = *of;
                    let when = observation.header().device_time.or_else(|| observation.stated_span().map(|s| s.end));
                    // A file has no record of its own: what it says was recorded when it was said.
                    let when = when.unwrap_or_default();
                    let fact = Fact::of(&observation, *entries, when, &hash, replay.names_mut());
                    replay.fact(&fact);
                }
            }
            *entries += 1;
        }
        self.others = others;
        self.ids.clear();
        readings.drain(..taken);
        // The replay keeps the list: the next one has about as many.
        self.readings.reserve_exact(readings.len() + readings.len() / 32);
        self.take_readings(replay, readings, entries);
    }

    fn take_readings(&mut self, replay: &mut Replay, mut readings: Vec<FileReading>, entries: &mut u64) {
        for reading in &mut readings {
            if self.heads.list[reading.head as usize].known.is_none() {
                self.meet_head(replay, reading);
            }
            reading.head = self.heads.list[reading.head as usize].known.unwrap_or_default();
            reading.credential = self.word(replay, reading.credential);
        }
        let first = *entries;
        *entries += readings.len() as u64;
        replay.readings(first, readings);
    }

    /// Asks the replay for its number of a reading's head.
    fn meet_head(&mut self, replay: &mut Replay, reading: &FileReading) {
        let index = reading.head as usize;
        let Head { source, reader, granted, .. } = self.heads.list[index];
        let (source, reader) = (self.word(replay, source), self.word(replay, reader));
        self.word(replay, reading.credential);
        let factors = std::mem::take(&mut self.heads.list[index].factors);
        let words: Vec<Word> = factors.iter().map(|f| self.word(replay, *f)).collect();
        let known = Some(replay.head(source, reader, granted, &words));
        self.heads.list[index] = Head { factors, known, ..self.heads.list[index] };
    }
}

/// What readings have in common.
struct Head {
    source: Word,
    reader: Word,
    granted: bool,
    factors: Vec<Word>,
    /// What the replay calls it.
    known: Option<u32>,
}

/// The heads met, by number; and for each reader those that came last.
#[derive(Default)]
struct Heads {
    list: Vec<Head>,
    by_reader: Vec<[u32; 2]>,
}

impl Heads {
    fn head(&mut self, names: &mut Names, source: Word, reader: Word, row: &DoorRowRef<'_>) -> u32 {
        const NONE: u32 = u32::MAX;
        let sort = row.credential.split_once(':').map_or("card", |(sort, _)| sort);
        let factors = || row.factors.iter().chain(row.factors.is_empty().then_some(sort));
        let index = reader.0 as usize;
        if self.by_reader.len() <= index {
            self.by_reader.resize(index + 1, [NONE; 2]);
        }
        let last = &mut self.by_reader[index][usize::from(row.granted)];
        let is_same = |head: &Head| {
            head.source == source
                && match head.factors[..] {
                    [one] if row.factors.is_empty() => names.text(one) == sort,
                    _ => head.factors.iter().map(|f| names.text(*f)).eq(factors()),
                }
        };
        if self.list.get(*last as usize).is_some_and(is_same) {
            return *last;
        }
        let is_same = |head: &Head| head.reader == reader && head.granted == row.granted && is_same(head);
        let known = self.list.iter().position(is_same);
        let head = known.unwrap_or_else(|| {
            let factors = factors().map(|f| names.intern(f)).collect();
            self.list.push(Head { source, reader, granted: row.granted, factors, known: None });
            self.list.len() - 1
        });
        *last = u32::try_from(head).expect("heads are combinations of registered things");
        *last
    }
}

/// What the rows of a file stand for.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Rows {
    Doors,
    Sessions,
}

/// Reads a file.
pub(super) fn file(
    replay: &mut Replay,
    (table, rows): (&Table, Rows),
    path: &Path,
    entries: &mut u64,
    failed: &mut FailedLines,
) -> Result<(), Failure> {
    let mut portions = Portions::new(table, open(path)?).map_err(whole(path))?;
    in_order(
        |desk: &mut Desk<'_>| portions.next(&mut desk.portion).map_err(whole(path)),
        |desk| {
            desk.fatal = desk.read(table, rows).err();
        },
        |desk| {
            desk.take(replay, entries);
            failed.take(&mut desk.failed, path);
            desk.fatal.take().map_or(Ok(()), |fatal| Err(whole(path)(fatal)))
        },
    )
}

impl Desk<'_> {
    /// Reads the portion.
    fn read(&mut self, table: &Table, rows: Rows) -> Result<(), ReadError> {
        let mut portion = std::mem::take(&mut self.portion);
        let failed = |desk: &mut Self, error: &LineError| desk.failed.add(error.to_string());
        let read = match rows {
            Rows::Sessions => portion.sessions(|_, row| match row {
                Ok(row) => self.add_session(&row),
                Err(error) => failed(self, &error),
            }),
            Rows::Doors if table.readings_only() => portion.doors(|line_no, row| match row {
                Ok(row) if row.seq.is_none() && row.epoch.is_none() => self.add_reading(&row),
                Ok(row) => match row.to_observation() {
                    Ok(observation) => self.add_observation(observation),
                    Err(reason) => self.failed.add(format!("line {line_no}: {reason}")),
                },
                Err(error) => failed(self, &error),
            }),
            Rows::Doors => portion.observations(|_, row| match row {
                Ok(observations) => observations.into_iter().for_each(|o| self.add_observation(o)),
                Err(error) => failed(self, &error),
            }),
        };
        self.portion = portion;
        read.map(|_| ())
    }
}
