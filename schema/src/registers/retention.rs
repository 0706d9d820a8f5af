//! The rows of agreements on retention.

use serde::{Deserialize, Serialize};

use crate::period::Period;
use crate::record_class::RecordClass;

/// An agreement on how long records are kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Retention {
    /// Its id.
    pub id: String,
    /// With whom; the site's own records where nothing is said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client: Option<String>,
    /// About which records.
    pub class: RecordClass,
    /// They are kept at least that long.
    pub at_least: Period,
    /// They are overdue after that long. Erased they are when `at_least` is over.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub at_most: Option<Period>,
    /// They are erased when `at_least` is over, though no `at_most` asks for it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub erase: bool,
}
