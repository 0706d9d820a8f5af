//! A recorder's folder on a real disk, and what is reported of it.
//!
//! The harm: footage that exists but is not listed, a loss that nobody hears of, or a thousand
//! losses that are only an unmounted disk.

mod gone;
mod hostile;
mod house;
mod oplogs;

use kukaku_schema::intake::ArrivalBody;
use kukaku_schema::observation::{FootageSegment, Observation};

use self::house::House;
use super::*;
use crate::mp4::tests::whole;
use crate::shelf::KnownSegment;

#[tokio::test]
async fn what_is_there_at_the_start_is_reported_in_the_order_of_time() {
    let house = House::new();
    house.file("2026-11-22/09/cam-1/05.20.mp4", &whole(None, 9_984, 10), 4_000);
    house.file("2026-11-22/09/cam-1/05.10.mp4", &whole(None, 10_016, 10), 4_000);
    house.file("2026-11-21/23/cam-2/59.50.mp4", &whole(None, 10_000, 20), 90_000);
    house.file("2026-11-22/09/cam-1/05.30.mp4.tmp", b"other", 4_000);
    house.file("index.db", b"other", 4_000);
    let mut follower = house.follower(Cursor::default());
    follower.full_pass(house.now).await;
    assert_eq!(
        house.kept(),
        [
            "cam-2 2026-11-21/23/cam-2/59.50.mp4 2026-11-21T23:59:50Z+10 304",
            "cam-1 2026-11-22/09/cam-1/05.10.mp4 2026-11-22T09:05:10Z+10.016 294",
            "cam-1 2026-11-22/09/cam-1/05.20.mp4 2026-11-22T09:05:20Z+9.984 294",
        ]
    );
    follower.full_pass(house.now).await;
    assert_eq!(house.kept(), [""; 0]);
    assert_eq!(house.told(), []);
}

#[tokio::test]
async fn a_segment_says_when_it_was_made_and_what_it_holds() {
    use sha2::Digest as _;
    let house = House::new();
    let bytes = whole(None, 10_000, 1_000_000);
    house.file("2026-11-22/09/cam-1/05.10.mp4", &bytes, 4_000);
    house.follower(Cursor::default()).full_pass(house.now).await;
    let kept = house.writer.kept.lock().unwrap().clone();
    let ArrivalBody::Observation(observation) = &kept[0] else { panic!("{kept:?}") };
    let Observation::FootageSegment(FootageSegment { device_time, sha256, .. }) = &**observation else { panic!() };
    assert_eq!(*device_time, house.now.minus(DurationUs::from_secs(4_000)));
    let digits: String = sha2::Sha256::digest(&bytes).iter().map(|b| format!("{b:02x}")).collect();
    assert_eq!(sha256.as_ref().unwrap().as_str(), digits);
    // What a link makes is what the wire takes.
    let json = serde_json::to_vec(&**observation).unwrap();
    assert_eq!(kukaku_schema::parse_observation(&json).unwrap(), **observation);
}

#[tokio::test]
async fn names_in_the_sites_time_and_whole_minutes_are_refined_by_the_file() {
    let house = House::new();
    let mut config = house.config();
    (config.pattern, config.zone) = ("%Y%m%d-%H%M.mp4".to_owned(), "Asia/Tokyo".to_owned());
    config.camera = Some(Name::new("cam-1").unwrap());
    let at = |text| UtcMicros::parse_rfc3339(text).unwrap();
    house.file("20261122-0905.mp4", &whole(Some(at("2026-11-22T00:05:17Z")), 30_000, 1), 4_000);
    // Local time written as if it were UTC: the name counts, and somebody is told.
    house.file("20261122-0906.mp4", &whole(Some(at("2026-11-22T09:06:00Z")), 30_000, 1), 4_000);
    house.file("20261122-0907.mp4", &whole(Some(at("2026-11-22T09:07:00Z")), 30_000, 1), 4_000);
    house.follower_of(config, Cursor::default()).full_pass(house.now).await;
    assert_eq!(
        house.kept(),
        [
            "cam-1 20261122-0905.mp4 2026-11-22T00:05:17Z+30 285",
            "cam-1 20261122-0906.mp4 2026-11-22T00:06:00Z+30 285",
            "cam-1 20261122-0907.mp4 2026-11-22T00:07:00Z+30 285",
        ]
    );
    let told = house.told();
    assert!(
        matches!(&told[..], [LinkEvent::StartsDisagree { by, .. }] if *by == DurationUs::from_secs(9 * 3600)),
        "{told:?}"
    );
}

