//! The rooms of the running daemon: started, started again after a panic, stopped in order.
//!
//! A panic in one room starts that room again, and the others don't notice. Three panics within
//! a minute, of whichever rooms, mean that the fault is not local: the daemon then stops, and
//! the service manager starts it anew.

use std::collections::VecDeque;
use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::watch;
use tokio::task::JoinSet;

/// So many panics within `PANIC_WINDOW` stop the daemon.
const PANICS_MAX: usize = 3;

/// See `PANICS_MAX`.
const PANIC_WINDOW: Duration = Duration::from_secs(60);

/// How long all rooms together may take to drain; with the writer's stop behind it less than the
/// ten seconds that people wait. Every sender sends again what was not acknowledged.
pub const DRAIN_LONGEST: Duration = Duration::from_secs(8);

/// Says "stop" to rooms, once.
pub type Stop = watch::Receiver<bool>;

/// How a room is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RoomState {
    /// Its name.
    pub name: String,
    /// It runs.
    pub running: bool,
    /// How often it panicked since the start.
    pub panics: u64,
    /// What it said last, where something is wrong.
    pub trouble: Option<String>,
}

/// The rooms.
pub struct Rooms {
    tasks: JoinSet<()>,
    stop: watch::Sender<bool>,
    ledger: Arc<Ledger>,
    fatal: watch::Sender<Option<String>>,
}

/// What is known of all rooms.
#[derive(Debug, Default)]
pub struct Ledger {
    rooms: Mutex<Vec<RoomState>>,
    panics: Mutex<VecDeque<Instant>>,
}

impl Ledger {
    /// How every room is.
    #[must_use]
    pub fn read(&self) -> Vec<RoomState> {
        self.rooms.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Says how a room is; `None`: all is well.
    pub fn tell(&self, name: &str, trouble: Option<String>) {
        self.change(name, |room| room.trouble = trouble);
    }

    fn change(&self, name: &str, change: impl FnOnce(&mut RoomState)) {
        let mut rooms = self.rooms.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(room) = rooms.iter_mut().find(|room| room.name == name) {
            change(room);
            return;
        }
        let mut room = RoomState { name: name.to_owned(), running: false, panics: 0, trouble: None };
        change(&mut room);
        rooms.push(room);
    }

    /// Counts a panic; true when there were too many.
    fn panicked(&self, now: Instant) -> bool {
        let mut panics = self.panics.lock().unwrap_or_else(PoisonError::into_inner);
        panics.push_back(now);
        while panics.front().is_some_and(|first| now.duration_since(*first) > PANIC_WINDOW) {
            panics.pop_front();
        }
        panics.len() >= PANICS_MAX
    }
}

impl Default for Rooms {
    fn default() -> Self {
        Self::new()
    }
}

impl Rooms {
    /// No room yet.
    #[must_use]
    pub fn new() -> Self {
        Self {
            tasks: JoinSet::new(),
            stop: watch::Sender::new(false),
            ledger: Arc::default(),
            fatal: watch::Sender::new(None),
        }
    }

    /// Tells a room when to stop.
    #[must_use]
    pub fn stop(&self) -> Stop {
        self.stop.subscribe()
    }

    /// What is known of all rooms.
    #[must_use]
    pub fn ledger(&self) -> Arc<Ledger> {
        Arc::clone(&self.ledger)
    }

