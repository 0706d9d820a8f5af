//! `kukaku replay` over files: the engine without a store.
//!
//! Reads door and session logs by a mapping, judges every session, writes the verdicts as CSV.
//! Two runs over the same files write the same bytes; the wall clock is never asked.

mod read;
mod turns;
mod write;

use std::convert::Infallible;
use std::iter::once;
use std::path::PathBuf;

use kukaku_codec::files::Mapping;
use kukaku_core::Word;
use kukaku_core::replay::{Order, Replay, Seen, SortedReadings};
use kukaku_schema::registers;
use read::Rows;
use turns::in_order;

use crate::cli::ReplayArgs;
use crate::failure::Failure;

/// Runs the replay.
///
/// # Errors
/// What can't be read, understood or written; `Failure::Failed` also where single lines were not
/// understood (the outputs are written all the same, from the rest).
pub fn run(args: &ReplayArgs) -> Result<(), Failure> {
    let path = |path: &Option<PathBuf>| path.clone().expect("the command line demands it together with --registers");
    let registers_path = path(&args.registers);
    let text = read_text(&registers_path)?;
    let registers =
        registers::parse(&text, &registers_path.display().to_string()).map_err(|e| Failure::Written(e.to_string()))?;
    let mapping_path = path(&args.mapping);
    let mapping = Mapping::parse(&read_text(&mapping_path)?, &mapping_path.display().to_string())
        .map_err(|e| Failure::Written(e.to_string()))?;
    let out = path(&args.out);

    let mut replay = Replay::new(&registers).map_err(Failure::Written)?;
    let mut failed = read::FailedLines::default();
    let mut entries = 0;
    if !args.doors.is_empty() {
        let table = mapping.doors.as_ref().ok_or_else(|| no_table(&mapping_path, "doors"))?;
        for file in &args.doors {
            read::file(&mut replay, (table, Rows::Doors), file, &mut entries, &mut failed)?;
        }
    }
    if !args.sessions.is_empty() {
        let table = mapping.sessions.as_ref().ok_or_else(|| no_table(&mapping_path, "sessions"))?;
        for file in &args.sessions {
            read::file(&mut replay, (table, Rows::Sessions), file, &mut entries, &mut failed)?;
        }
    }
    let now = args.now.unwrap_or_else(|| replay.settled_now());
    let order = sort(&mut replay);
    replay.look(now);
    see_persons(&mut replay);
    let zone = kukaku_schema::SiteZone::named(&registers.site.time_zone).map_err(Failure::Written)?;
    let findings = write::verdicts(&mut replay, order, &zone, &out, args.findings.is_some())?;
    if let Some(path) = &args.stays {
        write::stays(&replay, &zone, path)?;
    }
    if let (Some(path), Some(list)) = (&args.findings, findings) {
        write::findings(&mut replay, &zone, path, list)?;
    }
    failed.close()
}

/// Sorts the readings, and says in which order the sessions are judged.
fn sort(replay: &mut Replay) -> Order {
    let sorts = once(Sort::Sessions).chain((0..Replay::READING_PARTS).map(Sort::Readings));
    let (mut sorts, mut order, mut all) = (sorts, Order::default(), Vec::new());
    let sorted = in_order(
        |desk: &mut SortDesk| {
            desk.sort = sorts.next();
            Ok::<_, Infallible>(desk.sort.is_some())
        },
        |desk| match desk.sort {
            Some(Sort::Sessions) => desk.order = Some(replay.order()),
            Some(Sort::Readings(part)) => desk.readings = Some(replay.sorted_readings(part)),
            None => {}
        },
        |desk| {
            if let Some(sorted) = desk.order.take() {
                order = sorted;
            }
            all.extend(desk.readings.take());
            Ok(())
        },
    );
    let Ok(()) = sorted;
    all.into_iter().for_each(|sorted| replay.keep_readings(sorted));
    replay.settle_readings();
    order
}

/// What is to be sorted.
enum Sort {
    Sessions,
    /// The readings of a part of the credentials.
    Readings(u32),
}

#[derive(Default)]
struct SortDesk {
    sort: Option<Sort>,
    order: Option<Order>,
    readings: Option<SortedReadings>,
}

/// Derives where everybody was.
fn see_persons(replay: &mut Replay) {
    let mut persons = replay.persons().into_iter();
    let mut all = Vec::with_capacity(persons.len());
    let seen = in_order(
        |desk: &mut SeenDesk| {
            desk.persons.clear();
            desk.persons.extend(persons.by_ref().take(PERSONS_AT_ONCE));
            Ok::<_, Infallible>(!desk.persons.is_empty())
        },
        |desk| desk.seen.extend(desk.persons.iter().map(|person| replay.see(*person))),
        |desk| {
            all.append(&mut desk.seen);
            Ok(())
        },
    );
    let Ok(()) = seen;
    all.into_iter().for_each(|seen| replay.keep(seen));
}

/// Persons that one thread looks at together.
const PERSONS_AT_ONCE: usize = 4;

#[derive(Default)]
struct SeenDesk {
    persons: Vec<Word>,
    seen: Vec<Seen>,
}

fn no_table(mapping: &std::path::Path, table: &str) -> Failure {
    Failure::Written(format!("mapping {}: --{table} was given, but there is no table [{table}]", mapping.display()))
}

fn read_text(path: &std::path::Path) -> Result<String, Failure> {
    std::fs::read_to_string(path).map_err(|e| Failure::Written(format!("read {}: {e}", path.display())))
}
