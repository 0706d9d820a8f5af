//! セッション記録の欠測, as every list of sessions shows it.

use kukaku_schema::{Lang, Span, UtcMicros};
use kukaku_store::StoreError;
use kukaku_store::query::{self, Reader, SourceGapCause};

use super::View;
use crate::text::{clean, when};

/// Gaps listed at most; the summary counts them all.
const GAPS_SHOWN: usize = 12;

/// What a list says of the coverage of its sources.
#[derive(Debug, Clone, Default)]
pub(crate) struct Gaps {
    pub summary: String,
    pub rows: Vec<String>,
    pub unwatched: String,
}

/// The session sources: those that ever reported a session, and those registered to; of those in
/// `only`, where it names some.
pub(crate) fn watched_sources(reader: &Reader, view: &View, only: &[&str]) -> Result<Vec<String>, StoreError> {
    let mut sources = query::session_sources(reader)?;
    if let Some(registers) = &view.dir.registers {
        let registered = registers.sources.iter().filter(|s| {
            s.valid.contains(view.now)
                && (s.row.client.is_some()
                    || s.row.interim_every.is_some()
                    || registers.accounts.iter().any(|a| a.row.source.as_deref() == Some(&s.row.id)))
        });
        sources.extend(registered.map(|s| s.row.id.clone()));
    }
    sources.sort();
    sources.dedup();
    sources.retain(|source| only.is_empty() || only.contains(&source.as_str()));
    Ok(sources)
}

/// The gaps within `span` of all session sources, or of those in `only`.
pub(crate) fn gaps_in(reader: &Reader, view: &View, span: Span, only: &[&str]) -> Result<Gaps, StoreError> {
    let lang = view.lang;
    let sources = watched_sources(reader, view, only)?;
    let found = query::session_source_gaps(reader, &sources, span)?;
    let count = found.len();
    let rows = found
        .into_iter()
        .map(|gap| {
            let shown = gap.span.intersect(span);
            let cause = match gap.cause {
                SourceGapCause::NotYetHeard => lang.pick("受信開始前", "not heard yet"),
                SourceGapCause::Silent => lang.pick("応答なし", "silent"),
                SourceGapCause::OwnDowntime => lang.pick("本システムの停止", "kukaku was not running"),
                SourceGapCause::Lost => lang.pick("取りこぼし", "lines lost"),
            };
            let until = if gap.span.end >= view.now {
                lang.pick("継続中", "ongoing").to_owned()
            } else {
                when(&view.dir.zone, shown.end, lang)
            };
            let start = when(&view.dir.zone, shown.start, lang);
            format!("{} : {start} – {until}  {cause}", clean(&view.dir.source(&gap.source)))
        })
        .take(GAPS_SHOWN)
        .collect();
    let unwatched: Vec<String> = sources
        .iter()
        .filter(|id| view.dir.source_row(id, view.now).is_none_or(|row| row.alive_every.is_none()))
        .map(|id| clean(&view.dir.source(id)))
        .collect();
    Ok(Gaps { summary: summary(&sources, count, lang), rows, unwatched: unwatched_text(&unwatched, lang) })
}

fn summary(sources: &[String], count: usize, lang: Lang) -> String {
    let known = sources.len();
    match (known, count) {
        (0, _) => lang
            .pick(
                "セッションの記録元がありません。セッションは見えていません。",
                "No session source is known: no session can be seen.",
            )
            .to_owned(),
        (_, 0) => match lang {
            Lang::Ja => format!("表示期間にはありません（記録元 {known}件）。"),
            Lang::En => format!("none in the time shown ({known} sources)."),
        },
        _ => match lang {
            Lang::Ja => format!("{count}件。この間のセッションは見えていない可能性があります。"),
            Lang::En => format!("{count}. Sessions of these times may be missing."),
        },
    }
}

fn unwatched_text(unwatched: &[String], lang: Lang) -> String {
    if unwatched.is_empty() {
        return String::new();
    }
    let list = unwatched.join(lang.pick("、", ", "));
    match lang {
        Lang::Ja => format!("生存信号の間隔が登録されていないため、途絶を検知できない記録元: {list}"),
        Lang::En => {
            format!("Sources whose silence can't be noticed, because no sign of life is registered for them: {list}")
        }
    }
}

/// Those that last now, in a few words each.
pub(crate) fn gaps_now(reader: &Reader, view: &View) -> Result<Vec<String>, StoreError> {
    let span = Span::new(view.now, UtcMicros(view.now.0.saturating_add(1)));
    let sources = watched_sources(reader, view, &[])?;
    let found = query::session_source_gaps(reader, &sources, span)?;
    Ok(found
        .into_iter()
        .map(|gap| {
            let since = when(&view.dir.zone, gap.span.start, view.lang);
            let name = clean(&view.dir.source(&gap.source));
            match (gap.cause, view.lang) {
                (SourceGapCause::NotYetHeard, Lang::Ja) => format!("{name}: まだ一度も受信していません"),
                (SourceGapCause::NotYetHeard, Lang::En) => format!("{name}: never heard yet"),
                (_, Lang::Ja) => format!("{name}: {since} から"),
                (_, Lang::En) => format!("{name}: since {since}"),
            }
        })
        .collect())
}
