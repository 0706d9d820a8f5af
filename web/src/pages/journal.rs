//! 記録台帳: its newest signature, its entries, and what was unreadable.

use askama::Template;
use axum::extract::{Extension, State};
use axum::http::header;
use axum::response::{IntoResponse, Redirect, Response};
use kukaku_core::witnessing::Witness;
use kukaku_schema::Lang;
use kukaku_store::query::{self, Cursor};
use kukaku_store::{Value, erased_note, newest_checkpoint_from};

use super::layout::{Frame, page, rendered};
use super::{LIST_ROWS, View, read_view};
use crate::error::WebError;
use crate::house::App;
use crate::http::guard::Viewer;
use crate::http::params::{Param, Params, Shape};
use crate::reasons;
use crate::routes::Number;
use crate::text::{self, Chip, clean, hex};

/// What the list of entries can be asked for.
pub(crate) const PARAMS: &[Param] = &[
    Param::new("seq", Shape::Text, "an entry to go to"),
    Param::new("after", Shape::Text, "cursor: the `next` of the page before"),
];

/// What the list of the unreadable can be asked for.
pub(crate) const UNREADABLE_PARAMS: &[Param] = &[
    Param::new("after", Shape::Text, "cursor: the `next` of the page before"),
    Param::new("part", Shape::Choice(&["list"]), "the list alone"),
];

/// What the newest checkpoint can be asked for.
pub(crate) const CHECKPOINT_PARAMS: &[Param] =
    &[Param::new("from", Shape::Count { max: u32::MAX }, "entries of the checkpoint that is known already")];

/// Bytes of an unreadable arrival that its page shows.
const HEAD_SHOWN: usize = 4096;

struct JournalLine {
    seq: i64,
    kind: String,
    kind_label: &'static str,
    source: String,
    client: String,
    recorded: String,
    device: String,
}

#[derive(Template)]
#[template(path = "journal.html")]
struct JournalPage {
    f: Frame,
    note: String,
    root: String,
    size: String,
    witnessed: String,
    witnesses: Vec<WitnessLine>,
    key: Option<(String, String)>,
    rows: Vec<JournalLine>,
    next: Option<String>,
}

struct WitnessLine {
    name: String,
    size: String,
    at: String,
    state: Chip,
    note: String,
}

impl WitnessLine {
    fn new(witness: &Witness, view: &View) -> Self {
        let (lang, shown) = (view.lang, |at| text::when(&view.dir.zone, at, view.lang));
        let state = match &witness.trouble {
            Some(trouble) if trouble.contradicts => Chip::bad(lang.pick("食い違い", "contradicts")),
            _ if !witness.asked => Chip::new("dim", "note", lang.pick("設定から除外", "no longer asked")),
            Some(_) => Chip::warn(lang.pick("不調", "trouble")),
            None if witness.size == 0 => Chip::new("info", "clock", lang.pick("連署待ち", "waiting")),
            None => Chip::ok(lang.pick("連署済み", "cosigns")),
        };
        let note = witness.trouble.as_ref().map_or_else(String::new, |trouble| {
            let since = shown(trouble.since);
            let what = clean(&trouble.what);
            lang.pick(format!("{since} から: {what}"), format!("since {since}: {what}"))
        });
        Self {
            name: clean(&witness.name),
            size: text::counted(witness.size.cast_signed()),
            at: witness.cosigned_at.map_or_else(String::new, shown),
            state,
            note,
        }
    }
}

