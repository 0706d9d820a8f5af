//! One account at two terminals at once.

use kukaku_schema::{FindingKind, Span, UtcMicros};

use crate::effect::{Finding, FindingKey, PROOFS_MAX, SessionView, Subject};
use crate::names::Names;

/// By text: the numbers of names follow the order of arrival.
fn order<'a>(names: &'a Names, s: &SessionView) -> (UtcMicros, &'a str, &'a str) {
    (s.key.start, names.text(s.key.source), names.text(s.key.id))
}

/// One account, two terminals, at once: a finding for each pair, named by the later session.
pub(crate) fn shared_accounts(names: &Names, later: &SessionView, others: &[&SessionView]) -> Vec<Finding> {
    let mut out = Vec::new();
    for other in others {
        let both = Span::new(later.key.start, later.end_at()).intersect(Span::new(other.key.start, other.end_at()));
        let account = later.account.zip(other.account).filter(|(a, b)| a == b).map(|(a, _)| a);
        let Some(account) = account else { continue };
        let two_desks = later.terminal.zip(other.terminal).is_some_and(|(a, b)| a != b);
        if both.is_empty() || !two_desks || order(names, other) >= order(names, later) {
            continue;
        }
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
        out.push(Finding {
            key: FindingKey { kind: FindingKind::SharedAccount, about, at: both.start },
            severity: FindingKind::SharedAccount.severity(),
            span: both,
            subjects,
            client: later.client,
            proofs,
        });
    }
    out
}
