//! `kukaku order`.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use kukaku_schema::UtcMicros;

use super::DirArg;

/// `kukaku order`.
#[derive(Debug, Args)]
pub struct OrderArgs {
    /// The installation.
    #[command(flatten)]
    pub dir: DirArg,
    /// What to do.
    #[command(subcommand)]
    pub action: OrderAction,
}

/// Who does it, and on what paper.
#[derive(Debug, Args)]
pub struct Done {
    /// Its number
    pub id: String,
    /// User who does it, or enters it [asked]
    #[arg(long, value_name = "USER")]
    pub by: Option<String>,
}

/// What the city did on paper, entered by two users.
#[derive(Debug, Args)]
pub struct OnPaper {
    /// Its number
    pub id: String,
    /// Number or name of the city's paper
    #[arg(long)]
    pub paper: String,
    /// When the city did it, RFC 3339 [now]
    #[arg(long, value_name = "TIME", value_parser = UtcMicros::parse_rfc3339)]
    pub at: Option<UtcMicros>,
    /// User who enters it [asked]
    #[arg(long, value_name = "USER")]
    pub by: Option<String>,
    /// Another user, who confirms it [asked]
    #[arg(long, value_name = "USER")]
    pub confirmed_by: Option<String>,
}

/// What `kukaku order` does.
#[derive(Debug, Subcommand)]
pub enum OrderAction {
    /// Print a form to fill in
    Template {
        /// Begin it from an earlier order: all but its number and period
        #[arg(long, value_name = "ID")]
        from: Option<String>,
    },
    /// Write an order, or change what it says: a form in TOML
    #[command(after_help = "The password is asked; without a terminal it is read from standard input.")]
    Write {
        /// The form
        file: PathBuf,
        /// Hand it to the city at once
        #[arg(long)]
        submit: bool,
        /// User who writes it [asked]
        #[arg(long, value_name = "USER")]
        by: Option<String>,
    },
    /// Write many orders, a row each: CSV with the form's keys as header
    #[command(after_help = "The password is asked; without a terminal it is read from standard input.")]
    Import {
        /// The CSV file, UTF-8; several operators, targets with ; between
        file: PathBuf,
        /// Only say what would be written
        #[arg(long)]
        dry_run: bool,
        /// Hand them to the city at once
        #[arg(long)]
        submit: bool,
        /// User who writes them [asked]
        #[arg(long, value_name = "USER")]
        by: Option<String>,
    },
    /// Hand an order to the city (申請)
    Submit(Done),
    /// Enter that the city allows it, on paper (承認)
    #[command(
        after_help = "Both passwords are asked; without a terminal they are read from standard input, one a line."
    )]
    Approve(OnPaper),
    /// Enter that the city refuses it, on paper (却下)
    #[command(
        after_help = "Both passwords are asked; without a terminal they are read from standard input, one a line."
    )]
    Reject(OnPaper),
    /// Begin the work (作業開始)
    Begin(Done),
    /// Report the work: a report in TOML (作業報告)
    #[command(after_help = "The password is asked; without a terminal it is read from standard input.")]
    Report {
        /// Its number
        id: String,
        /// The report
        file: PathBuf,
        /// User who hands it in [asked]
        #[arg(long, value_name = "USER")]
        by: Option<String>,
    },
    /// Enter that the city accepts the report, on paper (完了確認)
    #[command(
        after_help = "Both passwords are asked; without a terminal they are read from standard input, one a line."
    )]
    Accept(OnPaper),
    /// Write an order into a file, for the city to answer with its own tool
    #[command(after_help = "The city runs `kukaku-verify approve FILE` (or reject, accept) and sends the answer back.")]
    Sheet {
        /// Its number
        id: String,
        /// The file; it must not be there yet
        #[arg(long, value_name = "FILE")]
        out: PathBuf,
    },
    /// Take in the answer that the city signed (市の署名)
    #[command(after_help = "The password is asked; without a terminal it is read from standard input.")]
    Take {
        /// The city's answer
        file: PathBuf,
        /// User who takes it in [asked]
        #[arg(long, value_name = "USER")]
        by: Option<String>,
    },
    /// Take an order back (取下げ)
    Withdraw(Done),
    /// List the orders, those that begin last first
    List {
        /// As JSON, for programs
        #[arg(long)]
        json: bool,
    },
    /// Show an order with every step
    Show {
        /// Its number
        id: String,
        /// As JSON, for programs
        #[arg(long)]
        json: bool,
    },
}
