//! What every page has around its content.

use askama::Template;
use axum::http::StatusCode;
use axum::response::{Html, IntoResponse, Response};
use kukaku_schema::Lang;
use kukaku_store::users::{Right, Role};

use crate::error::WebError;

/// The frame of a page.
#[derive(Debug, Clone, Default)]
pub(crate) struct Frame {
    pub lang: Lang,
    pub site: String,
    pub title: String,
    /// The key of the page in the navigation; empty: no navigation.
    pub nav: &'static str,
    /// Who is signed in; empty: nobody.
    pub user: String,
    /// What who is signed in is.
    pub role: Option<Role>,
    /// What forms have to carry.
    pub token: String,
    /// Where the language switch comes back to.
    pub back: String,
    /// Keeps itself up to date.
    pub live: bool,
    pub wall: bool,
    /// Trouble that every page has to show.
    pub trouble: Vec<String>,
    /// Lines at the foot.
    pub foot: Vec<String>,
}

/// An entry of the navigation.
pub(crate) struct NavItem {
    pub key: &'static str,
    pub href: &'static str,
    pub text: &'static str,
}

impl Frame {
    /// Chooses between the two texts.
    pub fn t<'a>(&self, ja: &'a str, en: &'a str) -> &'a str {
        self.lang.pick(ja, en)
    }

    /// The role of who is signed in, in words.
    pub fn role_label(&self) -> &'static str {
        self.role.map_or("", |role| role.label(self.lang))
    }

    /// Whether who is signed in may write orders and reports.
    pub fn may_write(&self) -> bool {
        self.role.is_some_and(|role| role.may(Right::Papers))
    }

    /// Whether who is signed in may sign what needs two people.
    pub fn may_confirm(&self) -> bool {
        self.role.is_some_and(|role| role.may(Right::Confirm))
    }

    /// Whether who is signed in may change the registers.
    pub fn may_register(&self) -> bool {
        self.role.is_some_and(|role| role.may(Right::Registers))
    }

    /// Told apart in addresses of static files, so that a browser never mixes versions.
    pub fn version(&self) -> &'static str {
        env!("CARGO_PKG_VERSION")
    }

    pub fn icon(&self, name: &str) -> String {
        icon(name)
    }

    pub fn icons(&self) -> &'static str {
        ICONS
    }

    pub fn items(&self) -> Vec<NavItem> {
        let item = |key, href, ja, en| NavItem { key, href, text: self.lang.pick(ja, en) };
        let mut items = vec![
            item("board", "/", "現況", "Status"),
            item("sessions", "/sessions", "セッション照合", "Sessions"),
            item("entries", "/entries", "入退室記録", "Entries"),
            item("findings", "/findings", "検知", "Findings"),
            item("orders", "/orders", "作業申請", "Work orders"),
            item("failures", "/failures", "障害報告", "Failures"),
            item("sources", "/sources", "機器", "Devices"),
            item("registers", "/registers", "台帳", "Registers"),
            item("journal", "/journal", "記録台帳", "Journal"),
            item("retention", "/retention", "保存期間", "Retention"),
            item("unreadable", "/unreadable", "読めなかった記録", "Unreadable"),
        ];
        let own = matches!(self.role, Some(Role::Operator));
        items.retain(|item| match item.key {
            "sources" | "unreadable" => self.sees_the_site(),
            "orders" | "failures" | "retention" => !own,
            _ => true,
        });
        items
    }

    /// Whether who is signed in sees the whole site.
    pub fn sees_the_site(&self) -> bool {
        self.role.is_some_and(Role::sees_the_site)
    }
}

/// A sign by its name; always beside a word, so hidden from screen readers.
pub(crate) fn icon(name: &str) -> String {
    format!("<svg class=\"i\" aria-hidden=\"true\"><use href=\"#i-{name}\"/></svg>")
}

