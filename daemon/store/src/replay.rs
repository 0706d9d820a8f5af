//! The journal in its own order, for a replay that must give the same again.

use kukaku_core::Fact;
use kukaku_schema::{Kind, UtcMicros};
use rusqlite::{Connection, OptionalExtension, Row};

use crate::error::{StoreError, in_act};
use crate::load::Facts;
use crate::registers::registers_at;
use crate::values::Value;

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
        /// When it was recorded.
        recorded_at: UtcMicros,
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

/// The last entry that says that values were erased, and when it was recorded. What the engine said before it can't be said
/// again: some of what it was told is gone.
///
/// # Errors
/// What the disk says.
pub fn last_erasure(conn: &Connection) -> Result<Option<(u64, UtcMicros)>, StoreError> {
    let sql = "SELECT seq, recorded_at_us FROM journal 
               WHERE seq = (SELECT max(entry) FROM erased) OR kind = 'offboarded' ORDER BY seq DESC LIMIT 1";
    let last: Option<(i64, i64)> =
        conn.query_row(sql, [], |row| Ok((row.get(0)?, row.get(1)?))).optional().map_err(in_act(ACT))?;
    Ok(last.map(|(entry, at)| (entry.cast_unsigned(), UtcMicros(at))))
}

/// Hands every line of the journal that concerns the engine to `take`, in order.
///
/// # Errors
/// What can't be read is damage; and whatever `take` returns.
pub fn journal_lines<E: From<StoreError>>(
    conn: &Connection,
    mut take: impl FnMut(JournalLine) -> Result<(), E>,
) -> Result<(), E> {
    let mut fact_rows = conn.prepare("SELECT first, body FROM fact ORDER BY first").map_err(in_act(ACT))?;
    let mut facts = Facts::new(fact_rows.query([]).map_err(in_act(ACT))?);
    let mut fact = facts.next()?;
    let sql = "SELECT j.seq, j.kind, j.recorded_at_us,
               CASE WHEN j.kind IN ('revision', 'finding') THEN unseal(j.seq, j.commitment, p.key, p.sealed) END
               FROM journal j LEFT JOIN payload p ON p.seq = j.seq ORDER BY j.seq";
    let mut statement = conn.prepare(sql).map_err(in_act(ACT))?;
    let mut rows = statement.query([]).map_err(in_act(ACT))?;
    while let Some(row) = rows.next().map_err(in_act(ACT))? {
        let entry = row.get::<_, i64>(0).map_err(in_act(ACT))?.cast_unsigned();
        if fact.as_ref().is_some_and(|fact| fact.entry == entry) {
            if let Some(fact) = std::mem::replace(&mut fact, facts.next()?) {
                take(JournalLine::Fact(fact))?;
            }
        } else if let Some(line) = line(conn, row, entry)? {
            take(line)?;
        }
    }
    match fact {
        None => Ok(()),
        Some(fact) => Err(StoreError::corrupt(ACT, format!("a fact of entry {} has no entry", fact.entry)).into()),
    }
}

fn line(conn: &Connection, row: &Row<'_>, entry: u64) -> Result<Option<JournalLine>, StoreError> {
    let kind: String = row.get(1).map_err(in_act(ACT))?;
    let body = Value::of(row.get(3).map_err(in_act(ACT))?).into_body();
    let missing = |what: &str| StoreError::corrupt(ACT, format!("{what} of entry {entry} is missing"));
    let spoken = matches!(kind.as_str(), "revision" | "finding") && body.is_some();
    let observed = Kind::ALL.iter().any(|known| known.word() == kind);
    if observed || (matches!(kind.as_str(), "revision" | "finding") && !spoken) {
        // Its value, and what was derived of it, may have been erased at the end of its term.
        let sql = "SELECT EXISTS (SELECT 1 FROM erased WHERE first <= ?1 AND last >= ?1)";
        let gone: bool = conn
            .prepare_cached(sql)
            .and_then(|mut statement| statement.query_row([entry.cast_signed()], |row| row.get(0)))
            .map_err(in_act(ACT))?;
        if gone {
            return Ok(None);
        }
    }
    Ok(match kind.as_str() {
        "revision" | "finding" => {
            let recorded_at = UtcMicros(row.get(2).map_err(in_act(ACT))?);
            Some(JournalLine::Effect { entry, recorded_at, body: body.ok_or_else(|| missing("the value"))? })
        }
        "register" => {
            let registers = registers_at(conn, entry)?.ok_or_else(|| missing("the register"))?;
            let recorded_at = UtcMicros(row.get(2).map_err(in_act(ACT))?);
            Some(JournalLine::Registers { entry, recorded_at, registers: Box::new(registers) })
        }
        _ if observed => return Err(missing("the fact")),
        _ => None,
    })
}
