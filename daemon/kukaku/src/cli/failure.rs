//! `kukaku failure`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::DirArg;

/// `kukaku failure`.
#[derive(Debug, Args)]
pub struct FailureArgs {
    /// The installation.
    #[command(flatten)]
    pub dir: DirArg,
    /// What to do.
    #[command(subcommand)]
    pub action: FailureAction,
}

/// What `kukaku failure` does.
#[derive(Debug, Subcommand)]
pub enum FailureAction {
    /// Print a form to fill in, in TOML
    Form,
    /// Hand in a report, the first or a later one on the same failure: a form in TOML (障害報告)
    #[command(after_help = "The password is asked; without a terminal it is read from standard input.")]
    Report {
        /// The form
        file: PathBuf,
        /// User who hands it in [asked]
        #[arg(long, value_name = "USER")]
        by: Option<String>,
    },
    /// List the failures, those noticed last first
    List {
        /// As JSON, for programs
        #[arg(long)]
        json: bool,
    },
    /// Show every report on a failure
    Show {
        /// Its number
        id: String,
        /// As JSON, for programs
        #[arg(long)]
        json: bool,
    },
}
