//! Line protocols of readers and panels: bytes of a serial line or a socket to observations.
//!
//! A [`Decoder`] cuts the bytes into frames, whatever pieces they come in; a [`LineProtocol`]
//! turns the text of a frame into an observation by patterns with named groups and the same
//! rules that mapping files have (`map`, `default`, `template`, time formats), with `group` in
//! place of `column`. What can't be understood comes back with its bytes.
//!
//! Pure: knows no port and no clock; the caller says when a frame was received.

mod config;
mod frames;
mod protocol;

pub use crate::files::{Encoding, RawRule};
pub use config::{Check, CheckForm, CheckSpan, Framing, LineConfig, LineConfigError, MessageConfig};
pub use frames::{Decoder, FRAME_MAX_BYTES, Frame};
pub use protocol::{Heard, LineProtocol};

#[cfg(test)]
mod tests;
