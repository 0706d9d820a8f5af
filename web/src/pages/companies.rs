//! 再委託一覧: for each client, who works under whom, on what, and by which consent.

use askama::Template;
use axum::extract::{Extension, State};
use axum::response::Response;
use kukaku_schema::registers::{Company, Entry, Registers};
use kukaku_schema::{Lang, UtcMicros};

use super::layout::{Frame, page};
use super::{View, read_view};
use crate::error::WebError;
use crate::house::App;
use crate::http::guard::Viewer;
use crate::text::{Chip, clean};

struct Sheet {
    client: String,
    rows: Vec<Row>,
}

struct Row {
    /// How many stand above it.
    depth: usize,
    name: String,
    above: String,
    entrusted: String,
    people: Vec<(&'static str, String)>,
    operators: String,
    period: String,
    consent: Chip,
}

#[derive(Template)]
#[template(path = "companies.html")]
struct CompaniesPage {
    f: Frame,
    as_of: String,
    sheets: Vec<Sheet>,
}

/// `GET /registers/companies`.
pub(crate) async fn companies(
    State(app): State<App>,
    Extension(viewer): Extension<Viewer>,
) -> Result<Response, WebError> {
    let (view, ()) = read_view(&app, &viewer, |_, _| Ok(())).await?;
    let f = view.frame(&viewer, "registers", "再委託一覧", "Companies and subcontractors", "/registers/companies");
    let sheets = view.dir.registers.as_ref().map_or_else(Vec::new, |r| sheets(r, &view));
    page(&CompaniesPage { as_of: crate::text::when(&view.dir.zone, view.now, view.lang), sheets, f })
}

fn sheets(r: &Registers, view: &View) -> Vec<Sheet> {
    let present: Vec<&Entry<Company>> = r.companies.iter().filter(|entry| entry.valid.contains(view.now)).collect();
    let clients = r.clients.iter().filter(|entry| entry.valid.contains(view.now));
    let sheet = |id: &str, name: &str| {
        let of: Vec<&Entry<Company>> =
            present.iter().copied().filter(|entry| entry.row.clients.iter().any(|client| client == id)).collect();
        let rows = tree(&of).into_iter().map(|(depth, entry)| row(r, view, id, depth, entry)).collect();
        Sheet { client: clean(name), rows }
    };
    clients.map(|client| sheet(&client.row.id, &client.row.name)).collect()
}

/// Companies with how many stand above them, each after the one it works under.
fn tree<'a>(companies: &[&'a Entry<Company>]) -> Vec<(usize, &'a Entry<Company>)> {
    let is_here = |id: &str| companies.iter().any(|entry| entry.row.id == id);
    let above = |entry: &Entry<Company>| entry.row.subcontracted_by.clone().filter(|id| is_here(id));
    let mut out: Vec<(usize, &Entry<Company>)> = Vec::new();
    let mut left: Vec<(usize, &Entry<Company>)> =
        companies.iter().rev().filter(|entry| above(entry).is_none()).map(|entry| (0, *entry)).collect();
    while let Some((depth, entry)) = left.pop() {
        out.push((depth, entry));
        // Circles were refused when the registers were read: nobody comes twice.
        let under = companies.iter().rev().filter(|other| above(other).as_deref() == Some(&entry.row.id));
        left.extend(under.map(|other| (depth + 1, *other)));
    }
    out
}

fn row(r: &Registers, view: &View, client: &str, depth: usize, entry: &Entry<Company>) -> Row {
    let (lang, zone) = (view.lang, &view.dir.zone);
    let company = &entry.row;
    let text = |text: &Option<String>| text.as_deref().map_or_else(String::new, clean);
    let people = [
        (lang.pick("所在地", "Address"), text(&company.address)),
        (lang.pick("代表者", "Representative"), text(&company.representative)),
        (lang.pick("連絡先", "Contact"), text(&company.contact)),
        (lang.pick("情報セキュリティ責任者", "Security officer"), text(&company.security_officer)),
        (lang.pick("個人情報管理者", "Privacy officer"), text(&company.privacy_officer)),
    ];
    let works = |o: &&Entry<kukaku_schema::registers::Operator>| {
        o.valid.contains(view.now)
            && o.row.company.as_deref() == Some(&company.id)
            && o.row.clients.iter().any(|of| of == client)
    };
    let operators: Vec<String> = r.operators.iter().filter(works).map(|o| clean(&o.row.name)).collect();
    let bound = |at: UtcMicros| match at {
        UtcMicros::MIN | UtcMicros::MAX => String::new(),
        at => crate::text::when(zone, at, lang),
    };
    Row {
        depth,
        name: clean(&company.name),
        above: company.subcontracted_by.as_deref().map_or_else(String::new, |id| clean(&view.dir.company(id))),
        entrusted: text(&company.entrusted),
        people: people.into_iter().filter(|(_, text)| !text.is_empty()).collect(),
        operators: operators.join(lang.pick("、", ", ")),
        period: format!("{} 〜 {}", bound(entry.valid.start), bound(entry.valid.end)),
        consent: consent(r, view, client, company),
    }
}

/// How the client's consent to a company stands.
fn consent(r: &Registers, view: &View, client: &str, company: &Company) -> Chip {
    let lang = view.lang;
    let of = |p: &&Entry<kukaku_schema::registers::Permit>| {
        p.row.company.as_deref() == Some(&company.id) && p.row.client.as_deref().is_none_or(|of| of == client)
    };
    let mut all = r.permits.iter().filter(of);
    if let Some(permit) = all.clone().find(|p| p.valid.contains(view.now)) {
        let number = permit.row.number.as_deref().map_or_else(String::new, |number| format!("{} ", clean(number)));
        let until = permit.row.until.map_or_else(String::new, |until| match lang {
            Lang::Ja => format!("（{until}まで）"),
            Lang::En => format!(" (through {until})"),
        });
        return Chip::ok(format!("{number}{}{until}", permit.row.date));
    }
    if all.any(|p| p.valid.end <= view.now) {
        return Chip::bad(lang.pick("承諾の期限切れ", "consent run out"));
    }
    match company.subcontracted_by {
        Some(_) => Chip::bad(lang.pick("承諾なし", "no consent")),
        None => Chip::dim(lang.pick("契約先", "has the contract")),
    }
}
