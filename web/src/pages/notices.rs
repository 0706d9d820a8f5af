//! 市への通知: what a client was told of a session and when, and the same on a sheet to print.

use askama::Template;
use axum::extract::{Extension, State};
use axum::response::Response;
use kukaku_core::notice::Naming;
use kukaku_schema::{DurationUs, Lang, UtcMicros};
use kukaku_store::notices::{self, NO_NEWS, NoticeMoment, NoticeRow};
use kukaku_store::query::{self, Reader, SessionRow};
use kukaku_store::{OutboxState, StoreError, aloud, newest_checkpoint};

use super::layout::{Frame, page};
use super::paper::code;
use super::{View, read_view};
use crate::error::WebError;
use crate::house::App;
use crate::http::guard::Viewer;
use crate::http::params::{Param, Params, Shape};
use crate::routes::Number;
use crate::text::{self, Chip, clean};

/// A notice as the session's page shows it.
#[derive(Debug, Clone)]
pub(crate) struct NoticeLine {
    pub what: String,
    pub at: String,
    pub sent: String,
    pub due: String,
    pub state: Chip,
    pub why: String,
}

impl NoticeLine {
    fn new(row: &NoticeRow, view: &View) -> Self {
        let (lang, zone) = (view.lang, &view.dir.zone);
        let late = row.is_late(view.now);
        let sent = match row.delivered_at {
            None => lang.pick("まだ", "not yet").to_owned(),
            Some(at) => {
                let after = text::length(DurationUs(at.since(row.at).0.max(0)), lang);
                let size = row.checkpoint_size.map_or_else(String::new, |size| text::counted(size.cast_signed()));
                lang.pick(
                    format!("{}（{after}後、封印 {size}件）", text::when(zone, at, lang)),
                    format!("{} ({after} after, checkpoint of {size})", text::when(zone, at, lang)),
                )
            }
        };
        let state = match (row.state, late) {
            (OutboxState::Delivered, false) => Chip::ok(lang.pick("期限内", "in time")),
            (OutboxState::Delivered, true) => Chip::warn(lang.pick("期限超過", "late")),
            (OutboxState::Waiting, false) => Chip::new("info", "clock", lang.pick("送信待ち", "waiting")),
            (OutboxState::Waiting, true) => Chip::bad(lang.pick("期限超過", "overdue")),
            (OutboxState::Failed, _) => Chip::bad(lang.pick("不達（紙で）", "not sent: on paper")),
        };
        let why = match row.last_error.as_deref() {
            Some(NO_NEWS) => lang
                .pick("2日より前の記録のため、メールでは送りません。", "It was recorded more than 2 days later.")
                .to_owned(),
            Some(why) => clean(why),
            None => row.told.as_deref().filter(|told| told.contains("not:")).map_or_else(String::new, clean),
        };
        Self {
            what: moment_label(row.moment, lang).to_owned(),
            at: text::when(zone, row.at, lang),
            sent,
            due: text::when(zone, row.due_at, lang),
            state,
            why,
        }
    }
}

fn moment_label(moment: NoticeMoment, lang: Lang) -> &'static str {
    match moment {
        NoticeMoment::Start => lang.pick("開始", "start"),
        NoticeMoment::End => lang.pick("終了", "end"),
    }
}

/// The notices of a session, for its page.
pub(crate) fn lines_of(reader: &Reader, view: &View, session: i64) -> Result<Vec<NoticeLine>, StoreError> {
    Ok(notices::of_session(reader, session)?.iter().map(|row| NoticeLine::new(row, view)).collect())
}

/// Notices that clients don't have though the agreed minutes are over: told on every page.
pub(crate) fn trouble(reader: &Reader, now: UtcMicros, lang: Lang) -> Result<Option<String>, StoreError> {
    let (count, why) = notices::overdue(reader, now)?;
    if count == 0 {
        return Ok(None);
    }
    let why: String = clean(&why.unwrap_or_default()).chars().take(160).collect();
    Ok(Some(match lang {
        Lang::Ja => format!("市への開始・終了通知 {count}件が期限内に届いていません。{why}"),
        Lang::En => format!("{count} notices to clients are not delivered within the agreed minutes. {why}"),
    }))
}

/// What a sheet can be asked for.
pub(crate) const SHEET_PARAMS: &[Param] =
    &[Param::new("moment", Shape::Choice(&["start", "end"]), "the notice of the start, or of the end")];

#[derive(Template)]
#[template(path = "notice.html")]
struct SheetPage {
    f: Frame,
    id: i64,
    addressee: String,
    title: &'static str,
    facts: Vec<(&'static str, String)>,
    made: String,
    paper: String,
    note: String,
    code: String,
}

/// What a sheet is made of.
struct Sheet {
    row: SessionRow,
    facts: Vec<(&'static str, String)>,
    title: &'static str,
    checkpoint: Option<(String, String)>,
}

fn sheet_of(reader: &Reader, view: &View, id: i64, moment: NoticeMoment) -> Result<Option<Sheet>, StoreError> {
    let Some(row) = query::session(reader, id)? else { return Ok(None) };
    let Some(registers) = &view.dir.registers else { return Ok(None) };
    let rows = notices::of_session(reader, id)?;
    let notice = rows.iter().find(|row| row.moment == moment);
    let told = query::told(reader, &row, moment, notice, row.span(view.now))?;
    let covers = notice.map(|notice| notice.covers).or_else(|| row.proofs.iter().max().map(|seq| seq + 1));
    let signed = newest_checkpoint(reader)?.map_or(0, |newest| newest.head.size);
    let checkpoint = if signed >= covers.unwrap_or(0) { aloud::paper(reader)? } else { None };
    let facts = told.lines(Naming { registers, zone: &view.dir.zone, lang: view.lang });
    let facts = facts.into_iter().map(|(label, text)| (label, clean(&text))).collect();
    Ok(Some(Sheet { title: told.title(view.lang), row, facts, checkpoint }))
}

/// `GET /sessions/{id}/notice`: the notice on paper.
pub(crate) async fn sheet(
    State(app): State<App>,
    Extension(viewer): Extension<Viewer>,
    Extension(params): Extension<Params>,
    Number(id): Number,
) -> Result<Response, WebError> {
    let asked = params.text("moment").unwrap_or_default();
    let moment = NoticeMoment::from_word(&asked).unwrap_or(NoticeMoment::Start);
    let (view, found) = read_view(&app, &viewer, move |reader, view| sheet_of(reader, view, id, moment)).await?;
    let Sheet { row, facts, title, checkpoint } = found.ok_or(WebError::NotFound)?;
    let lang = view.lang;
    let back = format!("/sessions/{id}/notice?moment={}", moment.word());
    let f = view.frame(&viewer, "sessions", "市への通知（印刷用）", "Notice to the client on paper", back);
    let client = row.client.as_deref().map_or_else(String::new, |client| clean(&view.dir.client(client)));
    let (paper, note) = checkpoint.unwrap_or_default();
    page(&SheetPage {
        addressee: if client.is_empty() {
            client
        } else {
            lang.pick(format!("{client} 御中"), format!("To {client}"))
        },
        title,
        facts,
        made: text::when(&view.dir.zone, view.now, lang),
        code: if note.is_empty() { String::new() } else { code(&note)? },
        paper,
        note,
        id,
        f,
    })
}
