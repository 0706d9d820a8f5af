//! Places for connections, and who holds a client identifier.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::Notify;

/// Connections of one address that haven't signed in yet: a gateway's devices after a power cut
/// fit, and a stranger who opens connections can't take the places of everybody else.
const UNSIGNED_PER_ADDRESS_MAX: usize = 64;

/// Why there is no place.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(super) enum Full {
    #[error("all {0} places for connections are taken")]
    Connections(usize),
    #[error("{UNSIGNED_PER_ADDRESS_MAX} connections of this address haven't signed in yet")]
    Address,
}

/// The places of a listener.
pub(super) struct Slots {
    connections_max: usize,
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    open: usize,
    unsigned: HashMap<IpAddr, usize>,
    holders: HashMap<ClientKey, Arc<Notify>>,
}

/// A client identifier is one user's: nobody can push another user's device out.
type ClientKey = (String, String);

/// A place, given back when dropped.
pub(super) struct Slot {
    slots: Arc<Slots>,
    unsigned: Option<IpAddr>,
    held: Option<(ClientKey, Arc<Notify>)>,
}

impl Slots {
    pub(super) fn new(connections_max: usize) -> Self {
        Self { connections_max, inner: Mutex::default() }
    }

    pub(super) fn enter(self: &Arc<Self>, address: IpAddr) -> Result<Slot, Full> {
        let mut inner = self.lock();
        if inner.open >= self.connections_max {
            return Err(Full::Connections(self.connections_max));
        }
        let unsigned = inner.unsigned.entry(address).or_default();
        if *unsigned >= UNSIGNED_PER_ADDRESS_MAX {
            return Err(Full::Address);
        }
        *unsigned += 1;
        inner.open += 1;
        Ok(Slot { slots: Arc::clone(self), unsigned: Some(address), held: None })
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Slot {
    /// The client signed in: an older connection of the same client is told to go (section 3.1.4).
    /// Returns what tells this one to go in its turn.
    pub(super) fn signed_in(&mut self, user: &str, client_id: &str) -> Arc<Notify> {
        let go = Arc::new(Notify::new());
        let key = (user.to_owned(), client_id.to_owned());
        let mut inner = self.slots.lock();
        if let Some(address) = self.unsigned.take() {
            inner.leave_unsigned(address);
        }
        if let Some(older) = inner.holders.insert(key.clone(), Arc::clone(&go)) {
            older.notify_one();
        }
        drop(inner);
        self.held = Some((key, Arc::clone(&go)));
        go
    }
}

impl Inner {
    fn leave_unsigned(&mut self, address: IpAddr) {
        if let Some(count) = self.unsigned.get_mut(&address) {
            *count -= 1;
            if *count == 0 {
                self.unsigned.remove(&address);
            }
        }
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        let mut inner = self.slots.lock();
        inner.open -= 1;
        if let Some(address) = self.unsigned {
            inner.leave_unsigned(address);
        }
        if let Some((key, go)) = self.held.take()
            && inner.holders.get(&key).is_some_and(|holder| Arc::ptr_eq(holder, &go))
        {
            inner.holders.remove(&key);
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    const GATEWAY: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 1));
    const OTHER: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 2));

    #[test]
    fn strangers_of_one_address_do_not_take_every_place() {
        let slots = Arc::new(Slots::new(512));
        let mut held: Vec<_> = (0..UNSIGNED_PER_ADDRESS_MAX).map(|_| slots.enter(GATEWAY).unwrap()).collect();
        assert_eq!(slots.enter(GATEWAY).err(), Some(Full::Address));
        assert!(slots.enter(OTHER).is_ok());
        held[0].signed_in("panel", "p1");
        assert!(slots.enter(GATEWAY).is_ok(), "a sign-in frees its place among the strangers");
        drop(held);
        let inner = slots.lock();
        assert!(inner.open == 0 && inner.unsigned.is_empty() && inner.holders.is_empty());
    }

    #[test]
    fn a_full_listener_says_how_many_places_it_has() {
        let slots = Arc::new(Slots::new(1));
        let _one = slots.enter(GATEWAY).unwrap();
        assert_eq!(slots.enter(OTHER).err(), Some(Full::Connections(1)));
    }

    #[tokio::test]
    async fn a_client_that_signs_in_again_pushes_out_its_older_self_only() {
        let slots = Arc::new(Slots::new(8));
        let (mut older, mut newer, mut foreign) =
            (slots.enter(GATEWAY).unwrap(), slots.enter(GATEWAY).unwrap(), slots.enter(GATEWAY).unwrap());
        let older_goes = older.signed_in("panel", "p1");
        let foreign_goes = foreign.signed_in("other", "p1");
        let newer_goes = newer.signed_in("panel", "p1");
        older_goes.notified().await;
        drop(older);
        assert_eq!(slots.lock().holders.len(), 2, "the newer one still holds the identifier");
        for still_here in [newer_goes, foreign_goes] {
            tokio::select! {
                biased;
                () = still_here.notified() => panic!("told to go"),
                () = std::future::ready(()) => {}
            }
        }
    }
}
