//! The parts of the board below its figures.

use askama::Template;
use kukaku_core::OutageCause;
use kukaku_schema::Lang;
use kukaku_store::StoreError;
use kukaku_store::query::{self, Reader};

use super::Facts;
use crate::pages::View;
use crate::pages::findings::about_text;
use crate::pages::sessions::SessionLine;
use crate::text::{self, Chip, clean};

/// Findings shown at once: what fits a screen, the gravest first.
const FINDINGS_SHOWN: usize = 10;

struct PersonView {
    id: String,
    name: String,
    grade: Chip,
    since: String,
    for_long: String,
}

struct ZoneView {
    id: String,
    name: String,
    within: String,
    marks: Vec<Chip>,
    people: Vec<PersonView>,
    empty_text: &'static str,
}

#[derive(Template)]
#[template(path = "board_zones.html")]
pub(super) struct ZonesPart {
    lang: Lang,
    zones: Vec<ZoneView>,
}

#[derive(Template)]
#[template(path = "board_sessions.html")]
pub(super) struct SessionsPart {
    lang: Lang,
    links: bool,
    gaps: Vec<String>,
    rows: Vec<SessionLine>,
    more: bool,
}

struct FindingLine {
    id: i64,
    severity: Chip,
    kind: &'static str,
    about: String,
    since: String,
}

#[derive(Template)]
#[template(path = "board_findings.html")]
pub(super) struct FindingsPart {
    lang: Lang,
    links: bool,
    rows: Vec<FindingLine>,
    more: usize,
    say: String,
}

struct DoorLine {
    name: String,
    between: String,
    state: Option<Chip>,
    since: String,
    marks: Vec<Chip>,
}

#[derive(Template)]
#[template(path = "board_doors.html")]
pub(super) struct DoorsPart {
    lang: Lang,
    rows: Vec<DoorLine>,
}

struct SourceLine {
    name: String,
    state: Chip,
    last: String,
}

#[derive(Template)]
#[template(path = "board_sources.html")]
pub(super) struct SourcesPart {
    lang: Lang,
    rows: Vec<SourceLine>,
}

pub(super) fn zones_part(view: &View, facts: &Facts) -> ZonesPart {
    let lang = view.lang;
    let zones = view
        .dir
        .zones()
        .map(|(id, name)| {
            let doors = view.dir.doors_of(id, view.now);
            let mut causes: Vec<OutageCause> =
                facts.outages.iter().filter(|(door, _, _)| doors.contains(door)).map(|(_, _, cause)| *cause).collect();
            causes.sort_unstable();
            causes.dedup();
            let people = facts
                .inside
                .iter()
                .filter(|row| row.zone == id)
                .map(|row| PersonView {
                    id: row.person.clone(),
                    name: clean(&view.dir.person(&row.person)),
                    grade: text::grade_chip(row.grade, lang),
                    since: text::when_short(&view.dir.zone, row.since, view.now, lang),
                    for_long: text::length(view.now.since(row.since), lang),
                })
                .collect();
            ZoneView {
                id: id.to_owned(),
                name: clean(name),
                within: view.dir.parent(id).map_or_else(String::new, |parent| {
                    let parent = clean(&view.dir.zone_name(parent, lang));
                    lang.pick(format!("（{parent}の中）"), format!("(in {parent})"))
                }),
                marks: causes
                    .into_iter()
                    .map(|cause| {
                        let cause = cause.label(lang);
                        Chip::warn(
                            lang.pick(format!("出入口が見えていません: {cause}"), format!("door not watched: {cause}")),
                        )
                    })
                    .collect(),
                people,
                empty_text: lang.pick("確認できる在室者はいません。", "Nobody is known to be inside."),
            }
        })
        .collect();
    ZonesPart { lang, zones }
}

pub(super) fn sessions_part(view: &View, facts: &Facts, links: bool) -> SessionsPart {
    let mut rows: Vec<SessionLine> = facts.open.rows.iter().map(|row| SessionLine::new(row, view)).collect();
    // Those that need a look stand first; the order of time stays within each group.
    rows.sort_by_key(|row| match row.attention {
        "attention" => 0,
        "" => 2,
        _ => 1,
    });
    SessionsPart { lang: view.lang, links, gaps: facts.gaps.clone(), rows, more: facts.open.next.is_some() }
}

pub(super) fn findings_part(view: &View, facts: &Facts, links: bool) -> FindingsPart {
    let lang = view.lang;
    let count = facts.holding.len();
    FindingsPart {
        lang,
        links,
        more: count.saturating_sub(FINDINGS_SHOWN),
        say: facts.holding.first().map_or_else(String::new, |newest| {
            let kind = newest.kind.label(lang);
            match lang {
                Lang::Ja => format!("検知 {count}件、{}、{kind}", newest.severity.label(lang)),
                Lang::En => format!("{count} findings, {}, {kind}", newest.severity.label(lang)),
            }
        }),
        rows: facts
            .holding
            .iter()
            .take(FINDINGS_SHOWN)
            .map(|finding| FindingLine {
                id: finding.id,
                severity: text::severity_chip(finding.severity, lang),
                kind: finding.kind.label(lang),
                about: about_text(finding, view),
                since: text::when_short(&view.dir.zone, finding.span.start, view.now, lang),
            })
            .collect(),
    }
}

