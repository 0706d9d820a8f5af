//! `kukaku demo --once`: the day without waiting.

use std::path::Path;
use std::sync::Arc;

use kukaku_ledger::SigningKey;
use kukaku_schema::intake::{Arrival, ArrivalBody, Intake as _};
use kukaku_schema::{Observation, UtcMicros};
use kukaku_store::Store;

use super::day::Day;
use super::scenario::{DAY_S, Device};
use super::site::{Folder, registers};
use super::table::{Outcome, differences, print};
use crate::failure::Failure;
use crate::say::say;
use crate::secrets;
use crate::start::writer::{act_failure, failure};
use crate::writer::{Purpose, SimClock, Writer, WriterConfig};

/// When the day begins: 09:00 in Japan, so that every run prints the same.
const BEGINS: &str = "2026-11-24T00:00:00Z";

/// The site is set up and watched so many seconds before the day begins.
const BEFORE_S: i64 = 2;

/// So many seconds after the day everything is judged.
const AFTER_S: i64 = 10;

/// Runs the day, prints it and compares it.
pub(super) fn run() -> Result<(), Failure> {
    let folder = Folder::make()?;
    let start = UtcMicros::parse_rfc3339(BEGINS).map_err(Failure::Failed)?;
    let day = Day::new(start, &registers()?);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .map_err(|e| Failure::Failed(format!("start the runtime: {e}")))?;
    runtime.block_on(play(folder.path(), &day))?;
    let outcome = Outcome::read(&folder.path().join("store.db"))?;
    print(&outcome, start)?;
    let wrong = differences(&outcome);
    if wrong.is_empty() {
        say("\n台本の正解と一致しました。  As the scenario's truth says.");
        return Ok(());
    }
    say("");
    for line in &wrong {
        say(format!("相違 differs: {line}"));
    }
    Err(Failure::Differs(format!("{} differences from the scenario's truth", wrong.len())))
}

async fn play(folder: &Path, day: &Day) -> Result<(), Failure> {
    let begins = day.at(-BEFORE_S);
    let store = folder.join("store.db");
    drop(Store::create(&store, begins).map_err(|e| Failure::Store(e.to_string()))?);
    let seed = secrets::random::<32>().map_err(Failure::Failed)?;
    let clock = SimClock::new(begins);
    let writer = |purpose| {
        let key = SigningKey::from_seed("kukaku/demo", &seed)
            .map_err(|e| Failure::Failed(format!("make the signing key: {e}")))?;
        Writer::start(WriterConfig {
            store: store.clone(),
            key,
            key_files: None,
            checkpoint_file: folder.join("checkpoint.note"),
            purpose,
            clock: Arc::new(clock.clone()),
            route: Box::new(|_| Vec::new()),
        })
        .map_err(failure)
    };
    let setting_up = writer(Purpose::Command)?;
    let taken = setting_up.import_registers(registers()?, "kukaku demo".to_owned(), "demo".to_owned()).await;
    setting_up.stop().await.map_err(act_failure)?;
    taken.map_err(act_failure)?;
    let program = Purpose::Watch { program: "demo".to_owned(), configuration: "demo".to_owned() };
    let watching = writer(program)?;
    let played = tick_by_tick(&watching, &clock, day).await;
    let stopped = watching.stop().await.map_err(act_failure);
    played.and(stopped)
}

async fn tick_by_tick(writer: &Writer, clock: &SimClock, day: &Day) -> Result<(), Failure> {
    for second in 0..=DAY_S + AFTER_S {
        clock.pass_to(day.at(second));
        let mut receipts = Vec::new();
        for device in Device::ALL {
            for observation in day.said(device, second) {
                receipts.push(writer.submit(arrival(device, observation)).await.map_err(not_kept)?);
            }
        }
        for receipt in receipts {
            receipt.await.map_err(not_kept)?;
        }
    }
    writer.advance().await.map_err(act_failure)
}

/// What a device says, as it is handed to the writer.
pub(super) fn arrival(device: Device, observation: Observation) -> Arrival {
    Arrival { link: format!("demo {}", device.source()), body: ArrivalBody::Observation(Box::new(observation)) }
}

fn not_kept(error: kukaku_schema::intake::NotKept) -> Failure {
    Failure::Store(error.reason)
}
