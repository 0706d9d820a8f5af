//! What a client is told of a session, and the checkpoint under which it stands.

use kukaku_core::notice::Told;
use kukaku_schema::{Observation, OrderState, Span, UtcMicros};
use rusqlite::{Connection, params};

use super::SessionRow;
use super::cells::{instant_at, kept};
use super::journal::body_of;
use crate::error::{StoreError, in_act};
use crate::notices::{NoticeMoment, NoticeRow};

const ACT: &str = "read what a client is told";

/// Work orders of a client that are looked through: more than overlap one session.
const ORDERS_MAX: u32 = 50;

/// A work order that was handed in, as it stands now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OrderAt {
    /// Its number.
    pub order: String,
    /// How far it has come.
    pub state: OrderState,
    /// Its period.
    pub period: Span,
    /// Who works.
    pub operators: Vec<String>,
    /// Since when the city has allowed it; an emergency order, once allowed, since it was handed in.
    /// None while it isn't allowed.
    pub allowed_from: Option<UtcMicros>,
}

/// The orders of a client that were handed in, and not taken back, whose period meets `span`; the
/// oldest first.
///
/// # Errors
/// The store.
pub fn orders_between(conn: &Connection, client: &str, span: Span) -> Result<Vec<OrderAt>, StoreError> {
    let sql = "SELECT s.entry FROM order_step s
               WHERE s.client = (SELECT id FROM word WHERE text = ?1) AND s.from_us < ?3 AND s.to_us > ?2
                     AND s.entry = (SELECT n.entry FROM order_step n WHERE n.work_order = s.work_order
                                    ORDER BY n.at_us DESC, n.entry DESC LIMIT 1)
               ORDER BY s.from_us, s.entry LIMIT ?4";
    let mut statement = conn.prepare_cached(sql).map_err(in_act(ACT))?;
    let entries: Vec<i64> = statement
        .query_map(params![client, kept(span.start), kept(span.end), ORDERS_MAX], |row| row.get(0))
        .and_then(Iterator::collect)
        .map_err(in_act(ACT))?;
    let mut orders = Vec::new();
    for entry in entries {
        let Some(body) = body_of(conn, entry.unsigned_abs())? else { continue };
        let Ok(Observation::OrderRevised(order)) = serde_json::from_slice(&body) else {
            return Err(StoreError::corrupt(ACT, format!("entry {entry} is no step of a work order")));
        };
        if matches!(order.state, OrderState::Drafted | OrderState::Rejected | OrderState::Withdrawn) {
            continue;
        }
        orders.push(OrderAt {
            order: order.order.to_string(),
            state: order.state,
            period: Span::new(order.from, order.to),
            allowed_from: allowed_from(conn, entry, order.emergency)?,
            operators: order.operators.iter().map(ToString::to_string).collect(),
        });
    }
    Ok(orders)
}

/// Since when the order of a step has been allowed without a break.
fn allowed_from(conn: &Connection, entry: i64, emergency: bool) -> Result<Option<UtcMicros>, StoreError> {
    let sql = "SELECT state, at_us FROM order_step
               WHERE work_order = (SELECT work_order FROM order_step WHERE entry = ?1) ORDER BY at_us, entry";
    let mut statement = conn.prepare_cached(sql).map_err(in_act(ACT))?;
    let steps: Vec<(String, UtcMicros)> = statement
        .query_map([entry], |row| Ok((row.get(0)?, instant_at(row, 1)?)))
        .and_then(Iterator::collect)
        .map_err(in_act(ACT))?;
    let (mut allowed, mut submitted) = (None, None);
    for (state, at) in steps {
        match OrderState::from_word(&state) {
            Some(state) if state.permits() => allowed = allowed.or(Some(at)),
            Some(OrderState::Submitted) => (allowed, submitted) = (None, submitted.or(Some(at))),
            _ => (allowed, submitted) = (None, None),
        }
    }
    Ok(allowed.map(|at| submitted.filter(|_| emergency).unwrap_or(at)))
}

/// What a client is told of the start or end of a session.
///
/// # Errors
/// The store.
pub fn told(
    conn: &Connection,
    row: &SessionRow,
    moment: NoticeMoment,
    notice: Option<&NoticeRow>,
    span: Span,
) -> Result<Told, StoreError> {
    let orders = match (&row.client, &row.operator) {
        (Some(client), Some(operator)) => orders_between(conn, client, span)?
            .into_iter()
            .filter(|order| order.operators.contains(operator))
            .map(|order| (order.order, order.state))
            .collect(),
        _ => Vec::new(),
    };
    Ok(Told {
        of_end: moment == NoticeMoment::End,
        session: (row.source.clone(), row.session.clone()),
        start: row.start,
        start_unknown: row.start_unknown,
        end: row.end,
        account: row.account.clone(),
        terminal: row.terminal.clone(),
        target: row.target.clone(),
        operator: row.operator.clone(),
        client: row.client.clone(),
        zone: row.zone.clone(),
        verdict: row.verdict.map(|newest| (newest.verdict, newest.grade)),
        orders,
        known_and_due: notice.map(|notice| (notice.queued_at, notice.due_at)),
    })
}