/// The signs: shapes that differ, not only colours.
const ICONS: &str = concat!(
    "<svg xmlns=\"http://www.w3.org/2000/svg\" class=\"signs\" aria-hidden=\"true\">",
    "<symbol id=\"i-check\" viewBox=\"0 0 20 20\"><path d=\"M8 15.6 2.4 10l1.9-1.9L8 11.8l7.7-7.7L17.6 6z\"/></symbol>",
    "<symbol id=\"i-cross\" viewBox=\"0 0 20 20\"><path d=\"M10 1a9 9 0 1 0 0 18 9 9 0 0 0 0-18zm4.6 11.9-1.7 1.7L10 11.7l-2.9 2.9-1.7-1.7L8.3 10 5.4 7.1l1.7-1.7L10 8.3l2.9-2.9 1.7 1.7L11.7 10z\"/></symbol>",
    "<symbol id=\"i-stop\" viewBox=\"0 0 20 20\"><path d=\"M6.3 1h7.4L19 6.3v7.4L13.7 19H6.3L1 13.7V6.3zM8.8 4.6v7h2.4v-7zm0 8.6v2.3h2.4v-2.3z\"/></symbol>",
    "<symbol id=\"i-alert\" viewBox=\"0 0 20 20\"><path d=\"M10 1.2 19.6 18H.4zM8.9 7.4v5.2h2.2V7.4zm0 6.4v2.1h2.2v-2.1z\"/></symbol>",
    "<symbol id=\"i-ask\" viewBox=\"0 0 20 20\"><path d=\"M10 1a9 9 0 1 0 0 18 9 9 0 0 0 0-18zm-1.2 14.7v-2.2h2.3v2.2zm3.9-7.6c-.3.7-1.7 1.5-1.8 2.2v1.6H8.8v-2c.2-1.3 2-1.9 2-2.9 0-.5-.4-.9-1-.9-.7 0-1.1.4-1.2 1.100l-2.1-.4C6.8 5 8.1 4.1 9.9 4.100c1.9 0 3.2 1 3.2 2.6 0 .5-.1 1-.4 1.400z\"/></symbol>",
    "<symbol id=\"i-half\" viewBox=\"0 0 20 20\"><path d=\"M10 1a9 9 0 1 0 0 18 9 9 0 0 0 0-18zm0 2.200v13.600a6.8 6.8 0 0 1 0-13.600z\"/></symbol>",
    "<symbol id=\"i-clock\" viewBox=\"0 0 20 20\"><path d=\"M10 1a9 9 0 1 0 0 18 9 9 0 0 0 0-18zm0 2.200a6.8 6.8 0 1 1 0 13.6 6.8 6.8 0 0 1 0-13.600zM9 5.500v5.200l4 2.3 1-1.7-3-1.700V5.500z\"/></symbol>",
    "<symbol id=\"i-note\" viewBox=\"0 0 20 20\"><path d=\"M10 1a9 9 0 1 0 0 18 9 9 0 0 0 0-18zm-1.1 4h2.200v2.200H8.900zm0 3.500h2.200V15H8.900z\"/></symbol>",
    "<symbol id=\"i-pen\" viewBox=\"0 0 20 20\"><path d=\"m2 14.5 9.8-9.8 3.5 3.500L5.5 18H2zM13 3.5 14.7 1.800a1 1 0 0 1 1.4 0l2.1 2.100a1 1 0 0 1 0 1.400L16.5 7z\"/></symbol>",
    "<symbol id=\"i-dot\" viewBox=\"0 0 20 20\"><circle cx=\"10\" cy=\"10\" r=\"4\"/></symbol>",
    "<symbol id=\"i-door\" viewBox=\"0 0 20 20\"><path d=\"M4 18V2h9v1.500l3-1V18l-3-1v1zm2-2h5V4H6zm3.2-6.500h1.600v2H9.200z\"/></symbol>",
    "<symbol id=\"i-person\" viewBox=\"0 0 20 20\"><path d=\"M10 10a4 4 0 1 0 0-8 4 4 0 0 0 0 8zm0 1.500c-4 0-7 2-7 4.500v2h14v-2c0-2.5-3-4.5-7-4.500z\"/></symbol>",
    "<symbol id=\"i-line\" viewBox=\"0 0 20 20\"><path d=\"M1 4h18v9H1zm2 2v5h14V6zm3 10h8v2H6z\"/></symbol>",
    "</svg>"
);

/// Escapes text for HTML.
pub(crate) fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            c => out.push(c),
        }
    }
    out
}

impl crate::text::Chip {
    /// The mark as HTML.
    pub fn html(&self) -> String {
        format!("<span class=\"chip {}\">{}{}</span>", self.class, icon(self.icon), escaped(&self.text))
    }
}

/// Renders a template as a page.
pub(crate) fn page(template: &impl Template) -> Result<Response, WebError> {
    Ok(Html(rendered(template)?).into_response())
}

/// Renders a template.
pub(crate) fn rendered(template: &impl Template) -> Result<String, WebError> {
    template.render().map_err(|e| WebError::Bug(format!("render a page: {e}")))
}

#[derive(Template)]
#[template(path = "error.html")]
struct ErrorPage<'a> {
    f: Frame,
    text: &'a str,
    code: u16,
}

/// A page that says what went wrong and what to do.
pub(crate) fn error_page(status: StatusCode, text: &str, lang: Lang) -> Response {
    let title = lang.pick("お知らせ", "Notice").to_owned();
    let f = Frame { lang, site: "kukaku".to_owned(), title, back: "/".to_owned(), ..Frame::default() };
    let body = ErrorPage { f, text, code: status.as_u16() }.render();
    // A template without data of its own has nothing that could fail; its text alone then.
    (status, Html(body.unwrap_or_else(|_| escaped(text)))).into_response()
}
