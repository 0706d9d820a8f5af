//! What people do about a finding: they acknowledge it, hand it to somebody, comment, put it off,
//! tell the city, and close it with a reason.
//!
//! None of it changes what is true. Whether a finding holds is the engine's word alone, from what
//! was observed; what people did stands beside it, and ends where the finding changes: whoever
//! acknowledged or closed it hadn't seen what it says now.

use kukaku_schema::{DurationUs, Lang, Severity, UtcMicros};

/// Longest time for which a finding may be put off.
pub const SNOOZE_LONGEST: DurationUs = DurationUs::from_secs(7 * 86_400);
/// The same for a critical one.
pub const SNOOZE_LONGEST_CRITICAL: DurationUs = DurationUs::from_secs(86_400);
/// Longest text of an act, in characters.
pub const ACT_TEXT_MAX_CHARS: usize = 2_000;

/// What somebody does about a finding.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum DeskAct {
    /// He has seen it (確認).
    Acknowledge,
    /// Somebody is to see to it (担当).
    Assign,
    /// He says something about it.
    Comment,
    /// It is looked at again later, with a reason.
    Snooze,
    /// The city was told of it.
    Forward,
    /// Nothing more is to be done about it, with a reason (対応完了).
    Close,
    /// It was closed too early, with a reason.
    Reopen,
}

impl DeskAct {
    /// Every act.
    pub const ALL: [Self; 7] =
        [Self::Acknowledge, Self::Assign, Self::Comment, Self::Snooze, Self::Forward, Self::Close, Self::Reopen];

    /// The word in the journal and on the wire.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Acknowledge => "acknowledge",
            Self::Assign => "assign",
            Self::Comment => "comment",
            Self::Snooze => "snooze",
            Self::Forward => "forward",
            Self::Close => "close",
            Self::Reopen => "reopen",
        }
    }

    /// The act of that word.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|act| act.word() == word)
    }

    /// Its name for people.
    #[must_use]
    pub fn label(self, lang: Lang) -> &'static str {
        match self {
            Self::Acknowledge => lang.pick("確認", "acknowledged"),
            Self::Assign => lang.pick("担当を決定", "assigned"),
            Self::Comment => lang.pick("コメント", "comment"),
            Self::Snooze => lang.pick("保留", "put off"),
            Self::Forward => lang.pick("市へ連絡", "city told"),
            Self::Close => lang.pick("対応完了", "closed"),
            Self::Reopen => lang.pick("再開", "opened again"),
        }
    }

    fn needs_text(self) -> bool {
        matches!(self, Self::Comment | Self::Snooze | Self::Forward | Self::Close | Self::Reopen)
    }
}

/// One act, as it was done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Acted {
    /// What.
    pub act: DeskAct,
    /// The revision of the finding that he had before him.
    pub revision: i64,
    /// Who is to see to it, or whom of the city he told.
    pub to: Option<String>,
    /// Until when it is put off.
    pub until: Option<UtcMicros>,
}

/// How a finding stands on people's desks.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Desk {
    /// The newest revision that somebody acknowledged; 0: none.
    pub acknowledged: i64,
    /// The newest revision that was closed; 0: none.
    pub closed: i64,
    /// Until when it is put off.
    pub snoozed_until: Option<UtcMicros>,
    /// Who is to see to it.
    pub assignee: Option<String>,
}

impl Desk {
    /// What a list of acts, oldest first, comes to.
    #[must_use]
    pub fn of(acts: &[Acted]) -> Self {
        let mut desk = Self::default();
        for acted in acts {
            match acted.act {
                DeskAct::Acknowledge => desk.acknowledged = desk.acknowledged.max(acted.revision),
                DeskAct::Assign => desk.assignee.clone_from(&acted.to),
                DeskAct::Snooze => {
                    // Who puts it off has seen it.
                    desk.acknowledged = desk.acknowledged.max(acted.revision);
                    desk.snoozed_until = acted.until;
                }
                DeskAct::Close => {
                    desk.acknowledged = desk.acknowledged.max(acted.revision);
                    desk.closed = desk.closed.max(acted.revision);
                    desk.snoozed_until = None;
                }
                DeskAct::Reopen => desk.closed = 0,
                DeskAct::Comment | DeskAct::Forward => {}
            }
        }
        desk
    }

    /// How it stands at `now` for a finding that has come to `revision`.
    #[must_use]
    pub fn state(&self, revision: i64, now: UtcMicros) -> DeskState {
        if self.closed >= revision {
            DeskState::Closed
        } else if self.acknowledged < revision {
            if self.acknowledged == 0 { DeskState::New } else { DeskState::Changed }
        } else if self.snoozed_until.is_some_and(|until| now < until) {
            DeskState::Snoozed
        } else {
            DeskState::Acknowledged
        }
    }
}

