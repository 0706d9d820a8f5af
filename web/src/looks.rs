//! Which pages somebody has open, so that one that keeps itself up to date is one look.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use kukaku_schema::{DurationUs, UtcMicros};

/// Pages that are remembered at once; beyond it each refresh is a look of its own.
const OPEN_MAX: usize = 4_096;

/// How long an open page is one look: then it is written again that he has it before him.
const ONE_LOOK: DurationUs = DurationUs::from_secs(15 * 60);

/// The looks that go on, by user and address.
#[derive(Debug, Default)]
pub(crate) struct OpenLooks(Mutex<BTreeMap<(String, String), UtcMicros>>);

impl OpenLooks {
    /// Whether the user's look at `path` was written less than `ONE_LOOK` ago.
    pub fn is_open(&self, user: &str, path: &str, now: UtcMicros) -> bool {
        let open = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let since = open.get(&(user.to_owned(), path.to_owned()));
        since.is_some_and(|since| (0..ONE_LOOK.0).contains(&now.since(*since).0))
    }

    /// It was written now.
    pub fn open(&self, user: String, path: String, now: UtcMicros) {
        let mut open = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if open.len() >= OPEN_MAX {
            open.retain(|_, since| (0..ONE_LOOK.0).contains(&now.since(*since).0));
        }
        if open.len() < OPEN_MAX {
            open.insert((user, path), now);
        }
    }
}
