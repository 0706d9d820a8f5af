//! A file in portions that can be read apart from each other, on as many threads as there are.
//!
//! Finding where a portion ends is quick and goes on from one to the next; reading its rows is
//! the work, and needs nothing but the portion. Row by row it is what [`super::read_rows`] does.

use std::io::Read;

use super::error::{LineError, ReadError};
use super::mapping::Table;
use super::read::{Observations, RowCount, see_door, see_observations, see_session};
use super::records::{Block, READ_BYTES, Record, Rest, Style, Taken, Window};
use super::rows::{DoorRowRef, SessionRowRef};
use super::walker::{FoundRow, Walker};

/// Cuts a file into portions.
pub struct Portions<'t, R> {
    table: &'t Table,
    style: Style,
    window: Window<R>,
    walker: Walker<'t>,
    line_no: u64,
    over: bool,
}

/// Some rows of a file. Its memory is used again for the next one: a few hundred kilobytes.
#[derive(Default)]
pub struct Portion<'t> {
    table: Option<&'t Table>,
    walker: Option<Walker<'t>>,
    bytes: Vec<u8>,
    style: Style,
    /// The first line, from 1.
    line_no: u64,
    /// The records with rows, where telling them apart took what came before; else every line is one.
    found: Option<Vec<FoundAt>>,
    scratch: String,
}

/// Where a record lies in its portion.
enum FoundAt {
    Whole { line_no: u64, at: usize, len: usize, first_line_len: usize },
    Unclosed { line_no: u64, at: usize, len: usize },
    TooLong(LineError),
}

impl<'t, R: Read> Portions<'t, R> {
    /// The portions of a file that is read by `table`.
    ///
    /// # Errors
    /// A [`ReadError`] where the columns that `table` names can't be there.
    pub fn new(table: &'t Table, reader: R) -> Result<Self, ReadError> {
        Self::of_size(table, reader, READ_BYTES)
    }

    /// Portions of about so many bytes.
    pub(super) fn of_size(table: &'t Table, reader: R, read_bytes: usize) -> Result<Self, ReadError> {
        let (style, walker) = (table.form.style(), Walker::new(table)?);
        Ok(Self { table, style, window: Window::new(reader, read_bytes), walker, line_no: 1, over: false })
    }

    /// Puts the next portion into `portion`; false where the file is over.
    ///
    /// # Errors
    /// A [`ReadError`] where the file as a whole can't be read; the portions before it can.
    pub fn next(&mut self, portion: &mut Portion<'t>) -> Result<bool, ReadError> {
        if self.over {
            return Ok(false);
        }
        let line_no = self.line_no;
        let io = |source| ReadError::Io { line_no, source };
        let block = self.window.block(self.style).map_err(io)?;
        portion.line_no = line_no;
        portion.bytes.clear();
        // The first line may hold an encoding's mark.
        let used = if line_no > 1 && self.walker.is_in_rows_for_good() && block.stands_alone() {
            portion.found = None;
            portion.bytes.extend_from_slice(block.bytes);
            self.line_no += block.line_ends();
            block.bytes.len()
        } else {
            let mut found = portion.found.take().unwrap_or_default();
            found.clear();
            let used = find(&block, &mut self.walker, &mut self.line_no, &mut found)?;
            // A record that failed may reach behind what was used.
            portion.bytes.extend_from_slice(block.bytes);
            portion.found = Some(found);
            used
        };
        match self.window.used(used, self.line_no).map_err(io)? {
            Rest::More => {}
            Rest::Passed(error) => {
                self.line_no += 1;
                let found = portion.found.get_or_insert_default();
                if self.walker.take(Record::TooLong(error.clone()))?.1.is_some() {
                    found.push(FoundAt::TooLong(error));
                }
            }
            Rest::Nothing => {
                self.over = true;
                if !self.walker.is_in_rows() {
                    return Err(ReadError::NoHeader { skip_lines: self.table.form.skip_lines });
                }
            }
        }
        if self.walker.is_in_rows_for_good() && portion.walker.is_none() {
            portion.walker = Some(self.walker.clone());
        }
        (portion.table, portion.style) = (Some(self.table), self.style);
        Ok(true)
    }
}

