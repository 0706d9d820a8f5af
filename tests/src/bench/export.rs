//! Taking out a year of a busy site: a million entries, beside a running daemon.

use std::process::Command;
use std::time::Instant;

use kukaku_ledger::{KeyTerm, VerifierKey};

use super::history::{self, Size};
use super::replay::{peak, time};
use super::site::{Scratch, Site, call, program};

const SIZE: Size = Size { readings: 900_000, sessions: 50_000, persons: 200 };

/// Measures an export, and the verification of its pack.
///
/// # Errors
/// A program fails, or the pack doesn't verify.
pub fn measure() -> Result<(), String> {
    let scratch = Scratch::new("entries")?;
    history::write(scratch.path(), &SIZE)?;
    let file = |name: &str| scratch.path().join(name).to_string_lossy().into_owned();
    let site = Site::new("export", &history::registers(SIZE.persons))?;
    let dir = site.dir();
    let (mapping, doors, sessions) = (file("mapping.toml"), file("doors.csv"), file("sessions.csv"));
    call(&["import", "--store", &dir, "--mapping", &mapping, "--doors", &doors, "--sessions", &sessions])?;
    let _daemon = site.start()?;
    let program = program()?;
    let export = |name: &str| {
        let mut command = Command::new(&program);
        command.args(["export", &dir, "--client", "city", "--reason", "bench", "--by", "bench"]);
        command.args(["--from", "2000-01-01T00:00:00Z", "--to", "2100-01-01T00:00:00Z", "--out", &file(name)]);
        command
    };
    let took = time(&mut export("timed.zip"))?;
    let most = peak(&mut export("measured.zip"))?;
    let pack = std::fs::File::open(file("timed.zip")).map_err(|e| format!("open the pack: {e}"))?;
    let length = pack.metadata().map_err(|e| format!("measure the pack: {e}"))?.len();
    let key = std::fs::read_to_string(std::path::Path::new(&dir).join("checkpoint.pub"));
    let key = key.map_err(|e| format!("read the key: {e}"))?;
    let key = VerifierKey::parse(key.trim_end()).map_err(|e| e.to_string())?;
    let began = Instant::now();
    let verified = kukaku_pack::verify(pack, |_| vec![KeyTerm::whole(key)]).map_err(|e| e.to_string())?;
    let verifying = began.elapsed().as_secs_f64();
    let opened = verified.manifest.opened;
    println!("pack              {opened} entries opened, {} MB", length / 1_000_000);
    println!("kukaku export     {took:.1} s (wanted: under 60), {most:.0} MB at most (wanted: under 200)");
    println!("verification      {:.1} s for a million entries", verifying * 1e6 / opened as f64);
    Ok(())
}
