//! The files that pages load: part of the program, so that nothing comes from outside.

use axum::extract::Path;
use axum::http::header;
use axum::response::{IntoResponse, Response};

use crate::error::WebError;
use crate::http::params::{Param, Shape};

/// The parameter that tells the versions of a file apart.
pub(crate) const PARAMS: &[Param] = &[Param::new("v", Shape::Text, "the program's version")];

/// An hour; the addresses carry the version besides.
const KEPT: &str = "private, max-age=3600";

const FILES: &[(&str, &str, &str)] = &[
    ("style.css", "text/css; charset=utf-8", include_str!("../../static/style.css")),
    ("live.js", "text/javascript; charset=utf-8", include_str!("../../static/live.js")),
    ("table.js", "text/javascript; charset=utf-8", include_str!("../../static/table.js")),
    ("icon.svg", "image/svg+xml", include_str!("../../static/icon.svg")),
];

/// `GET /static/{file}`.
pub(crate) async fn file(Path(file): Path<String>) -> Result<Response, WebError> {
    let (_, sort, text) = FILES.iter().find(|(name, _, _)| *name == file).ok_or(WebError::NotFound)?;
    Ok(([(header::CONTENT_TYPE, *sort), (header::CACHE_CONTROL, KEPT)], *text).into_response())
}
