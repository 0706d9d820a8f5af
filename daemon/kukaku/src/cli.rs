//! The command line. What each command does is in `commands`.

mod answer;
mod backup;
mod export;
mod failure;
mod import;
mod keys;
mod mapping;
mod offboard;
mod order;
mod registers;
mod retention;
mod users;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};
use kukaku_schema::UtcMicros;

pub use answer::AnswerArgs;
pub use backup::{BackupAction, BackupArgs, DrillArgs, ReconcileArgs, RestoreArgs};
pub use failure::{FailureAction, FailureArgs};
pub use import::{ImportArgs, WindowsRole};
pub use keys::{KeysAction, KeysArgs};
pub use mapping::{MappingAction, MappingArgs};
pub use offboard::OffboardArgs;
pub use order::{OnPaper, OrderAction, OrderArgs};
pub use registers::{RegistersAction, RegistersArgs};
pub use retention::{HoldAction, HoldArgs, RetentionAction, RetentionArgs};
pub use users::{ExtentArgs, UsersAction, UsersArgs};

use crate::failure::EXIT_CODES;

pub use export::{ExportArgs, ExportsArgs};

/// 区画: shows for every remote session whether its operator was in the security zone.
///
/// A typical beginning:
///
///   kukaku init /srv/kukaku --registers site.toml
///   kukaku check /srv/kukaku
///   kukaku run /srv/kukaku
#[derive(Debug, Parser)]
#[command(name = "kukaku", version, about, after_help = EXIT_CODES, max_term_width = 100, verbatim_doc_comment)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Make a new installation (新規設置)
    #[command(after_help = EXIT_CODES)]
    Init(InitArgs),
    /// Check configuration, keys, certificates, ports, networks, disk and clock (設定の点検)
    #[command(after_help = EXIT_CODES)]
    Check(CheckArgs),
    /// Run the daemon until SIGTERM or Ctrl-C (運転)
    #[command(after_help = EXIT_CODES)]
    Run(RunArgs),
    /// Users of the pages (利用者)
    Users(UsersArgs),
    /// Keys and passwords with which sources sign in (機器の鍵とパスワード)
    Sources(SourcesArgs),
    /// Certificates of this installation (証明書)
    Certificates(CertificatesArgs),
    /// The registers: who and what the site knows (台帳)
    Registers(RegistersArgs),
    /// Record who is inside at one instant, confirmed by a second person (在室者の確定)
    Muster(MusterArgs),
    /// Record a line of the entry book (入退室帳), written by one user and confirmed by another
    ManualEntry(ManualEntryArgs),
    /// Work orders: write, hand in, report, list (作業申請)
    Order(OrderArgs),
    /// Failure reports: hand in, list (障害報告)
    Failure(FailureArgs),
    /// Keep records whatever was agreed: place, list, release holds (保全)
    Hold(HoldArgs),
    /// Show how long records are kept, and what is erased next (保存期間)
    Retention(RetentionArgs),
    /// Destroy everything of a client that leaves, backups included, and certify it (契約終了時の削除)
    Offboard(OffboardArgs),
    /// How the logs of gateways are read: list, print and try mappings
    Mapping(MappingArgs),
    /// Take in door and session records from files (ファイル取り込み)
    #[command(after_help = EXIT_CODES)]
    Import(ImportArgs),
    /// Compute verdicts again: over files, or over a store's journal (再計算)
    #[command(after_help = EXIT_CODES)]
    Replay(ReplayArgs),
    /// Show how the installation is (現在の状態)
    Status(StatusArgs),
    /// Verify the journal: every hash, number and signature (記録の検証)
    #[command(after_help = EXIT_CODES)]
    Verify(VerifyArgs),
    /// Copy the journal to another disk now, or list the copies (バックアップ)
    Backup(BackupArgs),
    /// Make an installation of a backup (復元)
    #[command(after_help = EXIT_CODES)]
    Restore(RestoreArgs),
    /// Restore the newest and the oldest backup into a scratch folder, verify them, and journal the result (復元訓練)
    Drill(DrillArgs),
    /// Hold a restored journal against the newest checkpoint known outside (復元後の照合)
    #[command(after_help = EXIT_CODES)]
    Reconcile(ReconcileArgs),
    /// Take records out as an evidence pack that a client verifies by itself (証拠パックの取り出し)
    Export(ExportArgs),
    /// List what was taken out: when, who, why (取り出しの一覧)
    Exports(ExportsArgs),
    /// Keys of the journal: show, change, put into escrow (鍵の管理)
    Keys(KeysArgs),
    /// Answer a city that asks by telephone (電話での確認)
    Answer(AnswerArgs),
    /// Run a working day of a made-up site in ten minutes (デモ)
    Demo(DemoArgs),
}

