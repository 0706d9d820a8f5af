//! Files that are no longer there.

use kukaku_schema::UtcMicros;
use kukaku_schema::intake::{ArrivalBody, Intake};

use super::pass::blocking;
use super::{Condition, Follower, Looked, PENDING_MAX};
use crate::disk;
use crate::event::LinkEvent;
use crate::oplog::{Said, observation};
use crate::shelf::{Place, is_mass};
use std::io::ErrorKind;
use std::sync::atomic::Ordering;

impl<I: Intake> Follower<I> {
    /// Something said that the file is gone; judged after `settle`, together with all others
    /// that went at the same time.
    pub(super) fn suspect(&mut self, place: Place) {
        self.pending.remove(&place);
        if self.shelf.get_mut(&place).is_none() {
            return;
        }
        if self.vanished.len() >= PENDING_MAX {
            // So many go at once that only a whole pass tells what is left.
            self.vanished.clear();
            self.pass_due = true;
            return;
        }
        self.vanished.entry(place).or_insert(self.now);
    }

    /// Judges the files that have been gone for a while.
    pub(super) async fn judge_vanished(&mut self) {
        let (now, settle) = (self.now, self.config.settle);
        // A clock that was set back doesn't hold them up.
        let settled = |since: UtcMicros| now.since(since) >= settle || since > now;
        let gone: Vec<Place> =
            self.vanished.iter().filter(|(_, since)| settled(**since)).map(|(place, _)| place.clone()).collect();
        if gone.is_empty() {
            return;
        }
        // A folder that is lost, or a root that is away, takes everything along: a pass judges.
        let mass = is_mass(self.vanished.len(), self.shelf.len());
        if mass || self.condition != Condition::Present || !self.root_is_there().await {
            self.vanished.clear();
            self.pass_due = true;
            return;
        }
        for place in gone {
            self.vanished.remove(&place);
            if self.report_gone(place).await == Looked::Stalled {
                return;
            }
        }
    }

    /// Reports what is missing, unless it is so much that the folder itself must be lost.
    pub(super) async fn judge_missing(&mut self, missing: Vec<Place>) {
        let confirmed = self.handle.confirmed.swap(false, Ordering::AcqRel);
        if is_mass(missing.len(), self.shelf.len()) && !confirmed {
            if self.condition != Condition::Lost {
                self.condition = Condition::Lost;
                self.tell(LinkEvent::FolderLost { known: self.shelf.len(), missing: missing.len() });
            }
            return;
        }
        for place in missing {
            match self.report_gone(place).await {
                Looked::Stalled => {
                    // The person's word still holds when it goes on.
                    self.handle.confirmed.fetch_or(confirmed, Ordering::AcqRel);
                    return;
                }
                Looked::Done | Looked::Wait | Looked::Absent => {}
            }
        }
        if self.condition == Condition::Lost {
            self.condition = Condition::Present;
            self.tell(LinkEvent::FolderBack);
        }
    }

    async fn report_gone(&mut self, place: Place) -> Looked {
        // Looked at once more: it may have come back, or its folder may be out of reach.
        let (config, path) = (self.config.clone(), place.path.clone());
        match blocking(move || disk::open(&config.root, path.as_str()).map(|_| ())).await {
            Err(e) if matches!(e.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {}
            _ => return Looked::Done,
        }
        let Some(shelved) = self.shelf.get_mut(&place).copied() else {
            return Looked::Done;
        };
        let (start, end) = (shelved.start, shelved.end);
        let said = Said { device_time: self.now, start, end, bytes: 0, sha256: None, gone: true };
        let said = observation(&self.config, &place, said);
        if let Err(error) = self.keep(ArrivalBody::Observation(Box::new(said))).await {
            return self.stall(&error);
        }
        self.shelf.remove(&place);
        Looked::Done
    }
}
