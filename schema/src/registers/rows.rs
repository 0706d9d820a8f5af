//! The rows of each register table, as they stand in TOML.

use serde::{Deserialize, Serialize};

use super::Hours;
use super::notify::NotifyList;
use crate::instant::DurationUs;

/// The site.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Site {
    /// Its id; part of the journal's origin.
    pub id: String,
    /// Its name for people.
    pub name: String,
    /// The zone in which its times are shown and its days begin.
    #[serde(default = "default_time_zone")]
    pub time_zone: String,
    /// Where it stands, for reports.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub address: Option<String>,
    /// Days on which nobody works, beside weekends: `"2026-11-23"`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub holidays: Vec<String>,
}

fn default_time_zone() -> String {
    "Asia/Tokyo".to_owned()
}

macro_rules! policy {
    ($( $(#[$doc:meta])* $field:ident = $default:expr; )*) => {
        /// The numbers of the rules as written: absent ones take the level above.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
        #[serde(deny_unknown_fields)]
        pub struct PolicyRow {
            $( $(#[$doc])*
            #[serde(default, skip_serializing_if = "Option::is_none")]
            pub $field: Option<DurationUs>, )*
        }

        /// The numbers of the rules, resolved.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub struct Policy { $( $(#[$doc])* pub $field: DurationUs, )* }

        impl Default for Policy {
            fn default() -> Self {
                Self { $( $field: $default, )* }
            }
        }

        impl Policy {
            /// These numbers with the ones that `row` states.
            #[must_use]
            pub fn with(self, row: &PolicyRow) -> Self {
                Self { $( $field: row.$field.unwrap_or(self.$field), )* }
            }
        }
    };
}

policy! {
    /// How long before an entry a session may already run.
    grace_before = DurationUs::from_secs(30);
    /// How long after an exit a session may still run.
    grace_after = DurationUs::from_secs(30);
    /// How long late readings are waited for before a verdict.
    settle = DurationUs::from_secs(20);
    /// The longest stay that needs no new reading.
    max_stay = DurationUs::from_secs(16 * 3600);
    /// How long after a grant the door may open and it still counts as used.
    opening_time = DurationUs::from_secs(10);
    /// Within it, readings of one person at one reader are one movement.
    repeat_window = DurationUs::from_secs(10);
    /// Within it, two factors at one door are one movement.
    factor_window = DurationUs::from_secs(15);
    /// After it, an open session of which nothing is heard ends as presumed.
    session_timeout = DurationUs::from_secs(12 * 3600);
    /// How far a source's clock may be off.
    max_skew = DurationUs::from_secs(5);
    /// How long a door may stand open.
    held_open = DurationUs::from_secs(60);
    /// How long a camera may be bad before it counts as down.
    camera_hold = DurationUs::from_secs(60);
    /// How long footage may be missing before it counts as a gap.
    footage_gap = DurationUs::from_secs(10);
    /// The time in which five refusals at one reader are a burst.
    denied_window = DurationUs::from_secs(300);
    /// How far a session may reach over an order's period at each end.
    order_grace = DurationUs::from_secs(300);
    /// How long after it was recorded a shorter retention takes effect.
    retention_notice = DurationUs::from_secs(7 * 86_400);
}

/// A client (市).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Client {
    /// Its id.
    pub id: String,
    /// Its name for people.
    pub name: String,
    /// Whether its sessions need a work order (リモート保守申請); they do where nothing is said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub work_orders: Option<bool>,
    /// Within what time an emergency order has to be allowed; 24 h where nothing is said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub emergency_approval: Option<DurationUs>,
    /// In how many working days a report has to follow the end of an order; 3 where nothing is said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub report_days: Option<u8>,
    /// How many terminals face the vendor (対向端末): as many sessions at once; any number where nothing is said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub facing_terminals: Option<u16>,
    /// When sessions are allowed; always where nothing is said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hours: Option<Hours>,
    /// How long a session may be; 8 h where nothing is said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_length: Option<DurationUs>,
    /// How long nothing may be done in an open session, where the source tells; 15 min where nothing is said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_idle: Option<DurationUs>,
    /// How many factors a sign-in needs, where the source tells; 2 where nothing is said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub factors: Option<u8>,
    /// The zones from which its systems may be maintained; any where nothing is said.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub zones: Vec<String>,
    /// The public keys with which it signs its answers to work orders: `name+hash+base64`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub city_keys: Vec<String>,
    /// Its maintenance is frozen (凍結): no session at all.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub frozen: bool,
    /// Whoever opens a session must have given a pledge (誓約書).
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub pledge: bool,
    /// Whoever opens a session must have been trained, and the training not be over.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub training: bool,
    /// Zones, and companies that work under another one, need a permit of the client.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub permit: bool,
    /// Where it is told that a session of its began or ended; nowhere where nothing is said.
    #[serde(default, skip_serializing_if = "NotifyList::is_empty")]
    pub notify: NotifyList,
    /// Within what time it is told; 10 min where nothing is said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub notify_within: Option<DurationUs>,
}

/// A security zone (区画).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Zone {
    /// Its id.
    pub id: String,
    /// Its name for people.
    pub name: String,
    /// The zone it lies in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub parent: Option<String>,
    /// How many factors an entry needs; 1 where nothing is said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub factors: Option<u8>,
    /// When entries are expected; always where nothing is said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hours: Option<Hours>,
    /// Being inside needs a work order or a standing permission.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub permission: bool,
    /// How many people have to be inside while anybody is; one alone is enough where nothing is said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min_persons: Option<u8>,
    /// See `Policy::grace_before`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub grace_before: Option<DurationUs>,
    /// See `Policy::grace_after`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub grace_after: Option<DurationUs>,
    /// See `Policy::settle`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub settle: Option<DurationUs>,
    /// See `Policy::max_stay`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_stay: Option<DurationUs>,
}

impl Zone {
    /// The numbers that this zone sets for itself.
    #[must_use]
    pub fn policy(&self) -> PolicyRow {
        PolicyRow {
            grace_before: self.grace_before,
            grace_after: self.grace_after,
            settle: self.settle,
            max_stay: self.max_stay,
            ..PolicyRow::default()
        }
    }
}

/// How it is known that a granted door was used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum UseEvidence {
    /// Not at all: the grant counts.
    #[default]
    None,
    /// The source reports it (`door.used`).
    Taken,
    /// By the door's position sensor (`door.state`).
    Position,
}

