//! `kukaku replay` over files: the engine without a store.
//!
//! Reads door and session logs by a mapping, judges every session, writes the verdicts as CSV.
//! Two runs over the same files write the same bytes; the wall clock is never asked.

mod read;
mod write;

use std::path::PathBuf;

use kukaku_codec::files::Mapping;
use kukaku_core::replay::Replay;
use kukaku_schema::registers;

use crate::cli::ReplayArgs;
use crate::failure::Failure;

/// How many failed lines are named one by one.
const FAILED_LINES_SHOWN: u64 = 50;

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
    let mut failed = read::FailedLines::new(FAILED_LINES_SHOWN);
    let mut entries = 0;
    if !args.doors.is_empty() {
        let table = mapping.doors.as_ref().ok_or_else(|| no_table(&mapping_path, "doors"))?;
        for file in &args.doors {
            read::doors(&mut replay, table, file, &mut entries, &mut failed)?;
        }
    }
    if !args.sessions.is_empty() {
        let table = mapping.sessions.as_ref().ok_or_else(|| no_table(&mapping_path, "sessions"))?;
        for file in &args.sessions {
            read::sessions(&mut replay, table, file, &mut entries, &mut failed)?;
        }
    }
    let now = args.now.unwrap_or_else(|| replay.settled_now());
    replay.look(now);
    let zone = kukaku_schema::SiteZone::named(&registers.site.time_zone).map_err(Failure::Written)?;
    let mut findings = args.findings.is_some().then(Vec::new);
    write::verdicts(&mut replay, &zone, &out, findings.as_mut())?;
    if let Some(path) = &args.stays {
        write::stays(&replay, &zone, path)?;
    }
    if let (Some(path), Some(list)) = (&args.findings, findings) {
        write::findings(&mut replay, &zone, path, list)?;
    }
    failed.close()
}

fn no_table(mapping: &std::path::Path, table: &str) -> Failure {
    Failure::Written(format!("mapping {}: --{table} was given, but there is no table [{table}]", mapping.display()))
}

fn read_text(path: &std::path::Path) -> Result<String, Failure> {
    std::fs::read_to_string(path).map_err(|e| Failure::Written(format!("read {}: {e}", path.display())))
}
