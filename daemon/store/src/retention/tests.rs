//! The harm: whoever may edit the registers makes yesterday's promise disappear by backdating.

use kukaku_core::Names;
use kukaku_schema::registers::parse;

use super::*;
use crate::registers::{Actors, plan};
use crate::store::Store;
use crate::witnesses::{Cosignature, WitnessNote};
use kukaku_core::retention::Guard;
use kukaku_schema::{DurationUs, SiteZone};

const DAY: i64 = 86_400_000_000;

fn day(days: i64) -> UtcMicros {
    UtcMicros((20_000 + days) * DAY)
}

/// A store with these registers, imported one after the other on the days given.
struct Site {
    folder: std::path::PathBuf,
    store: Store,
    names: Names,
}

impl Site {
    fn new(name: &str) -> Self {
        let folder = std::env::temp_dir().join(format!("kukaku-retention-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let store = Store::create(&folder.join("store.db"), day(0)).unwrap();
        let names = store.names().unwrap();
        Self { folder, store, names }
    }

    /// Imports; what that shortens.
    fn import(&mut self, on: i64, retention: &str) -> Vec<String> {
        let text = format!(
            "[site]\nid = \"s\"\nname = \"S\"\n{}[[client]]\nid = \"a\"\nname = \"A\"\n{}",
            if retention.starts_with("[policy]") { retention } else { "" },
            if retention.starts_with("[policy]") { "" } else { retention },
        );
        let wanted = parse(&text, "f").unwrap();
        let diff = plan(self.store.connection(), &wanted, day(on)).unwrap();
        let shortened = shortened(self.store.connection(), &diff, day(on)).unwrap();
        let mut batch = self.store.begin(day(on)).unwrap();
        let by = Actors { actor: "m", confirmed_by: Some("n"), reason: "" };
        batch.change_registers(&diff, &by, &mut self.names).unwrap();
        batch.commit(day(on), &self.names).unwrap();
        shortened
    }

    /// The terms that count for entries of client `a`.
    fn effective(&self, on: i64) -> Vec<String> {
        let agreements = agreements(self.store.connection(), day(on)).unwrap();
        let parties = agreements.effective(&["a".to_owned()], RecordClass::Entry, day(on));
        parties.iter().map(|party| party.term.at_least.to_string()).collect()
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

fn entries(at_least: &str, more: &str) -> String {
    format!(
        "[[retention]]\nid = \"r\"\nclient = \"a\"\nclass = \"entry\"\nerase = true\nat_least = \"{at_least}\"\n{more}"
    )
}

#[test]
fn a_shorter_term_that_is_backdated_takes_effect_after_the_notice_all_the_same() {
    let mut site = Site::new("backdated");
    assert_eq!(site.import(0, &entries("5 years", "")), [""; 0], "the opening of the site");
    let said = site.import(10, &entries("1 year", "valid_from = \"2001-01-01\"\n"));
    assert!(said.len() == 2 && said[1].starts_with("the site, entry"), "{said:?}");
    assert!(said[0].starts_with("a, entry: at least 5 years"), "{said:?}");
    // The list of changes goes when their values are erased; what was agreed stays.
    site.store.connection().execute("DELETE FROM register_change", []).unwrap();
    assert_eq!(site.effective(9), ["5 years"]);
    assert_eq!(site.effective(16), ["5 years", "1 year"]);
    assert_eq!(site.effective(17), ["1 year"]);
}

#[test]
fn an_end_that_comes_later_is_told_now() {
    let mut site = Site::new("later");
    site.import(0, &entries("5 years", ""));
    let end = day(100).to_rfc3339_utc();
    let next = entries("4 years", "").replace("\"r\"", "\"next\"");
    let later = format!("{}{next}valid_from = \"{end}\"\n", entries("5 years", &format!("valid_to = \"{end}\"\n")));
    let said = site.import(10, &later);
    assert!(said.len() == 2 && said[0].contains(&format!("from {end} on")), "{said:?}");
    assert!(site.import(11, &later).is_empty());
    assert_eq!(site.effective(99), ["5 years"]);
    assert_eq!(site.effective(108), ["4 years"]);
}

#[test]
fn a_notice_made_shorter_is_itself_given_notice() {
    let mut site = Site::new("notice");
    site.import(0, "[policy]\nretention_notice = \"30d\"\n");
    let said = site.import(10, "[policy]\nretention_notice = \"1d\"\n");
    assert!(said.len() == 1 && said[0].contains("from 30d to 1d"), "{said:?}");
    let notice = |on| agreements(site.store.connection(), day(on)).unwrap().notice;
    assert_eq!(notice(39), DurationUs::from_secs(30 * 86_400));
    assert_eq!(notice(40), DurationUs::from_secs(86_400));
}

#[test]
fn only_sessions_of_several_days_are_asked_about() {
    let site = Site::new("sessions");
    let add = |id: i64, start: i64, end: Option<i64>| {
        let ended = if end.is_some() { "ended" } else { "open" };
        let end = end.unwrap_or(UtcMicros::MAX.0);
        site.store
            .connection()
            .execute(
                "INSERT INTO session (source, epoch, session, start_us, start_unknown, ended, end_us, last_sign_us, proofs)
                 VALUES (0, -1, ?1, ?2, 0, ?3, ?4, ?2, x'')",
                rusqlite::params![id, start, ended, end],
            )
            .unwrap();
    };
    add(1, 10 * DAY, Some(11 * DAY - 1));
    add(2, 10 * DAY, Some(11 * DAY));
    add(3, 12 * DAY, None);
    let days = session_days(site.store.connection(), &SiteZone::named("UTC").unwrap()).unwrap();
    assert_eq!(days, [SessionDays { start: 10, end: Some(11) }, SessionDays { start: 12, end: None }]);
}

#[test]
fn what_an_erasure_left_of_a_day_is_known_as_spared() {
    let mut site = Site::new("spared");
    site.import(0, &entries("5 years", ""));
    let path = site.folder.join("store.db");
    let spared = |site: &Site| -> Vec<(i32, bool)> {
        let keys = key_days(site.store.connection(), &path).unwrap();
        let of = keys.iter().filter(|key| key.class == RecordClass::Register).map(|key| (key.day, key.spared));
        of.collect::<BTreeSet<_>>().into_iter().collect()
    };
    assert_eq!(spared(&site), [(20_000, false)]);
    let order = crate::ErasureOrder {
        class: Some(RecordClass::Register),
        scope: Vec::new(),
        days: (20_000, 20_000),
        rule: "test".to_owned(),
        by: vec!["m".to_owned()],
        final_before: None,
    };
    let mut batch = site.store.begin(day(0)).unwrap();
    batch.erase(&BTreeSet::from([0]), &order, &mut site.names).unwrap();
    batch.commit(day(0), &site.names).unwrap();
    site.store.finish_erasures().unwrap();
    site.import(0, &entries("6 years", ""));
    site.import(1, &entries("7 years", ""));
    assert_eq!(spared(&site), [(20_000, true), (20_001, false)]);
}

/// The harm: a date of one clock erases; or a site with a witness can't erase although its date is
/// beyond doubt.
#[test]
fn a_witness_that_cosigned_just_now_is_a_second_clock() {
    let mut site = Site::new("witness");
    site.import(0, &entries("5 years", ""));
    let zone = SiteZone::named("Asia/Tokyo").unwrap();
    let now = day(1);
    let off = |site: &Site| guard_of(site.store.connection(), Guard::default(), now, &zone).unwrap().second_clock_off;
    assert_eq!(off(&site), None);
    let names = vec![("city".to_owned(), "key".to_owned())];
    site.store.note_witness(&WitnessNote::Configured(names), now).unwrap();
    site.store
        .connection()
        .execute("INSERT INTO checkpoint VALUES (1, zeroblob(32), 'note', ?1), (2, zeroblob(32), 'note', ?1)", [now.0])
        .unwrap();
    let cosigned = |size: u64, theirs: i64, kept: i64| {
        let line = "line".to_owned();
        let cosignature = Cosignature { size, line, cosigned_at: UtcMicros(now.0 + theirs * 1_000_000) };
        let note = WitnessNote::Cosigned { key: "key".to_owned(), cosignature };
        site.store.note_witness(&note, UtcMicros(now.0 + kept * 1_000_000)).unwrap();
    };
    cosigned(1, -3600, -3600);
    assert_eq!(off(&site), None, "an hour ago is not now");
    cosigned(2, 57, -60);
    assert_eq!(off(&site), Some(DurationUs::from_secs(117)), "its clock and ours when it came");
}
