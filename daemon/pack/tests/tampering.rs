//! Harm: a pack is changed on its way to the city, or by the vendor who holds the key, and still
//! verifies.
#![allow(clippy::unwrap_used)]

mod common;

use common::{CITY, Dice, Log, check, edited, files_of, lines, resealed, terms, unpacked, with_lines, zipped};
use kukaku_ledger::{KeyTerm, Leaf, SignedNote, SigningKey};
use kukaku_pack::{Encoding, PackError, verify};

fn whole() -> Vec<u8> {
    Log::of(250).pack(200, Encoding::Utf8)
}

#[test]
fn an_untouched_pack_verifies_and_says_what_is_in_it() {
    for csv in [Encoding::Utf8, Encoding::ShiftJis] {
        let zip = Log::of(250).pack(200, csv);
        let verified = check(&zip).unwrap();
        let manifest = &verified.manifest;
        assert_eq!((manifest.client.as_str(), manifest.tree_size), (CITY, 250));
        assert_eq!((manifest.opened, manifest.count), (114, 204));
        assert_eq!(manifest.opened + manifest.masked + 2, manifest.count);
        assert_eq!((manifest.fence_before, manifest.fence_after), (Some(7), Some(210)));
        assert!(verified.from_start && verified.to_end);
        let entries = lines(&files_of(&zip)).concat();
        assert!(!entries.contains("ebetsu") && !entries.contains("liveness"), "others' entries are hashes alone");
        assert_eq!(zip, Log::of(250).pack(200, csv), "the same journal gives the same bytes");
        assert_eq!(zip, zipped(&unpacked(&zip)), "it is written as the format says");
        assert_eq!(zip, resealed(&files_of(&zip)), "the vendor of these tests seals as the site does");
    }
}

#[test]
fn a_period_without_anything_behind_says_that_it_is_open() {
    let verified = check(&Log::of(250).pack(100_000, Encoding::Utf8)).unwrap();
    assert!(verified.from_start && !verified.to_end);
    // Nothing of the city's own at all.
    let mut log = Log::of(250);
    log.entries.retain(|e| e.leaf.client != CITY);
    for (seq, entry) in log.entries.iter_mut().enumerate() {
        entry.leaf.seq = seq as u64;
    }
    let verified = check(&Log::sealed(log.entries).pack(100, Encoding::Utf8)).unwrap();
    assert!(!verified.from_start && !verified.to_end);
}

#[test]
fn an_erased_value_is_named_and_the_rest_still_verifies() {
    let mut log = Log::of(250);
    for seq in [14, 17, 19] {
        log.entries[seq].erased = true;
    }
    let verified = check(&log.pack(200, Encoding::Utf8)).unwrap();
    assert_eq!(verified.manifest.erased, [(14, 14), (17, 17), (19, 19)]);
}

#[test]
fn every_single_changed_byte_is_detected() {
    let zip = Log::of(200).pack(185, Encoding::Utf8);
    assert!(check(&zip).unwrap().manifest.opened >= 100);
    let halves = [(0, zip.len() / 2), (zip.len() / 2, zip.len())];
    std::thread::scope(|scope| {
        for (start, end) in halves {
            let mut zip = zip.clone();
            scope.spawn(move || {
                for at in start..end {
                    zip[at] ^= 1 << (at % 8);
                    assert!(check(&zip).is_err(), "byte {at} of {}", zip.len());
                    zip[at] ^= 1 << (at % 8);
                }
            });
        }
    });
}

#[test]
fn every_changed_byte_of_a_file_is_detected_though_the_archive_fits_again() {
    let zip = Log::of(120).pack(100, Encoding::Utf8);
    let files = unpacked(&zip);
    let mut dice = Dice(1);
    for number in 0..files.len() {
        for _ in 0..60 {
            let mut files = files.clone();
            let at = dice.below(files[number].1.len());
            files[number].1[at] ^= 1 << dice.below(8);
            assert!(check(&zipped(&files)).is_err(), "byte {at} of {}", files[number].0);
        }
    }
}

#[test]
fn every_cut_tail_is_detected() {
    let zip = Log::of(60).pack(30, Encoding::Utf8);
    for length in 0..zip.len() {
        assert!(check(&zip[..length]).is_err(), "{length} bytes");
    }
    assert!(check(&[&zip[..], b"\0"].concat()).is_err());
    assert!(check(&[b"\0", &zip[..]].concat()).is_err());
}

#[test]
fn what_an_archive_could_hide_is_refused() {
    let zip = whole();
    let files = unpacked(&zip);
    let mut more = files.clone();
    more.push(("検証方法.txt~".to_owned(), b"x".to_vec()));
    assert!(check(&zipped(&more)).is_err(), "one file more");
    let mut twice = files.clone();
    twice.insert(1, files[1].clone());
    assert!(check(&zipped(&twice)).is_err(), "one file twice");
    assert!(check(&zipped(&files[1..])).is_err(), "one file less");
    let mut swapped = files.clone();
    swapped.swap(0, 1);
    assert!(check(&zipped(&swapped)).is_err(), "another order");
    for name in ["../keys.txt", "/keys.txt", "keys.txt/", "KEYS.TXT"] {
        let mut renamed = files.clone();
        renamed[2].0 = name.to_owned();
        assert!(check(&zipped(&renamed)).is_err(), "{name}");
    }
    let many: Vec<(String, Vec<u8>)> = (0..1001).map(|n| (n.to_string(), vec![])).collect();
    assert!(check(&zipped(&many)).is_err(), "a thousand files");
}

