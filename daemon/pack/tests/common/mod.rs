//! What the tests share: a journal in memory, packs of it, and a vendor who holds the true key
//! and seals whatever he likes.
#![allow(dead_code, clippy::unwrap_used)]

use std::collections::BTreeMap;
use std::io::Cursor;

use kukaku_ledger::{
    Checkpoint, ClockState, Frontier, Hash, Head, KeyTerm, Leaf, NodeId, SignedNote, SigningKey, commitment,
};
use kukaku_pack::{Closing, Encoding, Line, Maker, NAMES, Opened, Order, PackError, Verified, manifest_text, verify};

pub const ORIGIN: &str = "kukaku.example/sapporo-1";
pub const CITY: &str = "tomakomai";
pub const FROM: i64 = 1_795_305_600_000_000;

pub fn key() -> SigningKey {
    SigningKey::from_seed(ORIGIN, &[7; 32]).unwrap()
}

pub fn terms(origin: &str) -> Vec<KeyTerm> {
    if origin == ORIGIN { vec![KeyTerm::whole(key().verifier().clone())] } else { Vec::new() }
}

pub fn check(zip: &[u8]) -> Result<Verified, PackError> {
    verify(Cursor::new(zip), terms)
}

/// SplitMix64: the same tampering on every run.
pub struct Dice(pub u64);

impl Dice {
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    pub fn below(&mut self, limit: usize) -> usize {
        usize::try_from(self.next() % u64::try_from(limit).unwrap()).unwrap()
    }
}

/// An entry as the journal keeps it.
#[derive(Clone)]
pub struct Entry {
    pub leaf: Leaf,
    pub salt: [u8; 32],
    pub body: String,
    pub person: Option<String>,
    pub erased: bool,
}

/// A journal.
pub struct Log {
    pub entries: Vec<Entry>,
    pub nodes: BTreeMap<NodeId, Hash>,
    pub root: Hash,
}

