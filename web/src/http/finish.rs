//! What every answer carries: headers that bind the browser, and errors in the reader's language.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use kukaku_schema::Lang;
use serde_json::json;

use super::cookie;
use super::guard::is_api;
use crate::error::WebError;
use crate::house::App;
use crate::pages::layout;

/// Only our own files, no plug-ins, no frames, no inline script or style.
const CONTENT_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; font-src 'self'; \
     connect-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'";

const HEADERS: &[(&str, &str)] = &[
    ("content-security-policy", CONTENT_POLICY),
    ("x-content-type-options", "nosniff"),
    ("x-frame-options", "DENY"),
    // Not `no-referrer`: with it a browser hides the origin of our own forms from us.
    ("referrer-policy", "same-origin"),
    ("cross-origin-opener-policy", "same-origin"),
    ("cross-origin-resource-policy", "same-origin"),
    ("permissions-policy", "camera=(), microphone=(), geolocation=(), payment=(), usb=(), serial=()"),
];

/// A year of TLS alone, once a browser has seen it.
const STRICT_TRANSPORT: &str = "max-age=31536000";

/// An error on its way out: `finish` gives it its body.
#[derive(Clone)]
struct Unrendered(Arc<WebError>);

impl IntoResponse for WebError {
    fn into_response(self) -> Response {
        let mut response = self.status().into_response();
        response.extensions_mut().insert(Unrendered(Arc::new(self)));
        response
    }
}

/// Runs around everything else.
pub(crate) async fn finish(State(app): State<App>, request: Request, next: Next) -> Response {
    let path = request.uri().path().to_owned();
    let method = request.method().clone();
    let lang = cookie::language(request.headers());
    let mut response = match own_host(&app, request.headers()) {
        Ok(()) => next.run(request).await,
        Err(error) => error.into_response(),
    };
    if let Some(Unrendered(error)) = response.extensions_mut().remove::<Unrendered>() {
        if error.is_ours() {
            tracing::error!(%method, %path, "request failed: {error}");
        }
        response = rendered(&error, &path, lang, response.headers());
    }
    let headers = response.headers_mut();
    for (name, value) in HEADERS {
        headers.insert(HeaderName::from_static(name), HeaderValue::from_static(value));
    }
    if !headers.contains_key(header::CACHE_CONTROL) {
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    }
    if !app.loopback_only {
        headers.insert(header::STRICT_TRANSPORT_SECURITY, HeaderValue::from_static(STRICT_TRANSPORT));
    }
    response
}

/// On loopback only loopback's names are ours: a name that points there from elsewhere is an
/// attack on the browser (DNS rebinding). With TLS the certificate says whose name it is.
fn own_host(app: &App, headers: &HeaderMap) -> Result<(), WebError> {
    if !app.loopback_only {
        return Ok(());
    }
    let host = headers.get(header::HOST).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let name = match host.rsplit_once(':') {
        Some((name, port)) if !port.ends_with(']') => name,
        _ => host,
    };
    let ours = name == "localhost"
        || name.ends_with(".localhost")
        || name.trim_matches(['[', ']']).parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback());
    if ours { Ok(()) } else { Err(WebError::Host(host.chars().take(80).collect())) }
}

/// The error as a page, or as `application/problem+json` (RFC 9457) under `/api/`.
fn rendered(error: &WebError, path: &str, lang: Lang, had: &HeaderMap) -> Response {
    let status = error.status();
    let mut response = if is_api(path) {
        let body = problem(status, error);
        let mut response = (status, body).into_response();
        response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        response
    } else {
        layout::error_page(status, &error.for_reader(lang), lang)
    };
    if status == StatusCode::UNAUTHORIZED && is_api(path) {
        response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
    }
    if matches!(status, StatusCode::SERVICE_UNAVAILABLE | StatusCode::TOO_MANY_REQUESTS) {
        response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("5"));
    }
    for name in [header::ALLOW, header::SET_COOKIE] {
        for value in had.get_all(&name) {
            response.headers_mut().append(name.clone(), value.clone());
        }
    }
    response
}

fn problem(status: StatusCode, error: &WebError) -> String {
    let mut problem = json!({
        "type": "about:blank",
        "title": status.canonical_reason().unwrap_or("Error"),
        "status": status.as_u16(),
        "detail": error.for_reader(Lang::En),
        "detail_ja": error.for_reader(Lang::Ja),
    });
    if let Some(field) = error.field() {
        problem["field"] = json!(field);
    }
    problem.to_string()
}
