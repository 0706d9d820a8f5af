//! Logs of others, where they are at hand: the counts of another reader, and the right sessions.

use std::collections::BTreeMap;
use std::io::Cursor;
use std::path::PathBuf;

use super::*;

/// The folder of the samples; `None` where there are none, and then these tests have nothing to do.
pub(super) fn folder() -> Option<PathBuf> {
    let folder = std::env::var_os("KUKAKU_SAMPLES")?;
    Some(PathBuf::from(folder).join("sessions/windows-evtx"))
}

pub(super) fn bytes(name: &str) -> Option<Vec<u8>> {
    let path = folder()?.join(name);
    Some(std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display())))
}

pub(super) fn items(bytes: &[u8]) -> Vec<EvtxItem> {
    EvtxFile::open(Cursor::new(bytes)).expect("an event log").collect()
}

pub(super) fn events(items: &[EvtxItem]) -> Vec<&WindowsEvent> {
    items
        .iter()
        .filter_map(|item| match item {
            EvtxItem::Event(event) => Some(event.as_ref()),
            EvtxItem::Damaged(_) => None,
        })
        .collect()
}

#[test]
fn every_record_is_read_as_another_reader_does() {
    let Some(folder) = folder() else { return };
    let index = std::fs::read_to_string(folder.join("EVENT_INDEX.tsv")).expect("the index of the samples");
    for line in index.lines().skip(1) {
        let columns: Vec<&str> = line.split('\t').collect();
        let name = columns[0].rsplit('/').next().expect("a name");
        let items = items(&bytes(name).expect("a folder"));
        let read = events(&items);
        assert_eq!(read.len().to_string(), columns[2], "{name}");
        let mut ids: BTreeMap<u32, usize> = BTreeMap::new();
        for event in &read {
            *ids.entry(event.event_id).or_default() += 1;
        }
        let ids: Vec<String> = ids.iter().map(|(id, count)| format!("{id}x{count}")).collect();
        assert_eq!(ids.join(" "), columns[5], "{name}");
        let damages = items.len() - read.len();
        assert_eq!(damages, 0, "{name}: {:?}", items.iter().find(|item| matches!(item, EvtxItem::Damaged(_))));
    }
}

/// What a file tells, but for what it ignores.
fn sessions_of(name: &str, role: Role) -> Option<Vec<String>> {
    let items = items(&bytes(name)?);
    let mut sessions = WindowsSessions::new(config(role));
    let mut names = Vec::new();
    let told = events(&items).into_iter().filter_map(|event| match sessions.take(event) {
        told @ (Outcome::Observations(_) | Outcome::Refused(_)) => Some(outcome(&told, &mut names)),
        Outcome::Ignored(_) | Outcome::Held => None,
    });
    Some(told.collect())
}

#[test]
fn failures_and_mere_authentications_open_no_session() {
    for name in [
        "ID1149-RDP success logins to multiple hosts.evtx",
        "ID4-OpenSSH brutforce with valid users.evtx",
        "ID4-OpenSSH server listening.evtx",
        "ID4625-OpenSSH brutforce with valid users.evtx",
        "ID4625-failed login with denied access due to account restriction.evtx",
        "ID4648-4624-RunAsCS login.evtx",
        "ID4825-Denied RDP connection with valid credentials.evtx",
    ] {
        let Some(told) = sessions_of(name, Role::Server) else { return };
        assert!(told.is_empty(), "{name}: {told:?}");
    }
}

#[test]
fn a_hijacked_desktop_is_a_session_of_its_owner_from_the_hijackers_place() {
    let Some(told) = sessions_of("ID4688,4778,4779 RDP hijack direct.evtx", Role::Server) else { return };
    assert_eq!(told, ["end #1 disconnect", "start #2 OFFSEC\\admmarsid 10.23.23.9 JUMP01 fs01.offsec.lan"]);
    let told = sessions_of("ID4688-4778 RDP hijack command execution.evtx", Role::Server).expect("the folder");
    assert_eq!(told, ["start #1 OFFSEC\\admmarsid 10.23.23.9 JUMP01 fs01.offsec.lan"]);
}

