//! The built-in MQTT listener to durable and evaluated, beside a bare one that inserts a row.
//!
//! The story is the one in which a single connection sends as fast as it can: a panel delivers
//! what it read while the daemon was down, and says that it has filled the gap.

use std::time::SystemTime;

use kukaku_schema::UtcMicros;

use super::history::{Dice, ZONES, registers};
use super::site::{Scratch, Site};
use crate::mqtt_load::{Load, Measured, Yardstick, run};

const PERSONS: u64 = 200;
const ROUNDS: usize = 3;
const MANY: (u32, u16) = (100_000, 64);
const ONE: (u32, u16) = (2_000, 1);
const OPENED: &str = "2025-12-31T00:00:00+09:00";
const PASSWORD: &str = "bench-panel-password-1";

/// A reading as a panel would publish it; `number` goes on over all rounds.
fn reading(number: u32) -> Vec<u8> {
    let mut dice = Dice::new(u64::from(number) / 2 + 1);
    let (person, zone) = (dice.below(PERSONS), dice.below(ZONES));
    let way = if number.is_multiple_of(2) { 'I' } else { 'O' };
    // A second a reading from New Year 2026 on: in order, and always in the past.
    let (minute, second) = (number / 60, number % 60);
    let (hour, day) = (minute / 60, minute / 60 / 24);
    format!(
        r#"{{"kind":"door.reading","source":"panel","seq":{number},"device_time":"2026-{:02}-{:02}T{:02}:{:02}:{second:02}+09:00","reader":"R{zone:02}{way}","credential":"card:P{person:04}","result":"granted"}}"#,
        day / 28 + 1,
        day % 28 + 1,
        hour % 24,
        minute % 60,
    )
    .into_bytes()
}

fn load(port: u16, (messages, in_flight): (u32, u16)) -> Load {
    Load {
        address: ([127, 0, 0, 1], port).into(),
        client_id: "bench".to_owned(),
        user: "panel".to_owned(),
        password: PASSWORD.to_owned(),
        topic: "kukaku/v1/panel/readings".to_owned(),
        messages,
        in_flight,
    }
}

fn bare(size: (u32, u16), from: u32) -> Result<Measured, String> {
    let scratch = Scratch::new("bare")?;
    let yardstick = Yardstick::start(&scratch.path().join("bare.db")).map_err(|e| format!("bare listener: {e}"))?;
    let mut load = load(0, size);
    load.address = yardstick.address;
    let measured = run(&load, |n| reading(from + n)).map_err(|e| format!("load on the bare listener: {e}"))?;
    yardstick.finish().map_err(|e| format!("bare listener: {e}"))?;
    Ok(measured)
}

/// Measures both listeners in turns.
///
/// # Errors
/// A program fails.
pub fn measure() -> Result<(), String> {
    let registers = registers(PERSONS).replace("[[reader]]\n", "[[reader]]\nsource = \"panel\"\n");
    let site = Site::new("listener", &registers)?;
    let opened = UtcMicros::parse_rfc3339(OPENED).map_err(|e| e.to_string())?;
    site.opened_at(opened, &registers)?;
    site.set_password("panel", PASSWORD)?;
    let (daemon, _) = site.start()?;
    println!("idle memory       {:.0} MB (wanted: under 64)", daemon.memory_mb()?);
    let now = UtcMicros(i64::try_from(SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default().as_micros()).unwrap_or(0));
    let to = now.to_rfc3339_utc();
    let filled =
        |_| format!(r#"{{"kind":"source.caught_up","source":"panel","from":"{OPENED}","to":"{to}"}}"#).into_bytes();
    run(&load(site.mqtt, (1, 1)), filled).map_err(|e| format!("fill the gap: {e}"))?;
    let mut from = 0;
    for size in [MANY, ONE] {
        for round in 0..ROUNDS {
            let bare = bare(size, from)?;
            let ours =
                run(&load(site.mqtt, size), |n| reading(from + n)).map_err(|e| format!("load on kukaku: {e}"))?;
            from += size.0;
            let ms = |d: std::time::Duration| d.as_secs_f64() * 1000.0;
            println!(
                "{:>2} in flight, round {}: bare {:>7.0}/s p50 {:.2} ms p99 {:.2} ms; kukaku {:>7.0}/s p50 {:.2} ms p99 {:.2} ms; \
                 throughput {:.2} of bare, p99 {:.1} times",
                size.1,
                round + 1,
                bare.per_second(),
                ms(bare.ack_p50),
                ms(bare.ack_p99),
                ours.per_second(),
                ms(ours.ack_p50),
                ms(ours.ack_p99),
                ours.per_second() / bare.per_second(),
                ms(ours.ack_p99) / ms(bare.ack_p99),
            );
        }
    }
    println!("wanted            throughput at least 0.33 of bare at 64 in flight; p99 at most 2 times");
    println!("memory after      {:.0} MB with {from} readings", daemon.memory_mb()?);
    Ok(())
}