pub(super) fn doors_part(reader: &Reader, view: &View, facts: &Facts) -> Result<DoorsPart, StoreError> {
    let lang = view.lang;
    let states = query::doors(reader)?;
    let registered = view.dir.registers.as_ref().map_or(&[][..], |r| r.doors.as_slice());
    let rows = registered
        .iter()
        .filter(|entry| entry.valid.contains(view.now))
        .map(|entry| {
            let door = &entry.row;
            let state = states.iter().find(|state| state.door == door.id);
            let mut marks: Vec<Chip> = facts
                .outages
                .iter()
                .filter(|(id, _, _)| *id == door.id)
                .map(|(_, since, cause)| {
                    let since = text::when_short(&view.dir.zone, *since, view.now, lang);
                    let cause = cause.label(lang);
                    Chip::warn(
                        lang.pick(format!("欠測: {cause}（{since}〜）"), format!("not watched: {cause} ({since} –)")),
                    )
                })
                .collect();
            if marks.is_empty() {
                marks.push(Chip::ok(lang.pick("監視中", "watched")));
            }
            DoorLine {
                name: clean(&view.dir.door(&door.id)),
                between: format!(
                    "{} ↔ {}",
                    clean(&view.dir.zone_name(&door.outer, lang)),
                    clean(&view.dir.zone_name(&door.inner, lang))
                ),
                state: state.map(|state| door_chip(&state.state, lang)),
                since: state.map_or_else(String::new, |state| {
                    text::when_short(&view.dir.zone, state.device_time, view.now, lang)
                }),
                marks,
            }
        })
        .collect();
    Ok(DoorsPart { lang, rows })
}

/// A door's state as a mark.
pub(crate) fn door_chip(state: &str, lang: Lang) -> Chip {
    match state {
        "closed" => Chip::new("ok", "door", lang.pick("閉", "closed")),
        "locked" => Chip::new("ok", "door", lang.pick("施錠", "locked")),
        "opened" => Chip::new("info", "door", lang.pick("開", "open")),
        "unlocked" => Chip::warn(lang.pick("解錠中", "unlocked")),
        "held_open" => Chip::warn(lang.pick("開けたまま", "held open")),
        "forced" => Chip::bad(lang.pick("こじ開け", "forced")),
        other => Chip::dim(clean(other)),
    }
}

pub(super) fn sources_part(reader: &Reader, view: &View, facts: &Facts) -> Result<SourcesPart, StoreError> {
    let lang = view.lang;
    let silent: Vec<&str> = facts.silent().collect();
    let seen = query::sources(reader)?;
    let mut ids: Vec<String> = view.dir.sources().map(|(id, _)| id.to_owned()).collect();
    ids.extend(seen.iter().map(|row| row.source.clone()));
    ids.sort();
    ids.dedup();
    let mut rows: Vec<SourceLine> = ids
        .iter()
        .map(|id| {
            let heard = seen.iter().find(|row| row.source == *id);
            SourceLine {
                name: clean(&view.dir.source(id)),
                state: source_chip(view, id, heard.is_some(), silent.contains(&id.as_str())),
                last: heard.map_or_else(
                    || lang.pick("未受信", "never").to_owned(),
                    |row| text::when_short(&view.dir.zone, row.last_at, view.now, lang),
                ),
            }
        })
        .collect();
    rows.extend(query::cameras(reader)?.into_iter().map(|camera| SourceLine {
        name: clean(&view.dir.camera(&camera.camera)),
        state: camera_chip(&camera.state, lang),
        last: text::when_short(&view.dir.zone, camera.recorded_at, view.now, lang),
    }));
    Ok(SourcesPart { lang, rows })
}

/// How a source is: only one with a registered sign of life can be known to be silent.
pub(crate) fn source_chip(view: &View, id: &str, heard: bool, silent: bool) -> Chip {
    let lang = view.lang;
    let row = view.dir.source_row(id, view.now);
    match (row, silent, heard) {
        (_, true, _) => Chip::bad(lang.pick("応答なし", "silent")),
        (None, _, _) => Chip::warn(lang.pick("未登録", "unregistered")),
        (Some(row), _, true) if row.alive_every.is_some() => Chip::ok(lang.pick("正常", "alive")),
        (Some(_), _, true) => Chip::dim(lang.pick("受信あり・途絶監視なし", "heard, silence not watched")),
        (Some(_), _, false) => Chip::warn(lang.pick("未受信", "never heard")),
    }
}

/// A camera's state as a mark.
pub(crate) fn camera_chip(state: &str, lang: Lang) -> Chip {
    match state {
        "well" => Chip::ok(lang.pick("録画中", "recording")),
        "unreachable" => Chip::bad(lang.pick("応答なし", "unreachable")),
        "not_recording" => Chip::bad(lang.pick("録画停止", "not recording")),
        "stale" => Chip::warn(lang.pick("映像が古い", "picture is old")),
        other => Chip::dim(clean(other)),
    }
}
