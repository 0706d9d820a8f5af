//! `POST /api/v1/findings/{id}/acts`: what a program does about a finding, for the person who told it.

use axum::Json;
use axum::body::Body;
use axum::extract::{Extension, State};
use axum::http::HeaderMap;
use kukaku_core::desk::DeskAct;
use kukaku_schema::UtcMicros;
use kukaku_schema::order::OrderRefused;
use kukaku_store::query;
use schemars::{JsonSchema, SchemaGenerator};
use serde::Deserialize;

use super::describe::{Body as BodyDoc, Doc};
use super::finding_shapes::ActShape;
use super::orders::{read_json, who};
use crate::error::WebError;
use crate::house::App;
use crate::http::guard::Viewer;
use crate::pages::desk::{Wanted, perform};
use crate::pages::read_view;
use crate::routes::Number;

/// What is to be done.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ActForm {
    /// `acknowledge`, `assign`, `comment`, `snooze`, `forward`, `close`, `reopen`.
    pub act: String,
    /// How many changes the finding had seen when it was looked at: `revision` of the finding.
    pub revision: i64,
    /// What is said, or why.
    #[serde(default)]
    pub text: String,
    /// Who is to see to it, or whom of the city was told.
    #[serde(default)]
    pub to: Option<String>,
    /// Until when it is put off.
    #[serde(default)]
    pub until: Option<UtcMicros>,
}

/// What the description says.
pub(crate) fn doc() -> Doc {
    Doc {
        summary: "Act on a finding",
        about: "Acknowledge it, assign it, comment, put it off, say that the city was told, close it with a reason or open \
                it again. It changes nothing of what holds. Needs a key for source `kukaku`, which is recorded as who did it."
            .to_owned(),
        body: Some(BodyDoc::Object(SchemaGenerator::subschema_for::<ActForm>)),
        answer: Some(SchemaGenerator::subschema_for::<ActShape>),
        refusals: &[
            (400, "The body is no JSON object or broke off, or a parameter is unknown."),
            (401, "No valid key: `Authorization: Bearer kk_...`."),
            (403, "The key is not for source `kukaku`."),
            (404, "There is no such finding."),
            (408, "The body came too slowly."),
            (413, "The body is too long."),
            (415, "Another content type than `application/json`."),
            (422, "It can't be done; `detail` says why, `field` names the field where it is about one."),
            (429, "Too many wrong keys from this address."),
            (503, "It may not be durable: look at the finding, or send it again later."),
        ],
    }
}

/// `POST /api/v1/findings/{id}/acts`.
pub(crate) async fn act(
    State(app): State<App>,
    Extension(viewer): Extension<Viewer>,
    Number(id): Number,
    headers: HeaderMap,
    body: Body,
) -> Result<Json<ActShape>, WebError> {
    let by = who(&viewer)?;
    let form: ActForm = read_json(&headers, body).await?;
    let refused = |(ja, en): (&str, &str)| WebError::Order(Box::new(OrderRefused::new(ja, en)));
    let act = DeskAct::from_word(&form.act).ok_or_else(|| {
        let all = DeskAct::ALL.map(DeskAct::word).join(", ");
        let ja = format!("`act` は次のいずれかです: {all}");
        WebError::Order(Box::new(OrderRefused::new(ja, format!("`act` is one of: {all}")).of("act")))
    })?;
    let wanted = Wanted {
        finding: id,
        revision: form.revision,
        act,
        by: by.as_str().to_owned(),
        person: None,
        text: form.text,
        to: form.to.filter(|to| !to.trim().is_empty()),
        until: form.until,
    };
    perform(&app, &viewer, wanted).await?.map_err(refused)?;
    let (_, acts) = read_view(&app, &viewer, move |reader, _| query::finding_acts(reader, id)).await?;
    acts.into_iter().next().map(|act| Json(act.into())).ok_or(WebError::NotFound)
}
