//! Whole-house tests.

pub mod bench;
pub mod mqtt_load;
