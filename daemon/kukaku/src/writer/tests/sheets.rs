//! Tables that were kept in a spreadsheet.
//!
//! The harm if one fails: somebody adds a line to a table, and the past is rewritten, or another
//! one's change of the same minute is undone.

use kukaku_schema::registers::sheet::SheetFile;

use super::super::{ActError, Wanted};
use super::house::{House, at, reading, session, submit};

fn sheet(table: &str, text: &str, end_missing: bool) -> Wanted {
    Wanted::Sheet(SheetFile { table: table.to_owned(), text: text.to_owned(), file: "f.csv".to_owned(), end_missing })
}

#[tokio::test]
async fn a_table_changes_what_it_names_from_now_on_and_no_verdict_of_before() {
    let house = House::new().await;
    house.clock.pass_to(at(0));
    let writer = house.watch();
    submit(&writer, &reading(1, 0, "north-in", "card:1")).await.unwrap();
    house.clock.pass_to(at(60));
    submit(&writer, &session("started", 1, 60, "s-1", "tmk-a01")).await.unwrap();
    house.clock.pass_to(at(600));
    writer.advance().await.unwrap();
    let why = || ("山田".to_owned(), None, "改名".to_owned());
    let import = |wanted: Wanted| {
        let (writer, (actor, second, reason)) = (writer.clone(), why());
        async move { writer.import_wanted(wanted, actor, second, reason).await }
    };
    let renamed = "id,name\nop-01,佐藤 新\n";
    let diff = writer.plan_wanted(sheet("operator", renamed, false)).await.unwrap();
    assert_eq!(
        (diff.steps.len(), diff.counts()),
        (1, (2, 1)),
        "what was said of the past, and what is said from now on"
    );
    let change = import(sheet("operator", renamed, false)).await.unwrap();
    assert_eq!(house.ask("SELECT reason FROM register_change ORDER BY journal_seq DESC LIMIT 1"), "改名");
    let now_on = format!(
        "SELECT count(*) FROM register_entry WHERE replaced_seq IS NULL AND tbl = 'operator' AND entry_id = 'op-01'
         AND from_us = {} AND journal_seq = {}",
        at(600).0,
        change.journal_seq.unwrap()
    );
    assert_eq!(house.ask(&now_on), "1");
    // The same again is no change, and one wrong line refuses the whole.
    assert_eq!(import(sheet("operator", renamed, false)).await.unwrap().journal_seq, None);
    let wrong = import(sheet("operator", "id,name,clients\nop-09,a,tomakomai\nop-10,b,nowhere\n", false)).await;
    let Err(ActError::Refused(why)) = wrong else { panic!("{wrong:?}") };
    assert!(why.starts_with("f.csv, line 3, column \"clients\": "), "{why}");
    assert_eq!(house.ask("SELECT count(*) FROM register_entry WHERE entry_id = 'op-09'"), "0");
    // Two tables at the same time, each made from the registers of before: both hold.
    let one = import(sheet("person", "id,name\nv-1,来訪者\n", false));
    let other = import(sheet("zone", "id,name\nzone-new,新区画\n", false));
    let (one, other) = tokio::join!(one, other);
    assert!(one.is_ok() && other.is_ok());
    let both = "SELECT count(*) FROM register_entry WHERE replaced_seq IS NULL AND entry_id IN ('v-1', 'zone-new')";
    assert_eq!(house.ask(both), "2");
    // Ended is what is missing, now and not before: nothing becomes backdated.
    house.clock.pass_to(at(700));
    import(sheet("operator", "id,name\nop-01,佐藤 新\n", true)).await.unwrap();
    let ended = format!("SELECT count(*) FROM register_entry WHERE replaced_seq IS NULL AND until_us = {}", at(700).0);
    assert_ne!(house.ask(&ended), "0");
    house.clock.pass_to(at(900));
    writer.advance().await.unwrap();
    assert_eq!(house.ask("SELECT verdict FROM session"), "present");
    assert_eq!(house.ask("SELECT count(*) FROM finding WHERE key LIKE 'backdated%'"), "0");
    writer.stop().await.unwrap();
    house.check_whole();
}
