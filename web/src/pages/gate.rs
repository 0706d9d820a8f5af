//! Signing in and out, the password, the language, the site's certificate.

use std::sync::Arc;

use askama::Template;
use axum::extract::{Extension, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};
use kukaku_schema::Lang;
use kukaku_store::users::{Scope, UsersError};

use super::layout::{Frame, page};
use super::read_view;
use crate::error::WebError;
use crate::house::App;
use crate::http::cookie;
use crate::http::guard::{Fields, Viewer};
use crate::http::params::{Param, Params, Shape, escape};

/// The sign-in page's parameters.
pub(crate) const PARAMS: &[Param] = &[Param::new("next", Shape::Text, "where to go after the sign-in")];

/// Longest password that is looked at, in bytes: 128 characters of four bytes.
pub(super) const PASSWORD_MAX_BYTES: usize = 512;

#[derive(Template)]
#[template(path = "login.html")]
struct LoginPage {
    f: Frame,
    next: String,
    message: String,
    certificate: bool,
}

#[derive(Template)]
#[template(path = "password.html")]
struct PasswordPage {
    f: Frame,
    first: bool,
    over: bool,
    rules: String,
    shortest: usize,
    message: String,
}

#[derive(Template)]
#[template(path = "certificate.html")]
struct CertificatePage {
    f: Frame,
    own_ca: bool,
    fingerprint: String,
}

/// A path of ours to go to; anything else leads to the board.
fn own_path(text: &str) -> &str {
    let fine = text.starts_with('/')
        && !text.starts_with("//")
        && !text.contains(['\\', '\r', '\n', '\t'])
        && !text.starts_with("/login")
        && text.bytes().all(|byte| byte.is_ascii_graphic());
    if fine { text } else { "/" }
}

pub(super) async fn bare_frame(
    app: &App,
    viewer: &Viewer,
    ja: &'static str,
    en: &'static str,
) -> Result<Frame, WebError> {
    let (view, ()) = read_view(app, viewer, |_, _| Ok(())).await?;
    let mut f = view.frame(viewer, "", ja, en, "/login");
    // Who is not signed in is not told what goes on.
    f.foot.clear();
    f.trouble.clear();
    Ok(f)
}

/// `GET /login`.
pub(crate) async fn login(
    State(app): State<App>,
    Extension(viewer): Extension<Viewer>,
    Extension(params): Extension<Params>,
) -> Result<Response, WebError> {
    if viewer.session.is_some() {
        return Ok(Redirect::to(own_path(params.shown("next"))).into_response());
    }
    let f = bare_frame(&app, &viewer, "サインイン", "Sign in").await?;
    let next = own_path(params.shown("next")).to_owned();
    page(&LoginPage { f, next, message: String::new(), certificate: app.site_ca_pem.is_some() })
}

/// `POST /login`.
pub(crate) async fn sign_in(
    State(app): State<App>,
    Extension(viewer): Extension<Viewer>,
    Extension(fields): Extension<Fields>,
) -> Result<Response, WebError> {
    let now = app.now();
    if !app.sign_in_limits.take(viewer.address, now) {
        return Err(WebError::TooMany);
    }
    let (name, password) = (fields.get("name").trim().to_owned(), fields.get("password").to_owned());
    let (address, old) = (viewer.address.to_string(), viewer.session_cookie.clone());
    let (from, may_come) = (viewer.address, Arc::clone(&app.may_come));
    let signed_in = if password.len() > PASSWORD_MAX_BYTES {
        None
    } else {
        app.with_passwords(move |users| {
            let may = |role| may_come(role, from);
            let Some(user) = users.sign_in_where(&name, &password, &address, &may, now)? else { return Ok(None) };
            // A new id for every sign-in, so that one planted before it is worth nothing.
            let scope = if user.has_factor { Scope::Half } else { Scope::Full };
            let cookie = users.open_session(&user, scope, &address, now)?;
            if let Some(old) = old {
                users.close_session(&old)?;
            }
            Ok(Some((scope == Scope::Half, user.must_change || user.password_is_over(now), cookie)))
        })
        .await?
    };
    let Some((half, must_change, session)) = signed_in else {
        let f = bare_frame(&app, &viewer, "サインイン", "Sign in").await?;
        let message = viewer.lang.pick(
            "サインインできません。利用者名とパスワードを確かめてください。",
            "That did not work. Check the user name and the password.",
        );
        let next = own_path(fields.get("next")).to_owned();
        let body = LoginPage { f, next, message: message.to_owned(), certificate: app.site_ca_pem.is_some() };
        return Ok((StatusCode::UNAUTHORIZED, page(&body)?).into_response());
    };
    let next = own_path(fields.get("next"));
    let with_code = format!("/login/code?next={}", escape(next));
    let to = if half {
        &with_code
    } else if must_change {
        "/password"
    } else {
        next
    };
    Ok(with_cookies(Redirect::to(to), &[cookie::set(cookie::SESSION, &session), cookie::clear(cookie::FORM)]))
}

