//! What a register change changes, line by line, for people who decide on it.

use kukaku_schema::registers::StoredEntry;
use kukaku_schema::registers::sheet::{heading, instant_text};
use kukaku_schema::{Lang, SiteZone, UtcMicros};
use kukaku_store::{RegisterDiff, RegisterStep};
use serde_json::{Map, Value};

/// What becomes of an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sort {
    /// It is new.
    New,
    /// It says something else, or holds for another time.
    Changed,
    /// It ends.
    Ended,
}

impl Sort {
    /// The word for people.
    #[must_use]
    pub fn label(self, lang: Lang) -> &'static str {
        match self {
            Self::New => lang.pick("新規", "new"),
            Self::Changed => lang.pick("変更", "changed"),
            Self::Ended => lang.pick("終了", "ended"),
        }
    }
}

/// A line of a difference.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// What becomes of the entry.
    pub sort: Sort,
    /// The table.
    pub table: String,
    /// The entry's id; empty for site and policy.
    pub id: String,
    /// Each key that changes, with the value before and the value after.
    pub keys: Vec<(String, Option<String>, Option<String>)>,
}

impl Change {
    /// The line, keys called as in a table's headings.
    #[must_use]
    pub fn line(&self, lang: Lang) -> String {
        let none = lang.pick("なし", "none");
        let keys = self.keys.iter().map(|(key, before, after)| {
            let (key, after) = (heading(&self.table, key, lang), after.as_deref().unwrap_or(none));
            match before {
                None if self.sort != Sort::Changed => format!("{key}: {after}"),
                before => format!("{key}: {} → {after}", before.as_deref().unwrap_or(none)),
            }
        });
        let keys: Vec<String> = keys.collect();
        let name = format!("{} {} {}", self.sort.label(lang), self.table, self.id);
        if keys.is_empty() { name.trim_end().to_owned() } else { format!("{}  {}", name.trim_end(), keys.join(", ")) }
    }
}

/// The lines of a difference, in its own order; times are those of the site.
#[must_use]
pub fn changes(diff: &RegisterDiff, zone: &SiteZone) -> Vec<Change> {
    diff.steps.iter().flat_map(|step| of_step(step, zone)).collect()
}

fn of_step(step: &RegisterStep, zone: &SiteZone) -> Vec<Change> {
    let gone: Vec<&StoredEntry> = step.before.iter().filter(|entry| !step.after.contains(entry)).collect();
    let fresh: Vec<&StoredEntry> = step.after.iter().filter(|entry| !step.before.contains(entry)).collect();
    // What stays of an entry that another one follows is no line of its own.
    let is_rest = |entry: &StoredEntry| {
        let cut = gone.iter().any(|before| before.body == entry.body && before.valid.end > entry.valid.end);
        cut && fresh.iter().any(|next| next.valid.start == entry.valid.end)
    };
    let mut out = Vec::new();
    let mut told = vec![false; gone.len()];
    for entry in fresh.iter().filter(|entry| !is_rest(entry)) {
        let same = |before: &StoredEntry| before.body == entry.body && before.valid.start == entry.valid.start;
        let before = gone.iter().position(|before| same(before)).or_else(|| {
            let shared = |before: &StoredEntry| !before.valid.intersect(entry.valid).is_empty();
            gone.iter().position(|before| shared(before))
        });
        if let Some(before) = before {
            told[before] = true;
        }
        let before = before.map(|before| gone[before]);
        let ends = before.is_some_and(|before| same(before) && entry.valid.end < before.valid.end);
        let sort = match before {
            None => Sort::New,
            Some(_) if ends => Sort::Ended,
            Some(_) => Sort::Changed,
        };
        out.push(change(sort, before, Some(entry), zone));
    }
    for (before, told) in gone.iter().zip(told) {
        if !told {
            out.push(change(Sort::Ended, Some(before), None, zone));
        }
    }
    out
}

