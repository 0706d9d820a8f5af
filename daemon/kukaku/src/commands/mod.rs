//! What each command does: one file a command.

pub mod answer;
pub mod backup;
pub mod certificates;
pub mod check;
pub mod export;
pub mod exports;
pub mod failure;
mod gateways;
pub mod hold;
pub mod import;
mod import_evtx;
pub mod init;
pub mod keys;
pub mod mapping;
pub mod muster;
mod networks;
pub mod offboard;
pub mod order;
pub mod reconcile;
pub mod registers;
pub mod retention;
pub mod run;
pub mod sources;
pub mod status;
pub mod tokens;
pub mod users;
pub mod verify;
mod witnesses;

use crate::cli::{Cli, Command};
use crate::failure::Failure;

/// Does what the command line asks for.
///
/// # Errors
/// Why it was not done.
pub fn act(cli: &Cli) -> Result<(), Failure> {
    match &cli.command {
        Command::Init(args) => init::run(args),
        Command::Check(args) => check::run(args),
        Command::Run(args) => run::run(args),
        Command::Users(args) => users::run(args),
        Command::Sources(args) => sources::run(args),
        Command::Certificates(args) => certificates::run(&args.action),
        Command::Registers(args) => registers::run(args),
        Command::Muster(args) => muster::run(args),
        Command::ManualEntry(args) => muster::run_manual(args),
        Command::Order(args) => order::run(args),
        Command::Failure(args) => failure::run(args),
        Command::Hold(args) => hold::run(args),
        Command::Retention(args) => retention::run(args),
        Command::Offboard(args) => offboard::run(args),
        Command::Mapping(args) => mapping::run(args),
        Command::Import(args) => import::run(args),
        Command::Replay(args) => match &args.store {
            Some(dir) => verify::replay(dir),
            None => crate::replay_files::run(args),
        },
        Command::Status(args) => status::run(args),
        Command::Verify(args) => verify::run(args),
        Command::Backup(args) => backup::run(args),
        Command::Restore(args) => backup::restore(args),
        Command::Drill(args) => backup::run_drill(args),
        Command::Reconcile(args) => reconcile::run(args),
        Command::Export(args) => export::run(args),
        Command::Exports(args) => exports::run(args),
        Command::Keys(args) => keys::run(args),
        Command::Answer(args) => answer::run(args),
        Command::Demo(args) => crate::demo::run(args),
    }
}