#[test]
fn a_vendor_with_the_true_key_cannot_edit_what_the_tree_holds() {
    let zip = whole();
    let files = files_of(&zip);
    let all = lines(&files);
    assert!(check(&resealed(&with_lines(&files, &all))).is_ok());
    for at in [0, 1, 5, 60, all.len() - 2, all.len() - 1] {
        let refused = |lines: &[String], what: &str| {
            let sealed = resealed(&with_lines(&files, lines));
            assert!(check(&sealed).is_err(), "{what} line {at}");
        };
        let mut edit = all.clone();
        edit.remove(at);
        refused(&edit, "left out");
        edit.clone_from(&all);
        edit.insert(at, all[at].clone());
        refused(&edit, "doubled");
        edit.clone_from(&all);
        edit.swap(at, if at == 0 { 1 } else { at - 1 });
        refused(&edit, "swapped");
        // The number within it stays; what it stands for is another's.
        for (field, value) in [("client", "ebetsu"), ("kind", "session.ended"), ("source", "vpn-2")] {
            edit.clone_from(&all);
            edit[at] = with_leaf(&all[at], |leaf| match field {
                "client" => leaf.client = value.to_owned(),
                "kind" => leaf.kind = value.to_owned(),
                _ => leaf.source = value.to_owned(),
            });
            refused(&edit, field);
        }
        edit.clone_from(&all);
        edit[at] = with_leaf(&all[at], |leaf| leaf.recorded_at_us += 1);
        refused(&edit, "recorded otherwise");
        if all[at].contains("\"body\"") {
            edit.clone_from(&all);
            edit[at] = all[at].replace("2026-11-22", "2026-11-21");
            refused(&edit, "said otherwise");
        }
    }
    let mut reversed = all.clone();
    reversed.reverse();
    assert!(check(&resealed(&with_lines(&files, &reversed))).is_err());
}

/// The line with another leaf.
fn with_leaf(line: &str, change: impl FnOnce(&mut Leaf)) -> String {
    use base64::Engine as _;
    let base64 = base64::engine::general_purpose::STANDARD;
    let start = line.find("\"leaf\":\"").unwrap() + 8;
    let end = start + line[start..].find('"').unwrap();
    let mut leaf = Leaf::decode(&base64.decode(&line[start..end]).unwrap()).unwrap();
    change(&mut leaf);
    format!("{}{}{}", &line[..start], base64.encode(leaf.encode().unwrap()), &line[end..])
}

#[test]
fn a_vendor_with_the_true_key_cannot_say_otherwise_beside_the_entries() {
    let files = files_of(&whole());
    for (name, from, to) in [
        ("manifest.json", "\"masked\": 8", "\"masked\": 7"),
        ("manifest.json", "\"opened\": 114", "\"opened\": 113"),
        ("manifest.json", "\"fence_after\": 210", "\"fence_after\": null"),
        ("manifest.json", "\"fence_before\": 7", "\"fence_before\": 9"),
        ("manifest.json", "\"tree_size\": 250", "\"tree_size\": 249"),
        ("manifest.json", "\"client\": \"tomakomai\"", "\"client\": \"ebetsu\""),
        ("manifest.json", "\"erased\": []", "\"erased\": [\n    [\n      12,\n      12\n    ]\n  ]"),
        ("manifest.json", "00:00:00Z", "00:00:01Z"),
        ("manifest.json", "\"format\"", "\"form\""),
        ("manifest.json", "kukaku-pack/1", "kukaku-pack/2"),
        ("range.json", "\"count\": 204", "\"count\": 203"),
        ("range.json", "\"first\": 7", "\"first\": 6"),
        ("checkpoint.note", "\n250\n", "\n251\n"),
        ("セッション.csv", "partial", "present"),
        ("入退室.csv", "granted", "denied"),
        ("検知.csv", "critical", "medium"),
    ] {
        assert!(check(&resealed(&edited(&files, name, from, to))).is_err(), "{name}: {from}");
    }
    for name in ["leaves.bin", "entries.jsonl"] {
        let mut cut = files.clone();
        let bytes = cut.get_mut(name).unwrap();
        bytes.truncate(bytes.len() - 32);
        assert!(check(&resealed(&cut)).is_err(), "{name} cut");
    }
    let mut wide = files;
    wide.get_mut("leaves.bin").unwrap().extend([0; 32]);
    assert!(check(&resealed(&wide)).is_err(), "leaves.bin longer");
}

#[test]
fn another_key_and_another_tree_are_refused() {
    let zip = whole();
    let other = SigningKey::from_seed(common::ORIGIN, &[8; 32]).unwrap();
    let with = |terms: Vec<KeyTerm>| verify(std::io::Cursor::new(&zip), |_| terms);
    assert!(matches!(with(vec![]), Err(PackError::UnknownSite(_))));
    let unknown = with(vec![KeyTerm::whole(other.verifier().clone())]);
    assert!(matches!(unknown, Err(PackError::Signature { .. })));
    let mut ended = terms(common::ORIGIN);
    ended[0].until_size = Some(250);
    assert!(matches!(with(ended), Err(PackError::Signature { .. })), "its term had ended");
    // A second signature, though nobody knows its key.
    let mut files = files_of(&zip);
    let note = SignedNote::parse(&files["manifest.note"]).unwrap();
    let stranger = SignedNote::sign(note.text(), &SigningKey::from_seed("stranger", &[3; 32]).unwrap()).unwrap();
    let both = note.with_signature(stranger.signatures()[0].clone()).unwrap();
    files.insert("manifest.note".to_owned(), both.to_text().into_bytes());
    let ordered: Vec<(String, Vec<u8>)> = files.into_iter().collect();
    assert!(check(&zipped(&ordered)).is_err());
    // The checkpoint of another tree of the same site.
    let mut files = files_of(&zip);
    files.insert("checkpoint.note".to_owned(), Log::of(251).checkpoint());
    assert!(check(&resealed(&files)).is_err());
}