    /// Starts a room. `enter` is called at the start and again after each panic; a room that
    /// returns has ended for good, with an error if it could not go on.
    pub fn start<F>(&mut self, name: impl Into<String>, enter: impl Fn(Stop) -> F + Send + 'static)
    where
        F: Future<Output = Result<(), String>> + Send + 'static,
    {
        let (name, stop, ledger, fatal) = (name.into(), self.stop.subscribe(), self.ledger(), self.fatal.clone());
        self.tasks.spawn(async move {
            loop {
                ledger.change(&name, |room| (room.running, room.trouble) = (true, None));
                let outcome = tokio::spawn(enter(stop.clone())).await;
                ledger.change(&name, |room| room.running = false);
                match outcome {
                    Ok(Ok(())) => return,
                    Ok(Err(why)) => {
                        tracing::error!("{name} stopped: {why}");
                        ledger.tell(&name, Some(why));
                        return;
                    }
                    Err(ended) if ended.is_panic() => {
                        let said = said_in(&*ended.into_panic());
                        tracing::error!("{name} panicked and is started again: {said}");
                        ledger.change(&name, |room| {
                            room.panics += 1;
                            room.trouble = Some(said.clone());
                        });
                        if ledger.panicked(Instant::now()) {
                            let why = format!("{PANICS_MAX} panics within a minute, the last in {name}: {said}");
                            fatal.send_replace(Some(why));
                            return;
                        }
                    }
                    Err(_cancelled) => return,
                }
                if *stop.borrow() {
                    return;
                }
            }
        });
    }

    /// Resolves when the daemon can't go on, and says why.
    pub async fn fatal(&self) -> String {
        let mut fatal = self.fatal.subscribe();
        let said = fatal.wait_for(Option::is_some).await.map(|why| why.clone());
        said.ok().flatten().unwrap_or_default()
    }

    /// Tells every room to stop, and waits for them within `DRAIN_LONGEST`. True: all ended by
    /// themselves.
    pub async fn drain(mut self) -> bool {
        self.stop.send_replace(true);
        let all = async { while self.tasks.join_next().await.is_some() {} };
        let drained = tokio::time::timeout(DRAIN_LONGEST, all).await.is_ok();
        self.tasks.abort_all();
        drained
    }
}

/// What a panic said.
fn said_in(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().copied().or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    text.unwrap_or("it gave no reason").to_owned()
}

/// Resolves when rooms are to stop.
pub async fn stopped(stop: &mut Stop) {
    // An error means that whoever could say "stop" is gone: that is a stop too.
    let _gone_or_said = stop.wait_for(|stop| *stop).await;
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;

    #[tokio::test]
    async fn a_room_that_panics_once_is_started_again_and_its_neighbour_never_stops() {
        let mut rooms = Rooms::new();
        let (entered, lasting) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
        let again = Arc::new(tokio::sync::Notify::new());
        rooms.start("neighbour", {
            let lasting = Arc::clone(&lasting);
            move |mut stop| {
                lasting.fetch_add(1, Ordering::SeqCst);
                async move {
                    stopped(&mut stop).await;
                    Ok(())
                }
            }
        });
        rooms.start("serial /dev/ttyUSB0", {
            let (entered, again) = (Arc::clone(&entered), Arc::clone(&again));
            move |mut stop| {
                let (times, again) = (entered.fetch_add(1, Ordering::SeqCst), Arc::clone(&again));
                async move {
                    assert!(times > 0, "a frame of zero length");
                    again.notify_one();
                    stopped(&mut stop).await;
                    Ok(())
                }
            }
        });
        again.notified().await;
        let ledger = rooms.ledger();
        let serial = ledger.read().into_iter().find(|room| room.name.starts_with("serial")).unwrap();
        assert_eq!((serial.running, serial.panics), (true, 1));
        assert!(rooms.drain().await);
        assert_eq!((entered.load(Ordering::SeqCst), lasting.load(Ordering::SeqCst)), (2, 1));
    }

    #[tokio::test]
    async fn three_panics_within_a_minute_end_the_daemon_with_the_rooms_name() {
        let mut rooms = Rooms::new();
        rooms.start("mqtt", |_| async { panic!("index out of bounds") });
        let why = rooms.fatal().await;
        assert!(why.contains("mqtt") && why.contains("index out of bounds"), "{why}");
    }

    #[test]
    fn panics_that_lie_further_apart_do_not_add_up() {
        let ledger = Ledger::default();
        let start = Instant::now();
        let told: Vec<bool> = [0, 40, 80, 120].map(|s| ledger.panicked(start + Duration::from_secs(s))).to_vec();
        assert_eq!(told, [false; 4]);
        assert!(ledger.panicked(start + Duration::from_secs(121)));
    }
}
