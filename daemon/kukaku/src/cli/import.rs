//! `kukaku import`.

use std::path::PathBuf;

use clap::Args;

/// `kukaku import`.
#[derive(Debug, Args)]
pub struct ImportArgs {
    /// Folder that `kukaku init` made [default: $KUKAKU_DIR, else the current folder]
    #[arg(long, value_name = "DIR")]
    pub store: Option<PathBuf>,
    /// How the files of doors, sessions and unlocks are read
    #[arg(long, value_name = "FILE", required_unless_present_any = ["evtx", "complete"])]
    pub mapping: Option<PathBuf>,
    /// File of door records; may be given several times
    #[arg(long, value_name = "FILE", required_unless_present_any = ["sessions", "lines", "evtx", "complete"], requires = "mapping", num_args = 1..)]
    pub doors: Vec<PathBuf>,
    /// File of session records; may be given several times
    #[arg(long, value_name = "FILE", requires = "mapping", num_args = 1..)]
    pub sessions: Vec<PathBuf>,
    /// File of a city's record of when it unlocked its line (回線解錠記録); may be given several times
    #[arg(long, value_name = "FILE", requires = "mapping", num_args = 1..)]
    pub lines: Vec<PathBuf>,
    /// The city's record is complete for these local days, the last not included
    #[arg(long, value_name = "DAY..DAY", requires = "client", requires = "source")]
    pub complete: Option<String>,
    /// The client whose record is complete
    #[arg(long, value_name = "CLIENT")]
    pub client: Option<String>,
    /// Windows event logs of one source, all of them at once
    #[arg(long, value_name = "FILE", requires = "source", num_args = 1..)]
    pub evtx: Vec<PathBuf>,
    /// The source that the event logs, or the statement that a record is complete, are of
    #[arg(long, value_name = "SOURCE")]
    pub source: Option<String>,
    /// What the machines with the event logs are
    #[arg(long, value_enum, default_value = "server")]
    pub role: WindowsRole,
    /// Accounts without their domain
    #[arg(long)]
    pub user_only: bool,
    /// An account that a terminal's log may mean, as it is typed at the sign-in; may be given several times
    #[arg(long, value_name = "NAME")]
    pub account: Vec<String>,
}

/// What a machine with an event log is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum WindowsRole {
    /// What is reached
    Server,
    /// An RD gateway on the way
    Gateway,
    /// The vendor's own terminal
    Terminal,
}
