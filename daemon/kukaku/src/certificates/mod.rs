//! The site's certificates: made at `init`, renewed before they end, read for their dates.
//!
//! The site has a CA of its own, or hands a request to the customer's. CA and server have
//! different subject names: with equal ones, OpenSSL takes the server's certificate for a
//! self-signed one. Keys are P-256 and never leave their files (mode 0600).

mod make;
mod read;

pub use make::{Made, make_request, make_server_certificate, make_site_ca};
pub use read::{Certificate, read_certificate};

/// How long a server certificate holds, in days: the most that browsers accept, less a margin.
pub const SERVER_DAYS: i64 = 390;

/// How long the site's CA holds, in days: ten years, the life of an installation.
pub const CA_DAYS: i64 = 3653;

/// From this many days before its end, a certificate is spoken of.
pub const WARN_DAYS: i64 = 30;

/// The names a certificate is made for where nothing else is said.
pub const LOOPBACK_NAMES: [&str; 3] = ["localhost", "127.0.0.1", "::1"];

/// What is to be said of a certificate that ends in `days_left` days, if anything: from 30 days
/// on a hint, from 7 on urgent, from 1 on at once, then that it is over.
#[must_use]
pub fn warning(name: &str, days_left: i64) -> Option<String> {
    let renew = "run `kukaku certificates renew` (or have the customer's CA renew it)";
    match days_left {
        i64::MIN..0 => Some(format!("{name} has ended: nobody can connect safely; {renew}")),
        0..=1 => Some(format!("{name} ends within {} day(s): {renew} now", days_left + 1)),
        2..=7 => Some(format!("{name} ends in {days_left} days: {renew} this week")),
        8..=WARN_DAYS => Some(format!("{name} ends in {days_left} days: {renew}")),
        _ => None,
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
