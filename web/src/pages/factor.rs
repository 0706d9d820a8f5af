//! 二つ目の認証: an app or a printed list of codes, set up by whom it is for.

use askama::Template;
use axum::extract::{Extension, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use kukaku_store::users::{Session, UsersError};
use qrcode::QrCode;
use qrcode::render::svg;

use super::gate::bare_frame;
use super::layout::{Frame, page};
use crate::error::WebError;
use crate::house::App;
use crate::http::guard::{Fields, Viewer};
use crate::http::params::escape;
use crate::text::{clean, when};

/// Edge of the picture of a seed in pixels: an app reads it from half a metre.
const QR_PIXELS: u32 = 220;

struct Begun {
    qr: String,
    text: String,
}

#[derive(Template)]
#[template(path = "factor.html")]
struct FactorPage {
    f: Frame,
    must: bool,
    has: bool,
    codes_left: u32,
    begun: Option<Begun>,
    message: &'static str,
}

#[derive(Template)]
#[template(path = "codes.html")]
struct CodesPage {
    f: Frame,
    at: String,
    codes: Vec<String>,
}

fn session_of(viewer: &Viewer) -> Result<&Session, WebError> {
    viewer.session.as_deref().ok_or(WebError::NotSignedIn)
}

async fn show(app: &App, viewer: &Viewer, message: &'static str) -> Result<Response, WebError> {
    let user = &session_of(viewer)?.user;
    let mut f = bare_frame(app, viewer, "二つ目の認証", "Second factor").await?;
    f.back = "/factor".to_owned();
    let id = user.id;
    let seed = app.with_users(move |users| users.begun_token(id)).await?;
    let begun = seed.map(|seed| begun(&seed, &user.name, &f.site)).transpose()?;
    let must = !user.has_factor && app.users.rules().second_factor.contains(user.role);
    page(&FactorPage { f, must, has: user.has_factor, codes_left: user.codes_left, begun, message })
}

/// A seed as apps read it (the key URI of authenticator apps).
fn begun(seed: &str, user: &str, site: &str) -> Result<Begun, WebError> {
    let label = escape(&format!("kukaku {site}:{user}"));
    let uri = format!("otpauth://totp/{label}?secret={seed}&issuer={}&digits=6&period=30", escape("kukaku"));
    let code = QrCode::new(uri.as_bytes()).map_err(|e| WebError::Bug(format!("draw a seed: {e}")))?;
    let qr = code.render::<svg::Color>().min_dimensions(QR_PIXELS, QR_PIXELS).build();
    // The picture stands in a page: without its declaration.
    let qr = qr.split_once("?>").map_or(qr.clone(), |(_, rest)| rest.to_owned());
    let groups: Vec<String> =
        seed.as_bytes().chunks(4).map(|four| String::from_utf8_lossy(four).into_owned()).collect();
    Ok(Begun { qr, text: groups.join(" ") })
}

/// `GET /factor`.
pub(crate) async fn factor(State(app): State<App>, Extension(viewer): Extension<Viewer>) -> Result<Response, WebError> {
    if session_of(&viewer)?.user.must_change {
        return Ok(Redirect::to("/password").into_response());
    }
    show(&app, &viewer, "").await
}

/// Whether who is signed in may change his second factor: he has none, or typed a code of it.
async fn proven(app: &App, viewer: &Viewer, fields: &Fields) -> Result<bool, WebError> {
    let user = session_of(viewer)?.user.clone();
    if user.must_change {
        return Ok(false);
    }
    if !user.has_factor {
        return Ok(true);
    }
    let (code, address, now) = (fields.get("code").to_owned(), viewer.address.to_string(), app.now());
    app.with_users(move |users| users.check_factor(&user, &code, &address, now)).await
}

async fn refused(app: &App, viewer: &Viewer) -> Result<Response, WebError> {
    let why = viewer.lang.pick("確認符号が違います。", "The code is not right.");
    Ok((StatusCode::UNPROCESSABLE_ENTITY, show(app, viewer, why).await?).into_response())
}

/// `POST /factor/begin`.
pub(crate) async fn begin(
    State(app): State<App>,
    Extension(viewer): Extension<Viewer>,
    Extension(fields): Extension<Fields>,
) -> Result<Response, WebError> {
    if !proven(&app, &viewer, &fields).await? {
        return refused(&app, &viewer).await;
    }
    let (name, now) = (viewer.name().to_owned(), app.now());
    app.with_users(move |users| users.begin_token(&name, now)).await?;
    Ok(Redirect::to("/factor").into_response())
}

/// `POST /factor/confirm`.
pub(crate) async fn confirm(
    State(app): State<App>,
    Extension(viewer): Extension<Viewer>,
    Extension(fields): Extension<Fields>,
) -> Result<Response, WebError> {
    let (id, code, now) = (session_of(&viewer)?.user.id, fields.get("code").to_owned(), app.now());
    if !app.with_users(move |users| users.confirm_token(id, &code, now)).await? {
        return refused(&app, &viewer).await;
    }
    Ok(Redirect::to("/").into_response())
}

/// `POST /factor/codes`: the list, shown this once.
pub(crate) async fn codes(
    State(app): State<App>,
    Extension(viewer): Extension<Viewer>,
    Extension(fields): Extension<Fields>,
) -> Result<Response, WebError> {
    if !proven(&app, &viewer, &fields).await? {
        return refused(&app, &viewer).await;
    }
    let name = viewer.name().to_owned();
    let codes = app.with_users(move |users| -> Result<_, UsersError> { users.print_codes(&name) }).await?;
    let (view, ()) = super::read_view(&app, &viewer, |_, _| Ok(())).await?;
    let f = view.frame(&viewer, "", "印刷用の確認符号", "Codes to print", "/factor");
    page(&CodesPage {
        f,
        at: when(&view.dir.zone, app.now(), view.lang),
        codes: codes.iter().map(|code| clean(code)).collect(),
    })
}
