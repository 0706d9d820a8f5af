//! `kukaku offboard`: a client leaves.

use kukaku_ledger::Hash;

use super::muster::credentials;
use super::registers::present;
use crate::cli::OffboardArgs;
use crate::control::{self, Reply, Request};
use crate::durable::{PUBLIC_MODE, write_file};
use crate::failure::Failure;
use crate::say::say;
use crate::site_dir::SiteDir;
use kukaku_schema::SiteZone;

/// Runs the command.
///
/// # Errors
/// `Written`: no such client, or the file is there. `Failed`: a user or password is wrong.
pub fn run(args: &OffboardArgs) -> Result<(), Failure> {
    let dir = SiteDir::find(args.dir.dir.as_deref())?;
    let page = args.out.with_extension("html");
    for path in [&args.out, &page] {
        if path.exists() {
            return Err(Failure::Written(format!("{} is there already; name another file", path.display())));
        }
    }
    let registers = present(&dir)?;
    let named = registers.clients.iter().find(|entry| entry.row.id == args.client);
    let name = named.map(|entry| entry.row.name.clone()).ok_or_else(|| {
        let known: Vec<&str> = registers.clients.iter().map(|entry| entry.row.id.as_str()).collect();
        Failure::Written(format!("no client {:?}; the registers know {}", args.client, known.join(", ")))
    })?;
    let zone = SiteZone::named(&registers.site.time_zone).map_err(Failure::Written)?;
    if args.client != args.really {
        return Err(Failure::Written(format!(
            "everything of {name} would be destroyed for ever; repeat its id: --really {}",
            args.client
        )));
    }
    let written_by = credentials("user who orders it", args.written_by.as_ref())?;
    let confirmed_by = credentials("user who confirms it", args.confirmed_by.as_ref())?;
    let mut conversation = control::open(&dir)?;
    let (client, reason) = (args.client.clone(), args.reason.clone());
    conversation.say(&Request::Offboard { client, reason, written_by, confirmed_by })?;
    let certificate = match conversation.hear()? {
        Reply::Offboarded { certificate } => certificate,
        other => return Err(Failure::Failed(format!("the daemon answered {other:?}"))),
    };
    conversation.close()?;
    let json = certificate.to_json();
    let hash = Hash::of(json.as_bytes()).to_string();
    let html = certificate.page(&name, &zone, &hash).map_err(Failure::Failed)?;
    for (path, text) in [(&args.out, &json), (&page, &html)] {
        write_file(path, text.as_bytes(), PUBLIC_MODE).map_err(|e| Failure::io("write", path, &e))?;
    }
    let said = certificate.said().map_err(Failure::Failed)?;
    let count: u64 = said.erased.values().sum();
    say(format!(
        "{name}: {count} 件の値を抹消し、鍵 {} 個を破棄しました (values erased, keys destroyed)",
        said.keys.len()
    ));
    say(format!("削除証明書 (certificate): {} と {}", args.out.display(), page.display()));
    say(format!("SHA-256 {hash}"));
    Ok(())
}
