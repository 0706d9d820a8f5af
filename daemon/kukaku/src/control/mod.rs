//! How commands reach the one owner of the store.
//!
//! A running daemon listens on a Unix socket in its folder (mode 0600: only its own user and
//! root get through). A command that changes the store sends one line of JSON and reads lines of
//! JSON until the last. Where no daemon runs, the command opens the store itself and speaks the
//! same protocol with itself, so there is one way in, not two.

mod by_two;
mod client;
mod export;
mod failures;
mod holds;
mod import;
mod keys;
mod offboarding;
mod orders;
mod server;

pub use client::{Conversation, Hearer, Sayer, ask_daemon, open};
pub use import::WireArrival;
pub use orders::OrderRequest;
pub use server::{Desk, serve, serve_connection};

use kukaku_schema::UtcMicros;
use kukaku_schema::failure::FailureForm;
use kukaku_schema::observation::ManualDirection;
use kukaku_schema::registers::sheet::SheetFile;
use serde::{Deserialize, Serialize};

use crate::certificate::Certificate;
use crate::failure::Failure;
use crate::writer::{DrillNote, EscrowNote, ExportNote};

/// Longest line of the protocol in bytes: registers of a large site are a few MiB.
pub const LINE_MAX_BYTES: u64 = 32 * 1024 * 1024;

/// What a command asks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "do", rename_all = "snake_case", deny_unknown_fields)]
pub enum Request {
    /// Read the MQTT users again.
    ReloadMqttUsers,
    /// How rooms and channels are.
    Rooms,
    /// Take in registers.
    ImportRegisters {
        /// The TOML text.
        toml: String,
        /// The file's name, for errors.
        file: String,
        /// Who.
        by: String,
        /// User who confirms it, where it keeps records for less time.
        confirmed_by: Option<Credentials>,
        /// Why.
        reason: String,
    },
    /// Take in one table of the registers.
    ImportSheet {
        /// The table as CSV.
        sheet: SheetFile,
        /// Who.
        by: String,
        /// User who confirms it, where it keeps records for less time.
        confirmed_by: Option<Credentials>,
        /// Why.
        reason: String,
    },
    /// Record who was inside.
    Muster {
        /// The instant.
        at: UtcMicros,
        /// Person and zone of everybody inside.
        inside: Vec<(String, String)>,
        /// User who writes it.
        written_by: Credentials,
        /// User who confirms it.
        confirmed_by: Credentials,
    },
    /// Record a line of the entry book.
    ManualEntry {
        /// When he went through the door.
        at: UtcMicros,
        /// Who.
        person: String,
        /// The zone that he entered or left.
        zone: String,
        /// Which way.
        direction: ManualDirection,
        /// User who writes it.
        written_by: Credentials,
        /// User who confirms it.
        confirmed_by: Credentials,
    },
    /// Do something with a work order.
    Order(Box<OrderRequest>),
    /// Take in what the city signed of a work order.
    TakeAnswer {
        /// The file.
        answer: String,
        /// User who takes it in.
        by: Credentials,
    },
    /// Take in a failure report (障害報告).
    ReportFailure {
        /// What it says.
        form: Box<FailureForm>,
        /// User who hands it in.
        by: Credentials,
    },
    /// Place a hold (保全).
    PlaceHold {
        /// Records of this client.
        client: Option<String>,
        /// Records of the time from here on.
        from: Option<UtcMicros>,
        /// The first instant after that time.
        to: Option<UtcMicros>,
        /// Records that name this person.
        person: Option<String>,
        /// Records of this camera.
        camera: Option<String>,
        /// Why.
        reason: String,
        /// User who places it.
        by: Credentials,
    },
    /// Release a hold.
    ReleaseHold {
        /// Its id.
        id: String,
        /// Why.
        reason: String,
        /// User who releases it.
        by: Credentials,
        /// User who confirms that.
        confirmed_by: Credentials,
    },
    /// Keep what a drill found.
    Drilled {
        /// What.
        note: DrillNote,
    },
    /// Erase what is due.
    RunRetention {
        /// Users who confirm today's date.
        confirmed_by: Vec<Credentials>,
    },
    /// Erase everything of a client that leaves.
    Offboard {
        /// The client.
        client: String,
        /// Why.
        reason: String,
        /// User who orders it.
        written_by: Credentials,
        /// User who confirms it.
        confirmed_by: Credentials,
    },
    /// Something is taken out: say so in the journal, and sign the tree.
    Export {
        /// What.
        note: ExportNote,
    },
    /// Sign the manifest of a pack.
    SignPack {
        /// Its SHA-256 in hex.
        sha256: String,
    },
    /// Let a new key sign from here on.
    RotateKey {
        /// User who wants it.
        by: Credentials,
        /// Why.
        reason: String,
    },
    /// Keys are put into escrow.
    EscrowKeys {
        /// User who does it.
        by: Credentials,
        /// What the journal says of it; `by` in it is not read.
        note: EscrowNote,
    },
    /// Arrivals follow, one a line (`WireArrival`), then `{"end":true}`.
    Import,
}

/// A user of the pages and its password.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Credentials {
    /// The name.
    pub user: String,
    /// The password.
    pub password: String,
}

impl std::fmt::Debug for Credentials {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Credentials").field("user", &self.user).finish_non_exhaustive()
    }
}

/// What is answered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "say", rename_all = "snake_case", deny_unknown_fields)]
pub enum Reply {
    /// Done.
    Done {
        /// For the person, each a line.
        lines: Vec<String>,
    },
    /// A client is gone.
    Offboarded {
        /// The entry that says so, and its proof.
        certificate: Box<Certificate>,
    },
    /// How rooms and channels are.
    Rooms {
        /// Each.
        rooms: Vec<RoomReply>,
    },
    /// The export is in the journal.
    Exported {
        /// Its journal entry.
        entry: u64,
        /// The size of the tree to take it from.
        size: u64,
    },
    /// The manifest is signed.
    Signed {
        /// The signed note.
        note: String,
    },
    /// How far an import is; the last one says so.
    Imported {
        /// Arrivals that are new in the journal.
        kept: u64,
        /// Arrivals that were known already.
        known: u64,
        /// It was the last.
        last: bool,
    },
    /// Not done.
    Refused {
        /// Exit code of the command.
        exit: u8,
        /// Why.
        why: String,
    },
}

/// How one room or channel is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RoomReply {
    /// Its name.
    pub name: String,
    /// It works.
    pub working: bool,
    /// What is wrong, or what it counts.
    pub note: String,
}

impl From<Failure> for Reply {
    fn from(failure: Failure) -> Self {
        Self::Refused { exit: failure.exit_code(), why: failure.to_string() }
    }
}

impl Reply {
    /// The failure that a refusal stands for.
    #[must_use]
    pub fn failure(exit: u8, why: String) -> Failure {
        match exit {
            2 => Failure::Written(why),
            3 => Failure::Store(why),
            4 => Failure::Differs(why),
            5 => Failure::Address(why),
            _ => Failure::Failed(why),
        }
    }
}
