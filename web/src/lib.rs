//! The pages and the API: over the store's queries and the daemon's commands.
//!
//! Writes no SQL, evaluates no session, and keeps nothing of its own but who tries how often.
//! What a page shows is read from one state of the store. Every text stands in Japanese and
//! English; text from outside is escaped where it is shown and never becomes markup.
//! Who may ask for what is said once, in the table of `routes`, and checked before the handler.
//! Works without script; with it, parts of a page are fetched again when they change.

mod api;
mod csv;
mod directory;
mod error;
mod house;
mod http;
mod limits;
mod live;
mod looks;
mod orders;
mod pages;
mod posted;
mod reasons;
mod routes;
mod serve;
mod text;

pub use error::OpenError;
pub use house::{Changes, Clock, Commands, House, ImportOutcome, MayCome, NotTaken, Part, Status, TakenAnswer};
pub use orders::{Revision, revise_order};
pub use posted::{PostedLog, PostedLogs};
pub use routes::{Access, RouteInfo, routes};
pub use serve::{Bound, Listen, serve};
