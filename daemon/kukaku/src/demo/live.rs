pub(super) fn run(_port: u16) -> Result<(), crate::failure::Failure> { Ok(()) }
