//! A packet that is believed and shouldn't be opens or ends a session that is none; one that is lost
//! hides a session that was.

mod captures;
mod client;
mod forms;
mod hostile;
mod sessions;
mod signatures;

use super::*;
use client::Request;
