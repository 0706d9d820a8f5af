//! Meaning: where people are, what a session is worth, what is wrong.
//!
//! The newest verdicts, the findings that hold and the stays are a pure function of the facts,
//! the registers and `now`. `engine::Engine` keeps that function up to date step by step and
//! says what changed (`Effect`); a replay computes it from nothing with the same code. Knows no
//! clock, file, thread, database or hash map. The rules are written in `schema/README.md`,
//! "Meaning".

mod camera;
pub mod desk;
mod door;
pub mod effect;
pub mod engine;
pub mod fact;
mod join;
mod judge;
mod memory;
mod model;
mod movement;
pub mod names;
pub mod notice;
mod oplog;
mod place;
pub mod replay;
pub mod retention;
mod session;
mod source;
mod spans;
pub mod witnessing;
mod world;

pub use effect::{
    Cause, Effect, Finding, FindingChange, FindingKey, Link, Outage, OutageCause, Revision, SessionEnd, SessionKey,
    SessionPart, SessionView, Stay, Subject,
};
pub use fact::{Activity, Fact, FactBody, OrderFact};
pub use names::{Names, Word};
