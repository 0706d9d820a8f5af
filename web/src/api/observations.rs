//! `POST /api/v1/observations`: one object, or JSON Lines, from a source with its key.
//!
//! Lines go to the writer while the body still comes in; its queue is the back-pressure. The
//! answer is given only after the commit of every line: what it calls kept is on the disk.

use std::time::Duration;

use axum::Json;
use axum::body::Body;
use axum::extract::{Extension, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use kukaku_schema::intake::{Arrival, ArrivalBody, Kept, NotKept, Receipt, UNREADABLE_KEPT_BYTES, Unreadable};
use kukaku_schema::observation::MAX_OBSERVATION_BYTES;
use kukaku_schema::parse_observation;
use kukaku_store::users::ApiKey;
use sha2::{Digest, Sha256};

use super::shapes::{LineAnswer, LineStatus, LinesAnswer};
use crate::error::WebError;
use crate::house::App;
use crate::http::body::Pieces;
use crate::http::guard::Viewer;
use crate::orders::OWN_SOURCE;

/// Longest body: a day of a busy door panel that was cut off.
pub(crate) const BODY_MAX_BYTES: usize = 16 * 1024 * 1024;
/// Most lines of a body: each keeps its answer in memory until the end.
pub(crate) const LINES_MAX: usize = 20_000;
/// Longest wait for one commit: storage that takes longer is in trouble.
const COMMIT_LONGEST: Duration = Duration::from_secs(30);
/// Longest that a body may take to come in, the writer's back-pressure among it.
const BODY_LONGEST: Duration = Duration::from_secs(600);
/// The name of this way in.
const LINK: &str = "http";

const OBJECT: &str = "application/json";
const LINES: &str = "application/x-ndjson";

/// How a body is cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sort {
    /// Objects, each on as many lines as it likes: an observation holds no other object, so a line
    /// that begins with `{` begins one, and one that ends with `}` ends it. JSON Lines sent as
    /// JSON are read as what they are.
    Objects,
    /// One object a line.
    Lines,
}

/// `POST /api/v1/observations`.
pub(crate) async fn post(
    State(app): State<App>,
    Extension(viewer): Extension<Viewer>,
    headers: HeaderMap,
    body: Body,
) -> Result<Response, WebError> {
    let key = viewer.key.as_deref().ok_or(WebError::NoKey)?;
    let sort = sort_of(&headers)?;
    let announced =
        headers.get(header::CONTENT_LENGTH).and_then(|v| v.to_str().ok()).and_then(|v| v.parse::<usize>().ok());
    if announced.is_some_and(|length| length > BODY_MAX_BYTES) {
        return Err(WebError::TooLong { limit: BODY_MAX_BYTES });
    }
    let mut pieces = Pieces::new(body, BODY_MAX_BYTES, BODY_LONGEST);
    let mut cutter = Cutter::new(sort);
    let mut under_way: Vec<UnderWay> = vec![];
    while let Some(piece) = pieces.next().await? {
        let mut rest = &piece[..];
        while let Some(line) = cutter.push(&mut rest) {
            take(&app, key, line, &mut under_way).await?;
        }
    }
    if let Some(line) = cutter.finish() {
        take(&app, key, line, &mut under_way).await?;
    }
    answer(under_way).await
}

fn sort_of(headers: &HeaderMap) -> Result<Sort, WebError> {
    let text = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    match text.split(';').next().map(|sort| sort.trim().to_ascii_lowercase()).as_deref() {
        Some(OBJECT) => Ok(Sort::Objects),
        Some(LINES | "application/jsonl") => Ok(Sort::Lines),
        _ => Err(WebError::MediaType(text.chars().take(80).collect())),
    }
}

/// A line whose answer is not known yet, or is.
enum UnderWay {
    Waiting { line: usize, receipt: Receipt, error: Option<String> },
    Known(LineAnswer),
}

/// Hands one line to the writer.
async fn take(app: &App, key: &ApiKey, line: Line, under_way: &mut Vec<UnderWay>) -> Result<(), WebError> {
    if under_way.len() >= LINES_MAX {
        return Err(WebError::Body(format!("more than {LINES_MAX} lines; send them in several bodies")));
    }
    let number = line.number;
    let (body, error) = match line.whole() {
        Ok(bytes) => match parse_observation(bytes) {
            Ok(observation) => {
                let source = observation.header().source.as_str();
                // What the site does itself comes by the ways that check it, not as a line of anybody's.
                if !key.speaks_for(source) || source == OWN_SOURCE {
                    let error = format!("key {} may not speak for source {source:?}", key.id);
                    under_way.push(UnderWay::Known(refused(number, error)));
                    return Ok(());
                }
                (ArrivalBody::Observation(Box::new(observation)), None)
            }
            Err(refusal) => unreadable(key, &line, refusal.to_string()),
        },
        Err(reason) => unreadable(key, &line, reason),
    };
    match app.submit(Arrival { link: LINK.to_owned(), body }).await {
        Ok(receipt) => under_way.push(UnderWay::Waiting { line: number, receipt, error }),
        Err(not_kept) => under_way.push(UnderWay::Known(not_kept_answer(number, &not_kept))),
    }
    Ok(())
}

