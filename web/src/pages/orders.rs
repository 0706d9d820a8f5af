//! 作業申請: work orders (リモート保守申請): the list, the form, and each order with its steps.

use askama::Template;
use axum::extract::{Extension, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use kukaku_schema::intake::{Arrival, ArrivalBody};
use kukaku_schema::observation::{OrderReport, OrderRevised};
use kukaku_schema::order::{OrderForm, OrderStep};
use kukaku_schema::{Lang, Name, Observation, OrderAct, OrderSide, OrderState, SiteZone, Span, UtcMicros};
use kukaku_store::query::{self, Cursor, OrderStepRow};

use super::failures::OfWork;
use super::layout::{Frame, page};
use super::{LIST_ROWS, View, read_view};
use crate::error::WebError;
use crate::house::App;
use crate::http::guard::{Fields, Viewer};
use crate::http::params::{Param, Params, Shape, escape, read_instant};
use crate::text::{self, Chip, clean};

/// What the list can be asked for.
pub(crate) const PARAMS: &[Param] = &[Param::new("after", Shape::Text, "cursor: the `next` of the page before")];

/// What one order's page is asked for.
pub(crate) const ORDER_PARAMS: &[Param] = &[Param::new("id", Shape::Text, "the order's number")];

/// The link that acts on the pages come over.
const LINK: &str = "page";
/// The name under which the site's own acts are recorded.
const OWN_SOURCE: &str = "kukaku";

struct Line {
    href: String,
    order: String,
    client: String,
    period: String,
    since: String,
    state: Chip,
}

pub(super) struct Choice {
    pub id: String,
    pub name: String,
    pub chosen: bool,
}

/// The form as it was filled in, to be shown again.
#[derive(Default)]
struct Filled {
    id: String,
    from: String,
    to: String,
    purpose: String,
    content: String,
    targets: String,
    responsible: String,
    notes: String,
    emergency: bool,
}

#[derive(Template)]
#[template(path = "orders.html")]
struct OrdersPage {
    f: Frame,
    rows: Vec<Line>,
    next: Option<String>,
    clients: Vec<Choice>,
    operators: Vec<Choice>,
    filled: Filled,
    errors: Vec<String>,
}

struct StepLine {
    at: String,
    recorded: String,
    act: &'static str,
    who: String,
    state: Chip,
    remarks: Option<String>,
    entry: i64,
}

struct ActButton {
    act: &'static str,
    label: &'static str,
}

#[derive(Template)]
#[template(path = "order.html")]
struct OrderPage {
    f: Frame,
    id: String,
    state: Chip,
    facts: Vec<(&'static str, String)>,
    files: Vec<(String, String)>,
    report: Vec<(&'static str, String)>,
    failures: OfWork,
    steps: Vec<StepLine>,
    acts: Vec<ActButton>,
    may_report: bool,
    operators: Vec<Choice>,
    waits_for_city: bool,
    sheet: String,
    errors: Vec<String>,
}

pub(super) fn state_chip(state: OrderState, lang: Lang) -> Chip {
    let label = state.label(lang);
    match state {
        OrderState::Approved | OrderState::InProgress | OrderState::Accepted => Chip::ok(label),
        OrderState::Submitted | OrderState::Reported => Chip::new("info", "clock", label),
        OrderState::Rejected => Chip::bad(label),
        OrderState::Drafted | OrderState::Withdrawn => Chip::dim(label),
    }
}

/// `GET /orders`.
pub(crate) async fn orders(
    State(app): State<App>,
    Extension(viewer): Extension<Viewer>,
    Extension(params): Extension<Params>,
) -> Result<Response, WebError> {
    let after = params.text("after").and_then(|text| Cursor::from_text(&text));
    list(&app, &viewer, after, &Fields::default(), Vec::new()).await
}

async fn list(
    app: &App,
    viewer: &Viewer,
    after: Option<Cursor>,
    fields: &Fields,
    errors: Vec<String>,
) -> Result<Response, WebError> {
    let (view, listed) = read_view(app, viewer, move |reader, _| query::orders(reader, after, LIST_ROWS)).await?;
    let f = view.frame(viewer, "orders", "作業申請", "Work orders", "/orders");
    let (lang, zone) = (view.lang, &view.dir.zone);
    let rows = listed
        .rows
        .iter()
        .map(|row| Line {
            href: href(&row.order),
            order: clean(&row.order),
            client: clean(&view.dir.client(&row.client)),
            period: text::from_to(zone, Span::new(row.from, row.to), lang),
            since: text::when(zone, row.since, lang),
            state: state_chip(row.state, lang),
        })
        .collect();
    let get = |name: &str| clean(fields.get(name));
    let filled = Filled {
        id: get("id"),
        from: get("from"),
        to: get("to"),
        purpose: fields.get("purpose").to_owned(),
        content: fields.get("content").to_owned(),
        targets: get("targets"),
        responsible: get("responsible"),
        notes: fields.get("notes").to_owned(),
        emergency: fields.get("emergency") == "1",
    };
    let chosen = fields.get("client").to_owned();
    let client = |(id, name): (&str, &str)| Choice { id: id.to_owned(), name: clean(name), chosen: id == chosen };
    let next = listed.next.map(|next| format!("/orders?after={}", next.to_text()));
    let (clients, operators) = (view.dir.clients().map(client).collect(), operators(&view, |id| ticked(fields, id)));
    page(&OrdersPage { f, rows, next, clients, operators, filled, errors })
}

pub(super) fn operators(view: &View, is_chosen: impl Fn(&str) -> bool) -> Vec<Choice> {
    let choice = |(id, name): (&str, &str)| Choice { id: id.to_owned(), name: clean(name), chosen: is_chosen(id) };
    view.dir.operators().map(choice).collect()
}

pub(super) fn ticked(fields: &Fields, operator: &str) -> bool {
    fields.get(&format!("op:{operator}")) == "1"
}

pub(super) fn href(order: &str) -> String {
    format!("/orders/show?id={}", escape(order))
}

/// `POST /orders`: writes an order, and hands it in where that was asked for.
pub(crate) async fn write(
    State(app): State<App>,
    Extension(viewer): Extension<Viewer>,
    Extension(fields): Extension<Fields>,
) -> Result<Response, WebError> {
    let (view, ()) = read_view(&app, &viewer, |_, _| Ok(())).await?;
    let form = match read_form(&fields, &view) {
        Ok(form) => form,
        Err(errors) => return refused(list(&app, &viewer, None, &fields, errors).await?),
    };
    let id = form.id.clone();
    let mut done = step(&app, &viewer, OrderAct::Write, &id, Some(form), None).await?;
    if done.is_ok() && fields.get("submit") == "1" {
        done = step(&app, &viewer, OrderAct::Submit, &id, None, None).await?;
    }
    match done {
        Ok(()) => Ok(Redirect::to(&href(id.as_str())).into_response()),
        Err(why) => refused(list(&app, &viewer, None, &fields, vec![why]).await?),
    }
}

pub(super) fn refused(shown: Response) -> Result<Response, WebError> {
    Ok((StatusCode::UNPROCESSABLE_ENTITY, shown).into_response())
}

/// A field that says what is wrong with it by its name on the page.
pub(super) fn named<T>(what: (&str, &str), lang: Lang, read: Result<T, String>, errors: &mut Vec<String>) -> Option<T> {
    read.map_err(|why| {
        // The reasons are the format's own, in English.
        let text = lang.pick(format!("「{}」を確認してください。", what.0), format!("{}: {why}", what.1));
        errors.push(text);
    })
    .ok()
}

pub(super) fn instant(text: &str, zone: &SiteZone) -> Result<UtcMicros, String> {
    read_instant(text, Some(zone)).ok_or_else(|| format!("{text:?} is no time"))
}

pub(super) fn names(text: &str) -> Result<Vec<Name>, String> {
    text.split([',', '、', ';', '；', '\n']).map(str::trim).filter(|one| !one.is_empty()).map(Name::new).collect()
}

pub(super) fn chosen_operators(fields: &Fields, view: &View) -> Vec<Name> {
    view.dir.operators().filter(|(id, _)| ticked(fields, id)).filter_map(|(id, _)| Name::new(id).ok()).collect()
}

pub(super) fn remark(text: &str) -> Result<kukaku_schema::observation::Remark, String> {
    kukaku_schema::observation::Remark::new(text)
}

pub(super) fn maybe_remark(text: &str) -> Result<Option<kukaku_schema::observation::Remark>, String> {
    if text.trim().is_empty() { Ok(None) } else { remark(text).map(Some) }
}

fn read_form(fields: &Fields, view: &View) -> Result<OrderForm, Vec<String>> {
    let (lang, zone) = (view.lang, &view.dir.zone);
    let mut errors = Vec::new();
    let e = &mut errors;
    let id = named(("申請番号", "Number"), lang, Name::new(fields.get("id").trim()), e);
    let client = named(("契約先", "Client"), lang, Name::new(fields.get("client")), e);
    let from = named(("作業の開始", "From"), lang, instant(fields.get("from"), zone), e);
    let to = named(("作業の終了", "To"), lang, instant(fields.get("to"), zone), e);
    let purpose = named(("目的", "Purpose"), lang, remark(fields.get("purpose")), e);
    let content = named(("作業内容", "Content"), lang, remark(fields.get("content")), e);
    let targets = named(("対象サーバ", "Targets"), lang, names(fields.get("targets")), e);
    let responsible = named(("責任者", "Responsible"), lang, Name::new(fields.get("responsible").trim()), e);
    let notes = named(("備考", "Notes"), lang, maybe_remark(fields.get("notes")), e);
    let form = (|| {
        Some(OrderForm {
            id: id?,
            client: client?,
            from: from?,
            to: to?,
            emergency: fields.get("emergency") == "1",
            purpose: purpose?,
            content: content?,
            targets: targets?,
            operators: chosen_operators(fields, view),
            responsible: responsible?,
            notes: notes?,
            files: Vec::new(),
        })
    })();
    form.ok_or(errors)
}

/// `GET /orders/show`.
pub(crate) async fn order(
    State(app): State<App>,
    Extension(viewer): Extension<Viewer>,
    Extension(params): Extension<Params>,
) -> Result<Response, WebError> {
    let id = params.text("id").ok_or(WebError::NotFound)?;
    show(&app, &viewer, id, Vec::new()).await
}

/// `POST /orders/act`: one of the vendor's acts.
pub(crate) async fn act(
    State(app): State<App>,
    Extension(viewer): Extension<Viewer>,
    Extension(fields): Extension<Fields>,
) -> Result<Response, WebError> {
    let id = Name::new(fields.get("id")).map_err(|_| WebError::NotFound)?;
    let act = OrderAct::from_word(fields.get("act")).filter(|act| *act != OrderAct::Write).ok_or(WebError::NotFound)?;
    let mut report = None;
    if act == OrderAct::Report {
        let (view, ()) = read_view(&app, &viewer, |_, _| Ok(())).await?;
        match read_report(&fields, &view) {
            Ok(read) => report = Some(read),
            Err(errors) => return refused(show(&app, &viewer, id.into_string(), errors).await?),
        }
    }
    match step(&app, &viewer, act, &id, None, report).await? {
        Ok(()) => Ok(Redirect::to(&href(id.as_str())).into_response()),
        Err(why) => refused(show(&app, &viewer, id.into_string(), vec![why]).await?),
    }
}

fn read_report(fields: &Fields, view: &View) -> Result<OrderReport, Vec<String>> {
    let (lang, zone) = (view.lang, &view.dir.zone);
    let mut errors = Vec::new();
    let e = &mut errors;
    let from = named(("作業の開始", "From"), lang, instant(fields.get("from"), zone), e);
    let to = named(("作業の終了", "To"), lang, instant(fields.get("to"), zone), e);
    let result = named(("作業結果", "Result"), lang, remark(fields.get("result")), e);
    let continuing = named(("継続する保守", "Continuing"), lang, maybe_remark(fields.get("continuing")), e);
    let approved_by = named(("承認者", "Approved by"), lang, Name::new(fields.get("approved_by").trim()), e);
    let report = (|| {
        Some(OrderReport {
            from: from?,
            to: to?,
            operators: chosen_operators(fields, view),
            result: result?,
            continuing: continuing?,
            approved_by: approved_by?,
            failure: fields.get("failure") == "1",
        })
    })();
    report.ok_or(errors)
}

/// Does an act; the inner error is for the person.
async fn step(
    app: &App,
    viewer: &Viewer,
    act: OrderAct,
    id: &Name,
    form: Option<OrderForm>,
    report: Option<OrderReport>,
) -> Result<Result<(), String>, WebError> {
    let number = id.as_str().to_owned();
    let (view, (newest, in_use)) = read_view(app, viewer, move |reader, _| {
        let newest = query::order_now(reader, &number)?;
        let in_use = match newest.as_ref().filter(|_| act.closes()) {
            Some(newest) => query::order_in_use(reader, newest)?,
            None => false,
        };
        Ok((newest, in_use))
    })
    .await?;
    let lang = view.lang;
    if in_use {
        let text = lang.pick(
            "この申請のセッションがまだ続いています。終わってから操作してください。",
            "A session under this order is still open; end it first.",
        );
        return Ok(Err(text.to_owned()));
    }
    let Some(registers) = &view.dir.registers else {
        return Ok(Err(lang.pick("台帳がまだありません。", "There are no registers yet.").to_owned()));
    };
    let (by, source) = (Name::new(viewer.name()), Name::new(OWN_SOURCE));
    let (Ok(by), Ok(source)) = (by, source) else { return Err(WebError::NotFound) };
    let now = app.now();
    let step = OrderStep { act, side: OrderSide::Vendor, by, paper: None, answer: None, at: now, form, report };
    let revised = match step.take(source, newest.as_ref(), registers, now) {
        Ok(revised) => revised,
        Err(why) => return Ok(Err(why.text(lang).to_owned())),
    };
    let body = ArrivalBody::Observation(Box::new(Observation::OrderRevised(Box::new(revised))));
    let kept = async { app.submit(Arrival { link: LINK.to_owned(), body }).await?.await }.await;
    Ok(kept.map(drop).map_err(|why| match lang {
        Lang::Ja => format!("記録できませんでした。しばらくしてからもう一度操作してください。（{why}）"),
        Lang::En => why.to_string(),
    }))
}

pub(super) async fn show(app: &App, viewer: &Viewer, id: String, errors: Vec<String>) -> Result<Response, WebError> {
    let number = id.clone();
    let (view, (steps, failures)) = read_view(app, viewer, move |reader, view| {
        let steps = query::order_steps(reader, &number)?;
        let failures = match newest_of(&steps) {
            Some(newest) => {
                let speaks_of_one = newest.report.as_ref().is_some_and(|report| report.failure);
                super::failures::of_order(reader, view, newest.client.as_str(), &number, speaks_of_one)?
            }
            None => OfWork::default(),
        };
        Ok((steps, failures))
    })
    .await?;
    let newest = newest_of(&steps).ok_or(WebError::NotFound)?;
    let f = view.frame(viewer, "orders", "作業申請", "Work order", href(&id));
    let (lang, zone) = (view.lang, &view.dir.zone);
    let vendor = OrderAct::possible(newest.state).into_iter().filter(|act| !act.is_the_citys());
    let body = OrderPage {
        id: clean(&id),
        failures,
        state: state_chip(newest.state, lang),
        facts: facts(newest, &view),
        files: newest.files.iter().map(|file| (clean(file.name.as_str()), file.sha256.as_str().to_owned())).collect(),
        report: newest.report.as_ref().map_or_else(Vec::new, |report| report_facts(report, &view)),
        acts: vendor
            .clone()
            .filter(|act| !matches!(act, OrderAct::Write | OrderAct::Report))
            .map(|act| ActButton { act: act.word(), label: act.label(lang) })
            .collect(),
        may_report: vendor.clone().any(|act| act == OrderAct::Report),
        operators: operators(&view, |id| newest.operators.iter().any(|one| one.as_str() == id)),
        waits_for_city: OrderAct::possible(newest.state).iter().any(|act| act.is_the_citys()),
        sheet: format!("/orders/sheet.json?id={}", escape(&id)),
        steps: steps
            .iter()
            .map(|step| {
                let order = step.order.as_ref();
                let paper = order.and_then(|o| o.paper.as_ref()).map_or_else(String::new, |paper| format!(" {paper}"));
                let answer = order.and_then(|o| o.answer.as_ref());
                let key = answer.map_or_else(String::new, |answer| format!(" {}", answer.key_name()));
                StepLine {
                    at: order.map_or_else(String::new, |o| text::when(zone, o.device_time, lang)),
                    recorded: text::when(zone, step.recorded_at, lang),
                    act: order.map_or(lang.pick("抹消済", "erased"), |o| o.act.label(lang)),
                    who: order.map_or_else(String::new, |o| {
                        clean(&format!("{}（{}{paper}{key}）", o.by, o.side.label(lang)))
                    }),
                    state: order.map_or_else(|| Chip::dim(""), |o| state_chip(o.state, lang)),
                    remarks: answer.and_then(kukaku_schema::observation::CityAnswer::remarks).map(|text| clean(&text)),
                    entry: step.entry,
                }
            })
            .collect(),
        errors: errors.iter().map(|error| clean(error)).collect(),
        f,
    };
    page(&body)
}

pub(super) fn people(names: &[Name], view: &View) -> String {
    let all: Vec<String> = names.iter().map(|name| clean(&view.dir.person(name.as_str()))).collect();
    all.join(view.lang.pick("、", ", "))
}

fn newest_of(steps: &[OrderStepRow]) -> Option<&OrderRevised> {
    steps.iter().rev().find_map(|step| step.order.as_ref())
}

fn facts(order: &OrderRevised, view: &View) -> Vec<(&'static str, String)> {
    let (lang, zone) = (view.lang, &view.dir.zone);
    let targets: Vec<String> = order.targets.iter().map(|target| clean(target.as_str())).collect();
    let any = || lang.pick("指定なし", "any").to_owned();
    let mut facts = vec![
        (lang.pick("契約先", "Client"), clean(&view.dir.client(order.client.as_str()))),
        (lang.pick("作業期間", "Period"), text::from_to(zone, Span::new(order.from, order.to), lang)),
        (lang.pick("目的", "Purpose"), clean(order.purpose.as_str())),
        (lang.pick("作業内容", "Content"), order.content.as_str().to_owned()),
        (lang.pick("対象サーバ", "Targets"), if targets.is_empty() { any() } else { targets.join(", ") }),
        (lang.pick("作業者", "Operators"), people(&order.operators, view)),
        (lang.pick("責任者", "Responsible"), clean(order.responsible.as_str())),
    ];
    if order.emergency {
        facts.insert(1, (lang.pick("種別", "Sort"), lang.pick("緊急作業（事後承認）", "Emergency").to_owned()));
    }
    if let Some(notes) = &order.notes {
        facts.push((lang.pick("備考", "Notes"), notes.as_str().to_owned()));
    }
    facts
}

fn report_facts(report: &OrderReport, view: &View) -> Vec<(&'static str, String)> {
    let (lang, zone) = (view.lang, &view.dir.zone);
    let mut facts = vec![
        (lang.pick("作業時間", "Work"), text::from_to(zone, Span::new(report.from, report.to), lang)),
        (lang.pick("作業者", "Operators"), people(&report.operators, view)),
        (lang.pick("作業結果", "Result"), report.result.as_str().to_owned()),
        (lang.pick("承認者", "Approved by"), clean(report.approved_by.as_str())),
    ];
    if report.failure {
        let apart = lang.pick("あり（障害報告を別に提出）", "something failed; reported apart");
        facts.insert(0, (lang.pick("障害", "Failure"), apart.to_owned()));
    }
    if let Some(continuing) = &report.continuing {
        facts.push((lang.pick("継続する保守", "Continuing maintenance"), continuing.as_str().to_owned()));
    }
    facts
}
