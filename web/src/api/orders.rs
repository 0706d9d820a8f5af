//! Work orders over the API: the list, each with its steps, and the vendor's acts.
//!
//! An act needs a key that may speak for the site's own source, `kukaku`, as which work orders are
//! recorded. It goes the way of the pages (`crate::orders`), and is answered once it is durable.

use std::time::Duration;

use axum::Json;
use axum::body::Body;
use axum::extract::{Extension, Path, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use kukaku_schema::observation::OrderReport;
use kukaku_schema::order::{OrderForm, OrderRefused};
use kukaku_schema::{Name, OrderAct, OrderState};
use kukaku_store::query::{self, OrderFilter};
use serde::de::DeserializeOwned;

use super::order_shapes::{ActedShape, AnswerTakenShape, OrderDetail, OrderShape};
use super::read::{PAGE, page_of};
use super::shapes::Page;
use crate::error::WebError;
use crate::house::{App, NotTaken};
use crate::http::body::Pieces;
use crate::http::guard::Viewer;
use crate::http::params::{Param, Params, Shape, escape, joined};
use crate::orders::{Acted, Asked, Mode, OWN_SOURCE, act, act_in_turn};
use crate::pages::read_view;

/// Longest form, report or answer: what an observation of it has room for.
pub(crate) const ORDER_BODY_MAX_BYTES: usize = 64 * 1024;
/// Longest that a body may take to come in.
const BODY_LONGEST: Duration = Duration::from_secs(60);
/// The name of this way in.
const LINK: &str = "http";

const STATES: &[&str] =
    &["drafted", "submitted", "approved", "rejected", "in_progress", "reported", "accepted", "withdrawn"];

const FILTER: &[Param] = &[
    Param::new("state", Shape::Choice(STATES), "those that stand so now"),
    Param::new("client", Shape::Text, "those of one client"),
];

/// Parameters of `GET /api/v1/orders`.
pub(crate) const LIST_PARAMS: &[Param] = &joined::<4>(FILTER, PAGE);

const DRY_RUN: Param = Param::new("dry_run", Shape::Switch, "say what would change, or why not; write nothing");

/// Parameters of `POST /api/v1/orders`.
pub(crate) const WRITE_PARAMS: &[Param] =
    &[DRY_RUN, Param::new("submit", Shape::Switch, "hand it to the city at once")];

/// Parameters of the other acts.
pub(crate) const ACT_PARAMS: &[Param] = &[DRY_RUN];

/// `GET /api/v1/orders`.
pub(crate) async fn list(
    State(app): State<App>,
    Extension(viewer): Extension<Viewer>,
    Extension(params): Extension<Params>,
) -> Result<Json<Page<OrderShape>>, WebError> {
    let filter = OrderFilter {
        state: params.text("state").and_then(|word| OrderState::from_word(&word)),
        client: params.text("client"),
    };
    let (_, page) = read_view(&app, &viewer, move |reader, _| {
        let (after, limit) = page_of(&params);
        Ok(Page::of(query::orders(reader, &filter, after, limit)?, OrderShape::from))
    })
    .await?;
    Ok(Json(page))
}

/// `GET /api/v1/orders/{order}`.
pub(crate) async fn one(
    State(app): State<App>,
    Extension(viewer): Extension<Viewer>,
    Path(order): Path<String>,
) -> Result<Json<OrderDetail>, WebError> {
    let (_, steps) = read_view(&app, &viewer, move |reader, _| query::order_steps(reader, &order)).await?;
    OrderDetail::of(steps).map(Json).ok_or(WebError::NotFound)
}

/// `POST /api/v1/orders`.
pub(crate) async fn write(
    State(app): State<App>,
    Extension(viewer): Extension<Viewer>,
    Extension(params): Extension<Params>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, WebError> {
    let by = who(&viewer)?;
    let form: OrderForm = read_json(&headers, body).await?;
    let id = form.id.clone();
    let (dry_run, submit) = (params.flag("dry_run"), params.flag("submit"));
    let mode = if dry_run { Mode::Try } else { Mode::RecordNew };
    let written = Asked { form: Some(form), ..vendor(OrderAct::Write, id.clone(), by.clone()) };
    // Both acts in one turn: between them nobody else finds a draft to hand in.
    let _turn = if dry_run { None } else { Some(app.order_turn().await?) };
    let written = act_in_turn(&app, written, mode).await?;
    let mut shape = ActedShape::of(&written);
    if submit && written.revision.after.state == OrderState::Drafted {
        if dry_run {
            // Nothing hinders an order that was just written from being handed in.
            OrderState::Submitted.word().clone_into(&mut shape.state);
        } else {
            shape.now(&act_in_turn(&app, vendor(OrderAct::Submit, id.clone(), by), Mode::Record).await?);
        }
    }
    let created = shape.new && !dry_run;
    let status = if created { StatusCode::CREATED } else { StatusCode::OK };
    let mut response = (status, Json(shape)).into_response();
    if created && let Ok(place) = HeaderValue::try_from(format!("/api/v1/orders/{}", escape(id.as_str()))) {
        response.headers_mut().insert(header::LOCATION, place);
    }
    Ok(response)
}

/// `POST /api/v1/orders/{order}/report`.
pub(crate) async fn report(
    State(app): State<App>,
    Extension(viewer): Extension<Viewer>,
    Extension(params): Extension<Params>,
    Path(order): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> Result<Json<ActedShape>, WebError> {
    let by = who(&viewer)?;
    let report: OrderReport = read_json(&headers, body).await?;
    let asked = Asked { report: Some(report), ..vendor(OrderAct::Report, number(order)?, by) };
    done(&app, asked, params.flag("dry_run"), Mode::RecordNew).await
}

/// `POST /api/v1/orders/{order}/submit`.
pub(crate) async fn submit(
    app: State<App>,
    viewer: Extension<Viewer>,
    params: Extension<Params>,
    order: Path<String>,
) -> Result<Json<ActedShape>, WebError> {
    plain(OrderAct::Submit, app, viewer, params, order).await
}

/// `POST /api/v1/orders/{order}/begin`.
pub(crate) async fn begin(
    app: State<App>,
    viewer: Extension<Viewer>,
    params: Extension<Params>,
    order: Path<String>,
) -> Result<Json<ActedShape>, WebError> {
    plain(OrderAct::Begin, app, viewer, params, order).await
}

/// `POST /api/v1/orders/{order}/withdraw`.
pub(crate) async fn withdraw(
    app: State<App>,
    viewer: Extension<Viewer>,
    params: Extension<Params>,
    order: Path<String>,
) -> Result<Json<ActedShape>, WebError> {
    plain(OrderAct::Withdraw, app, viewer, params, order).await
}

/// An act that needs no more than its name.
async fn plain(
    act: OrderAct,
    State(app): State<App>,
    Extension(viewer): Extension<Viewer>,
    Extension(params): Extension<Params>,
    Path(order): Path<String>,
) -> Result<Json<ActedShape>, WebError> {
    let by = who(&viewer)?;
    done(&app, vendor(act, number(order)?, by), params.flag("dry_run"), Mode::Record).await
}

async fn done(app: &App, asked: Asked, dry_run: bool, mode: Mode) -> Result<Json<ActedShape>, WebError> {
    let mode = if dry_run { Mode::Try } else { mode };
    let acted: Acted = act(app, asked, mode).await?;
    Ok(Json(ActedShape::of(&acted)))
}

/// `POST /api/v1/orders/{order}/answer`: the file that the city signed, as it came.
pub(crate) async fn answer(
    State(app): State<App>,
    Extension(viewer): Extension<Viewer>,
    Path(order): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> Result<Json<AnswerTakenShape>, WebError> {
    let by = who(&viewer)?;
    demand(&headers, "text/plain")?;
    let bytes = Pieces::new(body, ORDER_BODY_MAX_BYTES, BODY_LONGEST).whole().await?;
    let text = String::from_utf8(bytes).map_err(|_| WebError::Body("not UTF-8".to_owned()))?;
    let _turn = app.order_turn().await?;
    let taken = app.with_commands(move |commands| commands.take_answer(&text, Some(&order), by.as_str())).await?;
    match taken {
        Ok(taken) => Ok(Json(taken.into())),
        Err(NotTaken::Refused(why)) => Err(WebError::Order(Box::new(why))),
        Err(NotTaken::NotKept(why)) => Err(WebError::NotKept(why)),
    }
}

fn vendor(act: OrderAct, id: Name, by: Name) -> Asked {
    Asked { act, id, by, form: None, report: None, paper: None, link: LINK }
}

fn number(order: String) -> Result<Name, WebError> {
    Name::new(order).map_err(|_| WebError::NotFound)
}

/// The key as the journal names it, where it may act on work orders.
pub(super) fn who(viewer: &Viewer) -> Result<Name, WebError> {
    let key = viewer.key.as_deref().ok_or(WebError::NoKey)?;
    if !key.speaks_for(OWN_SOURCE) {
        return Err(WebError::KeyMayNot((
            "作業申請と検知の操作には kukaku を記録元とするキーが必要です（kukaku sources key add kukaku）。",
            "Work orders and findings need a key for source kukaku: make one with `kukaku sources key add kukaku`.",
        )));
    }
    // A label that can be no name is left out: the number says which key it was.
    Name::new(format!("{} (key {})", key.label, key.id))
        .or_else(|_| Name::new(format!("key {}", key.id)))
        .map_err(WebError::Bug)
}

fn demand(headers: &HeaderMap, sort: &str) -> Result<(), WebError> {
    let text = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let given = text.split(';').next().unwrap_or_default().trim();
    if given.eq_ignore_ascii_case(sort) {
        return Ok(());
    }
    Err(WebError::MediaType(text.chars().take(80).collect()))
}

pub(super) async fn read_json<T: DeserializeOwned>(headers: &HeaderMap, body: Body) -> Result<T, WebError> {
    demand(headers, "application/json")?;
    let bytes = Pieces::new(body, ORDER_BODY_MAX_BYTES, BODY_LONGEST).whole().await?;
    parse_json(&bytes)
}

/// One JSON object. A value that is out of shape is refused with the name of its field.
fn parse_json<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, WebError> {
    // The JSON reader would take an array of the fields in order too: nobody means that.
    if bytes.trim_ascii_start().first() != Some(&b'{') {
        return Err(WebError::Body("expected one JSON object, from { to }".to_owned()));
    }
    let mut reader = serde_json::Deserializer::from_slice(bytes);
    let read = serde_path_to_error::deserialize(&mut reader).map_err(|error| {
        let path = error.path().to_string();
        let why = error.into_inner();
        if !why.is_data() {
            return WebError::Body(why.to_string());
        }
        let why = why.to_string();
        // What is missing or too much stands at the object's own level, and in the words alone.
        let named = ["missing field `", "unknown field `", "duplicate field `"].iter().find_map(|start| {
            why.strip_prefix(start).and_then(|rest| rest.split_once('`')).map(|(field, _)| field.to_owned())
        });
        let field = match (named, path.as_str()) {
            (Some(field), ".") => field,
            (Some(field), path) if !path.ends_with(field.as_str()) => format!("{path}.{field}"),
            (_, path) => path.to_owned(),
        };
        let ja = format!("項目「{field}」を確認してください。（{why}）");
        WebError::Order(Box::new(OrderRefused::new(ja, format!("`{field}`: {why}")).of(field)))
    })?;
    reader.end().map_err(|error| WebError::Body(error.to_string()))?;
    Ok(read)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn every_state_can_be_asked_for() {
        let words: Vec<&str> = OrderState::ALL.iter().map(|state| state.word()).collect();
        assert_eq!(STATES, words);
    }

    #[test]
    fn what_is_wrong_in_a_form_is_named_by_its_field() {
        let good = r#"{"id":"a","client":"c","from":"2026-11-23T09:00:00Z","to":"2026-11-23T10:00:00Z","purpose":"p","content":"c","operators":["o"],"responsible":"r"}"#;
        assert!(parse_json::<OrderForm>(good.as_bytes()).is_ok());
        let field = |find: &str, put: &str| match parse_json::<OrderForm>(good.replacen(find, put, 1).as_bytes()) {
            Err(error @ WebError::Order(_)) => error.field().unwrap().to_owned(),
            other => panic!("{put}: {other:?}"),
        };
        assert_eq!(field(r#""id":"a""#, r#""id":"""#), "id");
        assert_eq!(field(r#""id":"a","#, ""), "id");
        assert_eq!(field(r#""id":"a""#, r#""id":"a","colour":"red""#), "colour");
        assert_eq!(field(r#""id":"a""#, r#""id":"a","id":"b""#), "id");
        assert_eq!(field("2026-11-23T09:00:00Z", "soon"), "from");
        assert_eq!(field(r#"["o"]"#, r#"["o",7]"#), "operators[1]");
        assert_eq!(field(r#""r"}"#, r#""r","files":[{"name":"x"}]}"#), "files[0].sha256");
        for broken in ["", "[]", "{", "{} {}", "\"x\"", "\u{feff}{}"] {
            let said = parse_json::<serde_json::Map<String, serde_json::Value>>(broken.as_bytes());
            assert!(matches!(said, Err(WebError::Body(_))), "{broken}");
        }
    }
}
