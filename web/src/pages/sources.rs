//! 機器: sources, readers, cameras and links, with their last sign of life.

use askama::Template;
use axum::extract::{Extension, State};
use axum::response::Response;
use kukaku_schema::{FindingKind, Lang};
use kukaku_store::StoreError;
use kukaku_store::query::{self, FindingFilter, Reader, SourceRow};

use super::board::{camera_chip, source_chip};
use super::layout::{Frame, page, rendered};
use super::{View, read_view};
use crate::error::WebError;
use crate::house::{App, Status};
use crate::http::guard::Viewer;
use crate::http::params::{Param, Params, Shape};
use crate::text::{self, Chip, clean};

/// The page's parameters.
pub(crate) const PARAMS: &[Param] = &[Param::new("part", Shape::Choice(&["list"]), "the list alone")];

/// Silences that hold at once, at most.
const SILENCES_MAX: u32 = 500;
/// A source whose clock is further off than this is marked, in microseconds.
const SKEW_SHOWN_US: i64 = 5_000_000;

struct SourceLine {
    id: String,
    name: String,
    state: Chip,
    class: String,
    alive: String,
    last: String,
    device: String,
    skewed: bool,
    kept: String,
    odd: String,
    link: String,
    number: String,
}

struct DeviceLine {
    name: String,
    state: Chip,
    since: String,
    more: String,
}

struct PartLine {
    name: String,
    state: Chip,
    note: String,
}

#[derive(Template)]
#[template(path = "sources_list.html")]
struct ListPart {
    lang: Lang,
    /// Tunnels of which nobody tells who works behind them.
    nameless: Vec<String>,
    rows: Vec<SourceLine>,
    readers: Vec<DeviceLine>,
    cameras: Vec<DeviceLine>,
}

#[derive(Template)]
#[template(path = "sources.html")]
struct SourcesPage {
    f: Frame,
    list: String,
    parts: Vec<PartLine>,
    started: String,
    version: String,
}

/// `GET /sources`.
pub(crate) async fn sources(
    State(app): State<App>,
    Extension(viewer): Extension<Viewer>,
    Extension(params): Extension<Params>,
) -> Result<Response, WebError> {
    let (view, list) = read_view(&app, &viewer, read_list).await?;
    if params.text("part").is_some() {
        return page(&list);
    }
    let status: Status = app.status().await?;
    let lang = view.lang;
    let mut f = view.frame(&viewer, "sources", "機器", "Devices", "/sources");
    f.live = true;
    let parts = status
        .parts
        .iter()
        .map(|part| PartLine {
            name: clean(&part.name),
            state: if part.working {
                Chip::ok(lang.pick("稼働", "working"))
            } else {
                Chip::bad(lang.pick("停止", "not working"))
            },
            note: clean(lang.pick(&part.note.0, &part.note.1)),
        })
        .collect();
    let body = SourcesPage {
        list: rendered(&list)?,
        parts,
        started: text::when(&view.dir.zone, status.started_at, lang),
        version: clean(&status.version),
        f,
    };
    page(&body)
}

fn read_list(reader: &Reader, view: &View) -> Result<ListPart, StoreError> {
    let (lang, zone) = (view.lang, &view.dir.zone);
    let filter =
        FindingFilter { holding_only: true, kind: Some(FindingKind::SourceSilent), ..FindingFilter::default() };
    let holding = query::findings(reader, &filter, None, SILENCES_MAX)?.rows;
    let silent: Vec<&str> = holding.iter().filter_map(|finding| finding.subject("source")).collect();
    let seen = query::sources(reader)?;
    let mut ids: Vec<String> = view.dir.sources().map(|(id, _)| id.to_owned()).collect();
    ids.extend(seen.iter().map(|row| row.source.clone()));
    ids.sort();
    ids.dedup();
    let rows = ids
        .iter()
        .map(|id| {
            let heard = seen.iter().find(|row| row.source == *id);
            source_line(view, id, heard, silent.contains(&id.as_str()))
        })
        .collect();
    let readers = query::readers(reader)?.into_iter().map(|row| DeviceLine {
        name: clean(&row.reader),
        state: match row.state.as_str() {
            "online" => Chip::ok(lang.pick("正常", "online")),
            "offline" => Chip::bad(lang.pick("停止", "offline")),
            "tamper" => Chip::bad(lang.pick("開封検知", "tampered with")),
            other => Chip::dim(clean(other)),
        },
        since: text::when(zone, row.device_time, lang),
        more: String::new(),
    });
    let cameras = query::cameras(reader)?.into_iter().map(|row| DeviceLine {
        name: clean(&view.dir.camera(&row.camera)),
        state: camera_chip(&row.state, lang),
        since: text::when(zone, row.recorded_at, lang),
        more: row.frame_age_ms.map_or_else(String::new, |age| {
            lang.pick(format!("最新の画像は {age} ミリ秒前"), format!("newest frame {age} ms old"))
        }),
    });
    let tellers = super::gaps::watched_sources(reader, view, &[])?;
    let tunnels = view.dir.registers.as_ref().map_or_else(Vec::new, |registers| registers.nameless_tunnels(&tellers));
    let nameless = tunnels.iter().map(|tunnel| clean(&view.dir.source(&tunnel.id))).collect();
    Ok(ListPart { lang, nameless, rows, readers: readers.collect(), cameras: cameras.collect() })
}

fn source_line(view: &View, id: &str, heard: Option<&SourceRow>, silent: bool) -> SourceLine {
    let (lang, zone) = (view.lang, &view.dir.zone);
    let row = view.dir.source_row(id, view.now);
    let device = heard.and_then(|heard| heard.device_time);
    SourceLine {
        id: clean(id),
        name: clean(&view.dir.source(id)),
        state: source_chip(view, id, heard.is_some(), silent),
        class: row.map_or_else(String::new, |row| row.class.word().to_owned()),
        alive: row.and_then(|row| row.alive_every).map_or_else(String::new, |by| text::length(by, lang)),
        last: heard
            .map_or_else(|| lang.pick("未受信", "never").to_owned(), |heard| text::when(zone, heard.last_at, lang)),
        device: device.map_or_else(String::new, |at| text::when(zone, at, lang)),
        skewed: device.zip(heard).is_some_and(|(at, heard)| at.since(heard.last_at).0 > SKEW_SHOWN_US),
        kept: heard.map_or_else(String::new, |heard| text::counted(heard.observations)),
        odd: heard.map_or_else(String::new, |heard| match (heard.duplicates, heard.unreadable) {
            (0, 0) => String::new(),
            (again, bad) => {
                let (again, bad) = (text::counted(again), text::counted(bad));
                lang.pick(format!("重複 {again}・読めない {bad}"), format!("{again} duplicates, {bad} unreadable"))
            }
        }),
        link: heard.map_or_else(String::new, |heard| clean(&heard.link)),
        number: heard.and_then(|heard| heard.number).map_or_else(String::new, |number| number.to_string()),
    }
}
