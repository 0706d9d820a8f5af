use super::*;
use crate::registers::to_toml;

const SITE: &str = r#"
[site]
id = "sapporo-1"
name = "札幌保守センター"
time_zone = "Asia/Tokyo"
[policy]
grace_before = "30s"
max_stay = "16h"
[[client]]
id = "tomakomai"
name = "苫小牧市"
[[zone]]
id = "zone-a"
name = "セキュリティ区画A"
[[door]]
id = "north"
outer = "outside"
inner = "zone-a"
use_evidence = "none"
[[reader]]
id = "north-in"
door = "north"
direction = "entry"
[[terminal]]
id = "term-1"
zone = "zone-a"
client = "tomakomai"
[[operator]]
id = "op-01"
name = "佐藤 花子"
clients = ["tomakomai"]
[[credential]]
id = "card:0123456789ABCDEF"
operator = "op-01"
valid_to = "2027-04-01"
[[account]]
id = "tmk-a01"
operator = "op-01"
client = "tomakomai"
[[source]]
id = "panel"
[[standing_permission]]
id = "cleaning"
persons = ["op-01"]
zones = ["zone-a"]
purpose = "清掃"
weekdays = ["mon", "thu"]
hours = "07:00-08:00"
[[retention]]
id = "tmk-entry"
client = "tomakomai"
class = "entry"
at_least = "13 months"
at_most = "14 months"
[[company]]
id = "main"
name = "本社"
[[company]]
id = "sub"
name = "再委託先"
subcontracted_by = "main"
clients = ["tomakomai"]
[[pledge]]
id = "p-1"
operator = "op-01"
date = "2026-04-01"
[[training]]
id = "t-1"
operator = "op-01"
topic = "情報セキュリティ"
date = "2026-04-01"
until = "2027-03-31"
[[permit]]
id = "z-1"
zone = "zone-a"
date = "2026-04-01"
"#;

#[test]
fn a_site_file_is_read_and_written_back_the_same() {
    let registers = parse(SITE, "site.toml").unwrap();
    assert_eq!(registers.credentials[0].valid.end.to_rfc3339_utc(), "2027-03-31T15:00:00Z");
    let again = parse(&to_toml(&registers).unwrap(), "again.toml").unwrap();
    assert_eq!(registers, again);
}

#[test]
fn every_mistake_names_file_line_key_and_what_was_expected() {
    // (what is replaced, by what, line, part of the message)
    let cases = [
        ("door = \"north\"", "door = \"nort\"", 22, "`door` = \"nort\" names no [[door]]; expected one of \"north\""),
        ("direction = \"entry\"", "direction = \"in\"", 23, "expected `entry` or `exit`"),
        ("grace_before", "grace_befor", 7, "unknown field `grace_befor`"),
        ("\"16h\"", "\"16 h\"", 8, "no duration"),
        ("zone = \"zone-a\"\nclient", "zon = \"zone-a\"\nclient", 26, "unknown field `zon`"),
        ("name = \"苫小牧市\"\n", "", 9, "missing field `name`"),
        ("id = \"zone-a\"", "id = \"outside\"", 13, "no zone at all"),
        ("operator = \"op-01\"\nvalid", "valid", 32, "exactly one"),
        ("valid_to = \"2027-04-01\"", "valid_to = \"2027-4-1\"", 35, "expected a date"),
        ("persons = [\"op-01\"]", "persons = [\"op-1\"]", 44, "names no [[operator]] or [[person]]; expected one of"),
        ("persons = [\"op-01\"]", "persons = []", 44, "`persons` is empty"),
        ("zones = [\"zone-a\"]", "zones = [\"zone-b\"]", 45, "names no [[zone]]"),
        ("\"thu\"", "\"木\"", 47, "unknown variant `木`"),
        ("name = \"セキュリティ区画A\"", "name = \"A\"\nmin_persons = 1", 15, "expected at least 2"),
        ("client = \"tomakomai\"\nclass", "client = \"tomakoma\"\nclass", 51, "names no [[client]]"),
        ("class = \"entry\"", "class = \"entries\"", 52, "unknown variant `entries`"),
        ("class = \"entry\"", "class = \"proof\"", 52, "never erased"),
        ("13 months", "15 months", 54, "`at_most` can end before `at_least` does"),
        ("13 months", "1 fortnight", 53, "is no period like"),
        (
            "subcontracted_by = \"main\"",
            "subcontracted_by = \"mian\"",
            61,
            "`subcontracted_by` = \"mian\" names no [[company]]",
        ),
        ("subcontracted_by = \"main\"", "subcontracted_by = \"sub\"", 61, "leads back to itself"),
        ("name = \"本社\"", "name = \"本社\"\nsubcontracted_by = \"sub\"", 58, "leads back to itself"),
        ("clients = [\"tomakomai\"]\n[[pledge]]", "clients = [\"tomakoma\"]\n[[pledge]]", 62, "names no [[client]]"),
        ("id = \"p-1\"\noperator = \"op-01\"", "id = \"p-1\"\noperator = \"op-1\"", 65, "names no [[operator]]"),
        ("date = \"2026-04-01\"", "date = \"2026/4/1\"", 66, "is no day like"),
        ("until = \"2027-03-31\"", "until = \"2026-03-31\"", 72, "`until` lies before `date`"),
        ("until = \"2027-03-31\"", "valid_to = \"2026-03-31\"", 71, "leave nothing"),
        ("zone = \"zone-a\"\ndate", "date", 73, "exactly one"),
        ("zone = \"zone-a\"\ndate", "zone = \"zone-a\"\noperator = \"op-01\"\ndate", 73, "exactly one"),
        ("clients = [\"tomakomai\"]\n[[credential]]", "company = \"mian\"\n[[credential]]", 31, "names no [[company]]"),
        ("Asia/Tokyo", "Asia/Tokio", 5, "IANA"),
    ];
    for (from, to, line, part) in cases {
        let text = SITE.replacen(from, to, 1);
        assert_ne!(text, SITE, "{from}");
        let error = parse(&text, "site.toml").unwrap_err();
        assert!(error.to_string().starts_with("site.toml, line "), "{error}");
        assert!(error.message.contains(part), "{from} -> {to}: {error}");
        assert_eq!(error.line, line, "{from} -> {to}: {error}");
    }
}

