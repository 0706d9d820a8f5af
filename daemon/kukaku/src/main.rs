//! The `kukaku` program: reads the command line, does it, ends with the documented exit code.

use std::process::ExitCode;

use clap::Parser as _;
use kukaku::cli::Cli;
use kukaku::commands;
use kukaku::say::{shown, warn};

fn main() -> ExitCode {
    match commands::act(&Cli::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            warn(format!("kukaku: {}", shown(&failure.to_string())));
            ExitCode::from(failure.exit_code())
        }
    }
}
