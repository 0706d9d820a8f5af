//! Which files of the folder are known: reported, kept, and not reported gone.
//!
//! Pure. Bounded: beyond its limit the oldest file of the fullest camera is forgotten, and
//! everything of that camera before it is no longer looked at.

use std::collections::BTreeMap;

use kukaku_schema::observation::SegmentPath;
use kukaku_schema::{Name, UtcMicros};

/// Most files that are remembered: about 30 MiB.
pub const KNOWN_MAX: usize = 250_000;

/// A segment that was reported.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KnownSegment {
    /// The camera.
    pub camera: Name,
    /// Its path below the root.
    pub path: SegmentPath,
    /// Its first instant, as reported.
    pub start: UtcMicros,
    /// The first instant after it, as reported.
    pub end: UtcMicros,
    /// Its size in bytes, as reported.
    pub bytes: u64,
}

/// Where a follower goes on: what the store knows of this source.
#[derive(Debug, Clone, Default)]
pub struct Cursor {
    /// Segments that were reported and are not gone. The newest of each camera, if the store
    /// doesn't give all; then `horizon` must say from where on.
    pub known: Vec<KnownSegment>,
    /// By camera: files whose names begin before this are not looked at.
    pub horizon: BTreeMap<Name, UtcMicros>,
}

/// What is known of one file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Shelved {
    pub(crate) start: UtcMicros,
    pub(crate) end: UtcMicros,
    pub(crate) bytes: u64,
    /// When it was last changed, as its file system said; none: not looked at since the start.
    pub(crate) changed: Option<UtcMicros>,
    /// The number of the last pass through the folder that saw it.
    pub(crate) seen_in: u64,
}

/// Files in the order of their names' instants, by camera.
#[derive(Debug)]
pub(crate) struct Shelf {
    cameras: BTreeMap<Name, BTreeMap<(UtcMicros, SegmentPath), Shelved>>,
    horizon: BTreeMap<Name, UtcMicros>,
    count: usize,
    limit: usize,
}

/// A file's place on the shelf: the camera and instant that its path names, and the path.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Place {
    pub(crate) camera: Name,
    pub(crate) named_start: UtcMicros,
    pub(crate) path: SegmentPath,
}

impl Shelf {
    pub(crate) fn new(horizon: BTreeMap<Name, UtcMicros>, limit: usize) -> Self {
        Self { cameras: BTreeMap::new(), horizon, count: 0, limit }
    }

    pub(crate) fn len(&self) -> usize {
        self.count
    }

    /// Whether a file lies before what is looked at.
    pub(crate) fn is_past(&self, place: &Place) -> bool {
        self.horizon.get(&place.camera).is_some_and(|horizon| place.named_start < *horizon)
    }

    pub(crate) fn get_mut(&mut self, place: &Place) -> Option<&mut Shelved> {
        self.cameras.get_mut(&place.camera)?.get_mut(&(place.named_start, place.path.clone()))
    }

    /// Puts a file in, or replaces what is known of it. True when another one had to be forgotten.
    pub(crate) fn insert(&mut self, place: Place, shelved: Shelved) -> bool {
        let files = self.cameras.entry(place.camera).or_default();
        if files.insert((place.named_start, place.path), shelved).is_none() {
            self.count += 1;
        }
        self.count > self.limit && self.forget_oldest()
    }

    pub(crate) fn remove(&mut self, place: &Place) {
        if let Some(files) = self.cameras.get_mut(&place.camera)
            && files.remove(&(place.named_start, place.path.clone())).is_some()
        {
            self.count -= 1;
        }
    }

    /// The start of the next file of the same camera.
    pub(crate) fn next_start(&self, place: &Place) -> Option<UtcMicros> {
        use std::ops::Bound::{Excluded, Unbounded};
        // No path is greater than this within the same instant.
        let files = self.cameras.get(&place.camera)?;
        files
            .range((Excluded((place.named_start, place.path.clone())), Unbounded))
            .map(|((start, _), _)| *start)
            .find(|start| *start > place.named_start)
    }

    /// The files that the pass of that number did not see.
    pub(crate) fn unseen(&self, pass: u64) -> Vec<Place> {
        let mut places = Vec::new();
        for (camera, files) in &self.cameras {
            let unseen = files.iter().filter(|(_, shelved)| shelved.seen_in != pass);
            places.extend(unseen.map(|((named_start, path), _)| Place {
                camera: camera.clone(),
                named_start: *named_start,
                path: path.clone(),
            }));
        }
        places
    }

    fn forget_oldest(&mut self) -> bool {
        let fullest = self.cameras.iter_mut().max_by_key(|(_, files)| files.len());
        let Some((camera, files)) = fullest else {
            return false;
        };
        let Some(((start, _), _)) = files.pop_first() else {
            return false;
        };
        self.count -= 1;
        let horizon = self.horizon.entry(camera.clone()).or_insert(UtcMicros::MIN);
        *horizon = (*horizon).max(UtcMicros(start.0.saturating_add(1)));
        true
    }
}

/// Whether so many missing files are a lost folder rather than deleted files: more than half,
/// and more than one (a recorder that holds a single file may well delete it).
pub(crate) fn is_mass(missing: usize, known: usize) -> bool {
    missing > 1 && missing * 2 > known
}
