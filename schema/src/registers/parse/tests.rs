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
    let followed = format!("{SITE}valid_to = \"2027-01-01\"\n{second}valid_from = \"2027-01-01\"\n");
    assert_eq!(parse(&followed, "f").unwrap().retentions.len(), 2);
    let site = format!("{SITE}{}", second.replace("client = \"tomakomai\"\n", "erase = true\n"));
    assert_eq!(parse(&site, "f").unwrap().retentions.len(), 2);
}
