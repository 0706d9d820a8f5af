//! Notices to clients, operation logs and power of terminals, failure reports: kept with what brought
//! them, and gone with it.

use kukaku_schema::intake::{Arrival, ArrivalBody, Intake as _};
use kukaku_schema::{FailureStage, Observation};
use kukaku_store::RecordClass;
use kukaku_store::query::failure_now;

use super::erasing::{DAY, days, due, holding};
use super::house::{House, REGISTERS, at, submit};
use crate::writer::Writer;

fn log(seconds: i64, digit: char) -> String {
    let said = at(seconds).to_rfc3339_utc();
    format!(
        r#"{{"kind":"oplog.segment","source":"vpn-1","device_time":"{said}","terminal":"KANARIA-90","session":"KANARIA-91","path":"KANARIA-92.log","start":"{}","end":"{said}","bytes":7,"sha256":"{}"}}"#,
        at(0).to_rfc3339_utc(),
        digit.to_string().repeat(64)
    )
}

/// A report that names people, an order and a session, none of which anything else tells of.
async fn report(writer: &Writer, stage: &str) {
    let json = serde_json::json!({
        "kind": "failure.reported", "source": "kukaku", "device_time": at(4030).to_rfc3339_utc(),
        "failure": "KANARIA-93", "client": "tomakomai", "stage": stage, "sort": "accident",
        "detected_at": at(4000).to_rfc3339_utc(), "systems": ["KANARIA-94"], "symptom": "KANARIA-94 の応答なし",
        "order": "KANARIA-94-o", "session": "KANARIA-94-s", "reported_by": "KANARIA-94", "by": "kanri",
    });
    let observation: Observation = serde_json::from_value(json).unwrap();
    let arrival = Arrival { link: "failure".to_owned(), body: ArrivalBody::Observation(Box::new(observation)) };
    writer.submit(arrival).await.unwrap().await.unwrap();
}

#[tokio::test]
async fn notices_logs_and_power_go_with_their_records_and_the_rest_is_told_as_before() {
    let house = House::new().await;
    house.clock.pass_to(at(-600));
    let writer = house.watch();
    let text = REGISTERS.replace(
        "name = \"苫小牧市\"\n",
        "name = \"苫小牧市\"\nwork_orders = false\nnotify = [\"city@example.lg.jp\"]\n",
    );
    let registers = kukaku_schema::registers::parse(&text, "site.toml").unwrap();
    writer.import_registers(registers, "manager".to_owned(), "市への通知".to_owned()).await.unwrap();
    days(&house, &writer, 0, 1).await;
    for (seconds, digit) in [(4010, 'a'), (4020, 'b')] {
        house.clock.pass_to(at(seconds));
        submit(&writer, &log(seconds, digit)).await.unwrap();
    }
    let power = format!(
        r#"{{"kind":"terminal.power","source":"vpn-1","device_time":"{}","terminal":"KANARIA-90","state":"on"}}"#,
        at(4020).to_rfc3339_utc()
    );
    submit(&writer, &power).await.unwrap();
    for stage in ["first", "interim"] {
        report(&writer, stage).await;
    }
    assert_eq!(house.ask("SELECT count(*) FROM failure_report"), "2", "an earlier report stays");
    assert_eq!(failure_now(&house.conn(), "KANARIA-93").unwrap().unwrap().stage, FailureStage::Interim);
    assert_eq!(house.ask("SELECT kind FROM finding WHERE kind LIKE 'footage%'"), "footage_changed");
    assert_eq!(house.ask("SELECT count(*) FROM oplog"), "1", "the newest word on a file counts");
    days(&house, &writer, 1, 10).await;
    let told = "SELECT count(*) FROM session_notice WHERE state = 'waiting'";
    assert_eq!(house.ask(told), "20", "each session once for its start and once for its end");
    // What is derived again, is the same; a start tells nobody anything anew.
    writer.stop().await.unwrap();
    let writer = house.watch();
    writer.advance().await.unwrap();
    assert_eq!(house.ask(told), "20");
    writer.checkpoint().await.unwrap();
    for class in [RecordClass::Entry, RecordClass::Session, RecordClass::Finding, RecordClass::Unreadable] {
        assert!(writer.erase(due(&house, class, 0)).await.unwrap().count > 0, "{class:?}");
    }
    for text in ["KANARIA-90", "KANARIA-91", "KANARIA-92", "KANARIA-93", "KANARIA-94", "KANARIA"] {
        assert_eq!(holding(&house.folder.0, text), Vec::<String>::new(), "{text}");
    }
    for table in ["oplog", "terminal_power", "failure_report"] {
        assert_eq!(house.ask(&format!("SELECT count(*) FROM {table}")), "0", "{table}");
    }
    assert_eq!(house.ask(told), "18", "those of the erased session are gone, and no others");
    days(&house, &writer, 10, 11).await;
    assert_eq!(house.ask(told), "20");
    assert_eq!(house.ask(&format!("{told} AND at_us < {}", at(DAY).0)), "0");
    writer.stop().await.unwrap();
    house.check_whole();
}
