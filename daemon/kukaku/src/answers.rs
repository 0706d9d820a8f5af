//! The city's own answers to work orders: the sheet that it is shown, and the signed file that
//! comes back.

use std::path::{Path, PathBuf};

use kukaku_ledger::{Hash, VerifierKey};
use kukaku_pack::{OrderAnswer, OrderFileError, OrderSheet};
use kukaku_schema::intake::{Arrival, ArrivalBody, Intake as _, Unreadable};
use kukaku_schema::observation::{CityAnswer, Name, OrderRevised, Remark};
use kukaku_schema::order::{OrderRefused, OrderStep};
use kukaku_schema::{DurationUs, Observation, OrderAct, OrderSide, Registers, UtcMicros};
use kukaku_store::{Connection, StoreError, query, read_only};

use crate::writer::Writer;

/// The link that orders come over.
const LINK: &str = "order";

/// The name under which the site's own acts are recorded.
const OWN_SOURCE: &str = "kukaku";

/// How far the city's clock may be ahead of ours: what a desktop without time service drifts.
const AHEAD_MAX: DurationUs = DurationUs::from_secs(300);

/// Why an answer was not taken, or a sheet not made.
#[derive(Debug)]
pub enum AnswerFailure {
    /// It can't be; nothing is wrong with the site.
    Refused(OrderRefused),
    /// The store, or the writer.
    Failed(String),
}

impl From<StoreError> for AnswerFailure {
    fn from(error: StoreError) -> Self {
        Self::Failed(error.to_string())
    }
}

impl From<OrderRefused> for AnswerFailure {
    fn from(refused: OrderRefused) -> Self {
        Self::Refused(refused)
    }
}

impl From<OrderFileError> for AnswerFailure {
    fn from(error: OrderFileError) -> Self {
        Self::Refused(OrderRefused::new(error.ja, error.en))
    }
}

/// What became of an answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TakenAnswer {
    /// The order.
    pub order: String,
    /// How it stands by it.
    pub revised: OrderRevised,
    /// The journal entry.
    pub entry: u64,
    /// It had been taken in before, and nothing was recorded now.
    pub before: bool,
}

fn no_registers() -> OrderRefused {
    OrderRefused::new("台帳がまだありません。", "there are no registers yet; import them first")
}

fn no_order(id: &str) -> OrderRefused {
    OrderRefused::new(format!("申請「{id}」はありません。"), format!("there is no order {id:?}"))
}

/// The sheet of an order that waits for the city.
///
/// # Errors
/// There is no such order, or nothing for the city to do with it.
pub fn sheet(store: &Path, order: &str, now: UtcMicros) -> Result<OrderSheet, AnswerFailure> {
    let conn = read_only(store)?;
    let registers = query::registers(&conn)?.ok_or_else(no_registers)?;
    let newest = query::order_newest(&conn, order)?.ok_or_else(|| no_order(order))?;
    if !OrderAct::possible(newest.order.state).iter().any(|act| act.is_the_citys()) {
        let state = newest.order.state;
        return Err(OrderRefused::new(
            format!("申請「{order}」は「{}」です。市の操作を待っていません。", state.label(kukaku_schema::Lang::Ja)),
            format!("order {order} is {}: it doesn't wait for the city", state.word()),
        )
        .into());
    }
    Ok(OrderSheet::new(registers.site.id, order.to_owned(), now.0, newest.body))
}

/// Takes an answer in, to the order `of` where one is named. What is refused is kept and counted as
/// unreadable, with the reason.
///
/// # Errors
/// Why it was refused, and what was expected.
pub async fn take(
    writer: &Writer,
    store: PathBuf,
    text: String,
    of: Option<String>,
    taken_by: Name,
    now: UtcMicros,
) -> Result<TakenAnswer, AnswerFailure> {
    // Mail programs change line ends and add empty lines; what was signed has one form.
    let text = format!("{}\n", text.replace("\r\n", "\n").trim());
    let bytes = text.clone();
    let judged = tokio::task::spawn_blocking(move || judge(&read_only(&store)?, &text, of.as_deref(), taken_by, now));
    let judged = judged.await.map_err(|error| AnswerFailure::Failed(error.to_string()))?;
    let submit = async |body: ArrivalBody| {
        let arrival = Arrival { link: LINK.to_owned(), body };
        async { writer.submit(arrival).await?.await }.await.map_err(|why| AnswerFailure::Failed(why.to_string()))
    };
    match judged {
        Ok(Judged::New(revised)) => {
            let body = ArrivalBody::Observation(Box::new(Observation::OrderRevised(revised.clone())));
            let kept = submit(body).await?;
            let order = revised.order.as_str().to_owned();
            Ok(TakenAnswer { order, revised: *revised, entry: kept.journal_seq, before: kept.duplicate })
        }
        Ok(Judged::Before { entry, revised }) => {
            let order = revised.order.as_str().to_owned();
            Ok(TakenAnswer { order, revised: *revised, entry, before: true })
        }
        Err(AnswerFailure::Refused(why)) => {
            let unreadable = Unreadable::new(None, bytes.as_bytes(), format!("the city's answer: {why}"));
            submit(ArrivalBody::Unreadable(unreadable)).await?;
            Err(AnswerFailure::Refused(why))
        }
        Err(failed) => Err(failed),
    }
}

