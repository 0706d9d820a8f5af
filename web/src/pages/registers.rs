//! 台帳: what the site knows, as it stands, with its changes, its export and its import.

use askama::Template;
use axum::extract::{Extension, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use kukaku_core::retention::Term;
use kukaku_schema::period::Day;
use kukaku_schema::registers::sheet::TABLES;
use kukaku_schema::registers::{self, Entry, Policy, ReaderDirection, Registers};
use kukaku_schema::{Lang, UtcMicros};
use kukaku_store::query;

use super::layout::{Frame, page};
use super::sheets::title;
use super::{View, read_view};
use crate::error::WebError;
use crate::house::{App, ImportOutcome};
use crate::http::guard::{Fields, Viewer};
use crate::text::{self, Chip, clean};

/// Changes shown.
const CHANGES_SHOWN: u32 = 20;
/// Errors of an import that are shown.
pub(super) const ERRORS_SHOWN: usize = 20;
/// Longest reason that is taken, in characters.
pub(super) const REASON_MAX_CHARS: usize = 500;

struct Table {
    id: &'static str,
    headings: Vec<&'static str>,
    rows: Vec<Line>,
}

impl Table {
    fn title(&self, lang: &Lang) -> &'static str {
        title(self.id, *lang)
    }
}

struct Line {
    cells: Vec<String>,
    valid: Chip,
}

struct ChangeLine {
    at: String,
    actor: String,
    reason: String,
    counts: String,
    entry: i64,
}

