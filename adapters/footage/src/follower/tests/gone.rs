//! Deleted files, lost folders, unmounted disks.

use kukaku_schema::intake::ArrivalBody;
use kukaku_schema::observation::Observation;

use super::super::*;
use super::house::House;

#[tokio::test]
async fn a_deleted_file_is_reported_gone_with_its_own_span() {
    let mut house = House::new();
    house.ten_minutes();
    let mut follower = house.follower(Cursor::default());
    follower.full_pass(house.now).await;
    assert_eq!(house.kept().len(), 60);
    let path = house.root.join("2026-11-22/09/cam-1/03.20.mp4");
    std::fs::remove_file(&path).unwrap();
    follower.hint(Hint::Removed(path.clone()), house.now).await;
    follower.tick(house.later(4)).await;
    assert_eq!(house.kept(), [""; 0]);
    follower.tick(house.later(1)).await;
    let kept = house.writer.kept.lock().unwrap().clone();
    let ArrivalBody::Observation(observation) = &kept[0] else { panic!("{kept:?}") };
    let Observation::FootageSegment(gone) = &**observation else { panic!() };
    assert_eq!(
        (gone.start.to_string(), gone.end.to_string()),
        ("2026-11-22T09:03:20Z".to_owned(), "2026-11-22T09:03:30Z".to_owned())
    );
    assert_eq!(gone.device_time, house.now);
    assert_eq!(house.kept(), ["gone 2026-11-22/09/cam-1/03.20.mp4"]);
    // One that nobody told of is found by the next pass; one that was put back is not gone.
    std::fs::remove_file(house.root.join("2026-11-22/09/cam-1/03.30.mp4")).unwrap();
    follower.hint(Hint::Removed(house.root.join("2026-11-22/09/cam-1/03.40.mp4")), house.now).await;
    follower.full_pass(house.later(600)).await;
    follower.tick(house.now).await;
    assert_eq!(house.kept(), ["gone 2026-11-22/09/cam-1/03.30.mp4"]);
}

#[tokio::test]
async fn when_most_of_the_folder_vanishes_no_file_is_reported_gone() {
    let mut house = House::new();
    house.ten_minutes();
    let mut follower = house.follower(Cursor::default());
    follower.full_pass(house.now).await;
    house.kept();
    let away = house.root.parent().unwrap().join("away");
    std::fs::rename(house.root.join("2026-11-22"), &away).unwrap();
    // Another disk is there instead.
    house.file("lost+found/x", b"", 0);
    follower.hint(Hint::Removed(house.root.join("2026-11-22")), house.now).await;
    for _ in 0..3 {
        follower.full_pass(house.later(600)).await;
    }
    assert_eq!(house.kept(), [""; 0]);
    assert_eq!(house.told(), [LinkEvent::FolderLost { known: 60, missing: 60 }]);
    // It comes back, with one file less: that one is gone.
    std::fs::rename(&away, house.root.join("2026-11-22")).unwrap();
    std::fs::remove_file(house.root.join("2026-11-22/09/cam-1/00.00.mp4")).unwrap();
    follower.full_pass(house.later(600)).await;
    assert_eq!(house.kept(), ["gone 2026-11-22/09/cam-1/00.00.mp4"]);
    assert_eq!(house.told(), [LinkEvent::FolderBack]);
}

#[tokio::test]
async fn a_loss_that_a_person_confirms_is_reported_file_by_file() {
    let mut house = House::new();
    house.ten_minutes();
    let mut follower = house.follower(Cursor::default());
    follower.full_pass(house.now).await;
    house.kept();
    for i in 0..40 {
        let path = house.root.join(format!("2026-11-22/09/cam-1/{:02}.{:02}.mp4", i / 6, i % 6 * 10));
        std::fs::remove_file(&path).unwrap();
        follower.hint(Hint::Removed(path), house.now).await;
    }
    follower.tick(house.later(6)).await;
    follower.full_pass(house.now).await;
    assert_eq!(house.kept(), [""; 0]);
    follower.handle().confirm_loss();
    // The writer is out of order meanwhile; the person's word still holds afterwards.
    house.writer.refuses.store(true, Ordering::Release);
    follower.full_pass(house.later(60)).await;
    house.writer.refuses.store(false, Ordering::Release);
    follower.full_pass(house.later(60)).await;
    assert_eq!(house.kept().len(), 40);
    let told = house.told();
    assert_eq!(told.first(), Some(&LinkEvent::FolderLost { known: 60, missing: 40 }));
    assert_eq!(told.last(), Some(&LinkEvent::FolderBack));
}

#[tokio::test]
async fn an_unmounted_root_is_an_event_and_no_loss() {
    let mut house = House::new();
    house.ten_minutes();
    let mut follower = house.follower(Cursor::default());
    follower.full_pass(house.now).await;
    house.kept();
    let away = house.root.parent().unwrap().join("away");
    for empty in [false, true] {
        std::fs::rename(&house.root, &away).unwrap();
        if empty {
            std::fs::create_dir(&house.root).unwrap();
        }
        follower.hint(Hint::Removed(house.root.join("2026-11-22/09/cam-1/00.00.mp4")), house.now).await;
        follower.tick(house.later(10)).await;
        follower.full_pass(house.later(10)).await;
        follower.full_pass(house.later(10)).await;
        assert_eq!(house.kept(), [""; 0]);
        assert!(matches!(&house.told()[..], [LinkEvent::RootMissing { .. }]), "empty {empty}");
        if empty {
            std::fs::remove_dir(&house.root).unwrap();
        }
        std::fs::rename(&away, &house.root).unwrap();
        follower.full_pass(house.later(10)).await;
        assert_eq!(house.kept(), [""; 0]);
        assert_eq!(house.told(), [LinkEvent::RootBack]);
    }
}
