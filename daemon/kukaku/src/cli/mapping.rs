//! `kukaku mapping`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

/// `kukaku mapping`.
#[derive(Debug, Args)]
pub struct MappingArgs {
    /// What to do.
    #[command(subcommand)]
    pub action: MappingAction,
}

/// What `kukaku mapping` does.
#[derive(Debug, Subcommand)]
pub enum MappingAction {
    /// List the dialects that come with the program
    List,
    /// Print a dialect, to be copied and changed
    Show {
        /// Its name, like yamaha-rtx
        name: String,
    },
    /// Say of each line of a log what it became, or why not
    Try {
        /// A file of rules, or the name of a dialect
        rules: String,
        /// The log, a line each; - for standard input
        file: PathBuf,
        /// The source that the lines are of
        #[arg(long, default_value = "try")]
        source: String,
        /// The time zone of clocks that name none
        #[arg(long, default_value = "Asia/Tokyo")]
        zone: String,
        /// Lines that are no session too, with the rules that were tried
        #[arg(long)]
        all: bool,
    },
}
