//! The words and parts that fields of observations hold.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::name::{Name, Remark};
use crate::finding::FindingKind;
use crate::instant::UtcMicros;

/// A file that is to be applied under a work order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct OrderFile {
    /// Its name.
    pub name: Name,
    /// The SHA-256 over its bytes.
    pub sha256: Sha256Hex,
}

/// The report on the work done under an order.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct OrderReport {
    /// When work began.
    pub from: UtcMicros,
    /// When it ended.
    pub to: UtcMicros,
    /// Who worked.
    pub operators: Vec<Name>,
    /// What was done, with what result.
    pub result: Remark,
    /// What maintenance goes on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub continuing: Option<Remark>,
    /// Who approved the report at the vendor's.
    pub approved_by: Name,
    /// Something failed: a failure report (障害報告) is owed apart from this one.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub failure: bool,
}

/// Whether a terminal is on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum PowerState {
    /// It was switched on.
    On,
    /// It was switched off.
    Off,
}

/// What the city signed with its own tool, as it was taken in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CityAnswer {
    /// The public key that it is signed with: `name+hash+base64`.
    pub key: Name,
    /// The signed note, without its last line end.
    pub note: Remark,
    /// The vendor's user who took it in.
    pub taken_by: Name,
}

impl CityAnswer {
    /// What tells it from every other: the hash of what was signed.
    #[must_use]
    pub fn identity(&self) -> Name {
        let hash = Sha256::digest(self.note.as_str());
        let hex = hash.iter().fold(String::with_capacity(64), |text, byte| text + &format!("{byte:02x}"));
        Name::new(hex).expect("64 hex digits are a name")
    }

    /// The name of the key.
    #[must_use]
    pub fn key_name(&self) -> &str {
        self.key.as_str().split('+').next().unwrap_or_default()
    }

    /// What the city remarked in it.
    #[must_use]
    pub fn remarks(&self) -> Option<String> {
        let said: serde_json::Value = serde_json::from_str(self.note.as_str().lines().nth(1)?).ok()?;
        said.get("remarks")?.as_str().map(str::to_owned)
    }
}

/// Something of kukaku itself that it looks after.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum SystemConcern {
    /// The disk fills before what was promised could be kept.
    DiskLow,
    /// The backup on another disk is not as new as promised.
    BackupOverdue,
    /// The witnesses do not reach far enough.
    WitnessBehind,
    /// Records are kept longer than agreed.
    RetentionOverdue,
}

impl SystemConcern {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::DiskLow, Self::BackupOverdue, Self::WitnessBehind, Self::RetentionOverdue];

    /// The finding that it is, where it is not well.
    #[must_use]
    pub fn finding(self) -> FindingKind {
        match self {
            Self::DiskLow => FindingKind::DiskLow,
            Self::BackupOverdue => FindingKind::BackupOverdue,
            Self::WitnessBehind => FindingKind::WitnessBehind,
            Self::RetentionOverdue => FindingKind::RetentionOverdue,
        }
    }
}

/// Which way somebody went, as the entry book says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ManualDirection {
    /// Into the zone.
    Entry,
    /// Out of the zone.
    Exit,
}

/// A person's place in a muster.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MusterEntry {
    /// The operator or person, as registered.
    pub person: Name,
    /// The innermost zone he was in.
    pub zone: Name,
}

/// What a panel decided about a reading.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ReadingResult {
    /// The door was released.
    Granted,
    /// It was not.
    Denied,
}

/// A state of a door.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum DoorStateWord {
    /// Its leaf is shut.
    Closed,
    /// Its leaf is open.
    Opened,
    /// It was opened without a release.
    Forced,
    /// It stood open too long.
    HeldOpen,
    /// Its lock is released for everybody.
    Unlocked,
    /// Its lock holds again.
    Locked,
}

impl DoorStateWord {
    /// The word on the wire.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Closed => "closed",
            Self::Opened => "opened",
            Self::Forced => "forced",
            Self::HeldOpen => "held_open",
            Self::Unlocked => "unlocked",
            Self::Locked => "locked",
        }
    }
}

/// A state of a reader.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ReaderStatusWord {
    /// It works.
    Online,
    /// The panel does not reach it.
    Offline,
    /// Its housing was opened.
    Tamper,
}

impl ReaderStatusWord {
    /// The word on the wire.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Online => "online",
            Self::Offline => "offline",
            Self::Tamper => "tamper",
        }
    }
}

/// SHA-256 as 64 hexadecimal digits, kept in lower case.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct Sha256Hex(String);

impl Sha256Hex {
    /// Checks and takes a text.
    ///
    /// # Errors
    /// A sentence that says what is wrong with the text.
    pub fn new(text: &str) -> Result<Self, String> {
        if text.len() == 64 && text.bytes().all(|b| b.is_ascii_hexdigit()) {
            Ok(Self(text.to_ascii_lowercase()))
        } else {
            Err(format!("{text:?} is no SHA-256: 64 hexadecimal digits"))
        }
    }

    /// The digits.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl<'de> Deserialize<'de> for Sha256Hex {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::new(&String::deserialize(deserializer)?).map_err(serde::de::Error::custom)
    }
}

impl JsonSchema for Sha256Hex {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Sha256Hex".into()
    }
    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({"type": "string", "pattern": "^[0-9A-Fa-f]{64}$"})
    }
}
