//! Server-sent events: tells pages what changed; they fetch the parts they show.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Bytes;
use axum::extract::{Extension, State};
use axum::http::header;
use axum::response::{IntoResponse, Response};
use kukaku_store::{Changed, ChangedKind};
use tokio::sync::broadcast::error::RecvError;

use crate::error::WebError;
use crate::house::App;
use crate::http::guard::Viewer;
use crate::http::stream::{PieceSender, fed_body};

/// How often a quiet page is told that the line stands, and the sign-in is looked at.
const BEAT: Duration = Duration::from_secs(8);

/// How long changes are gathered after one was told: the first is told at once, a verdict is on
/// the page within 200 ms, and a flood of changes costs a page seven fetches a second.
const GATHER: Duration = Duration::from_millis(150);

/// The sorts of change, by the words that pages listen to.
const TOPICS: [(ChangedKind, &str); 10] = [
    (ChangedKind::Reading, "reading"),
    (ChangedKind::Stay, "stay"),
    (ChangedKind::Session, "session"),
    (ChangedKind::Finding, "finding"),
    (ChangedKind::Source, "source"),
    (ChangedKind::Door, "door"),
    (ChangedKind::Camera, "camera"),
    (ChangedKind::Registers, "registers"),
    (ChangedKind::Outbox, "outbox"),
    (ChangedKind::Notice, "notice"),
];

/// `GET /live`.
pub(crate) async fn live(State(app): State<App>, Extension(viewer): Extension<Viewer>) -> Result<Response, WebError> {
    let place = Arc::clone(&app.listeners).try_acquire_owned().map_err(|_| WebError::Busy)?;
    let (sender, body) = fed_body();
    tokio::spawn(async move {
        let _place = place;
        // It ends when the page is closed, the sign-in ends, or the daemon stops.
        let _closed = tell(&app, &viewer, &sender).await;
    });
    let headers = [(header::CONTENT_TYPE, "text/event-stream"), (header::CACHE_CONTROL, "no-store")];
    Ok((headers, body).into_response())
}

/// The page is gone.
struct Closed;

/// What changed and has not been told yet.
#[derive(Default)]
struct Untold {
    words: Vec<&'static str>,
}

impl Untold {
    fn add(&mut self, received: Result<Changed, RecvError>) {
        match received {
            Ok(change) => {
                let words = TOPICS.iter().filter(|(kind, _)| change.has(*kind)).map(|(_, word)| *word);
                self.words.extend(words);
                self.words.sort_unstable();
                self.words.dedup();
            }
            // Some were missed, so it may be anything.
            Err(_) => self.words = vec![EVERYTHING],
        }
    }
}

/// The word for all sorts of change.
const EVERYTHING: &str = "all";

async fn tell(app: &App, viewer: &Viewer, sender: &PieceSender) -> Result<(), Closed> {
    let mut changes = (app.changes)();
    // Who doesn't see the whole site isn't told when something happens, for it may be another
    // client's: his page looks at each beat.
    let whole = viewer.scope().is_site();
    // What changed between the page and this line is told at once, as everything.
    say(sender, "change", EVERYTHING).await?;
    let mut beat = tokio::time::interval(BEAT);
    let mut gathered_at = tokio::time::Instant::now() + GATHER;
    let mut untold = Untold::default();
    loop {
        tokio::select! {
            () = sender.closed() => return Err(Closed),
            change = changes.recv(), if whole => {
                if matches!(change, Err(RecvError::Closed)) {
                    return Ok(());
                }
                untold.add(change);
            }
            () = tokio::time::sleep_until(gathered_at), if !untold.words.is_empty() => {
                let words = std::mem::take(&mut untold).words;
                say(sender, "change", &words.join(" ")).await?;
                gathered_at = tokio::time::Instant::now() + GATHER;
            }
            _ = beat.tick() => {
                if !still_signed_in(app, viewer).await {
                    return say(sender, "over", "signed out").await;
                }
                say(sender, "beat", "").await?;
                if !whole {
                    say(sender, "change", EVERYTHING).await?;
                }
            }
        }
    }
}

async fn still_signed_in(app: &App, viewer: &Viewer) -> bool {
    let Some(cookie) = viewer.session_cookie.clone() else { return false };
    let now = app.now();
    app.with_users(move |users| users.session(&cookie, false, now)).await.is_ok_and(|session| session.is_some())
}

async fn say(sender: &PieceSender, event: &str, data: &str) -> Result<(), Closed> {
    sender.send(Ok(Bytes::from(format!("event: {event}\ndata: {data}\n\n")))).await.map_err(|_| Closed)
}