fn said(number: u64) -> (&'static str, &'static str, String, Option<String>) {
    let time = format!("2026-11-22T00:00:{:02}Z", number % 60);
    match number % 7 {
        0 => (
            CITY,
            "session.started",
            format!(
                r#"{{"kind":"session.started","source":"vpn-1","epoch":"e","seq":{number},"device_time":"{time}","session":"{number}","account":"=cmd|苫小牧","terminal":"term-1","factors":["card","pin"]}}"#
            ),
            None,
        ),
        1 => (
            "",
            "door.reading",
            format!(
                r#"{{"kind":"door.reading","source":"panel","seq":{number},"device_time":"{time}","reader":"north-in","credential":"card:髙𠮷","result":"granted"}}"#
            ),
            Some("op-01".to_owned()),
        ),
        2 => ("", "door.reading", format!(r#"{{"kind":"door.reading","seq":{number}}}"#), None),
        3 => (
            CITY,
            "revision",
            format!(
                r#"{{"kind":"revision","session":{{"source":"vpn-1","epoch":"e","session":"{number}","start":"{time}"}},"number":1,"at":"{time}","verdict":"partial","grade":"weak","absent":[{{"start":"{time}","end":"{time}"}},{{"start":"{time}"}}],"unknown":[],"cause":"time"}}"#
            ),
            None,
        ),
        4 => ("ebetsu", "session.started", format!(r#"{{"kind":"session.started","seq":{number}}}"#), None),
        5 => (
            CITY,
            "finding",
            format!(
                r#"{{"kind":"finding","change":"opened","key":"absent|{number}","finding":"absent","severity":"critical","at":"{time}","span":{{"start":"{time}"}},"subjects":[{{"sort":"account","value":"a,\"b\"\n"}}],"proofs":[1,{number}],"cause":"time"}}"#
            ),
            None,
        ),
        _ => ("", "liveness", format!(r#"{{"kind":"liveness","at":"{time}","clients":[]}}"#), None),
    }
}

impl Log {
    /// One entry a second from ten seconds before `FROM` on.
    pub fn of(size: u64) -> Self {
        let mut clients: BTreeMap<String, u64> = BTreeMap::new();
        let mut entries = Vec::new();
        for seq in 0..size {
            let (client, kind, body, person) = said(seq);
            let salt = Hash::of(&seq.to_be_bytes()).0;
            let client_seq = clients.entry(client.to_owned()).or_default();
            let leaf = Leaf {
                seq,
                kind: kind.to_owned(),
                source: "vpn-1".to_owned(),
                client: client.to_owned(),
                client_seq: *client_seq,
                source_seq: seq,
                recorded_at_us: FROM + (seq.cast_signed() - 10) * 1_000_000,
                device_time_us: Some(FROM),
                clock: ClockState::Synchronised,
                commitment: commitment(&salt, "payload", body.as_bytes()),
            };
            *client_seq += 1;
            entries.push(Entry { leaf, salt, body, person, erased: false });
        }
        Self::sealed(entries)
    }

    pub fn sealed(entries: Vec<Entry>) -> Self {
        let (mut frontier, mut nodes) = (Frontier::new(), BTreeMap::new());
        for entry in &entries {
            frontier.push(entry.leaf.hash().unwrap(), |id, hash| {
                nodes.insert(id, hash);
            });
        }
        Self { entries, nodes, root: frontier.root() }
    }

    pub fn checkpoint(&self) -> Vec<u8> {
        let head = Head { size: self.entries.len() as u64, root: self.root };
        let body = Checkpoint { origin: ORIGIN.to_owned(), head }.body();
        SignedNote::sign(&body, &key()).unwrap().to_text().into_bytes()
    }

    /// A pack of the period `[FROM, FROM + seconds)`.
    pub fn pack(&self, seconds: i64, csv: Encoding) -> Vec<u8> {
        let to_us = FROM + seconds * 1_000_000;
        let own = |e: &&Entry| e.leaf.client == CITY;
        let before = self.entries.iter().rev().filter(own).find(|e| e.leaf.recorded_at_us < FROM);
        let after = self.entries.iter().filter(own).find(|e| e.leaf.recorded_at_us >= to_us);
        let (first, last) =
            (before.map_or(0, |e| e.leaf.seq), after.map_or(self.entries.len() as u64 - 1, |e| e.leaf.seq));
        let order = Order {
            origin: ORIGIN.to_owned(),
            client: CITY.to_owned(),
            from_us: FROM,
            to_us,
            tree_size: self.entries.len() as u64,
            root: self.root,
            csv,
        };
        let node = |id| self.nodes.get(&id).copied();
        let mut maker = Maker::new(order, first, node, || Ok(Cursor::new(Vec::new()))).unwrap();
        for entry in &self.entries[first as usize..=last as usize] {
            let at = entry.leaf.recorded_at_us;
            let within = (FROM..to_us).contains(&at);
            let own = entry.leaf.client == CITY;
            let opened = match (within, own, entry.erased) {
                (true, true, true) => Opened::Erased,
                (true, ..) if own || entry.person.is_some() => {
                    Opened::Whole { salt: entry.salt, body: entry.body.clone(), person: entry.person.clone() }
                }
                (false, true, _) => Opened::Fence,
                _ => {
                    maker.masked(entry.leaf.hash().unwrap()).unwrap();
                    continue;
                }
            };
            maker.opened(&Line { leaf: entry.leaf.clone(), opened }).unwrap();
        }
        let closing = Closing {
            checkpoint: self.checkpoint(),
            keys: format!("0 - {}\n", key().verifier()),
            late: vec![(90, 91)],
        };
        let made = maker.finish(closing, node).unwrap();
        let note = SignedNote::sign(&manifest_text(ORIGIN, made.sha256), &key()).unwrap();
        let mut out = Vec::new();
        made.write(note.to_text().as_bytes(), &mut out).unwrap();
        out
    }
}

/// The files of a pack, read by nothing but the headers' lengths.
pub fn unpacked(zip: &[u8]) -> Vec<(String, Vec<u8>)> {
    let (mut at, mut files) = (0, Vec::new());
    while zip[at..].starts_with(b"PK\x03\x04") {
        let bytes = u32::from_le_bytes(zip[at + 18..at + 22].try_into().unwrap()) as usize;
        let name = u16::from_le_bytes(zip[at + 26..at + 28].try_into().unwrap()) as usize;
        let start = at + 30 + name;
        files.push((String::from_utf8(zip[at + 30..start].to_vec()).unwrap(), zip[start..start + bytes].to_vec()));
        at = start + bytes;
    }
    files
}

fn crc(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0u32, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| if crc & 1 == 1 { crc >> 1 ^ 0xEDB8_8320 } else { crc >> 1 })
    })
}

/// An archive of these files, written from the format's description.
pub fn zipped(files: &[(String, Vec<u8>)]) -> Vec<u8> {
    let (mut out, mut central) = (Vec::new(), Vec::new());
    for (name, bytes) in files {
        let mut common = vec![10, 0, 0, 8, 0, 0, 0, 0, 0x21, 0];
        common.extend(crc(bytes).to_le_bytes());
        for _ in 0..2 {
            common.extend((bytes.len() as u32).to_le_bytes());
        }
        common.extend((name.len() as u16).to_le_bytes());
        common.extend([0, 0]);
        let at = out.len() as u32;
        out.extend([&b"PK\x03\x04"[..], &common, name.as_bytes(), bytes].concat());
        central.extend([&b"PK\x01\x02\x14\0"[..], &common, &[0; 10], &at.to_le_bytes(), name.as_bytes()].concat());
    }
    let (count, at) = (files.len() as u16, out.len() as u32);
    let length = central.len() as u32;
    out.extend(central);
    out.extend([&b"PK\x05\x06\0\0\0\0"[..], &count.to_le_bytes(), &count.to_le_bytes()].concat());
    out.extend([length.to_le_bytes(), at.to_le_bytes()].concat());
    out.extend([0, 0]);
    out
}

/// A pack's files, to be edited by name.
pub type Files = BTreeMap<String, Vec<u8>>;

pub fn files_of(zip: &[u8]) -> Files {
    unpacked(zip).into_iter().collect()
}

/// What a vendor with the true key does after an edit: every hash and signature fits again.
pub fn resealed(files: &Files) -> Vec<u8> {
    let mut files = files.clone();
    let manifest = String::from_utf8(files["manifest.json"].clone()).unwrap();
    let (head, _) = manifest.split_once("  \"files\": [").unwrap();
    let lines: Vec<String> = NAMES
        .iter()
        .filter(|name| !name.starts_with("manifest"))
        .map(|name| {
            let (length, hash) = (files[*name].len(), Hash::of(&files[*name]));
            format!(
                "    {{\n      \"name\": \"{name}\",\n      \"bytes\": {length},\n      \"sha256\": \"{hash}\"\n    }}"
            )
        })
        .collect();
    let manifest = format!("{head}  \"files\": [\n{}\n  ]\n}}\n", lines.join(",\n"));
    let text = manifest_text(ORIGIN, Hash::of(manifest.as_bytes()));
    let note = SignedNote::sign(&text, &key()).unwrap();
    files.insert("manifest.json".to_owned(), manifest.into_bytes());
    files.insert("manifest.note".to_owned(), note.to_text().into_bytes());
    let ordered: Vec<(String, Vec<u8>)> = NAMES.iter().map(|name| ((*name).to_owned(), files[*name].clone())).collect();
    zipped(&ordered)
}

/// The lines of `entries.jsonl`, each with its newline.
pub fn lines(files: &Files) -> Vec<String> {
    let text = String::from_utf8(files["entries.jsonl"].clone()).unwrap();
    text.split_inclusive('\n').map(str::to_owned).collect()
}

pub fn with_lines(files: &Files, lines: &[String]) -> Files {
    let mut files = files.clone();
    files.insert("entries.jsonl".to_owned(), lines.concat().into_bytes());
    files
}

pub fn edited(files: &Files, name: &str, from: &str, to: &str) -> Files {
    let mut files = files.clone();
    let text = String::from_utf8(files[name].clone()).unwrap();
    assert!(text.contains(from), "{name} has no {from}");
    files.insert(name.to_owned(), text.replacen(from, to, 1).into_bytes());
    files
}
