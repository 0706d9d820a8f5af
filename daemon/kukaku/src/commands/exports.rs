//! `kukaku exports`: everything that was taken out.

use kukaku_store::{exports, query, read_only};
use serde_json::Value;

use crate::cli::ExportsArgs;
use crate::failure::Failure;
use crate::say::{say, shown};
use crate::site_dir::SiteDir;

/// Runs the command.
///
/// # Errors
/// `Store`: it can't be read.
pub fn run(args: &ExportsArgs) -> Result<(), Failure> {
    let dir = SiteDir::find(args.dir.dir.as_deref())?;
    let store = |e: kukaku_store::StoreError| Failure::Store(e.to_string());
    let conn = read_only(&dir.store()).map_err(store)?;
    let all = exports(&conn).map_err(store)?;
    for export in &all {
        let number = i64::try_from(export.seq).unwrap_or(i64::MAX);
        let client = query::journal_entry(&conn, number).map_err(store)?.map(|row| row.client).unwrap_or_default();
        let body: Value = export.body.as_deref().and_then(|body| serde_json::from_slice(body).ok()).unwrap_or_default();
        let text = |field: &str| shown(body[field].as_str().unwrap_or("-"));
        let what = match body["raw"] == true {
            true => "the whole journal".to_owned(),
            false => format!("{} {} .. {}", shown(&client), text("from"), text("to")),
        };
        let size = body["size"].as_u64().map_or_else(|| "newest checkpoint".to_owned(), |size| format!("at {size}"));
        say(format!("{} {}  {what}  {size}  {}: {}", export.seq, text("at"), text("by"), text("reason")));
    }
    if all.is_empty() {
        say("nothing was taken out");
    }
    Ok(())
}
