//! `kukaku hold`, `kukaku retention`.

use clap::{Args, Subcommand};
use kukaku_schema::UtcMicros;

use super::DirArg;

/// `kukaku hold`.
#[derive(Debug, Args)]
pub struct HoldArgs {
    /// The installation.
    #[command(flatten)]
    pub dir: DirArg,
    /// What to do.
    #[command(subcommand)]
    pub action: HoldAction,
}

/// What `kukaku hold` does.
#[derive(Debug, Subcommand)]
pub enum HoldAction {
    /// Place a hold: what meets all that is given is kept whatever was agreed
    #[command(after_help = "The password is asked; without a terminal it is read from standard input.")]
    Add {
        /// Records of this client
        #[arg(long)]
        client: Option<String>,
        /// Records of the time from here on, RFC 3339
        #[arg(long, value_name = "TIME", value_parser = UtcMicros::parse_rfc3339)]
        from: Option<UtcMicros>,
        /// The first instant after that time, RFC 3339
        #[arg(long, value_name = "TIME", value_parser = UtcMicros::parse_rfc3339)]
        to: Option<UtcMicros>,
        /// Records that name this person
        #[arg(long)]
        person: Option<String>,
        /// Records of this camera
        #[arg(long)]
        camera: Option<String>,
        /// Why, for the journal
        #[arg(long)]
        reason: String,
        /// User who places it [asked]
        #[arg(long, value_name = "USER")]
        by: Option<String>,
    },
    /// List the holds that stand
    List {
        /// Those that were released too
        #[arg(long)]
        all: bool,
        /// As JSON, for programs
        #[arg(long)]
        json: bool,
    },
    /// Release a hold; needs two users
    #[command(
        after_help = "Both passwords are asked; without a terminal they are read from standard input, one a line."
    )]
    Release {
        /// Its id, like hold-1
        id: String,
        /// Why, for the journal
        #[arg(long)]
        reason: String,
        /// User who releases it [asked]
        #[arg(long, value_name = "USER")]
        by: Option<String>,
        /// Another user, who confirms it [asked]
        #[arg(long, value_name = "USER")]
        confirmed_by: Option<String>,
    },
}

/// `kukaku retention`.
#[derive(Debug, Args)]
pub struct RetentionArgs {
    /// The installation.
    #[command(flatten)]
    pub dir: DirArg,
    /// What to do.
    #[command(subcommand)]
    pub action: RetentionAction,
}

/// What `kukaku retention` does.
#[derive(Debug, Subcommand)]
pub enum RetentionAction {
    /// Show what was agreed against what is held, and when the disk is full (保存期間適合)
    Show {
        /// As JSON, for programs
        #[arg(long)]
        json: bool,
    },
    /// Erase what is due now; the daemon does so by itself every hour
    #[command(
        after_help = "Users who confirm the date sign in: their passwords are asked; without a terminal they are read \
                      from standard input, one a line."
    )]
    Run {
        /// A user who confirms today's date, where the clock is not trusted; two let more go at once
        #[arg(long, value_name = "USER")]
        confirmed_by: Vec<String>,
    },
    /// Show what would be erased now, and what waits for what; erases nothing
    Plan {
        /// A person who confirms today's date, where the clock is not trusted; two let more go at once
        #[arg(long, value_name = "NAME")]
        confirmed_by: Vec<String>,
        /// As JSON, for programs
        #[arg(long)]
        json: bool,
    },
}
