//! Looking through the folder, level by level as the pattern goes.

use std::path::PathBuf;

use kukaku_schema::UtcMicros;
use kukaku_schema::intake::Intake;
use kukaku_schema::observation::SegmentPath;

use super::{Condition, Follower, Looked};
use crate::disk::{self, ENTRIES_MAX, Entry, Sort};
use crate::event::LinkEvent;

/// What a look through a part of the folder came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Through {
    /// Everything was seen.
    Whole,
    /// A part could not be listed: what wasn't seen may be there.
    Part,
    /// The writer did not keep something: it goes on later.
    Stalled,
}

impl<I: Intake> Follower<I> {
    /// Looks through the whole folder, reports what is new, then judges what is missing.
    pub async fn full_pass(&mut self, now: UtcMicros) {
        self.now = now;
        if now < self.stalled_until {
            return;
        }
        self.pass_due = false;
        if !self.root_is_there().await {
            return;
        }
        self.pass += 1;
        match self.look_through_from(Vec::new()).await {
            Through::Whole => {
                let missing = self.shelf.unseen(self.pass);
                self.judge_missing(missing).await;
                self.told.clear();
            }
            Through::Part => {}
            Through::Stalled => self.pass_due = true,
        }
    }

    /// Looks through one folder below the root; nothing is missed by that.
    pub(super) async fn look_through(&mut self, below: &[String]) {
        let fits = below.len() < self.pattern.depth()
            && below.iter().enumerate().all(|(part, name)| self.pattern.fits_part(part, name));
        if fits && self.now >= self.stalled_until && self.look_through_from(below.to_vec()).await == Through::Stalled {
            self.pass_due = true;
        }
    }

    /// A root that is gone, or empty although files are known, is not mounted.
    pub(super) async fn root_is_there(&mut self) -> bool {
        let root = self.config.root.clone();
        let listed = blocking(move || disk::list(&root)).await;
        let why = match listed {
            Ok((entries, _)) if entries.is_empty() && self.shelf.len() > 0 => "the folder is empty".to_owned(),
            Ok(_) => {
                if self.condition == Condition::RootMissing {
                    self.condition = Condition::Present;
                    self.tell(LinkEvent::RootBack);
                }
                return true;
            }
            Err(e) => e.to_string(),
        };
        if self.condition != Condition::RootMissing {
            self.condition = Condition::RootMissing;
            self.tell(LinkEvent::RootMissing { why });
        }
        false
    }

    /// Depth first, in the order of names; holds one level of folder names at a time.
    async fn look_through_from(&mut self, top: Vec<String>) -> Through {
        let mut result = Through::Whole;
        let mut folders = vec![top];
        while let Some(below) = folders.pop() {
            let path: PathBuf =
                self.config.root.iter().map(ToOwned::to_owned).chain(below.iter().map(Into::into)).collect();
            let entries = match blocking(move || disk::list(&path)).await {
                Ok((entries, more)) => {
                    if more {
                        self.tell_limit("entries of one folder", ENTRIES_MAX);
                        result = Through::Part;
                    }
                    entries
                }
                // Deleted since its parent was listed.
                Err(e) if e.kind() == std::io::ErrorKind::NotFound && !below.is_empty() => continue,
                Err(e) => {
                    let path = below.join("/");
                    self.tell_once(path.clone(), LinkEvent::Unlistable { path, why: e.to_string() });
                    result = Through::Part;
                    continue;
                }
            };
            let is_last = below.len() + 1 == self.pattern.depth();
            let mut inner = Vec::new();
            for entry in entries {
                match self.enter(&below, entry, is_last).await {
                    Entered::Folder(path) => inner.push(path),
                    Entered::Nothing => {}
                    Entered::Stalled => return Through::Stalled,
                }
            }
            // The last is taken first.
            folders.extend(inner.into_iter().rev());
        }
        result
    }

    async fn enter(&mut self, below: &[String], entry: Entry, is_last: bool) -> Entered {
        let Some(name) = entry.name.to_str() else {
            let mut bytes = below.join("/").into_bytes();
            bytes.push(b'/');
            bytes.extend_from_slice(entry.name.as_encoded_bytes());
            return Entered::from(self.refuse(bytes, "the name is not UTF-8").await);
        };
        let text = below.iter().map(String::as_str).chain([name]).collect::<Vec<_>>().join("/");
        let path = match SegmentPath::new(text.clone()) {
            Ok(path) => path,
            Err(reason) => return Entered::from(self.refuse(text.into_bytes(), &reason).await),
        };
        if !self.pattern.fits_part(below.len(), name) {
            return Entered::Nothing;
        }
        match entry.sort {
            Sort::Folder if !is_last => {
                let mut deeper = below.to_vec();
                deeper.push(name.to_owned());
                Entered::Folder(deeper)
            }
            Sort::Link if !is_last => {
                let reason = "a symbolic link in place of a folder is not followed";
                Entered::from(self.refuse(text.into_bytes(), reason).await)
            }
            Sort::File | Sort::Link if is_last => match self.place(path) {
                Some(place) => Entered::from(self.look(place, false).await),
                None => Entered::Nothing,
            },
            _ => Entered::Nothing,
        }
    }
}

enum Entered {
    Folder(Vec<String>),
    Nothing,
    Stalled,
}

impl From<Looked> for Entered {
    fn from(looked: Looked) -> Self {
        if looked == Looked::Stalled { Self::Stalled } else { Self::Nothing }
    }
}

/// Runs what blocks; a panic in it comes out as an error.
pub(super) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> std::io::Result<T> + Send + 'static,
) -> std::io::Result<T> {
    tokio::task::spawn_blocking(work).await.unwrap_or_else(|e| Err(std::io::Error::other(e)))
}
