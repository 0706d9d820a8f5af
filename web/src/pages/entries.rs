//! 入退室記録: searched, and as a table for spreadsheets.

use askama::Template;
use axum::body::Bytes;
use axum::extract::{Extension, State};
use axum::http::header;
use axum::response::{IntoResponse, Response};
use kukaku_schema::Lang;
use kukaku_schema::registers::ReaderDirection;
use kukaku_store::query::{self, Cursor, EntryFilter, EntryRow, MASKED};

use super::layout::{Frame, page, rendered};
use super::sessions::local;
use super::{Choice, LIST_ROWS, View, choices, read_view};
use crate::csv;
use crate::directory::or_masked;
use crate::error::WebError;
use crate::house::App;
use crate::http::guard::Viewer;
use crate::http::params::{PARTS, Param, Params, Shape, joined};
use crate::http::stream::{PieceSender, fed_body};
use crate::text::{self, Chip, clean};

/// Rows of a table that are read at a time: the reader lets go of the store between them.
const CSV_ROWS: u32 = 1_000;

/// What a list of them can be narrowed by.
pub(crate) const FILTER: &[Param] = &[
    Param::new("from", Shape::Instant, "readings from this instant on"),
    Param::new("to", Shape::Instant, "readings before this instant"),
    Param::new("person", Shape::Text, "person's id, or a part of the name"),
    Param::new("zone", Shape::Text, "zone's id"),
    Param::new("door", Shape::Text, "door's id"),
    Param::new("credential", Shape::Text, "the credential as its source named it"),
    Param::new("denied", Shape::Flag, "only refused ones"),
    Param::new("unregistered", Shape::Flag, "only those of an unknown card or reader"),
];

/// What the page can be asked for.
pub(crate) const PARAMS: &[Param] = &joined::<10>(FILTER, PARTS);

/// A reading as lists show it.
struct EntryLine {
    entry: i64,
    at: String,
    late: String,
    person: String,
    person_known: bool,
    person_masked: bool,
    person_id: String,
    zone: String,
    door: String,
    reader: String,
    reader_known: bool,
    way: Chip,
    result: Chip,
    credential: String,
    factors: String,
    source: String,
}

/// A reading that came longer than this after it happened is marked as late, in microseconds.
const LATE_US: i64 = 60_000_000;

impl EntryLine {
    fn new(row: &EntryRow, view: &View) -> Self {
        let (lang, zone) = (view.lang, &view.dir.zone);
        let unknown = lang.pick("未登録", "unregistered");
        let after = row.recorded_at.since(row.occurred_at);
        Self {
            entry: row.entry,
            at: text::when(zone, row.occurred_at, lang),
            late: if after.0 > LATE_US {
                let by = text::length(after, lang);
                lang.pick(format!("{by}遅れて受信"), format!("came {by} late"))
            } else {
                String::new()
            },
            person: row
                .person
                .as_deref()
                .map_or_else(|| unknown.to_owned(), |id| clean(&view.dir.person_or_masked(id, lang))),
            person_known: row.person.as_deref().is_some_and(|id| id != MASKED),
            person_masked: row.person.as_deref() == Some(MASKED),
            person_id: row.person.as_deref().map_or_else(String::new, clean),
            zone: row.zone.as_deref().map_or_else(String::new, |id| clean(&view.dir.zone_name(id, lang))),
            door: row.door.as_deref().map_or_else(|| unknown.to_owned(), |id| clean(&view.dir.door(id))),
            reader: clean(&row.reader),
            reader_known: row.door.is_some(),
            way: way_chip(row.direction, lang),
            result: if row.granted {
                Chip::ok(lang.pick("許可", "granted"))
            } else {
                Chip::bad(lang.pick("拒否", "denied"))
            },
            credential: clean(or_masked(&row.credential, lang)),
            factors: row.factors.as_deref().map_or_else(String::new, clean),
            source: clean(&view.dir.source(&row.source)),
        }
    }
}

