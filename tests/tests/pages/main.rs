//! The pages and the API, over the real server, writer and store.
//!
//! Harm: a manager is shown what is not so, or nothing of what is; a stranger reads or changes
//! what is not his; what a device or a stranger sent runs in the manager's browser or spreadsheet.
#![allow(clippy::unwrap_used)]

mod api;
mod browser;
mod client;
mod day;
mod desk;
mod factor;
mod failures;
mod gate;
mod hostile;
mod joined;
mod logs;
mod notices;
mod orders;
mod orders_api;
mod roles;
mod rules;
mod scope;
mod sheets;
mod site;
mod terminals;
mod tls;
mod two_cities;
mod verifier;
mod webdriver;
