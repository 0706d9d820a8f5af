//! Power is cut, again and again: what was acknowledged is there, once.

use std::collections::{BTreeSet, VecDeque};
use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Command, Stdio};
use std::sync::Arc;

use kukaku_schema::intake::Intake as _;

use super::house::{Folder, House, arrival, at, config, reading, session, watch};
use crate::writer::{RealClock, SimClock, Writer};

/// Names the folder in which this very program, started again by a test, plays its part.
const PART: &str = "KUKAKU_TEST_CRASH";

/// The first number that the part sends.
const FIRST: &str = "KUKAKU_TEST_CRASH_FIRST";

/// How often the writer is killed; `KUKAKU_CRASHES` asks for more.
const CRASHES: u64 = 100;

/// Receipts that the part waits for at once.
const IN_FLIGHT: usize = 64;

/// A small pseudo-random sequence (SplitMix64), so that a failure can be played again.
struct Chance(u64);

impl Chance {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut x = self.0;
        x = (x ^ (x >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        x = (x ^ (x >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (x ^ (x >> 31)) % limit
    }
}

fn number(name: &str) -> Option<u64> {
    std::env::var(name).ok()?.parse().ok()
}

#[tokio::test]
async fn killed_at_random_under_load_loses_nothing_and_doubles_nothing() {
    let house = House::new().await;
    let seed = number("KUKAKU_SEED").unwrap_or_else(|| u64::from(std::process::id()));
    println!("KUKAKU_SEED={seed}");
    let mut chance = Chance(seed);
    let mut acknowledged: BTreeSet<u64> = BTreeSet::new();
    for _ in 0..number("KUKAKU_CRASHES").unwrap_or(CRASHES) {
        // What was not acknowledged is sent again, and some that was, as a broker would.
        let unacknowledged = (1..).find(|seq| !acknowledged.contains(seq)).unwrap();
        let first = unacknowledged.saturating_sub(chance.below(20)).max(1);
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "--nocapture", "writer::tests::crash::part_that_is_killed"])
            .env(PART, &house.folder.0)
            .env(FIRST, first.to_string())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        for line in lines.by_ref().map(Result::unwrap).take_while({
            let mut left = chance.below(400);
            move |_| {
                left = left.saturating_sub(1);
                left > 0
            }
        }) {
            acknowledged.extend(line.strip_prefix("ack ").map(|seq| seq.parse::<u64>().unwrap()));
        }
        child.kill().unwrap();
        child.wait().unwrap();
        // What it still said before it died counts as well.
        for line in lines.map_while(Result::ok) {
            acknowledged.extend(line.strip_prefix("ack ").and_then(|seq| seq.parse::<u64>().ok()));
        }
    }
    // A start after the last crash, and everything is whole.
    let writer = Writer::start(real_clock(&house)).unwrap();
    writer.stop().await.unwrap();
    let conn = house.conn();
    let mut kept = conn.prepare("SELECT source_number, count(*) FROM reading GROUP BY 1").unwrap();
    let kept: Vec<(u64, u64)> = kept
        .query_map([], |row| Ok((row.get::<_, i64>(0)?.unsigned_abs(), row.get::<_, i64>(1)?.unsigned_abs())))
        .unwrap()
        .map(Result::unwrap)
        .collect();
    assert!(kept.iter().all(|(_, times)| *times == 1), "something counts twice");
    let kept: BTreeSet<u64> = kept.into_iter().map(|(number, _)| number).collect();
    let lost: Vec<&u64> = acknowledged.iter().filter(|seq| *seq % 8 != 0 && !kept.contains(seq)).collect();
    assert!(lost.is_empty(), "acknowledged and lost: {lost:?}");
    assert!(acknowledged.len() > 100, "only {} were acknowledged", acknowledged.len());
    house.check_whole();
}

fn real_clock(house: &House) -> crate::writer::WriterConfig {
    let mut config = config(&house.folder.0, watch(), &house.clock, Box::new(|_| vec!["mail".to_owned()]));
    config.clock = Arc::new(RealClock::new());
    config
}

/// Sends readings, and every eighth a session, and says which are acknowledged, until it is killed.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn part_that_is_killed() {
    let Some(folder) = std::env::var_os(PART) else { return };
    let house = std::mem::ManuallyDrop::new(House { folder: Folder(folder.into()), clock: SimClock::new(at(0)) });
    let writer = Writer::start(real_clock(&house)).unwrap();
    let mut waiting = VecDeque::new();
    let mut out = std::io::stdout();
    for seq in number(FIRST).unwrap().. {
        let seconds = seq as i64 * 10;
        let json = match seq % 8 {
            0 => {
                session(["started", "ended"][(seq / 8 % 2) as usize], seq, seconds, &format!("{}", seq / 16), "tmk-a01")
            }
            1 | 4 => reading(seq, seconds, "north-in", "card:1"),
            2 | 6 => reading(seq, seconds, "north-out", "card:1"),
            3 => reading(seq, seconds, "north-in", "card:2"),
            _ => reading(seq, seconds, "north-out", "card:2"),
        };
        waiting.push_back((seq, writer.submit(arrival(&json)).await.unwrap()));
        if waiting.len() >= IN_FLIGHT {
            let (seq, receipt) = waiting.pop_front().unwrap();
            receipt.await.unwrap();
            writeln!(out, "ack {seq}").unwrap();
        }
    }
}
