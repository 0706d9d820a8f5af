//! The demonstration's folder and registers.

use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};

use kukaku_schema::registers::{Registers, parse};

use crate::failure::Failure;
use crate::secrets;

/// The registers.
pub(super) const REGISTERS: &str = include_str!("site.toml");

/// The registers, read.
pub(super) fn registers() -> Result<Registers, Failure> {
    parse(REGISTERS, "demo").map_err(|e| Failure::Written(e.to_string()))
}

/// A folder that is gone when this is.
#[derive(Debug)]
pub(super) struct Folder(PathBuf);

impl Folder {
    /// A new one that nobody else may enter.
    pub(super) fn make() -> Result<Self, Failure> {
        let tail: String =
            secrets::random::<4>().map_err(Failure::Failed)?.iter().map(|byte| format!("{byte:02x}")).collect();
        let path = std::env::temp_dir().join(format!("kukaku-demo-{tail}"));
        std::fs::DirBuilder::new().mode(0o700).create(&path).map_err(|e| Failure::io("make folder", &path, &e))?;
        Ok(Self(path))
    }

    /// Where it is.
    pub(super) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        if let Err(error) = std::fs::remove_dir_all(&self.0) {
            crate::say::warn(format!("{} could not be removed: {error}", self.0.display()));
        }
    }
}
