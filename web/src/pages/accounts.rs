//! 利用者の記録: sign-ins and what was done with users.

use askama::Template;
use axum::extract::{Extension, State};
use axum::response::Response;
use kukaku_schema::Lang;
use kukaku_store::query::{self, AccountRow, Cursor};
use kukaku_store::users::{CONSOLE, Role};

use super::layout::{Frame, page};
use super::{LIST_ROWS, View, read_view};
use crate::error::WebError;
use crate::house::App;
use crate::http::guard::Viewer;
use crate::http::params::{Param, Params, Shape, escape};
use crate::text::{Chip, clean, when};

/// What the list can be asked for.
pub(crate) const PARAMS: &[Param] =
    &[Param::new("user", Shape::Text, "one user"), Param::new("after", Shape::Text, "where the page before ended")];

struct Line {
    entry: i64,
    at: String,
    user: String,
    act: Chip,
    detail: String,
    by: String,
    address: String,
}

#[derive(Template)]
#[template(path = "accounts.html")]
struct AccountsPage {
    f: Frame,
    rows: Vec<Line>,
    user: String,
    next: Option<String>,
}

/// `GET /accounts/events`.
pub(crate) async fn events(
    State(app): State<App>,
    Extension(viewer): Extension<Viewer>,
    Extension(params): Extension<Params>,
) -> Result<Response, WebError> {
    let (after, user) = (params.text("after").and_then(|text| Cursor::from_text(&text)), params.text("user"));
    let asked = user.clone();
    let (view, listed) =
        read_view(&app, &viewer, move |reader, _| query::account_events(reader, asked.as_deref(), after, LIST_ROWS))
            .await?;
    let user = user.unwrap_or_default();
    let next = listed.next.map(|next| format!("/accounts/events?user={}&after={}", escape(&user), next.to_text()));
    let rows = listed.rows.iter().map(|row| line(row, &view)).collect();
    let f = view.frame(&viewer, "registers", "利用者の記録", "User accounts", "/accounts/events");
    page(&AccountsPage { f, rows, user: clean(&user), next })
}

fn line(row: &AccountRow, view: &View) -> Line {
    let lang = view.lang;
    Line {
        entry: row.entry,
        at: when(&view.dir.zone, row.at, lang),
        user: clean(&row.user),
        act: act_chip(&row.act, lang),
        detail: row.detail.as_deref().map_or_else(String::new, |detail| detail_text(detail, lang)),
        by: if row.by == CONSOLE {
            lang.pick("この機械の操作", "on the machine").to_owned()
        } else {
            clean(&row.by)
        },
        address: row.address.as_deref().map_or_else(String::new, clean),
    }
}

fn detail_text(detail: &str, lang: Lang) -> String {
    match detail {
        "password" => lang.pick("パスワード", "password").to_owned(),
        "address" => lang.pick("許可されていない接続元", "from an address that is not allowed").to_owned(),
        "code" => lang.pick("確認符号", "code").to_owned(),
        word => Role::from_word(word).map_or_else(|| clean(word), |role| role.label(lang).to_owned()),
    }
}

fn act_chip(act: &str, lang: Lang) -> Chip {
    match act {
        "signed_in" => Chip::ok(lang.pick("サインイン", "signed in")),
        "refused" => Chip::warn(lang.pick("サインイン失敗", "refused")),
        "locked" => Chip::bad(lang.pick("失敗が続きロック", "locked after failures")),
        "stopped" => Chip::bad(lang.pick("失敗が多く停止", "stopped after failures")),
        "made" => Chip::new("info", "person", lang.pick("登録", "made")),
        "role" => Chip::new("info", "pen", lang.pick("役割の変更", "role changed")),
        "disabled" => Chip::dim(lang.pick("無効化", "disabled")),
        "enabled" => Chip::new("info", "check", lang.pick("有効化・ロック解除", "enabled")),
        "reset" => Chip::new("info", "pen", lang.pick("パスワードの再発行", "password reset")),
        "password" => Chip::new("info", "pen", lang.pick("パスワードの変更", "password changed")),
        "token" => Chip::new("info", "pen", lang.pick("認証アプリ・トークンの登録", "app or token set up")),
        "codes" => Chip::new("info", "pen", lang.pick("印刷した符号の作成", "codes printed")),
        "key_made" => Chip::new("info", "pen", lang.pick("API キーの作成", "API key made")),
        "key_revoked" => Chip::dim(lang.pick("API キーの失効", "API key revoked")),
        "factors_removed" => Chip::warn(lang.pick("二つ目の認証の取り消し", "second factors removed")),
        other => Chip::dim(clean(other)),
    }
}
