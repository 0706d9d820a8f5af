//! A bit falls over between the recording of an entry and its first signature (D34).

use super::house::{House, at, config, reading, submit, watch};
use crate::writer::{Writer, WriterState};

/// One bit of the newest entry changes, in the place that `sql` names; nothing is signed over it.
async fn a_flipped_bit_is_not_signed(sql: &str) {
    let house = House::new().await;
    let writer = house.watch();
    submit(&writer, &reading(1, -3590, "north-in", "card:1")).await.unwrap();
    writer.checkpoint().await.unwrap();
    let file = house.folder.0.join("checkpoint");
    let signed = std::fs::read(&file).unwrap();
    for seq in 2..=9 {
        submit(&writer, &reading(seq, -3590 + seq as i64, "north-in", "card:1")).await.unwrap();
    }
    let conn = rusqlite::Connection::open(house.store()).unwrap();
    let guards = "DROP TRIGGER journal_is_append_only_update; DROP TRIGGER payload_is_append_only_update;";
    conn.execute_batch(guards).unwrap();
    assert_eq!(conn.execute(sql, []).unwrap(), 1, "{sql}");
    drop(conn);
    let refused = writer.checkpoint().await.unwrap_err();
    assert!(refused.to_string().contains("nothing was signed"), "{refused}");
    assert_eq!(std::fs::read(&file).unwrap(), signed);
    // Nor with the next sign of life; that ends the writer, and says why.
    house.clock.pass_to(at(600));
    let mut state = writer.state.clone();
    let ended = state.wait_for(|state| *state != WriterState::Working).await.unwrap().clone();
    assert!(matches!(&ended, WriterState::Failed(why) if why.contains("kukaku verify")), "{ended:?}");
    assert_eq!(std::fs::read(&file).unwrap(), signed);
    // Nor does another start.
    if let Ok(writer) = Writer::start(config(&house.folder.0, watch(), &house.clock, Box::new(|_| Vec::new()))) {
        assert!(writer.checkpoint().await.is_err());
        assert!(writer.stop().await.is_err());
    }
    assert_eq!(std::fs::read(&file).unwrap(), signed);
    assert!(!house.verify().faults.is_empty());
}

#[tokio::test]
async fn a_bit_of_an_unsigned_leaf_that_fell_over_is_not_signed() {
    let newest = "(SELECT max(seq) - 3 FROM journal)";
    a_flipped_bit_is_not_signed(&format!(
        "UPDATE journal SET recorded_at_us = recorded_at_us + 1 WHERE seq = {newest}"
    ))
    .await;
}

#[tokio::test]
async fn a_bit_of_the_hash_of_an_unsigned_leaf_that_fell_over_is_not_signed() {
    let newest = "(SELECT max(seq) - 3 FROM journal)";
    a_flipped_bit_is_not_signed(&format!("UPDATE journal SET leaf_hash = zeroblob(32) WHERE seq = {newest}")).await;
}

#[tokio::test]
async fn a_bit_of_an_unsigned_body_that_fell_over_is_not_signed() {
    let newest = "(SELECT max(seq) - 3 FROM payload)";
    // `||` makes a text of blobs; the cast makes it a blob again.
    let other = "CASE substr(sealed, 41, 1) WHEN x'01' THEN x'02' ELSE x'01' END";
    let flipped = format!("CAST(substr(sealed, 1, 40) || {other} || substr(sealed, 42) AS BLOB)");
    a_flipped_bit_is_not_signed(&format!("UPDATE payload SET sealed = {flipped} WHERE seq = {newest}")).await;
}
