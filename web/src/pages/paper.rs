//! The newest checkpoint to print, and the answer to a city that asks by telephone.

use askama::Template;
use axum::extract::{Extension, State};
use axum::response::Response;
use kukaku_store::aloud;
use qrcode::QrCode;
use qrcode::render::svg;

use super::layout::{Frame, page};
use super::read_view;
use crate::error::WebError;
use crate::house::App;
use crate::http::guard::Viewer;
use crate::http::params::{Param, Params, Shape};

/// What the answer can be asked for.
pub(crate) const ANSWER_PARAMS: &[Param] = &[
    Param::new("nonce", Shape::Text, "the number that the city said"),
    Param::new("size", Shape::Count { max: u32::MAX }, "entries that the city remembers; else as signed last"),
];

/// Side of the printed code in pixels: about 6 cm on paper, for any telephone's camera.
const CODE_PIXELS: u32 = 240;

#[derive(Template)]
#[template(path = "paper.html")]
struct PaperPage {
    f: Frame,
    text: String,
    note: String,
    code: String,
}

/// `GET /journal/checkpoint/paper`.
pub(crate) async fn paper(State(app): State<App>, Extension(viewer): Extension<Viewer>) -> Result<Response, WebError> {
    let (view, found) = read_view(&app, &viewer, |reader, _| aloud::paper(reader)).await?;
    let (text, note) = found.ok_or(WebError::NotFound)?;
    let code = code(&note)?;
    let f = view.frame(&viewer, "journal", "封印(印刷用)", "Checkpoint on paper", "/journal/checkpoint/paper");
    page(&PaperPage { f, text, note, code })
}

/// The whole signed note, so that what is scanned proves itself.
pub(crate) fn code(note: &str) -> Result<String, WebError> {
    let code = QrCode::new(note.as_bytes()).map_err(|e| WebError::Bug(format!("draw a checkpoint: {e}")))?;
    let drawn = code.render::<svg::Color<'_>>().min_dimensions(CODE_PIXELS, CODE_PIXELS).build();
    // The drawing stands within a page: what comes before its element belongs to a file.
    Ok(drawn.find("<svg").map_or_else(String::new, |start| drawn[start..].to_owned()))
}

#[derive(Template)]
#[template(path = "answer.html")]
struct AnswerPage {
    f: Frame,
    nonce: String,
    size: String,
    answer: Option<(u64, String)>,
    wrong: Option<String>,
}

/// `GET /journal/answer`.
pub(crate) async fn answer(
    State(app): State<App>,
    Extension(viewer): Extension<Viewer>,
    Extension(params): Extension<Params>,
) -> Result<Response, WebError> {
    let nonce = params.text("nonce").unwrap_or_default();
    let size = Some(u64::from(params.count("size", 0))).filter(|size| *size > 0);
    let asked = nonce.clone();
    let (view, said) = read_view(&app, &viewer, move |reader, _| {
        if asked.is_empty() { Ok(None) } else { aloud::answer(reader, &asked, size).map(Some) }
    })
    .await?;
    let (answer, wrong) = match said {
        None => (None, None),
        Some(Ok(answer)) => (Some(answer), None),
        Some(Err(why)) => (None, Some(why)),
    };
    let f = view.frame(&viewer, "journal", "電話での確認", "Check by telephone", "/journal/answer");
    let size = size.map_or_else(String::new, |size| size.to_string());
    page(&AnswerPage { f, nonce, size, answer, wrong })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    #[test]
    fn a_note_with_cosignatures_still_fits_into_the_code() {
        let drawn = super::code(&"x".repeat(1500)).unwrap();
        assert!(drawn.starts_with("<svg") && drawn.ends_with("</svg>"));
    }
}
