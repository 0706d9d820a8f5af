//! The harm if one fails: a spreadsheet that somebody opened and saved changes who may enter.

use super::*;
use crate::instant::SiteZone;
use crate::registers::{parse, to_stored};

const SITE: &str = include_str!("../../../examples/site.toml");

fn site() -> Registers {
    parse(SITE, "site.toml").unwrap()
}

fn now() -> UtcMicros {
    UtcMicros::parse_rfc3339("2026-11-22T12:00:00+09:00").unwrap()
}

fn from_csv(
    registers: &Registers,
    table: &str,
    text: &str,
    file: &str,
    now: UtcMicros,
    end_missing: bool,
) -> Result<Registers, SheetError> {
    let (table, text, file) = (table.to_owned(), text.to_owned(), file.to_owned());
    SheetFile { table, text, file, end_missing }.apply(registers, now)
}

fn read(table: &str, text: &str) -> Result<Registers, String> {
    from_csv(&site(), table, text, "f.csv", now(), false).map_err(|e| e.to_string())
}

/// The entries of a table as the import wants them, in the store's order.
fn entries(registers: &Registers, table: &str) -> Vec<String> {
    let zone = SiteZone::named("Asia/Tokyo").unwrap();
    let at =
        |at| if at == UtcMicros::MIN || at == UtcMicros::MAX { String::new() } else { zone.rfc3339(at)[..16].into() };
    let line = |e: &crate::registers::StoredEntry| format!("{}..{} {}", at(e.valid.start), at(e.valid.end), e.body);
    to_stored(registers).iter().filter(|e| e.table == table).map(line).collect()
}

#[test]
fn every_table_of_the_registers_has_its_csv() {
    let mut all: Vec<&str> = crate::registers::parse::tables();
    all.retain(|table| !["site", "policy"].contains(table));
    assert_eq!(all.len(), TABLES.len(), "{all:?} and {TABLES:?}: add the new one to `tables!`");
    assert!(all.iter().all(|table| TABLES.contains(table)));
}

#[test]
fn columns_follow_from_the_rows_and_no_two_of_a_table_are_called_the_same() {
    let shape = |table: &str, key: &str| columns(table).unwrap().iter().find(|c| c.key == key).unwrap().shape;
    assert_eq!(fields::<Operator>(), ["id", "name", "clients", "company"]);
    assert_eq!(shape("operator", "clients"), Shape::List);
    assert_eq!(shape("client", "work_orders"), Shape::Flag);
    assert_eq!(shape("client", "frozen"), Shape::Flag);
    assert_eq!(shape("client", "facing_terminals"), Shape::Number);
    assert_eq!(shape("client", "hours"), Shape::Text);
    assert_eq!(shape("zone", "max_stay"), Shape::Text);
    assert_eq!(shape("reader", "direction"), Shape::Text);
    assert_eq!(shape("retention", "at_least"), Shape::Text);
    assert_eq!(shape("training", "until"), Shape::Day);
    for table in TABLES {
        let mut names: Vec<String> = columns(table).unwrap().iter().map(|c| heading(table, c.key, Lang::Ja)).collect();
        names.extend([VALID_FROM, VALID_TO].map(|key| heading(table, key, Lang::Ja)));
        let count = names.len();
        names.sort();
        names.dedup();
        assert_eq!(names.len(), count, "{table}: {names:?}");
    }
}

#[test]
fn what_is_written_and_read_back_changes_nothing() {
    for lang in [Lang::Ja, Lang::En] {
        for table in TABLES {
            let text = to_csv(&site(), table, lang).unwrap();
            let again = from_csv(&site(), table, &text, "f.csv", now(), true).unwrap();
            assert_eq!(entries(&again, table), entries(&site(), table), "{table}");
            assert!(again == site(), "{table}");
        }
    }
}

#[test]
fn a_table_is_read_as_a_spreadsheet_saves_it() {
    let text = "ID,氏名,契約先(複数),会社,有効開始,有効終了(この時から無効)\n\
                op-07,山田 太郎, tomakomai ；chitose,,2026/12/1,2027/4/1 9:30\n\
                ,,,,,\n";
    let again = read("operator", text).unwrap();
    assert_eq!(
        entries(&again, "operator").last().unwrap(),
        "2026-12-01T00:00..2027-04-01T09:30 {\"id\":\"op-07\",\"name\":\"山田 太郎\",\"clients\":[\"tomakomai\",\"chitose\"]}"
    );
    assert_eq!(entries(&again, "operator").len(), 7, "the others stay");
    let paper = read("training", "id,operator,topic,date,until\nt-2,op-02,研修,2026/4/10,2027/4/9\n").unwrap();
    assert!(entries(&paper, "training").last().unwrap().starts_with("2026-04-10T00:00..2027-04-10T00:00"));
}

