//! What an act makes of a work order: the one way of the pages, the API and the command line.

use std::time::Duration;

use kukaku_schema::intake::{Arrival, ArrivalBody, NotKept};
use kukaku_schema::observation::{OrderReport, OrderRevised};
use kukaku_schema::order::{OrderForm, OrderRefused, OrderStep};
use kukaku_schema::{Name, Observation, OrderAct, OrderSide, OrderState, UtcMicros};
use kukaku_store::query::{self, OrderNewest};
use kukaku_store::{Connection, StoreError};

use crate::error::WebError;
use crate::house::App;

/// The source under which the site's own acts are recorded; a key for it may act on work orders.
pub(crate) const OWN_SOURCE: &str = "kukaku";

/// Longest wait for one commit: storage that takes longer is in trouble.
const COMMIT_LONGEST: Duration = Duration::from_secs(30);

/// An order before and after an act that is possible.
#[derive(Debug)]
pub struct Revision {
    /// How it stood before; none where it is new.
    pub before: Option<OrderNewest>,
    /// How it stands after it.
    pub after: OrderRevised,
}

/// What `step` makes of the order `id`, as the store and the registers are now. Nothing is written.
///
/// # Errors
/// The store; within, why the act is refused.
pub fn revise_order(
    conn: &Connection,
    id: &Name,
    step: OrderStep,
    now: UtcMicros,
) -> Result<Result<Revision, OrderRefused>, StoreError> {
    let before = query::order_newest(conn, id.as_str())?;
    let newest = before.as_ref().map(|newest| &newest.order);
    if let Some(newest) = newest.filter(|_| step.act.closes())
        && query::order_in_use(conn, newest)?
    {
        return Ok(Err(OrderRefused::new(
            "この申請のセッションがまだ続いています。終わってから操作してください。",
            format!("a session under order {id} is still open; end it first"),
        )));
    }
    // The city allowed what was written: who writes it anew works without its word.
    let allows = |order: &&OrderRevised| {
        order.from <= now && (order.emergency || matches!(order.state, OrderState::Approved | OrderState::InProgress))
    };
    if let Some(newest) = newest.filter(|order| step.form.is_some() && allows(order))
        && query::order_in_use(conn, newest)?
    {
        return Ok(Err(OrderRefused::new(
            "この申請のセッションがまだ続いています。書き換えると市の承認がなくなります。変更は別の番号で申請するか、終わってから書き換えてください。",
            format!(
                "a session under order {id} is still open, and writing it anew would take the city's approval away; \
                 write another order, or wait for its end"
            ),
        )));
    }
    let Some(registers) = query::registers(conn)? else {
        return Ok(Err(OrderRefused::new("台帳がまだありません。", "there are no registers yet; import them first")));
    };
    if step.form.as_ref().is_some_and(|form| form.id != *id) {
        return Ok(Err(OrderRefused::new("申請番号が一致しません。", "the form has another number").of("id")));
    }
    let source = Name::new(OWN_SOURCE).expect("it is a name");
    let after = step.take(source, newest, &registers, now);
    Ok(after.map(|after| Revision { before, after }))
}

/// What the city did on paper, as a user enters it whom another one has confirmed.
#[derive(Debug, Clone)]
pub(crate) struct OnPaper {
    /// Number or name of the paper.
    pub paper: Name,
    /// When the city did it; none: now.
    pub at: Option<UtcMicros>,
}

/// An act of the vendor's, or one of the city's that the vendor enters.
#[derive(Debug, Clone)]
pub(crate) struct Asked {
    pub act: OrderAct,
    pub id: Name,
    /// The signed-in user, or the key.
    pub by: Name,
    pub form: Option<OrderForm>,
    pub report: Option<OrderReport>,
    /// Where it is the city's.
    pub paper: Option<OnPaper>,
    /// The link that it comes over.
    pub link: &'static str,
}

/// What is to become of an act.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    /// It is recorded.
    Record,
    /// The same, but what says nothing new is not: a program repeats what was not answered.
    RecordNew,
    /// Nothing is; what it would be is told.
    Try,
}

/// What became of an act.
#[derive(Debug)]
pub(crate) struct Acted {
    pub revision: Revision,
    /// The entry that says how the order stands; none in a trial.
    pub entry: Option<u64>,
}

/// Why an act was not done.
#[derive(Debug)]
pub(crate) enum NotDone {
    /// It can't be.
    Refused(OrderRefused),
    /// It may not be durable.
    NotKept(NotKept),
    /// Anything else.
    Web(WebError),
}

impl From<NotDone> for WebError {
    fn from(why: NotDone) -> Self {
        match why {
            NotDone::Refused(why) => Self::Order(Box::new(why)),
            NotDone::NotKept(why) => Self::NotKept(why.to_string()),
            NotDone::Web(why) => why,
        }
    }
}

/// Does an act; what it answers with an entry is durable.
pub(crate) async fn act(app: &App, asked: Asked, mode: Mode) -> Result<Acted, NotDone> {
    let _turn = match mode {
        Mode::Try => None,
        Mode::Record | Mode::RecordNew => Some(app.order_turn().await.map_err(NotDone::Web)?),
    };
    act_in_turn(app, asked, mode).await
}

/// The same within a turn that the caller has: for acts that belong together.
pub(crate) async fn act_in_turn(app: &App, asked: Asked, mode: Mode) -> Result<Acted, NotDone> {
    let Asked { act, id, by, form, report, paper, link } = asked;
    let side = if paper.is_some() { OrderSide::Paper } else { OrderSide::Vendor };
    // Read in its turn: an act is never older than the one before it.
    let now = app.now();
    let at = paper.as_ref().and_then(|paper| paper.at).unwrap_or(now);
    let paper = paper.map(|paper| paper.paper);
    let step = OrderStep { act, side, by, paper, answer: None, at, form, report };
    let revised =
        app.read(query::Scope::Site, move |reader| revise_order(reader, &id, step, now)).await.map_err(NotDone::Web)?;
    let mut revision = revised.map_err(NotDone::Refused)?;
    if mode == Mode::Try {
        return Ok(Acted { revision, entry: None });
    }
    if mode == Mode::RecordNew
        && let Some(before) = revision.before.as_ref().filter(|before| says_the_same(&before.order, &revision.after))
    {
        let entry = before.entry.unsigned_abs();
        revision.after = before.order.clone();
        return Ok(Acted { revision, entry: Some(entry) });
    }
    let body = ArrivalBody::Observation(Box::new(Observation::OrderRevised(Box::new(revision.after.clone()))));
    // Once the writer has it, a sender that goes away changes nothing: it is written or it is not.
    let kept = async { app.submit(Arrival { link: link.to_owned(), body }).await?.await };
    let kept = tokio::time::timeout(COMMIT_LONGEST, kept).await;
    let kept = kept.unwrap_or_else(|_| Err(NotKept { reason: "the commit takes too long".to_owned() }));
    let entry = kept.map_err(NotDone::NotKept)?.journal_seq;
    Ok(Acted { revision, entry: Some(entry) })
}

/// Whether a form or a report, handed in again, asks for nothing that isn't there. What the city
/// refused may be asked for again as it was.
fn says_the_same(before: &OrderRevised, after: &OrderRevised) -> bool {
    match after.act {
        OrderAct::Write => before.state != OrderState::Rejected && OrderForm::of(before) == OrderForm::of(after),
        OrderAct::Report => before.state == OrderState::Reported && before.report == after.report,
        _ => false,
    }
}
