//! The API's description (OpenAPI 3.1), made from the table of routes and the types of the answers.

use axum::Json;
use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde_json::{Map, Value, json};

use super::failures::{FailureDetail, FailureShape};
use super::finding_shapes::{FindingDetail, FindingShape};
use super::logs::{LOG_BODY_MAX_BYTES, LOG_LINES_MAX, LogAnswer};
use super::observations::{BODY_MAX_BYTES, LINES_MAX};
use super::shapes::{
    All, EntryShape, LinesAnswer, Page, Problem, SessionDetail, SessionsPage, SourceShape, StatusShape, ZoneShape,
};
use crate::routes::{Access, Route, TABLE};

/// The one route whose path holds a text.
const FAILURE: &str = "/api/v1/failures/{id}";

pub(super) type Shaped = fn(&mut SchemaGenerator) -> Schema;

/// What a route's description says beyond the table.
pub(crate) struct Doc {
    pub(super) summary: &'static str,
    pub(super) about: String,
    /// The body it takes.
    pub(super) body: Option<Body>,
    /// What it answers with when all is well.
    pub(super) answer: Option<Shaped>,
    /// The statuses that it answers with otherwise, each with the reason.
    pub(super) refusals: &'static [(u16, &'static str)],
}

pub(super) enum Body {
    Observations,
    Log,
    /// One object of this shape.
    Object(Shaped),
    /// A text, and what it is.
    Text(&'static str),
}

const SIGNED_IN: (u16, &str) = (401, "Not signed in, and no key that may read.");
const FORBIDDEN: (u16, &str) = (403, "The key may not read.");
const PARAMETER: (u16, &str) = (400, "A parameter is unknown, given twice or out of shape; `detail` names it.");
const MISSING: (u16, &str) = (404, "There is none of that number.");
const BUSY: (u16, &str) = (503, "Too much to do at once, or the search took too long.");

pub(super) const READING: &[(u16, &str)] = &[PARAMETER, SIGNED_IN, FORBIDDEN, BUSY];
pub(super) const READING_ONE: &[(u16, &str)] = &[PARAMETER, SIGNED_IN, FORBIDDEN, MISSING, BUSY];

pub(super) fn reading<T: JsonSchema>(
    summary: &'static str,
    about: &str,
    refusals: &'static [(u16, &'static str)],
) -> Doc {
    Doc { summary, about: about.to_owned(), body: None, answer: Some(SchemaGenerator::subschema_for::<T>), refusals }
}

pub(crate) fn observations() -> Doc {
    Doc {
        summary: "Hand in observations",
        about: format!(
            "Observations, one or one a line (`application/json`, `application/x-ndjson`; at most {LINES_MAX} lines and {BODY_MAX_BYTES} bytes). \
             The answer comes after the commit: what it calls kept or duplicate is durable. Handing in the same again changes nothing, \
             so after any error, or no answer at all, send it again. A line that is no observation is kept as it came and \
             answered as unreadable."
        ),
        body: Some(Body::Observations),
        answer: Some(SchemaGenerator::subschema_for::<LinesAnswer>),
        refusals: &[
            (400, "The body is empty, has too many lines, or broke off."),
            (401, "No valid key: `Authorization: Bearer kk_...`."),
            (403, "The key may not speak for any of the sources in the body."),
            (408, "The body came too slowly."),
            (413, "The body is too long; nothing is said of its lines, send them in several bodies."),
            (415, "Neither `application/json` nor `application/x-ndjson`."),
            (429, "Too many wrong keys from this address."),
            (503, "Nothing of it is durable: send it again later."),
        ],
    }
}

pub(crate) fn logs() -> Doc {
    Doc {
        summary: "Hand in the log of a gateway or of Windows",
        about: format!(
            "The log of one source in its own words, read by the dialect that its `[[web.log]]` table names: a line each \
             (`text/plain`, `application/x-ndjson`), or JSON (`application/json`): one value, an array, or one behind the \
             other; at most {LOG_LINES_MAX} lines and {LOG_BODY_MAX_BYTES} bytes, not compressed. The answer comes after the commit of all \
             that the log says; most lines say nothing. With any other answer, or none, send the same again: what is known already \
             counts once. A line that should say something and can't be understood is kept as it came, and counted."
        ),
        body: Some(Body::Log),
        answer: Some(SchemaGenerator::subschema_for::<LogAnswer>),
        refusals: &[
            (400, "The source is missing or has no `[[web.log]]` table, or the body has too many lines or broke off."),
            (401, "No valid key: `Authorization: Bearer kk_...`, or Basic with the key as password."),
            (403, "The key may not speak for this source."),
            (408, "The body came too slowly."),
            (413, "The body is too long; nothing of it is kept, send it in several."),
            (415, "Another content type, or a compressed body."),
            (429, "Too many wrong keys from this address."),
            (503, "It is not all durable: send it again later."),
        ],
    }
}

pub(crate) fn status() -> Doc {
    reading::<StatusShape>("How the site is", "The figures of the status page.", READING)
}

pub(crate) fn zones() -> Doc {
    reading::<All<ZoneShape>>("Zones and who is inside", "Being in a zone is being in the zones around it.", READING)
}

pub(crate) fn sessions() -> Doc {
    reading::<SessionsPage>(
        "Sessions with their verdicts",
        "Latest start first. `missing` tells where sessions may be missing because their source was not heard: \
         within `from` and `to`, or the last day where they are not given.",
        READING,
    )
}

