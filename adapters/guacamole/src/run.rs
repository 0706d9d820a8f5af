//! Asks again and again, and keeps what comes before it goes on.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use kukaku_schema::intake::{Arrival, ArrivalBody, Intake, NotKept, Receipt};
use kukaku_schema::{DurationUs, Span, UtcMicros};

use crate::poller::{Poller, Turn};

/// Until the first try after a failure; doubled with each further one.
const RETRY_FIRST: Duration = Duration::from_secs(2);

/// Longest between two tries: three of them are still below the usual patience with a silent source.
const RETRY_MAX: Duration = Duration::from_secs(60);

/// Longest wait for a commit: storage that takes longer is in trouble, and all is asked again.
const COMMIT_LONGEST: Duration = Duration::from_secs(60);

/// What a link reports beside arrivals.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LinkEvent {
    /// It answered, and all that is new is kept.
    Answered,
    /// It did not, or nothing can be kept: why.
    Trouble {
        /// For the log and the page of the parts.
        why: String,
    },
    /// Records that started within this span, by our clock, can't be had; the gap is kept.
    Lost {
        /// The first may lie in it, and the last.
        span: Span,
    },
}

/// Hears what happens.
pub type Reporter = Arc<dyn Fn(LinkEvent) + Send + Sync>;

/// Asks every `interval` until `stop` resolves.
pub async fn run<I: Intake>(
    poller: Poller,
    interval: DurationUs,
    intake: I,
    now: impl Fn() -> UtcMicros,
    report: Reporter,
    stop: impl Future<Output = ()>,
) {
    let interval = Duration::from_micros(u64::try_from(interval.0).unwrap_or(1_000_000));
    let mut stop = std::pin::pin!(stop);
    let (mut poller, mut failures) = (poller, 0_u32);
    loop {
        let at = now();
        // The client blocks; its own time-out ends the thread.
        let asking = tokio::task::spawn_blocking(move || {
            let asked = poller.ask(at);
            (poller, asked)
        });
        let asked;
        (poller, asked) = tokio::select! {
            () = &mut stop => return,
            done = asking => match done {
                Ok(done) => done,
                Err(error) => match error.try_into_panic() {
                    Ok(panic) => std::panic::resume_unwind(panic),
                    // The program ends.
                    Err(_) => return,
                },
            },
        };
        let outcome = match asked {
            Err(trouble) => Err(trouble.to_string()),
            Ok(turn) => tokio::select! {
                () = &mut stop => return,
                kept = keep(&intake, turn, &mut poller, &report) => kept.map_err(|e| e.to_string()),
            },
        };
        failures = if outcome.is_ok() { 0 } else { failures.saturating_add(1) };
        report(outcome.map_or_else(|why| LinkEvent::Trouble { why }, |()| LinkEvent::Answered));
        let retry = RETRY_FIRST.saturating_mul(1 << failures.saturating_sub(1).min(16)).min(RETRY_MAX);
        tokio::select! {
            () = &mut stop => break,
            () = tokio::time::sleep(if failures == 0 { interval } else { retry }) => {}
        }
    }
    // Another request with a time-out of its own; nobody waits for what comes of it.
    drop(tokio::task::spawn_blocking(move || poller.sign_out()));
}

/// Sees all of a round to its commit, then remembers it. If power fails before, the same is asked
/// and said again, and is known by its identity.
async fn keep<I: Intake>(intake: &I, turn: Turn, poller: &mut Poller, report: &Reporter) -> Result<(), NotKept> {
    let mut turn = turn;
    let mut receipts: Vec<Receipt> = Vec::with_capacity(turn.bodies.len());
    for body in std::mem::take(&mut turn.bodies) {
        receipts.push(intake.submit(arrival(body)).await?);
    }
    for receipt in receipts {
        let late = || NotKept { reason: "the commit takes too long".to_owned() };
        tokio::time::timeout(COMMIT_LONGEST, receipt).await.map_err(|_| late())??;
    }
    if let Some(span) = turn.lost {
        report(LinkEvent::Lost { span });
    }
    poller.keep(turn);
    Ok(())
}

fn arrival(body: ArrivalBody) -> Arrival {
    Arrival { link: "guacamole".to_owned(), body }
}