/// `GET /journal`.
pub(crate) async fn journal(
    State(app): State<App>,
    Extension(viewer): Extension<Viewer>,
    Extension(params): Extension<Params>,
) -> Result<Response, WebError> {
    if let Some(seq) = params.text("seq") {
        let seq: i64 = seq.trim().parse().map_err(|_| WebError::NotFound)?;
        return Ok(Redirect::to(&format!("/journal/{seq}")).into_response());
    }
    let after = params.text("after").and_then(|text| Cursor::from_text(&text));
    let (view, (checkpoint, listed, head)) = read_view(&app, &viewer, move |reader, _| {
        Ok((query::newest_checkpoint(reader)?, query::journal_entries(reader, after, LIST_ROWS)?, query::head(reader)?))
    })
    .await?;
    let key = app.status().await?.signing_key;
    let (lang, zone) = (view.lang, &view.dir.zone);
    let f = view.frame(&viewer, "journal", "記録台帳", "Journal", "/journal");
    let body = JournalPage {
        note: checkpoint.as_ref().map_or_else(String::new, |c| clean(&c.note)),
        root: checkpoint.as_ref().map_or_else(String::new, |c| hex(&c.root)),
        size: text::counted(head.journal_size),
        witnessed: clean(&view.witnessing.line(lang, &|at| text::when(zone, at, lang))),
        witnesses: view.witnessing.witnesses.iter().map(|witness| WitnessLine::new(witness, &view)).collect(),
        key,
        next: listed.next.map(|next| format!("/journal?after={}", next.to_text())),
        rows: listed
            .rows
            .iter()
            .map(|row| JournalLine {
                seq: row.seq,
                kind: clean(&row.kind),
                kind_label: text::kind_label(&row.kind, lang),
                source: source_text(&row.source, &view),
                client: if row.client.is_empty() { String::new() } else { clean(&view.dir.client(&row.client)) },
                recorded: text::when(zone, row.recorded_at, lang),
                device: row.device_time.map_or_else(String::new, |at| text::when(zone, at, lang)),
            })
            .collect(),
        f,
    };
    page(&body)
}

fn source_text(source: &str, view: &View) -> String {
    if source.is_empty() { "kukaku".to_owned() } else { clean(&view.dir.source(source)) }
}

/// Which entry says that a value was erased, when, by which rule, by whom.
struct ErasedBy {
    entry: u64,
    at: String,
    rule: String,
    by: String,
}

#[derive(Template)]
#[template(path = "entry.html")]
struct EntryPage {
    f: Frame,
    line: JournalLine,
    client_seq: i64,
    source_seq: i64,
    clock: &'static str,
    commitment: String,
    leaf_hash: String,
    salt: String,
    body: String,
    erased: bool,
    masked: bool,
    erased_by: Option<ErasedBy>,
    before: Option<i64>,
    after: Option<i64>,
}

/// `GET /journal/checkpoint.txt`: the newest checkpoint with the proof that it goes on from the
/// one that is known already, as `kukaku-verify remember` and witnesses take it.
pub(crate) async fn checkpoint(
    State(app): State<App>,
    Extension(params): Extension<Params>,
) -> Result<Response, WebError> {
    let from = u64::from(params.count("from", 0));
    // Hashes of the one tree tell of nobody, and the proof needs all of them.
    let text = app.read(query::Scope::Site, move |reader| newest_checkpoint_from(reader, from)).await?;
    let headers = [
        (header::CONTENT_TYPE, "text/plain; charset=utf-8"),
        (header::CONTENT_DISPOSITION, "attachment; filename=\"checkpoint.txt\""),
    ];
    Ok((headers, text.ok_or(WebError::NotFound)?).into_response())
}

