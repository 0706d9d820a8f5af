//! Failure reports (障害報告): how one comes into the journal, from the page or the command line.

use std::path::{Path, PathBuf};

use kukaku_schema::failure::{FailureForm, FailureKnown};
use kukaku_schema::intake::{Arrival, ArrivalBody, Intake as _};
use kukaku_schema::observation::{FailureReported, Name};
use kukaku_schema::order::OrderRefused;
use kukaku_schema::{Observation, UtcMicros};
use kukaku_store::{StoreError, query, read_only};

use crate::writer::Writer;

/// The link that failure reports come over.
const LINK: &str = "failure";

/// The name under which the site's own acts are recorded.
const OWN_SOURCE: &str = "kukaku";

/// Why a report was not taken.
#[derive(Debug)]
pub enum NotReported {
    /// It can't be; nothing is wrong with the site.
    Refused(OrderRefused),
    /// The store, or the writer.
    Failed(String),
}

impl From<StoreError> for NotReported {
    fn from(error: StoreError) -> Self {
        Self::Failed(error.to_string())
    }
}

impl From<OrderRefused> for NotReported {
    fn from(refused: OrderRefused) -> Self {
        Self::Refused(refused)
    }
}

/// Takes a report in, entered by the signed-in user `by`; returns its journal entry.
///
/// # Errors
/// Why it was refused, and what was expected; or that it is not durable.
pub async fn take(
    writer: &Writer,
    store: PathBuf,
    form: FailureForm,
    by: Name,
    now: UtcMicros,
) -> Result<u64, NotReported> {
    let judged = tokio::task::spawn_blocking(move || judge(&store, form, by, now)).await;
    let report = judged.map_err(|error| NotReported::Failed(error.to_string()))??;
    let body = ArrivalBody::Observation(Box::new(Observation::FailureReported(Box::new(report))));
    let arrival = Arrival { link: LINK.to_owned(), body };
    let kept = async { writer.submit(arrival).await?.await }.await;
    kept.map(|kept| kept.journal_seq).map_err(|why| NotReported::Failed(why.to_string()))
}

fn judge(store: &Path, form: FailureForm, by: Name, now: UtcMicros) -> Result<FailureReported, NotReported> {
    let conn = read_only(store)?;
    let registers = query::registers(&conn)?
        .ok_or_else(|| OrderRefused::new("台帳がまだありません。", "there are no registers yet; import them first"))?;
    let newest = query::failure_now(&conn, form.id.as_str())?;
    let order = match &form.order {
        Some(order) => query::order_now(&conn, order.as_str())?,
        None => None,
    };
    let has_session = match &form.session {
        Some(session) => !query::sessions_called(&conn, form.client.as_str(), session.as_str())?.is_empty(),
        None => false,
    };
    let known = FailureKnown {
        registers: &registers,
        newest: newest.as_ref(),
        order_client: order.as_ref().map(|order| &order.client),
        has_session,
    };
    let source = Name::new(OWN_SOURCE).map_err(NotReported::Failed)?;
    Ok(form.take(source, by, known, now)?)
}
