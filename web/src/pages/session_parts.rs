//! What each source told of a session that more than one told of, and why it is one.

use kukaku_core::SessionEnd;
use kukaku_schema::{Lang, Span, UtcMicros};
use kukaku_store::query::PartRow;

use super::View;
use super::svg::{Bar, Row};
use crate::text::{self, clean};

/// One record, in words.
pub(super) struct PartLine {
    pub source: String,
    pub session: String,
    pub from: String,
    pub until: String,
    pub names: String,
    pub why: String,
}

impl PartLine {
    pub fn new(part: &PartRow, view: &View) -> Self {
        let (lang, zone) = (view.lang, &view.dir.zone);
        let until = match part.end {
            SessionEnd::Open => lang.pick("終了の記録なし", "no end recorded").to_owned(),
            SessionEnd::Ended(at) => text::when(zone, at, lang),
            SessionEnd::Presumed(_) => lang.pick("終了の記録なし（推定）", "no end recorded (presumed)").to_owned(),
        };
        let named = [
            (lang.pick("アカウント", "account"), &part.account),
            (lang.pick("端末", "terminal"), &part.terminal),
            (lang.pick("接続元", "from"), &part.address),
            (lang.pick("払い出し", "given"), &part.inner_address),
            (lang.pick("接続先", "to"), &part.target),
        ];
        let named = named.into_iter().filter_map(|(what, value)| Some(format!("{what} {}", clean(value.as_deref()?))));
        let factors = (part.factors > 0).then(|| match lang {
            Lang::Ja => format!("認証 {}要素", part.factors),
            Lang::En => format!("{} factors", part.factors),
        });
        Self {
            source: clean(&view.dir.source(&part.source)),
            session: clean(&part.session),
            from: text::when(zone, part.start, lang),
            until,
            names: named.chain(factors).collect::<Vec<_>>().join(lang.pick("、", ", ")),
            why: part.link.label(lang).to_owned(),
        }
    }
}

/// A row of the timeline for each record.
pub(super) fn rows(parts: &[PartRow], whole: Span, view: &View) -> Vec<Row> {
    let lang = view.lang;
    let row = |part: &PartRow| {
        let end = match part.end {
            SessionEnd::Open => whole.end,
            SessionEnd::Ended(at) | SessionEnd::Presumed(at) => at.min(whole.end),
        };
        let span = Span::new(part.start, end.max(part.start).min(UtcMicros::MAX));
        let name = clean(&view.dir.source(&part.source));
        let title = format!("{name} {}", text::from_to(&view.dir.zone, span, lang));
        let bar = Bar { span, class: "sess", word: clean(&part.session), title };
        Row { name: lang.pick(format!("記録 {name}"), format!("told by {name}")), bars: vec![bar], marks: vec![] }
    };
    parts.iter().take(super::session::DEVICE_ROWS_MAX).map(row).collect()
}
