//! 市の書面: what the city did with a work order on paper, entered by two users (業者入力).

use axum::extract::{Extension, State};
use axum::response::{IntoResponse, Redirect, Response};
use kukaku_schema::{Name, OrderAct};

use kukaku_store::users::Right;

use super::order_form::{Wrong, instant, named};
use super::orders::{LINK, done, href, refused, show};
use super::read_view;
use crate::error::WebError;
use crate::house::App;
use crate::http::guard::{Fields, Viewer};
use crate::orders::{Asked, Mode, OnPaper};
use crate::pages::gate::PASSWORD_MAX_BYTES;

/// `POST /orders/paper`: the signed-in user enters it, another one confirms it with his password.
pub(crate) async fn enter(
    State(app): State<App>,
    Extension(viewer): Extension<Viewer>,
    Extension(fields): Extension<Fields>,
) -> Result<Response, WebError> {
    let id = Name::new(fields.get("id")).map_err(|_| WebError::NotFound)?;
    let act = OrderAct::from_word(fields.get("act")).filter(|act| act.is_the_citys()).ok_or(WebError::NotFound)?;
    let by = Name::new(viewer.name()).map_err(|_| WebError::NotFound)?;
    let (view, ()) = read_view(&app, &viewer, |_, _| Ok(())).await?;
    let mut errors = Vec::new();
    let paper = Name::new(fields.get("paper").trim());
    let paper = named("paper", ("書面の番号", "Paper"), view.lang, paper, &mut errors);
    let at = match fields.get("at").trim() {
        "" => None,
        text => named("at", ("市の日時", "When"), view.lang, instant(text, &view.dir.zone), &mut errors),
    };
    let wrong = match (paper, errors.is_empty()) {
        (Some(paper), true) => {
            let paper = Some(OnPaper { paper, at });
            let asked = Asked { act, id: id.clone(), by, form: None, report: None, paper, link: LINK };
            enter_confirmed(&app, &viewer, &fields, asked).await?.err().into_iter().collect()
        }
        _ => errors,
    };
    if wrong.is_empty() {
        return Ok(Redirect::to(&href(id.as_str())).into_response());
    }
    let errors = wrong.into_iter().map(|wrong| wrong.text).collect();
    refused(show(&app, &viewer, id.into_string(), errors).await?)
}

/// What is refused in any case costs nobody an attempt at a password.
async fn enter_confirmed(
    app: &App,
    viewer: &Viewer,
    fields: &Fields,
    asked: Asked,
) -> Result<Result<(), Wrong>, WebError> {
    if let Err(wrong) = done(app, viewer, asked.clone(), Mode::Try).await? {
        return Ok(Err(wrong));
    }
    if let Err(wrong) = confirmed(app, viewer, fields).await? {
        return Ok(Err(wrong));
    }
    done(app, viewer, asked, Mode::Record).await
}

/// Whether another user confirms it, with his own password.
async fn confirmed(app: &App, viewer: &Viewer, fields: &Fields) -> Result<Result<(), Wrong>, WebError> {
    let refuse = |ja: &str, en: &str| Ok(Err(Wrong::in_all(viewer.lang.pick(ja, en).to_owned())));
    let (name, password) = (fields.get("confirmed_by").trim().to_owned(), fields.get("password").to_owned());
    if name == viewer.name() {
        return refuse(
            "入力した人と確認する人は、別の二人でなければなりません。",
            "Whoever enters it and whoever confirms it are two people.",
        );
    }
    let (now, address) = (app.now(), viewer.address.to_string());
    if !app.sign_in_limits.take(viewer.address, now) {
        return Err(WebError::TooMany);
    }
    let found = if password.len() > PASSWORD_MAX_BYTES {
        None
    } else {
        app.with_passwords(move |users| users.sign_in(&name, &password, &address, now)).await?
    };
    match found {
        None => refuse(
            "確認する人の利用者名かパスワードが違うか、ロックされています。",
            "The confirming user's name or password is wrong, or it is locked.",
        ),
        Some(user) if user.must_change => refuse(
            "確認する人は、先にサインインして最初のパスワードを変更してください。",
            "The confirming user has to sign in and change the first password before.",
        ),
        Some(user) if user.password_is_over(now) => refuse(
            "確認する人のパスワードは有効期間が過ぎています。先にサインインして変更してください。",
            "The confirming user's password has had its time: sign in and change it before.",
        ),
        Some(user) if !user.role.may(Right::Confirm) => refuse(
            "確認する人には、この操作に署名する権限がありません（権限一覧）。",
            "The confirming user's role may not sign this; see the list of rights.",
        ),
        Some(_) => Ok(Ok(())),
    }
}
