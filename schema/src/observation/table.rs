//! How the table of kinds becomes types: the macro behind `kinds`.

macro_rules! device_time {
    (instant, $body:expr) => {
        Some($body.device_time)
    };
    (span, $body:expr) => {
        None
    };
}

/// Rare and long ones lie elsewhere, so that the others stay small.
macro_rules! held {
    ($variant:ident) => {
        $variant
    };
    ($variant:ident boxed) => {
        Box<$variant>
    };
}

macro_rules! observations {
    ($( $(#[$doc:meta])* $word:literal $time:ident $variant:ident $($boxed:ident)? {
        $( $(#[$fmeta:meta])* $field:ident : $type:ty, )*
    } )*) => {
        /// The kind of an observation: its `kind` field on the wire.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Kind { $( $(#[$doc])* $variant, )* }

        impl Kind {
            /// Every kind, in the order of the documentation.
            pub const ALL: &'static [Self] = &[ $( Self::$variant, )* ];

            /// The word on the wire.
            #[must_use]
            pub fn word(self) -> &'static str {
                match self { $( Self::$variant => $word, )* }
            }
        }

        /// One thing that a source said.
        #[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
        #[serde(tag = "kind")]
        pub enum Observation { $( $(#[$doc])* #[serde(rename = $word)] $variant(held!($variant $($boxed)?)), )* }

        impl Observation {
            /// Its kind.
            #[must_use]
            pub fn kind(&self) -> Kind {
                match self { $( Self::$variant(_) => Kind::$variant, )* }
            }

            /// What it says of itself.
            #[must_use]
            pub fn header(&self) -> Header<'_> {
                match self { $( Self::$variant(body) => Header {
                    source: &body.source,
                    epoch: body.epoch.as_ref(),
                    seq: body.seq,
                    event_id: body.event_id.as_ref(),
                    device_time: device_time!($time, body),
                }, )* }
            }
        }

        /// The JSON Schema of each kind, by its word.
        #[must_use]
        pub fn json_schemas() -> Vec<(&'static str, schemars::Schema)> {
            vec![ $( ($word, super::table::tagged($word, schemars::schema_for!($variant))), )* ]
        }

        $(
            $(#[$doc])*
            #[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
            #[serde(deny_unknown_fields)]
            pub struct $variant {
                /// Who speaks.
                pub source: Name,
                /// The numbering that `seq` belongs to; changes when the source starts numbering anew.
                #[serde(default, skip_serializing_if = "Option::is_none")]
                pub epoch: Option<Name>,
                /// The source's own number of this observation.
                #[serde(default, skip_serializing_if = "Option::is_none")]
                pub seq: Option<u64>,
                /// The source's own id of it, where there is no number.
                #[serde(default, skip_serializing_if = "Option::is_none")]
                pub event_id: Option<Name>,
                $( $(#[$fmeta])* pub $field : $type, )*
            }
        )*
    };
}

/// Adds the `kind` word that the tagged enum puts beside the fields.
pub(super) fn tagged(word: &str, mut schema: schemars::Schema) -> schemars::Schema {
    let object = schema.ensure_object();
    if let Some(properties) = object.get_mut("properties").and_then(serde_json::Value::as_object_mut) {
        properties.insert("kind".to_owned(), serde_json::json!({ "const": word }));
    }
    if let Some(required) = object.get_mut("required").and_then(serde_json::Value::as_array_mut) {
        required.insert(0, serde_json::json!("kind"));
    }
    object.insert("title".to_owned(), serde_json::json!(word));
    // The published text must not depend on which crate of the build asks serde_json to keep the
    // order of insertion.
    object.sort_keys();
    object.values_mut().for_each(serde_json::Value::sort_all_objects);
    schema
}
