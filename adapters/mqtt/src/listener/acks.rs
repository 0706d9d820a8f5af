//! Acknowledging, in the order of the publishes, as soon as their receipts resolve.

use std::future::poll_fn;
use std::pin::Pin;
use std::task::Poll;
use std::time::Duration;

use kukaku_codec::mqtt::{self, Reason, Version};
use kukaku_schema::intake::{Kept, NotKept, Receipt};
use tokio::io::{AsyncWrite, AsyncWriteExt};
use tokio::sync::mpsc;

use super::RECEIVE_MAXIMUM;
use crate::event::Counters;

/// How long a client may leave its answers unread before it counts as gone.
const WRITE_TIMEOUT: Duration = Duration::from_secs(10);

/// A message on its way to its commit.
pub(super) struct Waiting {
    pub(super) receipt: Receipt,
    pub(super) answer: Option<Answer>,
}

/// The acknowledgement of a message, once it is kept; none at QoS 0.
pub(super) struct Answer {
    pub(super) packet_id: u16,
    pub(super) reason: Reason,
    pub(super) why: Option<String>,
}

/// An answer that waits for no commit.
#[derive(Debug, Clone, Copy)]
pub(super) enum Control {
    PingResp,
    SubAck { packet_id: u16, filters: usize },
    UnsubAck { packet_id: u16, filters: usize },
}

/// Why acknowledging ended before its time.
#[derive(Debug, thiserror::Error)]
pub(super) enum AckError {
    #[error(transparent)]
    NotKept(#[from] NotKept),
    #[error("write to the client: {0}")]
    Write(#[from] std::io::Error),
    #[error("the client left its answers unread for {} s", WRITE_TIMEOUT.as_secs())]
    Stuck,
}

/// How answers are written for one client.
#[derive(Debug, Clone, Copy)]
pub(super) struct Dialect {
    pub(super) version: Version,
    pub(super) packet_max: usize,
}

/// Writes answers until both channels are closed and everything that waited is answered.
pub(super) async fn run<W: AsyncWrite + Unpin>(
    out: &mut W,
    dialect: Dialect,
    mut waiting: mpsc::Receiver<Waiting>,
    mut control: mpsc::Receiver<Control>,
    counters: &Counters,
) -> Result<(), AckError> {
    let mut batch = Batch { bytes: Vec::with_capacity(4 * usize::from(RECEIVE_MAXIMUM)), dialect, acks: 0 };
    let mut head: Option<Waiting> = None;
    loop {
        let settled = tokio::select! {
            biased;
            outcome = resolved(&mut head), if head.is_some() => batch.settle(head.take(), outcome),
            Some(next) = waiting.recv(), if head.is_none() => { head = Some(next); Ok(()) }
            Some(answer) = control.recv() => { batch.control(answer); Ok(()) }
            else => break,
        };
        let ended = match settled {
            Ok(()) => gather(&mut batch, &mut head, &mut waiting, &mut control).await,
            Err(error) => Err(error),
        };
        // What was kept before a failure is acknowledged even so: it is durable.
        batch.flush(out, counters).await?;
        ended?;
    }
    Ok(())
}

/// Takes everything that can be answered without waiting, so that a commit is one write.
async fn gather(
    batch: &mut Batch,
    head: &mut Option<Waiting>,
    waiting: &mut mpsc::Receiver<Waiting>,
    control: &mut mpsc::Receiver<Control>,
) -> Result<(), AckError> {
    while let Ok(answer) = control.try_recv() {
        batch.control(answer);
    }
    for _ in 0..RECEIVE_MAXIMUM {
        if head.is_none() {
            *head = waiting.try_recv().ok();
        }
        let Some(first) = head else { break };
        let polled = poll_fn(|cx| Poll::Ready(Pin::new(&mut first.receipt).poll(cx))).await;
        match polled {
            Poll::Ready(outcome) => batch.settle(head.take(), outcome)?,
            Poll::Pending => break,
        }
    }
    Ok(())
}

async fn resolved(head: &mut Option<Waiting>) -> Result<Kept, NotKept> {
    match head {
        Some(waiting) => (&mut waiting.receipt).await,
        None => std::future::pending().await,
    }
}

/// Answers to be written at once.
struct Batch {
    bytes: Vec<u8>,
    dialect: Dialect,
    acks: u64,
}

impl Batch {
    fn settle(&mut self, waiting: Option<Waiting>, outcome: Result<Kept, NotKept>) -> Result<(), AckError> {
        outcome?;
        if let Some(Answer { packet_id, reason, why }) = waiting.and_then(|waiting| waiting.answer) {
            let Dialect { version, packet_max } = self.dialect;
            mqtt::encode_puback(&mut self.bytes, version, packet_id, reason, why.as_deref(), packet_max);
            self.acks += 1;
        }
        Ok(())
    }

    fn control(&mut self, answer: Control) {
        let version = self.dialect.version;
        match answer {
            Control::PingResp => mqtt::encode_pingresp(&mut self.bytes),
            Control::SubAck { packet_id, filters } => {
                mqtt::encode_suback(&mut self.bytes, version, packet_id, filters);
            }
            Control::UnsubAck { packet_id, filters } => {
                mqtt::encode_unsuback(&mut self.bytes, version, packet_id, filters);
            }
        }
    }

    async fn flush<W: AsyncWrite + Unpin>(&mut self, out: &mut W, counters: &Counters) -> Result<(), AckError> {
        if self.bytes.is_empty() {
            return Ok(());
        }
        let written = tokio::time::timeout(WRITE_TIMEOUT, async {
            out.write_all(&self.bytes).await?;
            out.flush().await
        });
        written.await.map_err(|_| AckError::Stuck)??;
        counters.acknowledged.fetch_add(self.acks, std::sync::atomic::Ordering::Relaxed);
        self.bytes.clear();
        self.acks = 0;
        Ok(())
    }
}
