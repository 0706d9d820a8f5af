//! From a file to an observation that the writer kept.

use std::io::ErrorKind;
use std::path::Path;

use kukaku_schema::intake::{Arrival, ArrivalBody, Intake, NotKept, Unreadable};
use kukaku_schema::observation::{SegmentPath, Sha256Hex};
use kukaku_schema::{DurationUs, UtcMicros};

use super::pass::blocking;
use super::{
    Follower, Looked, OLD_ENOUGH, PENDING_MAX, Pending, REFUSED_MAX, SETTLED_AFTER, STALL_FIRST, STALL_LONGEST,
};
use crate::disk::{self, Contents, Opened, Stamp};
use crate::event::LinkEvent;
use crate::oplog::{Said, What, observation};
use crate::shelf::{Place, Shelved};

impl<I: Intake> Follower<I> {
    /// Looks at one file, and reports it if it is new, changed or complete.
    pub(super) async fn look(&mut self, place: Place, closed: bool) -> Looked {
        let now = self.now;
        if now < self.stalled_until {
            self.pass_due = true;
            return Looked::Stalled;
        }
        let is_log = self.config.what == What::Oplog;
        // Whoever appends to a log closes it after each line.
        let closed = closed && !is_log;
        let pass = self.pass;
        let is_past = self.shelf.is_past(&place);
        match self.shelf.get_mut(&place) {
            // The folder's listing showed it.
            Some(shelved) if !closed && !is_log && now.since(shelved.end) > SETTLED_AFTER => {
                shelved.seen_in = pass;
                return Looked::Done;
            }
            Some(_) => {}
            None if is_past => return Looked::Done,
            None => {}
        }
        let opened = match self.open(&place).await {
            Ok(opened) => opened,
            Err(looked) => return looked,
        };
        let stamp = opened.stamp;
        self.vanished.remove(&place);
        if let Some(shelved) = self.shelf.get_mut(&place) {
            shelved.seen_in = pass;
            if shelved.bytes == stamp.bytes && (!is_log || shelved.changed == Some(stamp.changed)) {
                self.pending.remove(&place);
                return Looked::Done;
            }
        }
        if !closed && !self.is_still(&place, stamp) {
            return Looked::Wait;
        }
        if stamp.bytes == 0 {
            // Some recorders make the file long before they write to it.
            if now.since(stamp.changed) < OLD_ENOUGH {
                self.wait_for(place, stamp);
                return Looked::Wait;
            }
            self.pending.remove(&place);
            return self.refuse(place.path.as_str().as_bytes().to_vec(), "the file is empty").await;
        }
        let hash_at = self.config.hash.then(|| u64::from(self.config.hash_mib_per_s) * 1024 * 1024);
        let cancelled = self.cancelled.clone();
        match blocking(move || opened.read(hash_at, &cancelled)).await {
            Ok(Some(contents)) => self.report_segment(place, stamp, &contents).await,
            // It changed while it was read: not complete after all.
            Ok(None) => {
                self.wait_for(place, stamp);
                Looked::Wait
            }
            Err(e) => {
                self.pending.remove(&place);
                self.refuse(place.path.as_str().as_bytes().to_vec(), &format!("it can't be read: {e}")).await
            }
        }
    }