#[derive(Template)]
#[template(path = "registers.html")]
struct RegistersPage {
    f: Frame,
    sheets: Vec<(&'static str, &'static str)>,
    site: Vec<(&'static str, String)>,
    tables: Vec<Table>,
    changes: Vec<ChangeLine>,
    errors: Vec<String>,
    done: String,
    toml: String,
    why: String,
}

/// What an import came to, to be told above the page.
#[derive(Default)]
struct Told {
    errors: Vec<String>,
    done: String,
    toml: String,
    why: String,
}

/// `GET /registers`.
pub(crate) async fn registers(
    State(app): State<App>,
    Extension(viewer): Extension<Viewer>,
) -> Result<Response, WebError> {
    show(&app, &viewer, Told::default()).await
}

async fn show(app: &App, viewer: &Viewer, told: Told) -> Result<Response, WebError> {
    let (view, changes) = read_view(app, viewer, |reader, _| query::register_changes(reader, CHANGES_SHOWN)).await?;
    let f = view.frame(viewer, "registers", "台帳", "Registers", "/registers");
    let lang = view.lang;
    let body = RegistersPage {
        sheets: TABLES.iter().map(|table| (*table, title(table, lang))).collect(),
        site: view.dir.registers.as_ref().map_or_else(Vec::new, |r| site_facts(r, lang)),
        tables: view.dir.registers.as_ref().map_or_else(Vec::new, |r| tables(r, &view)),
        changes: changes
            .into_iter()
            .map(|change| ChangeLine {
                at: text::when(&view.dir.zone, change.recorded_at, lang),
                actor: clean(&change.actor),
                reason: clean(&change.reason),
                counts: match lang {
                    Lang::Ja => format!("追加 {}・終了 {}", change.added, change.closed),
                    Lang::En => format!("{} added, {} closed", change.added, change.closed),
                },
                entry: change.journal_seq,
            })
            .collect(),
        errors: told.errors,
        done: told.done,
        toml: told.toml,
        why: told.why,
        f,
    };
    page(&body)
}

fn site_facts(r: &Registers, lang: Lang) -> Vec<(&'static str, String)> {
    let policy = r.policies.last().map_or_else(Policy::default, |entry| Policy::default().with(&entry.row));
    vec![
        (lang.pick("拠点", "Site"), clean(&r.site.name)),
        (lang.pick("拠点ID", "Id"), clean(&r.site.id)),
        (lang.pick("所在地", "Address"), r.site.address.as_deref().map_or_else(String::new, clean)),
        (lang.pick("時刻帯", "Time zone"), clean(&r.site.time_zone)),
        (
            lang.pick("猶予（入室前・退室後）", "Grace before and after"),
            format!("{} / {}", text::length(policy.grace_before, lang), text::length(policy.grace_after, lang)),
        ),
        (lang.pick("読み取りの到着を待つ時間", "Settle"), text::length(policy.settle, lang)),
        (lang.pick("最長の在室", "Longest stay"), text::length(policy.max_stay, lang)),
        (lang.pick("セッションの打ち切り", "Session time-out"), text::length(policy.session_timeout, lang)),
    ]
}

fn lines<T>(entries: &[Entry<T>], view: &View, cells: impl Fn(&T) -> Vec<String>) -> Vec<Line> {
    entries
        .iter()
        .map(|entry| Line {
            cells: cells(&entry.row).iter().map(|cell| clean(cell)).collect(),
            valid: valid_chip(entry.valid, view),
        })
        .collect()
}

fn valid_chip(valid: kukaku_schema::Span, view: &View) -> Chip {
    let (lang, zone) = (view.lang, &view.dir.zone);
    if valid.contains(view.now) {
        if valid.end >= UtcMicros::MAX {
            Chip::ok(lang.pick("有効", "in force"))
        } else {
            let until = text::when(zone, valid.end, lang);
            Chip::ok(lang.pick(format!("有効（{until}まで）"), format!("in force until {until}")))
        }
    } else if view.now < valid.start {
        let from = text::when(zone, valid.start, lang);
        Chip::new("info", "clock", lang.pick(format!("{from}から"), format!("from {from}")))
    } else {
        let until = text::when(zone, valid.end, lang);
        Chip::dim(lang.pick(format!("終了（{until}）"), format!("ended {until}")))
    }
}

/// How somebody's papers of one sort stand: since when the newest that counts does, and how long.
fn paper<T>(entries: &[Entry<T>], view: &View, of: impl Fn(&T) -> Option<(Day, Option<Day>)>) -> String {
    let lang = view.lang;
    let his = || entries.iter().filter_map(|entry| of(&entry.row).map(|days| (entry.valid, days)));
    let counts = his().filter(|(valid, _)| valid.contains(view.now)).max_by_key(|(valid, _)| valid.end);
    let ended = his().map(|(valid, _)| valid).filter(|valid| valid.end <= view.now).max_by_key(|valid| valid.end);
    match (counts, ended) {
        (Some((_, (date, until))), _) => match (until, lang) {
            (None, _) => date.to_string(),
            (Some(until), Lang::Ja) => format!("{date}（{until}まで）"),
            (Some(until), Lang::En) => format!("{date} (through {until})"),
        },
        (None, Some(_)) => lang.pick("期限切れ", "run out").to_owned(),
        (None, None) => lang.pick("なし", "none").to_owned(),
    }
}

fn tables(r: &Registers, view: &View) -> Vec<Table> {
    let lang = view.lang;
    let maybe = |text: &Option<String>| text.clone().unwrap_or_default();
    let length = |by: Option<kukaku_schema::DurationUs>| by.map_or_else(String::new, |by| text::length(by, lang));
    let clients = |ids: &[String]| -> String {
        let names: Vec<String> = ids.iter().map(|id| view.dir.client(id)).collect();
        names.join(lang.pick("、", ", "))
    };
    let id = "ID";
    let name = lang.pick("名称", "Name");
    let (zone, client, door) = (lang.pick("区画", "Zone"), lang.pick("契約先", "Client"), lang.pick("扉", "Door"));
    let (source, site) = (lang.pick("記録元", "Source"), lang.pick("拠点", "The site"));
    vec![
        Table {
            id: "client",
            headings: vec![id, name],
            rows: lines(&r.clients, view, |c| vec![c.id.clone(), c.name.clone()]),
        },
        Table {
            id: "operator",
            headings: vec![
                id,
                lang.pick("氏名", "Name"),
                client,
                title("company", lang),
                title("pledge", lang),
                title("training", lang),
            ],
            rows: lines(&r.operators, view, |o| {
                let company = o.company.as_deref().map_or_else(String::new, |id| view.dir.company(id));
                let pledge = paper(&r.pledges, view, |p| (p.operator == o.id).then_some((p.date, p.until)));
                let training = paper(&r.trainings, view, |t| (t.operator == o.id).then_some((t.date, t.until)));
                vec![o.id.clone(), o.name.clone(), clients(&o.clients), company, pledge, training]
            }),
        },
        Table {
            id: "person",
            headings: vec![id, lang.pick("氏名", "Name")],
            rows: lines(&r.persons, view, |p| vec![p.id.clone(), p.name.clone()]),
        },
        Table {
            id: "credential",
            headings: vec![id, lang.pick("持ち主", "Whose")],
            rows: lines(&r.credentials, view, |c| {
                let whose =
                    c.operator.as_deref().or(c.person.as_deref()).map_or_else(String::new, |id| view.dir.person(id));
                vec![c.id.clone(), whose]
            }),
        },
        Table {
            id: "account",
            headings: vec![id, lang.pick("作業者", "Operator"), client, source],
            rows: lines(&r.accounts, view, |a| {
                vec![a.id.clone(), view.dir.person(&a.operator), view.dir.client(&a.client), maybe(&a.source)]
            }),
        },
        Table {
            id: "terminal",
            headings: vec![id, zone, client],
            rows: lines(&r.terminals, view, |t| {
                let client = t.client.as_deref().map_or_else(String::new, |id| view.dir.client(id));
                vec![t.id.clone(), view.dir.zone_name(&t.zone, lang), client]
            }),
        },
        Table {
            id: "retention",
            headings: vec![id, client, lang.pick("記録の種類", "Records"), lang.pick("約束した期間", "Agreed")],
            rows: lines(&r.retentions, view, |a| {
                let whose = a.client.as_deref().map_or_else(|| site.to_owned(), |id| view.dir.client(id));
                let term = Term { at_least: a.at_least, at_most: a.at_most, erase: a.erase };
                vec![a.id.clone(), whose, a.class.label(lang).to_owned(), super::retention::term(&term, lang)]
            }),
        },
        Table {
            id: "company",
            headings: vec![
                id,
                name,
                lang.pick("再委託元", "Works under"),
                client,
                lang.pick("委託内容", "Entrusted with"),
            ],
            rows: lines(&r.companies, view, |c| {
                let above = c.subcontracted_by.as_deref().map_or_else(String::new, |id| view.dir.company(id));
                vec![c.id.clone(), c.name.clone(), above, clients(&c.clients), maybe(&c.entrusted)]
            }),
        },
        Table {
            id: "pledge",
            headings: vec![
                id,
                lang.pick("作業者", "Operator"),
                client,
                lang.pick("日付", "Date"),
                lang.pick("文書", "Paper"),
            ],
            rows: lines(&r.pledges, view, |p| {
                let to = p.client.as_deref().map_or_else(String::new, |id| view.dir.client(id));
                vec![p.id.clone(), view.dir.person(&p.operator), to, p.date.to_string(), maybe(&p.document)]
            }),
        },
        Table {
            id: "training",
            headings: vec![id, lang.pick("作業者", "Operator"), lang.pick("内容", "Topic"), lang.pick("日付", "Date")],
            rows: lines(&r.trainings, view, |t| {
                vec![t.id.clone(), view.dir.person(&t.operator), t.topic.clone(), t.date.to_string()]
            }),
        },
        Table {
            id: "permit",
            headings: vec![id, lang.pick("対象", "Of"), client, lang.pick("番号", "Number"), lang.pick("日付", "Date")],
            rows: lines(&r.permits, view, |p| {
                let of = match (&p.zone, &p.operator, &p.company) {
                    (Some(zone), ..) => view.dir.zone_name(zone, lang),
                    (_, Some(operator), _) => view.dir.person(operator),
                    (_, _, company) => company.as_deref().map_or_else(String::new, |id| view.dir.company(id)),
                };
                let by = p.client.as_deref().map_or_else(String::new, |id| view.dir.client(id));
                vec![p.id.clone(), of, by, maybe(&p.number), p.date.to_string()]
            }),
        },
        Table {
            id: "standing_permission",
            headings: vec![
                id,
                lang.pick("目的", "Purpose"),
                lang.pick("許可された人", "Who"),
                zone,
                lang.pick("曜日", "Days"),
                lang.pick("時間", "Hours"),
            ],
            rows: lines(&r.standing_permissions, view, |p| {
                let and = lang.pick("、", ", ");
                let persons: Vec<String> = p.persons.iter().map(|id| view.dir.person(id)).collect();
                let zones: Vec<String> = p.zones.iter().map(|id| view.dir.zone_name(id, lang)).collect();
                let days: Vec<&str> = p.weekdays.iter().map(|day| day.label(lang)).collect();
                let days = if days.is_empty() { lang.pick("毎日", "every day").to_owned() } else { days.join(and) };
                let hours = p.hours.map_or_else(|| lang.pick("終日", "all day").to_owned(), registers::Hours::to_text);
                vec![p.id.clone(), p.purpose.clone(), persons.join(and), zones.join(and), days, hours]
            }),
        },
        Table {
            id: "zone",
            headings: vec![
                id,
                name,
                lang.pick("親の区画", "Lies in"),
                lang.pick("認証要素", "Factors"),
                lang.pick("時間", "Hours"),
                lang.pick("在室の許可", "Permission to be inside"),
                lang.pick("必要な人数", "People demanded"),
            ],
            rows: lines(&r.zones, view, |z| {
                vec![
                    z.id.clone(),
                    z.name.clone(),
                    maybe(&z.parent),
                    z.factors.map_or_else(String::new, |n| n.to_string()),
                    z.hours.map_or_else(String::new, registers::Hours::to_text),
                    if z.permission { lang.pick("必要", "needed").to_owned() } else { String::new() },
                    z.min_persons.map_or_else(String::new, |n| n.to_string()),
                ]
            }),
        },
        Table {
            id: "door",
            headings: vec![id, name, lang.pick("外側", "Outer"), lang.pick("内側", "Inner")],
            rows: lines(&r.doors, view, |d| {
                vec![
                    d.id.clone(),
                    d.name.clone().unwrap_or_else(|| d.id.clone()),
                    view.dir.zone_name(&d.outer, lang),
                    view.dir.zone_name(&d.inner, lang),
                ]
            }),
        },
        Table {
            id: "reader",
            headings: vec![id, door, lang.pick("方向", "Direction"), source],
            rows: lines(&r.readers, view, |reader| {
                let direction = match reader.direction {
                    ReaderDirection::Entry => lang.pick("入室", "entry"),
                    ReaderDirection::Exit => lang.pick("退室", "exit"),
                };
                vec![reader.id.clone(), view.dir.door(&reader.door), direction.to_owned(), maybe(&reader.source)]
            }),
        },
        Table {
            id: "camera",
            headings: vec![id, name, zone, lang.pick("時間", "Hours"), lang.pick("保存期間", "Kept")],
            rows: lines(&r.cameras, view, |c| {
                vec![
                    c.id.clone(),
                    c.name.clone().unwrap_or_else(|| c.id.clone()),
                    view.dir.zone_name(&c.zone, lang),
                    c.hours.map_or_else(String::new, registers::Hours::to_text),
                    length(c.keep),
                ]
            }),
        },
        Table {
            id: "source",
            headings: vec![id, name, lang.pick("信頼区分", "Class"), lang.pick("生存信号", "Sign of life"), client],
            rows: lines(&r.sources, view, |s| {
                vec![
                    s.id.clone(),
                    s.name.clone().unwrap_or_else(|| s.id.clone()),
                    s.class.word().to_owned(),
                    length(s.alive_every),
                    s.client.as_deref().map_or_else(String::new, |id| view.dir.client(id)),
                ]
            }),
        },
    ]
}

/// `GET /registers.toml`.
pub(crate) async fn export(State(app): State<App>, Extension(viewer): Extension<Viewer>) -> Result<Response, WebError> {
    let (view, ()) = read_view(&app, &viewer, |_, _| Ok(())).await?;
    let registers = view.dir.registers.as_ref().ok_or(WebError::NotFound)?;
    let headers = [
        (header::CONTENT_TYPE, "application/toml; charset=utf-8"),
        (header::CONTENT_DISPOSITION, "attachment; filename=\"registers.toml\""),
    ];
    let toml = registers::to_toml(registers).map_err(|e| WebError::Bug(format!("write the registers as TOML: {e}")))?;
    Ok((headers, toml).into_response())
}

/// `POST /registers`.
pub(crate) async fn import(
    State(app): State<App>,
    Extension(viewer): Extension<Viewer>,
    Extension(fields): Extension<Fields>,
) -> Result<Response, WebError> {
    let lang = viewer.lang;
    let (toml, why) = (fields.get("toml").replace("\r\n", "\n"), fields.get("why").trim().to_owned());
    if why.is_empty() || why.chars().count() > REASON_MAX_CHARS {
        let text = lang.pick(
            "変更の理由を500文字以内で書いてください。",
            "Write the reason of the change, in at most 500 characters.",
        );
        let told = Told { errors: vec![text.to_owned()], toml, why, ..Told::default() };
        return Ok((StatusCode::UNPROCESSABLE_ENTITY, show(&app, &viewer, told).await?).into_response());
    }
    let who = viewer.name().to_owned();
    let (given, reason) = (toml.clone(), why.clone());
    match app.with_commands(move |commands| commands.import_registers(&given, &who, &reason)).await? {
        Ok(outcome) => show(&app, &viewer, Told { done: done_text(outcome, lang), ..Told::default() }).await,
        Err(errors) => {
            let errors = errors.iter().take(ERRORS_SHOWN).map(|error| clean(error)).collect();
            let told = Told { errors, toml, why, ..Told::default() };
            Ok((StatusCode::UNPROCESSABLE_ENTITY, show(&app, &viewer, told).await?).into_response())
        }
    }
}

pub(super) fn done_text(outcome: ImportOutcome, lang: Lang) -> String {
    let ImportOutcome { added, changed, ended } = outcome;
    match lang {
        Lang::Ja => format!("台帳を更新しました（追加 {added}、変更 {changed}、終了 {ended}）。"),
        Lang::En => format!("The registers were updated: {added} added, {changed} changed, {ended} ended."),
    }
}
