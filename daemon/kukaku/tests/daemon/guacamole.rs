//! A Guacamole that is asked for its sessions, through a power cut and its own failures.

use kukaku_store::query::{SessionFilter, sessions};

use crate::house::{PATIENCE, Site, exits, kukaku};

#[path = "../../../../adapters/guacamole/tests/support/mod.rs"]
mod support;

use support::{Fault, Guacamole, PASSWORD, Row, USER};

#[test]
fn a_session_is_seen_through_a_power_cut_and_trouble_is_shown() {
    let (site, guacamole) = (Site::new(), Guacamole::new());
    let file = site.folder.secret("guacamole.password", PASSWORD);
    site.configure(&format!(
        "[web]\nlisten = \"127.0.0.1:0\"\n[[guacamole]]\nsource = \"vpn-1\"\nurl = \"{}\"\nuser = \"{USER}\"\n\
         password_file = \"{}\"\ninterval = \"1s\"\n",
        guacamole.url,
        file.display()
    ));
    exits(&kukaku(&["check", site.dir()]), 0);
    let millis = kukaku::clock::now().0 / 1_000;
    let open = Row { connection: 3, user: "tmk-a01".to_owned(), start: millis - 5_000, end: None, is_open: true };
    let before = Row { start: millis - 900_000, end: Some(millis - 800_000), is_open: false, ..open.clone() };
    guacamole.set(|state| state.rows = vec![before, open]);
    let daemon = site.run();
    site.wait_for("session.started");
    assert!(site.journal().iter().any(|kind| kind == "source.alive"));
    // Killed; meanwhile he leaves.
    drop(daemon);
    guacamole.set(|state| (state.rows[1].is_open, state.rows[1].end) = (false, Some(kukaku::clock::now().0 / 1_000)));
    let daemon = site.run();
    site.wait_for("session.ended");
    let conn = kukaku_store::read_only(&site.dir.join("store.db")).unwrap();
    let all = sessions(&conn, &SessionFilter::default(), None, 100).unwrap().rows;
    assert_eq!(all.len(), 1, "one session, whatever was said twice: {all:#?}");
    let session = &all[0];
    assert_eq!(session.account.as_deref(), Some("tmk-a01"));
    assert_eq!(session.address.as_deref(), Some("192.0.2.11"));
    assert!(matches!(session.end, kukaku_core::SessionEnd::Ended(_)), "{session:#?}");
    // It fails: that is to be seen, and over when it answers again.
    guacamole.fails(&[Fault::Status(500); 40]);
    let deadline = std::time::Instant::now() + PATIENCE;
    while !crate::house::out(&kukaku(&["status", site.dir()])).contains("answered 500") {
        assert!(std::time::Instant::now() < deadline, "the trouble is never shown");
    }
    guacamole.set(|state| state.faults.clear());
    while crate::house::out(&kukaku(&["status", site.dir()])).contains("answered 500") {
        assert!(std::time::Instant::now() < deadline, "the trouble never ends");
    }
    assert!(daemon.stop().0.success());
    exits(&kukaku(&["verify", site.dir()]), 0);
}