/// The folder of the installation, for commands that work on one.
#[derive(Debug, Clone, Args)]
pub struct DirArg {
    /// Folder that `kukaku init` made [default: $KUKAKU_DIR, else the current folder]
    #[arg(value_name = "DIR")]
    pub dir: Option<PathBuf>,
}

/// `kukaku init`.
#[derive(Debug, Args)]
pub struct InitArgs {
    /// Folder to make; must not exist, or be empty
    pub dir: PathBuf,
    /// Host name or address that the server certificate is made for; may be given several times
    /// [default: localhost, 127.0.0.1, ::1]
    #[arg(long = "name", value_name = "HOST")]
    pub names: Vec<String>,
    /// Make a certificate request for your own CA instead of a CA of the site
    #[arg(long)]
    pub csr: bool,
    /// Registers to begin with
    #[arg(long, value_name = "FILE")]
    pub registers: Option<PathBuf>,
    /// Name of the first administrator
    #[arg(long, value_name = "USER", default_value = "admin")]
    pub admin: String,
    /// Language of the configuration's comments and of the daemon: ja or en
    #[arg(long, default_value = "ja", value_parser = parse_lang)]
    pub lang: kukaku_schema::Lang,
}

/// `kukaku check`.
#[derive(Debug, Args)]
pub struct CheckArgs {
    /// The installation.
    #[command(flatten)]
    pub dir: DirArg,
    /// Check this configuration file alone
    #[arg(long, value_name = "FILE", conflicts_with = "dir")]
    pub config: Option<PathBuf>,
}

/// `kukaku run`.
#[derive(Debug, Args)]
pub struct RunArgs {
    /// The installation.
    #[command(flatten)]
    pub dir: DirArg,
}

/// `kukaku sources`.
#[derive(Debug, Args)]
pub struct SourcesArgs {
    /// The installation.
    #[command(flatten)]
    pub dir: DirArg,
    /// What to do.
    #[command(subcommand)]
    pub action: SourcesAction,
}

/// What `kukaku sources` does.
#[derive(Debug, Subcommand)]
pub enum SourcesAction {
    /// Bearer keys of the HTTP API
    Key {
        /// What to do.
        #[command(subcommand)]
        action: KeyAction,
    },
    /// Give a source a new MQTT password, printed once; the user name is the source's id
    Password {
        /// The source, as registered
        source: String,
        /// Another source that it may also speak for; may be given several times
        #[arg(long, value_name = "SOURCE")]
        also: Vec<String>,
        /// Take the password from standard input instead of making one
        #[arg(long)]
        stdin: bool,
        /// Remove its password instead
        #[arg(long, conflicts_with_all = ["also", "stdin"])]
        remove: bool,
    },
}

/// What `kukaku sources key` does.
#[derive(Debug, Subcommand)]
pub enum KeyAction {
    /// Make a key for one or more sources, printed once
    Add {
        /// The sources that it may speak for; kukaku: it may hand in work orders
        #[arg(required_unless_present = "may_read")]
        sources: Vec<String>,
        /// What it is for [default: the first source]
        #[arg(long)]
        label: Option<String>,
        /// It may read what the pages show
        #[arg(long)]
        may_read: bool,
        /// Only of this client (市), and without a source: a key for the city; repeat for several
        #[arg(long, value_name = "CLIENT", requires = "may_read")]
        client: Vec<String>,
        /// It holds until this time, RFC 3339 [default: until it is revoked]
        #[arg(long, value_name = "TIME", value_parser = UtcMicros::parse_rfc3339)]
        until: Option<UtcMicros>,
    },
    /// List all keys, without their secrets
    List,
    /// Revoke a key
    Revoke {
        /// Its id, the part between the underscores
        id: String,
    },
}

/// `kukaku certificates`.
#[derive(Debug, Args)]
pub struct CertificatesArgs {
    /// What to do.
    #[command(subcommand)]
    pub action: CertificatesAction,
}

/// What `kukaku certificates` does.
#[derive(Debug, Subcommand)]
pub enum CertificatesAction {
    /// Make a new server certificate, signed by the site's CA; restart the daemon afterwards
    Renew {
        /// The installation.
        #[command(flatten)]
        dir: DirArg,
        /// Host name or address to make it for [default: those of the present certificate]
        #[arg(long = "name", value_name = "HOST")]
        names: Vec<String>,
    },
    /// Make a request (and a new key) for your own CA
    Request {
        /// The installation.
        #[command(flatten)]
        dir: DirArg,
        /// Host name or address to make it for [default: those of the present certificate]
        #[arg(long = "name", value_name = "HOST")]
        names: Vec<String>,
    },
    /// Show names and dates
    Show {
        /// The installation.
        #[command(flatten)]
        dir: DirArg,
    },
}

