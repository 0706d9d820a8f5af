//! The logs that sources post: one reader a source, which remembers over requests.
//!
//! A request is read by a copy of its source's reader, and the copy takes the reader's place only
//! once everything that came of the request is durable. So a request that is sent again, because
//! it was answered with an error or not at all, is read as it was the first time.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use kukaku_schema::UtcMicros;
use kukaku_schema::intake::ArrivalBody;
use tokio::sync::Semaphore;

/// Bodies that are held in memory at once, each of `LOG_BODY_MAX_BYTES`.
const BODIES_AT_ONCE: usize = 8;

/// Reads the log of one source.
pub trait PostedLog: Send + 'static {
    /// What came of one line or JSON value; most say nothing. `received` is our clock.
    fn take(&mut self, line: &[u8], received: UtcMicros) -> Vec<ArrivalBody>;

    /// A copy, which remembers what this one does.
    fn copied(&self) -> Box<dyn PostedLog>;
}

/// The logs that may be posted, by source.
pub struct PostedLogs {
    sources: BTreeMap<String, Arc<Posted>>,
    /// Places for bodies.
    pub(crate) bodies: Semaphore,
}

/// One source's log.
pub(crate) struct Posted {
    /// Requests of one source are read one after the other.
    pub(crate) turn: Semaphore,
    reader: Mutex<Box<dyn PostedLog>>,
}

impl Posted {
    /// A copy of the reader, to read one request with.
    pub(crate) fn begin(&self) -> Box<dyn PostedLog> {
        self.reader.lock().unwrap_or_else(PoisonError::into_inner).copied()
    }

    /// What was read is durable: the next request begins from here.
    pub(crate) fn keep(&self, reader: Box<dyn PostedLog>) {
        *self.reader.lock().unwrap_or_else(PoisonError::into_inner) = reader;
    }
}

impl PostedLogs {
    /// Takes the logs of these sources, each with its reader.
    #[must_use]
    pub fn new(readers: impl IntoIterator<Item = (String, Box<dyn PostedLog>)>) -> Self {
        let posted = |reader| Arc::new(Posted { turn: Semaphore::new(1), reader: Mutex::new(reader) });
        Self {
            sources: readers.into_iter().map(|(source, reader)| (source, posted(reader))).collect(),
            bodies: Semaphore::new(BODIES_AT_ONCE),
        }
    }

    pub(crate) fn of(&self, source: &str) -> Option<Arc<Posted>> {
        self.sources.get(source).map(Arc::clone)
    }
}

impl Default for PostedLogs {
    fn default() -> Self {
        Self::new([])
    }
}

impl fmt::Debug for PostedLogs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.sources.keys()).finish()
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use kukaku_schema::intake::Unreadable;

    use super::*;

    /// Says how many lines it has read.
    struct Counting(usize);

    impl PostedLog for Counting {
        fn take(&mut self, line: &[u8], _: UtcMicros) -> Vec<ArrivalBody> {
            self.0 += 1;
            vec![ArrivalBody::Unreadable(Unreadable::new(None, line, self.0.to_string()))]
        }

        fn copied(&self) -> Box<dyn PostedLog> {
            Box::new(Self(self.0))
        }
    }

    #[test]
    fn a_request_that_was_not_kept_is_read_again_as_the_first_time() {
        let logs = PostedLogs::new([("gate".to_owned(), Box::new(Counting(0)) as Box<dyn PostedLog>)]);
        let gate = logs.of("gate").unwrap();
        let read = |reader: &mut Box<dyn PostedLog>| match &reader.take(b"x", UtcMicros(0))[..] {
            [ArrivalBody::Unreadable(kept)] => kept.reason.clone(),
            other => panic!("{other:?}"),
        };
        let mut lost = gate.begin();
        assert_eq!((read(&mut lost), read(&mut lost)), ("1".to_owned(), "2".to_owned()));
        drop(lost);
        let mut kept = gate.begin();
        assert_eq!(read(&mut kept), "1");
        gate.keep(kept);
        assert_eq!(read(&mut gate.begin()), "2");
        assert!(logs.of("other").is_none());
    }
}
