//! The link with real peers and with one of our own. The harm: a request that is answered before it is
//! durable is never sent again, and its session is lost; one that is believed without its secret makes
//! a session that never was.

#![allow(clippy::unwrap_used, missing_docs)]

mod client;
mod config;
mod radclient;
mod radsec;
mod samples;
mod site;
mod udp;
