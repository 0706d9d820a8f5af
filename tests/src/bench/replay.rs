//! A million door readings and two hundred thousand sessions from CSV.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

use super::history::{self, Size};
use super::{median, site, yardstick};

const ROUNDS: usize = 9;
const SIZE: Size = Size { readings: 1_000_000, sessions: 200_000, persons: 200 };

/// Runs a program to its end; returns its wall time in seconds.
pub(super) fn time(command: &mut Command) -> Result<f64, String> {
    let began = Instant::now();
    let status = command.stdout(Stdio::null()).status().map_err(|e| format!("start {command:?}: {e}"))?;
    let seconds = began.elapsed().as_secs_f64();
    if status.success() { Ok(seconds) } else { Err(format!("{command:?} ended with {status}")) }
}

/// Runs a program to its end; returns its greatest memory in MB.
///
/// Asking the kernel again and again costs the program time: a run of its own.
pub(super) fn peak(command: &mut Command) -> Result<f64, String> {
    let mut child = command.spawn().map_err(|e| format!("start {command:?}: {e}"))?;
    let status_file = format!("/proc/{}/status", child.id());
    let mut peak_kb = 0_f64;
    loop {
        // The kernel keeps the peak; it is gone with the process, so the last look counts.
        if let Ok(status) = std::fs::read_to_string(&status_file) {
            peak_kb = peak_kb.max(site::kilobytes(&status, "VmHWM:"));
        }
        match child.try_wait().map_err(|e| format!("wait for {command:?}: {e}"))? {
            Some(status) if status.success() => return Ok(peak_kb / 1000.0),
            Some(status) => return Err(format!("{command:?} ended with {status}")),
            None => std::thread::yield_now(),
        }
    }
}

/// Measures the replay beside the bare sweep.
///
/// # Errors
/// A program fails or a file can't be written.
pub fn measure() -> Result<(), String> {
    let folder = site::Scratch::new("replay")?;
    history::write(folder.path(), &SIZE)?;
    let program = site::program()?;
    let itself = std::env::current_exe().map_err(|e| format!("find this program: {e}"))?;
    let file = |name: &str| folder.path().join(name);
    let (mut ours, mut bare, mut ratios) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        let bare_run = time(Command::new(&itself).arg(yardstick::COMMAND).arg(folder.path()))?;
        let our_run = time(&mut replay(&program, &file))?;
        ratios.push(our_run / bare_run);
        bare.push(bare_run);
        ours.push(our_run);
    }
    let peak = peak(&mut replay(&program, &file))?;
    println!("{} readings, {} sessions, {ROUNDS} rounds in turns", SIZE.readings, SIZE.sessions);
    println!("bare sweep        {:.3} s (median)", median(bare));
    println!("kukaku replay     {:.3} s (median), {peak:.0} MB at most (wanted: under 150)", median(ours));
    println!("ratio             {:.2} (median of the pairs; wanted: at most 3)", median(ratios));
    Ok(())
}

fn replay(program: &Path, file: &dyn Fn(&str) -> std::path::PathBuf) -> Command {
    let mut command = Command::new(program);
    command.arg("replay");
    for (flag, name) in [
        ("--registers", "registers.toml"),
        ("--mapping", "mapping.toml"),
        ("--doors", "doors.csv"),
        ("--sessions", "sessions.csv"),
        ("--out", "verdicts.csv"),
    ] {
        command.arg(flag).arg(file(name));
    }
    command
}
