//! What every request goes through, whichever page or answer it asks for.

pub(crate) mod body;
pub(crate) mod cookie;
pub(crate) mod finish;
pub(crate) mod guard;
pub(crate) mod params;
pub(crate) mod stream;
