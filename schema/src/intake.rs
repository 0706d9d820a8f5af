//! What a link hands to the writer, and what it gets back.
//!
//! A link never acknowledges before its receipt resolves: only then is the arrival durable.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use sha2::{Digest, Sha256};

use crate::observation::Observation;

/// How much of an unreadable arrival is kept, in bytes.
pub const UNREADABLE_KEPT_BYTES: usize = 64 * 1024;

/// Something that came over a link.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Arrival {
    /// The link it came over: `mqtt`, `http`, `serial:/dev/ttyS0`, `import`.
    pub link: String,
    /// What came.
    pub body: ArrivalBody,
}

/// What came: understood, or kept as it was.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ArrivalBody {
    /// An observation.
    Observation(Box<Observation>),
    /// Bytes that were no observation.
    Unreadable(Unreadable),
}

/// Bytes that could not be understood: kept, counted, shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unreadable {
    /// The source that sent them, where the link knows it.
    pub source: Option<String>,
    /// The first 64 KiB.
    pub head: Vec<u8>,
    /// The whole length in bytes.
    pub length: u64,
    /// SHA-256 over the whole.
    pub sha256: [u8; 32],
    /// Why they are no observation.
    pub reason: String,
}

impl Unreadable {
    /// Keeps what there is to keep of `bytes`.
    #[must_use]
    pub fn new(source: Option<String>, bytes: &[u8], reason: impl Into<String>) -> Self {
        Self {
            source,
            head: bytes[..bytes.len().min(UNREADABLE_KEPT_BYTES)].to_vec(),
            length: bytes.len() as u64,
            sha256: Sha256::digest(bytes).into(),
            reason: reason.into(),
        }
    }
}

/// What became of an arrival, after its commit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Kept {
    /// Its number in the journal; of the first one, where it is a duplicate.
    pub journal_seq: u64,
    /// It was known already.
    pub duplicate: bool,
}

/// The writer is gone or storage is in doubt: nothing was acknowledged, send again later.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not kept: {reason}; nothing was acknowledged, send it again later")]
pub struct NotKept {
    /// Why, for the log and the sender.
    pub reason: String,
}

/// Resolves once the arrival is durable.
pub struct Receipt(Pin<Box<dyn Future<Output = Result<Kept, NotKept>> + Send>>);

impl Receipt {
    /// Wraps the writer's answer.
    #[must_use]
    pub fn new(answer: impl Future<Output = Result<Kept, NotKept>> + Send + 'static) -> Self {
        Self(Box::pin(answer))
    }
}

impl Future for Receipt {
    type Output = Result<Kept, NotKept>;
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.0.as_mut().poll(cx)
    }
}

/// The way into the bounded queue of the one writer.
pub trait Intake: Clone + Send + Sync + 'static {
    /// Waits for a place in the queue, which is the back-pressure to this source alone, then
    /// returns a receipt that resolves after the commit.
    fn submit(&self, arrival: Arrival) -> impl Future<Output = Result<Receipt, NotKept>> + Send;
}
