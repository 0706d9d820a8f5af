//! 市の署名: the file of a work order that the city answers with its own tool, and its answer.

use axum::extract::{Extension, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};
use kukaku_schema::Lang;
use kukaku_store::query;

use super::orders::{href, show};
use super::read_view;
use crate::error::WebError;
use crate::house::{App, NotTaken};
use crate::http::guard::{Fields, Viewer};
use crate::http::params::Params;

/// `GET /orders/sheet.json`: what the city is given.
pub(crate) async fn sheet(
    State(app): State<App>,
    Extension(viewer): Extension<Viewer>,
    Extension(params): Extension<Params>,
) -> Result<Response, WebError> {
    let id = params.text("id").ok_or(WebError::NotFound)?;
    let (asked, seen) = (id.clone(), id.clone());
    // The daemon knows every order; who asks, only what is his.
    let (_, steps) = read_view(&app, &viewer, move |reader, _| query::order_steps(reader, &seen)).await?;
    if steps.is_empty() {
        return Err(WebError::NotFound);
    }
    match app.with_commands(move |commands| commands.order_sheet(&asked)).await? {
        Ok(text) => {
            let headers = [
                (header::CONTENT_TYPE, "application/json; charset=utf-8"),
                (header::CONTENT_DISPOSITION, "attachment; filename=\"order.json\""),
            ];
            Ok((headers, text).into_response())
        }
        Err(why) => {
            let shown = show(&app, &viewer, id, vec![why.text(viewer.lang).to_owned()]).await?;
            Ok((StatusCode::UNPROCESSABLE_ENTITY, shown).into_response())
        }
    }
}

/// `POST /orders/take`: what the city signed.
pub(crate) async fn take(
    State(app): State<App>,
    Extension(viewer): Extension<Viewer>,
    Extension(fields): Extension<Fields>,
) -> Result<Response, WebError> {
    let (answer, who) = (fields.get("answer").to_owned(), viewer.name().to_owned());
    let _turn = app.order_turn().await?;
    match app.with_commands(move |commands| commands.take_answer(&answer, None, &who)).await? {
        // An answer that was taken in before changes nothing: its order shows when that was.
        Ok(taken) => Ok(Redirect::to(&href(&taken.order)).into_response()),
        Err(why) => {
            let lang = viewer.lang;
            let errors = match why {
                NotTaken::Refused(why) => {
                    let kept = lang.pick(
                        "受け取った内容は「読めなかった記録」に残しました。",
                        "What came is kept among the unreadable.",
                    );
                    vec![why.text(lang).to_owned(), kept.to_owned()]
                }
                NotTaken::NotKept(why) => vec![match lang {
                    Lang::Ja => format!("記録できませんでした。しばらくしてからもう一度操作してください。（{why}）"),
                    Lang::En => why,
                }],
            };
            let shown = show(&app, &viewer, fields.get("id").to_owned(), errors).await?;
            Ok((StatusCode::UNPROCESSABLE_ENTITY, shown).into_response())
        }
    }
}
