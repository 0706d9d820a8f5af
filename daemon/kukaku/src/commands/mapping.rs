//! `kukaku mapping`: how the logs of gateways are read.

use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::sync::Arc;

use kukaku_codec::logs::{LogReader, Outcome, Rules, header};
use kukaku_schema::{Lang, Name, SiteZone};

use crate::cli::{MappingAction, MappingArgs};
use crate::failure::Failure;
use crate::say::{say, shown};
use crate::{clock, dialects};

/// Longest line that is tried, in bytes: as over the network.
const LINE_MAX_BYTES: u64 = 64 * 1024;

/// Runs the command.
///
/// # Errors
/// `Written`: there is no such dialect or file, or its rules are wrong.
pub fn run(args: &MappingArgs) -> Result<(), Failure> {
    match &args.action {
        MappingAction::List => {
            for name in Rules::shipped_names() {
                let rules = Rules::shipped(name).expect("a shipped dialect is well formed: a test reads each");
                let (ja, en) = (rules.description(Lang::Ja), rules.description(Lang::En));
                say(shown(&if ja == en { format!("{name}  {en}") } else { format!("{name}  {ja}  {en}") }));
            }
            Ok(())
        }
        MappingAction::Show { name } => {
            let text = Rules::shipped_text(name).ok_or_else(|| no_dialect(name))?;
            say(text.trim_end());
            Ok(())
        }
        MappingAction::Try { rules, file, source, zone, all } => {
            let rules = dialects::rules(rules).map_err(Failure::Written)?;
            let source = Name::new(source.as_str()).map_err(Failure::Written)?;
            let zone = SiteZone::named(zone).map_err(Failure::Written)?;
            try_lines(&rules, file, source, zone, *all)
        }
    }
}

fn no_dialect(name: &str) -> Failure {
    let known: Vec<&str> = Rules::shipped_names().collect();
    Failure::Written(format!("{name:?} is no dialect; expected one of {}", known.join(", ")))
}

fn try_lines(rules: &Arc<Rules>, file: &Path, source: Name, zone: SiteZone, all: bool) -> Result<(), Failure> {
    let wrong = |e: std::io::Error| Failure::Written(format!("read {}: {e}", file.display()));
    let mut input: Box<dyn BufRead> = if file == Path::new("-") {
        Box::new(BufReader::new(std::io::stdin()))
    } else {
        Box::new(BufReader::new(std::fs::File::open(file).map_err(wrong)?))
    };
    let mut reader = LogReader::new(Arc::clone(rules), source, zone.clone());
    let (mut number, mut sessions, mut refused, mut nothing) = (0_u64, 0_u64, 0_u64, 0_u64);
    let mut line = Vec::new();
    loop {
        line.clear();
        if input.by_ref().take(LINE_MAX_BYTES).read_until(b'\n', &mut line).map_err(wrong)? == 0 {
            break;
        }
        number += 1;
        let text = line.trim_ascii_end();
        if text.is_empty() {
            continue;
        }
        let received = clock::now();
        let (outcome, why) = reader.explain(&header::read(text, received, &zone), received);
        let is_nothing = matches!(outcome, Outcome::Ignored { .. });
        match &outcome {
            Outcome::Observations(_) => sessions += 1,
            Outcome::Refused { .. } => refused += 1,
            Outcome::Ignored { .. } => nothing += 1,
            Outcome::Held { .. } => {}
        }
        if is_nothing && !all {
            continue;
        }
        say(shown(&format!("{number}: {}", String::from_utf8_lossy(text))));
        for part in outcome.text(rules, Lang::Ja).lines() {
            say(shown(&format!("    → {part}")));
        }
        if !matches!(outcome, Outcome::Observations(_)) {
            say(shown(&format!("      {}", outcome.text(rules, Lang::En))));
        }
        if all || matches!(outcome, Outcome::Refused { .. }) {
            why.text(rules, Lang::Ja).lines().for_each(|part| say(shown(&format!("      {part}"))));
        }
    }
    say(format!(
        "{number}行：セッション {sessions}、読めない {refused}、関係なし {nothing} \
         ({number} lines: {sessions} sessions, {refused} refused, {nothing} nothing)"
    ));
    Ok(())
}
