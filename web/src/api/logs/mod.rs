//! `POST /api/v1/logs`: the log of a gateway or of Windows, in its own words, from a source with
//! its key.
//!
//! The body is read whole, then line by line by the reader of its source, one request of a source
//! after the other. The answer is given after the commit of all that came of it; with any other
//! answer nothing was remembered, and the same body is read again as if it came for the first time.

mod cut;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use axum::Json;
use axum::body::Body;
use axum::extract::{Extension, State};
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Response};
use kukaku_schema::UtcMicros;
use kukaku_schema::intake::{Arrival, ArrivalBody, Kept, NotKept, Receipt, Unreadable};
use schemars::JsonSchema;
use serde::Serialize;

use crate::error::WebError;
use crate::house::App;
use crate::http::body::Pieces;
use crate::http::guard::Viewer;
use crate::http::params::{Param, Params, Shape};
use crate::posted::PostedLog;

/// Longest body: what winlogbeat or NXLog send at once, many times over. It is held in memory.
pub(crate) const LOG_BODY_MAX_BYTES: usize = 8 * 1024 * 1024;
/// Most lines or values of a body.
pub(crate) const LOG_LINES_MAX: usize = 20_000;
/// Longest that a body may take to come in.
const BODY_LONGEST: Duration = Duration::from_secs(120);
/// Longest wait for one commit: storage that takes longer is in trouble.
const COMMIT_LONGEST: Duration = Duration::from_secs(30);
/// Unreadable lines of which the answer says what is wrong; the rest are counted.
const PROBLEMS_MAX: usize = 100;
/// The name of this way in.
const LINK: &str = "http";

/// What the route takes.
pub(crate) const PARAMS: &[Param] =
    &[Param::new("source", Shape::Text, "whose log it is: a source with a `[[web.log]]` table; always needed")];

/// The answer to a posted log, given after the commit.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, JsonSchema)]
pub(crate) struct LogAnswer {
    /// Lines or JSON values that were read; empty ones don't count.
    pub lines: usize,
    /// Observations that came of them and are durable now. Most lines say nothing of a session.
    pub kept: usize,
    /// Observations that were known already.
    pub duplicate: usize,
    /// Lines that should say something and could not be understood; kept as they came.
    pub unreadable: usize,
    /// What is wrong with the first of them.
    pub problems: Vec<LogProblem>,
}

/// A line that could not be understood.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub(crate) struct LogProblem {
    /// Which line or value of the body, from 1; empty ones don't count.
    pub line: usize,
    /// What is wrong with it.
    pub error: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sort {
    Lines,
    Values,
}