/// `kukaku muster`.
#[derive(Debug, Args)]
#[command(after_help = "Both passwords are asked; without a terminal they are read from standard input, one a line.")]
pub struct MusterArgs {
    /// The installation.
    #[command(flatten)]
    pub dir: DirArg,
    /// The instant it speaks of, RFC 3339
    #[arg(long, value_name = "TIME", value_parser = kukaku_schema::UtcMicros::parse_rfc3339)]
    pub at: kukaku_schema::UtcMicros,
    /// CSV with the header `person,zone`: everybody who is inside, with his innermost zone
    #[arg(long, value_name = "FILE")]
    pub file: Option<PathBuf>,
    /// A person who is inside; may be given several times. Nobody given: everybody is outside
    #[arg(long = "person", value_name = "PERSON=ZONE")]
    pub persons: Vec<String>,
    /// User who writes it [asked]
    #[arg(long, value_name = "USER")]
    pub written_by: Option<String>,
    /// Another user, who confirms it [asked]
    #[arg(long, value_name = "USER")]
    pub confirmed_by: Option<String>,
}

/// `kukaku manual-entry`.
#[derive(Debug, Args)]
#[command(
    after_help = "It counts only while a door of the zone was in outage; else it is kept and shown, and moves nobody.\n\
                  Both passwords are asked; without a terminal they are read from standard input, one a line."
)]
pub struct ManualEntryArgs {
    /// The installation.
    #[command(flatten)]
    pub dir: DirArg,
    /// When the person went through the door, RFC 3339
    #[arg(long, value_name = "TIME", value_parser = kukaku_schema::UtcMicros::parse_rfc3339)]
    pub at: kukaku_schema::UtcMicros,
    /// The person, by the registers
    #[arg(long)]
    pub person: String,
    /// The zone that he entered or left
    #[arg(long)]
    pub zone: String,
    /// Which way he went
    #[arg(long, value_enum)]
    pub direction: Way,
    /// User who writes it [asked]
    #[arg(long, value_name = "USER")]
    pub written_by: Option<String>,
    /// Another user, who confirms it [asked]
    #[arg(long, value_name = "USER")]
    pub confirmed_by: Option<String>,
}

/// Into a zone or out of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Way {
    /// Into the zone
    Entry,
    /// Out of the zone
    Exit,
}

/// `kukaku replay`.
#[derive(Debug, Args)]
#[command(group = clap::ArgGroup::new("over").required(true).args(["store", "registers"]))]
pub struct ReplayArgs {
    /// Replay this installation's journal and compare every effect byte for byte
    #[arg(long, value_name = "DIR", conflicts_with_all = ["mapping", "doors", "sessions", "out", "stays", "findings", "now"])]
    pub store: Option<PathBuf>,
    /// Registers for a replay over files
    #[arg(long, value_name = "FILE", requires = "mapping", requires = "out")]
    pub registers: Option<PathBuf>,
    /// How the files are read
    #[arg(long, value_name = "FILE")]
    pub mapping: Option<PathBuf>,
    /// File of door records; may be given several times
    #[arg(long, value_name = "FILE", num_args = 1..)]
    pub doors: Vec<PathBuf>,
    /// File of session records; may be given several times
    #[arg(long, value_name = "FILE", num_args = 1..)]
    pub sessions: Vec<PathBuf>,
    /// Where the verdicts go, CSV
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
    /// Where the stays go, CSV
    #[arg(long, value_name = "FILE")]
    pub stays: Option<PathBuf>,
    /// Where the findings go, CSV
    #[arg(long, value_name = "FILE")]
    pub findings: Option<PathBuf>,
    /// The instant of judgement, RFC 3339 [default: last instant in the files + max_stay + session_timeout]
    #[arg(long, value_name = "TIME", value_parser = kukaku_schema::UtcMicros::parse_rfc3339)]
    pub now: Option<kukaku_schema::UtcMicros>,
}

/// `kukaku status`.
#[derive(Debug, Args)]
pub struct StatusArgs {
    /// The installation.
    #[command(flatten)]
    pub dir: DirArg,
    /// As JSON, for programs
    #[arg(long)]
    pub json: bool,
    /// Language: ja or en [default: by LC_ALL, LC_MESSAGES, LANG; else that of the configuration]
    #[arg(long, value_parser = parse_lang)]
    pub lang: Option<kukaku_schema::Lang>,
}

/// `kukaku verify`.
#[derive(Debug, Args)]
pub struct VerifyArgs {
    /// The installation.
    #[command(flatten)]
    pub dir: DirArg,
}

/// `kukaku demo`.
#[derive(Debug, Args)]
pub struct DemoArgs {
    /// Port of the pages on this machine
    #[arg(long, default_value_t = 8420)]
    pub port: u16,
    /// Run the day as fast as it goes, print its table, compare it with the scenario's truth, end
    #[arg(long)]
    pub once: bool,
}

fn parse_lang(tag: &str) -> Result<kukaku_schema::Lang, String> {
    kukaku_schema::Lang::from_tag(tag).ok_or_else(|| "expected ja or en".to_owned())
}
