//! What others send with radclient, and a record of others. They lie where `KUKAKU_SAMPLES` points.

use std::path::{Path, PathBuf};

use crate::radclient::answered;
use crate::site::{Site, said};

fn folder() -> Option<PathBuf> {
    std::env::var_os("KUKAKU_SAMPLES").map(|samples| Path::new(&samples).join("radius"))
}

fn read(file: &Path) -> String {
    std::fs::read_to_string(file).unwrap_or_else(|error| panic!("read {}: {error}", file.display()))
}

#[tokio::test]
async fn requests_of_others_without_a_status_are_kept_as_unreadable_and_answered() {
    let Some(folder) = folder() else { return };
    let site = Site::plain("").await;
    for (number, name) in ["acct_1.txt", "acct_2.txt", "acct_3.txt"].iter().enumerate() {
        answered(&site, "acct", &read(&folder.join("radclient").join(name))).await;
        let arrivals = site.writer.came(number + 1).await;
        assert_eq!(said(&arrivals[number]), "unreadable: Acct-Status-Type (40) is missing");
    }
}

#[tokio::test]
async fn a_record_of_others_that_names_no_session_is_kept_as_unreadable() {
    let Some(folder) = folder() else { return };
    let detail = read(&folder.join("detail/one.txt"));
    // What the server added to its own record was never sent.
    let sent =
        |line: &&str| line.contains(" = ") && !line.contains("Acct-Unique-Session-Id") && !line.contains("Timestamp");
    let attributes: Vec<&str> = detail.lines().map(str::trim).filter(sent).collect();
    assert_eq!(attributes.len(), 6);
    let site = Site::plain("").await;
    answered(&site, "acct", &(attributes.join("\n") + "\n")).await;
    assert_eq!(said(&site.writer.arrivals()[0]), "unreadable: Acct-Session-Id (44) is missing");
}
