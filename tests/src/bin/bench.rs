//! `make bench`: kukaku's figures beside their yardsticks, measured in one run.
//!
//! The machine is shared and noisy, so each figure is a ratio to a bare program that does the
//! least that could be done, run in turns with it. Read the ratios; the absolute times only say
//! what the machine was like.

use std::process::ExitCode;

use kukaku_tests::bench;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    // The bare replay runs in a process of its own, so that its memory is its own.
    if let [command, folder] = arguments.as_slice()
        && command == bench::yardstick::COMMAND
    {
        return ended(bench::yardstick::sweep(std::path::Path::new(folder)));
    }
    let wanted = |name: &str| arguments.is_empty() || arguments.iter().any(|a| a == name);
    let mut outcome = Ok(());
    for (name, measure) in bench::ALL {
        if wanted(name) && outcome.is_ok() {
            println!("== {name}");
            outcome = measure();
        }
    }
    ended(outcome)
}

fn ended(outcome: Result<(), String>) -> ExitCode {
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(why) => {
            eprintln!("bench: {why}");
            ExitCode::FAILURE
        }
    }
}