fn change(sort: Sort, before: Option<&StoredEntry>, after: Option<&StoredEntry>, zone: &SiteZone) -> Change {
    let row = |entry: Option<&StoredEntry>| -> Map<String, Value> {
        entry.and_then(|entry| serde_json::from_str(&entry.body).ok()).unwrap_or_default()
    };
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), |text| format!("{text:?}"));
    let (old, new) = (row(before), row(after));
    let mut keys: Vec<(String, Option<String>, Option<String>)> = Vec::new();
    if after.is_some() {
        let all = new.keys().chain(old.keys().filter(|key| !new.contains_key(*key)));
        let differ = all.filter(|key| *key != "id" && old.get(*key) != new.get(*key));
        keys.extend(differ.map(|key| (key.clone(), old.get(key).map(text), new.get(key).map(text))));
    }
    let bound = |entry: Option<&StoredEntry>, of: fn(&StoredEntry) -> UtcMicros| {
        let at = entry.map(of).filter(|at| *at > UtcMicros::MIN && *at < UtcMicros::MAX);
        at.map(|at| instant_text(at, zone))
    };
    for (key, of) in
        [("valid_from", (|e| e.valid.start) as fn(&StoredEntry) -> UtcMicros), ("valid_to", |e| e.valid.end)]
    {
        let (old, new) = (bound(before, of), bound(after, of));
        if after.is_some() && old != new {
            keys.push((key.to_owned(), old, new));
        }
    }
    let named = after.or(before);
    Change {
        sort,
        table: named.map_or_else(String::new, |entry| entry.table.clone()),
        id: named.map_or_else(String::new, |entry| entry.id.clone()),
        keys,
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use kukaku_schema::Span;

    use super::*;

    fn entry(from: i64, to: i64, body: &str) -> StoredEntry {
        let at = |day: i64| match day {
            i64::MIN => UtcMicros::MIN,
            i64::MAX => UtcMicros::MAX,
            day => UtcMicros(day * 86_400_000_000),
        };
        let (table, id) = ("operator".to_owned(), "op-1".to_owned());
        StoredEntry { table, id, valid: Span::new(at(from), at(to)), recorded_at: None, body: body.to_owned() }
    }

    fn lines(before: &[StoredEntry], after: &[StoredEntry]) -> Vec<String> {
        let (table, id) = ("operator".to_owned(), "op-1".to_owned());
        let step = RegisterStep { table, id, before: before.to_vec(), after: after.to_vec() };
        let diff = RegisterDiff { opening: false, steps: vec![step] };
        changes(&diff, &SiteZone::named("Asia/Tokyo").unwrap()).iter().map(|change| change.line(Lang::En)).collect()
    }

    const EVER: i64 = i64::MIN;
    const ALWAYS: i64 = i64::MAX;
    const A: &str = r#"{"id":"op-1","name":"佐藤","clients":["a"]}"#;
    const B: &str = r#"{"id":"op-1","name":"鈴木","clients":["a"],"company":"c"}"#;

    #[test]
    fn each_entry_that_is_new_changes_or_ends_is_one_line_with_old_and_new() {
        let new = lines(&[], &[entry(10, ALWAYS, A)]);
        assert_eq!(new, ["new operator op-1  name: \"佐藤\", clients: [\"a\"], valid_from: 1970-01-11 09:00"]);
        let changed = lines(&[entry(EVER, ALWAYS, A)], &[entry(EVER, 10, A), entry(10, ALWAYS, B)]);
        let line = "changed operator op-1  name: \"佐藤\" → \"鈴木\", company: none → \"c\", valid_from: none → 1970-01-11 09:00";
        assert_eq!(changed, [line]);
        let ended = lines(&[entry(EVER, ALWAYS, A)], &[entry(EVER, 10, A)]);
        assert_eq!(ended, ["ended operator op-1  valid_to: 1970-01-11 09:00"]);
        let longer = lines(&[entry(EVER, 10, A)], &[entry(EVER, ALWAYS, A)]);
        assert_eq!(longer, ["changed operator op-1  valid_to: 1970-01-11 09:00 → none"]);
        assert_eq!(lines(&[entry(10, ALWAYS, A)], &[]), ["ended operator op-1"], "what was to come is withdrawn");
        assert!(lines(&[entry(EVER, ALWAYS, A)], &[entry(EVER, ALWAYS, A)]).is_empty());
    }
}
