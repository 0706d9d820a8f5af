//! The journal in its own order, for a replay that must give the same again.

use kukaku_core::Fact;
use kukaku_schema::UtcMicros;
use rusqlite::{Connection, Row};

use crate::bytes::read_fact;
use crate::error::{StoreError, in_act};
use crate::registers::registers_at;

const ACT: &str = "replay the journal";

/// One thing that the journal tells the engine, or that the engine told the journal.
#[derive(Debug)]
pub enum JournalLine {
    /// An observation.
    Fact(Fact),
    /// A register change: the registers as they stood after it.
    Registers {
        /// Its journal entry.
        entry: u64,
        /// When it was recorded.
        recorded_at: UtcMicros,
        /// The registers.
        registers: Box<kukaku_schema::Registers>,
    },
    /// An effect of the engine: a revision or a change of a finding.
    Effect {
        /// Its journal entry.
        entry: u64,
        /// Its body.
        body: Vec<u8>,
    },
}

impl JournalLine {
    /// Its journal entry.
    #[must_use]
    pub fn entry(&self) -> u64 {
        match self {
            Self::Fact(fact) => fact.entry,
            Self::Registers { entry, .. } | Self::Effect { entry, .. } => *entry,
        }
    }
}

/// Hands every line of the journal that concerns the engine to `take`, in order.
///
/// # Errors
/// What can't be read is damage; and whatever `take` returns.
pub fn journal_lines<E: From<StoreError>>(
    conn: &Connection, mut take: impl FnMut(JournalLine) -> Result<(), E>,
) -> Result<(), E> {
    let sql = "SELECT j.seq, j.kind, j.recorded_at_us, f.body,
               CASE WHEN j.kind IN ('revision', 'finding') THEN p.body END
               FROM journal j LEFT JOIN fact f ON f.entry = j.seq LEFT JOIN payload p ON p.seq = j.seq ORDER BY j.seq";
    let mut statement = conn.prepare(sql).map_err(in_act(ACT))?;
    let mut rows = statement.query([]).map_err(in_act(ACT))?;
    while let Some(row) = rows.next().map_err(in_act(ACT))? {
        if let Some(line) = line(conn, row)? {
            take(line)?;
        }
    }
    Ok(())
}

fn line(conn: &Connection, row: &Row<'_>) -> Result<Option<JournalLine>, StoreError> {
    let entry = row.get::<_, i64>(0).map_err(in_act(ACT))?.cast_unsigned();
    let kind: String = row.get(1).map_err(in_act(ACT))?;
    let fact: Option<Vec<u8>> = row.get(3).map_err(in_act(ACT))?;
    let body: Option<Vec<u8>> = row.get(4).map_err(in_act(ACT))?;
    let missing = |what: &str| StoreError::corrupt(ACT, format!("{what} of entry {entry} is missing"));
    Ok(match (kind.as_str(), fact) {
        (_, Some(bytes)) => {
            let fact = read_fact(entry, &bytes);
            Some(JournalLine::Fact(fact.map_err(|fault| StoreError::corrupt(ACT, format!("entry {entry}: {fault}")))?))
        }
        ("revision" | "finding", None) => {
            Some(JournalLine::Effect { entry, body: body.ok_or_else(|| missing("the value"))? })
        }
        ("register", None) => {
            let registers = registers_at(conn, entry)?.ok_or_else(|| missing("the register"))?;
            let recorded_at = UtcMicros(row.get(2).map_err(in_act(ACT))?);
            Some(JournalLine::Registers { entry, recorded_at, registers: Box::new(registers) })
        }
        _ => None,
    })
}
