//! 閲覧記録: what the users of clients looked at; shown to both sides.

use askama::Template;
use axum::extract::{Extension, State};
use axum::response::Response;
use kukaku_store::query::{self, Cursor, LookFilter};
use kukaku_store::users::Role;

use super::layout::{Frame, page};
use super::{LIST_ROWS, View, read_view};
use crate::directory::or_masked;
use crate::error::WebError;
use crate::house::App;
use crate::http::guard::Viewer;
use crate::http::params::{Param, Params, Shape, escape};
use crate::text::{clean, when};

/// What the list can be narrowed by.
pub(crate) const PARAMS: &[Param] = &[
    Param::new("from", Shape::Instant, "looks from this instant on"),
    Param::new("to", Shape::Instant, "looks before this instant"),
    Param::new("user", Shape::Text, "one user"),
    Param::new("after", Shape::Text, "where the page before ended"),
];

struct LookLine {
    entry: i64,
    at: String,
    user: String,
    role: &'static str,
    clients: String,
    path: String,
    address: String,
}

#[derive(Template)]
#[template(path = "looks.html")]
struct LooksPage {
    f: Frame,
    rows: Vec<LookLine>,
    user: String,
    next: Option<String>,
}

/// `GET /looks`.
pub(crate) async fn looks(
    State(app): State<App>,
    Extension(viewer): Extension<Viewer>,
    Extension(params): Extension<Params>,
) -> Result<Response, WebError> {
    let after = params.text("after").and_then(|text| Cursor::from_text(&text));
    let asked = params.clone();
    let (view, listed) = read_view(&app, &viewer, move |reader, view| {
        let zone = &view.dir.zone;
        let filter =
            LookFilter { from: asked.instant("from", zone), to: asked.instant("to", zone), user: asked.text("user") };
        query::looks(reader, &filter, after, LIST_ROWS)
    })
    .await?;
    let user = params.text("user").unwrap_or_default();
    let next = listed.next.map(|next| format!("/looks?user={}&after={}", escape(&user), next.to_text()));
    let rows = listed.rows.iter().map(|row| line(row, &view)).collect();
    let f = view.frame(&viewer, "registers", "閲覧記録", "Looks", "/looks");
    page(&LooksPage { f, rows, user: clean(&user), next })
}

fn line(row: &query::LookRow, view: &View) -> LookLine {
    let clients: Vec<String> = row.clients.iter().map(|id| view.dir.client(or_masked(id, view.lang))).collect();
    LookLine {
        entry: row.entry,
        at: when(&view.dir.zone, row.at, view.lang),
        user: clean(&row.user),
        role: Role::from_word(&row.role)
            .map_or_else(|| view.lang.pick("API キー", "API key"), |role| role.label(view.lang)),
        clients: clean(&clients.join(view.lang.pick("、", ", "))),
        path: clean(or_masked(&row.path, view.lang)),
        address: clean(&row.address),
    }
}
