//! Apache Guacamole as a source: its history of connections, asked for again and again.
//!
//! Guacamole tells nobody by itself who comes and goes; it answers when it is asked
//! (`/api/session/data/…/history/connections` and `…/activeConnections`, 1.4 and newer). A
//! [`Poller`] signs in, asks, and hands over what is new; when its token has expired it signs in
//! anew. [`run`] does so at the configured interval, keeps everything before it goes on from
//! there, and asks more rarely while there is trouble.
//!
//! Nothing is lost by a restart of either side: the history lies with Guacamole, and the time
//! from which it is read anew overlaps what was read. An answer holds a thousand records at most;
//! where more came between two questions, the days between are asked for one by one.
//!
//! Decides no meaning, and reads no answer: that is `adapters/codec`.

mod client;
mod config;
mod poller;
mod run;

pub use client::Trouble;
pub use config::{GuacamoleConfig, GuacamoleConfigError};
pub use poller::{Poller, Turn};
pub use run::{LinkEvent, Reporter, run};
