//! How long a start takes with a million entries in the journal, and verifying all of it.

use super::history::{self, Size};
use super::site::{Scratch, Site, call};

const SIZE: Size = Size { readings: 900_000, sessions: 50_000, persons: 200 };

/// Measures a start.
///
/// # Errors
/// A program fails.
pub fn measure() -> Result<(), String> {
    let scratch = Scratch::new("entries")?;
    history::write(scratch.path(), &SIZE)?;
    let file = |name: &str| scratch.path().join(name).to_string_lossy().into_owned();
    let site = Site::new("start", &history::registers(SIZE.persons))?;
    let began = std::time::Instant::now();
    call(&[
        "import",
        "--store",
        &site.dir(),
        "--mapping",
        &file("mapping.toml"),
        "--doors",
        &file("doors.csv"),
        "--sessions",
        &file("sessions.csv"),
    ])?;
    println!("import            {:.1} s for about a million entries", began.elapsed().as_secs_f64());
    for round in 1..=3 {
        let (daemon, took) = site.start()?;
        println!(
            "start {round}           {:.2} s until ready (wanted: under 2), {:.0} MB then",
            took.as_secs_f64(),
            daemon.memory_mb()?
        );
    }
    let began = std::time::Instant::now();
    call(&["verify", &site.dir()])?;
    let took = began.elapsed().as_secs_f64();
    println!("verify            {took:.1} s for every hash, value and signature of it (wanted: under 5)");
    Ok(())
}
