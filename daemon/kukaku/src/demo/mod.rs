//! `kukaku demo`: a working day in ten minutes, at a site in a temporary folder.
//!
//! One written list (`scenario`) is played in two ways. `live` starts the real daemon and devices
//! that speak the real protocols to it. `once` hands the same observations to the real writer
//! under a clock that is told the time, prints what came out and compares it with `truth`. What
//! people do at desks (work orders, the failure report) stands in `papers`.

mod day;
mod devices;
mod line;
mod live;
mod once;
mod papers;
pub mod scenario;
mod site;
mod table;
pub mod truth;

use crate::cli::DemoArgs;
use crate::failure::Failure;

/// Runs the command.
///
/// # Errors
/// `Differs`: with `--once`, what came out is not what the scenario's truth says. `Address`: the
/// port is taken. Otherwise what could not be made.
pub fn run(args: &DemoArgs) -> Result<(), Failure> {
    if args.once { once::run() } else { live::run(args.port) }
}
