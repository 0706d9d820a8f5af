//! `kukaku registers`.

use std::path::PathBuf;

use clap::builder::PossibleValuesParser;
use clap::{Args, Subcommand};
use kukaku_schema::registers::sheet::TABLES;

use super::DirArg;
use crate::failure::EXIT_CODES;

/// `kukaku registers`.
#[derive(Debug, Args)]
pub struct RegistersArgs {
    /// The installation.
    #[command(flatten)]
    pub dir: DirArg,
    /// What to do.
    #[command(subcommand)]
    pub action: RegistersAction,
}

/// What `kukaku registers` does.
#[derive(Debug, Subcommand)]
pub enum RegistersAction {
    /// Take in a TOML file, or one table as CSV; each change is journaled
    #[command(after_help = EXIT_CODES)]
    Import {
        /// The whole registers as TOML
        #[arg(required_unless_present = "csv")]
        file: Option<PathBuf>,
        /// One table as CSV instead: UTF-8 or Shift_JIS, headings in Japanese or English
        #[arg(long, value_name = "FILE", requires = "table", conflicts_with = "file")]
        csv: Option<PathBuf>,
        /// The table that the CSV is of
        #[arg(long, requires = "csv", value_parser = PossibleValuesParser::new(TABLES))]
        table: Option<String>,
        /// End what is in force and does not stand in the CSV
        #[arg(long, requires = "csv")]
        end_missing: bool,
        /// Say what would change, and change nothing
        #[arg(long)]
        dry_run: bool,
        /// Why, for the journal
        #[arg(long, default_value = "")]
        reason: String,
        /// Who, for the journal [default: this machine's user name]
        #[arg(long, value_name = "NAME")]
        by: Option<String>,
        /// User of the pages who confirms it, by password: needed where records are kept for less time
        #[arg(long, value_name = "USER")]
        confirmed_by: Option<String>,
    },
    /// Write the registers as TOML, or one table as CSV, to standard output or a new file
    Export {
        /// This table alone, as CSV in UTF-8
        #[arg(long, value_parser = PossibleValuesParser::new(TABLES))]
        table: Option<String>,
        /// A new file to write to instead
        #[arg(long, value_name = "FILE")]
        out: Option<PathBuf>,
        /// Headings of the CSV in English: the keys of the TOML
        #[arg(long, requires = "table")]
        english: bool,
    },
}
