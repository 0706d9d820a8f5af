//! Who may ask for what: run before every handler, as the route's entry in the table says.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use axum::extract::{ConnectInfo, Form, FromRequest, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, Method, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Redirect, Response};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use kukaku_schema::Lang;
use kukaku_store::users::{ApiKey, Right, Scope, Session};
use kukaku_store::{NewLook, query};

use super::body::Pieces;
use super::cookie;
use super::params::{Params, escape};
use crate::error::WebError;
use crate::house::App;
use crate::routes::{Access, Route};

/// Longest form of who is signed in: the registers of a large site, pasted.
const FORM_MAX_BYTES: usize = 2 * 1024 * 1024;
/// Longest form of anybody: a name and two passwords.
const SMALL_FORM_MAX_BYTES: usize = 16 * 1024;
/// Longest that a form may take to come in.
const FORM_LONGEST: Duration = Duration::from_secs(60);
/// Most fields of a form: a tick for each operator of a site, and the rest of an order.
const FORM_FIELDS_MAX: usize = 512;
/// The field that carries the form token.
pub(crate) const TOKEN_FIELD: &str = "token";
/// The header with which a page asks by itself: it keeps nobody signed in and is not redirected.
pub(crate) const LIVE_HEADER: &str = "kukaku-live";

/// Who asks, and in which language.
#[derive(Debug, Clone)]
pub(crate) struct Viewer {
    pub lang: Lang,
    /// What forms on the page have to carry.
    pub token: String,
    /// The sign-in, where there is one.
    pub session: Option<Arc<Session>>,
    /// The text of its cookie, to end it with.
    pub session_cookie: Option<String>,
    /// The API key, where one was used.
    pub key: Option<Arc<ApiKey>>,
    pub address: IpAddr,
}

impl Viewer {
    /// What it may see: of the site where a key was used, nothing for nobody.
    pub fn scope(&self) -> query::Scope {
        match (&self.session, &self.key) {
            (_, Some(key)) => key.scope(),
            (Some(session), None) => session.user.extent.scope(session.user.role),
            (None, None) => query::Scope::Clients { clients: BTreeSet::new(), from: None },
        }
    }

    /// Whether who is signed in may.
    pub fn may(&self, right: Right) -> bool {
        self.session.as_ref().is_some_and(|session| session.user.role.may(right))
    }

    /// The signed-in user's name; empty for nobody.
    pub fn name(&self) -> &str {
        self.session.as_ref().map_or("", |session| &session.user.name)
    }
}

/// The fields of a form whose token fitted.
#[derive(Debug, Clone, Default)]
pub(crate) struct Fields(BTreeMap<String, String>);

impl Fields {
    pub fn get(&self, name: &str) -> &str {
        self.0.get(name).map_or("", String::as_str)
    }
}