/// `GET /journal/{seq}`.
pub(crate) async fn entry(
    State(app): State<App>,
    Extension(viewer): Extension<Viewer>,
    Number(seq): Number,
) -> Result<Response, WebError> {
    let (view, (found, note, beside, whole)) = read_view(&app, &viewer, move |reader, _| {
        let note = erased_note(reader, seq.cast_unsigned())?;
        let beside = query::journal_beside(reader, seq)?;
        Ok((query::journal_entry(reader, seq)?, note, beside, reader.scope().is_site()))
    })
    .await?;
    let row = found.ok_or(WebError::NotFound)?;
    let (lang, zone) = (view.lang, &view.dir.zone);
    let mut f = view.frame(&viewer, "journal", "記録台帳", "Journal", format!("/journal/{seq}"));
    f.title = format!("{} {seq}", lang.pick("記録台帳", "Journal entry"));
    let erased_by = note.map(|note| ErasedBy {
        entry: note.entry,
        at: zone.shown(note.at),
        rule: clean(&note.rule),
        by: clean(&note.by.join(", ")),
    });
    let (salt, body) = match &row.value {
        Value::Open { salt, body } => (hex(salt), body_text(body)),
        Value::Gone => (String::new(), String::new()),
        Value::Forged => {
            let forged = "値が改ざんされています。この記録と結びつく値ではありません。";
            (String::new(), lang.pick(forged, "The value was forged: it is not what this entry commits to.").to_owned())
        }
    };
    let body = EntryPage {
        line: JournalLine {
            seq: row.seq,
            kind: clean(&row.kind),
            kind_label: text::kind_label(&row.kind, lang),
            source: source_text(&row.source, &view),
            client: if row.client.is_empty() { String::new() } else { clean(&view.dir.client(&row.client)) },
            recorded: zone.rfc3339(row.recorded_at),
            device: row.device_time.map_or_else(String::new, |at| zone.rfc3339(at)),
        },
        client_seq: row.client_seq,
        source_seq: row.source_seq,
        clock: match row.clock {
            1 => lang.pick("同期", "synchronised"),
            2 => lang.pick("非同期", "unsynchronised"),
            _ => lang.pick("不明", "unknown"),
        },
        commitment: hex(&row.commitment),
        leaf_hash: hex(&row.leaf_hash),
        salt,
        erased: row.value == Value::Gone,
        masked: row.value == Value::Gone && erased_by.is_none() && !whole,
        erased_by,
        body,
        before: beside.0,
        after: beside.1,
        f,
    };
    page(&body)
}

/// What an entry says, for people: JSON laid out, other bytes as far as they are text.
fn body_text(body: &[u8]) -> String {
    if let Ok(value) = serde_json::from_slice::<serde_json::Value>(body)
        && let Ok(pretty) = serde_json::to_string_pretty(&value)
    {
        return clean(&pretty);
    }
    let head = &body[..body.len().min(HEAD_SHOWN)];
    let mut text = clean(&String::from_utf8_lossy(head));
    if body.len() > HEAD_SHOWN {
        text.push_str(&format!("\n… ({} bytes)", body.len()));
    }
    text
}

struct UnreadableLine {
    entry: i64,
    recorded: String,
    link: String,
    source: String,
    length: String,
    meaning: Option<String>,
    reason: String,
}

#[derive(Template)]
#[template(path = "unreadable_list.html")]
struct UnreadablePart {
    lang: Lang,
    rows: Vec<UnreadableLine>,
    next: Option<String>,
}

#[derive(Template)]
#[template(path = "unreadable.html")]
struct UnreadablePage {
    f: Frame,
    list: String,
}

/// `GET /unreadable`.
pub(crate) async fn unreadable(
    State(app): State<App>,
    Extension(viewer): Extension<Viewer>,
    Extension(params): Extension<Params>,
) -> Result<Response, WebError> {
    let after = params.text("after").and_then(|text| Cursor::from_text(&text));
    let (view, list) = read_view(&app, &viewer, move |reader, view| {
        let listed = query::unreadable(reader, after, LIST_ROWS)?;
        let rows = listed.rows.iter().map(|row| UnreadableLine {
            entry: row.entry,
            recorded: text::when(&view.dir.zone, row.recorded_at, view.lang),
            link: clean(&row.link),
            source: if row.source.is_empty() {
                view.lang.pick("不明", "not known").to_owned()
            } else {
                clean(&view.dir.source(&row.source))
            },
            length: text::counted(row.length),
            meaning: (view.lang == Lang::Ja).then(|| clean(&reasons::in_japanese(&row.reason))),
            reason: clean(&row.reason),
        });
        let next = listed.next.map(|next| format!("/unreadable?after={}", next.to_text()));
        Ok(UnreadablePart { lang: view.lang, rows: rows.collect(), next })
    })
    .await?;
    if params.text("part").is_some() {
        return page(&list);
    }
    let mut f = view.frame(&viewer, "unreadable", "読めなかった記録", "Unreadable", "/unreadable");
    f.live = params.text("after").is_none();
    page(&UnreadablePage { list: rendered(&list)?, f })
}
