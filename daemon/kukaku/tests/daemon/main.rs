//! The real program, started as people and service managers start it.
//!
//! The harm: an installation that is half made, a daemon that starts on the wrong store, a slip
//! of the pen in the configuration that is found at night, an alert that nobody gets.

#![allow(clippy::unwrap_used)]

mod alerts;
mod backup;
mod begin;
mod city_answers;
mod configuration;
mod disk;
mod failures;
mod full;
mod gateways;
mod guacamole;
mod house;
mod import;
mod joined;
mod keys;
mod kills;
mod links;
mod losses;
mod networks;
mod notices;
mod one_way;
mod orders;
mod packs;
mod power;
mod retention;
mod rot;
mod running;
mod witnesses;
