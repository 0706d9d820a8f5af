//! The one table of routes: it makes the router, says who may ask for what and with which
//! parameters, and writes the API's description. A route that isn't here doesn't exist.

use std::sync::{Arc, LazyLock};

use axum::Router;
use axum::extract::{FromRequestParts, Path};
use axum::http::Method;
use axum::http::request::Parts;
use axum::middleware::from_fn_with_state;
use axum::routing::{MethodRouter, get, post};

use kukaku_store::users::Right;

use crate::api::describe::Doc;
use crate::api::{
    describe, failures as failures_api, finding_acts, logs, metrics, observations, order_docs, orders as api_orders,
    read,
};
use crate::error::WebError;
use crate::house::App;
use crate::http::finish::finish;
use crate::http::guard::guard;
use crate::http::params::Param;
use crate::live;
use crate::pages::{
    accounts, assets, board, companies, desk, entries, factor, failures, findings, gate, journal, looks, notices,
    order_answers, order_paper, orders, paper, registers, retention, rights, session, sessions, sheets, sources,
    terminals,
};

/// Who may ask.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Everybody.
    Open,
    /// Who has given his password, and has to give a code.
    Code,
    /// Who is signed in, even with a password that has to be changed, or without the second factor
    /// that his role needs.
    Change,
    /// Who is signed in; under `/api/` also a key that may read.
    Full,
    /// The same, and a wall display.
    Wall,
    /// A key that may speak for a source, which the handler checks; no sign-in.
    Intake,
}

/// A route.
pub(crate) struct Route {
    pub method: Method,
    pub path: &'static str,
    pub access: Access,
    /// What who is signed in has to be allowed.
    pub right: Right,
    pub params: &'static [Param],
    pub doc: Option<Doc>,
    handler: fn() -> MethodRouter<App>,
}

fn page(path: &'static str, access: Access, params: &'static [Param], handler: fn() -> MethodRouter<App>) -> Route {
    Route { method: Method::GET, path, access, right: Right::Look, params, doc: None, handler }
}

/// A page on how the site itself works.
fn of_site(path: &'static str, access: Access, params: &'static [Param], handler: fn() -> MethodRouter<App>) -> Route {
    Route { right: Right::Site, ..page(path, access, params, handler) }
}

/// An act of who is signed in that changes nothing of the site.
fn own(path: &'static str, access: Access, handler: fn() -> MethodRouter<App>) -> Route {
    Route { method: Method::POST, path, access, right: Right::Look, params: &[], doc: None, handler }
}

fn act(path: &'static str, right: Right, handler: fn() -> MethodRouter<App>) -> Route {
    Route { method: Method::POST, path, access: Access::Full, right, params: &[], doc: None, handler }
}

fn api(path: &'static str, params: &'static [Param], doc: Doc, handler: fn() -> MethodRouter<App>) -> Route {
    Route { method: Method::GET, path, access: Access::Full, right: Right::Look, params, doc: Some(doc), handler }
}

fn api_of_site(path: &'static str, doc: Doc, handler: fn() -> MethodRouter<App>) -> Route {
    Route { right: Right::Site, ..api(path, &[], doc, handler) }
}

fn key_act(path: &'static str, params: &'static [Param], doc: Doc, handler: fn() -> MethodRouter<App>) -> Route {
    Route { method: Method::POST, path, access: Access::Intake, right: Right::Papers, params, doc: Some(doc), handler }
}

