//! What was read goes to the writer, in order; a RELP sender is answered after the commit.

use std::future::{Future, poll_fn};
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::Poll;

use kukaku_codec::syslog::relp;
use kukaku_schema::intake::{Arrival, ArrivalBody, Intake, Receipt};
use tokio::io::{AsyncWrite, AsyncWriteExt};
use tokio::sync::mpsc;

use crate::backoff::Backoff;
use crate::event::Counters;
use crate::limits::{ANSWERS_MAX_BYTES, WRITE_MAX};

/// What stands in line for the commit.
pub(crate) enum Item {
    /// Something handed to the writer, kept here until it is durable.
    Handed { receipt: Receipt, arrival: Arrival },
    /// The RELP line with this number: everything that came of it stands before this.
    Line(u32),
    /// Something to be sent behind all that stands before it.
    Say(Vec<u8>),
}

/// Where what was read is handed on.
pub(crate) struct Pipe<I> {
    pub(crate) intake: I,
    pub(crate) link: Arc<str>,
    pub(crate) counters: Arc<Counters>,
    pub(crate) waiting: mpsc::Sender<Item>,
    /// What was read and is not durable yet. Whoever reads adds to it, before handing on.
    pub(crate) unsettled: Arc<AtomicU64>,
}

/// Nobody takes items any more: answers can't be written.
#[derive(Debug)]
pub(crate) struct Closed;

impl<I: Intake> Pipe<I> {
    /// Hands something to the writer. Waits for a place in its queue, and while it refuses.
    pub(crate) async fn keep(&self, body: ArrivalBody) -> Result<(), Closed> {
        let counter = match &body {
            ArrivalBody::Observation(_) => &self.counters.observations,
            ArrivalBody::Unreadable(_) => &self.counters.unreadable,
        };
        Counters::add(counter, 1);
        let arrival = Arrival { link: self.link.to_string(), body };
        let receipt = offer(&self.intake, &arrival).await;
        // If power fails from here on, it may be kept and is not answered: its sender sends again.
        self.say(Item::Handed { receipt, arrival }).await
    }

    pub(crate) async fn say(&self, item: Item) -> Result<(), Closed> {
        self.waiting.send(item).await.map_err(|_| Closed)
    }
}

/// Offers until the writer takes it. Neither UDP nor plain TCP could send it again.
async fn offer<I: Intake>(intake: &I, arrival: &Arrival) -> Receipt {
    let mut backoff = Backoff::new();
    loop {
        match intake.submit(arrival.clone()).await {
            Ok(receipt) => return receipt,
            Err(_) => backoff.wait().await,
        }
    }
}

/// Sees every item to its commit, in order, and answers; ends when the other end of `waiting` is
/// gone and all is done.
pub(crate) async fn keep_all<I: Intake, W: AsyncWrite + Unpin>(
    intake: I,
    mut waiting: mpsc::Receiver<Item>,
    mut out: W,
    counters: &Counters,
    unsettled: &AtomicU64,
) -> io::Result<()> {
    let mut answers = Answers { bytes: Vec::new(), count: 0 };
    loop {
        let item = match waiting.try_recv() {
            Ok(item) => item,
            Err(_) => {
                answers.flush(&mut out, counters).await?;
                match waiting.recv().await {
                    Some(item) => item,
                    None => return Ok(()),
                }
            }
        };
        match item {
            Item::Handed { mut receipt, arrival } => {
                let at_once = poll_fn(|cx| Poll::Ready(Pin::new(&mut receipt).poll(cx))).await;
                let is_kept = match at_once {
                    Poll::Ready(outcome) => outcome.is_ok(),
                    Poll::Pending => {
                        // Those before it are durable: their sender need not wait for this one.
                        answers.flush(&mut out, counters).await?;
                        receipt.await.is_ok()
                    }
                };
                if !is_kept {
                    answers.flush(&mut out, counters).await?;
                    offer_again(&intake, &arrival).await;
                }
                unsettled.fetch_sub(1, Ordering::Relaxed);
            }
            Item::Line(txnr) => {
                relp::encode_kept(&mut answers.bytes, txnr);
                answers.count += 1;
            }
            Item::Say(bytes) => answers.bytes.extend_from_slice(&bytes),
        }
        if answers.bytes.len() >= ANSWERS_MAX_BYTES {
            answers.flush(&mut out, counters).await?;
        }
    }
}

/// The commit failed: nothing was kept, and it is offered again until it is.
async fn offer_again<I: Intake>(intake: &I, arrival: &Arrival) {
    let mut backoff = Backoff::new();
    loop {
        backoff.wait().await;
        if offer(intake, arrival).await.await.is_ok() {
            return;
        }
    }
}

/// Answers that are due, written at once.
struct Answers {
    bytes: Vec<u8>,
    count: u64,
}

impl Answers {
    async fn flush<W: AsyncWrite + Unpin>(&mut self, out: &mut W, counters: &Counters) -> io::Result<()> {
        if self.bytes.is_empty() {
            return Ok(());
        }
        let written = tokio::time::timeout(WRITE_MAX, async {
            out.write_all(&self.bytes).await?;
            out.flush().await
        });
        written.await.map_err(|_| io::Error::new(io::ErrorKind::TimedOut, "the sender takes no answers"))??;
        Counters::add(&counters.answered, std::mem::take(&mut self.count));
        self.bytes.clear();
        Ok(())
    }
}
