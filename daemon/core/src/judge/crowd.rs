//! More sessions of one client at once than it has facing terminals (対向端末).

use kukaku_schema::{FindingKind, Span, UtcMicros};

use crate::effect::{Finding, FindingKey, SessionKey, SessionView, Subject};
use crate::names::Names;

/// Most of the other sessions that a finding names.
const OTHERS_MAX: usize = 16;

/// A finding for each session of one client that began while as many others as `limit` says were
/// open, of those that are `wanted`. Sessions that began in one instant count in the order of
/// their names. One walk over all of them: a flood of sessions costs each no more than a look.
pub(crate) fn crowds(
    names: &Names,
    mut sessions: Vec<&SessionView>,
    limit: impl Fn(&SessionView) -> Option<u16>,
    wanted: impl Fn(SessionKey) -> bool,
) -> Vec<(SessionKey, Finding)> {
    // By text: the numbers of names follow the order of arrival.
    sessions.sort_by_cached_key(|s| {
        let key = s.key;
        (key.start, names.text(key.source), key.epoch.map(|epoch| names.text(epoch)), names.text(key.id))
    });
    let mut out = Vec::new();
    // Those that are open, in their order, and their ends, the earliest first.
    let mut open: Vec<&SessionView> = Vec::new();
    let mut ends: Vec<UtcMicros> = Vec::new();
    for later in sessions {
        let start = later.key.start;
        let ended = ends.partition_point(|end| *end <= start);
        if ended > 0 {
            ends.drain(..ended);
            open.retain(|other| other.end_at() > start);
        }
        if wanted(later.key) {
            let found = limit(later).and_then(|limit| one_too_many(later, &open, &ends, limit));
            out.extend(found.map(|finding| (later.key, finding)));
        }
        let end = later.end_at();
        ends.insert(ends.partition_point(|other| *other <= end), end);
        open.push(later);
    }
    out
}

fn one_too_many(later: &SessionView, open: &[&SessionView], ends: &[UtcMicros], limit: u16) -> Option<Finding> {
    let (client, start) = (later.client?, later.key.start);
    let limit = usize::from(limit);
    if open.len() < limit || later.end_at() == start {
        return None;
    }
    // It is one too many until so many of the others have ended that it fits in.
    let fits = if limit == 0 { None } else { ends.get(ends.len() - limit) };
    let fits = fits.copied().unwrap_or(UtcMicros::MAX);
    let about = vec![Subject::Client(client), Subject::Session(later.key.source, later.key.id)];
    let mut subjects = about.clone();
    subjects.extend(later.operator.map(Subject::Person));
    subjects.extend(open.iter().take(OTHERS_MAX).map(|o| Subject::Session(o.key.source, o.key.id)));
    Some(Finding {
        key: FindingKey { kind: FindingKind::OverConcurrency, about, at: start },
        severity: FindingKind::OverConcurrency.severity(),
        span: Span::new(start, later.end_at().min(fits)),
        subjects,
        client: later.client,
        proofs: later.proofs.clone(),
    })
}
