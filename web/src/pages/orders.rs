//! 作業申請: work orders (リモート保守申請): the list, the form, and each order with its steps.

use askama::Template;
use axum::extract::{Extension, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use kukaku_schema::observation::{OrderReport, OrderRevised};
use kukaku_schema::order::OrderForm;
use kukaku_schema::{Lang, Name, OrderAct, OrderState, Span};
use kukaku_store::query::{self, Cursor, OrderFilter, OrderStepRow};

use super::failures::OfWork;
use super::layout::{Frame, page};
use super::order_form::{Filled, Wrong, read_form, read_report};
use super::{LIST_ROWS, View, read_view};
use crate::error::WebError;
use crate::house::App;
use crate::http::guard::{Fields, Viewer};
use crate::http::params::{Param, Params, Shape, escape};
use crate::orders::{Asked, Mode, NotDone};
use crate::text::{self, Chip, clean};

/// What the list can be asked for.
pub(crate) const PARAMS: &[Param] = &[
    Param::new("after", Shape::Text, "cursor: the `next` of the page before"),
    Param::new("like", Shape::Text, "the number of an order to begin a new one from"),
];

/// What one order's page is asked for.
pub(crate) const ORDER_PARAMS: &[Param] = &[Param::new("id", Shape::Text, "the order's number")];

/// The link that acts on the pages come over.
pub(super) const LINK: &str = "page";

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

#[derive(Template)]
#[template(path = "orders.html")]
struct OrdersPage {
    f: Frame,
    rows: Vec<Line>,
    next: Option<String>,
    clients: Vec<Choice>,
    operators: Vec<Choice>,
    filled: Filled,
    /// The order that the form was begun from.
    like: Option<String>,
    errors: Vec<Wrong>,
}

impl OrdersPage {
    /// What is wrong with a field.
    fn wrong(&self, field: &str) -> Option<&str> {
        self.errors.iter().find(|error| error.field == field).map(|error| error.text.as_str())
    }

    /// What a field with a mistake says of itself to a screen reader; `field` is one of ours.
    fn mark(&self, field: &'static str) -> String {
        self.wrong(field)
            .map_or_else(String::new, |_| format!(" aria-invalid=\"true\" aria-describedby=\"{field}-wrong\""))
    }

    fn is_open(&self) -> bool {
        !self.errors.is_empty() || self.like.is_some() || self.rows.is_empty()
    }
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
    /// What the city can do now.
    city: Vec<ActButton>,
    sheet: String,
    again: String,
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
    let Some(like) = params.text("like") else {
        return list(&app, &viewer, after, Filled::default(), None, Vec::new()).await;
    };
    let number = like.clone();
    let (_, found) = read_view(&app, &viewer, move |reader, _| query::order_now(reader, &number)).await?;
    let filled = Filled::like(&found.ok_or(WebError::NotFound)?);
    list(&app, &viewer, after, filled, Some(clean(&like)), Vec::new()).await
}

async fn list(
    app: &App,
    viewer: &Viewer,
    after: Option<Cursor>,
    filled: Filled,
    like: Option<String>,
    errors: Vec<Wrong>,
) -> Result<Response, WebError> {
    let read = move |reader: &query::Reader, _: &View| query::orders(reader, &OrderFilter::default(), after, LIST_ROWS);
    let (view, listed) = read_view(app, viewer, read).await?;
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
    let client =
        |(id, name): (&str, &str)| Choice { id: id.to_owned(), name: clean(name), chosen: id == filled.client };
    let next = listed.next.map(|next| format!("/orders?after={}", next.to_text()));
    let mut clients: Vec<Choice> = view.dir.clients().map(client).collect();
    if !filled.client.is_empty() && !clients.iter().any(|choice| choice.chosen) {
        // A client that is no longer registered is refused by name; another one is never put in its place.
        let (id, name) = (filled.client.clone(), clean(&filled.client));
        clients.push(Choice { id, name, chosen: true });
    }
    let operators = operators(&view, |id| filled.operators.iter().any(|one| one == id));
    page(&OrdersPage { f, rows, next, clients, operators, filled, like, errors })
}

pub(super) fn operators(view: &View, is_chosen: impl Fn(&str) -> bool) -> Vec<Choice> {
    let choice = |(id, name): (&str, &str)| Choice { id: id.to_owned(), name: clean(name), chosen: is_chosen(id) };
    view.dir.operators().map(choice).collect()
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
        Err(errors) => {
            let filled = Filled::of(&fields, &view);
            return refused(list(&app, &viewer, None, filled, None, errors).await?);
        }
    };
    let id = form.id.clone();
    let mut done = step(&app, &viewer, OrderAct::Write, &id, Some(form), None).await?;
    if done.is_ok() && fields.get("submit") == "1" {
        done = step(&app, &viewer, OrderAct::Submit, &id, None, None).await?;
    }
    match done {
        Ok(()) => Ok(Redirect::to(&href(id.as_str())).into_response()),
        Err(why) => refused(list(&app, &viewer, None, Filled::of(&fields, &view), None, vec![why]).await?),
    }
}

pub(super) fn refused(shown: Response) -> Result<Response, WebError> {
    Ok((StatusCode::UNPROCESSABLE_ENTITY, shown).into_response())
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
            Err(errors) => {
                let errors = errors.into_iter().map(|error| error.text).collect();
                return refused(show(&app, &viewer, id.into_string(), errors).await?);
            }
        }
    }
    match step(&app, &viewer, act, &id, None, report).await? {
        Ok(()) => Ok(Redirect::to(&href(id.as_str())).into_response()),
        Err(why) => refused(show(&app, &viewer, id.into_string(), vec![why.text]).await?),
    }
}

/// Does an act; the inner error is for the person.
async fn step(
    app: &App,
    viewer: &Viewer,
    act: OrderAct,
    id: &Name,
    form: Option<OrderForm>,
    report: Option<OrderReport>,
) -> Result<Result<(), Wrong>, WebError> {
    let Ok(by) = Name::new(viewer.name()) else { return Err(WebError::NotFound) };
    let asked = Asked { act, id: id.clone(), by, form, report, paper: None, link: LINK };
    done(app, viewer, asked, Mode::Record).await
}

/// The same for any act.
pub(super) async fn done(app: &App, viewer: &Viewer, asked: Asked, mode: Mode) -> Result<Result<(), Wrong>, WebError> {
    match crate::orders::act(app, asked, mode).await {
        Ok(_) => Ok(Ok(())),
        Err(NotDone::Refused(why)) => Ok(Err(Wrong::of(&why, viewer.lang))),
        Err(NotDone::NotKept(why)) => Ok(Err(Wrong::in_all(match viewer.lang {
            Lang::Ja => format!("記録できませんでした。しばらくしてからもう一度操作してください。（{why}）"),
            Lang::En => why.to_string(),
        }))),
        Err(NotDone::Web(why)) => Err(why),
    }
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
        city: OrderAct::possible(newest.state)
            .into_iter()
            .filter(|act| act.is_the_citys())
            .map(|act| ActButton { act: act.word(), label: act.label(lang) })
            .collect(),
        sheet: format!("/orders/sheet.json?id={}", escape(&id)),
        again: format!("/orders?like={}#write", escape(&id)),
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
