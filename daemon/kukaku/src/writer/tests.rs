//! Harm that these stories keep away: an arrival that was acknowledged and is gone, one that
//! counts twice, an hour that nobody watched and that nobody sees, an alert that was never
//! written down.

mod backup;
mod crash;
#[path = "../../tests/daemon/disk.rs"]
mod disk;
mod erasing;
mod erasing_cut;
mod full;
mod house;
mod proof;
mod rot;
mod sheets;
mod storage;
mod stories;
mod terminals;
mod worlds;