#[test]
fn one_card_can_pass_from_one_person_to_the_next_but_not_overlap() {
    let second = "[[operator]]\nid = \"op-02\"\nname = \"鈴木\"\n[[credential]]\nid = \"card:0123456789ABCDEF\"\noperator = \"op-02\"\n";
    let later = format!("{SITE}{second}valid_from = \"2027-04-01\"\n");
    assert_eq!(parse(&later, "f").unwrap().credentials.len(), 2);
    let error = parse(&format!("{SITE}{second}"), "f").unwrap_err();
    assert!(error.message.contains("stands twice"), "{error}");
}

#[test]
fn zones_can_not_contain_themselves() {
    let text = SITE.replace(
        "name = \"セキュリティ区画A\"",
        "name = \"A\"\nparent = \"zone-b\"\n[[zone]]\nid = \"zone-b\"\nname = \"B\"\nparent = \"zone-a\"",
    );
    assert!(parse(&text, "f").unwrap_err().message.contains("leads back to itself"));
}

#[test]
fn two_agreements_on_the_same_records_are_refused_unless_one_follows_the_other() {
    let second = "[[retention]]\nid = \"tmk-new\"\nclient = \"tomakomai\"\nclass = \"entry\"\nat_least = \"3 years\"\n";
    let error = parse(&format!("{SITE}{second}"), "f").unwrap_err();
    assert!(error.message.contains("the same client and class as \"tmk-entry\""), "{error}");
    let ended = SITE.replace("at_most = \"14 months\"", "at_most = \"14 months\"\nvalid_to = \"2027-01-01\"");
    let followed = format!("{ended}{second}valid_from = \"2027-01-01\"\n");
    assert_eq!(parse(&followed, "f").unwrap().retentions.len(), 2);
    let site = format!("{SITE}{}", second.replace("client = \"tomakomai\"\n", "erase = true\n"));
    assert_eq!(parse(&site, "f").unwrap().retentions.len(), 2);
}

#[test]
fn a_paper_holds_from_its_day_through_its_last_one_and_is_written_back_so() {
    let registers = parse(SITE, "f").unwrap();
    let span = |valid: crate::instant::Span| (valid.start.to_rfc3339_utc(), valid.end);
    let training = &registers.trainings[0];
    assert_eq!(span(training.valid).0, "2026-03-31T15:00:00Z");
    assert_eq!(training.valid.end.to_rfc3339_utc(), "2027-03-31T15:00:00Z");
    assert_eq!(span(registers.pledges[0].valid), ("2026-03-31T15:00:00Z".to_owned(), UtcMicros::MAX));
    let ended = SITE.replace("until = \"2027-03-31\"", "until = \"2027-03-31\"\nvalid_to = \"2026-10-01\"");
    assert_eq!(parse(&ended, "f").unwrap().trainings[0].valid.end.to_rfc3339_utc(), "2026-09-30T15:00:00Z");
}

#[test]
fn companies_may_change_places_but_not_work_under_each_other_at_one_time() {
    let turned = |from: &str, to: &str| {
        let text =
            SITE.replace("subcontracted_by = \"main\"", &format!("subcontracted_by = \"main\"\nvalid_to = \"{to}\""));
        let text = text.replace("name = \"本社\"", &format!("name = \"本社\"\nvalid_to = \"{from}\""));
        let sub = format!("[[company]]\nid = \"sub\"\nname = \"再委託先\"\nvalid_from = \"{to}\"\n");
        let main = format!(
            "[[company]]\nid = \"main\"\nname = \"本社\"\nsubcontracted_by = \"sub\"\nvalid_from = \"{from}\"\n"
        );
        parse(&format!("{text}{sub}{main}"), "f")
    };
    assert!(turned("2027-01-01", "2027-01-01").is_ok());
    assert!(turned("2027-02-01", "2027-01-01").is_ok());
    assert!(turned("2027-01-01", "2027-01-02").unwrap_err().message.contains("leads back to itself"));
}