pub(crate) fn session() -> Doc {
    reading::<SessionDetail>(
        "One session",
        "With every revision of its verdict and the findings that name it.",
        READING_ONE,
    )
}

pub(crate) fn entries() -> Doc {
    reading::<Page<EntryShape>>("Door readings", "Newest first.", READING)
}

pub(crate) fn findings() -> Doc {
    reading::<Page<FindingShape>>("Findings", "Latest change first; those that hold, unless `all` is given.", READING)
}

pub(crate) fn finding() -> Doc {
    reading::<FindingDetail>("One finding", "With what proves it and what to do.", READING_ONE)
}

pub(crate) fn failures() -> Doc {
    reading::<Page<FailureShape>>(
        "Failure reports",
        "Each failure with its newest report, noticed last first.",
        READING,
    )
}

pub(crate) fn failure() -> Doc {
    reading::<FailureDetail>("One failure", "With every report on it, to the word.", READING_ONE)
}

pub(crate) fn sources() -> Doc {
    reading::<All<SourceShape>>("Sources", "Every source that ever spoke.", READING)
}

pub(crate) fn openapi() -> Doc {
    Doc { summary: "This description", about: String::new(), body: None, answer: None, refusals: &[] }
}

/// `GET /api/v1/openapi.json`.
pub(crate) async fn document() -> Json<Value> {
    Json(described())
}

/// The whole description.
pub(crate) fn described() -> Value {
    let settings = SchemaSettings::draft2020_12().with(|settings| {
        settings.definitions_path = "/components/schemas".into();
        settings.meta_schema = None;
    });
    let mut schemas = settings.for_serialize().into_generator();
    let mut paths: Map<String, Value> = Map::new();
    for route in TABLE.iter() {
        if let Some(doc) = &route.doc {
            let operation = operation(route, doc, &mut schemas);
            let path = paths.entry(route.path).or_insert_with(|| json!({}));
            path[route.method.as_str().to_lowercase()] = operation;
        }
    }
    let definitions = schemas.take_definitions(true);
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "kukaku",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "Who was in the zone while remote sessions were open. Times are RFC 3339.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "paths": paths,
        "components": {
            "schemas": definitions,
            "securitySchemes": {
                "key": {"type": "http", "scheme": "bearer", "description": "A key `kk_<id>_<secret>`."},
                "cookie": {"type": "apiKey", "in": "cookie", "name": crate::http::cookie::SESSION},
            },
        },
    })
}

fn operation(route: &Route, doc: &Doc, schemas: &mut SchemaGenerator) -> Value {
    let mut responses = Map::new();
    let answer = match doc.answer {
        Some(shape) => json!(shape(schemas)),
        None => json!({"type": "object"}),
    };
    responses
        .insert("200".to_owned(), json!({"description": "Done.", "content": {"application/json": {"schema": answer}}}));
    if route.path == "/api/v1/orders" && route.method == axum::http::Method::POST {
        let created =
            json!({"description": "A new order is written.", "content": {"application/json": {"schema": answer}}});
        responses.insert("201".to_owned(), created);
    }
    for (status, why) in doc.refusals {
        let problem = schemas.subschema_for::<Problem>();
        let body = json!({"description": why, "content": {"application/problem+json": {"schema": problem}}});
        responses.insert(status.to_string(), body);
    }
    let mut parameters: Vec<Value> = route
        .path
        .split('/')
        .filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'))
        .map(|name| {
            let schema = match name {
                "order" => json!({"type": "string", "description": "The order's number, percent-encoded."}),
                // What people number themselves is a text.
                _ if route.path == FAILURE => json!({"type": "string"}),
                _ => json!({"type": "integer", "minimum": 0}),
            };
            json!({"name": name, "in": "path", "required": true, "schema": schema})
        })
        .collect();
    parameters.extend(
        route.params.iter().map(
            |param| json!({"name": param.name, "in": "query", "description": param.about, "schema": param.schema()}),
        ),
    );
    let security = match route.access {
        Access::Open => json!([]),
        Access::Intake => json!([{"key": []}]),
        Access::Code | Access::Change | Access::Full | Access::Wall => json!([{"cookie": []}, {"key": []}]),
    };
    let mut out = json!({
        "summary": doc.summary,
        "parameters": parameters,
        "security": security,
        "responses": responses,
    });
    if !doc.about.is_empty() {
        out["description"] = json!(doc.about);
    }
    match doc.body {
        None => {}
        Some(Body::Observations) => {
            let observation = schemas.subschema_for::<kukaku_schema::Observation>();
            out["requestBody"] = json!({"required": true, "content": {
                "application/json": {"schema": observation},
                "application/x-ndjson": {"schema": {"type": "string", "description": "One observation a line."}},
            }});
        }
        Some(Body::Object(shape)) => {
            let shape = shape(schemas);
            out["requestBody"] = json!({"required": true, "content": {"application/json": {"schema": shape}}});
        }
        Some(Body::Text(what)) => {
            let text = json!({"type": "string", "description": what});
            out["requestBody"] = json!({"required": true, "content": {"text/plain": {"schema": text}}});
        }
        Some(Body::Log) => {
            out["requestBody"] = json!({"required": true, "content": {
                "text/plain": {"schema": {"type": "string", "description": "The lines of the log."}},
                "application/json": {"schema": {"type": ["object", "array"], "description": "Events, as their dialect has them."}},
                "application/x-ndjson": {"schema": {"type": "string", "description": "One event a line."}},
            }});
        }
    }
    out
}
