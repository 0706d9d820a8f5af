//! `kukaku export` and `kukaku exports`.

use std::path::PathBuf;

use clap::Args;
use kukaku_schema::UtcMicros;

use super::DirArg;
use crate::failure::EXIT_CODES;

/// `kukaku export`.
#[derive(Debug, Args)]
#[command(after_help = EXIT_CODES)]
pub struct ExportArgs {
    /// The installation.
    #[command(flatten)]
    pub dir: DirArg,
    /// Whose records
    #[arg(long, required_unless_present = "raw")]
    pub client: Option<String>,
    /// First instant of the period by the time of recording, RFC 3339
    #[arg(long, value_name = "TIME", value_parser = UtcMicros::parse_rfc3339, required_unless_present = "raw")]
    pub from: Option<UtcMicros>,
    /// The first instant after it, RFC 3339
    #[arg(long, value_name = "TIME", value_parser = UtcMicros::parse_rfc3339, required_unless_present = "raw")]
    pub to: Option<UtcMicros>,
    /// Why, for the journal
    #[arg(long)]
    pub reason: String,
    /// Who, for the journal [default: this machine's user name]
    #[arg(long, value_name = "NAME")]
    pub by: Option<String>,
    /// The pack to write; what may differ from time to time lies beside it in FILE.beside.json
    #[arg(long, value_name = "FILE")]
    pub out: PathBuf,
    /// Take it from the tree of this size, for which a checkpoint was signed: the same bytes again
    /// [default: the newest checkpoint]
    #[arg(long, value_name = "SIZE")]
    pub at: Option<u64>,
    /// CSV files in Shift_JIS instead of UTF-8
    #[arg(long)]
    pub shift_jis: bool,
    /// The whole journal instead, every leaf, salt and body that exist, for forensics
    #[arg(long, conflicts_with_all = ["client", "from", "to", "at", "shift_jis"])]
    pub raw: bool,
}

/// `kukaku exports`.
#[derive(Debug, Args)]
pub struct ExportsArgs {
    /// The installation.
    #[command(flatten)]
    pub dir: DirArg,
}
