//! Judging the sessions of files.

use std::collections::BTreeMap;
use std::ops::Range;

use kukaku_schema::{Grade, Span, Verdict};

use super::{FileSession, Replay};
use crate::effect::{Finding, SessionView};
use crate::fact::Activity;
use crate::judge::{Court, Judged, crowds, shared_account};
use crate::memory::{GroupKey, SessionNotes, SignNote, StartNote};
use crate::names::{Names, Word};
use crate::session::sessions_of;

/// A session with its verdict.
#[derive(Debug)]
pub struct Sentence<'a> {
    /// The session.
    pub session: &'a SessionView,
    /// Its id's text.
    pub id: &'a str,
    /// The verdict.
    pub verdict: Verdict,
    /// The grade that supports it.
    pub grade: Option<Grade>,
    /// Spans of known absence, up to what can be judged at `now`.
    pub absent: &'a [Span],
    /// Spans of unknown presence, likewise.
    pub unknown: &'a [Span],
}

/// In which order sessions are judged.
#[derive(Debug, Default)]
pub struct Order(Vec<u32>);

/// Sessions that are judged together.
#[derive(Debug, Clone)]
pub struct Case {
    rows: Range<usize>,
    /// The sessions that single observations told of, too.
    of_facts: bool,
}

/// What is wrong with judged sessions.
#[derive(Debug, Default)]
pub struct Judgements {
    findings: Vec<Finding>,
    /// Every session with an account: two of one account may be one too many.
    views: Vec<(Word, SessionView)>,
}

impl Judgements {
    /// Adds those of the next case.
    pub fn append(&mut self, next: &mut Self) {
        self.findings.append(&mut next.findings);
        self.views.append(&mut next.views);
    }
}

/// How many rows a case has, about: work for a millisecond.
const CASE_ROWS: usize = 2048;

impl Replay {
    /// The order of the sessions by source and id (bytes), then start.
    #[must_use]
    pub fn order(&self) -> Order {
        Order(sorted_by_text(&self.sessions, &self.world.names))
    }

    /// Parts the sessions into cases, in `order`; those that single observations told of come last.
    pub fn docket(&mut self, order: Order) -> Vec<Case> {
        self.order = order.0;
        let mut cases = Vec::with_capacity(self.order.len() / CASE_ROWS + 2);
        let mut from = 0;
        while from < self.order.len() {
            let mut to = (from + CASE_ROWS).min(self.order.len());
            while to < self.order.len() && self.row(to).same_as(self.row(to - 1)) {
                to += 1;
            }
            cases.push(Case { rows: from..to, of_facts: false });
            from = to;
        }
        cases.push(Case { rows: from..from, of_facts: true });
        cases
    }

    fn row(&self, place: usize) -> &FileSession {
        &self.sessions[self.order[place] as usize]
    }

    /// Judges the sessions of a case in their order; `wrongs` asks for what is wrong with them too.
    pub fn judge(&self, case: &Case, each: impl FnMut(&Names, &Sentence<'_>), wrongs: Option<&mut Judgements>) {
        let world = &self.world;
        let mut bench = Bench { court: world.court(), names: &world.names, each, wrongs };
        let mut notes = SessionNotes::default();
        // Rows lie in the order of the files: many are fetched at once, not one after the other.
        let rows: Vec<FileSession> = case.rows.clone().map(|place| *self.row(place)).collect();
        let ids: Vec<&str> = rows.iter().map(|row| world.names.text(row.id)).collect();
        let mut place = 0;
        while place < rows.len() {
            // A row pairs a start with its end: rows of one id with different starts are different sessions.
            let (first, id) = (&rows[place], ids[place]);
            notes.starts.clear();
            notes.signs.clear();
            while place < rows.len() && rows[place].same_as(first) {
                add_notes(&rows[place], &mut notes);
                place += 1;
            }
            notes.starts.sort_unstable();
            notes.signs.sort_unstable();
            bench.judge_group((first.source, None, first.id), id, &notes);
        }
        if case.of_facts {
            for (key, notes) in &world.memory.sessions {
                bench.judge_group(*key, world.names.text(key.2), notes);
            }
        }
    }

    /// What is wrong with all sessions, from what is wrong with those of each case.
    #[must_use]
    pub fn wrongs(&self, all: Judgements) -> Vec<Finding> {
        let Judgements { mut findings, views } = all;
        let mut by_account: BTreeMap<Word, Vec<SessionView>> = BTreeMap::new();
        for (account, view) in views {
            by_account.entry(account).or_default().push(view);
        }
        let mut by_client: BTreeMap<Word, Vec<SessionView>> = BTreeMap::new();
        for view in by_account.values().flatten() {
            if let Some(client) = view.client.filter(|client| self.world.model.limits_sessions(*client)) {
                by_client.entry(client).or_default().push(view.clone());
            }
        }
        for list in by_account.values_mut() {
            findings.extend(shared_in(&self.world.names, list, |view, open| {
                open.iter().filter_map(|other| shared_account(&self.world.names, view, other)).collect()
            }));
        }
        for (client, list) in &by_client {
            let limit = |view: &SessionView| self.world.model.client(*client, view.key.start)?.facing_terminals;
            let found = crowds(&self.world.names, list.iter().collect(), limit, |_| true);
            findings.extend(found.into_iter().map(|(_, finding)| finding));
        }
        findings
    }
}

/// A court at work on one case.
struct Bench<'w, E> {
    court: Court<'w>,
    names: &'w Names,
    each: E,
    wrongs: Option<&'w mut Judgements>,
}

