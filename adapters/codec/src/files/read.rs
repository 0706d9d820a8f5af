//! Reading a whole file by a mapping, row by row, in bounded memory.

use std::io::Read;
use std::ops::ControlFlow;

use kukaku_schema::{Kind, Observation};

use super::error::{LineError, ReadError};
use super::mapping::Table;
use super::plan::Purpose;
use super::records::{Taken, each_record};
use super::rows::{DoorRowRef, SessionRowRef};
use super::walker::{FoundRow, Walker};

/// What a row stands for: one observation, or the start and the end of a session.
pub type Observations = Vec<Observation>;

/// How many rows a file had. Blank lines, skipped lines and the header are none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct RowCount {
    /// Rows that were understood.
    pub read: u64,
    /// Rows that were not.
    pub failed: u64,
}

/// Reads the rows of a file as observations.
///
/// `sink` gets the line number of each row, from 1, and the row or why it failed; it says
/// whether to go on.
///
/// # Errors
/// A [`ReadError`] where the file as a whole can't be read; rows before it went to `sink`.
pub fn read_rows<R: Read>(
    table: &Table,
    reader: R,
    mut sink: impl FnMut(u64, Result<Observations, LineError>) -> ControlFlow<()>,
) -> Result<RowCount, ReadError> {
    let mut scratch = String::new();
    walk(table, reader, |line_no, row| {
        let mut flow = ControlFlow::Continue(());
        let is_read = see_observations(table.purpose, row, &mut scratch, |row| flow = sink(line_no, row));
        (is_read, flow)
    })
}

/// Hands a row as observations to `sink`; says whether it was understood.
pub(super) fn see_observations(
    purpose: Purpose,
    row: Result<FoundRow<'_>, LineError>,
    scratch: &mut String,
    sink: impl FnOnce(Result<Observations, LineError>),
) -> bool {
    let outcome = row.and_then(|row| {
        let observations = match purpose {
            Purpose::Sessions => row.plan.session(&row.slots, scratch).and_then(SessionRowRef::to_observations),
            Purpose::Observations { .. } => {
                row.plan.observation(&row.slots, scratch, None).map(|observation| vec![observation])
            }
        };
        observations.map_err(|reason| row.failed(reason))
    });
    let is_read = outcome.is_ok();
    sink(outcome);
    is_read
}

/// Hands a row as a door reading to `visit`; says whether it was understood.
pub(super) fn see_door(
    row: Result<FoundRow<'_>, LineError>,
    scratch: &mut String,
    visit: impl FnOnce(Result<DoorRowRef<'_>, LineError>),
) -> bool {
    let row = match row {
        Ok(row) => row,
        Err(error) => {
            visit(Err(error));
            return false;
        }
    };
    if !row.plan.is_fixed {
        let other = match row.plan.kind(&row.slots, scratch) {
            Ok(Kind::DoorReading) => None,
            Ok(kind) => Some(format!("a row of kind {} where readings alone are expected", kind.word())),
            Err(reason) => Some(reason),
        };
        if let Some(reason) = other {
            visit(Err(row.failed(reason)));
            return false;
        }
    }
    let outcome = row.plan.reading(&row.slots, scratch, None).map_err(|reason| row.failed(reason));
    let is_read = outcome.is_ok();
    visit(outcome);
    is_read
}

/// Hands a row as a session to `visit`; says whether it was understood.
pub(super) fn see_session(
    row: Result<FoundRow<'_>, LineError>,
    scratch: &mut String,
    visit: impl FnOnce(Result<SessionRowRef<'_>, LineError>),
) -> bool {
    let row = match row {
        Ok(row) => row,
        Err(error) => {
            visit(Err(error));
            return false;
        }
    };
    let outcome = row.plan.session(&row.slots, scratch).map_err(|reason| row.failed(reason));
    let is_read = outcome.is_ok();
    visit(outcome);
    is_read
}

/// What `on` says of a row: whether it was understood, and whether to go on.
type Seen = (bool, ControlFlow<()>);

/// Finds every row of a file.
fn walk<R: Read>(
    table: &Table,
    reader: R,
    mut on: impl FnMut(u64, Result<FoundRow<'_>, LineError>) -> Seen,
) -> Result<RowCount, ReadError> {
    let mut walker = Walker::new(table)?;
    let mut count = RowCount::default();
    let mut fatal = None;
    let read = each_record(reader, table.form.style(), |record| {
        let (taken, row) = match walker.take(record) {
            Ok((taken, None)) => return taken,
            Ok((taken, Some(row))) => (taken, row),
            Err(error) => {
                fatal = Some(error);
                return Taken::Stop;
            }
        };
        let line_no = match &row {
            Ok(row) => row.line_no,
            Err(error) => error.line_no,
        };
        let (is_read, flow) = on(line_no, row);
        count.read += u64::from(is_read);
        count.failed += u64::from(!is_read);
        if flow.is_break() { Taken::Stop } else { taken }
    });
    read.map_err(|e| ReadError::Io { line_no: e.line_no, source: e.source })?;
    match fatal {
        Some(error) => Err(error),
        None if !walker.is_in_rows() => Err(ReadError::NoHeader { skip_lines: table.form.skip_lines }),
        None => Ok(count),
    }
}
