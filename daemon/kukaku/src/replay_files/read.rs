//! Rows of files into the replay.

use std::fs::File;
use std::path::Path;

use kukaku_codec::files::{DoorRowRef, LineError, SessionRowRef, Table, read_rows, visit_doors, visit_sessions};
use kukaku_core::fact::order_of;
use kukaku_core::replay::{FileReading, FileSession, Replay};
use kukaku_core::{Fact, Word};
use kukaku_schema::Observation;
use kukaku_schema::observation::{canonical_bytes, content_hash};

use crate::failure::Failure;

/// Lines that were not understood: the first ones named, all counted.
pub(super) struct FailedLines {
    shown_max: u64,
    count: u64,
}

impl FailedLines {
    pub(super) fn new(shown_max: u64) -> Self {
        Self { shown_max, count: 0 }
    }

    fn add(&mut self, path: &Path, error: &LineError) {
        self.count += 1;
        if self.count <= self.shown_max {
            eprintln!("{}: {error}", path.display());
        }
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

fn whole(path: &Path) -> impl Fn(kukaku_codec::files::ReadError) -> Failure + '_ {
    move |e| Failure::Written(format!("read {}: {e}", path.display()))
}

/// The word of the text met last, so that a column that repeats is looked up once.
#[derive(Default)]
struct Again {
    text: String,
    word: Option<Word>,
}

impl Again {
    fn word(&mut self, replay: &mut Replay, text: &str) -> Word {
        match self.word {
            Some(word) if self.text == text => word,
            _ => {
                let word = replay.names_mut().intern(text);
                self.text.clear();
                self.text.push_str(text);
                *self.word.insert(word)
            }
        }
    }
}

/// What readings have in common, by source, reader and result.
#[derive(Default)]
struct Heads {
    known: Vec<(Word, Word, bool, u32)>,
    by_reader: Vec<[Option<(Word, u32)>; 2]>,
}

impl Heads {
    fn head(&mut self, replay: &mut Replay, source: Word, reader: Word, row: &DoorRowRef<'_>) -> u32 {
        if !row.factors.is_empty() {
            let factors: Vec<Word> = row.factors.iter().map(|f| replay.names_mut().intern(f)).collect();
            return replay.head(source, reader, row.granted, &factors);
        }
        let sort = row.credential.split_once(':').map_or("card", |(sort, _)| sort);
        // Nearly every file has one sort of credential; another one takes the long way.
        if sort != "card" {
            let sort = replay.names_mut().intern(sort);
            return replay.head(source, reader, row.granted, &[sort]);
        }
        let index = reader.0 as usize;
        if self.by_reader.len() <= index {
            self.by_reader.resize(index + 1, [None, None]);
        }
        if let Some((of, head)) = self.by_reader[index][usize::from(row.granted)]
            && of == source
        {
            return head;
        }
        let found = self.known.iter().find(|(s, r, g, _)| (*s, *r, *g) == (source, reader, row.granted)).map(|k| k.3);
        let head = found.unwrap_or_else(|| {
            let sort = replay.names_mut().intern(sort);
            let head = replay.head(source, reader, row.granted, &[sort]);
            self.known.push((source, reader, row.granted, head));
            head
        });
        self.by_reader[index][usize::from(row.granted)] = Some((source, head));
        head
    }
}

/// Reads a door file.
pub(super) fn doors(
    replay: &mut Replay,
    table: &Table,
    path: &Path,
    entries: &mut u64,
    failed: &mut FailedLines,
) -> Result<(), Failure> {
    let file = open(path)?;
    if !table.readings_only() {
        read_rows(table, file, |_, row| {
            match row {
                Ok(observations) => observations.iter().for_each(|o| add_fact(replay, o, entries)),
                Err(error) => failed.add(path, &error),
            }
            std::ops::ControlFlow::Continue(())
        })
        .map_err(whole(path))?;
        return Ok(());
    }
    let mut source = Again::default();
    let mut reader = Again::default();
    let mut heads = Heads::default();
    visit_doors(table, file, |_, row| {
        let row = match row {
            Ok(row) => row,
            Err(error) => return failed.add(path, &error),
        };
        if row.seq.is_some() || row.epoch.is_some() {
            match row.to_observation() {
                Ok(observation) => add_fact(replay, &observation, entries),
                Err(reason) => eprintln!("{}: {reason}", path.display()),
            }
            return;
        }
        let source = source.word(replay, row.source);
        let reader = reader.word(replay, row.reader);
        let credential = replay.names_mut().intern(row.credential);
        let head = heads.head(replay, source, reader, &row);
        let order = row.event_id.map_or(0, order_of);
        replay.reading(FileReading { head, credential, at: row.device_time, entry: *entries, order });
        *entries += 1;
    })
    .map_err(whole(path))?;
    Ok(())
}

fn add_fact(replay: &mut Replay, observation: &Observation, entries: &mut u64) {
    let hash = content_hash(&canonical_bytes(observation));
    let when = observation.header().device_time.or_else(|| observation.stated_span().map(|s| s.end));
    // A file has no record of its own: what it says was recorded when it was said.
    let fact = Fact::of(observation, *entries, when.unwrap_or_default(), &hash, replay.names_mut());
    replay.fact(&fact);
    *entries += 1;
}

/// Reads a session file.
pub(super) fn sessions(
    replay: &mut Replay,
    table: &Table,
    path: &Path,
    entries: &mut u64,
    failed: &mut FailedLines,
) -> Result<(), Failure> {
    let file = open(path)?;
    let mut source = Again::default();
    visit_sessions(table, file, |_, row| match row {
        Err(error) => failed.add(path, &error),
        Ok(row) => {
            let source = source.word(replay, row.source);
            add_session(replay, source, &row, *entries);
            *entries += 1;
        }
    })
    .map_err(whole(path))?;
    Ok(())
}

fn add_session(replay: &mut Replay, source: Word, row: &SessionRowRef<'_>, entry: u64) {
    let names = replay.names_mut();
    let id = names.intern(row.session);
    let account = names.intern(row.account);
    let mut opt = |text: Option<&str>| text.map(|t| names.intern(t));
    let (terminal, target, via) = (opt(row.terminal), opt(row.target), opt(row.via));
    replay.session(FileSession { source, id, account, terminal, target, via, start: row.start, end: row.end, entry });
}
