//! The words of the trade, shared by every room of the house.
//!
//! Holds ids, instants, observations, registers, verdicts and findings, their native wire
//! format and their names in Japanese and English. Does no I/O and decides no meaning:
//! what an observation *means* is `kukaku-core`'s business. The glossary is
//! `schema/README.md`, the wire format `schema/wire/README.md`.

pub mod failure;
pub mod finding;
pub mod instant;
pub mod intake;
pub mod lang;
pub mod observation;
pub mod order;
pub mod period;
pub mod record_class;
pub mod registers;
pub mod verdict;

pub use failure::{FailureSort, FailureStage};
pub use finding::{FindingKind, Severity};
pub use instant::{CLOCK_UNSET_BEFORE, DurationUs, SiteZone, Span, UtcMicros};
pub use lang::Lang;
pub use observation::{Kind, Name, Observation, Refusal, parse_observation};
pub use order::{OrderAct, OrderSide, OrderState};
pub use period::Period;
pub use record_class::RecordClass;
pub use registers::Registers;

pub use verdict::{Grade, Verdict};