/// A door between an outer and an inner zone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Door {
    /// Its id.
    pub id: String,
    /// Its name for people; the id where nothing is said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The zone on its outer side, or `outside`.
    pub outer: String,
    /// The zone on its inner side.
    pub inner: String,
    /// How it is known that a grant was used.
    #[serde(default)]
    pub use_evidence: UseEvidence,
    /// See `Policy::opening_time`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub opening_time: Option<DurationUs>,
    /// See `Policy::repeat_window`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub repeat_window: Option<DurationUs>,
    /// See `Policy::factor_window`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub factor_window: Option<DurationUs>,
    /// See `Policy::held_open`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub held_open: Option<DurationUs>,
}

impl Door {
    /// The numbers that this door sets for itself.
    #[must_use]
    pub fn policy(&self) -> PolicyRow {
        PolicyRow {
            opening_time: self.opening_time,
            repeat_window: self.repeat_window,
            factor_window: self.factor_window,
            held_open: self.held_open,
            ..PolicyRow::default()
        }
    }
}

/// Which way a reader lets people through.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReaderDirection {
    /// Outer to inner.
    Entry,
    /// Inner to outer.
    Exit,
}

/// A reader on a door.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reader {
    /// Its id, as the source names it.
    pub id: String,
    /// The door it stands at.
    pub door: String,
    /// Which way it lets people through.
    pub direction: ReaderDirection,
    /// The source that reports it; learnt from what it reports where nothing is said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
}

/// A camera on a zone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Camera {
    /// Its id, as the recorder names it.
    pub id: String,
    /// Its name for people; the id where nothing is said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The zone it watches.
    pub zone: String,
    /// When it has to record; always where nothing is said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hours: Option<Hours>,
    /// How long its footage is kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub keep: Option<DurationUs>,
    /// How often its health is reported; `camera_down` after a minute without where nothing is said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub health_every: Option<DurationUs>,
    /// The source that reports it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
}

/// A terminal: the machine a person sits at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Terminal {
    /// Its id, as session sources name it.
    pub id: String,
    /// The zone it stands in.
    pub zone: String,
    /// The client it is for; any where nothing is said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client: Option<String>,
    /// Its network addresses (IP), as gateways see them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub addresses: Vec<String>,
    /// The address of its network card, for the register alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mac: Option<String>,
    /// What is done at it is logged: a session without an operation log is shown as such.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub oplog: bool,
    /// How long its operation logs are kept.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub oplog_keep: Option<DurationUs>,
}

/// A person who may open sessions.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Operator {
    /// Its id.
    pub id: String,
    /// Its name for people.
    pub name: String,
    /// The clients it is registered for.
    #[serde(default)]
    pub clients: Vec<String>,
    /// The company that employs him; the site's own where nothing is said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub company: Option<String>,
}

/// A registered person who opens no sessions: staff or visitor.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Person {
    /// Its id.
    pub id: String,
    /// Its name for people.
    pub name: String,
}

/// A credential and whose it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Credential {
    /// Its id with its sort before a colon, `card:0123456789ABCDEF`.
    pub id: String,
    /// The operator it belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub operator: Option<String>,
    /// The other person it belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub person: Option<String>,
}

/// An account and whose it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Account {
    /// Its name, as session sources give it.
    pub id: String,
    /// The one operator it belongs to.
    pub operator: String,
    /// The client it works for.
    pub client: String,
    /// The only source on which it has this name; any where nothing is said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
}

/// How far a source can be trusted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default, Serialize, Deserialize)]
pub enum TrustClass {
    /// Authenticated, with sequence numbers.
    A,
    /// Authenticated, without.
    #[default]
    B,
    /// Could be spoofed.
    C,
}

impl TrustClass {
    /// Its letter.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::A => "A",
            Self::B => "B",
            Self::C => "C",
        }
    }
}

/// A source of observations.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Source {
    /// Its id.
    pub id: String,
    /// Its name for people; the id where nothing is said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// How far it can be trusted; B where nothing is said.
    #[serde(default)]
    pub class: TrustClass,
    /// How often it gives a sign of life; silence means nothing where nothing is said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub alive_every: Option<DurationUs>,
    /// How often it reports each open session.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub interim_every: Option<DurationUs>,
    /// The client whose line it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client: Option<String>,
    /// It tells of a tunnel between two routers, which names no person.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub tunnel: bool,
}
