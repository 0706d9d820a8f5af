//! Evidence packs: what is opened to a client, and how a pack becomes a file.

mod file;
mod read;
mod staff;

pub use file::Unfinished;
pub use read::{Taken, raw, read};
