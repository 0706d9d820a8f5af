//! When a message goes out, again, or no more. Pure: time and chance are arguments.
//!
//! The outbox itself, a table, and the loop that works it off are the daemon's. A row holds an
//! alert, a channel and an [`Attempts`]; the loop takes the rows of one channel that are due,
//! asks [`plan_batch`] what may go, delivers, and keeps what [`Attempts::failed`] or
//! [`Attempts::delivered`] returns. The row is written after each attempt: a crash between a
//! delivery and its row repeats the message with the same id, and never loses it.

use kukaku_schema::{DurationUs, UtcMicros};
use serde::{Deserialize, Serialize};

use crate::alert::{Alert, AlertKind, AlertState};
use crate::config::ChannelId;
use crate::error::{ConfigError, DeliveryError};

/// No policy may give up earlier: an office that is shut over a weekend still gets its alerts.
pub const GIVE_UP_NOT_BEFORE: DurationUs = DurationUs::from_secs(3 * 86_400);

/// The window of the storm guard.
pub const STORM_WINDOW: DurationUs = DurationUs::from_secs(60);

/// Most alerts that a digest lists; it says how many more there are.
const DIGEST_MAX_LINES: usize = 50;

/// How failed deliveries are tried again: the wait doubles, up to `longest`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RetryPolicy {
    /// The wait after the first failure.
    pub first: DurationUs,
    /// The longest wait; also the wait after a refusal, which a person has to repair.
    pub longest: DurationUs,
    /// After this time since the alert was recorded, it is given up and shown as failed.
    pub give_up: DurationUs,
}

impl Default for RetryPolicy {
    fn default() -> Self {
        Self {
            first: DurationUs::from_secs(5),
            longest: DurationUs::from_secs(15 * 60),
            give_up: DurationUs::from_secs(7 * 86_400),
        }
    }
}

impl RetryPolicy {
    /// Checks the limits.
    ///
    /// # Errors
    /// Names the field that lies outside.
    pub fn check(&self) -> Result<(), ConfigError> {
        let wrong = |field, reason: &str| Err(ConfigError::value("retry", field, reason));
        if self.first < DurationUs::from_secs(1) {
            return wrong("first", "shorter than 1s: a peer in trouble would be hammered");
        }
        if self.longest < self.first || self.longest > DurationUs::from_secs(86_400) {
            return wrong("longest", "must lie between `first` and 1d");
        }
        if self.give_up < GIVE_UP_NOT_BEFORE {
            return wrong("give_up", "shorter than 3d: an alert must survive a weekend");
        }
        Ok(())
    }

    /// The wait after failure number `failures` (from 1): doubled each time, up to `longest`,
    /// less up to a quarter by `chance`, so that many rows don't come back at one instant.
    #[must_use]
    pub fn wait(&self, failures: u32, refused: bool, chance: u64) -> DurationUs {
        // 2^40 times a second is longer than any `longest`; the shift can't overflow below it.
        let doubled = self.first.0.saturating_mul(1_i64 << failures.saturating_sub(1).min(40));
        let full = if refused { self.longest.0 } else { doubled.min(self.longest.0) };
        let quarter = (full / 4).max(1);
        let less = i64::try_from(scatter(chance ^ u64::from(failures)) % quarter.unsigned_abs()).unwrap_or(0);
        DurationUs(full - less)
    }
}

/// Spreads close seeds over all numbers (the finaliser of SplitMix64).
fn scatter(seed: u64) -> u64 {
    let mut x = seed.wrapping_add(0x9E37_79B9_7F4A_7C15);
    x = (x ^ (x >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    x ^ (x >> 31)
}

/// Where a row of the outbox stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DeliveryState {
    /// Not yet delivered; due at `next_at`.
    Waiting,
    /// The peer has it, alone or in a digest.
    Delivered,
    /// Given up; shown until a person looks at it.
    Failed,
}

impl DeliveryState {
    /// Every state.
    pub const ALL: [Self; 3] = [Self::Waiting, Self::Delivered, Self::Failed];

    /// The word in the outbox.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Delivered => "delivered",
            Self::Failed => "failed",
        }
    }

    /// Reads the word back.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.word() == word)
    }
}

/// What the outbox keeps of a row's attempts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attempts {
    /// Where it stands.
    pub state: DeliveryState,
    /// How often it failed.
    pub failures: u32,
    /// When it is due; of no meaning once it is delivered or failed.
    pub next_at: UtcMicros,
    /// What went wrong last.
    pub last_error: Option<String>,
    /// A person has to repair something: shown at once, although it is still tried.
    pub needs_person: bool,
}

impl Attempts {
    /// A new row, due at once.
    #[must_use]
    pub fn new(recorded_at: UtcMicros) -> Self {
        Self { state: DeliveryState::Waiting, failures: 0, next_at: recorded_at, last_error: None, needs_person: false }
    }

    /// After a delivery.
    #[must_use]
    pub fn delivered(&self) -> Self {
        Self { state: DeliveryState::Delivered, needs_person: false, ..self.clone() }
    }

