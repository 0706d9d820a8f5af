//! What can go wrong with users, their sign-ins and keys.

use super::rules::PasswordFault;
use crate::error::StoreError;

/// Why an act on users, sign-ins or keys failed.
#[derive(Debug, thiserror::Error)]
pub enum UsersError {
    /// The store could not be read or written.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The system gave no random numbers.
    #[error("read random numbers: {0}")]
    Random(String),
    /// A user of that name stands already.
    #[error("user {0:?} exists already")]
    Exists(String),
    /// No such user.
    #[error("there is no user {0:?}")]
    NoUser(String),
    /// Without it nobody could keep the users any more.
    #[error("{0:?} is the last administrator; make another one first")]
    LastAdministrator(String),
    /// No such key.
    #[error("there is no key {0:?}")]
    NoKey(String),
    /// A name out of shape.
    #[error("{0:?} is no user name: 1 to 64 letters, digits, '.', '_', '-' or '@'")]
    Name(String),
    /// A new password that will not do.
    #[error("{}", .0.label(kukaku_schema::Lang::En))]
    Password(PasswordFault),
    /// The present password was wrong, or must not be tried now.
    #[error("the present password is wrong")]
    Refused,
    /// A role and what its user may see don't fit.
    #[error("a user of the role {0}: {1}")]
    Extent(&'static str, &'static str),
    /// A token out of shape.
    #[error("a token has a seed of 16 to 64 bytes, codes of 6 to 8 digits, and a step of 15 to 120 seconds or a count")]
    Token,
    /// A key of a client reads, and does nothing else.
    #[error("a key that reads a client's records reads (--may-read), and speaks for no source")]
    KeyOfClient,
    /// A key without any source would be good for nothing.
    #[error("a key needs at least one source")]
    NoSource,
}

/// Adds what was tried to an error of SQLite.
pub(super) fn in_act(act: &'static str) -> impl FnOnce(rusqlite::Error) -> UsersError {
    move |error| UsersError::Store(crate::error::in_act(act)(error))
}
