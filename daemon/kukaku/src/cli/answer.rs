//! `kukaku answer`.

use std::path::PathBuf;

use clap::Args;

/// `kukaku answer`.
#[derive(Debug, Args)]
pub struct AnswerArgs {
    /// The number that the city said
    pub nonce: String,
    /// Folder that `kukaku init` made [default: $KUKAKU_DIR, else the current folder]
    #[arg(value_name = "DIR")]
    pub dir: Option<PathBuf>,
    /// Entries that the city remembers [default: as signed last]
    #[arg(long, value_name = "ENTRIES")]
    pub size: Option<u64>,
}