#[test]
fn a_change_holds_from_now_on_and_the_past_stays() {
    let renamed = read("operator", "id,name\nop-01,佐藤 花\n").unwrap();
    let line = entries(&renamed, "operator").into_iter().find(|e| e.contains("op-01")).unwrap();
    assert_eq!(
        line, "2026-11-22T12:00.. {\"id\":\"op-01\",\"name\":\"佐藤 花\",\"clients\":[\"tomakomai\"]}",
        "a column that is not there says nothing"
    );
    // The same in other words is no change.
    let same = read("client", "id,name,max_length\ntomakomai,苫小牧市,240m\n").unwrap();
    assert_eq!(entries(&same, "client"), entries(&site(), "client"));
    let emptied = read("client", "id,name,max_length\ntomakomai,苫小牧市,\n").unwrap();
    assert!(!entries(&emptied, "client").iter().any(|e| e.contains("max_length")));
}

#[test]
fn a_file_without_times_means_what_is_in_force_and_not_what_was_before() {
    let mut registers = site();
    let mut before = registers.operators[0].clone();
    before.valid.end = UtcMicros(now().0 - 1_000_000);
    registers.operators[0].valid.start = before.valid.end;
    before.row.name = "旧姓".to_owned();
    registers.operators.insert(0, before);
    let read = |text: &str| from_csv(&registers, "operator", text, "f", now(), false).unwrap();
    let same = read("id,name\nop-01,佐藤 花子\n");
    assert_eq!(entries(&same, "operator"), entries(&registers, "operator"));
    let renamed = entries(&read("id,name\nop-01,佐藤 花\n"), "operator");
    assert!(renamed[0].contains("旧姓") && renamed[1].starts_with("2026-11-22T12:00.. "), "{renamed:?}");
}

#[test]
fn what_the_file_does_not_name_ends_only_when_asked() {
    let text = "id,operator\ncard:0123456789ABCDEF,op-01\n";
    assert!(read("credential", text).unwrap() == site());
    let ended = from_csv(&site(), "credential", text, "f.csv", now(), true).unwrap();
    let ended: Vec<bool> = ended.credentials.iter().map(|e| e.valid.end == now()).collect();
    assert_eq!(ended.iter().filter(|ended| **ended).count(), 6);
    assert_eq!(ended.len(), 7);
}

#[test]
fn one_name_of_several_accounts_is_told_apart_or_refused() {
    let both = format!("{SITE}\n[[account]]\nid = \"tmk-a01\"\noperator = \"op-03\"\nclient = \"chitose\"\n");
    let both = parse(&both, "f").unwrap();
    let read = |text: &str| from_csv(&both, "account", text, "f.csv", now(), false);
    let error = read("id,operator\ntmk-a01,op-02\n").unwrap_err().to_string();
    assert!(error.contains("f.csv, line 2, column \"id\": several entries could be meant"), "{error}");
    let again = read("id,client,operator,source\ntmk-a01,chitose,op-05,\n").unwrap();
    let changed: Vec<_> = again.accounts.iter().filter(|e| e.row.id == "tmk-a01").map(|e| &e.row.operator).collect();
    assert_eq!(changed, ["op-01", "op-05"]);
}

