//! One session that several sources tell of: which records belong together, and what they say
//! together.
//!
//! Records of two sources are linked when they are of the same operator for the same client, at
//! the same time, and share a line, an address, a terminal or a target. Linked records that can't
//! be one session (two lines at once, two terminals) stay apart, and each is judged for itself:
//! in doubt nothing is joined. What comes out depends on the set of records alone.

use kukaku_schema::{DurationUs, Span, UtcMicros};

use crate::effect::{Link, PROOFS_MAX, SessionEnd, SessionPart, SessionView};
use crate::model::Model;
use crate::names::{Names, Word};

/// Most records that are joined to one session: more is a flood, not a session.
const PARTS_MAX: usize = 64;

/// By text: the numbers of names follow the order of arrival.
fn order<'a>(names: &'a Names, view: &SessionView) -> (UtcMicros, &'a str, Option<&'a str>, &'a str) {
    let key = view.key;
    (key.start, names.text(key.source), key.epoch.map(|epoch| names.text(epoch)), names.text(key.id))
}

/// How far clocks of two sources may be apart.
pub(crate) fn slack(model: &Model, view: &SessionView) -> DurationUs {
    model.policy(view.key.start).max_skew
}

fn same(a: Option<Word>, b: Option<Word>) -> bool {
    a.is_some() && a == b
}

/// Whether `ride` came through the line that `line` tells of.
fn carries(line: &SessionView, ride: &SessionView) -> bool {
    same(line.inner_address, ride.address)
}

fn meet(a: &SessionView, b: &SessionView, slack: DurationUs) -> bool {
    a.key.start < b.end_at().plus(slack) && b.key.start < a.end_at().plus(slack)
}

/// What two records of different sources have in common, if they may be of one session; the
/// strongest first.
pub(crate) fn link(model: &Model, a: &SessionView, b: &SessionView) -> Option<Link> {
    let of_one = same(a.operator, b.operator) && same(a.client, b.client) && a.key.source != b.key.source;
    if !of_one || !meet(a, b, slack(model, a).max(slack(model, b))) {
        return None;
    }
    if carries(a, b) || carries(b, a) {
        Some(Link::Line)
    } else if same(a.inner_address, b.inner_address) {
        Some(Link::InnerAddress)
    } else if same(a.terminal, b.terminal) {
        Some(Link::Terminal)
    } else if same(a.address, b.address) {
        Some(Link::Address)
    } else if same(a.target, b.target) {
        Some(Link::Target)
    } else {
        None
    }
}

/// Whether two records can't be of one session, where `lines` are the addresses that its lines gave.
fn clash(a: &SessionView, b: &SessionView, lines: &[Word]) -> bool {
    let differ = |x: Option<Word>, y: Option<Word>| x.zip(y).is_some_and(|(x, y)| x != y);
    if differ(a.terminal, b.terminal) {
        return true;
    }
    let at_once = a.key.start < b.end_at() && b.key.start < a.end_at();
    if !at_once {
        return false;
    }
    // Several connections through one line at once are what a session consists of.
    let carried = |view: &SessionView| view.address.is_some_and(|address| lines.contains(&address));
    let both_carried = carried(a) && carried(b);
    let two_lines = differ(a.inner_address, b.inner_address);
    let two_targets = a.inner_address.is_none() && b.inner_address.is_none() && differ(a.target, b.target);
    two_lines || (!both_carried && (a.key.source == b.key.source || two_targets))
}

/// The end of a connection whose own end nobody told: that of the line through which it came.
fn end_of_line(model: &Model, ride: &SessionView, all: &[SessionView]) -> Option<UtcMicros> {
    if matches!(ride.end, SessionEnd::Ended(_)) {
        return None;
    }
    let ends = all.iter().filter(|line| carries(line, ride) && link(model, line, ride).is_some());
    // A line that anybody could make up ends nothing.
    let ends = ends.filter(|line| !model.spoofable(line.key.source));
    let ends = ends.filter_map(|line| {
        let slack = slack(model, line);
        let SessionEnd::Ended(end) = line.end else { return None };
        let covers = line.key.start <= ride.key.start.plus(slack) && ride.last_sign <= end.plus(slack);
        covers.then_some(end.max(ride.key.start))
    });
    // It may have ended earlier, as another source presumes it did; a line makes nothing longer.
    ends.max().filter(|end| *end <= ride.end_at())
}

