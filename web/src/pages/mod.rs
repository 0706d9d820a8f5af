//! The pages: each module holds one, from its parameters to its template.

pub(crate) mod accounts;
pub(crate) mod assets;
pub(crate) mod board;
pub(crate) mod companies;
pub(crate) mod desk;
pub(crate) mod entries;
pub(crate) mod factor;
pub(crate) mod failures;
pub(crate) mod findings;
pub(crate) mod gaps;
pub(crate) mod gate;
pub(crate) mod journal;
pub(crate) mod layout;
pub(crate) mod looks;
pub(crate) mod notices;
pub(crate) mod order_answers;
mod order_form;
pub(crate) mod order_paper;
pub(crate) mod orders;
pub(crate) mod paper;
pub(crate) mod registers;
pub(crate) mod retention;
pub(crate) mod rights;
pub(crate) mod session;
mod session_parts;
pub(crate) mod sessions;
pub(crate) mod sheets;
pub(crate) mod sources;
pub(crate) mod svg;
pub(crate) mod terminals;

use std::sync::Arc;

use kukaku_core::witnessing::Witnessing;
use kukaku_schema::{Lang, UtcMicros};
use kukaku_store::query::{self, Reader};
use kukaku_store::{StoreError, witnessing};

use crate::directory::Directory;
use crate::error::WebError;
use crate::house::App;
use crate::http::guard::Viewer;
use crate::text::{clean, counted, when};
use layout::Frame;

/// Rows of one page of a list.
pub(crate) const LIST_ROWS: u32 = 50;

/// What a page reads beside its own: the names, and where the store stands.
pub(crate) struct View {
    pub dir: Arc<Directory>,
    /// The instant at which what is shown is true.
    pub now: UtcMicros,
    pub lang: Lang,
    foot: Vec<String>,
    trouble: Vec<String>,
    /// How far the witnesses reach.
    pub witnessing: Witnessing,
}

impl View {
    /// The frame of a page.
    pub fn frame(&self, viewer: &Viewer, nav: &'static str, ja: &str, en: &str, back: impl Into<String>) -> Frame {
        Frame {
            lang: self.lang,
            site: self.dir.site().to_owned(),
            title: self.lang.pick(ja, en).to_owned(),
            nav,
            user: viewer.name().to_owned(),
            role: viewer.session.as_ref().map(|session| session.user.role),
            token: viewer.token.clone(),
            back: back.into(),
            trouble: self.trouble.clone(),
            foot: self.foot.clone(),
            ..Frame::default()
        }
    }
}

/// Reads a page's data and what every page needs, from one state of the store.
pub(crate) async fn read_view<T: Send + 'static>(
    app: &App,
    viewer: &Viewer,
    read: impl FnOnce(&Reader, &View) -> Result<T, StoreError> + Send + 'static,
) -> Result<(View, T), WebError> {
    let (lang, shared) = (viewer.lang, Arc::clone(app));
    app.read(viewer.scope(), move |reader| {
        let dir = shared.directory.get(reader)?;
        let head = query::head(reader)?;
        let witnessing = witnessing(reader)?;
        let foot = foot(reader, &dir, head, &witnessing, lang)?;
        // What is open is shown up to the wall clock: the engine steps only when something is due.
        let now = head.advanced_to.max(shared.now());
        let unwitnessed = witnessing.alarm(shared.now(), lang, &|at| when(&dir.zone, at, lang));
        let trouble: Vec<String> =
            unwitnessed.map(|text| clean(&text)).into_iter().chain(trouble(reader, lang)?).collect();
        let trouble = trouble.into_iter().chain(notices::trouble(reader, shared.now(), lang)?).collect();
        let view = View { dir, now, lang, foot, trouble, witnessing };
        let data = read(reader, &view)?;
        Ok((view, data))
    })
    .await
}

/// How far the record reaches and who could notice if it were changed.
fn foot(
    reader: &Reader,
    dir: &Directory,
    head: query::Head,
    witnessing: &Witnessing,
    lang: Lang,
) -> Result<Vec<String>, StoreError> {
    let size = counted(head.journal_size);
    let signed = match query::newest_checkpoint(reader)? {
        None => lang.pick("署名はまだありません", "not signed yet").to_owned(),
        Some(checkpoint) => {
            let (until, at) = (counted(checkpoint.size), when(&dir.zone, checkpoint.signed_at, lang));
            match lang {
                Lang::Ja => format!("{until}件目まで署名済み（{at}）"),
                Lang::En => format!("signed up to entry {until} ({at})"),
            }
        }
    };
    let record = match lang {
        Lang::Ja => format!("記録台帳 {size}件、{signed}。"),
        Lang::En => format!("Journal: {size} entries, {signed}."),
    };
    let witnessed = clean(&witnessing.line(lang, &|at| when(&dir.zone, at, lang)));
    Ok(vec![record, witnessed])
}

/// Alerts that don't get out are told on every page: whoever waits for them would wait in vain.
fn trouble(reader: &Reader, lang: Lang) -> Result<Option<String>, StoreError> {
    let (waiting, failed, error) = query::outbox_failing(reader)?;
    if waiting + failed == 0 {
        return Ok(None);
    }
    let error: String = crate::text::clean(&error.unwrap_or_default()).chars().take(160).collect();
    Ok(Some(match lang {
        Lang::Ja => format!("通報を届けられていません（再送待ち {waiting}件、不達 {failed}件）。{error}"),
        Lang::En => {
            format!("Alerts can't be delivered ({waiting} waiting to be sent again, {failed} given up). {error}")
        }
    }))
}

/// An entry of a choice.
#[derive(Debug, Clone)]
pub(crate) struct Choice {
    pub value: String,
    pub text: String,
    pub chosen: bool,
}

/// Choices with "all" before them.
pub(crate) fn choices<'a>(all: &str, chosen: &str, entries: impl Iterator<Item = (&'a str, &'a str)>) -> Vec<Choice> {
    let mut out = vec![Choice { value: String::new(), text: all.to_owned(), chosen: chosen.is_empty() }];
    out.extend(entries.map(|(id, name)| Choice {
        value: id.to_owned(),
        text: crate::text::clean(name),
        chosen: id == chosen,
    }));
    // A filter on something that is no longer registered stays visible.
    if !chosen.is_empty() && !out.iter().any(|choice| choice.chosen) {
        let shown = crate::text::clean(chosen);
        out.push(Choice { value: shown.clone(), text: shown, chosen: true });
    }
    out
}
