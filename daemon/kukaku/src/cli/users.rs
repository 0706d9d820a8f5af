//! `kukaku users`.

use clap::{Args, Subcommand};
use kukaku_schema::UtcMicros;
use kukaku_store::users::Role;

use super::DirArg;

/// `kukaku users`.
#[derive(Debug, Args)]
pub struct UsersArgs {
    /// The installation.
    #[command(flatten)]
    pub dir: DirArg,
    /// What to do.
    #[command(subcommand)]
    pub action: UsersAction,
}

fn role(word: &str) -> Result<Role, String> {
    let all = Role::ALL.map(Role::word).join(", ");
    Role::from_word(word).ok_or_else(|| format!("expected one of: {all}"))
}

/// For whom a user looks, when, and how far back.
#[derive(Debug, Args)]
pub struct ExtentArgs {
    /// The client (市) that an inspector or officer is of; repeat for several
    #[arg(long, value_name = "CLIENT")]
    pub client: Vec<String>,
    /// Who an operator is in the registers
    #[arg(long, value_name = "OPERATOR")]
    pub person: Option<String>,
    /// May sign in from this time on, RFC 3339
    #[arg(long, value_name = "TIME", value_parser = UtcMicros::parse_rfc3339)]
    pub from: Option<UtcMicros>,
    /// May sign in until this time; an inspector needs it
    #[arg(long, value_name = "TIME", value_parser = UtcMicros::parse_rfc3339)]
    pub until: Option<UtcMicros>,
    /// Sees nothing of the time before this one
    #[arg(long, value_name = "TIME", value_parser = UtcMicros::parse_rfc3339)]
    pub history_from: Option<UtcMicros>,
}

/// What `kukaku users` does.
#[derive(Debug, Subcommand)]
pub enum UsersAction {
    /// Make a user with a one-time password, printed once
    Add {
        /// Its name
        name: String,
        /// What it is: administrator, manager, security, auditor, operator, inspector or officer
        #[arg(long, value_name = "ROLE", value_parser = role, default_value = "manager")]
        role: Role,
        /// What it sees, and when it may
        #[command(flatten)]
        extent: ExtentArgs,
    },
    /// Give a user another role; its sign-ins end
    Role {
        /// Its name
        name: String,
        /// What it is to be: administrator, manager, security, auditor, operator, inspector or officer
        #[arg(value_parser = role)]
        role: Role,
        /// What it sees, and when it may
        #[command(flatten)]
        extent: ExtentArgs,
    },
    /// List all users
    List,
    /// Disable a user and end its sign-ins
    Disable {
        /// Its name
        name: String,
    },
    /// Enable a disabled or locked user
    Enable {
        /// Its name
        name: String,
    },
    /// Print a list of codes for a user's second factor; an earlier list is void
    Codes {
        /// Its name
        name: String,
    },
    /// Give a user a hardware token (OATH), from a line of its maker's list
    #[command(
        after_help = "FILE holds SERIAL,SEED,DIGITS,30 for a token that goes by time, or SERIAL,SEED,DIGITS,counter=N; the seed in hex or base 32. Overwrite the file afterwards: who has the seed can make codes."
    )]
    Token {
        /// Its name
        name: String,
        /// The maker's list
        #[arg(long, value_name = "FILE")]
        list: std::path::PathBuf,
        /// Which token of the list
        #[arg(long, value_name = "SERIAL")]
        serial: String,
    },
    /// Take a user's second factors away; its sign-ins end
    RemoveFactors {
        /// Its name
        name: String,
    },
    /// Give a user a new one-time password, printed once
    Reset {
        /// Its name
        name: String,
    },
}
