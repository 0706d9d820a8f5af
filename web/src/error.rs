//! What can go wrong while a page or an API answer is made.
//!
//! Each error has a text for the reader, in both languages and without anything from inside,
//! and one for the log. Which status it gets is said in one place.

use axum::http::StatusCode;
use kukaku_schema::Lang;
use kukaku_schema::order::OrderRefused;
use kukaku_store::StoreError;
use kukaku_store::users::{Role, UsersError};

use crate::text::clean;

/// Why the pages could not be opened or served.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The store can't be read.
    #[error("open the store for the pages: {0}")]
    Store(#[from] StoreError),
    /// The users can't be read.
    #[error("open the users for the pages: {0}")]
    Users(#[from] UsersError),
    /// Plain HTTP was asked for on an address that others can reach.
    #[error("plain HTTP is served on loopback alone, and {0} is not; give it a certificate, or listen on 127.0.0.1")]
    PlainBeyondLoopback(std::net::SocketAddr),
    /// The address is taken or not ours.
    #[error("listen on {addr}: {source}")]
    Listen {
        /// Where.
        addr: std::net::SocketAddr,
        /// What the system said.
        source: std::io::Error,
    },
    /// The server stopped by itself.
    #[error("serve the pages: {0}")]
    Serve(std::io::Error),
}

/// Why a request was not answered as asked.
#[derive(Debug, thiserror::Error)]
pub(crate) enum WebError {
    #[error("not signed in")]
    NotSignedIn,
    #[error("no valid key")]
    NoKey,
    #[error("the first password has to be changed")]
    MustChange,
    #[error("a second factor has to be set up")]
    MustEnrol,
    #[error("not permitted: {0}")]
    Forbidden(&'static str),
    #[error("{}", .0.1)]
    KeyMayNot((&'static str, &'static str)),
    #[error("a user of the role {} may not", .0.word())]
    NoRight(Role),
    #[error("no such page")]
    NotFound,
    #[error("the method is not served here")]
    Method,
    #[error("parameter {name}: {}", .why.1)]
    Param { name: String, why: (String, String) },
    #[error("the body is longer than {limit} bytes")]
    TooLong { limit: usize },
    #[error("content type {0:?}")]
    MediaType(String),
    #[error("the body is not in shape: {0}")]
    Body(String),
    #[error("work order: {0}")]
    Order(Box<OrderRefused>),
    #[error("host {0:?} is not ours")]
    Host(String),
    #[error("too many attempts")]
    TooMany,
    #[error("too much to do")]
    Busy,
    #[error("a query took too long and was stopped")]
    TooSlow,
    #[error("the sender was too slow")]
    SenderSlow,
    #[error("nothing is being kept: {0}")]
    NotKept(String),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Users(#[from] UsersError),
    #[error("{0}")]
    Bug(String),
}

impl WebError {
    /// Status and the texts for the reader, Japanese and English.
    fn face(&self) -> (StatusCode, &'static str, &'static str) {
        match self {
            Self::NotSignedIn => (StatusCode::UNAUTHORIZED, "サインインしてください。", "Sign in first."),
            Self::NoKey => (
                StatusCode::UNAUTHORIZED,
                "有効な API キーが必要です。",
                "A valid API key is needed: `Authorization: Bearer kk_...`.",
            ),
            Self::MustChange => (
                StatusCode::FORBIDDEN,
                "最初にパスワードを変更してください。",
                "Change the first password before anything else.",
            ),
            Self::MustEnrol => (
                StatusCode::FORBIDDEN,
                "最初に二つ目の認証を設定してください。",
                "Set up your second factor before anything else.",
            ),
            Self::Forbidden(_) => (
                StatusCode::FORBIDDEN,
                "この操作は受け付けられません。前の画面に戻り、再読み込みしてからもう一度お試しください。",
                "This can't be accepted. Go back, reload the page and try again.",
            ),
            Self::KeyMayNot(_) => (StatusCode::FORBIDDEN, "この API キーではできません。", "This key may not do that."),
            Self::NoRight(_) => (
                StatusCode::FORBIDDEN,
                "あなたの権限ではこの操作はできません。権限一覧をご確認のうえ、担当の方に依頼してください。",
                "Your role may not do this. See the list of rights, and ask whoever may.",
            ),
            Self::NotFound => {
                (StatusCode::NOT_FOUND, "お探しのページまたは記録はありません。", "There is no such page or record.")
            }
            Self::Method => {
                (StatusCode::METHOD_NOT_ALLOWED, "この方法では利用できません。", "That method is not served here.")
            }
            Self::Param { .. } => (StatusCode::BAD_REQUEST, "検索条件に誤りがあります。", "A parameter is wrong."),
            Self::TooLong { .. } => {
                (StatusCode::PAYLOAD_TOO_LARGE, "送信された内容が大きすぎます。", "What was sent is too long.")
            }
            Self::MediaType(_) => (
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "この形式は受け付けられません。観測は Content-Type: application/json（1件、または1行に1件）で送ってください。",
                "That content type is not taken here. Send observations with Content-Type: application/json, one or one a line.",
            ),
            Self::Body(_) => {
                (StatusCode::BAD_REQUEST, "送信された内容を読み取れません。", "What was sent can't be read.")
            }
            Self::Order(_) => {
                (StatusCode::UNPROCESSABLE_ENTITY, "申請を受け付けられません。", "The work order can't be taken so.")
            }
            Self::Host(_) => (
                StatusCode::MISDIRECTED_REQUEST,
                "このアドレスでは利用できません。",
                "These pages are not served under that name.",
            ),
            Self::TooMany => (
                StatusCode::TOO_MANY_REQUESTS,
                "試行が多すぎます。しばらく待ってからお試しください。",
                "Too many attempts. Wait a while.",
            ),
            Self::Busy => (
                StatusCode::SERVICE_UNAVAILABLE,
                "混み合っています。少し待ってからもう一度お試しください。",
                "Busy at the moment. Try again shortly.",
            ),
            Self::TooSlow => (
                StatusCode::SERVICE_UNAVAILABLE,
                "検索に時間がかかりすぎました。期間を短くしてください。",
                "The search took too long. Choose a shorter time.",
            ),
            Self::SenderSlow => {
                (StatusCode::REQUEST_TIMEOUT, "送信が途中で止まりました。", "The sender stopped half-way.")
            }
            Self::NotKept(_) => (
                StatusCode::SERVICE_UNAVAILABLE,
                "記録を保存できません。何も受領していません。あとで再送してください。",
                "Nothing can be kept now and nothing was acknowledged. Send it again later.",
            ),
            Self::Store(_) | Self::Users(_) | Self::Bug(_) => (
                StatusCode::INTERNAL_SERVER_ERROR,
                "内部の誤りです。管理者は記録（ログ）を確認してください。",
                "Something failed inside. The log says what.",
            ),
        }
    }

    /// The status it answers with.
    pub fn status(&self) -> StatusCode {
        self.face().0
    }

    /// What the reader is told.
    pub fn for_reader(&self, lang: Lang) -> String {
        let (_, ja, en) = self.face();
        let mut text = lang.pick(ja, en).to_owned();
        match self {
            Self::Param { name, why } => {
                let (ja, en) = why;
                text.push_str(&format!(" {}: {}", clean(name), lang.pick(ja, en)));
            }
            Self::TooLong { limit } => text.push_str(&format!(" (≤ {limit} bytes)")),
            Self::KeyMayNot((ja, en)) => text.push_str(&format!(" {}", lang.pick(ja, en))),
            Self::Order(why) => text.push_str(&format!(" {}", clean(why.text(lang)))),
            Self::Body(why) => text.push_str(&format!(" {}", clean(why))),
            _ => {}
        }
        text
    }

    /// The field that it is about, for whoever sent a form.
    pub fn field(&self) -> Option<&str> {
        match self {
            Self::Order(why) => why.field(),
            Self::Param { name, .. } => Some(name),
            _ => None,
        }
    }

    /// Whether the log should hear of it: only what is ours to repair.
    pub fn is_ours(&self) -> bool {
        matches!(self, Self::Store(_) | Self::Users(_) | Self::Bug(_) | Self::NotKept(_) | Self::TooSlow)
    }
}
