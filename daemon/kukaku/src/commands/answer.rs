//! `kukaku answer`: what a city hears on the telephone.

use kukaku_store::{aloud, read_only};

use crate::cli::AnswerArgs;
use crate::failure::Failure;
use crate::say::say;
use crate::site_dir::SiteDir;

/// Runs the command.
///
/// # Errors
/// `Written`: the number was misheard, or the journal was never that large.
pub fn run(args: &AnswerArgs) -> Result<(), Failure> {
    let dir = SiteDir::find(args.dir.as_deref())?;
    let store = |e: kukaku_store::StoreError| Failure::Store(e.to_string());
    let conn = read_only(&dir.store()).map_err(store)?;
    let (size, answer) = aloud::answer(&conn, &args.nonce, args.size).map_err(store)?.map_err(Failure::Written)?;
    say(format!("件数 (entries): {size}"));
    say(format!("答え (answer): {answer}"));
    Ok(())
}
