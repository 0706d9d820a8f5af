//! How often one address may try.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};

use kukaku_schema::{DurationUs, UtcMicros};

/// Addresses that are remembered at once. When it is full the one longest quiet makes place, so
/// a flood from many addresses costs memory for these and no more.
const ADDRESSES_MAX: usize = 4096;

/// A bucket of attempts for each address, refilled with time.
pub(crate) struct AddressLimits {
    burst: f64,
    refill_every: DurationUs,
    buckets: Mutex<BTreeMap<IpAddr, Bucket>>,
}

struct Bucket {
    left: f64,
    seen_at: UtcMicros,
}

impl AddressLimits {
    /// For passwords: 20 at once, then one each six seconds. A shared office address stays usable.
    pub fn sign_in() -> Self {
        Self::new(20.0, DurationUs::from_secs(6))
    }

    /// For keys that are not ours: guessing is hopeless, this keeps it from being work.
    pub fn bad_keys() -> Self {
        Self::new(60.0, DurationUs::from_secs(1))
    }

    fn new(burst: f64, refill_every: DurationUs) -> Self {
        Self { burst, refill_every, buckets: Mutex::new(BTreeMap::new()) }
    }

    /// Takes one attempt of `address`; false when none is left.
    pub fn take(&self, address: IpAddr, now: UtcMicros) -> bool {
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        let key = neighbourhood(address);
        if !buckets.contains_key(&key) && buckets.len() >= ADDRESSES_MAX {
            let quietest = buckets.iter().min_by_key(|(_, bucket)| bucket.seen_at).map(|(address, _)| *address);
            if let Some(quietest) = quietest {
                buckets.remove(&quietest);
            }
        }
        let bucket = buckets.entry(key).or_insert(Bucket { left: self.burst, seen_at: now });
        let passed_us = now.since(bucket.seen_at).0.max(0);
        bucket.left = (bucket.left + passed_us as f64 / self.refill_every.0 as f64).min(self.burst);
        bucket.seen_at = now;
        if bucket.left < 1.0 {
            return false;
        }
        bucket.left -= 1.0;
        true
    }
}

/// An IPv6 neighbour has a whole /64 to speak from.
fn neighbourhood(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V6(v6) => match v6.to_ipv4_mapped() {
            Some(v4) => IpAddr::V4(v4),
            None => {
                let mut octets = v6.octets();
                octets[8..].fill(0);
                IpAddr::from(octets)
            }
        },
        v4 @ IpAddr::V4(_) => v4,
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_spray_from_one_address_leaves_the_others_alone() {
        let limits = AddressLimits::sign_in();
        let (spray, desk) = ("192.0.2.9".parse().unwrap(), "192.0.2.10".parse().unwrap());
        let now = UtcMicros(0);
        let passed = (0..10_000).filter(|_| limits.take(spray, now)).count();
        assert_eq!(passed, 20);
        assert!(limits.take(desk, now));
        assert!(limits.take(spray, now.plus(DurationUs::from_secs(6))));
        assert!(!limits.take(spray, now.plus(DurationUs::from_secs(6))));
    }

    #[test]
    fn a_host_with_a_whole_ipv6_network_is_one_address() {
        let limits = AddressLimits::sign_in();
        let passed =
            (0..1000_u16).filter(|n| limits.take(format!("2001:db8::{n:x}").parse().unwrap(), UtcMicros(0))).count();
        assert_eq!(passed, 20);
    }

    #[test]
    fn many_addresses_are_bounded() {
        let limits = AddressLimits::bad_keys();
        for n in 0..10_000_u32 {
            limits.take(IpAddr::V4(n.into()), UtcMicros(i64::from(n)));
        }
        assert!(limits.buckets.lock().unwrap().len() <= ADDRESSES_MAX);
    }
}