/// Which way a reading lets people through.
pub(crate) fn way_chip(direction: Option<ReaderDirection>, lang: Lang) -> Chip {
    match direction {
        Some(ReaderDirection::Entry) => Chip::new("info", "door", lang.pick("入室", "entry")),
        Some(ReaderDirection::Exit) => Chip::new("dim", "door", lang.pick("退室", "exit")),
        None => Chip::new("warn", "ask", lang.pick("不明", "unknown")),
    }
}

#[derive(Template)]
#[template(path = "entries_list.html")]
struct ListPart {
    lang: Lang,
    rows: Vec<EntryLine>,
    next: Option<String>,
}

#[derive(Template)]
#[template(path = "entries.html")]
struct EntriesPage {
    f: Frame,
    from: String,
    to: String,
    person: String,
    persons: Vec<Choice>,
    zones: Vec<Choice>,
    doors: Vec<Choice>,
    credential: String,
    denied: bool,
    unregistered: bool,
    live: String,
    csv: String,
    list: String,
}

pub(crate) fn filter_of(params: &Params, view: &View) -> EntryFilter {
    EntryFilter {
        from: params.instant("from", &view.dir.zone),
        to: params.instant("to", &view.dir.zone),
        persons: params.text("person").map(|typed| view.dir.persons_meant(&typed)),
        zone: params.text("zone"),
        door: params.text("door"),
        credential: params.text("credential"),
        denied_only: params.flag("denied"),
        unregistered_only: params.flag("unregistered"),
    }
}

fn after_of(params: &Params) -> Option<Cursor> {
    params.text("after").and_then(|text| Cursor::from_text(&text))
}

/// `GET /entries`.
pub(crate) async fn entries(
    State(app): State<App>,
    Extension(viewer): Extension<Viewer>,
    Extension(params): Extension<Params>,
) -> Result<Response, WebError> {
    let asked = params.clone();
    let (view, list) = read_view(&app, &viewer, move |reader, view| {
        let listed = query::entries(reader, &filter_of(&asked, view), after_of(&asked), LIST_ROWS)?;
        let next = listed
            .next
            .map(|next| format!("/entries?{}", asked.query_with(&["after", "part"], &[("after", &next.to_text())])));
        Ok(ListPart { lang: view.lang, rows: listed.rows.iter().map(|row| EntryLine::new(row, view)).collect(), next })
    })
    .await?;
    if params.text("part").is_some() {
        return page(&list);
    }
    let lang = view.lang;
    let all = lang.pick("すべて", "All");
    let mut f = view.frame(
        &viewer,
        "entries",
        "入退室記録",
        "Entries",
        format!("/entries?{}", params.query_with(&["part"], &[])),
    );
    f.live = params.text("after").is_none();
    let body = EntriesPage {
        from: local(&params, "from", &view),
        to: local(&params, "to", &view),
        person: clean(params.shown("person")),
        persons: choices(all, "", view.dir.persons()).split_off(1),
        zones: choices(all, params.shown("zone"), view.dir.zones()),
        doors: choices(all, params.shown("door"), view.dir.doors()),
        credential: clean(params.shown("credential")),
        denied: params.flag("denied"),
        unregistered: params.flag("unregistered"),
        live: format!("/entries?{}", params.query_with(&["part"], &[("part", "list")])),
        csv: format!("/entries.csv?{}", params.query_with(&["part", "after"], &[])),
        list: rendered(&list)?,
        f,
    };
    page(&body)
}

/// `GET /entries.csv`: everything that matches, made while it is sent.
pub(crate) async fn entries_csv(
    State(app): State<App>,
    Extension(viewer): Extension<Viewer>,
    Extension(params): Extension<Params>,
) -> Result<Response, WebError> {
    // The first rows are read before the answer begins, so that what can fail still has a status.
    let (first, next) = csv_rows(&app, &viewer, &params, after_of(&params)).await?;
    let (sender, body) = fed_body();
    let name = format!("kukaku-entries-{}.csv", app.now().to_rfc3339_utc().get(..10).unwrap_or("now"));
    tokio::spawn(async move {
        if let Err(error) = send_csv(&app, &viewer, &params, &sender, first, next).await {
            tracing::error!("a table of entries was cut short: {error}");
            // Broken off, not ended: a browser then says that the file is not whole. Nobody may be
            // left to tell.
            let _gone = sender.send(Err(std::io::Error::other("cut short"))).await;
        }
    });
    let headers = [
        (header::CONTENT_TYPE, "text/csv; charset=utf-8".to_owned()),
        (header::CONTENT_DISPOSITION, format!("attachment; filename=\"{name}\"")),
    ];
    Ok((headers, body).into_response())
}

