//! A folder of operation logs.
//!
//! The harm: a log that is written over in place goes unnoticed; or one that grows floods the journal.

use kukaku_schema::UtcMicros;

use super::super::*;
use super::house::House;
use crate::oplog::OplogConfig;
use crate::shelf::KnownSegment;

fn config(house: &House) -> FootageConfig {
    let text = "source = 'nvr-1'\nroot = '/'\npattern = '{terminal}/%Y-%m-%d.log'\nsettle = '60s'";
    let mut config: OplogConfig = toml::from_str(text).unwrap();
    config.root.clone_from(&house.root);
    config.check().unwrap();
    config.follow()
}

const LOG: &str = "term-1/2026-11-22.log";

#[tokio::test]
async fn a_log_is_reported_when_it_rests_and_again_when_it_grew() {
    let mut house = House::new();
    let path = house.file(LOG, b"one line\n", 10);
    let mut follower = house.follower_of(config(&house), Cursor::default());
    // Its writer closed it, but goes on: it is not complete before it rests.
    follower.hint(Hint::Complete(path.clone()), house.now).await;
    follower.tick(house.later(59)).await;
    assert_eq!(house.kept(), [""; 0]);
    follower.tick(house.later(1)).await;
    assert_eq!(house.kept(), ["term-1 term-1/2026-11-22.log 2026-11-22T00:00:00Z..2026-11-22T01:59:50Z 9 3887"]);
    house.file(LOG, b"one line\ntwo lines\n", 0);
    follower.hint(Hint::Changed(path), house.now).await;
    follower.tick(house.later(60)).await;
    let kept = house.kept();
    assert!(kept.len() == 1 && kept[0].contains(" 19 "), "{kept:?}");
    follower.full_pass(house.later(600)).await;
    assert_eq!(house.kept(), [""; 0], "what didn't change is not said again");
}

#[tokio::test]
async fn a_log_written_over_in_place_is_seen_days_later_and_one_that_went_is_reported() {
    let mut house = House::new();
    house.file(LOG, b"rm -rf /secret\n", 7_000);
    house.file("term-1/2026-11-21.log", b"another day\n", 90_000);
    house.file("term-2/2026-11-21.log", b"another terminal\n", 90_000);
    let mut follower = house.follower_of(config(&house), Cursor::default());
    follower.full_pass(house.now).await;
    assert_eq!(house.kept().len(), 3);
    house.later(2 * 86_400);
    // As many bytes as before.
    let path = house.file(LOG, b"ls -la /secret\n", 700);
    follower.full_pass(house.now).await;
    let kept = house.kept();
    assert!(kept.len() == 1 && kept[0].starts_with("term-1 term-1/2026-11-22.log"), "{kept:?}");
    std::fs::remove_file(&path).unwrap();
    follower.full_pass(house.later(600)).await;
    let kept = house.kept();
    assert!(kept.len() == 1 && kept[0].starts_with("gone term-1 term-1/2026-11-22.log"), "{kept:?}");
}

#[tokio::test]
async fn after_a_start_every_log_is_hashed_again() {
    let house = House::new();
    house.file(LOG, b"rm -rf /secret\n", 7_000);
    let start = UtcMicros::parse_rfc3339("2026-11-22T00:00:00Z").unwrap();
    let known = KnownSegment {
        camera: Name::new("term-1").unwrap(),
        path: SegmentPath::new(LOG).unwrap(),
        start,
        end: start.plus(DurationUs::from_secs(200)),
        bytes: 15,
    };
    let cursor = Cursor { known: vec![known], ..Cursor::default() };
    let mut follower = house.follower_of(config(&house), cursor);
    follower.full_pass(house.now).await;
    // The writer knows the same words already; other ones it doesn't.
    assert_eq!(house.kept().len(), 1);
    follower.full_pass(house.now).await;
    assert_eq!(house.kept(), [""; 0]);
}

#[test]
fn a_pattern_names_terminals_and_no_cameras() {
    let read = |text: &str| toml::from_str::<OplogConfig>(text).unwrap().check().unwrap_err();
    let error = read("source = 'o'\nroot = '/srv'\npattern = '{camera}/%Y.log'");
    assert!(error.field == "pattern" && error.reason.contains("{terminal}"), "{error}");
    let error = read("source = 'o'\nroot = '/srv'\npattern = '%Y%m%d.log'");
    assert!(error.field == "terminal" && error.reason.contains("{terminal}"), "{error}");
}
