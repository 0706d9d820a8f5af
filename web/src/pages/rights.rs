//! 権限一覧: what each role may, and who has which.

use askama::Template;
use axum::extract::{Extension, State};
use axum::http::header;
use axum::response::{IntoResponse, Response};
use kukaku_schema::{DurationUs, Lang, UtcMicros};
use kukaku_store::users::{Right, Role, Roles, User};

use super::layout::{Frame, page};
use super::{View, read_view};
use crate::csv::{BYTE_ORDER_MARK, push_row};
use crate::error::WebError;
use crate::house::App;
use crate::http::guard::Viewer;
use crate::text::{Chip, clean, when};

/// Who has not signed in for so long is shown as dormant.
const DORMANT_AFTER: DurationUs = DurationUs::from_secs(90 * 86_400);

struct RightRow {
    name: &'static str,
    /// For each role, in their order.
    may: Vec<bool>,
}

struct UserRow {
    name: String,
    role: &'static str,
    extent: String,
    state: Chip,
    signed_in: String,
    password_until: String,
    factor: Chip,
    created: String,
}

#[derive(Template)]
#[template(path = "rights.html")]
struct RightsPage {
    f: Frame,
    as_of: String,
    rights: Vec<RightRow>,
    roles: Vec<&'static str>,
    users: Vec<UserRow>,
}

/// `GET /rights`.
pub(crate) async fn rights(State(app): State<App>, Extension(viewer): Extension<Viewer>) -> Result<Response, WebError> {
    let (view, ()) = read_view(&app, &viewer, |_, _| Ok(())).await?;
    let (lang, now, needs) = (view.lang, app.now(), app.users.rules().second_factor);
    let users = seen_by(&viewer, app.with_users(|users| users.list()).await?);
    let f = view.frame(&viewer, "registers", "権限一覧", "Rights", "/rights");
    page(&RightsPage {
        as_of: when(&view.dir.zone, now, lang),
        rights: Right::ALL.map(|right| right_row(right, lang)).into_iter().collect(),
        roles: Role::ALL.map(|role| role.label(lang)).to_vec(),
        users: users.iter().map(|user| user_row(user, needs, &view, now)).collect(),
        f,
    })
}

/// `GET /rights.csv`.
pub(crate) async fn csv(State(app): State<App>, Extension(viewer): Extension<Viewer>) -> Result<Response, WebError> {
    let (view, ()) = read_view(&app, &viewer, |_, _| Ok(())).await?;
    let (lang, now, needs) = (view.lang, app.now(), app.users.rules().second_factor);
    let users = seen_by(&viewer, app.with_users(|users| users.list()).await?);
    let mut out = BYTE_ORDER_MARK.to_owned();
    let head = [
        lang.pick("利用者", "User"),
        lang.pick("役割", "Role"),
        lang.pick("閲覧の範囲と期間", "Sees"),
        lang.pick("状態", "State"),
        lang.pick("最終サインイン", "Last sign-in"),
        lang.pick("パスワードの期限", "Password until"),
        lang.pick("二つ目の認証", "Second factor"),
        lang.pick("登録", "Made"),
    ];
    push_row(&mut out, head.into_iter().chain(Right::ALL.map(|right| right.label(lang))));
    for user in &users {
        let row = user_row(user, needs, &view, now);
        let cells = [
            &row.name[..],
            row.role,
            &row.extent,
            &row.state.text,
            &row.signed_in,
            &row.password_until,
            &row.factor.text,
            &row.created,
        ];
        let may = user.disabled_at.is_none();
        let rights = Right::ALL.map(|right| if may && user.role.may(right) { "○" } else { "" });
        push_row(&mut out, cells.into_iter().chain(rights));
    }
    let headers = [
        (header::CONTENT_TYPE, "text/csv; charset=utf-8"),
        (header::CONTENT_DISPOSITION, "attachment; filename=\"kukaku-rights.csv\""),
    ];
    Ok((headers, out).into_response())
}

/// The site's own people are everybody's to know; a city's only that city's.
fn seen_by(viewer: &Viewer, mut users: Vec<User>) -> Vec<User> {
    let scope = viewer.scope();
    users.retain(|user| {
        scope.is_site()
            || user.role.sees_the_site()
            || user.name == viewer.name()
            || (!user.extent.clients.is_empty() && user.extent.clients.iter().all(|client| scope.has_client(client)))
    });
    users
}

fn right_row(right: Right, lang: Lang) -> RightRow {
    RightRow { name: right.label(lang), may: Role::ALL.map(|role| role.may(right)).to_vec() }
}

fn factor_chip(user: &User, needs: Roles, lang: Lang) -> Chip {
    match (user.has_factor, needs.contains(user.role)) {
        (true, _) => Chip::ok(lang.pick("あり", "set up")),
        // He gets no further than to the page that sets one up.
        (false, true) => Chip::warn(lang.pick("未設定（必須）", "missing (needed)")),
        (false, false) => Chip::dim(lang.pick("なし", "none")),
    }
}

fn user_row(user: &User, needs: Roles, view: &View, now: UtcMicros) -> UserRow {
    let lang = view.lang;
    let at = |instant: Option<UtcMicros>| instant.map(|at| when(&view.dir.zone, at, lang));
    UserRow {
        name: clean(&user.name),
        role: user.role.label(lang),
        extent: extent(user, view),
        state: state(user, lang, now),
        signed_in: at(user.signed_in_at).unwrap_or_else(|| lang.pick("なし", "never").to_owned()),
        password_until: at(user.password_until).unwrap_or_default(),
        factor: factor_chip(user, needs, lang),
        created: at(Some(user.created_at)).unwrap_or_default(),
    }
}

/// For whom a user looks and until when, in words; nothing for the site's own people.
fn extent(user: &User, view: &View) -> String {
    let (lang, extent) = (view.lang, &user.extent);
    let at = |instant: UtcMicros| when(&view.dir.zone, instant, lang);
    let mut parts: Vec<String> = extent.clients.iter().map(|client| view.dir.client(client)).collect();
    parts.extend(extent.person.as_ref().map(|person| view.dir.person(person)));
    if extent.valid_from.is_some() || extent.valid_until.is_some() {
        let (from, until) = (extent.valid_from.map(at), extent.valid_until.map(at));
        let (from, until) = (from.unwrap_or_default(), until.unwrap_or_default());
        parts.push(lang.pick(format!("{from}～{until}"), format!("{from} to {until}")));
    }
    parts.extend(
        extent
            .sees_from
            .map(|from| lang.pick(format!("{}以降の記録", at(from)), format!("records from {} on", at(from)))),
    );
    clean(&parts.join(lang.pick("、", ", ")))
}

fn state(user: &User, lang: Lang, now: UtcMicros) -> Chip {
    let last = user.signed_in_at.unwrap_or(user.created_at);
    if user.disabled_at.is_some() {
        Chip::dim(lang.pick("無効", "disabled"))
    } else if user.stopped {
        Chip::bad(lang.pick("失敗が多く停止中", "stopped after too many failures"))
    } else if user.locked_until.is_some_and(|until| until > now) {
        Chip::bad(lang.pick("ロック中", "locked"))
    } else if now.since(last) >= DORMANT_AFTER {
        // A way in that nobody misses is a way in for somebody else.
        Chip::bad(lang.pick("90日以上未使用", "unused for 90 days"))
    } else if user.must_change {
        Chip::dim(lang.pick("初回パスワード", "first password"))
    } else if user.password_is_over(now) {
        Chip::bad(lang.pick("パスワード期限切れ", "password over"))
    } else {
        Chip::ok(lang.pick("有効", "active"))
    }
}
