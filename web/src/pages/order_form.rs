//! The forms of a work order and of its report: what was typed, and what is wrong with it.

use kukaku_schema::observation::{OrderReport, OrderRevised, Remark};
use kukaku_schema::order::{OrderForm, OrderRefused, file_lines, files_from_lines};
use kukaku_schema::{Lang, Name, SiteZone, UtcMicros};

use super::View;
use crate::http::guard::Fields;
use crate::http::params::read_instant;
use crate::text::clean;

/// The form as it was filled in, to be shown again.
#[derive(Debug, Default)]
pub(super) struct Filled {
    pub id: String,
    pub client: String,
    pub from: String,
    pub to: String,
    pub purpose: String,
    pub content: String,
    pub targets: String,
    pub responsible: String,
    pub notes: String,
    pub operators: Vec<String>,
    pub files: String,
    pub emergency: bool,
}

impl Filled {
    /// As it was sent.
    pub fn of(fields: &Fields, view: &View) -> Self {
        let get = |name: &str| clean(fields.get(name));
        Self {
            id: get("id"),
            client: fields.get("client").to_owned(),
            from: get("from"),
            to: get("to"),
            purpose: fields.get("purpose").to_owned(),
            content: fields.get("content").to_owned(),
            targets: get("targets"),
            responsible: get("responsible"),
            notes: fields.get("notes").to_owned(),
            operators: view.dir.operators().map(|(id, _)| id.to_owned()).filter(|id| ticked(fields, id)).collect(),
            files: fields.get("files").to_owned(),
            emergency: fields.get("emergency") == "1",
        }
    }

    /// A new order like an earlier one: all but its number and its period. Approval is asked for anew.
    pub fn like(order: &OrderRevised) -> Self {
        let names = |names: &[Name]| names.iter().map(|name| name.as_str().to_owned()).collect::<Vec<_>>();
        Self {
            id: String::new(),
            client: order.client.as_str().to_owned(),
            from: String::new(),
            to: String::new(),
            purpose: order.purpose.as_str().to_owned(),
            content: order.content.as_str().to_owned(),
            targets: names(&order.targets).join(", "),
            responsible: order.responsible.as_str().to_owned(),
            notes: order.notes.as_ref().map_or_else(String::new, |notes| notes.as_str().to_owned()),
            operators: names(&order.operators),
            files: file_lines(&order.files),
            emergency: order.emergency,
        }
    }
}

/// Something that is wrong with what was sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Wrong {
    /// The field's name on the page; empty where it is about all of it.
    pub field: String,
    /// What, for the person.
    pub text: String,
}

impl Wrong {
    pub fn of(why: &OrderRefused, lang: Lang) -> Self {
        Self { field: why.field().unwrap_or_default().to_owned(), text: clean(why.text(lang)) }
    }

    pub fn in_all(text: String) -> Self {
        Self { field: String::new(), text: clean(&text) }
    }
}

pub(super) fn ticked(fields: &Fields, operator: &str) -> bool {
    fields.get(&format!("op:{operator}")) == "1"
}

/// A field that says what is wrong with it by its name on the page.
pub(super) fn named<T>(
    field: &str,
    what: (&str, &str),
    lang: Lang,
    read: Result<T, String>,
    errors: &mut Vec<Wrong>,
) -> Option<T> {
    read.map_err(|why| {
        // The reasons are the format's own, in English.
        let text = lang.pick(format!("「{}」を確認してください。", what.0), format!("{}: {why}", what.1));
        errors.push(Wrong { field: field.to_owned(), text: clean(&text) });
    })
    .ok()
}

pub(super) fn instant(text: &str, zone: &SiteZone) -> Result<UtcMicros, String> {
    read_instant(text, Some(zone)).ok_or_else(|| format!("{text:?} is no time"))
}

pub(super) fn names(text: &str) -> Result<Vec<Name>, String> {
    text.split([',', '、', ';', '；', '\n']).map(str::trim).filter(|one| !one.is_empty()).map(Name::new).collect()
}

pub(super) fn chosen_operators(fields: &Fields, view: &View) -> Vec<Name> {
    view.dir.operators().filter(|(id, _)| ticked(fields, id)).filter_map(|(id, _)| Name::new(id).ok()).collect()
}

pub(super) fn remark(text: &str) -> Result<Remark, String> {
    Remark::new(text)
}

pub(super) fn maybe_remark(text: &str) -> Result<Option<Remark>, String> {
    if text.trim().is_empty() { Ok(None) } else { remark(text).map(Some) }
}

pub(super) fn read_form(fields: &Fields, view: &View) -> Result<OrderForm, Vec<Wrong>> {
    let (lang, zone) = (view.lang, &view.dir.zone);
    let mut errors = Vec::new();
    let e = &mut errors;
    let id = named("id", ("申請番号", "Number"), lang, Name::new(fields.get("id").trim()), e);
    let client = named("client", ("契約先", "Client"), lang, Name::new(fields.get("client")), e);
    let from = named("from", ("作業の開始", "From"), lang, instant(fields.get("from"), zone), e);
    let to = named("to", ("作業の終了", "To"), lang, instant(fields.get("to"), zone), e);
    let purpose = named("purpose", ("目的", "Purpose"), lang, remark(fields.get("purpose")), e);
    let content = named("content", ("作業内容", "Content"), lang, remark(fields.get("content")), e);
    let targets = named("targets", ("対象サーバ", "Targets"), lang, names(fields.get("targets")), e);
    let responsible =
        named("responsible", ("責任者", "Responsible"), lang, Name::new(fields.get("responsible").trim()), e);
    let notes = named("notes", ("備考", "Notes"), lang, maybe_remark(fields.get("notes")), e);
    let files = files_from_lines(fields.get("files")).map_err(|why| e.push(Wrong::of(&why, lang))).ok();
    let form = (|| {
        Some(OrderForm {
            id: id?,
            client: client?,
            from: from?,
            to: to?,
            emergency: fields.get("emergency") == "1",
            purpose: purpose?,
            content: content?,
            targets: targets?,
            operators: chosen_operators(fields, view),
            responsible: responsible?,
            notes: notes?,
            files: files?,
        })
    })();
    form.ok_or(errors)
}

pub(super) fn read_report(fields: &Fields, view: &View) -> Result<OrderReport, Vec<Wrong>> {
    let (lang, zone) = (view.lang, &view.dir.zone);
    let mut errors = Vec::new();
    let e = &mut errors;
    let from = named("from", ("作業の開始", "From"), lang, instant(fields.get("from"), zone), e);
    let to = named("to", ("作業の終了", "To"), lang, instant(fields.get("to"), zone), e);
    let result = named("result", ("作業結果", "Result"), lang, remark(fields.get("result")), e);
    let continuing =
        named("continuing", ("継続する保守", "Continuing"), lang, maybe_remark(fields.get("continuing")), e);
    let approved_by =
        named("approved_by", ("承認者", "Approved by"), lang, Name::new(fields.get("approved_by").trim()), e);
    let report = (|| {
        Some(OrderReport {
            from: from?,
            to: to?,
            operators: chosen_operators(fields, view),
            result: result?,
            continuing: continuing?,
            approved_by: approved_by?,
            failure: fields.get("failure") == "1",
        })
    })();
    report.ok_or(errors)
}
