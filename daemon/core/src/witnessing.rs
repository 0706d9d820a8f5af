//! How far somebody beyond the vendor's reach could notice a change of the record.

use kukaku_schema::{DurationUs, Lang, UtcMicros};

/// Entries that wait longer than this for a witness are told on every page: ten signs of life.
pub const BEHIND_AFTER: DurationUs = DurationUs::from_secs(600);

/// Why a witness didn't cosign when it was asked last.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trouble {
    /// What it or the line to it said.
    pub what: String,
    /// Since when it goes on.
    pub since: UtcMicros,
    /// It knows another history than ours: the journal was rebuilt, cut or put back.
    pub contradicts: bool,
}

/// One witness.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Witness {
    /// As people call it.
    pub name: String,
    /// It is configured now.
    pub asked: bool,
    /// Entries that it cosigned; 0: it never did.
    pub size: u64,
    /// When, by its own clock.
    pub cosigned_at: Option<UtcMicros>,
    /// What is wrong with it.
    pub trouble: Option<Trouble>,
}

/// How far the witnesses reach.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Witnessing {
    /// Entries of the journal.
    pub entries: u64,
    /// When the oldest entry that no witness covers was recorded; none: every entry is covered.
    pub unwitnessed_since: Option<UtcMicros>,
    /// The witnesses, those that reach furthest first.
    pub witnesses: Vec<Witness>,
}

impl Witnessing {
    /// Entries that a witness covers.
    #[must_use]
    pub fn witnessed(&self) -> u64 {
        self.witnesses.iter().map(|witness| witness.size).max().unwrap_or(0)
    }

    /// Entries that no witness covers.
    #[must_use]
    pub fn unwitnessed(&self) -> u64 {
        self.entries.saturating_sub(self.witnessed())
    }

    /// The line that stands wherever a record is shown; `shown` writes an instant for people.
    #[must_use]
    pub fn line(&self, lang: Lang, shown: &dyn Fn(UtcMicros) -> String) -> String {
        let (rest, witnessed) = (counted(self.unwitnessed()), counted(self.witnessed()));
        let furthest = self.witnesses.iter().filter_map(|w| Some((w, w.cosigned_at?))).max_by_key(|(w, _)| w.size);
        let since = self.unwitnessed_since.map(shown);
        match (furthest, lang) {
            (None, Lang::Ja) if self.witnesses.iter().any(|w| w.asked) => {
                format!("証人: 連署はまだありません・未証人 全{rest}件")
            }
            (None, Lang::En) if self.witnesses.iter().any(|w| w.asked) => {
                format!("Witnesses: none has cosigned yet; not witnessed: all {rest}")
            }
            (None, Lang::Ja) => format!("証人なし・未証人 全{rest}件"),
            (None, Lang::En) => format!("No witness; not witnessed: all {rest}"),
            (Some((witness, at)), Lang::Ja) => {
                let since = since.map_or_else(String::new, |since| format!("（{since} から）"));
                format!("証人: {witnessed}件まで（{}、{}）・未証人 {rest}件{since}", shown(at), witness.name)
            }
            (Some((witness, at)), Lang::En) => {
                let since = since.map_or_else(String::new, |since| format!(" (since {since})"));
                format!(
                    "Witnessed up to entry {witnessed} ({}, {}); not witnessed: {rest}{since}",
                    shown(at),
                    witness.name
                )
            }
        }
    }

    /// What every page has to say: a witness that knows another history, or entries that wait
    /// for a witness for too long.
    #[must_use]
    pub fn alarm(&self, now: UtcMicros, lang: Lang, shown: &dyn Fn(UtcMicros) -> String) -> Option<String> {
        let asked = || self.witnesses.iter().filter(|witness| witness.asked);
        let troubled = |contradicts| {
            let found = asked().filter_map(move |w| Some((w, w.trouble.as_ref()?)));
            found.filter(move |(_, trouble)| trouble.contradicts == contradicts)
        };
        if let Some((witness, trouble)) = troubled(true).next() {
            let (name, since, what) = (&witness.name, shown(trouble.since), &trouble.what);
            return Some(match lang {
                Lang::Ja => format!(
                    "証人「{name}」が連署を拒んでいます（{since} から）。証人の知る記録台帳と一致しません。書き換え・切り落とし・古い複製への差し戻しの疑いがあります。{what}"
                ),
                Lang::En => format!(
                    "Witness {name} refuses to cosign (since {since}): it knows another journal than this one. It was rewritten, cut or put back from an old copy. {what}"
                ),
            });
        }
        let since = self.unwitnessed_since.filter(|since| now.since(*since) > BEHIND_AFTER)?;
        asked().next()?;
        let (rest, since) = (counted(self.unwitnessed()), shown(since));
        let why =
            troubled(false).next().map_or_else(String::new, |(w, trouble)| format!("{}: {}", w.name, trouble.what));
        Some(match lang {
            Lang::Ja => format!("証人の連署が届いていません。未証人 {rest}件（{since} から）。{why}"),
            Lang::En => format!("Witnesses don't cosign. Not witnessed: {rest} (since {since}). {why}"),
        })
    }
}

/// A count with separators between thousands.
fn counted(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn shown(at: UtcMicros) -> String {
        format!("{}s", at.0 / 1_000_000)
    }

    fn witness(name: &str, size: u64, trouble: Option<(bool, i64)>) -> Witness {
        Witness {
            name: name.to_owned(),
            asked: true,
            size,
            cosigned_at: (size > 0).then_some(UtcMicros(9_000_000)),
            trouble: trouble.map(|(contradicts, since)| Trouble {
                what: "said".to_owned(),
                since: UtcMicros(since),
                contradicts,
            }),
        }
    }

    fn state(witnesses: Vec<Witness>) -> Witnessing {
        Witnessing { entries: 12_345, unwitnessed_since: Some(UtcMicros(8_000_000)), witnesses }
    }

    #[test]
    fn the_line_says_how_far_by_whom_and_what_is_missing_since_when() {
        let line = |witnesses| state(witnesses).line(Lang::Ja, &shown);
        assert_eq!(line(vec![]), "証人なし・未証人 全12,345件");
        assert_eq!(line(vec![witness("市", 0, None)]), "証人: 連署はまだありません・未証人 全12,345件");
        let both = vec![witness("市", 12_000, None), witness("県", 12_300, None)];
        assert_eq!(line(both), "証人: 12,300件まで（9s、県）・未証人 45件（8s から）");
        let gone = Witness { asked: false, ..witness("市", 12_000, None) };
        assert!(line(vec![gone]).starts_with("証人: 12,000件まで"), "what was witnessed stays so");
        assert_eq!(state(vec![]).line(Lang::En, &shown), "No witness; not witnessed: all 12,345");
    }

    #[test]
    fn alarm_is_raised_by_another_history_at_once_and_by_silence_after_ten_minutes() {
        let alarm = |witnesses, seconds: i64| state(witnesses).alarm(UtcMicros(seconds * 1_000_000), Lang::En, &shown);
        assert_eq!(alarm(vec![], 100_000), None, "none is configured: the line says so, no alarm");
        assert_eq!(alarm(vec![witness("city", 12_000, Some((false, 0)))], 608), None);
        let late = alarm(vec![witness("city", 12_000, Some((false, 0)))], 609).unwrap();
        assert!(late.contains("345 (since 8s)") && late.contains("city: said"), "{late}");
        let forked = alarm(vec![witness("a", 12_345, None), witness("city", 0, Some((true, 7_000_000)))], 8).unwrap();
        assert!(forked.contains("city refuses to cosign (since 7s)"), "{forked}");
    }
}