/// `POST /api/v1/logs?source=ID`.
pub(crate) async fn post(
    State(app): State<App>,
    Extension(viewer): Extension<Viewer>,
    Extension(params): Extension<Params>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, WebError> {
    let key = viewer.key.as_deref().ok_or(WebError::NoKey)?;
    let source = params.text("source").ok_or_else(|| wrong_source("指定が必要です。", "is needed"))?;
    if !key.speaks_for(&source) {
        return Err(WebError::KeyMayNot((
            "この記録元のキーではありません。",
            "It is not for this source: make one with `kukaku sources key add SOURCE`.",
        )));
    }
    let posted = app.logs.of(&source).ok_or_else(|| {
        wrong_source("kukaku.toml の [[web.log]] にありません。", "has no [[web.log]] table in kukaku.toml")
    })?;
    let sort = sort_of(&headers)?;
    let _place = app.logs.bodies.try_acquire().map_err(|_| WebError::Busy)?;
    let body = Pieces::new(body, LOG_BODY_MAX_BYTES, BODY_LONGEST).whole().await?;
    let _turn = posted.turn.acquire().await.map_err(|_| WebError::Busy)?;
    let (reader, received) = (posted.begin(), app.now());
    let read = tokio::task::spawn_blocking(move || read_all(reader, &source, sort, &body, received)).await;
    let Read { reader, bodies, mut answer } =
        read.map_err(|e| WebError::Bug(format!("the reading of a log ended early: {e}")))??;
    keep_all(&app, bodies, &mut answer).await?;
    posted.keep(reader);
    Ok(Json(answer).into_response())
}

fn wrong_source(ja: &str, en: &str) -> WebError {
    WebError::Param { name: "source".to_owned(), why: (ja.to_owned(), en.to_owned()) }
}

fn sort_of(headers: &HeaderMap) -> Result<Sort, WebError> {
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let encoding = text(header::CONTENT_ENCODING);
    if !matches!(encoding, "" | "identity") {
        return Err(WebError::MediaType(format!(
            "{}; send it uncompressed",
            encoding.chars().take(40).collect::<String>()
        )));
    }
    let sort = text(header::CONTENT_TYPE);
    match sort.split(';').next().map(|sort| sort.trim().to_ascii_lowercase()).as_deref() {
        Some("application/json") => Ok(Sort::Values),
        Some("text/plain" | "application/x-ndjson" | "application/jsonl") => Ok(Sort::Lines),
        _ => Err(WebError::MediaType(sort.chars().take(80).collect())),
    }
}

/// A body, read.
struct Read {
    /// The reader, which remembers it.
    reader: Box<dyn PostedLog>,
    /// All that came of it, in order.
    bodies: Vec<ArrivalBody>,
    answer: LogAnswer,
}

fn read_all(
    mut reader: Box<dyn PostedLog>,
    source: &str,
    sort: Sort,
    body: &[u8],
    received: UtcMicros,
) -> Result<Read, WebError> {
    let pieces: Vec<&[u8]> = match sort {
        Sort::Lines => cut::lines(body).collect(),
        Sort::Values => cut::values(body),
    };
    if pieces.len() > LOG_LINES_MAX {
        return Err(WebError::Body(format!("more than {LOG_LINES_MAX} lines; send them in several bodies")));
    }
    let mut answer = LogAnswer { lines: pieces.len(), ..LogAnswer::default() };
    let mut bodies = Vec::new();
    for (index, piece) in pieces.into_iter().enumerate() {
        let said = read_one(&mut reader, source, piece, received);
        if let Some(ArrivalBody::Unreadable(kept)) = said.first() {
            answer.unreadable += 1;
            if answer.problems.len() < PROBLEMS_MAX {
                answer.problems.push(LogProblem { line: index + 1, error: kept.reason.clone() });
            }
        }
        bodies.extend(said);
    }
    Ok(Read { reader, bodies, answer })
}

/// Reads one line. One on which its reader panics is kept as unreadable: it would else be sent
/// again for ever.
fn read_one(reader: &mut Box<dyn PostedLog>, source: &str, piece: &[u8], received: UtcMicros) -> Vec<ArrivalBody> {
    let unreadable =
        |reason: String| vec![ArrivalBody::Unreadable(Unreadable::new(Some(source.to_owned()), piece, reason))];
    if piece.len() > cut::PIECE_MAX_BYTES {
        let (length, limit) = (piece.len(), cut::PIECE_MAX_BYTES);
        return unreadable(format!("{length} bytes are more than the {limit} a line may have"));
    }
    catch_unwind(AssertUnwindSafe(|| reader.take(piece, received)))
        .unwrap_or_else(|_| unreadable("the program failed on this line; please report it".to_owned()))
}

/// Hands everything to the writer and waits for every commit.
async fn keep_all(app: &App, bodies: Vec<ArrivalBody>, answer: &mut LogAnswer) -> Result<(), WebError> {
    let not_kept = |why: NotKept| WebError::NotKept(why.to_string());
    let mut receipts: Vec<(bool, Receipt)> = Vec::with_capacity(bodies.len());
    for body in bodies {
        let says = matches!(body, ArrivalBody::Observation(_));
        let arrival = Arrival { link: LINK.to_owned(), body };
        receipts.push((says, app.submit(arrival).await.map_err(not_kept)?));
    }
    for (says, receipt) in receipts {
        let kept = tokio::time::timeout(COMMIT_LONGEST, receipt)
            .await
            .map_err(|_| WebError::NotKept("the commit takes too long".to_owned()))?
            .map_err(not_kept)?;
        match kept {
            Kept { duplicate: true, .. } if says => answer.duplicate += 1,
            _ if says => answer.kept += 1,
            _ => {}
        }
    }
    Ok(())
}
