//! Names, links and configurations that must not be believed.

use super::super::*;
use super::house::House;
use crate::mp4::tests::whole;

#[tokio::test]
async fn hostile_names_and_links_are_refused_once_and_told() {
    use std::os::unix::ffi::OsStringExt as _;
    use std::os::unix::fs::symlink;
    let mut house = House::new();
    let mut config = house.config();
    (config.pattern, config.settle) = ("{camera}/{any}%Y%m%d%H.mp4".to_owned(), DurationUs(100_000));
    house.file("secret.mp4", &whole(None, 1_000, 1), 4_000);
    std::fs::rename(house.root.join("secret.mp4"), house.root.parent().unwrap().join("secret.mp4")).unwrap();
    house.file("cam/inside-2026112208.mp4", &whole(None, 1_000, 1), 4_000);
    symlink("../../secret.mp4", house.root.join("cam/out-2026112209.mp4")).unwrap();
    symlink("inside-2026112208.mp4", house.root.join("cam/in-2026112210.mp4")).unwrap();
    symlink("/etc", house.root.join("etc")).unwrap();
    house.file("cam/a\u{1b}[2J-2026112209.mp4", b"x", 4_000);
    house.file("cam/a\u{202e}-2026112209.mp4", b"x", 4_000);
    house.file("cam/C:x-2026112209.mp4", b"x", 4_000);
    house.file("cam/empty-2026112209.mp4", b"", 4_000);
    house.file("\u{2028}/x2026112209.mp4", b"x", 4_000);
    let raw = std::ffi::OsString::from_vec(b"a\xff2026112209.mp4".to_vec());
    std::fs::write(house.root.join("cam").join(raw), b"x").unwrap();
    assert!(
        std::process::Command::new("mkfifo")
            .arg(house.root.join("cam/pipe-2026112209.mp4"))
            .status()
            .unwrap()
            .success()
    );
    let mut follower = house.follower_of(config, Cursor::default());
    follower.full_pass(house.now).await;
    let mut kept = house.kept();
    kept.sort();
    let first: Vec<&str> = kept.iter().map(|line| line.split(": ").next().unwrap()).collect();
    assert_eq!(
        first,
        [
            "cam cam/in-2026112210.mp4 2026-11-22T10:00:00Z+1 285",
            "cam cam/inside-2026112208.mp4 2026-11-22T08:00:00Z+1 285",
            "refused \\u{2028}",
            "refused cam/C:x-2026112209.mp4",
            "refused cam/a\\u{1b}[2J-2026112209.mp4",
            "refused cam/a\\u{202e}-2026112209.mp4",
            "refused cam/a\u{fffd}2026112209.mp4",
            "refused cam/empty-2026112209.mp4",
            "refused cam/out-2026112209.mp4",
            "refused etc",
        ],
        "{kept:#?}"
    );
    assert!(kept[8].ends_with("a symbolic link that leaves the folder is not followed"), "{}", kept[8]);
    // Told once.
    follower.full_pass(house.later(600)).await;
    assert_eq!(house.kept(), [""; 0]);
}

#[tokio::test]
async fn a_path_of_four_kilobytes_is_refused() {
    let mut house = House::new();
    let part = "x".repeat(250);
    let mut config = house.config();
    config.pattern = ["{any}", "{any}", "{any}", "{any}", "{camera}", "%s.mp4"].join("/");
    let deep = [part.as_str(); 5].join("/");
    house.file(&format!("{deep}/1795305910.mp4"), b"x", 4_000);
    let mut follower = house.follower_of(config, Cursor::default());
    follower.full_pass(house.now).await;
    follower.full_pass(house.later(600)).await;
    let kept = house.kept();
    assert_eq!(kept.len(), 1);
    assert!(kept[0].starts_with("refused 1254 bytes: a segment path has 1 to 1024"), "{}", kept[0]);
    // The same by a notification, before any pass: refused too, without looking at it.
    let long = house.root.join(vec!["y".repeat(250); 5].join("/"));
    follower.hint(Hint::Changed(long), house.now).await;
    assert!(house.kept()[0].starts_with("refused 1254 bytes"));
    // Paths from elsewhere are nobody's.
    follower.hint(Hint::Complete("/etc/passwd".into()), house.now).await;
    follower.hint(Hint::Complete(house.root.join("../rec/../../etc")), house.now).await;
    assert!(house.kept().iter().all(|line| line.starts_with("refused")));
}

#[test]
fn a_configuration_that_can_not_work_names_its_field() {
    let base = "source = 'n'\nroot = '/r'\npattern = '{camera}/%s'\n";
    for (text, part) in [
        (format!("{base}camera = 'c'"), "camera"),
        (base.replace("{camera}/", ""), "camera"),
        (base.replace("%s", "%H"), "pattern"),
        (format!("{base}zone = 'Mars/Olympus'"), "zone"),
        (format!("{base}settle = '0s'"), "settle"),
        (format!("{base}hash_mib_per_s = 0"), "hash_mib_per_s"),
        (base.replace("/r", "r"), "root"),
    ] {
        let config: FootageConfig = toml::from_str(&text).unwrap();
        let error = config.check().unwrap_err().to_string();
        assert!(error.contains(&format!("\"n\": {part}: ")), "{error}");
    }
    let error = toml::from_str::<FootageConfig>(&format!("{base}zoen = 'UTC'")).unwrap_err().to_string();
    assert!(error.contains("line 4") && error.contains("zone"), "{error}");
}