/// How far people have come with a finding.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum DeskState {
    /// Nobody has acknowledged it.
    New,
    /// It changed since somebody did.
    Changed,
    /// Somebody has.
    Acknowledged,
    /// It is put off.
    Snoozed,
    /// Nothing more is to be done.
    Closed,
}

impl DeskState {
    /// Every state.
    pub const ALL: [Self; 5] = [Self::New, Self::Changed, Self::Acknowledged, Self::Snoozed, Self::Closed];

    /// The word on the wire.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::New => "new",
            Self::Changed => "changed",
            Self::Acknowledged => "acknowledged",
            Self::Snoozed => "snoozed",
            Self::Closed => "closed",
        }
    }

    /// The state of that word.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.word() == word)
    }

    /// Its name for people.
    #[must_use]
    pub fn label(self, lang: Lang) -> &'static str {
        match self {
            Self::New => lang.pick("未確認", "not acknowledged"),
            Self::Changed => lang.pick("変化あり・要再確認", "changed since"),
            Self::Acknowledged => lang.pick("確認済・対応中", "acknowledged"),
            Self::Snoozed => lang.pick("保留中", "put off"),
            Self::Closed => lang.pick("対応完了", "closed"),
        }
    }
}

/// What is asked of an act.
#[derive(Debug, Clone, Copy)]
pub struct Asked<'a> {
    /// What.
    pub act: DeskAct,
    /// Who, as he signs in.
    pub by: &'a str,
    /// Who he is in the registers, where he is an operator too.
    pub person: Option<&'a str>,
    /// In his own words.
    pub text: &'a str,
    /// Who is to see to it, or whom of the city he told.
    pub to: Option<&'a str>,
    /// Until when.
    pub until: Option<UtcMicros>,
}

/// What an act needs to know of its finding.
#[derive(Debug, Clone, Copy)]
pub struct Before<'a> {
    /// How grave it is.
    pub severity: Severity,
    /// The revision that it has come to.
    pub revision: i64,
    /// What it speaks of still goes on.
    pub goes_on: bool,
    /// The persons it names, by id.
    pub persons: &'a [&'a str],
    /// How it stands on people's desks.
    pub desk: &'a Desk,
}

/// Whether an act can be done at `now`.
///
/// # Errors
/// Why not, in Japanese and in English.
pub fn check(asked: &Asked<'_>, before: &Before<'_>, now: UtcMicros) -> Result<(), (&'static str, &'static str)> {
    let closed = before.desk.state(before.revision, now) == DeskState::Closed;
    if asked.act.needs_text() && asked.text.trim().is_empty() {
        return Err(("理由または内容を書いてください。", "Write the reason, or what is to be said."));
    }
    if asked.text.chars().count() > ACT_TEXT_MAX_CHARS {
        return Err(("2,000文字以内で書いてください。", "At most 2,000 characters."));
    }
    match asked.act {
        DeskAct::Acknowledge if before.desk.acknowledged >= before.revision => {
            Err(("すでに確認されています。", "It was acknowledged already."))
        }
        DeskAct::Assign if asked.to.is_none() => Err(("担当者を選んでください。", "Choose who is to see to it.")),
        DeskAct::Forward if asked.to.is_none() => {
            Err(("市の連絡先（部署・氏名）を書いてください。", "Write whom of the city was told."))
        }
        DeskAct::Snooze => check_snooze(asked.until, before, closed, now),
        DeskAct::Close if closed => Err(("すでに対応完了です。", "It is closed already.")),
        DeskAct::Close if before.goes_on => Err((
            "まだ続いているため、完了にできません。終わってから操作してください。",
            "It still goes on: close it when it has ended.",
        )),
        DeskAct::Close if is_own(asked, before) => {
            Err(("ご自分に関する検知は、別の人が完了にしてください。", "It is about you: somebody else closes it."))
        }
        DeskAct::Reopen if !closed => Err(("完了していません。", "It is not closed.")),
        _ => Ok(()),
    }
}

