//! Acts on work orders.

use kukaku_schema::intake::{Arrival, ArrivalBody, Intake as _};
use kukaku_schema::observation::{OrderReport, OrderRevised};
use kukaku_schema::{Name, Observation, OrderAct, OrderSide, UtcMicros, order};
use kukaku_store::read_only;
use kukaku_web::revise_order;
use serde::{Deserialize, Serialize};

use super::by_two::{names, signed_in_users};
use super::server::{Desk, not_kept};
use super::{Credentials, Reply};
use crate::answers::{self, AnswerFailure};
use crate::clock;
use crate::failure::Failure;

/// Somebody does something with an order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OrderRequest {
    /// What.
    pub act: OrderAct,
    /// The order's number.
    pub id: Name,
    /// What is asked for, where it is written.
    pub form: Option<order::OrderForm>,
    /// The report, where one is handed in.
    pub report: Option<OrderReport>,
    /// The paper on which the city did it.
    pub paper: Option<Name>,
    /// When, where it is not now.
    pub at: Option<UtcMicros>,
    /// The user who does it, or enters it.
    pub by: Credentials,
    /// Another user, who confirms what the paper says.
    pub confirmed_by: Option<Credentials>,
}

/// Does it.
pub(super) async fn act(desk: &Desk, request: OrderRequest) -> Result<Reply, Failure> {
    let OrderRequest { act, id, form, report, paper, at, by, confirmed_by } = request;
    let mut entered = format!("by {}", by.user);
    let side = match (&paper, confirmed_by) {
        (Some(paper), Some(confirmed_by)) => {
            names(&by, &confirmed_by)?;
            entered = format!("on paper {paper}, entered by {}, confirmed by {}", by.user, confirmed_by.user);
            signed_in_users(desk, vec![by.clone(), confirmed_by]).await?;
            OrderSide::Paper
        }
        (Some(_), None) => {
            return Err(Failure::Failed("what the city did on paper is entered by two users".to_owned()));
        }
        (None, _) => {
            signed_in_users(desk, vec![by.clone()]).await?;
            OrderSide::Vendor
        }
    };
    let now = clock::now();
    let by = Name::new(by.user).map_err(Failure::Failed)?;
    let step = order::OrderStep { act, side, by, paper, answer: None, at: at.unwrap_or(now), form, report };
    let store = desk.store.clone();
    let taken = tokio::task::spawn_blocking(move || take(&store, &id, step, now));
    let revised = taken.await.map_err(|e| Failure::Failed(e.to_string()))??;
    let line = format!("order {} is {} ({entered})", revised.order, revised.state.word());
    let body = ArrivalBody::Observation(Box::new(Observation::OrderRevised(Box::new(revised))));
    let arrival = Arrival { link: "order".to_owned(), body };
    let kept = async { desk.writer.submit(arrival).await?.await }.await.map_err(not_kept)?;
    Ok(Reply::Done { lines: vec![format!("journal entry {}: {line}", kept.journal_seq)] })
}

/// Takes in what the city signed.
pub(super) async fn take_answer(desk: &Desk, answer: String, by: Credentials) -> Result<Reply, Failure> {
    let taken_by = Name::new(by.user.as_str()).map_err(Failure::Failed)?;
    signed_in_users(desk, vec![by]).await?;
    let taken = answers::take(&desk.writer, desk.store.clone(), answer, None, taken_by, clock::now()).await;
    let taken = taken.map_err(|failure| match failure {
        AnswerFailure::Refused(why) => Failure::Written(format!("{why}; the file is kept as unreadable")),
        AnswerFailure::Failed(why) => Failure::Store(why),
    })?;
    let revised = &taken.revised;
    let key = revised.answer.as_ref().map_or("", |answer| answer.key_name());
    let said = format!("{} by {}, signed with {key}", revised.act.word(), revised.by);
    let line = if taken.before {
        format!("order {}: this answer ({said}) was taken in before, as entry {}", taken.order, taken.entry)
    } else {
        format!("journal entry {}: order {} is {} ({said})", taken.entry, taken.order, revised.state.word())
    };
    Ok(Reply::Done { lines: vec![line] })
}

fn take(store: &std::path::Path, id: &Name, step: order::OrderStep, now: UtcMicros) -> Result<OrderRevised, Failure> {
    let failure = |e: kukaku_store::StoreError| Failure::Store(e.to_string());
    let conn = read_only(store).map_err(failure)?;
    let revised = revise_order(&conn, id, step, now).map_err(failure)?;
    revised.map(|revision| revision.after).map_err(|e| Failure::Written(e.to_string()))
}