enum Judged {
    New(Box<OrderRevised>),
    Before { entry: u64, revised: Box<OrderRevised> },
}

fn judge(
    conn: &Connection,
    text: &str,
    of: Option<&str>,
    taken_by: Name,
    now: UtcMicros,
) -> Result<Judged, AnswerFailure> {
    let registers = query::registers(conn)?.ok_or_else(no_registers)?;
    let (claimed, _) = OrderAnswer::read(text.as_bytes())?;
    if claimed.site != registers.site.id {
        return Err(OrderRefused::new(
            format!("拠点「{}」への回答です。この拠点は「{}」です。", claimed.site, registers.site.id),
            format!("an answer to site {:?}; this one is {:?}", claimed.site, registers.site.id),
        )
        .into());
    }
    if let Some(of) = of.filter(|of| *of != claimed.order) {
        return Err(OrderRefused::new(
            format!("申請「{}」への回答です。申請「{of}」への回答ではありません。", claimed.order),
            format!("an answer to order {:?}, not to {of:?}", claimed.order),
        )
        .into());
    }
    let newest = query::order_newest(conn, &claimed.order)?.ok_or_else(|| no_order(&claimed.order))?;
    let at = UtcMicros::parse_rfc3339(&claimed.at)
        .map_err(|why| OrderRefused::new("署名の日時が読めません。", format!("the time of signature: {why}")))?;
    let keys = keys_of(&registers, newest.order.client.as_str(), [at, now]);
    if keys.is_empty() {
        let client = newest.order.client.as_str();
        return Err(OrderRefused::new(
            format!("契約先「{client}」の市の鍵が、署名の日時といまの両方で有効なものとしては登録されていません。台帳の city_keys に登録してください。"),
            format!("no key of client {client} holds both then and now; register it as `city_keys`"),
        )
        .into());
    }
    let (answer, key) = OrderAnswer::open(text.as_bytes(), &keys)?;
    let answer_of = |wrong: String| OrderRefused::new("回答の内容が正しくありません。", wrong);
    let held = CityAnswer {
        key: Name::new(key.to_string()).map_err(answer_of)?,
        note: Remark::new(text).map_err(answer_of)?,
        taken_by,
    };
    let same = |step: &query::OrderStepRow| {
        step.order.as_ref().is_some_and(|order| order.answer.as_ref().is_some_and(|one| one.note == held.note))
    };
    if let Some(step) = query::order_steps(conn, &answer.order)?.into_iter().find(same)
        && let Some(revised) = step.order
    {
        return Ok(Judged::Before { entry: step.entry.unsigned_abs(), revised: Box::new(revised) });
    }
    if Hash::of(newest.body.as_bytes()).to_string() != answer.sheet {
        return Err(OrderRefused::new(
            format!(
                "市が署名した後に申請が変わっています（いまは記録 {}）。新しい申請のファイルを市に渡してください。",
                newest.entry
            ),
            format!(
                "the order was changed after the city's sheet was made (it is entry {} now); give the city a new sheet",
                newest.entry
            ),
        )
        .into());
    }
    if at > now.plus(AHEAD_MAX) {
        return Err(OrderRefused::new(
            format!("署名の日時 {} が未来です。市のパソコンの時計を確認してください。", claimed.at),
            format!("signed at {}, which lies in the future; look at the clock of the city's computer", claimed.at),
        )
        .into());
    }
    if at < newest.order.device_time {
        let since = newest.order.device_time.to_rfc3339_utc();
        return Err(OrderRefused::new(
            format!("署名の日時 {} が、申請の {since} より前です。市のパソコンの時計を確認してください。", claimed.at),
            format!("signed at {}, before the order's {since}; look at the clock of the city's computer", claimed.at),
        )
        .into());
    }
    let act = OrderAct::from_word(&answer.act)
        .filter(|act| act.is_the_citys())
        .ok_or_else(|| answer_of(format!("{:?} is no act of the city", answer.act)))?;
    if act.closes() && query::order_in_use(conn, &newest.order)? {
        return Err(OrderRefused::new(
            "この申請のセッションがまだ続いています。終わってから取り込んでください。",
            format!("a session under order {} is still open; end it first", answer.order),
        )
        .into());
    }
    let by = Name::new(answer.by.as_str()).map_err(answer_of)?;
    let step = OrderStep {
        act,
        side: OrderSide::City,
        by,
        paper: None,
        answer: Some(held),
        at: at.min(now),
        form: None,
        report: None,
    };
    let source = Name::new(OWN_SOURCE).map_err(answer_of)?;
    Ok(Judged::New(Box::new(step.take(source, Some(&newest.order), &registers, now)?)))
}

/// The client's keys that hold at every one of `instants`: a key that was taken back must not sign
/// into the past.
fn keys_of(registers: &Registers, client: &str, instants: [UtcMicros; 2]) -> Vec<VerifierKey> {
    let at = |instant: UtcMicros| {
        let rows = registers.clients.iter().filter(move |e| e.row.id == client && e.valid.contains(instant));
        rows.flat_map(|entry| entry.row.city_keys.iter()).collect::<Vec<_>>()
    };
    let (then, now) = (at(instants[0]), at(instants[1]));
    then.into_iter().filter(|key| now.contains(key)).filter_map(|key| VerifierKey::parse(key).ok()).collect()
}
