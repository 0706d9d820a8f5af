//! Places for connections: so many in all, and so many of one sender.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

use crate::limits::PER_SENDER_MAX;

#[derive(Debug)]
pub(crate) struct Slots {
    max: usize,
    taken: Mutex<BTreeMap<IpAddr, usize>>,
}

/// A place, free again when it is dropped.
#[derive(Debug)]
pub(crate) struct Slot {
    slots: Arc<Slots>,
    sender: IpAddr,
}

impl Slots {
    pub(crate) fn new(max: usize) -> Self {
        Self { max, taken: Mutex::new(BTreeMap::new()) }
    }

    /// Takes a place, or says why there is none.
    pub(crate) fn enter(self: &Arc<Self>, sender: IpAddr) -> Result<Slot, String> {
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        if taken.values().sum::<usize>() >= self.max {
            return Err(format!("{} connections are open, as many as `connections_max` allows", self.max));
        }
        let own = taken.entry(sender).or_default();
        if *own >= PER_SENDER_MAX {
            return Err(format!("it has {PER_SENDER_MAX} connections open, as many as one sender may have"));
        }
        *own += 1;
        drop(taken);
        Ok(Slot { slots: Arc::clone(self), sender })
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        let mut taken = self.slots.taken.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(own) = taken.get_mut(&self.sender) {
            *own -= 1;
            if *own == 0 {
                taken.remove(&self.sender);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_sender_can_not_take_every_place() {
        let slots = Arc::new(Slots::new(PER_SENDER_MAX + 1));
        let sender = |n| IpAddr::from([192, 0, 2, n]);
        let mut held: Vec<Slot> = (0..PER_SENDER_MAX).map(|_| slots.enter(sender(1)).unwrap()).collect();
        assert!(slots.enter(sender(1)).unwrap_err().contains("one sender"));
        held.push(slots.enter(sender(2)).unwrap());
        assert!(slots.enter(sender(3)).unwrap_err().contains("connections_max"));
        held.clear();
        assert!(slots.enter(sender(3)).is_ok());
    }
}