#[tokio::test]
async fn a_file_without_a_length_lasts_until_the_next_one_and_never_longer_than_said() {
    let house = House::new();
    // The next one begins after 7 s; the second was last written 4 s after its start; the third
    // was touched much later.
    house.file("2026-11-22/00/cam-1/05.00.mp4", b"no mp4", 4_000);
    house.file("2026-11-22/00/cam-1/05.07.mp4", b"no mp4", 7_200 - (5 * 60 + 11));
    house.file("2026-11-22/00/cam-1/06.00.mp4", b"no mp4", 4_000);
    let mut follower = house.follower(Cursor::default());
    // Newest first, as notifications may come: the next one's start is known by then.
    for path in ["06.00", "05.07", "05.00"] {
        follower.hint(Hint::Complete(house.root.join(format!("2026-11-22/00/cam-1/{path}.mp4"))), house.now).await;
    }
    assert_eq!(
        house.kept(),
        [
            "cam-1 2026-11-22/00/cam-1/06.00.mp4 2026-11-22T00:06:00Z+10 6",
            "cam-1 2026-11-22/00/cam-1/05.07.mp4 2026-11-22T00:05:07Z+10 6",
            "cam-1 2026-11-22/00/cam-1/05.00.mp4 2026-11-22T00:05:00Z+7 6",
        ]
    );
}

#[tokio::test]
async fn a_file_that_grows_waits_and_one_renamed_into_place_does_not() {
    let mut house = House::new();
    let mut follower = house.follower(Cursor::default());
    let path = house.file("2026-11-22/11/cam-1/00.00.mp4", &whole(None, 5_000, 10), 0);
    follower.hint(Hint::Changed(path.clone()), house.now).await;
    for size in [20, 30, 40] {
        house.later(4);
        std::fs::write(&path, whole(None, 9_000, size)).unwrap();
        house.touch(&path, 0);
        follower.tick(house.now).await;
    }
    assert_eq!(house.kept(), [""; 0]);
    follower.tick(house.later(4)).await;
    assert_eq!(house.kept(), [""; 0]);
    follower.tick(house.later(1)).await;
    assert_eq!(house.kept(), ["cam-1 2026-11-22/11/cam-1/00.00.mp4 2026-11-22T11:00:00Z+9 324"]);

    let hidden = house.file("2026-11-22/11/cam-1/.part", &whole(None, 10_000, 10), 0);
    let path = house.root.join("2026-11-22/11/cam-1/00.10.mp4");
    std::fs::rename(hidden, &path).unwrap();
    follower.hint(Hint::Complete(path.clone()), house.now).await;
    assert_eq!(house.kept(), ["cam-1 2026-11-22/11/cam-1/00.10.mp4 2026-11-22T11:00:10Z+10 294"]);
    // It was opened again and went on growing: the segment is reported as it is then.
    std::fs::write(&path, whole(None, 12_000, 20)).unwrap();
    follower.hint(Hint::Complete(path), house.now).await;
    assert_eq!(house.kept(), ["cam-1 2026-11-22/11/cam-1/00.10.mp4 2026-11-22T11:00:10Z+12 304"]);
}

#[tokio::test]
async fn after_a_restart_nothing_is_reported_twice_and_what_went_meanwhile_is() {
    let mut house = House::new();
    house.ten_minutes();
    let mut follower = house.follower(Cursor::default());
    follower.full_pass(house.now).await;
    let known: Vec<KnownSegment> = house
        .writer
        .kept
        .lock()
        .unwrap()
        .drain(..)
        .map(|body| match body {
            ArrivalBody::Observation(observation) => match *observation {
                Observation::FootageSegment(s) => {
                    KnownSegment { camera: s.camera, path: s.path, start: s.start, end: s.end, bytes: s.bytes }
                }
                other => panic!("{other:?}"),
            },
            other => panic!("{other:?}"),
        })
        .collect();
    drop(follower);
    std::fs::remove_file(house.root.join("2026-11-22/09/cam-1/01.00.mp4")).unwrap();
    house.file("2026-11-22/09/cam-1/10.00.mp4", &whole(None, 10_000, 1), 4_000);
    let mut follower = house.follower(Cursor { known: known.clone(), ..Cursor::default() });
    follower.full_pass(house.later(60)).await;
    assert_eq!(
        house.kept(),
        ["cam-1 2026-11-22/09/cam-1/10.00.mp4 2026-11-22T09:10:00Z+10 285", "gone 2026-11-22/09/cam-1/01.00.mp4",]
    );
    // A store that gives the newest ten, and says so.
    let newest = known[50..].to_vec();
    let horizon = BTreeMap::from([(newest[0].camera.clone(), newest[0].start)]);
    let mut follower = house.follower(Cursor { known: newest, horizon });
    follower.full_pass(house.now).await;
    assert_eq!(house.kept(), ["cam-1 2026-11-22/09/cam-1/10.00.mp4 2026-11-22T09:10:00Z+10 285"]);
}

