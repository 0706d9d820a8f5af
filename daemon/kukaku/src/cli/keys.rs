//! `kukaku keys`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::DirArg;

/// `kukaku keys`.
#[derive(Debug, Args)]
pub struct KeysArgs {
    /// What to do.
    #[command(subcommand)]
    pub action: KeysAction,
}

/// What `kukaku keys` does.
#[derive(Debug, Subcommand)]
pub enum KeysAction {
    /// Show the signing keys with fingerprints and terms, the data keys by number, and escrows
    Show {
        /// The installation.
        #[command(flatten)]
        dir: DirArg,
    },
    /// Make a new signing key; the old one signs nothing from here on
    #[command(after_help = "The password is asked; without a terminal it is read from standard input.")]
    Rotate {
        /// The installation.
        #[command(flatten)]
        dir: DirArg,
        /// User who wants it [asked]
        #[arg(long, value_name = "USER")]
        by: Option<String>,
        /// Why, for the journal
        #[arg(long)]
        reason: String,
    },
    /// Seal all keys under a passphrase into a file that is kept elsewhere
    #[command(
        after_help = "Password and passphrase are asked; without a terminal they are read from standard input, one a line.\n\
                      Data keys that are made later lie in keys/values.keys, under the wrapping key in this file.\n\
                      Once records are erased, older escrow files still open them: destroy them and make a new one."
    )]
    Escrow {
        /// The installation.
        #[command(flatten)]
        dir: DirArg,
        /// User who does it [asked]
        #[arg(long, value_name = "USER")]
        by: Option<String>,
        /// Why, for the journal
        #[arg(long, default_value = "預託")]
        reason: String,
        /// The file to write; must not exist
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
    },
    /// Put the keys of an escrow file into a folder
    #[command(after_help = "The passphrase is asked; without a terminal it is read from standard input.")]
    RestoreEscrow {
        /// The escrow file
        file: PathBuf,
        /// The folder to make; must not exist
        #[arg(long, value_name = "DIR")]
        into: PathBuf,
    },
}
