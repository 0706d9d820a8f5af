//! What a city holds against its vendor: a memory of every checkpoint that it ever saw, which
//! only grows, a witness that cosigns what continues it, and the verification of evidence packs.
//!
//! Invariant: nothing is answered before it is durable, and a site that once signed two heads of
//! one size is never accepted again. Uses nothing but the standard library's files and sockets,
//! so that it builds for every system that a city runs.

mod answer;
mod certificate;
mod cross;
mod error;
mod evidence;
mod memory;
mod orders;
mod pack;
mod paper;
mod server;
mod words;

pub use answer::{AnswerFailure, challenge, check_answer};
pub use certificate::{
    CERTIFICATE_MAX_BYTES, Certified, Change, NoCertificate, check as check_certificate, tell as tell_certificate,
};
pub use cross::{Crossed, OTHER_MAX_BYTES, cross_check, read_other};
pub use error::MemoryError;
pub use memory::{Finding, Memory, SiteView};
pub use orders::{fits, show_sheet, sign_answer, tell_answer};
pub use pack::{PackFailure, PackReport, verify_pack};
pub use paper::{Compared, compare as compare_paper, looks_signed};
pub use server::{BODY_MAX_BYTES, CONNECTIONS_MAX, REQUEST_TIME_MAX, serve, serve_within};
pub use words::Lang;
