//! 検知への対応: what people do about a finding, on its page.

use askama::Template;
use axum::extract::{Extension, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use kukaku_core::desk::{Asked, Before, Desk, DeskAct, DeskState, check};
use kukaku_schema::{Lang, UtcMicros};
use kukaku_store::NewFindingAct;
use kukaku_store::query::{self, FindingActRow, FindingRow};
use kukaku_store::users::{Right, User};

use super::findings::show;
use super::order_form::instant;
use super::{Choice, View, choices, read_view};
use crate::directory::or_masked;
use crate::error::WebError;
use crate::house::App;
use crate::http::guard::{Fields, Viewer};
use crate::text::{self, Chip, clean};

/// What lists call those that nobody has closed.
pub(super) const OPEN: &str = "open";

/// The states that a list is asked for.
pub(super) fn states_of(word: Option<&str>) -> Vec<DeskState> {
    match word {
        Some(OPEN) => DeskState::ALL.into_iter().filter(|state| *state != DeskState::Closed).collect(),
        Some(word) => DeskState::from_word(word).into_iter().collect(),
        None => Vec::new(),
    }
}

/// What a list may be asked for.
pub(super) fn choices_of(chosen: &str, lang: Lang) -> Vec<Choice> {
    let open = (OPEN, lang.pick("未完了", "not closed"));
    let states = DeskState::ALL.iter().map(|state| (state.word(), state.label(lang)));
    choices(lang.pick("すべて", "All"), chosen, std::iter::once(open).chain(states))
}

/// How people stand to a finding, as a mark.
pub(super) fn chip(state: DeskState, lang: Lang) -> Chip {
    let label = state.label(lang);
    match state {
        DeskState::New | DeskState::Changed => Chip::warn(label),
        DeskState::Acknowledged => Chip::new("info", "pen", label),
        DeskState::Snoozed => Chip::new("info", "clock", label),
        DeskState::Closed => Chip::new("dim", "check", label),
    }
}

struct ActLine {
    entry: i64,
    at: String,
    by: String,
    what: &'static str,
    detail: String,
    note: String,
    /// It was done about an earlier state of the finding.
    earlier: bool,
}

/// The part of a finding's page on what people do about it.
#[derive(Template)]
#[template(path = "finding_desk.html")]
pub(super) struct DeskPart {
    lang: Lang,
    /// What forms have to carry; empty: he may do nothing.
    token: String,
    finding: i64,
    revision: i64,
    state: Chip,
    assignee: String,
    acts: Vec<ActLine>,
    users: Vec<Choice>,
    may_acknowledge: bool,
    may_close: bool,
    closed: bool,
    text: String,
    to: String,
    until: String,
    refused: Option<&'static str>,
}

impl DeskPart {
    pub fn new(
        row: &FindingRow,
        desk: &Desk,
        acts: &[FindingActRow],
        (users, token): (&[User], &str),
        (typed, refused): (&Fields, Option<&'static str>),
        view: &View,
    ) -> Self {
        let (lang, state) = (view.lang, desk.state(row.revision, view.now));
        let may = |user: &&User| user.disabled_at.is_none() && user.role.may(Right::Findings);
        let names: Vec<&str> = users.iter().filter(may).map(|user| user.name.as_str()).collect();
        let assignee = desk.assignee.as_deref().unwrap_or_default();
        Self {
            lang,
            token: token.to_owned(),
            finding: row.id,
            revision: row.revision,
            state: chip(state, lang),
            assignee: clean(assignee),
            acts: acts.iter().map(|act| act_line(act, row, view)).collect(),
            users: choices(lang.pick("選んでください", "Choose"), assignee, names.iter().map(|name| (*name, *name))),
            may_acknowledge: desk.acknowledged < row.revision,
            may_close: !goes_on(row, view.now),
            closed: state == DeskState::Closed,
            text: typed.get("text").to_owned(),
            to: typed.get("to").to_owned(),
            until: clean(typed.get("until")),
            refused,
        }
    }
}

fn act_line(act: &FindingActRow, row: &FindingRow, view: &View) -> ActLine {
    let lang = view.lang;
    let to = act.to.as_deref().map(|to| clean(or_masked(to, lang)));
    let until = act.until.map(|until| text::when(&view.dir.zone, until, lang));
    let until = until.map(|until| lang.pick(format!("{until} まで"), format!("until {until}")));
    let detail: Vec<String> = to.into_iter().chain(until).collect();
    ActLine {
        entry: act.entry,
        at: text::when(&view.dir.zone, act.at, lang),
        by: clean(&act.by),
        what: act.act.label(lang),
        detail: detail.join(" "),
        note: act.note.as_deref().map_or_else(String::new, |note| or_masked(note, lang).to_owned()),
        earlier: act.revision < row.revision,
    }
}

/// Whether what a finding speaks of still goes on.
fn goes_on(row: &FindingRow, now: UtcMicros) -> bool {
    row.resolved_at.is_none() && row.span.end > now
}

/// What somebody wants to do about a finding.
pub(crate) struct Wanted {
    pub finding: i64,
    /// The revision that he saw.
    pub revision: i64,
    pub act: DeskAct,
    pub by: String,
    /// Who he is in the registers, where he is an operator too.
    pub person: Option<String>,
    pub text: String,
    pub to: Option<String>,
    pub until: Option<UtcMicros>,
}

/// Does it, where it can be done; what is done is durable. Else why it can't, in both languages.
pub(crate) async fn perform(
    app: &App,
    viewer: &Viewer,
    wanted: Wanted,
) -> Result<Result<(), (&'static str, &'static str)>, WebError> {
    let id = wanted.finding;
    let (view, found) = read_view(app, viewer, move |reader, _| {
        let Some((row, _)) = query::finding(reader, id)? else { return Ok(None) };
        Ok(Some((row, query::desks(reader, &[id])?.remove(&id).unwrap_or_default())))
    })
    .await?;
    let (row, desk) = found.ok_or(WebError::NotFound)?;
    let Wanted { revision, act, by, person, text, to, until, .. } = wanted;
    let asked = Asked { act, by: &by, person: person.as_deref(), text: &text, to: to.as_deref(), until };
    let persons: Vec<&str> =
        row.subjects.iter().filter(|one| one.sort == "person").map(|one| one.value.as_str()).collect();
    let before = Before {
        severity: row.severity,
        revision: row.revision,
        goes_on: goes_on(&row, view.now),
        persons: &persons,
        desk: &desk,
    };
    // He acts on what he saw: what changed since he has to look at first.
    if revision != row.revision {
        return Ok(Err((
            "表示後にこの検知が変わりました。内容を確かめてから、もう一度操作してください。",
            "It has changed since: look at it, then try again.",
        )));
    }
    if let Err(why) = check(&asked, &before, view.now) {
        return Ok(Err(why));
    }
    let text = text.trim();
    let new = NewFindingAct {
        finding: row.key.clone(),
        client: row.client.clone(),
        revision,
        act,
        by: by.clone(),
        to: to.clone().filter(|_| matches!(act, DeskAct::Assign | DeskAct::Forward)),
        until: until.filter(|_| act == DeskAct::Snooze),
        text: (!text.is_empty()).then(|| text.to_owned()),
    };
    app.with_commands(move |commands| commands.act_on_finding(new)).await?.map_err(WebError::NotKept)?;
    Ok(Ok(()))
}

/// `POST /findings/act`.
pub(crate) async fn act(
    State(app): State<App>,
    Extension(viewer): Extension<Viewer>,
    Extension(fields): Extension<Fields>,
) -> Result<Response, WebError> {
    let id: i64 = fields.get("finding").parse().map_err(|_| WebError::NotFound)?;
    let session = viewer.session.clone().ok_or(WebError::NotSignedIn)?;
    let (view, ()) = read_view(&app, &viewer, |_, _| Ok(())).await?;
    let some = |name: &str| Some(fields.get(name).trim()).filter(|text| !text.is_empty());
    let wanted = Wanted {
        finding: id,
        revision: fields.get("revision").parse().unwrap_or_default(),
        act: DeskAct::from_word(fields.get("act")).ok_or(WebError::NotFound)?,
        by: session.user.name.clone(),
        person: session.user.extent.person.clone(),
        text: fields.get("text").to_owned(),
        to: some("to").map(str::to_owned),
        until: some("until").and_then(|until| instant(until, &view.dir.zone).ok()),
    };
    if let Err((ja, en)) = perform(&app, &viewer, wanted).await? {
        let shown = show(&app, &viewer, id, &fields, Some(viewer.lang.pick(ja, en))).await?;
        return Ok((StatusCode::UNPROCESSABLE_ENTITY, shown).into_response());
    }
    Ok(Redirect::to(&format!("/findings/{id}")).into_response())
}