#[test]
fn every_mistake_names_file_line_column_and_what_was_expected() {
    let cases = [
        ("operator", "", "f.csv, line 1: the first line names the columns, and `id` is not among them"),
        ("operator", "name\nx\n", "f.csv, line 1: the first line names the columns, and `id` is not among them"),
        ("operator", "id,名前\n", "f.csv, line 1, column \"名前\": no column of \"operator\"; expected id, name"),
        ("operator", "id,ID\n", "f.csv, line 1, column \"ID\": `id` stands twice"),
        ("operator", "id,name\nop-07\n", "f.csv, line 2: 1 cells, but the first line has 2"),
        ("operator", "id,name\nop-07,a\n,b\n", "f.csv, line 3, column \"id\": empty; expected an id"),
        ("operator", "id,clients\nop-07,tomakomai\n", "f.csv, line 2: [[operator]]: missing field `name`"),
        (
            "operator",
            "id,氏名,契約先(複数)\nop-07,\"a\nb\",tomakomai\nop-08,c,tomakoma\n",
            "f.csv, line 4, column \"契約先(複数)\": [[operator]] `clients` = \"tomakoma\" names no [[client]]; expected one of",
        ),
        (
            "operator",
            "id,name,valid_from\nop-07,a,tomorrow\n",
            "f.csv, line 2, column \"valid_from\": \"tomorrow\": expected a time like",
        ),
        (
            "operator",
            "id,name,valid_from,valid_to\nop-07,a,2027-01-01,2026-01-01\n",
            "f.csv, line 2, column \"valid_to\": `valid_to` must lie after",
        ),
        (
            "operator",
            "id,name\nop-07,a\nop-07,b\n",
            "f.csv, line 3, column \"id\": [[operator]] `id` = \"op-07\" stands twice for the same time",
        ),
        ("client", "id,name,凍結\nx,y,maybe\n", "f.csv, line 2, column \"凍結\": \"maybe\": expected true or false"),
        ("client", "id,name,factors\nx,y,two\n", "column \"factors\": \"two\": expected a whole number"),
        ("client", "id,name,factors\nx,y,900\n", "f.csv, line 2, column \"factors\": [[client]]: `factors`: "),
        (
            "client",
            "id,name,hours\nx,y,8-20\n",
            "f.csv, line 2, column \"hours\": [[client]]: `hours`: \"8-20\" are no hours",
        ),
        ("zone", "id,name,max_stay\nx,y,16\n", "f.csv, line 2, column \"max_stay\": [[zone]]: `max_stay`"),
        ("training", "id,operator,topic,date\nt,op-01,x,4/1\n", "column \"date\": \"4/1\": expected a day"),
        (
            "company",
            "id,name,再委託元\nhokuto,北都,chitose-tech\n",
            "f.csv, line 2, column \"再委託元\": [[company]] \"hokuto\": `subcontracted_by` leads back",
        ),
        (
            "account",
            "id,operator,client,valid_to\ntmk-a01,op-01,tomakomai,2026-01-01\ntmk-a01,op-01,tomakomai,2026-02-01\n",
            "line 3",
        ),
        (
            "person",
            "id,name,valid_from\nstaff-01,x,2027-01-01\n",
            "f.csv, line 2, column \"id\": [[person]] `id` = \"staff-01\" stands twice",
        ),
        ("nothing", "id\n", "f.csv: \"nothing\" is no table; expected one of client, zone"),
    ];
    for (table, text, message) in cases {
        let error = read(table, text).unwrap_err();
        assert!(error.contains(message), "{table}, {text:?}:\n{error}\ninstead of\n{message}");
    }
}

#[test]
fn no_cell_runs_as_a_formula_and_odd_texts_come_back() {
    let odd = [
        "=cmd|' /C calc'!A0",
        "+81",
        "-1",
        "@x",
        "\tx",
        "x\r\ny",
        "'quoted",
        " ends ",
        "",
        "＝x",
        "a;b；c",
        "[1]",
        "\"q\"",
        "､,",
    ];
    for text in odd {
        let mut registers = site();
        registers.operators[0].row.name = text.to_owned();
        registers.companies[0].row.contact = Some(text.to_owned());
        for table in ["operator", "company"] {
            let csv = to_csv(&registers, table, Lang::Ja).unwrap();
            let runs = |c: char| "=+-@＝＋－＠\t\r\n\0".contains(c);
            let mut reader = csv::ReaderBuilder::new().from_reader(csv.as_bytes());
            for record in reader.records() {
                assert!(record.unwrap().iter().all(|cell| !cell.starts_with(runs)), "{csv}");
            }
            let again = from_csv(&registers, table, &csv, "f", now(), true).unwrap();
            assert_eq!(entries(&again, table), entries(&registers, table), "{text:?}");
        }
    }
}

#[test]
fn what_a_spreadsheet_would_take_for_a_number_or_a_day_is_protected_from_it() {
    let name = |name: &str| {
        let mut registers = site();
        registers.persons[0].row.name = name.to_owned();
        let csv = to_csv(&registers, "person", Lang::En).unwrap();
        let cell = csv.split('"').nth(11).unwrap().to_owned();
        let again = from_csv(&registers, "person", &csv, "f", now(), true).unwrap();
        assert_eq!(again.persons[0].row.name, name);
        cell
    };
    for text in ["0012", "123456789012", "1-2", "2026/4/1", "4-1-26", "9:00", "1.50", "12E5", "TRUE", "50%"] {
        assert_eq!(name(text), format!("'{text}"));
    }
    for text in ["12", "0", "192.0.2.1", "0144-32-6111-1", "op-01", "08:00-20:00", "90d", "1,5"] {
        assert_eq!(name(text), text);
    }
}