impl<E: FnMut(&Names, &Sentence<'_>)> Bench<'_, E> {
    fn judge_group(&mut self, key: GroupKey, id: &str, notes: &SessionNotes) {
        for view in sessions_of(self.court.model, key, notes, self.court.now).0 {
            let mut judged = match self.wrongs {
                Some(_) => self.court.judge(&view),
                None => self.court.verdict(&view),
            };
            let until = judged.until;
            for span in judged.absent.iter_mut().chain(&mut judged.unknown) {
                span.end = span.end.min(until.max(span.start));
            }
            let Judged { verdict, grade, absent, unknown, findings, .. } = judged;
            (self.each)(
                self.names,
                &Sentence { session: &view, id, verdict, grade, absent: &absent, unknown: &unknown },
            );
            if let Some(wrongs) = &mut self.wrongs {
                wrongs.findings.extend(findings);
                wrongs.views.extend(view.account.map(|account| (account, view)));
            }
        }
    }
}

impl FileSession {
    /// Whether it is the same session, told again.
    fn same_as(&self, other: &Self) -> bool {
        (self.source, self.id, self.start) == (other.source, other.id, other.start)
    }
}

fn add_notes(row: &FileSession, notes: &mut SessionNotes) {
    notes.starts.push(StartNote {
        occ: row.start,
        order: row.entry,
        dev: row.start,
        entry: row.entry,
        account: row.account,
        terminal: row.terminal,
        target: row.target,
        via: row.via,
        address: row.address,
        inner_address: row.inner_address,
        factors: row.factors,
    });
    if let Some(end) = row.end {
        notes.signs.push(SignNote {
            // A row's end belongs to its start, whatever its clock said.
            occ: end.max(row.start),
            order: row.entry,
            ended: true,
            dev: end,
            entry: row.entry,
            account: None,
            terminal: None,
            address: None,
            activity: Activity::default(),
        });
    }
}

/// The rows by the bytes of source and id, then start. Most ids differ in their first bytes.
fn sorted_by_text(rows: &[FileSession], names: &Names) -> Vec<u32> {
    let head = |word: Word| {
        let text = names.text(word).as_bytes();
        let mut head = [0_u8; 8];
        let len = text.len().min(8);
        head[..len].copy_from_slice(&text[..len]);
        u64::from_be_bytes(head)
    };
    let one_source = rows.windows(2).all(|p| p[0].source == p[1].source);
    let number = |index: usize| u32::try_from(index).expect("four thousand million rows don't fit in memory");
    let mut keys: Vec<(u64, u32)> = rows.iter().enumerate().map(|(index, r)| (head(r.id), number(index))).collect();
    let whole = |index: u32| {
        let row = &rows[index as usize];
        (names.text(row.source), names.text(row.id), row.start, row.entry)
    };
    if one_source {
        // Where the heads are the same, one is the beginning of the other or the rest decides.
        keys.sort_unstable_by(|a, b| a.0.cmp(&b.0).then_with(|| whole(a.1).cmp(&whole(b.1))));
    } else {
        keys.sort_unstable_by(|a, b| whole(a.1).cmp(&whole(b.1)));
    }
    keys.into_iter().map(|(_, index)| index).collect()
}

/// What `wrong` finds of each session beside those that were open when it began.
fn shared_in(
    names: &Names,
    list: &mut [SessionView],
    wrong: impl Fn(&SessionView, &[&SessionView]) -> Vec<Finding>,
) -> Vec<Finding> {
    list.sort_by_key(|s| (s.key.start, names.text(s.key.source).to_owned(), names.text(s.key.id).to_owned()));
    let mut out = Vec::new();
    let mut open: Vec<&SessionView> = Vec::new();
    for session in list.iter() {
        open.retain(|o| o.end_at() > session.key.start);
        out.extend(wrong(session, &open));
        open.push(session);
    }
    out
}
