//! The API: what the pages show as JSON, and the way in for observations and work orders.
//!
//! Every route stands in the table of `routes`, from which its description is made as well.

pub(crate) mod describe;
pub(crate) mod failures;
pub(crate) mod finding_acts;
pub(crate) mod finding_shapes;
pub(crate) mod logs;
pub(crate) mod metrics;
pub(crate) mod observations;
pub(crate) mod order_docs;
mod order_shapes;
pub(crate) mod orders;
pub(crate) mod read;
mod records;
pub(crate) mod shapes;
