//! The wiring: one file a room, one function that starts it.
//!
//! Each function takes what is configured and the way into the writer, and puts its room among
//! `Rooms`. Addresses are bound before anything is said to be ready.

pub mod accounts;
pub mod alerts;
pub mod backup;
pub mod broker;
pub mod commands;
pub mod footage;
pub mod guacamole;
pub mod mqtt;
pub mod oplogs;
pub mod radius;
pub mod serial;
pub mod syslog;
pub mod web;
pub mod witnesses;
pub mod writer;

use std::io::Read as _;
use std::path::Path;

use sha2::{Digest as _, Sha256};

/// SHA-256 of a text, hexadecimal.
#[must_use]
pub fn hash_of(text: &[u8]) -> String {
    hex(&Sha256::digest(text))
}

/// SHA-256 of a file, hexadecimal.
///
/// # Errors
/// What the operating system says.
pub fn hash_of_file(path: &Path) -> std::io::Result<String> {
    let mut file = std::fs::File::open(path)?;
    let mut hash = Sha256::new();
    let mut piece = vec![0; 1 << 20];
    loop {
        match file.read(&mut piece)? {
            0 => return Ok(hex(&hash.finalize())),
            length => hash.update(&piece[..length]),
        }
    }
}

fn hex(bytes: &[u8]) -> String {
    use std::fmt::Write as _;
    bytes.iter().fold(String::with_capacity(64), |mut out, byte| {
        write!(out, "{byte:02x}").expect("a string takes everything");
        out
    })
}
