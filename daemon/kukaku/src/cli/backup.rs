//! `kukaku backup`, `kukaku restore`, `kukaku reconcile`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::DirArg;

/// `kukaku backup`.
#[derive(Debug, Args)]
pub struct BackupArgs {
    /// What to do; left out: back up now
    #[command(subcommand)]
    pub action: Option<BackupAction>,
    /// The installation [default: $KUKAKU_DIR, else the current folder]
    #[arg(long, value_name = "DIR", global = true)]
    pub dir: Option<PathBuf>,
    /// Begin a new whole copy
    #[arg(long)]
    pub whole: bool,
}

/// What `kukaku backup` does.
#[derive(Debug, Subcommand)]
pub enum BackupAction {
    /// List the generations in the backup folder
    List,
}

/// `kukaku drill`.
#[derive(Debug, Args)]
pub struct DrillArgs {
    /// The installation.
    #[command(flatten)]
    pub dir: DirArg,
}

/// `kukaku restore`.
#[derive(Debug, Args)]
pub struct RestoreArgs {
    /// The backup folder
    #[arg(long, value_name = "FOLDER")]
    pub from: PathBuf,
    /// Which generation [default: the newest]
    #[arg(long, value_name = "NUMBER")]
    pub generation: Option<u64>,
    /// Folder to make; must not exist, or be empty
    #[arg(long, value_name = "DIR")]
    pub into: PathBuf,
    /// Folder with the keys, which no backup holds (values.keys, values.wrap.*, checkpoint.key, backup.key)
    #[arg(long, value_name = "FOLDER")]
    pub keys: PathBuf,
}

/// `kukaku reconcile`.
#[derive(Debug, Args)]
pub struct ReconcileArgs {
    /// The installation.
    #[command(flatten)]
    pub dir: DirArg,
    /// The newest checkpoint known outside: of the lost disk, of a client, or typed from paper
    #[arg(long, value_name = "FILE")]
    pub checkpoint: PathBuf,
    /// Who goes on without the entries that are lost
    #[arg(long, value_name = "NAME", requires = "reason")]
    pub by: Option<String>,
    /// Why, for the journal
    #[arg(long, requires = "by")]
    pub reason: Option<String>,
}
