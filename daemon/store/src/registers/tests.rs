use kukaku_schema::registers::parse;

use super::*;

const DAY: i64 = 86_400_000_000;
const NOW: UtcMicros = UtcMicros(20_000 * DAY);

fn day(days: i64) -> UtcMicros {
    UtcMicros(NOW.0 + days * DAY)
}

/// The registers of a site with these credentials: id, owner, valid from and to.
fn site(credentials: &[(&str, &str, Option<i64>, Option<i64>)]) -> Registers {
    let mut text = String::from(
        "[site]\nid = \"s\"\nname = \"S\"\n[[operator]]\nid = \"op-1\"\nname = \"A\"\n[[operator]]\nid = \"op-2\"\nname = \"B\"\n",
    );
    for (id, owner, from, to) in credentials {
        text += &format!("[[credential]]\nid = \"{id}\"\noperator = \"{owner}\"\n");
        for (key, at) in [("valid_from", from), ("valid_to", to)] {
            if let Some(at) = at {
                text += &format!("{key} = \"{}\"\n", day(*at).to_rfc3339_utc());
            }
        }
    }
    parse(&text, "site.toml").unwrap()
}

/// An entry's id, and from when, until when and since when recorded.
type Held = (String, Option<i64>, Option<i64>, Option<i64>);

/// What stands about `card:1` after importing each in turn, a day apart: owner, from, to, and
/// the day on which it was recorded; days count from the last import.
fn after(imports: &[Registers]) -> Vec<Held> {
    let mut stored: Vec<StoredEntry> = Vec::new();
    for (place, wanted) in imports.iter().enumerate() {
        let now = day(place as i64 + 1 - imports.len() as i64);
        let wanted = to_stored(wanted).into_iter().filter(|entry| entry.id == "card:1").collect();
        stored = if place == 0 { wanted } else { plan_id(&stored, wanted, now) };
    }
    stored.sort_by_key(|entry| entry.valid.start);
    let days = |at: UtcMicros| (at != UtcMicros::MIN && at != UtcMicros::MAX).then(|| (at.0 - NOW.0) / DAY);
    let owner = |body: &str| if body.contains("op-1") { "op-1".to_owned() } else { "op-2".to_owned() };
    stored
        .iter()
        .map(|entry| {
            let recorded = entry.recorded_at.map(|at| (at.0 - NOW.0) / DAY);
            (owner(&entry.body), days(entry.valid.start), days(entry.valid.end), recorded)
        })
        .collect()
}

fn row(
    owner: &str,
    from: Option<i64>,
    to: Option<i64>,
    recorded: Option<i64>,
) -> (String, Option<i64>, Option<i64>, Option<i64>) {
    (owner.to_owned(), from, to, recorded)
}

#[test]
fn the_same_file_again_changes_nothing() {
    let first = site(&[("card:1", "op-1", None, None)]);
    assert_eq!(after(&[first.clone(), first.clone(), first]), [row("op-1", None, None, None)]);
}

#[test]
fn a_card_handed_on_belongs_to_the_other_from_now_and_to_the_first_before() {
    let steps = [site(&[("card:1", "op-1", None, None)]), site(&[("card:1", "op-2", None, None)])];
    assert_eq!(after(&steps), [row("op-1", None, Some(0), None), row("op-2", Some(0), None, Some(0))]);
    let back = [steps[0].clone(), steps[1].clone(), steps[0].clone()];
    let expected = [
        row("op-1", None, Some(-1), None),
        row("op-2", Some(-1), Some(0), Some(-1)),
        row("op-1", Some(0), None, Some(0)),
    ];
    assert_eq!(after(&back), expected);
}

#[test]
fn a_card_that_is_written_down_no_more_ends_now_and_keeps_its_past() {
    assert_eq!(after(&[site(&[("card:1", "op-1", None, None)]), site(&[])]), [row("op-1", None, Some(0), None)]);
    let twice = [site(&[("card:1", "op-1", None, None)]), site(&[]), site(&[])];
    assert_eq!(after(&twice), [row("op-1", None, Some(-1), None)]);
}

#[test]
fn a_card_back_from_before_it_was_recorded_says_when_it_was_recorded() {
    let steps = [site(&[]), site(&[("card:1", "op-1", Some(-30), None)])];
    assert_eq!(after(&steps), [row("op-1", Some(-30), None, Some(0))]);
}

#[test]
fn a_backdated_owner_cuts_what_was_known_of_the_other() {
    let steps = [site(&[("card:1", "op-1", None, None)]), site(&[("card:1", "op-2", Some(-3), None)])];
    assert_eq!(after(&steps), [row("op-1", None, Some(-3), None), row("op-2", Some(-3), None, Some(0))]);
}

#[test]
fn an_end_in_the_future_is_no_news_of_the_past_and_one_in_the_past_is() {
    let first = site(&[("card:1", "op-1", None, None)]);
    let future = [first.clone(), site(&[("card:1", "op-1", None, Some(7))])];
    assert_eq!(after(&future), [row("op-1", None, Some(7), None)]);
    let past = [first, site(&[("card:1", "op-1", None, Some(-7))])];
    assert_eq!(after(&past), [row("op-1", None, Some(-7), Some(0))]);
}

#[test]
fn an_end_that_is_taken_back_is_news_where_it_had_passed() {
    let ended = site(&[("card:1", "op-1", Some(-20), Some(-5))]);
    let longer = site(&[("card:1", "op-1", Some(-20), None)]);
    assert_eq!(after(&[ended, longer]), [row("op-1", Some(-20), None, Some(0))]);
}

#[test]
fn a_written_out_history_is_taken_back_in_as_it_is() {
    let opening = site(&[("card:1", "op-1", None, None)]);
    let handed_on = site(&[("card:1", "op-2", None, None)]);
    let exported = site(&[("card:1", "op-1", None, Some(-1)), ("card:1", "op-2", Some(-1), None)]);
    let expected = [row("op-1", None, Some(-1), None), row("op-2", Some(-1), None, Some(-1))];
    assert_eq!(after(&[opening, handed_on, exported]), expected);
}

#[test]
fn what_was_to_come_is_withdrawn_without_a_trace_in_the_registers() {
    let planned = site(&[("card:1", "op-1", Some(10), None)]);
    assert!(after(&[planned, site(&[])]).is_empty());
}

#[test]
fn the_first_difference_is_where_the_two_begin_to_disagree() {
    let entry = |from: i64, to: i64, body: &str| StoredEntry {
        table: "credential".to_owned(),
        id: "card:1".to_owned(),
        valid: Span::new(UtcMicros(from), UtcMicros(to)),
        recorded_at: None,
        body: body.to_owned(),
    };
    let step = |before: Vec<StoredEntry>, after: Vec<StoredEntry>| RegisterStep {
        table: "credential".to_owned(),
        id: "card:1".to_owned(),
        before,
        after,
    };
    let cut = step(vec![entry(0, 100, "a")], vec![entry(0, 50, "a"), entry(50, 100, "b")]);
    assert_eq!(first_difference(&cut), Some(UtcMicros(50)));
    let split = step(vec![entry(0, 100, "a")], vec![entry(0, 50, "a"), entry(50, 100, "a")]);
    assert_eq!(first_difference(&split), None);
}
