//! The harm: a door log that is read wrongly puts a person where he was not, and one bad line
//! that stops an import hides all the others.

#![allow(clippy::unwrap_used)]

mod agreement;
mod exports;
mod hostile;
mod mappings;

use std::ops::ControlFlow;

use kukaku_schema::Observation;
use kukaku_schema::observation::canonical_bytes;

use super::*;

/// Reads everything: each row's line number with its observations as JSON, or why there are none.
fn rows(table: &Table, file: &[u8]) -> Vec<(u64, Result<String, String>)> {
    let mut seen = Vec::new();
    read_rows(table, file, |line_no, row| {
        seen.push((line_no, row.map(|all| all.iter().map(json).collect::<Vec<_>>().join(" ")).map_err(|e| e.reason)));
        ControlFlow::Continue(())
    })
    .unwrap();
    seen
}

/// What `on` makes of every portion of a file of portions of `read_bytes`.
fn each_portion(
    table: &Table,
    file: impl std::io::Read,
    read_bytes: usize,
    mut on: impl FnMut(&mut Portion<'_>) -> Result<RowCount, ReadError>,
) -> Result<RowCount, ReadError> {
    let mut portions = portions::Portions::of_size(table, file, read_bytes)?;
    let mut portion = Portion::default();
    let mut count = RowCount::default();
    while portions.next(&mut portion)? {
        let more = on(&mut portion)?;
        count = RowCount { read: count.read + more.read, failed: count.failed + more.failed };
    }
    Ok(count)
}

/// Reads everything as door readings.
fn visit_doors(
    table: &Table,
    file: impl std::io::Read,
    mut visit: impl FnMut(u64, Result<DoorRowRef<'_>, LineError>),
) -> Result<RowCount, ReadError> {
    each_portion(table, file, 4096, |portion| portion.doors(&mut visit))
}

fn json(observation: &Observation) -> String {
    String::from_utf8(canonical_bytes(observation)).unwrap()
}

fn doors(mapping: &str) -> Table {
    Mapping::parse(mapping, "mapping.toml").unwrap().doors.unwrap()
}

fn sessions(mapping: &str) -> Table {
    Mapping::parse(mapping, "mapping.toml").unwrap().sessions.unwrap()
}

fn shift_jis(text: &str) -> Vec<u8> {
    let (bytes, _, unmappable) = encoding_rs::SHIFT_JIS.encode(text);
    assert!(!unmappable, "{text}");
    bytes.into_owned()
}
