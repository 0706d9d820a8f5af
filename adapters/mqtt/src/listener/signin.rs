//! Checking who a client is.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use kukaku_codec::mqtt::Reason;
use tokio::sync::Semaphore;

use super::config::VerifyPassword;
use super::users::{Known, Users};
use crate::throttle::{Rate, TokenBucket};

/// Passwords checked at once: a good hash takes a core and tens of megabytes for its time.
const CHECKS_AT_ONCE: usize = 2;

/// Wrong passwords of one user from one address before it has to wait, and how it recovers.
const WRONG_RATE: Rate = Rate { per_second: 1, burst: 10 };

/// Addresses remembered for their wrong passwords; full buckets are forgotten first.
const WRONG_REMEMBERED_MAX: usize = 4096;

/// What a client shows of itself.
pub(super) struct Shown {
    pub(super) address: IpAddr,
    pub(super) user: Option<String>,
    pub(super) password: Option<Vec<u8>>,
    /// Names of its verified certificate, where it showed one.
    pub(super) certificate_names: Vec<String>,
}

/// A sign-in that failed: what the client is told and what the log is told.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct SignInRefused {
    pub(super) reason: Reason,
    pub(super) why: &'static str,
}

/// Checks sign-ins, few at once.
pub(super) struct SignIn {
    verify: VerifyPassword,
    checks: Semaphore,
    wrong: Mutex<HashMap<Culprit, TokenBucket>>,
}

/// Who gave wrong passwords: all users that don't exist count as one.
type Culprit = (IpAddr, Option<String>);

impl SignIn {
    pub(super) fn new(verify: VerifyPassword) -> Self {
        Self { verify, checks: Semaphore::new(CHECKS_AT_ONCE), wrong: Mutex::default() }
    }

    /// Who this is, or why not.
    pub(super) async fn check(&self, users: &Users, shown: Shown, now: Duration) -> Result<Arc<Known>, SignInRefused> {
        let certified = users.certified(&shown.certificate_names);
        let named = shown.user.as_deref().and_then(|name| users.named(name));
        let claimed = match (&shown.user, certified) {
            (None, certified) => certified,
            (Some(_), _) => named,
        };
        let culprit = (shown.address, claimed.map(|known| known.name.clone()));
        if !self.may_try(&culprit, now) {
            return Err(SignInRefused {
                reason: Reason::ConnectionRateExceeded,
                why: "too many wrong passwords, not checked",
            });
        }
        let is_certified = claimed.is_some_and(|claimed| {
            claimed.certificate.is_none() || certified.is_some_and(|certified| Arc::ptr_eq(certified, claimed))
        });
        let hash = match claimed {
            Some(known) => known.password_hash.clone(),
            None => users.decoy_hash.clone(),
        };
        let is_right = match (hash, shown.password) {
            (None, _) => true,
            (Some(_), None) => false,
            (Some(hash), Some(password)) => self.verify(hash, password).await,
        };
        match claimed {
            Some(known) if is_right && is_certified => Ok(Arc::clone(known)),
            _ => {
                self.went_wrong(culprit, now);
                let why = match claimed {
                    None => "no such user",
                    Some(_) if is_right => "it showed no certificate that belongs to this user",
                    Some(_) => "wrong password",
                };
                Err(SignInRefused { reason: Reason::BadUserNameOrPassword, why })
            }
        }
    }

    async fn verify(&self, hash: String, password: Vec<u8>) -> bool {
        let Ok(_turn) = self.checks.acquire().await else {
            return false;
        };
        let verify = Arc::clone(&self.verify);
        // A panic in the check is a wrong password, never a way in.
        tokio::task::spawn_blocking(move || verify(&hash, &password)).await.unwrap_or(false)
    }

    fn may_try(&self, culprit: &Culprit, now: Duration) -> bool {
        let wrong = self.wrong.lock().unwrap_or_else(PoisonError::into_inner);
        wrong.get(culprit).is_none_or(|bucket| bucket.has_token(now))
    }

    fn went_wrong(&self, culprit: Culprit, now: Duration) {
        let mut wrong = self.wrong.lock().unwrap_or_else(PoisonError::into_inner);
        if wrong.len() >= WRONG_REMEMBERED_MAX {
            wrong.retain(|_, bucket| !bucket.is_full(now));
        }
        if wrong.len() < WRONG_REMEMBERED_MAX || wrong.contains_key(&culprit) {
            wrong.entry(culprit).or_insert_with(|| TokenBucket::new(WRONG_RATE)).take(now);
        }
    }
}