/// Finds the records of a block that have rows; returns how many bytes they and what lies
/// between them take.
fn find(
    block: &Block<'_>,
    walker: &mut Walker<'_>,
    line_no: &mut u64,
    found: &mut Vec<FoundAt>,
) -> Result<usize, ReadError> {
    let mut fatal = None;
    let used = block.each(line_no, &mut |record| {
        let at = match &record {
            Record::Whole { line_no, at, bytes, first_line_len, .. } => {
                FoundAt::Whole { line_no: *line_no, at: *at, len: bytes.len(), first_line_len: *first_line_len }
            }
            Record::Unclosed { line_no, at, bytes } => {
                FoundAt::Unclosed { line_no: *line_no, at: *at, len: bytes.len() }
            }
            Record::TooLong(error) => FoundAt::TooLong(error.clone()),
        };
        match walker.take(record) {
            Ok((taken, row)) => {
                if row.is_some() {
                    found.push(at);
                }
                taken
            }
            Err(error) => {
                fatal = Some(error);
                Taken::Stop
            }
        }
    });
    fatal.map_or(Ok(used.unwrap_or(0)), Err)
}

impl Portion<'_> {
    /// Reads its rows as observations; `visit` gets each row's line number, from 1, and the row or why it failed.
    ///
    /// # Errors
    /// None that [`Portions::next`] would not have had before.
    pub fn observations(
        &mut self,
        mut visit: impl FnMut(u64, Result<Observations, LineError>),
    ) -> Result<RowCount, ReadError> {
        self.each(|line_no, purpose, row, scratch| see_observations(purpose, row, scratch, |row| visit(line_no, row)))
    }

    /// Reads its rows as door readings, without making observations of them.
    ///
    /// A row of another kind fails; a table for which [`Table::readings_only`] holds has none.
    ///
    /// # Errors
    /// None that [`Portions::next`] would not have had before.
    pub fn doors(
        &mut self,
        mut visit: impl FnMut(u64, Result<DoorRowRef<'_>, LineError>),
    ) -> Result<RowCount, ReadError> {
        self.each(|line_no, _, row, scratch| see_door(row, scratch, |row| visit(line_no, row)))
    }

    /// Reads its rows as sessions, without making observations of them.
    ///
    /// # Errors
    /// None that [`Portions::next`] would not have had before.
    pub fn sessions(
        &mut self,
        mut visit: impl FnMut(u64, Result<SessionRowRef<'_>, LineError>),
    ) -> Result<RowCount, ReadError> {
        self.each(|line_no, _, row, scratch| see_session(row, scratch, |row| visit(line_no, row)))
    }

    /// Finds each row; `on` says whether it was understood.
    fn each(
        &mut self,
        mut on: impl FnMut(u64, super::plan::Purpose, Result<FoundRow<'_>, LineError>, &mut String) -> bool,
    ) -> Result<RowCount, ReadError> {
        let mut count = RowCount::default();
        let (Some(table), Some(walker)) = (self.table, &mut self.walker) else {
            return Ok(count);
        };
        let mut fatal = None;
        let scratch = &mut self.scratch;
        let mut take = |record: Record<'_>| match walker.take(record) {
            Ok((taken, None)) => taken,
            Ok((taken, Some(row))) => {
                let line_no = match &row {
                    Ok(row) => row.line_no,
                    Err(error) => error.line_no,
                };
                let is_read = on(line_no, table.purpose, row, scratch);
                count.read += u64::from(is_read);
                count.failed += u64::from(!is_read);
                taken
            }
            Err(error) => {
                fatal = Some(error);
                Taken::Stop
            }
        };
        let block = Block { bytes: &self.bytes, style: self.style, at_end: true, long: false };
        match &mut self.found {
            None => {
                block.each(&mut self.line_no, &mut take);
            }
            Some(found) => {
                let plain = block.plain_text();
                for at in found.drain(..) {
                    let taken = take(match at {
                        FoundAt::Whole { line_no, at, len, first_line_len } => {
                            let (bytes, plain) = (&self.bytes[at..at + len], plain.map(|text| &text[at..at + len]));
                            Record::Whole { line_no, at, bytes, plain, first_line_len }
                        }
                        FoundAt::Unclosed { line_no, at, len } => {
                            Record::Unclosed { line_no, at, bytes: &self.bytes[at..at + len] }
                        }
                        FoundAt::TooLong(error) => Record::TooLong(error),
                    });
                    if taken == Taken::Stop {
                        break;
                    }
                }
            }
        }
        fatal.map_or(Ok(count), Err)
    }
}