    async fn open(&mut self, place: &Place) -> Result<Opened, Looked> {
        let (config, path) = (self.config.clone(), place.path.clone());
        let error = match blocking(move || disk::open(&config.root, path.as_str())).await {
            Ok(opened) => return Ok(opened),
            Err(error) => error,
        };
        self.pending.remove(place);
        if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) {
            return Err(Looked::Absent);
        }
        // A known file that can't be opened now is there: it must not be reported gone.
        let pass = self.pass;
        if let Some(shelved) = self.shelf.get_mut(place) {
            shelved.seen_in = pass;
        }
        let reason = match error.kind() {
            ErrorKind::CrossesDevices => "a symbolic link that leaves the folder is not followed".to_owned(),
            _ => format!("it can't be opened: {error}"),
        };
        Err(self.refuse(place.path.as_str().as_bytes().to_vec(), &reason).await)
    }

    /// Whether the file has stopped growing. Old ones have; others are watched for a while.
    fn is_still(&mut self, place: &Place, stamp: Stamp) -> bool {
        let now = self.now;
        if now.since(stamp.changed) >= OLD_ENOUGH {
            return true;
        }
        match self.pending.get(place) {
            // A clock that was set back starts the wait anew.
            Some(pending) if pending.stamp == stamp && pending.still_since <= now => {
                now.since(pending.still_since) >= self.config.settle
            }
            _ => {
                self.wait_for(place.clone(), stamp);
                false
            }
        }
    }

    fn wait_for(&mut self, place: Place, stamp: Stamp) {
        if self.pending.len() >= PENDING_MAX && !self.pending.contains_key(&place) {
            self.tell_limit("files being written", PENDING_MAX);
            return;
        }
        self.pending.insert(place, Pending { stamp, still_since: self.now });
    }

    async fn report_segment(&mut self, place: Place, stamp: Stamp, contents: &Contents) -> Looked {
        let start = self.true_start(&place, contents);
        let end = self.true_end(&place, start, stamp, contents);
        let sha256 = contents.sha256.map(|digest| {
            let digits: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
            Sha256Hex::new(&digits).expect("32 bytes are 64 hexadecimal digits")
        });
        let said = Said {
            // When its writer finished it. The same however often it is reported, so that a
            // crash between commit and memory makes a duplicate, not a second segment.
            device_time: stamp.changed,
            start,
            end,
            bytes: stamp.bytes,
            sha256,
            gone: false,
        };
        let said = observation(&self.config, &place, said);
        if let Err(error) = self.keep(ArrivalBody::Observation(Box::new(said))).await {
            return self.stall(&error);
        }
        self.pending.remove(&place);
        let shelved = Shelved { start, end, bytes: stamp.bytes, changed: Some(stamp.changed), seen_in: self.pass };
        self.shelve(place, shelved);
        Looked::Done
    }

    /// The file's own start refines its name where the name leaves it open; it never
    /// contradicts it, because many recorders write there when the file was *closed*, or
    /// local time as if it were UTC.
    fn true_start(&mut self, place: &Place, contents: &Contents) -> UtcMicros {
        const SLACK: DurationUs = DurationUs::from_secs(2);
        if self.config.what == What::Oplog {
            return place.named_start;
        }
        let Some(created) = contents.timing.created else {
            return place.named_start;
        };
        let from = place.named_start.minus(SLACK);
        let to = place.named_start.plus(self.pattern.resolution()).plus(SLACK);
        if from <= created && created < to {
            // A name with whole seconds says as much as a creation time, which has no more.
            let fine = self.pattern.resolution() <= DurationUs::from_secs(1);
            return if fine { place.named_start } else { created };
        }
        if self.told_starts.insert(place.camera.clone()) {
            self.tell(LinkEvent::StartsDisagree {
                camera: place.camera.clone(),
                path: place.path.as_str().to_owned(),
                by: created.since(place.named_start),
            });
        }
        place.named_start
    }

    /// Start and length where the file tells it; else the next file's start, else when the last
    /// byte was written, and never longer than the configured length.
    fn true_end(&self, place: &Place, start: UtcMicros, stamp: Stamp, contents: &Contents) -> UtcMicros {
        if let Some(length) = contents.timing.length.filter(|_| self.config.what == What::Footage) {
            return start.plus(length);
        }
        let longest = start.plus(self.config.segment_length);
        let next_pending = self
            .pending
            .keys()
            .find(|other| other.camera == place.camera && other.named_start > place.named_start)
            .map(|other| other.named_start);
        let next = [self.shelf.next_start(place), next_pending].into_iter().flatten().min();
        let end = next.unwrap_or(stamp.changed);
        if end > start { end.min(longest) } else { longest }
    }

    /// Keeps a name or file that can't be a segment as unreadable, once.
    pub(super) async fn refuse(&mut self, path: Vec<u8>, reason: &str) -> Looked {
        if self.refused.contains(&path) {
            return Looked::Done;
        }
        let body = Unreadable::new(
            Some(self.config.source.to_string()),
            &path,
            format!("{}: {reason}", self.config.what.refused()),
        );
        if let Err(error) = self.keep(ArrivalBody::Unreadable(body)).await {
            return self.stall(&error);
        }
        if self.refused.len() >= REFUSED_MAX {
            self.refused.clear();
        }
        self.refused.insert(path);
        Looked::Done
    }

    /// A hinted path that is no file of this recorder: refused if its name is hostile, else
    /// somebody else's.
    pub(super) async fn refuse_hinted(&mut self, path: &Path) {
        let Ok(below) = path.strip_prefix(&self.config.root) else {
            return;
        };
        if below.iter().count() > self.pattern.depth() {
            return;
        }
        match below.to_str() {
            None => {
                self.refuse(below.as_os_str().as_encoded_bytes().to_vec(), "the name is not UTF-8").await;
            }
            Some("") => {}
            Some(text) => {
                if let Err(reason) = SegmentPath::new(text) {
                    self.refuse(text.as_bytes().to_vec(), &reason).await;
                }
            }
        }
    }

    /// Hands something to the writer and waits until it is kept.
    pub(super) async fn keep(&mut self, body: ArrivalBody) -> Result<(), NotKept> {
        let arrival = Arrival { link: self.link.clone(), body };
        self.intake.submit(arrival).await?.await?;
        self.stall = STALL_FIRST;
        Ok(())
    }

    /// After the writer did not keep something: nothing is forgotten, and everything is looked
    /// at again after a wait.
    pub(super) fn stall(&mut self, error: &NotKept) -> Looked {
        self.tell(LinkEvent::NotKept { why: error.reason.clone() });
        self.stalled_until = self.now.plus(self.stall);
        self.stall = DurationUs(self.stall.0 * 2).min(STALL_LONGEST);
        self.pass_due = true;
        Looked::Stalled
    }
}
