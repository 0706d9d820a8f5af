//! Bytes to observations and back, pure.

pub mod mqtt;

pub mod files;
pub mod guacamole;
pub mod line;
pub mod logs;
pub mod radius;
pub mod syslog;
pub mod windows;

#[cfg(test)]
mod mutation;
