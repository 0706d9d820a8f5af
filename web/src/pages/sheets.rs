//! One table of the registers as CSV: taken out, and taken in after its difference was shown.

use askama::Template;
use axum::extract::{Extension, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use kukaku_schema::Lang;
use kukaku_schema::registers::sheet::{SheetFile, TABLES, to_csv};

use super::layout::{Frame, page};
use super::read_view;
use super::registers::{ERRORS_SHOWN, REASON_MAX_CHARS, done_text};
use crate::csv::BYTE_ORDER_MARK;
use crate::error::WebError;
use crate::house::App;
use crate::http::guard::{Fields, Viewer};
use crate::http::params::{Param, Params, Shape};
use crate::text::clean;

/// Which table.
pub(crate) const PARAMS: &[Param] = &[Param::new("table", Shape::Choice(TABLES), "the table")];

/// Lines of a difference that are shown; their number is told in any case.
const LINES_SHOWN: usize = 500;

/// What a table is called; by its own word where nothing better is known.
pub(crate) fn title(table: &'static str, lang: Lang) -> &'static str {
    match table {
        "client" => lang.pick("契約先（市）", "Clients"),
        "zone" => lang.pick("区画", "Zones"),
        "door" => lang.pick("扉", "Doors"),
        "reader" => lang.pick("リーダー", "Readers"),
        "camera" => lang.pick("カメラ", "Cameras"),
        "terminal" => lang.pick("端末", "Terminals"),
        "operator" => lang.pick("作業者", "Operators"),
        "person" => lang.pick("そのほかの人", "Staff and visitors"),
        "credential" => lang.pick("カードなどの証", "Credentials"),
        "account" => lang.pick("アカウント", "Accounts"),
        "source" => lang.pick("記録元", "Sources"),
        "retention" => lang.pick("保存期間の合意", "Agreements on retention"),
        "company" => lang.pick("会社", "Companies"),
        "pledge" => lang.pick("誓約書", "Pledges"),
        "training" => lang.pick("教育", "Trainings"),
        "standing_permission" => lang.pick("常時許可", "Standing permissions"),
        "permit" => lang.pick("許可・承諾・資格", "Permits and certificates"),
        other => other,
    }
}

/// The table of that name.
fn known(table: &str) -> Result<&'static str, WebError> {
    TABLES.iter().copied().find(|known| *known == table).ok_or(WebError::NotFound)
}

#[derive(Template)]
#[template(path = "sheet.html")]
struct SheetPage {
    f: Frame,
    table: &'static str,
    title: &'static str,
    errors: Vec<String>,
    done: String,
    /// The difference, where a file was handed in for a try.
    tried: Option<Vec<String>>,
    more: usize,
    csv: String,
    end_missing: bool,
    why: String,
}

/// What came of what was handed in.
#[derive(Default)]
struct Told {
    errors: Vec<String>,
    done: String,
    tried: Option<Vec<String>>,
    csv: String,
    end_missing: bool,
    why: String,
}

async fn show(app: &App, viewer: &Viewer, table: &'static str, told: Told) -> Result<Response, WebError> {
    let (view, ()) = read_view(app, viewer, |_, _| Ok(())).await?;
    let back = format!("/registers/sheet?table={table}");
    let f = view.frame(viewer, "registers", "台帳のCSV", "A table as CSV", back);
    let Told { errors, done, mut tried, csv, end_missing, why } = told;
    let more = tried.as_ref().map_or(0, |lines| lines.len().saturating_sub(LINES_SHOWN));
    tried.iter_mut().for_each(|lines| lines.truncate(LINES_SHOWN));
    page(&SheetPage { table, title: title(table, view.lang), errors, done, tried, more, csv, end_missing, why, f })
}

/// `GET /registers/sheet`.
pub(crate) async fn sheet(
    State(app): State<App>,
    Extension(viewer): Extension<Viewer>,
    Extension(params): Extension<Params>,
) -> Result<Response, WebError> {
    let table = known(params.shown("table"))?;
    show(&app, &viewer, table, Told::default()).await
}

/// `GET /registers/sheet.csv`.
pub(crate) async fn csv(
    State(app): State<App>,
    Extension(viewer): Extension<Viewer>,
    Extension(params): Extension<Params>,
) -> Result<Response, WebError> {
    let table = known(params.shown("table"))?;
    let (view, ()) = read_view(&app, &viewer, |_, _| Ok(())).await?;
    let registers = view.dir.registers.as_ref().ok_or(WebError::NotFound)?;
    let text = to_csv(registers, table, view.lang).map_err(WebError::Bug)?;
    let headers = [
        (header::CONTENT_TYPE, "text/csv; charset=utf-8".to_owned()),
        (header::CONTENT_DISPOSITION, format!("attachment; filename=\"{table}.csv\"")),
    ];
    Ok((headers, format!("{BYTE_ORDER_MARK}{text}")).into_response())
}

/// `POST /registers/sheet`: shows the difference, or takes in what was shown.
pub(crate) async fn take_in(
    State(app): State<App>,
    Extension(viewer): Extension<Viewer>,
    Extension(fields): Extension<Fields>,
) -> Result<Response, WebError> {
    let lang = viewer.lang;
    let table = known(fields.get("table"))?;
    // A browser sends every line's end as two signs.
    let text = fields.get("csv").replace("\r\n", "\n");
    let end_missing = fields.get("end_missing") == "1";
    let sheet = SheetFile { table: table.to_owned(), text: text.clone(), file: format!("{table}.csv"), end_missing };
    let why = fields.get("why").trim().to_owned();
    let told = Told { csv: text, end_missing, why: why.clone(), ..Told::default() };
    let refused = |errors: Vec<String>, told: Told| Told {
        errors: errors.iter().take(ERRORS_SHOWN).map(|error| clean(error)).collect(),
        tried: None,
        ..told
    };
    let again = sheet.clone();
    let plan = app.with_commands(move |commands| commands.plan_sheet(&again, lang)).await?;
    let lines: Vec<String> = match plan {
        Ok(lines) => lines.iter().map(|line| clean(line)).collect(),
        Err(errors) => {
            let page = show(&app, &viewer, table, refused(errors, told)).await?;
            return Ok((StatusCode::UNPROCESSABLE_ENTITY, page).into_response());
        }
    };
    let told = Told { tried: Some(lines), ..told };
    if fields.get("act") != "keep" {
        return show(&app, &viewer, table, told).await;
    }
    if why.is_empty() || why.chars().count() > REASON_MAX_CHARS {
        let text = lang.pick(
            "変更の理由を500文字以内で書いてください。",
            "Write the reason of the change, in at most 500 characters.",
        );
        let told = Told { errors: vec![text.to_owned()], ..told };
        return Ok((StatusCode::UNPROCESSABLE_ENTITY, show(&app, &viewer, table, told).await?).into_response());
    }
    let who = viewer.name().to_owned();
    match app.with_commands(move |commands| commands.import_sheet(&sheet, &who, &why)).await? {
        Ok(outcome) => show(&app, &viewer, table, Told { done: done_text(outcome, lang), ..Told::default() }).await,
        Err(errors) => {
            let page = show(&app, &viewer, table, refused(errors, told)).await?;
            Ok((StatusCode::UNPROCESSABLE_ENTITY, page).into_response())
        }
    }
}
