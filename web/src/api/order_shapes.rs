//! What the API says of work orders.

use kukaku_schema::observation::{CityAnswer, OrderReport, OrderRevised};
use kukaku_schema::order::OrderForm;
use kukaku_schema::{OrderAct, UtcMicros};
use kukaku_store::query::{OrderRow, OrderStepRow};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::{Map, Value};

use crate::house::TakenAnswer;
use crate::orders::Acted;

/// A work order as a list shows it.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct OrderShape {
    /// Its number.
    pub id: String,
    /// Whose systems it is about.
    pub client: String,
    /// `drafted`, `submitted`, `approved`, `rejected`, `in_progress`, `reported`, `accepted`, `withdrawn`.
    pub state: String,
    /// Since when.
    pub since: UtcMicros,
    /// The first instant at which work is allowed.
    pub from: UtcMicros,
    /// The first instant after it.
    pub to: UtcMicros,
    /// The journal entry that says so.
    pub journal_seq: i64,
}

impl From<OrderRow> for OrderShape {
    fn from(row: OrderRow) -> Self {
        Self {
            id: row.order,
            client: row.client,
            state: row.state.word().to_owned(),
            since: row.since,
            from: row.from,
            to: row.to,
            journal_seq: row.entry,
        }
    }
}

/// A work order with all its steps.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct OrderDetail {
    /// How far it has come; the words of the list.
    pub state: String,
    /// What it asks for now, in the shape in which it is handed in.
    pub form: OrderForm,
    /// The report, once there is one.
    pub report: Option<OrderReport>,
    /// What the vendor can do with it now: `write`, `submit`, `begin`, `report`, `withdraw`.
    pub possible: Vec<String>,
    /// Whether the city has to act.
    pub waits_for_city: bool,
    /// Every step, oldest first.
    pub steps: Vec<OrderStepShape>,
}

impl OrderDetail {
    /// None where there is no such order, or all of it is erased.
    pub fn of(steps: Vec<OrderStepRow>) -> Option<Self> {
        let newest = steps.iter().rev().find_map(|step| step.order.as_ref())?;
        let possible = OrderAct::possible(newest.state);
        Some(Self {
            state: newest.state.word().to_owned(),
            form: OrderForm::of(newest),
            report: newest.report.clone(),
            waits_for_city: possible.iter().any(|act| act.is_the_citys()),
            possible: possible.iter().filter(|act| !act.is_the_citys()).map(|act| act.word().to_owned()).collect(),
            steps: steps.into_iter().map(OrderStepShape::from).collect(),
        })
    }
}

/// One step of an order.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct OrderStepShape {
    /// Its entry in the journal.
    pub journal_seq: i64,
    /// Our clock.
    pub recorded_at: UtcMicros,
    /// What was done; none once it is erased.
    pub step: Option<StepShape>,
}

/// What was done with an order.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct StepShape {
    /// When: as recorded, or the day on the paper.
    pub at: UtcMicros,
    /// `write`, `submit`, `approve`, `reject`, `begin`, `report`, `accept`, `withdraw`.
    pub act: String,
    /// How the order stood from then on.
    pub state: String,
    /// Whose act it was: `vendor`, `city` (signed), `paper` (the city's, entered by the vendor).
    pub side: String,
    /// Who did it, or entered it.
    pub by: String,
    /// The city's paper.
    pub paper: Option<String>,
    /// The name of the city's key.
    pub key: Option<String>,
    /// What the city said with it.
    pub remarks: Option<String>,
}

impl From<OrderStepRow> for OrderStepShape {
    fn from(row: OrderStepRow) -> Self {
        Self { journal_seq: row.entry, recorded_at: row.recorded_at, step: row.order.map(StepShape::from) }
    }
}

impl From<OrderRevised> for StepShape {
    fn from(order: OrderRevised) -> Self {
        Self {
            at: order.device_time,
            act: order.act.word().to_owned(),
            state: order.state.word().to_owned(),
            side: order.side.word().to_owned(),
            key: order.answer.as_ref().map(|answer| answer.key_name().to_owned()),
            remarks: order.answer.as_ref().and_then(CityAnswer::remarks),
            by: order.by.into_string(),
            paper: order.paper.map(kukaku_schema::Name::into_string),
        }
    }
}

/// What an act on an order did, or would do.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct ActedShape {
    /// The order's number.
    pub order: String,
    /// How it stands by it.
    pub state: String,
    /// The journal entry that says so, which is durable; none in a dry run.
    pub journal_seq: Option<u64>,
    /// There was no such order before.
    pub new: bool,
    /// What is asked for or reported otherwise than before; empty where nothing is.
    pub changes: Vec<ChangeShape>,
}

/// A field that changes.
#[derive(Debug, PartialEq, Serialize, JsonSchema)]
pub(crate) struct ChangeShape {
    /// The field of the form; `report` for the report.
    pub field: String,
    /// What it said; null: nothing.
    pub before: Value,
    /// What it says; null: nothing.
    pub after: Value,
}

impl ActedShape {
    pub fn of(acted: &Acted) -> Self {
        let (before, after) = (&acted.revision.before, &acted.revision.after);
        Self {
            order: after.order.as_str().to_owned(),
            state: after.state.word().to_owned(),
            journal_seq: acted.entry,
            new: before.is_none(),
            changes: changes(before.as_ref().map(|before| &before.order), after),
        }
    }

    /// The next act on the same order was done as well.
    pub fn now(&mut self, next: &Acted) {
        next.revision.after.state.word().clone_into(&mut self.state);
        self.journal_seq = next.entry;
    }
}

fn changes(before: Option<&OrderRevised>, after: &OrderRevised) -> Vec<ChangeShape> {
    let (was, is) = (before.map(fields).unwrap_or_default(), fields(after));
    let names: std::collections::BTreeSet<&String> = was.keys().chain(is.keys()).collect();
    let value = |of: &Map<String, Value>, name: &str| of.get(name).cloned().unwrap_or_default();
    names
        .into_iter()
        .map(|name| ChangeShape { field: name.clone(), before: value(&was, name), after: value(&is, name) })
        .filter(|change| change.before != change.after)
        .collect()
}

fn fields(order: &OrderRevised) -> Map<String, Value> {
    let form = serde_json::to_value(OrderForm::of(order)).expect("texts and instants always serialise");
    let mut fields = match form {
        Value::Object(fields) => fields,
        _ => Map::new(),
    };
    if let Some(report) = &order.report {
        fields.insert("report".to_owned(), serde_json::json!(report));
    }
    fields
}

/// An answer of the city's that was taken in.
#[derive(Debug, Serialize, JsonSchema)]
pub(crate) struct AnswerTakenShape {
    /// The order's number.
    pub order: String,
    /// How it stands by it.
    pub state: String,
    /// The journal entry, which is durable.
    pub journal_seq: u64,
    /// The same answer had been taken in before; nothing was recorded now.
    pub duplicate: bool,
}

impl From<TakenAnswer> for AnswerTakenShape {
    fn from(taken: TakenAnswer) -> Self {
        Self {
            order: taken.order,
            state: taken.state.word().to_owned(),
            journal_seq: taken.entry,
            duplicate: taken.before,
        }
    }
}