/// Parts records into sessions, each with its earliest record first.
pub(crate) fn sessions_among(model: &Model, names: &Names, mut records: Vec<SessionView>) -> Vec<SessionView> {
    records.sort_by(|a, b| order(names, a).cmp(&order(names, b)));
    let ends: Vec<Option<UtcMicros>> = records.iter().map(|r| end_of_line(model, r, &records)).collect();
    let mut capped = records.clone();
    for (view, end) in capped.iter_mut().zip(ends) {
        if let Some(end) = end {
            view.end = SessionEnd::Ended(end);
        }
    }
    let mut groups: Vec<Vec<usize>> = Vec::new();
    for (index, view) in capped.iter().enumerate() {
        let mut linked: Vec<(UtcMicros, usize)> = Vec::new();
        for (number, group) in groups.iter().enumerate() {
            let starts = group.iter().filter(|of| link(model, &capped[**of], view).is_some());
            linked.extend(starts.map(|of| capped[*of].key.start).max().map(|start| (start, number)));
        }
        // The newest line is the one that it came through.
        linked.sort_unstable_by_key(|(start, number)| (std::cmp::Reverse(*start), *number));
        let mut home = vec![index];
        let mut emptied = Vec::new();
        for (_, number) in linked {
            if agree(&capped, &home, &groups[number]) {
                home.append(&mut groups[number]);
                emptied.push(number);
            }
        }
        home.sort_unstable();
        groups.retain(|group| !group.is_empty());
        groups.push(home);
    }
    let mut out: Vec<SessionView> = groups.iter().map(|group| whole(model, &records, &capped, group)).collect();
    out.sort_by(|a, b| order(names, a).cmp(&order(names, b)));
    out
}

fn agree(all: &[SessionView], home: &[usize], other: &[usize]) -> bool {
    if home.len() + other.len() > PARTS_MAX {
        return false;
    }
    let lines: Vec<Word> = home.iter().chain(other).filter_map(|of| all[*of].inner_address).collect();
    home.iter().all(|a| other.iter().all(|b| !clash(&all[*a], &all[*b], &lines)))
}

/// What the records of one session say together.
fn whole(model: &Model, raw: &[SessionView], capped: &[SessionView], group: &[usize]) -> SessionView {
    let mut out = raw[group[0]].clone();
    if group.len() == 1 {
        return out;
    }
    let members: Vec<&SessionView> = group.iter().map(|of| &capped[*of]).collect();
    out.end = if members.iter().any(|m| m.end == SessionEnd::Open) {
        SessionEnd::Open
    } else {
        // Where one says when it ended and another is only presumed to have by then, it did.
        let by_end = |m: &&&SessionView| (m.end_at(), matches!(m.end, SessionEnd::Ended(_)));
        members.iter().max_by_key(by_end).map_or(out.end, |m| m.end)
    };
    out.last_sign = members.iter().map(|m| m.last_sign).max().unwrap_or(out.last_sign);
    // Who could be anybody adds to what is asked of a session, and answers nothing of it.
    let sure: Vec<&SessionView> = members.iter().copied().filter(|m| !model.spoofable(m.key.source)).collect();
    let heard = if sure.is_empty() { &members } else { &sure };
    out.terminal = heard.iter().find_map(|m| m.terminal);
    out.zone = heard.iter().find(|m| m.terminal.is_some()).and_then(|m| m.zone);
    out.factors = heard
        .iter()
        .map(|m| m.factors)
        .max()
        .filter(|told| *told > 0)
        .unwrap_or_else(|| members.iter().map(|m| m.factors).max().unwrap_or(0));
    out.account = members.iter().find_map(|m| m.account);
    out.target = members.iter().find_map(|m| m.target);
    out.via = members.iter().find_map(|m| m.via);
    // What came through a line was seen with the line's own address; the line knows the desk's.
    let lines = members.iter().filter(|m| m.inner_address.is_some());
    out.address = lines.chain(&members).find_map(|m| m.address);
    out.inner_address = members.iter().find_map(|m| m.inner_address);
    out.proofs = members.iter().flat_map(|m| m.proofs.iter().copied()).collect();
    out.proofs.sort_unstable();
    out.proofs.dedup();
    out.proofs.truncate(PROOFS_MAX);
    let strongest = |of: usize| {
        let others = group.iter().filter(|other| **other != of);
        others.filter_map(|other| link(model, &capped[of], &capped[*other])).min()
    };
    out.parts = group.iter().map(|of| SessionPart::of(&raw[*of], strongest(*of))).collect();
    out
}

impl SessionPart {
    /// From its start to its end, to the end of time while it is open.
    #[must_use]
    pub fn span(&self) -> Span {
        let end = match self.end {
            SessionEnd::Open => UtcMicros::MAX,
            SessionEnd::Ended(at) | SessionEnd::Presumed(at) => at,
        };
        Span::new(self.key.start, end)
    }

    fn of(view: &SessionView, link: Option<Link>) -> Self {
        Self {
            key: view.key,
            start_unknown: view.start_unknown,
            end: view.end,
            account: view.account,
            terminal: view.terminal,
            target: view.target,
            via: view.via,
            address: view.address,
            inner_address: view.inner_address,
            factors: view.factors,
            link,
        }
    }
}

impl SessionView {
    /// The accounts that its sources name.
    pub(crate) fn accounts(&self) -> impl Iterator<Item = Word> + '_ {
        let alone = self.account.filter(|_| self.parts.is_empty());
        let of_parts = self.parts.iter().enumerate().filter_map(|(index, part)| {
            let again = self.parts[..index].iter().any(|before| before.account == part.account);
            part.account.filter(|_| !again)
        });
        alone.into_iter().chain(of_parts)
    }

    /// What each source told of it: itself, where one alone did.
    pub fn records(&self) -> impl Iterator<Item = SessionPart> + '_ {
        let alone = self.parts.is_empty().then(|| SessionPart::of(self, None));
        alone.into_iter().chain(self.parts.iter().copied())
    }
}