async fn send_csv(
    app: &App,
    viewer: &Viewer,
    params: &Params,
    sender: &PieceSender,
    first: String,
    mut next: Option<Cursor>,
) -> Result<(), WebError> {
    let mut head = String::from(csv::BYTE_ORDER_MARK);
    csv::push_row(&mut head, HEADINGS.iter().map(|(ja, en)| viewer.lang.pick(*ja, *en)));
    head.push_str(&first);
    let mut piece = head;
    loop {
        // Nobody reads on: there is nobody to tell.
        if sender.send(Ok(Bytes::from(piece))).await.is_err() {
            return Ok(());
        }
        let Some(after) = next else { return Ok(()) };
        (piece, next) = csv_rows(app, viewer, params, Some(after)).await?;
    }
}

const HEADINGS: [(&str, &str); 15] = [
    ("発生日時", "occurred_at"),
    ("機器の時刻", "device_time"),
    ("受信日時", "recorded_at"),
    ("氏名", "person_name"),
    ("人物ID", "person"),
    ("区画", "zone"),
    ("扉", "door"),
    ("方向", "direction"),
    ("結果", "result"),
    ("証", "credential"),
    ("認証要素", "factors"),
    ("リーダー", "reader"),
    ("記録元", "source"),
    ("記録元の番号", "source_number"),
    ("記録台帳番号", "journal_seq"),
];

async fn csv_rows(
    app: &App,
    viewer: &Viewer,
    params: &Params,
    after: Option<Cursor>,
) -> Result<(String, Option<Cursor>), WebError> {
    let params = params.clone();
    let (_, rows) = read_view(app, viewer, move |reader, view| {
        let listed = query::entries(reader, &filter_of(&params, view), after, CSV_ROWS)?;
        let mut out = String::new();
        for row in &listed.rows {
            push_csv_row(&mut out, row, view);
        }
        Ok((out, listed.next))
    })
    .await?;
    Ok(rows)
}

fn push_csv_row(out: &mut String, row: &EntryRow, view: &View) {
    let (lang, zone) = (view.lang, &view.dir.zone);
    let unknown = lang.pick("未登録", "unregistered");
    let maybe = |text: Option<String>| text.unwrap_or_else(|| unknown.to_owned());
    let way = match row.direction {
        Some(ReaderDirection::Entry) => lang.pick("入室", "entry"),
        Some(ReaderDirection::Exit) => lang.pick("退室", "exit"),
        None => unknown,
    };
    let cells = [
        // As spreadsheets read times; the exact ones stand in the journal.
        zone.shown(row.occurred_at),
        zone.shown(row.device_time),
        zone.shown(row.recorded_at),
        maybe(row.person.as_deref().map(|id| view.dir.person_or_masked(id, lang))),
        row.person.clone().filter(|id| id != MASKED).unwrap_or_default(),
        maybe(row.zone.as_deref().map(|id| view.dir.zone_name(id, lang))),
        maybe(row.door.as_deref().map(|id| view.dir.door(id))),
        way.to_owned(),
        (if row.granted { lang.pick("許可", "granted") } else { lang.pick("拒否", "denied") }).to_owned(),
        or_masked(&row.credential, lang).to_owned(),
        row.factors.clone().unwrap_or_default(),
        row.reader.clone(),
        row.source.clone(),
        row.source_number.map_or_else(String::new, |number| number.to_string()),
        row.entry.to_string(),
    ];
    csv::push_row(out, cells.iter().map(String::as_str));
}