pub(crate) static TABLE: LazyLock<Vec<Route>> = LazyLock::new(|| {
    vec![
        page("/", Access::Full, board::PARAMS, || get(board::board)),
        of_site("/wall", Access::Wall, board::PARAMS, || get(board::wall)),
        act("/wall/start", Right::Site, || post(board::start_wall)),
        page("/live", Access::Wall, &[], || get(live::live)),
        page("/sessions", Access::Full, sessions::PARAMS, || get(sessions::sessions)),
        page("/sessions/find", Access::Full, session::FIND_PARAMS, || get(session::find)),
        page("/sessions/{id}", Access::Full, &[], || get(session::session)),
        page("/sessions/{id}/notice", Access::Full, notices::SHEET_PARAMS, || get(notices::sheet)),
        page("/entries", Access::Full, entries::PARAMS, || get(entries::entries)),
        page("/entries.csv", Access::Full, entries::PARAMS, || get(entries::entries_csv)),
        page("/findings", Access::Full, findings::PARAMS, || get(findings::findings)),
        page("/findings/{id}", Access::Full, &[], || get(findings::finding)),
        act("/findings/act", Right::Findings, || post(desk::act)),
        page("/orders", Access::Full, orders::PARAMS, || get(orders::orders)),
        act("/orders", Right::Papers, || post(orders::write)),
        page("/orders/show", Access::Full, orders::ORDER_PARAMS, || get(orders::order)),
        page("/orders/sheet.json", Access::Full, orders::ORDER_PARAMS, || get(order_answers::sheet)),
        act("/orders/take", Right::Papers, || post(order_answers::take)),
        act("/orders/paper", Right::Confirm, || post(order_paper::enter)),
        act("/orders/act", Right::Papers, || post(orders::act)),
        page("/failures", Access::Full, failures::PARAMS, || get(failures::failures)),
        act("/failures", Right::Papers, || post(failures::report)),
        page("/failures/show", Access::Full, failures::SHOW_PARAMS, || get(failures::failure)),
        page("/failures/sheet", Access::Full, failures::SHEET_PARAMS, || get(failures::sheet)),
        of_site("/sources", Access::Full, sources::PARAMS, || get(sources::sources)),
        page("/terminals", Access::Full, &[], || get(terminals::terminals)),
        page("/registers", Access::Full, &[], || get(registers::registers)),
        act("/registers", Right::Registers, || post(registers::import)),
        page("/registers/companies", Access::Full, &[], || get(companies::companies)),
        page("/registers/sheet", Access::Full, sheets::PARAMS, || get(sheets::sheet)),
        act("/registers/sheet", Right::Registers, || post(sheets::take_in)),
        page("/registers/sheet.csv", Access::Full, sheets::PARAMS, || get(sheets::csv)),
        page("/registers.toml", Access::Full, &[], || get(registers::export)),
        page("/journal", Access::Full, journal::PARAMS, || get(journal::journal)),
        page("/journal/checkpoint.txt", Access::Full, journal::CHECKPOINT_PARAMS, || get(journal::checkpoint)),
        page("/journal/checkpoint/paper", Access::Full, &[], || get(paper::paper)),
        page("/journal/answer", Access::Full, paper::ANSWER_PARAMS, || get(paper::answer)),
        page("/journal/{seq}", Access::Full, &[], || get(journal::entry)),
        page("/retention", Access::Full, &[], || get(retention::retention)),
        page("/rights", Access::Full, &[], || get(rights::rights)),
        of_site("/accounts/events", Access::Full, accounts::PARAMS, || get(accounts::events)),
        page("/looks", Access::Full, looks::PARAMS, || get(looks::looks)),
        page("/rights.csv", Access::Full, &[], || get(rights::csv)),
        of_site("/unreadable", Access::Full, journal::UNREADABLE_PARAMS, || get(journal::unreadable)),
        page("/login", Access::Open, gate::PARAMS, || get(gate::login)),
        own("/login", Access::Open, || post(gate::sign_in)),
        page("/login/code", Access::Code, gate::PARAMS, || get(gate::code)),
        own("/login/code", Access::Code, || post(gate::give_code)),
        page("/factor", Access::Change, &[], || get(factor::factor)),
        own("/factor/begin", Access::Change, || post(factor::begin)),
        own("/factor/confirm", Access::Change, || post(factor::confirm)),
        own("/factor/codes", Access::Change, || post(factor::codes)),
        own("/logout", Access::Wall, || post(gate::sign_out)),
        page("/password", Access::Change, &[], || get(gate::password)),
        own("/password", Access::Change, || post(gate::change_password)),
        own("/language", Access::Open, || post(gate::language)),
        page("/certificate", Access::Open, &[], || get(gate::certificate)),
        page("/certificate/site-ca.pem", Access::Open, &[], || get(gate::site_ca)),
        page("/static/{file}", Access::Open, assets::PARAMS, || get(assets::file)),
        page("/favicon.ico", Access::Open, &[], || get(board::favicon)),
        Route {
            method: Method::POST,
            path: "/api/v1/observations",
            access: Access::Intake,
            right: Right::Look,
            params: &[],
            doc: Some(describe::observations()),
            handler: || post(observations::post),
        },
        Route {
            method: Method::POST,
            path: "/api/v1/logs",
            access: Access::Intake,
            right: Right::Look,
            params: logs::PARAMS,
            doc: Some(describe::logs()),
            handler: || post(logs::post),
        },
        api_of_site("/api/v1/status", describe::status(), || get(read::status)),
        api("/api/v1/zones", &[], describe::zones(), || get(read::zones)),
        api("/api/v1/sessions", read::SESSION_PARAMS, describe::sessions(), || get(read::sessions)),
        api("/api/v1/sessions/{id}", &[], describe::session(), || get(read::session)),
        api("/api/v1/entries", read::ENTRY_PARAMS, describe::entries(), || get(read::entries)),
        api("/api/v1/findings", read::FINDING_PARAMS, describe::findings(), || get(read::findings)),
        api("/api/v1/findings/{id}", &[], describe::finding(), || get(read::finding)),
        key_act("/api/v1/findings/{id}/acts", &[], finding_acts::doc(), || post(finding_acts::act)),
        api("/api/v1/failures", failures_api::PARAMS, describe::failures(), || get(failures_api::failures)),
        api("/api/v1/failures/{id}", &[], describe::failure(), || get(failures_api::failure)),
        api("/api/v1/orders", api_orders::LIST_PARAMS, order_docs::list(), || get(api_orders::list)),
        api("/api/v1/orders/{order}", &[], order_docs::one(), || get(api_orders::one)),
        key_act("/api/v1/orders", api_orders::WRITE_PARAMS, order_docs::write(), || post(api_orders::write)),
        key_act("/api/v1/orders/{order}/submit", api_orders::ACT_PARAMS, order_docs::submit(), || {
            post(api_orders::submit)
        }),
        key_act("/api/v1/orders/{order}/begin", api_orders::ACT_PARAMS, order_docs::begin(), || {
            post(api_orders::begin)
        }),
        key_act("/api/v1/orders/{order}/withdraw", api_orders::ACT_PARAMS, order_docs::withdraw(), || {
            post(api_orders::withdraw)
        }),
        key_act("/api/v1/orders/{order}/report", api_orders::ACT_PARAMS, order_docs::report(), || {
            post(api_orders::report)
        }),
        key_act("/api/v1/orders/{order}/answer", &[], order_docs::answer(), || post(api_orders::answer)),
        of_site("/metrics", Access::Full, &[], || get(metrics::metrics)),
        api_of_site("/api/v1/sources", describe::sources(), || get(read::sources)),
        Route {
            method: Method::GET,
            path: "/api/v1/openapi.json",
            access: Access::Open,
            right: Right::Look,
            params: &[],
            doc: Some(describe::openapi()),
            handler: || get(describe::document),
        },
    ]
});

