//! Bytes that are made to break the reader: it goes on, and never falls.

use std::io::Cursor;

use proptest::prelude::*;

use super::json::{ELEMENTS, NXLOG, WINLOGBEAT};
use super::*;
use crate::mutation::{acts, mutated};

/// Reads whatever there is, and takes it.
fn swallow(bytes: &[u8]) -> usize {
    let Ok(file) = EvtxFile::open(Cursor::new(bytes)) else { return 0 };
    let mut sessions = WindowsSessions::new(config(Role::Server));
    file.filter(|item| match item {
        EvtxItem::Event(event) => {
            sessions.take(event);
            true
        }
        EvtxItem::Damaged(_) => false,
    })
    .count()
}

/// A file and a chunk that hold nothing but their headers.
fn empty_log() -> Vec<u8> {
    let mut bytes = vec![0; 4096 + 65_536];
    bytes[..8].copy_from_slice(b"ElfFile\0");
    bytes[4096..4104].copy_from_slice(b"ElfChnk\0");
    bytes[4096 + 48..4096 + 52].copy_from_slice(&65_536_u32.to_le_bytes());
    bytes
}

#[test]
fn what_is_no_log_is_refused() {
    for bytes in [&b""[..], b"ElfFile", b"hello", &[0; 100_000]] {
        assert!(matches!(EvtxFile::open(Cursor::new(bytes)), Err(EvtxError::NotEvtx { .. })));
    }
    assert_eq!(swallow(&empty_log()), 0);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn random_bytes_in_a_chunk_never_break_the_reader(
        places in prop::collection::vec((512_usize..65_000, prop::collection::vec(any::<u8>(), 1..400)), 1..20),
        has_record in any::<bool>(),
    ) {
        let mut bytes = empty_log();
        for (at, piece) in places {
            let at = 4096 + at;
            let end = (at + piece.len()).min(bytes.len());
            bytes[at..end].copy_from_slice(&piece[..end - at]);
        }
        if has_record {
            bytes[4096 + 512..4096 + 524].copy_from_slice(&[0x2A, 0x2A, 0, 0, 0, 4, 0, 0, 1, 0, 0, 0]);
        }
        swallow(&bytes);
    }

    #[test]
    fn changed_bytes_of_a_sample_never_break_the_reader(
        which in 0_usize..3,
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..40),
        is_in_records in any::<bool>(),
    ) {
        let name = [
            "ID4-OpenSSH brutforce with valid users.evtx",
            "ID1149-RDP success logins to multiple hosts.evtx",
            "ID4688,4778,4779 RDP hijack direct.evtx",
        ][which];
        if let Some(mut bytes) = samples::bytes(name) {
            let (from, to) = if is_in_records { (4096 + 512, 4096 + 8000) } else { (0, bytes.len()) };
            for (at, value) in changes {
                let at = from + at.index(to - from);
                bytes[at] = value;
            }
            swallow(&bytes);
        }
    }

    #[test]
    fn a_spoiled_event_is_taken_or_refused(
        events in prop::collection::vec((0_usize..3, 0_usize..3, acts()), 1..8),
        ids in prop::collection::vec(prop::sample::select(vec!["21", "22", "24", "25", "40", "4624", "1149", "302"]), 8),
    ) {
        let seeds = [WINLOGBEAT, NXLOG, ELEMENTS];
        let zone = kukaku_schema::SiteZone::named("Asia/Tokyo").unwrap();
        let mut sessions = WindowsSessions::new(config(Role::Server));
        for ((one, other, acts), id) in events.iter().zip(ids) {
            let valid = seeds[*one].replace("\"21\"", &format!("\"{id}\""));
            let bytes = mutated(valid.as_bytes(), seeds[*other].as_bytes(), acts);
            let Ok(event) = read_json(&bytes, Some(&zone)) else { continue };
            prop_assert!(event.data.len() <= FIELDS_MAX);
            if let Outcome::Observations(all) = sessions.take(&event) {
                for said in all {
                    let read = kukaku_schema::parse_observation(&serde_json::to_vec(&said).unwrap());
                    prop_assert_eq!(read.map_err(|e| e.to_string()), Ok(said));
                }
            }
            prop_assert!(sessions.open_sessions() <= OPEN_MAX);
        }
    }

    #[test]
    fn any_text_as_json_is_an_event_or_a_reason(text in "\\PC{0,200}") {
        let _ = read_json(text.as_bytes(), None);
        let line = format!("{{\"EventID\":4624,\"EventTime\":{text:?},\"Channel\":\"Security\",\"Hostname\":{text:?}}}");
        let _ = read_json(line.as_bytes(), None);
    }

    #[test]
    fn any_field_is_taken_or_refused(
        id in prop::sample::select(vec![4624_u32, 4634, 4647, 4778, 4779, 21, 22, 23, 24, 25, 39, 40, 1149, 302, 303, 4, 1024, 1027, 1026, 1029]),
        channels in prop::sample::select(vec!["S", "L", "R", "G", "O", "C"]),
        values in prop::collection::vec("\\PC{0,30}|[0-9]{1,20}|sshd|10|Accepted a for b from 192.0.2.1 port 1", 20),
        role in prop::sample::select(vec![Role::Server, Role::Gateway, Role::Terminal]),
    ) {
        let names = [
            "LogonType", "TargetUserName", "TargetDomainName", "TargetLogonId", "IpAddress", "AccountName", "User",
            "SessionID", "Address", "Session", "Reason", "Param1", "Param3", "Username", "Resource", "process",
            "payload", "Value", "TraceMessage", "ClientAddress",
        ];
        let mut event = event(1, &format!("0 {channels} {id}"));
        for (name, value) in names.iter().zip(values) {
            event.data.insert((*name).to_owned(), value);
        }
        WindowsSessions::new(config(role)).take(&event);
    }
}
