//! `kukaku offboard`.

use std::path::PathBuf;

use clap::Args;

use super::DirArg;

/// `kukaku offboard`.
#[derive(Debug, Args)]
#[command(
    after_help = "Writes a certificate (JSON) and a page to print beside it. No session of the client may be open.\n\
                  Both passwords are asked; without a terminal they are read from standard input, one a line."
)]
pub struct OffboardArgs {
    /// The installation.
    #[command(flatten)]
    pub dir: DirArg,
    /// The client, by its id in the registers
    #[arg(long)]
    pub client: String,
    /// Its id once more, as a guard against a slip
    #[arg(long, value_name = "CLIENT")]
    pub really: String,
    /// Why, as it shall stand in the certificate
    #[arg(long)]
    pub reason: String,
    /// File for the certificate; the page to print gets the same name with .html
    #[arg(long, value_name = "FILE")]
    pub out: PathBuf,
    /// User who orders it [asked]
    #[arg(long, value_name = "USER")]
    pub written_by: Option<String>,
    /// Another user, who confirms it [asked]
    #[arg(long, value_name = "USER")]
    pub confirmed_by: Option<String>,
}
