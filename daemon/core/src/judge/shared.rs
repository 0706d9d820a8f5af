//! One account at two terminals at once.

use kukaku_schema::{FindingKind, Span, UtcMicros};

use crate::effect::{Finding, FindingKey, PROOFS_MAX, SessionPart, SessionView, Subject};
use crate::names::{Names, Word};

/// By text: the numbers of names follow the order of arrival.
fn order<'a>(names: &'a Names, s: &SessionView) -> (UtcMicros, &'a str, &'a str) {
    (s.key.start, names.text(s.key.source), names.text(s.key.id))
}

/// The account by which two sessions were had at once, from two terminals, and when.
fn at_two_desks(later: &SessionView, other: &SessionView) -> Option<(Word, Span)> {
    let desk = |of: &SessionView, record: &SessionPart| record.terminal.or(of.terminal);
    // A record that never said its end ended with its session.
    let within = |of: &SessionView| Span::new(of.key.start, of.end_at());
    let met = within(later).intersect(within(other));
    later.records().find_map(|a| {
        other.records().find_map(|b| {
            let account = a.account.zip(b.account).filter(|(a, b)| a == b).map(|(a, _)| a)?;
            let both = a.span().intersect(b.span()).intersect(met);
            let two_desks = desk(later, &a).zip(desk(other, &b)).is_some_and(|(a, b)| a != b);
            (two_desks && !both.is_empty()).then_some((account, both))
        })
    })
}

/// One account, two terminals, at once: a finding of two sessions, named by the later one. None if
/// `later` isn't that.
pub(crate) fn shared_account(names: &Names, later: &SessionView, other: &SessionView) -> Option<Finding> {
    if order(names, other) >= order(names, later) {
        return None;
    }
    let (account, both) = at_two_desks(later, other)?;
    let about = vec![
        Subject::Account(account),
        Subject::Session(later.key.source, later.key.id),
        Subject::Session(other.key.source, other.key.id),
    ];
    let mut subjects = about.clone();
    subjects.extend(later.operator.map(Subject::Person));
    subjects.extend(later.terminal.into_iter().chain(other.terminal).map(Subject::Terminal));
    let mut proofs: Vec<u64> = later.proofs.iter().chain(&other.proofs).copied().collect();
    proofs.sort_unstable();
    proofs.dedup();
    proofs.truncate(PROOFS_MAX);
    Some(Finding {
        key: FindingKey { kind: FindingKind::SharedAccount, about, at: both.start },
        severity: FindingKind::SharedAccount.severity(),
        span: both,
        subjects,
        client: later.client,
        proofs,
    })
}
