//! Waiting longer after each refusal of the writer.

use std::time::Duration;

/// The first and the longest wait before a refused arrival is offered again.
const OFFER_FIRST: Duration = Duration::from_millis(50);
const OFFER_MAX: Duration = Duration::from_secs(5);

/// The waits between tries. The writer is in this program and there is one: nobody to be out of
/// step with, so no jitter.
#[derive(Debug)]
pub(crate) struct Backoff(Duration);

impl Backoff {
    pub(crate) fn new() -> Self {
        Self(OFFER_FIRST)
    }

    /// Waits, and longer the next time.
    pub(crate) async fn wait(&mut self) {
        tokio::time::sleep(self.0).await;
        self.0 = (self.0 * 2).min(OFFER_MAX);
    }
}
