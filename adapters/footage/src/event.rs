//! What the link tells about itself, beside the observations.

use std::sync::Arc;

use kukaku_schema::{DurationUs, Name};

/// Something about the link that its people should know.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LinkEvent {
    /// The folder is not there, or is empty although it held files: a disk or share is not
    /// mounted. Nothing is reported gone.
    RootMissing {
        /// What was seen.
        why: String,
    },
    /// It is there again.
    RootBack,
    /// More than half of the known files are gone at once: another disk, a formatted one, a
    /// changed folder. None is reported gone until they are back, the rest outweighs them, or
    /// a person confirms the loss.
    FolderLost {
        /// How many files were known.
        known: usize,
        /// How many of them are missing.
        missing: usize,
    },
    /// The missing files of the last `FolderLost` are back, or were reported gone.
    FolderBack,
    /// A part of the folder can't be read; nothing is reported gone meanwhile.
    Unlistable {
        /// Which part, below the root.
        path: String,
        /// Why.
        why: String,
    },
    /// The folder can't be watched; it is looked through at intervals instead.
    Polling {
        /// Why.
        why: String,
    },
    /// The folder is watched.
    Watching,
    /// A limit was reached; what lies beyond it is not seen.
    TooMany {
        /// Of what.
        what: &'static str,
        /// The limit.
        limit: usize,
    },
    /// A file's own start contradicts its name by more than the name's resolution: the
    /// recorder's clock or the configured zone is wrong. Told once a camera; the name counts.
    StartsDisagree {
        /// The camera.
        camera: Name,
        /// The file.
        path: String,
        /// The start in the file less the start in the name.
        by: DurationUs,
    },
    /// The writer did not keep an observation; it is sent again.
    NotKept {
        /// Why.
        why: String,
    },
}

/// Where events go; called from the link's own task, so it must not block.
pub type Reporter = Arc<dyn Fn(LinkEvent) + Send + Sync>;
