//! 作業申請: work orders as they stand, and how each came there.

use kukaku_schema::observation::OrderRevised;
use kukaku_schema::{Observation, OrderState, UtcMicros};
use rusqlite::{Connection, OptionalExtension};

use super::cells::instant_at;
use super::journal::body_of;
use super::{Cursor, Listed};
use crate::error::{StoreError, in_act};

const ACT: &str = "read the work orders";

/// Open sessions that are looked at: more than any site has terminals.
const OPEN_MAX: u32 = 10_000;

/// A work order as lists show it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OrderRow {
    /// The journal entry of its newest step.
    pub entry: i64,
    /// Its number.
    pub order: String,
    /// Whose systems it is about.
    pub client: String,
    /// How far it has come.
    pub state: OrderState,
    /// Since when.
    pub since: UtcMicros,
    /// The first instant at which work is allowed.
    pub from: UtcMicros,
    /// The first instant after it.
    pub to: UtcMicros,
}

/// Which work orders a list shows; what is none chooses all.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct OrderFilter {
    /// Those that stand so now.
    pub state: Option<OrderState>,
    /// Those of one client.
    pub client: Option<String>,
}

/// One step of an order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OrderStepRow {
    /// The journal entry.
    pub entry: i64,
    /// Our clock.
    pub recorded_at: UtcMicros,
    /// The order as it stood from then on; none once it is erased.
    pub order: Option<OrderRevised>,
}

/// Work orders with their newest step that `filter` chooses, those that begin last first, from
/// after `after` on, at most `limit`.
///
/// # Errors
/// The store.
pub fn orders(
    conn: &Connection,
    filter: &OrderFilter,
    after: Option<Cursor>,
    limit: u32,
) -> Result<Listed<OrderRow>, StoreError> {
    let sql = "SELECT s.entry, (SELECT text FROM word WHERE id = s.work_order),
                      (SELECT text FROM word WHERE id = s.client), s.state, s.at_us, s.from_us, s.to_us
               FROM order_step s
               WHERE s.entry = (SELECT n.entry FROM order_step n WHERE n.work_order = s.work_order
                                ORDER BY n.at_us DESC, n.entry DESC LIMIT 1)
                     AND (s.from_us, s.entry) < (?1, ?2)
                     AND (?4 IS NULL OR s.state = ?4)
                     AND (?5 IS NULL OR s.client = (SELECT id FROM word WHERE text = ?5))
               ORDER BY s.from_us DESC, s.entry DESC LIMIT ?3";
    let after = after.map_or((i64::MAX, i64::MAX), |after| (after.at_us, after.row));
    let mut statement = conn.prepare_cached(sql).map_err(in_act(ACT))?;
    let rows = statement
        .query_map(
            (after.0, after.1, i64::from(limit) + 1, filter.state.map(OrderState::word), &filter.client),
            |row| {
                Ok((
                    row.get::<_, String>(3)?,
                    OrderRow {
                        entry: row.get(0)?,
                        order: row.get(1)?,
                        client: row.get(2)?,
                        state: OrderState::Drafted,
                        since: instant_at(row, 4)?,
                        from: instant_at(row, 5)?,
                        to: instant_at(row, 6)?,
                    },
                ))
            },
        )
        .map_err(in_act(ACT))?;
    let mut out = Vec::new();
    for row in rows {
        let (word, row) = row.map_err(in_act(ACT))?;
        let state = OrderState::from_word(&word)
            .ok_or_else(|| StoreError::corrupt(ACT, format!("{word:?} is no state of an order")))?;
        out.push(OrderRow { state, ..row });
    }
    Ok(Listed::new(out, limit, |row| Cursor { at_us: row.from.0, row: row.entry }))
}

/// Every step of an order, oldest first; empty where there is no such order.
///
/// # Errors
/// The store.
pub fn order_steps(conn: &Connection, order: &str) -> Result<Vec<OrderStepRow>, StoreError> {
    let sql = "SELECT s.entry, j.recorded_at_us FROM order_step s JOIN journal j ON j.seq = s.entry
               WHERE s.work_order = (SELECT id FROM word WHERE text = ?1) ORDER BY s.at_us, s.entry";
    let mut statement = conn.prepare_cached(sql).map_err(in_act(ACT))?;
    let rows =
        statement.query_map([order], |row| Ok((row.get::<_, i64>(0)?, instant_at(row, 1)?))).map_err(in_act(ACT))?;
    rows.map(|row| {
        let (entry, recorded_at) = row.map_err(in_act(ACT))?;
        Ok(OrderStepRow { entry, recorded_at, order: revised(conn, entry)? })
    })
    .collect()
}

/// How an order stands now, and the entry that says so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OrderNewest {
    /// The journal entry.
    pub entry: i64,
    /// What the journal holds there: JSON, to the byte.
    pub body: String,
    /// The same, read.
    pub order: OrderRevised,
}

/// How an order stands now, with what the journal holds of it; none where there is no such order,
/// or it is erased.
///
/// # Errors
/// The store.
pub fn order_newest(conn: &Connection, order: &str) -> Result<Option<OrderNewest>, StoreError> {
    let Some(entry) = newest_entry(conn, order)? else { return Ok(None) };
    let Some(body) = body_of(conn, entry.unsigned_abs())? else { return Ok(None) };
    let order = read(entry, &body)?;
    let body = String::from_utf8(body).map_err(|error| StoreError::corrupt(ACT, error.to_string()))?;
    Ok(Some(OrderNewest { entry, body, order }))
}

/// How an order stands now.
///
/// # Errors
/// The store.
pub fn order_now(conn: &Connection, order: &str) -> Result<Option<OrderRevised>, StoreError> {
    newest_entry(conn, order)?.map_or(Ok(None), |entry| revised(conn, entry))
}

fn newest_entry(conn: &Connection, order: &str) -> Result<Option<i64>, StoreError> {
    let sql = "SELECT entry FROM order_step WHERE work_order = (SELECT id FROM word WHERE text = ?1)
               ORDER BY at_us DESC, entry DESC LIMIT 1";
    conn.prepare_cached(sql).and_then(|mut s| s.query_row([order], |row| row.get(0)).optional()).map_err(in_act(ACT))
}

/// Whether an open session of the client rests on an order's operators.
///
/// # Errors
/// The store.
pub fn order_in_use(conn: &Connection, order: &OrderRevised) -> Result<bool, StoreError> {
    let open = super::open_sessions(conn, OPEN_MAX)?;
    let works = |operator: &str| order.operators.iter().any(|one| one.as_str() == operator);
    Ok(open.rows.iter().any(|session| {
        session.client.as_deref() == Some(order.client.as_str())
            && session.operator.as_deref().is_some_and(works)
            && session.start < order.to
    }))
}

fn revised(conn: &Connection, entry: i64) -> Result<Option<OrderRevised>, StoreError> {
    let Some(body) = body_of(conn, entry.unsigned_abs())? else { return Ok(None) };
    read(entry, &body).map(Some)
}

fn read(entry: i64, body: &[u8]) -> Result<OrderRevised, StoreError> {
    match serde_json::from_slice(body) {
        Ok(Observation::OrderRevised(order)) => Ok(*order),
        _ => Err(StoreError::corrupt(ACT, format!("entry {entry} is no step of a work order"))),
    }
}