#[derive(Template)]
#[template(path = "code.html")]
struct CodePage {
    f: Frame,
    next: String,
    message: &'static str,
    codes_left: u32,
}

async fn code_page(app: &App, viewer: &Viewer, next: &str, message: &'static str) -> Result<Response, WebError> {
    let mut f = bare_frame(app, viewer, "確認符号", "Code").await?;
    // He isn't signed in yet.
    f.user.clear();
    let codes_left = viewer.session.as_ref().map_or(0, |session| session.user.codes_left);
    page(&CodePage { f, next: own_path(next).to_owned(), message, codes_left })
}

/// `GET /login/code`.
pub(crate) async fn code(
    State(app): State<App>,
    Extension(viewer): Extension<Viewer>,
    Extension(params): Extension<Params>,
) -> Result<Response, WebError> {
    code_page(&app, &viewer, params.shown("next"), "").await
}

/// `POST /login/code`.
pub(crate) async fn give_code(
    State(app): State<App>,
    Extension(viewer): Extension<Viewer>,
    Extension(fields): Extension<Fields>,
) -> Result<Response, WebError> {
    let (Some(session), Some(half)) = (viewer.session.clone(), viewer.session_cookie.clone()) else {
        return Err(WebError::NotSignedIn);
    };
    let now = app.now();
    if !app.sign_in_limits.take(viewer.address, now) {
        return Err(WebError::TooMany);
    }
    let (code, address) = (fields.get("code").to_owned(), viewer.address.to_string());
    let user = session.user.clone();
    let opened = app
        .with_users(move |users| {
            if !users.check_factor(&user, &code, &address, now)? {
                return Ok(None);
            }
            let full = users.open_session(&user, Scope::Full, &address, now)?;
            users.close_session(&half)?;
            Ok(Some(full))
        })
        .await?;
    let Some(full) = opened else {
        let why = viewer
            .lang
            .pick("サインインできません。確認符号を確かめてください。", "That did not work. Check the code.");
        let shown = code_page(&app, &viewer, fields.get("next"), why).await?;
        return Ok((StatusCode::UNAUTHORIZED, shown).into_response());
    };
    let user = &session.user;
    let to = if user.must_change || user.password_is_over(now) { "/password" } else { own_path(fields.get("next")) };
    Ok(with_cookies(Redirect::to(to), &[cookie::set(cookie::SESSION, &full)]))
}

/// `POST /logout`.
pub(crate) async fn sign_out(
    State(app): State<App>,
    Extension(viewer): Extension<Viewer>,
) -> Result<Response, WebError> {
    if let Some(session) = viewer.session_cookie {
        app.with_users(move |users| users.close_session(&session)).await?;
    }
    Ok(with_cookies(Redirect::to("/login"), &[cookie::clear(cookie::SESSION)]))
}

fn with_cookies(response: impl IntoResponse, cookies: &[HeaderValue]) -> Response {
    let mut response = response.into_response();
    for value in cookies {
        response.headers_mut().append(header::SET_COOKIE, value.clone());
    }
    response
}

/// `GET /password`.
pub(crate) async fn password(
    State(app): State<App>,
    Extension(viewer): Extension<Viewer>,
) -> Result<Response, WebError> {
    password_page(&app, &viewer, String::new()).await
}

async fn password_page(app: &App, viewer: &Viewer, message: String) -> Result<Response, WebError> {
    let user = viewer.session.as_ref().map(|session| &session.user);
    let first = user.is_some_and(|user| user.must_change);
    let over = !first && user.is_some_and(|user| user.password_is_over(app.now()));
    let has_factor = user.is_some_and(|user| user.has_factor);
    let rules = app.users.rules().label(has_factor, viewer.lang);
    let shortest = app.users.rules().shortest(has_factor);
    let mut f = bare_frame(app, viewer, "パスワードの変更", "Change the password").await?;
    f.back = "/password".to_owned();
    page(&PasswordPage { f, first, over, rules, shortest, message })
}