fn refused(line: usize, error: String) -> LineAnswer {
    LineAnswer { line, status: LineStatus::Refused, journal_seq: None, error: Some(error) }
}

fn not_kept_answer(line: usize, why: &NotKept) -> LineAnswer {
    LineAnswer { line, status: LineStatus::NotKept, journal_seq: None, error: Some(why.to_string()) }
}

fn unreadable(key: &ApiKey, line: &Line, reason: String) -> (ArrivalBody, Option<String>) {
    // A key of one source tells who sent what can't be read.
    let source = match key.sources.as_slice() {
        [only] => Some(only.clone()),
        _ => None,
    };
    let kept = Unreadable {
        source,
        head: line.head[..line.head.len().min(UNREADABLE_KEPT_BYTES)].to_vec(),
        length: line.length,
        sha256: line.hash.clone().finalize().into(),
        reason: reason.clone(),
    };
    (ArrivalBody::Unreadable(kept), Some(reason))
}

/// Waits for every commit and says what became of each line.
async fn answer(under_way: Vec<UnderWay>) -> Result<Response, WebError> {
    if under_way.is_empty() {
        return Err(WebError::Body("the body holds no observation".to_owned()));
    }
    let mut answers = Vec::with_capacity(under_way.len());
    for one in under_way {
        answers.push(match one {
            UnderWay::Known(answer) => answer,
            UnderWay::Waiting { line, receipt, error } => match tokio::time::timeout(COMMIT_LONGEST, receipt).await {
                Ok(Ok(kept)) => kept_answer(line, kept, error),
                Ok(Err(not_kept)) => not_kept_answer(line, &not_kept),
                Err(_) => not_kept_answer(line, &NotKept { reason: "the commit takes too long".to_owned() }),
            },
        });
    }
    let all = |status: LineStatus| answers.iter().all(|answer| answer.status == status);
    if all(LineStatus::Refused) {
        return Err(WebError::KeyMayNot((
            "観測の source に書かれたどの記録元のキーでもありません。",
            "It is for none of the sources that the observations name: make one with `kukaku sources key add SOURCE`.",
        )));
    }
    let durable = |answer: &LineAnswer| answer.journal_seq.is_some();
    if !answers.iter().any(durable) {
        let why = answers.iter().find(|a| a.status == LineStatus::NotKept).and_then(|a| a.error.clone());
        return Err(WebError::NotKept(why.unwrap_or_default()));
    }
    Ok((StatusCode::OK, Json(LinesAnswer { answers })).into_response())
}

fn kept_answer(line: usize, kept: Kept, error: Option<String>) -> LineAnswer {
    let status = match (&error, kept.duplicate) {
        (Some(_), _) => LineStatus::Unreadable,
        (None, true) => LineStatus::Duplicate,
        (None, false) => LineStatus::Kept,
    };
    LineAnswer { line, status, journal_seq: Some(kept.journal_seq), error }
}

/// One line as it came: as much of it as can be an observation, and what identifies the rest.
struct Line {
    number: usize,
    head: Vec<u8>,
    length: u64,
    hash: Sha256,
}

impl Line {
    fn new(number: usize) -> Self {
        Self { number, head: vec![], length: 0, hash: Sha256::new() }
    }

    fn add(&mut self, bytes: &[u8]) {
        self.length += bytes.len() as u64;
        self.hash.update(bytes);
        let room = MAX_OBSERVATION_BYTES.saturating_sub(self.head.len());
        self.head.extend_from_slice(&bytes[..bytes.len().min(room)]);
    }

    fn is_blank(&self) -> bool {
        self.length as usize == self.head.len() && self.head.iter().all(u8::is_ascii_whitespace)
    }

    /// The line's bytes, where all of it was small enough to keep.
    fn whole(&self) -> Result<&[u8], String> {
        if self.length as usize == self.head.len() {
            Ok(&self.head)
        } else {
            Err(format!("{} bytes are more than the {MAX_OBSERVATION_BYTES} an observation may have", self.length))
        }
    }
}

