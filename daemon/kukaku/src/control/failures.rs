//! Failure reports.

use kukaku_schema::Name;
use kukaku_schema::failure::FailureForm;

use super::by_two::signed_in_users;
use super::server::Desk;
use super::{Credentials, Reply};
use crate::clock;
use crate::failure::Failure;
use crate::failure_reports::{self, NotReported};

/// Takes a report in.
pub(super) async fn report(desk: &Desk, form: FailureForm, by: Credentials) -> Result<Reply, Failure> {
    let user = Name::new(by.user.as_str()).map_err(Failure::Failed)?;
    signed_in_users(desk, vec![by]).await?;
    let line = format!("failure report {}, {}, by {user}", form.id, form.stage.word());
    let taken = failure_reports::take(&desk.writer, desk.store.clone(), form, user, clock::now()).await;
    let entry = taken.map_err(|why| match why {
        NotReported::Refused(why) => Failure::Written(why.to_string()),
        NotReported::Failed(why) => Failure::Store(why),
    })?;
    Ok(Reply::Done { lines: vec![format!("journal entry {entry}: {line}")] })
}
