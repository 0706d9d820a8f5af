//! `検証方法.txt`: how a pack is verified, for whoever has only the pack.

/// With a byte order mark, so that every editor shows it.
pub(crate) const HOW_TO: &str = concat!("\u{feff}", include_str!("how_to_verify.txt"));
