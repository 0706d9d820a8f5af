//! How fast event logs become sessions: `cargo run --release -p kukaku-codec --example evtx_rate -- FILE...`
//!
//! The chunks of each file are repeated until there are 4,000 records, which is a morning of a
//! busy server; then they are read, taken and counted.

use std::io::Cursor;
use std::time::Instant;

use kukaku_codec::windows::{
    AccountForm, EvtxFile, EvtxItem, Grain, InTimeOrder, Outcome, Role, SessionsConfig, WindowsSessions,
};
use kukaku_schema::Name;

/// What must be read in less than a second.
const RECORDS: usize = 4000;
const FILE_HEADER_BYTES: usize = 4096;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    for path in std::env::args().skip(1) {
        let bytes = std::fs::read(&path)?;
        let once = EvtxFile::open(Cursor::new(&bytes))?.filter(|item| matches!(item, EvtxItem::Event(_))).count();
        let times = RECORDS.div_ceil(once.max(1));
        let (header, chunks) = bytes.split_at(FILE_HEADER_BYTES.min(bytes.len()));
        let log = [header, &chunks.repeat(times)].concat();
        let begun = Instant::now();
        let mut sessions = WindowsSessions::new(SessionsConfig {
            source: Name::new("example")?,
            role: Role::Server,
            accounts: AccountForm::Qualified,
            grain: Grain::Milliseconds,
            known_accounts: Vec::new(),
        });
        let (mut records, mut damages, mut observations) = (0, 0, 0);
        for (_, item) in InTimeOrder::new([EvtxFile::open(Cursor::new(&log))?]) {
            match item {
                EvtxItem::Event(event) => {
                    records += 1;
                    if let Outcome::Observations(list) = sessions.take(&event) {
                        observations += list.len();
                    }
                }
                EvtxItem::Damaged(_) => damages += 1,
            }
        }
        let millis = begun.elapsed().as_secs_f64() * 1000.0;
        println!("{path}: {records} records, {damages} damages, {observations} observations in {millis:.0} ms");
    }
    Ok(())
}
