//! Reading a pack's entries from a view of the store.

use std::collections::{BTreeMap, VecDeque};
use std::io::Write;

use kukaku_ledger::{Hash, KeyTerm, Leaf, NodeId, SignedNote};
use kukaku_pack::{Closing, Encoding, Line, Made, Maker, Opened, Order, PackError};
use kukaku_schema::{Observation, UtcMicros};
use kukaku_store::{
    Connection, ExportValue, StoreError, checkpoint_at, export_leaves, export_range, export_value, registers_at,
    tree_node,
};

use super::file::part;
use super::staff::Staff;
use crate::failure::Failure;

/// Readings of the client's people whose use may still be told: a minute of the busiest site.
const READINGS_MAX: usize = 4096;

/// What is taken out.
#[derive(Debug, Clone)]
pub struct Taken<'a> {
    /// Whose.
    pub client: &'a str,
    /// First instant of the period.
    pub from: UtcMicros,
    /// The first instant after it.
    pub to: UtcMicros,
    /// Entries of the tree.
    pub size: u64,
    /// Of the CSV files.
    pub csv: Encoding,
    /// The site's keys with their terms, the one in force last.
    pub keys: &'a [KeyTerm],
    /// The folder that the pack comes into.
    pub folder: &'a std::path::Path,
}

/// Why an entry could not be taken out.
enum Stop {
    Store(StoreError),
    Pack(PackError),
}

impl From<StoreError> for Stop {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl From<PackError> for Stop {
    fn from(error: PackError) -> Self {
        Self::Pack(error)
    }
}

impl From<Stop> for Failure {
    fn from(stop: Stop) -> Self {
        match stop {
            Stop::Store(error) => Self::Store(error.to_string()),
            Stop::Pack(PackError::Io(error)) => Self::Failed(format!("write the pack: {error}")),
            Stop::Pack(PackError::Archive(what)) => Self::Failed(format!("write the pack: {what}")),
            Stop::Pack(error) => Self::Differs(format!("nothing is taken out of a journal that was changed: {error}")),
        }
    }
}

/// Reads the pack; `conn` is in a transaction, so that it sees one state. Returns it with the
/// checkpoint as the store has it.
///
/// # Errors
/// `Differs`: an entry is missing or isn't what was signed. `Store`, `Failed`: reading, writing.
pub fn read(conn: &Connection, taken: &Taken<'_>) -> Result<(Made<std::fs::File>, String), Failure> {
    Ok(make(conn, taken)?)
}

fn make(conn: &Connection, taken: &Taken<'_>) -> Result<(Made<std::fs::File>, String), Stop> {
    const ACT: &str = "take records out";
    let checkpoint = checkpoint_at(conn, taken.size)?
        .ok_or_else(|| StoreError::corrupt(ACT, format!("no checkpoint of {} entries is kept", taken.size)))?;
    let registers = registers_at(conn, taken.size - 1)?
        .ok_or_else(|| StoreError::corrupt(ACT, "there were no registers yet".to_owned()))?;
    let staff = Staff::of(&registers, taken.client);
    let range = export_range(conn, taken.client, taken.from, taken.to, taken.size)?;
    let mut failed = None;
    let mut node = |id: NodeId| {
        tree_node(conn, id).unwrap_or_else(|error| {
            failed = Some(error);
            None
        })
    };
    let origin = taken.keys.last().map_or("", |term| term.key.name());
    let order = Order {
        origin: origin.to_owned(),
        client: taken.client.to_owned(),
        from_us: taken.from.0,
        to_us: taken.to.0,
        tree_size: taken.size,
        root: checkpoint.head.root,
        csv: taken.csv,
    };
    let made = (|| -> Result<_, Stop> {
        let mut maker = Maker::new(order, range.first, &mut node, || part(taken.folder))?;
        let mut desk = Opening { conn, taken, staff, readings: BTreeMap::new(), order: VecDeque::new() };
        export_leaves(conn, range.first, range.end, |leaf, hash| {
            match desk.open(&leaf)? {
                Some(opened) => maker.opened(&Line { leaf, opened })?,
                None => maker.masked(hash)?,
            }
            Ok::<(), Stop>(())
        })?;
        let closing = Closing {
            checkpoint: by_the_site(&checkpoint.note, origin)?,
            keys: key_lines(taken.keys),
            late: range.late,
        };
        Ok(maker.finish(closing, &mut node)?)
    })();
    match (failed, made) {
        (Some(error), _) => Err(error.into()),
        (None, made) => Ok((made?, checkpoint.note)),
    }
}

/// The keys as the pack lists them; the list proves nothing, the client has its own.
fn key_lines(keys: &[KeyTerm]) -> String {
    let line = |term: &KeyTerm| {
        let until = term.until_size.map_or_else(|| "-".to_owned(), |size| size.to_string());
        format!("{} {until} {}\n", term.from_size, term.key)
    };
    let lines: String = keys.iter().map(line).collect();
    format!("# from_size until_size key\n{lines}")
}

/// The checkpoint with the site's signature alone: cosignatures come when they come.
fn by_the_site(note: &str, origin: &str) -> Result<Vec<u8>, StoreError> {
    const ACT: &str = "read a checkpoint";
    let note = SignedNote::parse(note.as_bytes()).map_err(|e| StoreError::corrupt(ACT, e.to_string()))?;
    let own = note.signatures().iter().find(|s| s.name == origin);
    let own = own.ok_or_else(|| StoreError::corrupt(ACT, "the site did not sign it".to_owned()))?;
    Ok(format!("{}\n{}", note.text(), own.to_line()).into_bytes())
}

/// Decides what is opened.
struct Opening<'a> {
    conn: &'a Connection,
    taken: &'a Taken<'a>,
    staff: Staff,
    /// Readings that were opened, by source, epoch and number: what tells of their use is opened too.
    readings: BTreeMap<ReadingKey, String>,
    order: VecDeque<ReadingKey>,
}

