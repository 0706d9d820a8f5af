//! Operation logs of terminals: which are gone before their term, and which were changed.
//!
//! A log grows while it is written: another hash with more bytes is no change. Growth that hides a
//! change is seen by whoever compares the hashes that were recorded with the file.

use std::collections::BTreeMap;

use kukaku_schema::{FindingKind, Span, UtcMicros};

use crate::effect::{Finding, Subject};
use crate::memory::Memory;
use crate::model::Model;
use crate::names::Word;
use crate::source::finding;

/// What was said of a file, in the order of the source's clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct OplogNote {
    /// When, by the source's clock.
    pub said: UtcMicros,
    /// What those of one instant are ordered by: their content.
    pub order: u64,
    /// The time that the file speaks of.
    pub span: Span,
    /// Its size.
    pub bytes: u64,
    /// The first bytes of its hash; none where it was not read.
    pub hash: Option<u64>,
    /// It is no longer there.
    pub gone: bool,
    /// The journal entry.
    pub entry: u64,
}

/// What was said of the files of a terminal, by path.
pub(crate) type OplogMemory = BTreeMap<Word, Vec<OplogNote>>;

/// Looks at the files of a terminal.
pub(crate) fn derive(model: &Model, memory: &Memory, terminal: Word) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (path, notes) in memory.oplogs.get(&terminal).into_iter().flatten() {
        let about = |kind, span, proofs| {
            let mut found = finding(kind, vec![Subject::Terminal(terminal), Subject::Segment(*path)], span, proofs);
            found.client = model.terminal(terminal, found.span.start).and_then(|terminal| terminal.value.client);
            found
        };
        if let Some(last) = notes.last().filter(|last| last.gone) {
            let keep = model.terminal(terminal, last.span.start).and_then(|terminal| terminal.value.oplog_keep);
            if last.said < keep.map_or(UtcMicros::MAX, |keep| last.span.end.plus(keep)) {
                findings.push(about(FindingKind::FootageLost, last.span, vec![last.entry]));
            }
        }
        let mut before: Option<&OplogNote> = None;
        let mut changed: Option<(Span, Vec<u64>)> = None;
        for note in notes.iter().filter(|note| !note.gone && note.hash.is_some()) {
            if let Some(before) = before.filter(|b| b.hash != note.hash && b.bytes >= note.bytes) {
                changed.get_or_insert_with(|| (before.span, Vec::new())).1.extend([before.entry, note.entry]);
            }
            before = Some(note);
        }
        findings.extend(changed.map(|(span, proofs)| about(FindingKind::FootageChanged, span, proofs)));
    }
    findings
}
