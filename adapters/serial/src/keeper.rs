//! What was heard goes to the writer, in order; the panel is answered after the commit.

use kukaku_codec::line::Heard;
use kukaku_schema::DurationUs;
use kukaku_schema::intake::{Arrival, ArrivalBody, Intake};
use tokio::sync::mpsc;

use crate::backoff::Backoff;

/// How many frames may wait for the writer: a minute of a panel that talks without a pause.
pub(crate) const WAITING_MAX: usize = 1024;

/// The first and the longest wait before a refused arrival is offered again.
const OFFER_FIRST: DurationUs = DurationUs(50_000);
const OFFER_MAX: DurationUs = DurationUs(5_000_000);

/// The answer that a frame calls for once it is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Answer {
    /// It came whole.
    Ack,
    /// It came broken.
    Nak,
    /// It was no frame.
    None,
}

/// A frame that was heard.
#[derive(Debug)]
pub(crate) struct Item {
    pub(crate) heard: Heard,
    pub(crate) answer: Answer,
    /// Which opening of the port it came through: an answer belongs to that one alone.
    pub(crate) opening: u64,
}

/// An answer that is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Due {
    pub(crate) answer: Answer,
    pub(crate) opening: u64,
}

/// Keeps every item in turn until the sender is gone.
pub(crate) async fn keep_all<I: Intake>(
    intake: I,
    link: String,
    mut items: mpsc::Receiver<Item>,
    due: mpsc::Sender<Due>,
) {
    while let Some(Item { heard, answer, opening }) = items.recv().await {
        let body = match heard {
            Heard::Observation(observation) => Some(ArrivalBody::Observation(observation)),
            Heard::Unreadable(unreadable) => Some(ArrivalBody::Unreadable(unreadable)),
            Heard::Ignored => None,
        };
        if let Some(body) = body {
            keep(&intake, Arrival { link: link.clone(), body }).await;
        }
        // If power fails here the panel has no answer and sends again; its number makes that one record.
        if answer != Answer::None && due.send(Due { answer, opening }).await.is_err() {
            return;
        }
    }
}

/// Offers an arrival until it is durable. A panel without acknowledgement could not send it again.
async fn keep<I: Intake>(intake: &I, arrival: Arrival) {
    let mut backoff = Backoff::new(OFFER_FIRST, OFFER_MAX);
    loop {
        if let Ok(receipt) = intake.submit(arrival.clone()).await
            && receipt.await.is_ok()
        {
            return;
        }
        tokio::time::sleep(backoff.wait()).await;
    }
}
