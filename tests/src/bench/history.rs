//! A made-up history of a site: door readings and sessions with the noise of real ones.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use super::at;

/// How large the history is.
pub struct Size {
    /// Door readings.
    pub readings: u64,
    /// Sessions.
    pub sessions: u64,
    /// Operators.
    pub persons: u64,
}

/// Zones of the site, each with a door with an entry and an exit reader, and four terminals.
pub const ZONES: u64 = 12;
const TERMINALS: u64 = 4;
const START_MS: u64 = 1_767_225_600_000; // 2026-01-01T00:00:00Z

/// Pseudo-random numbers (xorshift64*), the same in every run.
pub struct Dice(u64);

impl Dice {
    /// Begins at `seed`.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x2545_F491_4F6C_DD1D) | 1)
    }

    /// The next number below `end`.
    pub fn below(&mut self, end: u64) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 16) % end
    }
}

/// Writes `doors.csv`, `sessions.csv`, `registers.toml` and `mapping.toml` into `folder`.
///
/// # Errors
/// A file can't be written.
pub fn write(folder: &Path, size: &Size) -> Result<(), String> {
    let mut doors: Vec<(u64, String)> = Vec::new();
    let mut sessions: Vec<(u64, String)> = Vec::new();
    let visits = size.readings / size.persons / 2;
    let mut number = 0;
    for person in 0..size.persons {
        let mut dice = Dice::new(person + 7);
        let mut now = START_MS + dice.below(3_600_000);
        for visit in 0..visits {
            let zone = dice.below(ZONES);
            let stay = 600_000 + dice.below(6_000_000);
            let mut put = |at: u64, reader: char, late: u64| {
                number += 1;
                let line = format!("{number},{at},R{zone:02}{reader},P{person:04},granted\n");
                doors.push((at + late, line));
            };
            let late = if dice.below(200) == 0 { dice.below(3_600_000) } else { 0 };
            put(now, 'I', late);
            // One visit in twenty ends without a reading.
            if dice.below(20) != 0 {
                put(now + stay, 'O', 0);
            }
            if visit % 5 < 2 && (sessions.len() as u64) < size.sessions {
                let from = now + dice.below(stay);
                let to = from + dice.below(stay);
                let id = sessions.len() + 1;
                let terminal = zone * TERMINALS + dice.below(TERMINALS);
                sessions.push((from, format!("{id},P{person:04},T{terminal:02},{from},{to}\n")));
            }
            now += stay + 60_000 + dice.below(4_000_000);
        }
    }
    doors.sort_by_key(|(at, _)| *at);
    sessions.sort_by_key(|(at, _)| *at);
    let text = |head: &str, rows: &[(u64, String)]| {
        let mut out = String::with_capacity(rows.len() * 40);
        out.push_str(head);
        rows.iter().for_each(|(_, line)| out.push_str(line));
        out
    };
    let put = |name: &str, text: String| {
        let path = folder.join(name);
        fs::write(&path, text).map_err(at("write", &path))
    };
    put("doors.csv", text("no,at_ms,reader,person,result\n", &doors))?;
    put("sessions.csv", text("id,account,terminal,start_ms,end_ms\n", &sessions))?;
    put("registers.toml", registers(size.persons))?;
    put("mapping.toml", MAPPING.to_owned())
}

const MAPPING: &str = r#"[doors.fields]
source = { constant = "panel" }
event_id = { column = "no" }
device_time = { column = "at_ms", format = "unix_ms" }
reader = { column = "reader" }
credential = { template = "card:{person}" }
result = { column = "result" }
[sessions.fields]
source = { constant = "vpn" }
session = { column = "id" }
account = { column = "account" }
terminal = { column = "terminal" }
start = { column = "start_ms", format = "unix_ms" }
end = { column = "end_ms", format = "unix_ms" }
"#;

/// The registers of the made-up site.
#[must_use]
pub fn registers(persons: u64) -> String {
    let mut out = String::from(
        "[site]\nid = \"bench\"\nname = \"測定\"\n[[client]]\nid = \"city\"\nname = \"市\"\nwork_orders = false\n",
    );
    for zone in 0..ZONES {
        let _ = write!(
            out,
            "[[zone]]\nid = \"Z{zone:02}\"\nname = \"区画{zone:02}\"\n\
             [[door]]\nid = \"D{zone:02}\"\nouter = \"outside\"\ninner = \"Z{zone:02}\"\n\
             [[reader]]\nid = \"R{zone:02}I\"\ndoor = \"D{zone:02}\"\ndirection = \"entry\"\n\
             [[reader]]\nid = \"R{zone:02}O\"\ndoor = \"D{zone:02}\"\ndirection = \"exit\"\n"
        );
    }
    for terminal in 0..ZONES * TERMINALS {
        let zone = terminal / TERMINALS;
        let _ = write!(out, "[[terminal]]\nid = \"T{terminal:02}\"\nzone = \"Z{zone:02}\"\n");
    }
    for person in 0..persons {
        let _ = write!(
            out,
            "[[operator]]\nid = \"P{person:04}\"\nname = \"作業者{person:04}\"\nclients = [\"city\"]\n\
             [[credential]]\nid = \"card:P{person:04}\"\noperator = \"P{person:04}\"\n\
             [[account]]\nid = \"P{person:04}\"\noperator = \"P{person:04}\"\nclient = \"city\"\n"
        );
    }
    out.push_str("[[source]]\nid = \"panel\"\n[[source]]\nid = \"vpn\"\n");
    out
}
