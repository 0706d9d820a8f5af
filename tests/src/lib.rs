//! Whole-house tests.

pub mod mqtt_load;