/// Source, epoch and number.
type ReadingKey = (String, Option<String>, u64);

impl Opening<'_> {
    /// How far an entry is opened; none: masked.
    fn open(&mut self, leaf: &Leaf) -> Result<Option<Opened>, Stop> {
        let within = (self.taken.from.0..self.taken.to.0).contains(&leaf.recorded_at_us);
        if leaf.client == self.taken.client {
            if !within {
                return Ok(Some(Opened::Fence));
            }
            return Ok(Some(match value(self.conn, leaf.seq)? {
                Some((salt, body)) => Opened::Whole { salt, body, person: None },
                None => Opened::Erased,
            }));
        }
        let tells = matches!(leaf.kind.as_str(), "door.reading" | "door.used" | "manual.entry");
        if !within || !tells || !leaf.client.is_empty() {
            return Ok(None);
        }
        let Some((salt, body)) = value(self.conn, leaf.seq)? else { return Ok(None) };
        let person = serde_json::from_str(&body).ok().and_then(|observation| self.person(&observation));
        Ok(person.map(|person| Opened::Whole { salt, body, person: Some(person) }))
    }

    /// Of whom it tells, if he works for the client.
    fn person(&mut self, observation: &Observation) -> Option<String> {
        match observation {
            Observation::DoorReading(reading) => {
                let person = self.staff.holder(reading.credential.as_str(), reading.device_time)?.to_owned();
                if let Some(number) = reading.seq {
                    let epoch = reading.epoch.as_ref().map(|epoch| epoch.as_str().to_owned());
                    let key = (reading.source.as_str().to_owned(), epoch, number);
                    self.order.push_back(key.clone());
                    self.readings.insert(key, person.clone());
                    if self.order.len() > READINGS_MAX
                        && let Some(oldest) = self.order.pop_front()
                    {
                        self.readings.remove(&oldest);
                    }
                }
                Some(person)
            }
            Observation::DoorUsed(used) => {
                let epoch = used.epoch.as_ref().map(|epoch| epoch.as_str().to_owned());
                self.readings.get(&(used.source.as_str().to_owned(), epoch, used.reading)).cloned()
            }
            Observation::ManualEntry(entry) => {
                let person = entry.person.as_str();
                self.staff.works(person, entry.device_time).then(|| person.to_owned())
            }
            _ => None,
        }
    }
}

/// Salt and body as a text; none once erased.
fn value(conn: &Connection, seq: u64) -> Result<Option<([u8; 32], String)>, Stop> {
    Ok(match export_value(conn, seq)? {
        ExportValue::Erased => None,
        ExportValue::Kept { salt, body } => {
            let wrong = |_| StoreError::corrupt("take records out", format!("the body of entry {seq} is not UTF-8"));
            Some((salt, String::from_utf8(body).map_err(wrong)?))
        }
    })
}

/// Writes the whole journal up to `size`, one line an entry.
///
/// # Errors
/// `Store`: an entry can't be read. `Failed`: it can't be written.
pub fn raw(conn: &Connection, size: u64, out: &mut impl Write) -> Result<(), Failure> {
    export_leaves(conn, 0, size, |leaf: Leaf, _: Hash| {
        let opened = match value(conn, leaf.seq)? {
            Some((salt, body)) => Opened::Whole { salt, body, person: None },
            None => Opened::Erased,
        };
        let line = Line { leaf, opened }.to_text()?;
        out.write_all(line.as_bytes()).map_err(PackError::Io)?;
        Ok::<(), Stop>(())
    })
    .map_err(Failure::from)
}