/// Makes the router from the table.
pub(crate) fn router(app: &App) -> Router {
    let mut router = Router::new();
    for route in TABLE.iter() {
        let guarded = (route.handler)().route_layer(from_fn_with_state((Arc::clone(app), route), guard));
        router = router.route(route.path, guarded);
    }
    router
        .fallback(|| async { WebError::NotFound })
        .method_not_allowed_fallback(|| async { WebError::Method })
        .layer(from_fn_with_state(Arc::clone(app), finish))
        .with_state(Arc::clone(app))
}

/// A route as tests walk them.
#[derive(Debug, Clone)]
pub struct RouteInfo {
    /// `GET` or `POST`.
    pub method: &'static str,
    /// The path, with `{name}` for what varies.
    pub path: &'static str,
    /// Who may ask.
    pub access: Access,
}

/// Every route, for tests that hold them all to one rule.
#[must_use]
pub fn routes() -> Vec<RouteInfo> {
    TABLE
        .iter()
        .map(|route| RouteInfo {
            method: if route.method == Method::POST { "POST" } else { "GET" },
            path: route.path,
            access: route.access,
        })
        .collect()
}

/// The number in a path; a path without one is no page.
pub(crate) struct Number(pub i64);

impl<S: Send + Sync> FromRequestParts<S> for Number {
    type Rejection = WebError;
    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, WebError> {
        let Path(text) = Path::<String>::from_request_parts(parts, state).await.map_err(|_| WebError::NotFound)?;
        let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        let number = text.parse().ok().filter(|_| digits).ok_or(WebError::NotFound)?;
        Ok(Self(number))
    }
}

/// The text in a path: the name of something that people number themselves.
pub(crate) struct Text(pub String);

impl<S: Send + Sync> FromRequestParts<S> for Text {
    type Rejection = WebError;
    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, WebError> {
        let Path(text) = Path::<String>::from_request_parts(parts, state).await.map_err(|_| WebError::NotFound)?;
        Ok(Self(text))
    }
}
