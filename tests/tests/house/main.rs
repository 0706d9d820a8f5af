//! The house in order: what the documents say exists, what the code says is documented.
//!
//! Harm: a manager follows a document to a file that isn't there, a vendor's programmer sends
//! what the published schema allows and is refused, an inspector meets a word that nobody
//! explains.

mod code;
mod documents;
mod glossary;
mod repository;
mod wire;