fn check_snooze(
    until: Option<UtcMicros>,
    before: &Before<'_>,
    closed: bool,
    now: UtcMicros,
) -> Result<(), (&'static str, &'static str)> {
    let Some(until) = until.filter(|until| *until > now) else {
        return Err(("いつまで保留するかを、これからの日時で書いてください。", "Until when? It has to lie ahead."));
    };
    if closed {
        return Err(("すでに対応完了です。", "It is closed already."));
    }
    let longest = if before.severity == Severity::Critical { SNOOZE_LONGEST_CRITICAL } else { SNOOZE_LONGEST };
    if until.since(now) > longest {
        return Err((
            "保留は7日以内（重大な検知は24時間以内）にしてください。",
            "At most 7 days, 24 hours for a critical one.",
        ));
    }
    Ok(())
}

fn is_own(asked: &Asked<'_>, before: &Before<'_>) -> bool {
    before.persons.iter().any(|person| *person == asked.by || Some(*person) == asked.person)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn acted(act: DeskAct, revision: i64) -> Acted {
        Acted { act, revision, to: None, until: None }
    }

    fn at(seconds: i64) -> UtcMicros {
        UtcMicros(1_790_000_000_000_000 + seconds * 1_000_000)
    }

    #[test]
    fn whoever_acknowledged_or_closed_it_had_not_seen_what_it_says_now() {
        let mut acts = vec![acted(DeskAct::Acknowledge, 1)];
        assert_eq!(Desk::of(&[]).state(1, at(0)), DeskState::New);
        assert_eq!(Desk::of(&acts).state(1, at(0)), DeskState::Acknowledged);
        assert_eq!(Desk::of(&acts).state(2, at(0)), DeskState::Changed);
        acts.push(acted(DeskAct::Close, 2));
        assert_eq!(Desk::of(&acts).state(2, at(0)), DeskState::Closed);
        assert_eq!(Desk::of(&acts).state(3, at(0)), DeskState::Changed, "it is on the desk again");
        acts.push(acted(DeskAct::Reopen, 2));
        assert_eq!(Desk::of(&acts).state(2, at(0)), DeskState::Acknowledged);
    }

    #[test]
    fn what_is_put_off_comes_back_at_its_time() {
        let acts = [Acted { until: Some(at(60)), ..acted(DeskAct::Snooze, 1) }];
        assert_eq!(Desk::of(&acts).state(1, at(59)), DeskState::Snoozed);
        assert_eq!(Desk::of(&acts).state(1, at(60)), DeskState::Acknowledged);
        assert_eq!(Desk::of(&acts).state(2, at(59)), DeskState::Changed, "what changes is not put off");
    }

    #[test]
    fn each_act_is_refused_where_it_would_hide_something() {
        let desk = Desk::default();
        let before =
            Before { severity: Severity::Critical, revision: 1, goes_on: false, persons: &["op-01"], desk: &desk };
        let asked = |act: DeskAct| Asked { act, by: "sato", person: None, text: "済", to: None, until: None };
        let fine = |asked: Asked<'_>, before: Before<'_>| check(&asked, &before, at(0)).is_ok();
        assert!(fine(asked(DeskAct::Acknowledge), before));
        assert!(fine(asked(DeskAct::Close), before));
        // Not one's own, whichever name he goes by.
        assert!(!fine(Asked { by: "op-01", ..asked(DeskAct::Close) }, before));
        assert!(!fine(Asked { person: Some("op-01"), ..asked(DeskAct::Close) }, before));
        // Not what goes on, not without a reason, not twice.
        assert!(!fine(asked(DeskAct::Close), Before { goes_on: true, ..before }));
        assert!(!fine(Asked { text: " ", ..asked(DeskAct::Close) }, before));
        let closed = Desk::of(&[acted(DeskAct::Close, 1)]);
        assert!(!fine(asked(DeskAct::Close), Before { desk: &closed, ..before }));
        assert!(fine(asked(DeskAct::Reopen), Before { desk: &closed, ..before }));
        assert!(!fine(asked(DeskAct::Reopen), before));
        // Put off for a day at most, a week where it is not critical, and never backwards.
        let until = |seconds: i64| Asked { until: Some(at(seconds)), ..asked(DeskAct::Snooze) };
        assert!(fine(until(86_400), before) && !fine(until(86_401), before) && !fine(until(0), before));
        let high = Before { severity: Severity::High, ..before };
        assert!(fine(until(7 * 86_400), high) && !fine(until(7 * 86_400 + 1), high));
        assert!(!fine(asked(DeskAct::Assign), before) && !fine(asked(DeskAct::Forward), before));
        for act in DeskAct::ALL {
            let long = "長".repeat(ACT_TEXT_MAX_CHARS + 1);
            assert!(!fine(Asked { text: &long, to: Some("x"), ..until(60) }, before), "{act:?}");
            assert_eq!(DeskAct::from_word(act.word()), Some(act));
        }
    }
}