/// Where the records of the first chunk end, by their own headers.
fn record_ends(bytes: &[u8]) -> Vec<usize> {
    let mut ends = Vec::new();
    let mut at = 4096 + 512;
    while bytes.get(at..at + 4) == Some(&[0x2A, 0x2A, 0, 0]) {
        let size = u32::from_le_bytes(bytes[at + 4..at + 8].try_into().expect("four bytes"));
        at += usize::try_from(size).expect("small");
        ends.push(at);
    }
    ends
}

#[test]
fn a_cut_file_keeps_every_whole_record() {
    let Some(whole) = bytes("ID4688-4778 RDP hijack command execution.evtx") else { return };
    let all: Vec<WindowsEvent> = events(&items(&whole)).into_iter().cloned().collect();
    let ends = record_ends(&whole);
    assert_eq!(ends.len(), all.len());
    let near_ends = ends.iter().flat_map(|end| [end - 5, end - 4, *end, end + 1]);
    let lengths: Vec<usize> = near_ends.chain((4096 + 512..whole.len()).step_by(997)).collect();
    for length in lengths {
        let items = items(&whole[..length]);
        // A record ends in four bytes that repeat its length: without them it is whole all the same.
        let kept = ends.iter().filter(|end| **end - 4 <= length).count();
        let read: Vec<WindowsEvent> = events(&items).into_iter().cloned().collect();
        assert_eq!(read, all[..kept], "cut to {length}");
        assert!(items.len() > kept, "a cut is named: {length}");
    }
    for length in 0..4096 + 512 {
        // No record, and no panic.
        if let Ok(file) = EvtxFile::open(Cursor::new(&whole[..length])) {
            assert_eq!(events(&file.collect::<Vec<_>>()).len(), 0);
        }
    }
}

#[test]
fn damaged_headers_and_records_are_named_and_the_rest_is_read() {
    let Some(whole) = bytes("ID4688-4778 RDP hijack command execution.evtx") else { return };
    let all = events(&items(&whole)).len();
    let ends = record_ends(&whole);
    let spoilt = |at: usize, length: usize| {
        let mut bytes = whole.clone();
        bytes[at..at + length].fill(0xEE);
        let items = items(&bytes);
        let damages: Vec<String> = items
            .iter()
            .filter_map(|item| match item {
                EvtxItem::Damaged(damage) => Some(damage.to_string()),
                EvtxItem::Event(_) => None,
            })
            .collect();
        (events(&items).len(), damages)
    };
    let (read, damages) = spoilt(0, 128);
    assert!(read == all && damages[0].starts_with("file header: "), "{read} {damages:?}");
    let (read, damages) = spoilt(4096, 512);
    assert!(read == all && damages[0].starts_with("chunk 0: no `ElfChnk`"), "{read} {damages:?}");
    // The tables of the chunk's header.
    let (read, damages) = spoilt(4096 + 128, 384);
    assert!(read == all && damages[0].starts_with("chunk 0: "), "{read} {damages:?}");
    // The magic of the last record but one.
    let (read, damages) = spoilt(ends[all - 3], 4);
    assert!(read == all - 1 && damages.len() >= 2, "{read} {damages:?}");
    // The inside of a record, behind its header: at most that one is lost, and the chunk is named.
    let (read, damages) = spoilt(ends[all - 3] + 24, 40);
    assert!(read >= all - 1 && damages.iter().any(|text| text.contains("checksum")), "{read} {damages:?}");
}

#[test]
fn a_log_that_began_anew_at_its_top_is_read_from_its_oldest_chunk() {
    let Some(whole) = bytes("ID4688-4778 RDP hijack command execution.evtx") else { return };
    // Three chunks of the same records, the oldest in the middle, as in a full log.
    let mut bytes = whole[..4096].to_vec();
    for first in [9_u64, 7, 8] {
        let mut chunk = whole[4096..].to_vec();
        chunk[8..16].copy_from_slice(&first.to_le_bytes());
        bytes.extend(chunk);
    }
    let chunks: Vec<u64> = items(&bytes)
        .iter()
        .filter_map(|item| match item {
            EvtxItem::Damaged(damage) => damage.chunk,
            EvtxItem::Event(_) => None,
        })
        .collect();
    // Each header's checksum no longer fits, so each is named, in the order of reading.
    assert_eq!(chunks, [1, 2, 0]);
}