/// `POST /password`.
pub(crate) async fn change_password(
    State(app): State<App>,
    Extension(viewer): Extension<Viewer>,
    Extension(fields): Extension<Fields>,
) -> Result<Response, WebError> {
    let Some(session) = viewer.session.clone() else { return Err(WebError::NotSignedIn) };
    let now = app.now();
    if !app.sign_in_limits.take(viewer.address, now) {
        return Err(WebError::TooMany);
    }
    let lang = viewer.lang;
    let (present, new) = (fields.get("present").to_owned(), fields.get("new").to_owned());
    if new != fields.get("again") {
        let text = lang.pick("二つの新しいパスワードが違っています。", "The two new passwords differ.");
        return Ok(
            (StatusCode::UNPROCESSABLE_ENTITY, password_page(&app, &viewer, text.to_owned()).await?).into_response()
        );
    }
    if present.len() > PASSWORD_MAX_BYTES || new.len() > PASSWORD_MAX_BYTES {
        return Err(WebError::TooLong { limit: PASSWORD_MAX_BYTES });
    }
    let address = viewer.address.to_string();
    let outcome = app
        .with_passwords(move |users| {
            let user = &session.user;
            let present = (!user.must_change).then_some(present.as_str());
            match users.change_password(&user.name, present, &new, now) {
                Ok(()) => {}
                Err(error @ (UsersError::Password(_) | UsersError::Refused)) => return Ok(Err(error)),
                Err(error) => return Err(error),
            }
            let user = users.list()?.into_iter().find(|fresh| fresh.id == user.id);
            let user = user.ok_or_else(|| UsersError::NoUser(session.user.name.clone()))?;
            Ok(Ok(users.open_session(&user, Scope::Full, &address, now)?))
        })
        .await?;
    match outcome {
        Ok(session) => Ok(with_cookies(Redirect::to("/"), &[cookie::set(cookie::SESSION, &session)])),
        Err(error) => {
            let text = refusal_text(&error, lang);
            Ok((StatusCode::UNPROCESSABLE_ENTITY, password_page(&app, &viewer, text).await?).into_response())
        }
    }
}

fn refusal_text(error: &UsersError, lang: Lang) -> String {
    match error {
        UsersError::Password(fault) => fault.label(lang).to_owned(),
        _ => lang.pick("いまのパスワードが違います。", "The present password is wrong.").to_owned(),
    }
}

/// `POST /language`.
pub(crate) async fn language(Extension(fields): Extension<Fields>) -> Response {
    let lang = Lang::from_tag(fields.get("to")).unwrap_or_default();
    let back = if fields.get("back") == "/login" { "/login" } else { own_path(fields.get("back")) };
    with_cookies(Redirect::to(back), &[cookie::set_language(lang)])
}

/// `GET /certificate`.
pub(crate) async fn certificate(
    State(app): State<App>,
    Extension(viewer): Extension<Viewer>,
) -> Result<Response, WebError> {
    let mut f = bare_frame(&app, &viewer, "証明書", "Certificate").await?;
    f.back = "/certificate".to_owned();
    let fingerprint = app.site_ca_pem.as_deref().and_then(pem_fingerprint);
    page(&CertificatePage { f, own_ca: fingerprint.is_some(), fingerprint: fingerprint.unwrap_or_default() })
}

/// `GET /certificate/site-ca.pem`.
pub(crate) async fn site_ca(State(app): State<App>) -> Result<Response, WebError> {
    let pem = app.site_ca_pem.clone().ok_or(WebError::NotFound)?;
    let headers = [
        (header::CONTENT_TYPE, "application/x-pem-file"),
        (header::CONTENT_DISPOSITION, "attachment; filename=\"kukaku-site-ca.pem\""),
    ];
    Ok((headers, pem).into_response())
}

/// SHA-256 of the first certificate of a PEM text, in pairs of digits as browsers show it.
fn pem_fingerprint(pem: &str) -> Option<String> {
    use base64::Engine;
    use sha2::{Digest, Sha256};
    let body = pem.split("-----BEGIN CERTIFICATE-----").nth(1)?.split("-----END CERTIFICATE-----").next()?;
    let digits: String = body.chars().filter(|c| !c.is_whitespace()).collect();
    let der = base64::engine::general_purpose::STANDARD.decode(digits).ok()?;
    let pairs: Vec<String> = Sha256::digest(der).iter().map(|byte| format!("{byte:02X}")).collect();
    Some(pairs.join(":"))
}

#[cfg(test)]
mod tests {
    use super::own_path;

    #[test]
    fn nobody_is_sent_to_another_site_after_signing_in() {
        for bad in [
            "//evil.example",
            "https://evil.example",
            "/\\evil",
            "\\\\evil",
            "javascript:alert(1)",
            "",
            "/a\r\nb",
            "/login?next=/",
        ] {
            assert_eq!(own_path(bad), "/", "{bad:?}");
        }
        assert_eq!(own_path("/sessions?verdict=absent"), "/sessions?verdict=absent");
    }
}
