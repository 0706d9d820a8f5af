//! Sessions from what was said under one id.

use kukaku_schema::{DurationUs, UtcMicros};

use crate::effect::{SessionEnd, SessionKey, SessionView};
use crate::memory::{GroupKey, SessionNotes, SignNote};
use crate::model::Model;
use crate::names::Word;

/// Signs this much later than an end don't contradict it: two processes of one gateway.
fn tolerance(model: &Model, at: UtcMicros) -> DurationUs {
    model.policy(at).max_skew
}

/// How long an open session may go unmentioned.
fn patience(model: &Model, source: Word, at: UtcMicros) -> DurationUs {
    let interim = model.sources.get(source).and_then(|s| s.interim_every);
    interim.map_or(model.policy(at).session_timeout, |every| DurationUs(every.0.saturating_mul(3)))
}

/// The sessions under one id, by start, and when to look again.
///
/// Each distinct start is a session; signs belong to the newest start at or before them. Signs
/// before the first start are a session of their own whose start is unknown, but an end that
/// lies before the only start is that session's end.
pub(crate) fn sessions_of(
    model: &Model,
    key: GroupKey,
    notes: &SessionNotes,
    now: UtcMicros,
) -> (Vec<SessionView>, Option<UtcMicros>) {
    let starts = &notes.starts[..notes.starts.partition_point(|s| s.occ <= now)];
    let signs = &notes.signs[..notes.signs.partition_point(|s| s.occ <= now)];
    let later = notes.starts.get(starts.len()).map(|s| s.occ).into_iter();
    let mut wake = later.chain(notes.signs.get(signs.len()).map(|s| s.occ)).min();
    // Nearly every id stands for one session, and what is told of it comes after its start.
    if let [start] = starts
        && signs.first().is_none_or(|s| s.occ >= start.occ)
    {
        let mut view = assemble(model, key, start.occ, false, Some(start), signs, now, &mut wake);
        view.proofs.sort_unstable();
        return (vec![view], wake.filter(|at| *at > now));
    }
    let mut out = Vec::new();
    let first_start = starts.first().map(|s| s.occ);
    let early = first_start.map_or(signs.len(), |first| signs.partition_point(|s| s.occ < first));
    let mut early_signs = &signs[..early];
    // A lone end before a lone start: clocks of one gateway disagree, the end counts as the start.
    let distinct = starts.iter().map(|s| s.occ).collect::<std::collections::BTreeSet<_>>();
    let lone_end = distinct.len() == 1 && early_signs.len() == 1 && early_signs[0].ended && early == signs.len();
    let mut ended_before = None;
    if lone_end {
        ended_before = Some(early_signs[0]);
        early_signs = &[];
    }
    if let Some(first) = early_signs.first() {
        out.push(assemble(model, key, first.occ, true, None, early_signs, now, &mut wake));
    }
    let distinct: Vec<UtcMicros> = distinct.into_iter().collect();
    for (index, start) in distinct.iter().enumerate() {
        let next = distinct.get(index + 1).copied().unwrap_or(UtcMicros::MAX);
        let mine = &signs[signs.partition_point(|s| s.occ < *start)..signs.partition_point(|s| s.occ < next)];
        let note = starts.iter().find(|s| s.occ == *start);
        let mut view = assemble(model, key, *start, false, note, mine, now, &mut wake);
        view.proofs.extend(starts.iter().filter(|s| s.occ == *start).skip(1).map(|s| s.entry));
        if let Some(end) = ended_before {
            view.end = SessionEnd::Ended(*start);
            view.proofs.push(end.entry);
        }
        // A source that opens the same id again has ended the one before, and never said so.
        if !matches!(view.end, SessionEnd::Ended(_)) && view.end_at() > next {
            view.end = SessionEnd::Presumed(next);
        }
        view.proofs.sort_unstable();
        out.push(view);
    }
    (out, wake.filter(|at| *at > now))
}

#[expect(clippy::too_many_arguments, reason = "the parts of one session")]
fn assemble(
    model: &Model,
    key: GroupKey,
    start: UtcMicros,
    start_unknown: bool,
    note: Option<&crate::memory::StartNote>,
    signs: &[SignNote],
    now: UtcMicros,
    wake: &mut Option<UtcMicros>,
) -> SessionView {
    let last_sign = signs.iter().map(|s| s.occ).max().unwrap_or(start).max(start);
    let last_end = signs.iter().filter(|s| s.ended).map(|s| s.occ).max();
    let last_alive = signs.iter().filter(|s| !s.ended).map(|s| s.occ).max();
    let contradicted =
        last_end.is_some_and(|end| last_alive.is_some_and(|alive| alive > end.plus(tolerance(model, end))));
    let end = match last_end.filter(|_| !contradicted) {
        Some(end) => SessionEnd::Ended(end),
        None => {
            let due = last_sign.plus(patience(model, key.0, start));
            if due <= now {
                SessionEnd::Presumed(due)
            } else {
                *wake = Some(wake.map_or(due, |w| w.min(due)));
                SessionEnd::Open
            }
        }
    };
    let mut view = SessionView {
        key: SessionKey { source: key.0, epoch: key.1, id: key.2, start },
        start_unknown,
        end,
        last_sign,
        account: note.map(|n| n.account).or_else(|| signs.iter().find_map(|s| s.account)),
        terminal: note.and_then(|n| n.terminal).or_else(|| signs.iter().find_map(|s| s.terminal)),
        target: note.and_then(|n| n.target),
        via: note.and_then(|n| n.via),
        address: note.and_then(|n| n.address).or_else(|| signs.iter().find_map(|s| s.address)),
        inner_address: note.and_then(|n| n.inner_address),
        factors: note.map_or(0, |n| n.factors),
        operator: None,
        client: None,
        zone: None,
        proofs: note.map(|n| n.entry).into_iter().chain(proof_signs(signs)).collect(),
        parts: Vec::new(),
    };
    if let Some(account) = view.account.and_then(|a| model.account(a, key.0, start)) {
        view.operator = Some(account.value.operator);
        view.client = Some(account.value.client);
    }
    if view.terminal.is_none() {
        view.terminal = view.address.and_then(|address| model.terminal_at_address(address, start));
    }
    view.zone = view.terminal.and_then(|t| model.terminal(t, start)).map(|t| t.value.zone);
    view
}

/// The first and the last signs prove the session; the heartbeats between them would only fill the page.
fn proof_signs(signs: &[SignNote]) -> impl Iterator<Item = u64> {
    let ends = signs.iter().filter(|s| s.ended).map(|s| s.entry);
    let first = signs.first().map(|s| s.entry);
    let last = signs.last().map(|s| s.entry);
    let mut all: Vec<u64> = ends.chain(first).chain(last).collect();
    all.sort_unstable();
    all.dedup();
    all.truncate(crate::effect::PROOFS_MAX);
    all.into_iter()
}

impl SessionView {
    /// Its end, `UtcMicros::MAX` while it is open.
    #[must_use]
    pub fn end_at(&self) -> UtcMicros {
        match self.end {
            SessionEnd::Open => UtcMicros::MAX,
            SessionEnd::Ended(at) | SessionEnd::Presumed(at) => at,
        }
    }
}