mod laws {
    use proptest::prelude::*;

    use super::*;
    use crate::instant::{DurationUs, Span};
    use crate::period::Day;

    fn text() -> impl Strategy<Value = String> {
        prop_oneof![
            "[ \t\r\n'=+@;；,\"\\[\\]{}a-zあ-ん－＝-]{0,12}",
            "\\PC{0,12}",
            Just("true".to_owned()),
            Just("2026/4/1".to_owned())
        ]
    }

    fn instant() -> impl Strategy<Value = UtcMicros> {
        let base = UtcMicros::parse_rfc3339("2026-11-22T00:00:00+09:00").unwrap();
        prop_oneof![
            (-900_i64..900).prop_map(move |days| UtcMicros(base.0 + days * 86_400_000_000)),
            (-1_000_000_i64..1_000_000).prop_map(move |s| UtcMicros(base.0 + s * 1_000_000)),
            any::<i32>().prop_map(move |us| UtcMicros(base.0 + i64::from(us))),
        ]
    }

    fn span() -> impl Strategy<Value = Span> {
        (prop::option::of(instant()), prop::option::of(instant()))
            .prop_map(|(from, to)| Span::new(from.unwrap_or(UtcMicros::MIN), to.unwrap_or(UtcMicros::MAX)))
            .prop_filter("not empty", |span| !span.is_empty())
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 60, ..ProptestConfig::default() })]

        #[test]
        fn a_table_that_is_only_opened_and_saved_changes_nothing(
            names in prop::collection::vec((text(), text(), span()), 1..5),
            zone_name in prop::sample::select(vec!["Asia/Tokyo", "Europe/Berlin", "America/St_Johns"]),
            hours in prop::option::of((0_u16..1440, 1_u16..1440)),
            day in 15_000_i32..30_000,
            at in instant(),
            end_missing: bool,
        ) {
            let mut registers = site();
            registers.site.time_zone = zone_name.to_owned();
            for (number, (name, contact, valid)) in names.iter().enumerate() {
                let mut company = registers.companies[0].clone();
                company.row.id = format!("c-{}", number / 2);
                // Two entries of one id follow each other.
                let middle = UtcMicros(valid.start.0.max(0).midpoint(valid.end.0.min(4_000_000_000_000_000)));
                let cut = if number % 2 == 0 { Span::new(valid.start, middle) } else { continue };
                prop_assume!(!cut.is_empty() && !Span::new(middle, valid.end).is_empty());
                (company.row.name, company.row.contact, company.valid) = (name.clone(), Some(contact.clone()), cut);
                let mut next = company.clone();
                (next.valid, next.row.name) = (Span::new(middle, valid.end), contact.clone());
                registers.companies.extend([company, next]);
            }
            let client = &mut registers.clients[0].row;
            client.name.clone_from(&names[0].0);
            client.hours = hours.filter(|(a, b)| a != b).map(|(from_min, to_min)| crate::registers::Hours { from_min, to_min });
            client.max_length = Some(DurationUs(i64::from(day) * 1_000_000));
            registers.trainings[0].row.date = Day(day);
            registers.trainings[0].row.until = Some(Day(day + 300));
            registers.trainings[0].row.topic.clone_from(&names[0].1);
            let zone = SiteZone::named(zone_name).unwrap();
            registers.trainings[0].valid = Span::new(Day(day).start(&zone), Day(day + 300).end(&zone));
            // As the store would hold it: what is read back from what is written.
            let registers = parse(&crate::registers::to_toml(&registers).unwrap(), "f").unwrap();
            for table in ["company", "client", "training"] {
                for lang in [Lang::Ja, Lang::En] {
                    let csv = to_csv(&registers, table, lang).unwrap();
                    let again = from_csv(&registers, table, &csv, "f.csv", at, end_missing).map_err(|e| TestCaseError::fail(e.to_string()))?;
                    prop_assert_eq!(entries(&again, table), entries(&registers, table));
                    prop_assert!(again == registers, "{}", table);
                }
            }
        }

        #[test]
        fn no_text_makes_the_reader_fall_over(text in text(), table in prop::sample::select(TABLES.to_vec())) {
            let _ = from_csv(&site(), table, &text, "f", now(), true);
            let _ = from_csv(&site(), table, &format!("id\n{text}"), "f", now(), false);
        }
    }
}
