//! The program: configuration, wiring, clock, ingest pipeline, outbox, command line.
//!
//! The only room that knows all others. It decides no meaning and parses no protocol: it opens
//! the store, gives each room what it needs, keeps rooms running, and stops them in order. A
//! library, so that tests and the demonstration call what the program calls.

pub mod answers;
pub mod backup;
pub mod certificate;
pub mod certificates;
pub mod cli;
pub mod clock;
pub mod commands;
pub mod config;
pub mod control;
pub mod demo;
pub mod dialects;
pub mod durable;
pub mod escrow;
pub mod failure;
pub mod failure_reports;
pub mod key_files;
pub mod logs;
pub mod lost;
pub mod mqtt_passwords;
pub mod notices;
pub mod order_csv;
pub mod outbox;
pub mod packs;
pub mod register_lines;
pub mod replay_files;
pub mod reserve;
pub mod retention;
pub mod rooms;
pub mod say;
pub mod secrets;
pub mod sheet_file;
pub mod site_dir;
pub mod start;
pub mod supervisor;
pub mod time_state;
pub mod wellness;
pub mod witnesses;
pub mod writer;
