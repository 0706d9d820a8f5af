//! Keys: a stolen old one that goes on signing, an installation that burns with its only keys.

use kukaku_ledger::{Checkpoint, NoteError};
use kukaku_store::Connection;

use crate::house::{Site, exits, kukaku, kukaku_told};

/// A site with a user.
fn site() -> Site {
    let site = Site::new();
    let users = kukaku_store::users::Users::open(&site.dir.join("store.db")).unwrap();
    users.create_with_password("hanako", "Seven-green-boats-91", kukaku::clock::now()).unwrap();
    site
}

fn notes(site: &Site) -> Vec<(u64, String)> {
    let conn = Connection::open(site.dir.join("store.db")).unwrap();
    let mut statement = conn.prepare("SELECT size, note FROM checkpoint ORDER BY size").unwrap();
    let rows = statement.query_map([], |row| Ok((row.get::<_, i64>(0)?.cast_unsigned(), row.get(1)?))).unwrap();
    rows.map(Result::unwrap).collect()
}

#[test]
fn a_rotated_key_signs_nothing_more_and_the_journal_still_verifies() {
    let site = site();
    let dir = site.dir();
    site.run().stop();
    let old = std::fs::read_to_string(site.dir.join("checkpoint.pub")).unwrap();
    let rotate = |answer: &str| kukaku_told(&["keys", "rotate", dir, "--by", "hanako", "--reason", "年次"], answer);
    exits(&rotate("wrong\n"), 1);
    assert_eq!(std::fs::read_to_string(site.dir.join("checkpoint.pub")).unwrap(), old);
    let said = exits(&rotate("Seven-green-boats-91\n"), 0);
    assert!(said.contains("--from-size") && said.contains("現用"), "{said}");
    let terms = kukaku::site_dir::SiteDir::at(&site.dir).key_files().terms().unwrap();
    let [former, present] = &terms[..] else { panic!("{terms:?}") };
    assert_eq!(format!("{}\n", former.key), old);
    // The old key signed the tree that ends with the entry, and the new one takes over there.
    let last = notes(&site).pop().unwrap();
    assert_eq!((Some(last.0 + 1), last.0 + 1), (former.until_size, present.from_size));
    assert!(Checkpoint::open(last.1.as_bytes(), &terms).is_ok());
    assert_eq!(site.journal().last().map(String::as_str), Some("key_rotated"));
    // A city's number, and the answer of the tree that the old key signed.
    let nonce = kukaku_ledger::Nonce::from_random([5; 10]);
    let asked = |nonce: &str| kukaku(&["answer", nonce, dir, "--size", &last.0.to_string()]);
    let opened = Checkpoint::open(last.1.as_bytes(), &terms).unwrap();
    let answer = kukaku_ledger::Answer::new(nonce, &opened).to_text();
    assert!(exits(&asked(&nonce.to_text()), 0).contains(&answer));
    exits(&asked("12345"), 2);
    site.run().stop();
    let newest = notes(&site).pop().unwrap();
    assert!(newest.0 > last.0 && Checkpoint::open(newest.1.as_bytes(), &terms).is_ok());
    let by_old_alone = [kukaku_ledger::KeyTerm { until_size: None, ..former.clone() }];
    assert!(Checkpoint::open(newest.1.as_bytes(), &by_old_alone).is_err());
    // Whoever has the old key's file can't lengthen the journal with it.
    let stolen = kukaku_ledger::KeyTerm { from_size: newest.0, until_size: None, ..former.clone() };
    assert!(matches!(
        Checkpoint::open(last.1.as_bytes(), &[stolen]),
        Err(NoteError::KeyOutOfTerm { .. } | NoteError::NoKnownSignature)
    ));
    exits(&kukaku(&["verify", dir]), 0);
    exits(&kukaku(&["replay", "--store", dir]), 0);
    let said = exits(&rotate("Seven-green-boats-91\n"), 0);
    assert_eq!(said.matches("指紋").count(), 3, "{said}");
    exits(&kukaku(&["verify", dir]), 0);
}

#[test]
fn keys_in_escrow_come_back_with_the_passphrase_alone() {
    let site = site();
    let dir = site.dir();
    let out = site.dir.join("escrow");
    let out = out.to_str().unwrap();
    let escrow = |answers: &str| kukaku_told(&["keys", "escrow", dir, "--by", "hanako", "--out", out], answers);
    let said = exits(&escrow("Seven-green-boats-91\nshort\n"), 2);
    assert!(said.contains("16"), "{said}");
    exits(&escrow("Seven-green-boats-91\nfour boats on a wide river\n"), 0);
    exits(&escrow("Seven-green-boats-91\nfour boats on a wide river\n"), 2);
    assert_eq!(site.journal().last().map(String::as_str), Some("key_escrowed"));
    let into_dir = site.dir.join("restored");
    let into = into_dir.to_str().unwrap();
    let restore = |answer: &str| kukaku_told(&["keys", "restore-escrow", out, "--into", into], answer);
    exits(&restore("four boats on a wide rivel\n"), 1);
    exits(&restore("four boats on a wide river\n"), 0);
    for entry in std::fs::read_dir(site.dir.join("keys")).unwrap() {
        let entry = entry.unwrap();
        let (there, back) =
            (std::fs::read(entry.path()).unwrap(), std::fs::read(into_dir.join(entry.file_name())).unwrap());
        // Data keys that were made since stand behind those in escrow, under the same wrapping key.
        assert!(there.starts_with(&back), "{:?}", entry.file_name());
    }
    let said = exits(&kukaku(&["keys", "show", dir]), 0);
    assert!(said.contains("(escrow): 1") && !said.contains("destroy"), "{said}");
}
