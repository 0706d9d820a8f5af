//! The least a replay can be: one thread that splits the lines, sorts, sweeps and counts.
//!
//! It knows this one layout, one zone a person at a time, no outage, no duplicate, no mapping and
//! no registers; it refuses nothing and writes nothing.

use std::collections::HashMap;
use std::fs;
use std::path::Path;

use super::at;

/// The argument by which the bench calls itself for it.
pub const COMMAND: &str = "yardstick-replay";

const GRACE_MS: i64 = 30_000;
const MAX_STAY_MS: i64 = 16 * 3_600_000;

fn number(bytes: &[u8]) -> i64 {
    bytes.iter().fold(0, |n, b| n * 10 + i64::from(b - b'0'))
}

fn fields<const N: usize>(line: &[u8]) -> Option<[&[u8]; N]> {
    let mut out: [&[u8]; N] = [&[]; N];
    let mut parts = line.split(|b| *b == b',');
    for slot in &mut out {
        *slot = parts.next()?;
    }
    Some(out)
}

fn lines(bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    bytes.split(|b| *b == b'\n').skip(1).filter(|line| !line.is_empty())
}

/// Time, number, zone, and whether it is an entry.
type Event = (i64, u64, u8, bool);

/// Reads the history in `folder` and prints how many sessions are covered, partly covered and not.
///
/// # Errors
/// A file can't be read or a line has too few fields.
pub fn sweep(folder: &Path) -> Result<(), String> {
    let read = |name: &str| {
        let path = folder.join(name);
        fs::read(&path).map_err(at("read", &path))
    };
    let short = || "a line with too few fields".to_owned();
    let doors = read("doors.csv")?;
    let mut of: HashMap<&[u8], Vec<Event>> = HashMap::new();
    for line in lines(&doors) {
        let [no, time, reader, person, _] = fields::<5>(line).ok_or_else(short)?;
        let zone = u8::try_from(number(&reader[1..3])).map_err(|_| short())?;
        let no = u64::try_from(number(no)).map_err(|_| short())?;
        of.entry(person).or_default().push((number(time), no, zone, reader[3] == b'I'));
    }
    let mut stays: HashMap<&[u8], Vec<(i64, i64, u8)>> = HashMap::new();
    for (person, events) in &mut of {
        events.sort_unstable();
        let list = stays.entry(person).or_default();
        let mut open: Option<(i64, u8)> = None;
        let mut close = |open: Option<(i64, u8)>, at: i64| {
            if let Some((since, zone)) = open {
                list.push((since - GRACE_MS, at.min(since + MAX_STAY_MS) + GRACE_MS, zone));
            }
        };
        for (time, _, zone, entry) in events.iter() {
            close(open.take(), *time);
            open = entry.then_some((*time, *zone));
        }
        close(open, i64::MAX / 2);
    }
    let sessions = read("sessions.csv")?;
    let (mut present, mut partial, mut absent) = (0, 0, 0);
    for line in lines(&sessions) {
        let [_, account, terminal, from, to] = fields::<5>(line).ok_or_else(short)?;
        let zone = u8::try_from(number(&terminal[1..3]) / 4).map_err(|_| short())?;
        let (from, to) = (number(from), number(to));
        let list = stays.get(account).map_or(&[][..], |l| l);
        let first = list.partition_point(|s| s.0 < from - MAX_STAY_MS - 2 * GRACE_MS);
        let (mut covered, mut until) = (0, from);
        for stay in list[first..].iter().take_while(|s| s.0 < to).filter(|s| s.2 == zone) {
            let (a, b) = (stay.0.max(until), stay.1.min(to));
            if b > a {
                covered += b - a;
                until = b;
            }
        }
        match covered {
            0 => absent += 1,
            c if c == to - from => present += 1,
            _ => partial += 1,
        }
    }
    println!("present {present} partial {partial} absent {absent}");
    Ok(())
}
