//! Evidence packs: what a client takes out of the journal, and can verify without the daemon.
//!
//! Invariant: every byte of a pack counts. The archive has one encoding, each file its hash in the
//! manifest, the manifest a signature of the site, and every entry its place in the signed tree;
//! [`verify`] refuses a pack in which one byte is another. The same journal, range and tree give
//! the same bytes.
//!
//! Knows no file, no clock and no store: it reads and writes what it is given, so that the daemon
//! and `kukaku-verify` derive the same from the same code. The format is documented in
//! `schema/README.md`, "Evidence packs"; `tests/verify/pack.py` and `verify.html` read it with
//! code of their own.

mod archive;
mod cover;
mod csv;
mod entry;
mod error;
mod instant;
mod make;
mod manifest;
mod order;
mod seal;
mod sheets;
mod shift_jis;
mod text;
mod verify;

pub use archive::{NAMES, PACK_MAX_BYTES};
pub use entry::{LINE_MAX_BYTES, Line, Opened};
pub use error::PackError;
pub use instant::instant_text;
pub use make::{Closing, Made, Maker, Part};
pub use manifest::{Encoding, FORMAT, Manifest, Order, manifest_text};
pub use order::{
    ANSWER_ACTS, ANSWER_MAX_BYTES, OrderAnswer, OrderFileError, OrderSheet, REMARKS_MAX_BYTES, SHEET_MAX_BYTES,
    ShownAnswer,
};
pub use verify::{Verified, verify};
