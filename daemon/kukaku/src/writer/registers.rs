//! Registers that are taken in: whole, or one table of them.

use std::borrow::Cow;
use std::fmt;

use kukaku_core::Names;
use kukaku_core::engine::{Engine, Input, Mode};
use kukaku_schema::Registers;
use kukaku_schema::registers::sheet::SheetFile;
use kukaku_store::{Actors, Directory, StoreError};

use super::error::{ActError, WriterError};
use super::machine::Stepper;
use super::queue::Done;

/// Registers as somebody wants them to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wanted {
    /// All of them.
    Whole(Box<Registers>),
    /// One table: the others stay as they are when it is taken in.
    Sheet(SheetFile),
}

/// A register change that was kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RegisterChange {
    /// Its journal entry; none where nothing changed, and nothing was written.
    pub journal_seq: Option<u64>,
    /// Entries that are new.
    pub added: usize,
    /// Entries that ended or were replaced.
    pub closed: usize,
    /// It was the opening of the site.
    pub opening: bool,
}

impl fmt::Display for RegisterChange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.journal_seq {
            None => f.write_str("nothing changed: the registers are in force as they are written"),
            Some(seq) => write!(f, "journal entry {seq}: {} entries new, {} ended", self.added, self.closed),
        }
    }
}

impl Stepper<'_> {
    /// What is wanted, as registers: a table is put into those in force now.
    fn resolved<'a>(&self, wanted: &'a Wanted) -> Result<Result<Cow<'a, Registers>, ActError>, StoreError> {
        let sheet = match wanted {
            Wanted::Whole(registers) => return Ok(Ok(Cow::Borrowed(registers))),
            Wanted::Sheet(sheet) => sheet,
        };
        let Some(registers) = kukaku_store::registers(self.batch.connection())? else {
            return Ok(Err(ActError::Refused(WriterError::NoRegisters.to_string())));
        };
        let applied = sheet.apply(&registers, self.batch.recorded_at());
        Ok(applied.map(Cow::Owned).map_err(|wrong| ActError::Refused(wrong.to_string())))
    }

    pub(super) fn plan(&self, wanted: &Wanted) -> Result<Result<Done, ActError>, StoreError> {
        let registers = match self.resolved(wanted)? {
            Ok(registers) => registers,
            Err(refused) => return Ok(Err(refused)),
        };
        let now = self.batch.recorded_at();
        Ok(Ok(Done::Planned(kukaku_store::plan(self.batch.connection(), &registers, now)?)))
    }

    pub(super) fn import(&mut self, wanted: &Wanted, by: &Actors<'_>) -> Result<Result<Done, ActError>, StoreError> {
        let registers = match self.resolved(wanted)? {
            Ok(registers) => registers,
            Err(refused) => return Ok(Err(refused)),
        };
        if let Err(wrong) = Engine::new(&registers, Names::new(), Mode::Live) {
            return Ok(Err(ActError::Refused(wrong)));
        }
        let now = self.batch.recorded_at();
        let diff = kukaku_store::plan(self.batch.connection(), &registers, now)?;
        let (added, closed) = diff.counts();
        if diff.is_empty() {
            let change = RegisterChange { journal_seq: None, added, closed, opening: false };
            return Ok(Ok(Done::Imported(change)));
        }
        if by.confirmed_by.is_none_or(|other| other == by.actor) {
            let shortened = kukaku_store::shortened(self.batch.connection(), &diff, now)?;
            if !shortened.is_empty() {
                let what = shortened.join("; ");
                let why = format!(
                    "this keeps records for less time and needs a second person (`kukaku registers import --confirmed-by`): {what}"
                );
                return Ok(Err(ActError::Refused(why)));
            }
        }
        let names = self.mind.engine.names_mut();
        let (seq, registers) = self.batch.change_registers(&diff, by, names)?;
        self.mind.directory = Directory::new(&registers, self.mind.engine.names_mut());
        self.engine(now, Input::Registers { entry: seq, registers: &registers })?;
        let change = RegisterChange { journal_seq: Some(seq), added, closed, opening: false };
        Ok(Ok(Done::Imported(change)))
    }
}