    /// After a failure at `now`. `chance` is any number, best the row's own.
    ///
    /// The clock may have been set back since: the time that is over never counts as negative,
    /// and the next instant lies after `now`, so that a row never waits for a wrong clock.
    #[must_use]
    pub fn failed(
        &self,
        policy: &RetryPolicy,
        recorded_at: UtcMicros,
        error: &DeliveryError,
        now: UtcMicros,
        chance: u64,
    ) -> Self {
        let failures = self.failures.saturating_add(1);
        let over = now.since(recorded_at) >= policy.give_up.max(GIVE_UP_NOT_BEFORE);
        Self {
            state: if over { DeliveryState::Failed } else { DeliveryState::Waiting },
            failures,
            next_at: now.plus(policy.wait(failures, error.is_refused(), chance)),
            last_error: Some(error.to_string()),
            needs_person: over || error.is_refused(),
        }
    }
}

/// How many messages a channel gets at most.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct StormLimit {
    /// Messages a minute and channel, the digest included; at least 1.
    pub per_minute: std::num::NonZeroU32,
}

impl Default for StormLimit {
    fn default() -> Self {
        const TEN: std::num::NonZeroU32 = std::num::NonZeroU32::new(10).expect("10 is not zero");
        Self { per_minute: TEN }
    }
}

/// What may go out on one channel now; the numbers are places in the list of due alerts.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Batch {
    /// These go out one by one, in this order.
    pub singly: Vec<usize>,
    /// These go out in one digest.
    pub digest: Vec<usize>,
    /// Nothing goes before this instant; asked again then.
    pub wait_until: Option<UtcMicros>,
}

/// Decides what of `due` goes out on one channel at `now`.
///
/// `sent_at` are the instants of the channel's deliveries within the last [`STORM_WINDOW`]
/// (older ones are ignored). While there is room for all, each goes alone. Otherwise the gravest,
/// oldest first, go alone and everything else in one digest, which takes the last place.
#[must_use]
pub fn plan_batch(limit: StormLimit, sent_at: &[UtcMicros], due: &[Alert], now: UtcMicros) -> Batch {
    let mut recent: Vec<UtcMicros> =
        sent_at.iter().copied().filter(|at| *at <= now && now.since(*at) < STORM_WINDOW).collect();
    recent.sort_unstable();
    let most = usize::try_from(limit.per_minute.get()).unwrap_or(usize::MAX);
    let room = most.saturating_sub(recent.len());
    if due.is_empty() {
        return Batch::default();
    }
    if room == 0 {
        // The first place is free when the newest `most` deliveries lose their oldest.
        let oldest = recent[recent.len() - most];
        return Batch { wait_until: Some(oldest.plus(STORM_WINDOW)), ..Batch::default() };
    }
    let mut order: Vec<usize> = (0..due.len()).collect();
    if due.len() <= room {
        return Batch { singly: order, ..Batch::default() };
    }
    order.sort_by_key(|&i| (std::cmp::Reverse(due[i].severity), due[i].recorded_at, i));
    let digest = order.split_off(room - 1);
    Batch { singly: order, digest, wait_until: None }
}

/// Puts many alerts of one channel into one message.
///
/// Of each finding only the newest revision is listed. The digest's key is made of what it
/// holds, so a repeated attempt is the same message.
#[must_use]
pub fn digest(channel: &ChannelId, alerts: &[&Alert], now: UtcMicros) -> Option<Alert> {
    let mut newest: Vec<&Alert> = Vec::new();
    for alert in alerts {
        match newest.iter_mut().find(|known| known.finding == alert.finding) {
            Some(known) if known.revision < alert.revision => *known = alert,
            Some(_) => {}
            None => newest.push(alert),
        }
    }
    newest.sort_by_key(|alert| (std::cmp::Reverse(alert.severity), alert.recorded_at));
    let gravest = *newest.first()?;
    let lang = gravest.lang;
    let count = newest.len();
    let mut proof: Vec<String> =
        newest.iter().take(DIGEST_MAX_LINES).map(|alert| crate::text::headline(alert)).collect();
    if count > DIGEST_MAX_LINES {
        let more = count - DIGEST_MAX_LINES;
        proof.push(lang.pick(format!("ほか {more} 件"), format!("and {more} more")));
    }
    let mut ids: Vec<String> = alerts.iter().map(|alert| alert.delivery_id(channel)).collect();
    ids.sort_unstable();
    Some(Alert {
        finding: format!("digest-{}", crate::alert::hex(&sha256(ids.concat().as_bytes())[..16])),
        kind: AlertKind::Digest,
        severity: gravest.severity,
        revision: 1,
        state: AlertState::Changed,
        lang,
        client: None,
        title: lang.pick(
            format!("通知 {count} 件をまとめました（最も重いもの：{}）", gravest.severity.label(lang)),
            format!("{count} alerts in one message (gravest: {})", gravest.severity.label(lang)),
        ),
        who: String::new(),
        place: String::new(),
        proof,
        to_do: lang.pick("画面で一覧を確認してください。", "Look at the list of findings on the pages.").to_owned(),
        site: gravest.site.clone(),
        time_zone: gravest.time_zone.clone(),
        since: newest.iter().map(|alert| alert.since).min()?,
        until: None,
        recorded_at: now,
        link: None,
    })
}

fn sha256(bytes: &[u8]) -> [u8; 32] {
    use sha2::Digest as _;
    sha2::Sha256::digest(bytes).into()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