#[tokio::test]
async fn beyond_its_limit_the_oldest_are_forgotten_and_not_reported_again() {
    let mut house = House::new();
    house.ten_minutes();
    let report: Reporter = Arc::new(|_| {});
    let mut follower =
        Follower::with_limit(house.config(), Cursor::default(), house.writer.clone(), report, 10).unwrap();
    follower.full_pass(house.now).await;
    assert_eq!((house.kept().len(), follower.shelf.len()), (60, 10));
    std::fs::remove_file(house.root.join("2026-11-22/09/cam-1/00.00.mp4")).unwrap();
    follower.full_pass(house.later(600)).await;
    assert_eq!(house.kept(), [""; 0]);
}

#[tokio::test]
async fn what_the_writer_did_not_keep_is_sent_again() {
    let mut house = House::new();
    house.file("2026-11-22/09/cam-1/05.10.mp4", &whole(None, 10_000, 1), 4_000);
    let mut follower = house.follower(Cursor::default());
    house.writer.refuses.store(true, Ordering::Release);
    follower.full_pass(house.now).await;
    // It is not hammered meanwhile.
    follower.full_pass(house.now).await;
    follower.tick(house.now).await;
    assert_eq!(house.told(), [LinkEvent::NotKept { why: "disk full".to_owned() }]);
    house.writer.refuses.store(false, Ordering::Release);
    follower.full_pass(house.later(1)).await;
    assert_eq!(house.kept().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_kernel_tells_of_files_that_are_written_renamed_and_deleted() {
    let house = House::new();
    let (tell, told) = std::sync::mpsc::channel();
    *house.writer.told.lock().unwrap() = Some(tell);
    house.file("2026-11-22/09/cam-1/00.00.mp4", &whole(None, 10_000, 1), 4_000);
    house.file("2026-11-22/09/cam-1/00.10.mp4", &whole(None, 10_000, 1), 4_000);
    let mut config = house.config();
    config.settle = DurationUs(100_000);
    // The configured folder is a link, as mounts often are; a link below it leads everywhere.
    config.root = house.root.parent().unwrap().join("link");
    std::os::unix::fs::symlink(&house.root, &config.root).unwrap();
    std::os::unix::fs::symlink("/", house.root.join("everything")).unwrap();
    let follower = house.follower_of(config, Cursor::default());
    let next = || told.recv_timeout(Duration::from_secs(30)).unwrap();
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let (base, began) = (house.now, std::time::Instant::now());
    let clock = move || base.plus(DurationUs(i64::try_from(began.elapsed().as_micros()).unwrap()));
    let running = tokio::spawn(follower.run(clock, async { stopped.await.unwrap() }));
    next();
    next();
    // A new hour's folder, with a file that is written and closed in it.
    house.file("2026-11-22/10/cam-1/00.00.mp4", &whole(None, 10_000, 1), 0);
    assert_eq!(next(), "cam-1 2026-11-22/10/cam-1/00.00.mp4 2026-11-22T10:00:00Z+10 285");
    let hidden = house.file("2026-11-22/10/cam-1/part", &whole(None, 10_000, 1), 0);
    std::fs::rename(hidden, house.root.join("2026-11-22/10/cam-1/00.10.mp4")).unwrap();
    assert_eq!(next(), "cam-1 2026-11-22/10/cam-1/00.10.mp4 2026-11-22T10:00:10Z+10 285");
    std::fs::remove_file(house.root.join("2026-11-22/09/cam-1/00.00.mp4")).unwrap();
    assert_eq!(next(), "gone 2026-11-22/09/cam-1/00.00.mp4");
    stop.send(()).unwrap();
    running.await.unwrap();
    assert!(house.told().contains(&LinkEvent::Watching));
}
