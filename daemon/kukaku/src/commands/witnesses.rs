//! How far the witnesses reach, in `kukaku status`.

use kukaku_core::witnessing::Witnessing;
use kukaku_schema::{Lang, UtcMicros};
use serde::Serialize;

use crate::clock;

/// What is told of them. JSON keys are only ever added: programs read them.
#[derive(Debug, Serialize)]
pub(super) struct Witnesses {
    witnessed_entries: u64,
    unwitnessed_entries: u64,
    unwitnessed_since: Option<UtcMicros>,
    each: Vec<Each>,
    #[serde(skip)]
    state: Witnessing,
}

#[derive(Debug, Serialize)]
struct Each {
    name: String,
    asked: bool,
    cosigned_entries: u64,
    cosigned_at: Option<UtcMicros>,
    trouble: Option<String>,
    trouble_since: Option<UtcMicros>,
    contradicts: bool,
}

impl Witnesses {
    pub(super) fn of(state: Witnessing) -> Self {
        let each = state.witnesses.iter().map(|witness| Each {
            name: witness.name.clone(),
            asked: witness.asked,
            cosigned_entries: witness.size,
            cosigned_at: witness.cosigned_at,
            trouble: witness.trouble.as_ref().map(|trouble| trouble.what.clone()),
            trouble_since: witness.trouble.as_ref().map(|trouble| trouble.since),
            contradicts: witness.trouble.as_ref().is_some_and(|trouble| trouble.contradicts),
        });
        Self {
            witnessed_entries: state.witnessed(),
            unwitnessed_entries: state.unwitnessed(),
            unwitnessed_since: state.unwitnessed_since,
            each: each.collect(),
            state,
        }
    }

    /// The line that stands wherever a record is shown, what is alarming, and what is wrong with each.
    pub(super) fn lines(&self, lang: Lang, at: &dyn Fn(UtcMicros) -> String) -> Vec<String> {
        let mut out = vec![self.state.line(lang, at)];
        out.extend(self.state.alarm(clock::now(), lang, at).map(|alarm| format!("  !! {alarm}")));
        for witness in &self.state.witnesses {
            let Some(trouble) = &witness.trouble else { continue };
            let since = at(trouble.since);
            out.push(match lang {
                Lang::Ja => format!("  {}: {}（{since} から）", witness.name, trouble.what),
                Lang::En => format!("  {}: {} (since {since})", witness.name, trouble.what),
            });
        }
        out
    }
}