/// Lets a request through to its handler, or answers in its stead.
pub(crate) async fn guard(State((app, route)): State<(App, &'static Route)>, request: Request, next: Next) -> Response {
    match check(&app, route, request).await {
        Ok((request, fresh_cookie)) => {
            let mut response = next.run(request).await;
            if let Some(value) = fresh_cookie {
                response.headers_mut().append(header::SET_COOKIE, cookie::set(cookie::FORM, &value));
            }
            response
        }
        Err(Refused::Error(error)) => error.into_response(),
        Err(Refused::Elsewhere(to)) => Redirect::to(&to).into_response(),
    }
}

enum Refused {
    Error(WebError),
    Elsewhere(String),
}

impl<E: Into<WebError>> From<E> for Refused {
    fn from(error: E) -> Self {
        Self::Error(error.into())
    }
}

async fn check(app: &App, route: &'static Route, request: Request) -> Result<(Request, Option<String>), Refused> {
    let (mut parts, mut body) = request.into_parts();
    let address =
        parts.extensions.get::<ConnectInfo<SocketAddr>>().map_or(IpAddr::from([0, 0, 0, 0]), |info| info.0.ip());
    let lang = cookie::language(&parts.headers);
    let params = Params::read(&parts.uri, route.params);

    if route.access == Access::Intake {
        let key = key_of(app, &parts.headers, address).await?;
        if key.sources.is_empty() {
            return Err(WebError::KeyMayNot((
                "読み取り専用のキーです。記録元のキーを作ってください（kukaku sources key add 記録元）。",
                "It is a key for reading alone: make one for the source with `kukaku sources key add SOURCE`.",
            ))
            .into());
        }
        let viewer = Viewer {
            lang,
            token: String::new(),
            session: None,
            session_cookie: None,
            key: Some(Arc::new(key)),
            address,
        };
        parts.extensions.insert(viewer);
        parts.extensions.insert(params?);
        return Ok((Request::from_parts(parts, body), None));
    }

    let live = parts.headers.contains_key(LIVE_HEADER);
    let session_cookie = cookie::value(&parts.headers, cookie::SESSION).map(str::to_owned);
    let session = match session_cookie.clone() {
        Some(text) => {
            let (now, act) = (app.now(), !live);
            app.with_users(move |users| users.session(&text, act, now)).await?.map(Arc::new)
        }
        None => None,
    };
    // A sign-in that was carried to where its role may not be used ends there.
    let session = match session {
        Some(session) if !(app.may_come)(session.user.role, address) => {
            if let Some(text) = session_cookie.clone() {
                app.with_users(move |users| users.close_session(&text)).await?;
            }
            None
        }
        session => session,
    };
    // Who has given his password alone is nobody yet, but for the page that asks for the code.
    let session = session.filter(|session| session.scope != Scope::Half || route.access == Access::Code);
    let (form_key, fresh_cookie) = form_key(&parts.headers, session.is_some())?;
    let mut viewer = Viewer {
        lang,
        token: cookie::form_token(&form_key),
        session_cookie: session.is_some().then_some(session_cookie).flatten(),
        session,
        key: None,
        address,
    };
    admit(app, route, &parts, &mut viewer, live).await?;
    note_look(app, route, &parts, &viewer, live).await?;
    if route.method == Method::POST {
        same_origin(&parts.headers)?;
        let limit = if route.access == Access::Full { FORM_MAX_BYTES } else { SMALL_FORM_MAX_BYTES };
        let fields = read_form(&parts.headers, body, limit).await?;
        if !cookie::token_fits(&form_key, fields.get(TOKEN_FIELD)) {
            return Err(WebError::Forbidden("the form token is missing or of another sign-in").into());
        }
        body = axum::body::Body::empty();
        parts.extensions.insert(fields);
    }
    parts.extensions.insert(params?);
    parts.extensions.insert(viewer);
    Ok((Request::from_parts(parts, body), fresh_cookie))
}

/// The cookie that form tokens hang on: the sign-in's, else one for the form, made where missing.
fn form_key(headers: &HeaderMap, signed_in: bool) -> Result<(String, Option<String>), WebError> {
    if signed_in && let Some(value) = cookie::value(headers, cookie::SESSION) {
        return Ok((value.to_owned(), None));
    }
    if let Some(value) = cookie::value(headers, cookie::FORM).filter(|value| value.len() >= 43) {
        return Ok((value.to_owned(), None));
    }
    let fresh = cookie::random_value().map_err(|e| WebError::Bug(format!("read random numbers: {e}")))?;
    Ok((fresh.clone(), Some(fresh)))
}

/// Whether `viewer` may ask for `route`.
async fn admit(app: &App, route: &Route, request: &Parts, viewer: &mut Viewer, live: bool) -> Result<(), Refused> {
    let api = is_api(request.uri.path());
    if route.access == Access::Open {
        return Ok(());
    }
    if api && request.headers.contains_key(header::AUTHORIZATION) {
        let key = key_of(app, &request.headers, viewer.address).await?;
        if !key.may_read {
            return Err(WebError::KeyMayNot((
                "読み取り用のキーを作ってください（kukaku sources key add 記録元 --may-read）。",
                "It is no key for reading: make one with `kukaku sources key add SOURCE --may-read`.",
            ))
            .into());
        }
        if !key.scope().is_site() && route.right == Right::Site {
            return Err(WebError::KeyMayNot((
                "このキーは契約先（市）の記録を読むためのものです。",
                "It is a key for the records of clients.",
            ))
            .into());
        }
        viewer.key = Some(Arc::new(key));
        return Ok(());
    }
    let Some(session) = &viewer.session else {
        if api || live || request.method != Method::GET {
            return Err(WebError::NotSignedIn.into());
        }
        let wanted = request.uri.path_and_query().map_or("/", |path| path.as_str());
        return Err(Refused::Elsewhere(format!("/login?next={}", escape(wanted))));
    };
    if route.access == Access::Code {
        let half = session.scope == Scope::Half;
        return if half { Ok(()) } else { Err(Refused::Elsewhere("/".to_owned())) };
    }
    let must_change = session.user.must_change || session.user.password_is_over(app.now());
    if must_change && route.access != Access::Change {
        return Err(if api || live { WebError::MustChange.into() } else { Refused::Elsewhere("/password".to_owned()) });
    }
    let must_enrol = !session.user.has_factor && app.users.rules().second_factor.contains(session.user.role);
    if must_enrol && route.access != Access::Change {
        return Err(if api || live { WebError::MustEnrol.into() } else { Refused::Elsewhere("/factor".to_owned()) });
    }
    if !matches!(route.access, Access::Change) && !session.user.role.may(route.right) {
        return Err(WebError::NoRight(session.user.role).into());
    }
    if session.scope == Scope::Wall && route.access != Access::Wall {
        return Err(if api || live || request.method != Method::GET {
            WebError::Forbidden("a wall display shows its one page").into()
        } else {
            Refused::Elsewhere("/wall".to_owned())
        });
    }
    Ok(())
}

/// Longest address that is kept of a look, in characters.
const LOOK_MAX_CHARS: usize = 1_024;

/// Records what a user of a client looks at, before he does.
async fn note_look(app: &App, route: &Route, request: &Parts, viewer: &Viewer, live: bool) -> Result<(), WebError> {
    let (user, role, clients) = match (&viewer.key, &viewer.session) {
        (Some(key), _) => (format!("key:{}", key.id), "key", &key.clients),
        (None, Some(session)) if session.user.role.is_of_clients() => {
            (session.user.name.clone(), session.user.role.word(), &session.user.extent.clients)
        }
        _ => return Ok(()),
    };
    if route.access != Access::Full || clients.is_empty() {
        return Ok(());
    }
    let path: String =
        request.uri.path_and_query().map_or("/", |path| path.as_str()).chars().take(LOOK_MAX_CHARS).collect();
    // A page that keeps itself up to date is one look for as long as he stays on it; so is an address
    // that a program asks again and again.
    let page = whole_page(&path);
    if (live || viewer.key.is_some()) && app.looks.is_open(&user, &page, app.now()) {
        return Ok(());
    }
    let look = NewLook {
        user: user.clone(),
        role: role.to_owned(),
        clients: clients.iter().cloned().collect(),
        path,
        address: viewer.address.to_string(),
    };
    app.with_commands(move |commands| commands.looked(look)).await?.map_err(WebError::NotKept)?;
    app.looks.open(user, page, app.now());
    Ok(())
}

/// The address of the page that a part of it belongs to.
fn whole_page(path: &str) -> String {
    let Some((page, query)) = path.split_once('?') else { return path.to_owned() };
    let rest: Vec<&str> = query.split('&').filter(|pair| !pair.starts_with("part=")).collect();
    if rest.is_empty() { page.to_owned() } else { format!("{page}?{}", rest.join("&")) }
}

/// Whether a path belongs to the API, whose errors are JSON.
pub(crate) fn is_api(path: &str) -> bool {
    path.starts_with("/api/") || path == "/metrics"
}

async fn key_of(app: &App, headers: &HeaderMap, address: IpAddr) -> Result<ApiKey, WebError> {
    let text = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let bearer = text.and_then(|text| {
        let (scheme, rest) = text.split_once(' ')?;
        match scheme.to_ascii_lowercase().as_str() {
            "bearer" => Some(rest.trim().to_owned()),
            "basic" => password_of(rest.trim()),
            _ => None,
        }
    });
    let now = app.now();
    let key = match bearer {
        Some(bearer) => app.with_users(move |users| users.check_key(&bearer, now)).await?,
        None => None,
    };
    key.ok_or(if app.intake_limits.take(address, now) { WebError::NoKey } else { WebError::TooMany })
}

/// The password of Basic credentials (RFC 7617): many a gateway can send no other header of its
/// own, and has its key there.
fn password_of(credentials: &str) -> Option<String> {
    let bytes = STANDARD.decode(credentials).ok()?;
    let text = String::from_utf8(bytes).ok()?;
    text.split_once(':').map(|(_, password)| password.to_owned())
}

/// Refuses what another site made a browser send. Programs send neither header, and have no cookie.
fn same_origin(headers: &HeaderMap) -> Result<(), WebError> {
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
    if let Some(site) = text(header::HeaderName::from_static("sec-fetch-site"))
        && site != "same-origin"
    {
        return Err(WebError::Forbidden("sent from another site (Sec-Fetch-Site)"));
    }
    if let Some(origin) = text(header::ORIGIN) {
        let host = text(header::HOST).unwrap_or_default();
        let origin_host = origin.split_once("://").map(|(_, rest)| rest);
        if host.is_empty() || origin_host != Some(host) {
            return Err(WebError::Forbidden("sent from another site (Origin)"));
        }
    }
    Ok(())
}

async fn read_form(headers: &HeaderMap, body: axum::body::Body, limit: usize) -> Result<Fields, WebError> {
    const FORM: &str = "application/x-www-form-urlencoded";
    let sort = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if sort.split(';').next().map(str::trim) != Some(FORM) {
        return Err(WebError::MediaType(sort.chars().take(80).collect()));
    }
    let bytes = Pieces::new(body, limit, FORM_LONGEST).whole().await?;
    let request = Request::post("/")
        .header(header::CONTENT_TYPE, FORM)
        .body(axum::body::Body::from(bytes))
        .map_err(|e| WebError::Bug(format!("put a form together: {e}")))?;
    let Form(pairs) = Form::<Vec<(String, String)>>::from_request(request, &())
        .await
        .map_err(|_| WebError::Body("the form can't be read".to_owned()))?;
    if pairs.len() > FORM_FIELDS_MAX {
        return Err(WebError::Body(format!("more than {FORM_FIELDS_MAX} fields")));
    }
    Ok(Fields(pairs.into_iter().collect()))
}
