//! How long records are kept: agreements, holds, and the plan of what is erased next.
//!
//! Values are erased by destroying data keys, and a data key belongs to one class, one local day
//! and one scope (its entitled clients). So a plan speaks of keys. Its rules:
//!
//! - A key dies with the last term of the clients of its scope. The site's own keys follow the
//!   site's agreement, and where there is none, the longest of all clients' for that class.
//! - A class is erased only where an agreement says so: by `at_most`, or by `erase`. Both are
//!   erased as soon as `at_least` is over; `at_most` is the instant after which it is overdue.
//! - Where nothing is agreed, `Term::default_of` holds, and nothing is erased.
//! - What was agreed less takes effect after the notice: the term is the longest that was in
//!   force at any instant since. What was agreed more holds at once.
//! - A session counts from its end: records of sessions and entries wait from the day on which
//!   a session began whose end is not yet due.
//! - A hold beats every term.
//! - Oldest first, and never a day before an older one of its class and scope, held days excepted.
//! - No clock is trusted alone (`Guard`), and a plan advances a class and scope by at most
//!   `DAYS_A_DAY` days with records a day.
//!
//! Decides and explains; destroys nothing.

mod conformity;
mod guard;
mod hold;
mod plan;
mod term;

pub use conformity::{Conformity, DISK_LOW_DAYS, Disk, FILL_DAYS, Holding, Standing, conformity};
pub use guard::{ClockDoubt, DAYS_A_DAY, Guard, SECOND_CLOCK_WITHIN};
pub use hold::{Hold, Subject};
pub use plan::{EraseGroup, GroupPlan, KeyDay, Plan, Question, SessionDays, Wait, Waiting, plan};
pub use term::{Agreement, Agreements, NOTICE, Party, Term, shortens};