/// Cuts a body into lines while it comes in; never holds more than one line's head.
struct Cutter {
    sort: Sort,
    line: Line,
    /// Lines of the body seen so far, this one among them.
    seen: usize,
    /// Nothing but white space came since the last line's end.
    at_beginning: bool,
    /// The last byte that is no white space is a `}`.
    is_closed: bool,
}

impl Cutter {
    fn new(sort: Sort) -> Self {
        Self { sort, line: Line::new(1), seen: 1, at_beginning: true, is_closed: false }
    }

    /// Takes from `rest`, and returns the next line that is whole and not blank.
    fn push(&mut self, rest: &mut &[u8]) -> Option<Line> {
        while !rest.is_empty() {
            if self.at_beginning {
                if self.sort == Sort::Objects {
                    // White space goes with what is before it, so that it matters not where the network cuts.
                    let blank = rest.iter().take_while(|byte| matches!(byte, b' ' | b'\t' | b'\r')).count();
                    self.line.add(&rest[..blank]);
                    *rest = &rest[blank..];
                }
                let first = *rest.first()?;
                if self.sort == Sort::Lines || first == b'{' || self.is_closed || self.line.is_blank() {
                    (self.at_beginning, self.is_closed) = (false, false);
                    let done = std::mem::replace(&mut self.line, Line::new(self.seen));
                    if !done.is_blank() {
                        return Some(done);
                    }
                }
            }
            let end = rest.iter().position(|byte| *byte == b'\n').map_or(rest.len(), |newline| newline + 1);
            let (part, after) = rest.split_at(end);
            *rest = after;
            self.add(part);
        }
        None
    }

    /// Takes a part of one line, its end among it or not.
    fn add(&mut self, part: &[u8]) {
        self.at_beginning = part.last() == Some(&b'\n');
        self.seen += usize::from(self.at_beginning);
        let last = part.iter().rfind(|byte| !byte.is_ascii_whitespace());
        self.is_closed = last.map_or(self.is_closed, |byte| *byte == b'}');
        // A line end belongs to no line; the carriage return of a Windows line is white space to JSON.
        let without_end = self.at_beginning && self.sort == Sort::Lines;
        self.line.add(&part[..part.len() - usize::from(without_end)]);
    }

    /// What is left at the end of the body.
    fn finish(self) -> Option<Line> {
        (!self.line.is_blank()).then_some(self.line)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn cut(sort: Sort, pieces: &[&[u8]]) -> Vec<(usize, u64, Vec<u8>)> {
        let mut cutter = Cutter::new(sort);
        let mut out = vec![];
        for piece in pieces {
            let mut rest = *piece;
            while let Some(line) = cutter.push(&mut rest) {
                out.push((line.number, line.length, line.head));
            }
        }
        out.extend(cutter.finish().map(|line| (line.number, line.length, line.head)));
        out
    }

    #[test]
    fn lines_are_the_same_however_the_network_cuts_them() {
        let body = b"{\"a\":1}\n\n  \n  {\"b\":2}\r\n{\"c\":3\n {\"d\":4}";
        for sort in [Sort::Lines, Sort::Objects] {
            let whole = cut(sort, &[body]);
            assert_eq!(whole.iter().map(|(n, ..)| *n).collect::<Vec<_>>(), [1, 4, 5, 6], "{sort:?}");
            for size in 1..body.len() {
                let pieces: Vec<&[u8]> = body.chunks(size).collect();
                assert_eq!(cut(sort, &pieces), whole, "{sort:?} in pieces of {size}");
            }
        }
    }

    #[test]
    fn a_line_of_garbage_spoils_no_other() {
        for sort in [Sort::Lines, Sort::Objects] {
            let numbers = |body: &[u8]| cut(sort, &[body]).iter().map(|(n, ..)| *n).collect::<Vec<_>>();
            assert_eq!(numbers(b"{\"a\":1}\ngarbage\n{\"b\":2} \n\n\xff\n"), [1, 2, 3, 5], "{sort:?}");
        }
    }

    #[test]
    fn a_line_of_ten_megabytes_costs_its_head_alone() {
        let long = vec![b'x'; 10 * 1024 * 1024];
        let lines = cut(Sort::Lines, &[&long, b"\n{}"]);
        assert_eq!(lines.len(), 2);
        assert_eq!(lines[0].1, 10 * 1024 * 1024);
        assert_eq!(lines[0].2.len(), MAX_OBSERVATION_BYTES);
        assert_eq!(lines[1].2, b"{}");
    }

    #[test]
    fn an_object_may_stand_on_several_lines() {
        assert_eq!(cut(Sort::Objects, &[b"{\n\"a\":", b" 1\n}\n"]).len(), 1);
        assert!(cut(Sort::Objects, &[b" \n"]).is_empty());
    }
}
