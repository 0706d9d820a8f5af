//! What the API's description says of work orders.

use kukaku_schema::observation::OrderReport;
use kukaku_schema::order::OrderForm;
use schemars::SchemaGenerator;

use super::describe::{Body, Doc, READING, READING_ONE, reading};
use super::order_shapes::{ActedShape, AnswerTakenShape, OrderDetail, OrderShape};
use super::orders::ORDER_BODY_MAX_BYTES;
use super::shapes::Page;

const PARAMETER: (u16, &str) = (400, "A parameter is unknown or out of shape; `field` names it.");
const BROKEN: (u16, &str) =
    (400, "The body is no JSON object or broke off, or a parameter is unknown; `field` names it.");
const NO_KEY: (u16, &str) = (401, "No valid key: `Authorization: Bearer kk_...`.");
const NOT_FOR_ORDERS: (u16, &str) = (403, "The key is not for source `kukaku`: it may not act on work orders.");
const SLOW: (u16, &str) = (408, "The body came too slowly.");
const LONG: (u16, &str) = (413, "The body is too long.");
const SORT: (u16, &str) = (415, "Another content type than the one described.");
const REFUSED: (u16, &str) =
    (422, "It can't be done; `detail` says why, `field` names the field where it is about one.");
const GUESSING: (u16, &str) = (429, "Too many wrong keys from this address.");
const AGAIN: (u16, &str) = (503, "It may not be durable: ask how the order stands, or send it again later.");

/// Who may act.
const KEY: &str = "Needs a key for source `kukaku` (`kukaku sources key add kukaku --label ORDERS`), which is recorded as who did it.";

pub(crate) fn list() -> Doc {
    reading::<Page<OrderShape>>("Work orders", "As they stand now; those that begin last first.", READING)
}

pub(crate) fn one() -> Doc {
    reading::<OrderDetail>("One work order", "What it asks for, and every step that it took.", READING_ONE)
}

pub(crate) fn write() -> Doc {
    Doc {
        summary: "Write a work order, or change what it says",
        about: format!(
            "The form as `kukaku order template` prints it, as JSON; at most {ORDER_BODY_MAX_BYTES} bytes. A number that is \
             there already is changed, and has to be handed in and approved anew; the same form again changes nothing, so \
             after no answer send it again. {KEY}"
        ),
        body: Some(Body::Object(SchemaGenerator::subschema_for::<OrderForm>)),
        answer: Some(SchemaGenerator::subschema_for::<ActedShape>),
        refusals: &[BROKEN, NO_KEY, NOT_FOR_ORDERS, SLOW, LONG, SORT, REFUSED, GUESSING, AGAIN],
    }
}

pub(crate) fn report() -> Doc {
    Doc {
        summary: "Report the work done under an order",
        about: format!("The same report again changes nothing. Refused while a session under the order is open. {KEY}"),
        body: Some(Body::Object(SchemaGenerator::subschema_for::<OrderReport>)),
        answer: Some(SchemaGenerator::subschema_for::<ActedShape>),
        refusals: &[BROKEN, NO_KEY, NOT_FOR_ORDERS, SLOW, LONG, SORT, REFUSED, GUESSING, AGAIN],
    }
}

fn act(summary: &'static str) -> Doc {
    Doc {
        summary,
        about: format!("Takes no body. {KEY}"),
        body: None,
        answer: Some(SchemaGenerator::subschema_for::<ActedShape>),
        refusals: &[PARAMETER, NO_KEY, NOT_FOR_ORDERS, REFUSED, GUESSING, AGAIN],
    }
}

pub(crate) fn submit() -> Doc {
    act("Hand an order to the city")
}

pub(crate) fn begin() -> Doc {
    act("Begin the work that the city allowed")
}

pub(crate) fn withdraw() -> Doc {
    act("Take an order back")
}

pub(crate) fn answer() -> Doc {
    Doc {
        summary: "Hand in what the city signed",
        about: format!(
            "The file that `kukaku-verify approve`, `reject` or `accept` made, as it is. The city's key decides, not the key \
             that brings it: an answer that is refused is kept as unreadable, with the reason. The same answer again \
             changes nothing. {KEY}"
        ),
        body: Some(Body::Text("The city's answer.")),
        answer: Some(SchemaGenerator::subschema_for::<AnswerTakenShape>),
        refusals: &[BROKEN, NO_KEY, NOT_FOR_ORDERS, SLOW, LONG, SORT, REFUSED, GUESSING, AGAIN],
    }
}
