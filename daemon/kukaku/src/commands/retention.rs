//! `kukaku retention`: what is kept how long, and what is erased next.

use kukaku_core::retention::{ClockDoubt, Conformity, Disk, EraseGroup, GroupPlan, Party, Plan, Standing, Wait};
use kukaku_schema::period::day_text;
use kukaku_store::{PlanInputs, guard_of, read_only};
use serde_json::{Value, json};

use super::check::free_bytes;
use super::muster::credentials;
use super::registers::act;
use crate::cli::{RetentionAction, RetentionArgs};
use crate::clock;
use crate::control::Request;
use crate::failure::Failure;
use crate::retention::guard;
use crate::say::{say, shown};
use crate::site_dir::SiteDir;

/// Runs the command.
///
/// # Errors
/// `Store`: it can't be read. `Differs`: something is kept too long, or the disk is low.
pub fn run(args: &RetentionArgs) -> Result<(), Failure> {
    let dir = SiteDir::find(args.dir.dir.as_deref())?;
    if let RetentionAction::Run { confirmed_by } = &args.action {
        let confirmed_by =
            confirmed_by.iter().map(|user| credentials("user", Some(user))).collect::<Result<Vec<_>, _>>()?;
        return act(&dir, &Request::RunRetention { confirmed_by });
    }
    let failure = |e: kukaku_store::StoreError| Failure::Store(e.to_string());
    let conn = read_only(&dir.store()).map_err(failure)?;
    let inputs = PlanInputs::read(&conn, &dir.store(), clock::now()).map_err(failure)?;
    match &args.action {
        RetentionAction::Show { json } => {
            let report = inputs.conformity(&conn, free_bytes(dir.path()).ok()).map_err(failure)?;
            if *json {
                tell(&conformity_json(&report));
            } else {
                conformity_lines(&report, &inputs).iter().for_each(|line| say(shown(line)));
            }
            if report.is_in_order() {
                return Ok(());
            }
            Err(Failure::Differs("records are kept longer than agreed, or the disk will be full soon".to_owned()))
        }
        // It was answered above, by whoever owns the store.
        RetentionAction::Run { .. } => Ok(()),
        RetentionAction::Plan { confirmed_by, json } => {
            let guard = guard_of(&conn, guard(confirmed_by), inputs.now, &inputs.zone).map_err(failure)?;
            let plan = inputs.plan(&guard);
            if *json {
                tell(&plan_json(&plan));
            } else {
                plan_lines(&plan, &inputs).iter().for_each(|line| say(shown(line)));
            }
            Ok(())
        }
    }
}

fn tell(value: &Value) {
    say(serde_json::to_string_pretty(value).expect("a JSON value always serialises"));
}

fn terms(parties: &[Party]) -> String {
    let mut terms: Vec<String> = parties
        .iter()
        .map(|party| if party.agreed { party.term.to_string() } else { format!("{} (default)", party.term) })
        .collect();
    terms.sort_unstable();
    terms.dedup();
    terms.join("; ")
}

fn conformity_json(report: &Conformity) -> Value {
    let standing = |s: &Standing| {
        json!({
            "client": s.client,
            "class": s.class.word(),
            "agreed": terms(&s.agreed),
            "effective": terms(&s.effective),
            "oldest_day": s.held.map(|held| day_text(held.0)),
            "newest_day": s.held.map(|held| day_text(held.1)),
            "days_without": s.days_without,
            "records": s.entries,
            "holds": s.holds,
            "due_days": s.due_days,
            "overdue_days": s.overdue_days,
            "next_due": s.next_due,
        })
    };
    let disk = |d: Disk| {
        json!({
            "free_bytes": d.free_bytes,
            "bytes_a_day": d.bytes_a_day,
            "full_on": d.full_on.map(day_text),
            "low": d.is_low(),
        })
    };
    json!({
        "in_order": report.is_in_order(),
        "standings": report.standings.iter().map(standing).collect::<Vec<_>>(),
        "disk": report.disk.map(disk),
    })
}

fn conformity_lines(report: &Conformity, inputs: &PlanInputs) -> Vec<String> {
    let mut lines = Vec::new();
    for s in &report.standings {
        let whose = s.client.as_deref().unwrap_or("(site)");
        let held = s.held.map_or_else(
            || "nothing held".to_owned(),
            |(first, last)| {
                let (first, last) = (day_text(first), day_text(last));
                format!("{} records from {first} to {last}, {} day(s) without", s.entries, s.days_without)
            },
        );
        lines.push(format!("{whose}  {}  {}  {held}", s.class.word(), terms(&s.agreed)));
        let effective = terms(&s.effective);
        if effective != terms(&s.agreed) {
            lines.push(format!("    within the notice the longest counts: {effective}"));
        }
        if let Some(due) = s.next_due {
            lines.push(format!("    next due {}, {} day(s) due now", inputs.zone.shown(due), s.due_days));
        }
        if s.overdue_days > 0 {
            lines.push(format!("    OVERDUE: {} day(s) are kept longer than agreed", s.overdue_days));
        }
        if !s.holds.is_empty() {
            lines.push(format!("    held by {}", s.holds.join(", ")));
        }
    }
    if let Some(disk) = report.disk {
        let (free, a_day) = (disk.free_bytes / 1_048_576, disk.bytes_a_day / 1_024);
        let full = match disk.full_on {
            Some(day) => format!("full on {}{}", day_text(day), if disk.is_low() { ": LOW" } else { "" }),
            None => "as much goes as comes before it is full".to_owned(),
        };
        lines.push(format!("disk  {free} MiB free, {a_day} KiB a day: {full}"));
    }
    lines
}

fn scope_text(scope: &[String]) -> String {
    if scope.is_empty() { "(site)".to_owned() } else { scope.join(", ") }
}

/// Why something waits: a word for programs, a sentence for people.
fn wait_texts(why: &Wait) -> (&'static str, String) {
    match why {
        Wait::NotDue => ("not_due", "the term is not over".to_owned()),
        Wait::Notice => ("notice", "a longer term was in force within the notice".to_owned()),
        Wait::NotAgreed => ("not_agreed", "nobody agreed that it is erased".to_owned()),
        Wait::Session => ("session", "a session that began by then counts from its end".to_owned()),
        Wait::Pace => ("pace", "due; enough is erased for one day, more needs two people".to_owned()),
        Wait::Held(by) => ("held", format!("held by {}", by.join(", "))),
        Wait::Clock(ClockDoubt::Unsynchronised) => ("clock", "due; the clock is not synchronised".to_owned()),
        Wait::Clock(ClockDoubt::NoSecondClock) => ("clock", "due; there is no second clock".to_owned()),
        Wait::Clock(ClockDoubt::SecondClockOff) => ("clock", "due; the second clock disagrees".to_owned()),
        Wait::Clock(ClockDoubt::WentBack) => ("clock", "due; the clock went back".to_owned()),
    }
}

fn last_day(days: &std::ops::Range<i32>) -> String {
    day_text(days.end.saturating_sub(1))
}

fn plan_json(plan: &Plan) -> Value {
    let erase = |e: &EraseGroup| {
        json!({
            "class": e.class.word(), "scope": e.scope, "first_day": day_text(e.days.start), "last_day": last_day(&e.days),
            "keys": e.keys.iter().map(|id| format!("{id:016x}")).collect::<Vec<_>>(), "rule": e.rule, "holds": e.holds,
        })
    };
    let group = |g: &GroupPlan| {
        let waiting: Vec<Value> = g
            .waiting
            .iter()
            .map(|w| {
                let (word, text) = wait_texts(&w.why);
                let (first, last) = (day_text(w.days.start), last_day(&w.days));
                json!({ "first_day": first, "last_day": last, "keys": w.keys, "why": word, "text": text })
            })
            .collect();
        json!({ "class": g.class.word(), "scope": g.scope, "keys": g.keys, "next_due": g.next_due, "waiting": waiting })
    };
    json!({
        "erase": plan.erase.iter().map(erase).collect::<Vec<_>>(),
        "groups": plan.groups.iter().map(group).collect::<Vec<_>>(),
    })
}

fn plan_lines(plan: &Plan, inputs: &PlanInputs) -> Vec<String> {
    let mut lines = Vec::new();
    for e in &plan.erase {
        let (scope, class, first, last) =
            (scope_text(&e.scope), e.class.word(), day_text(e.days.start), last_day(&e.days));
        lines.push(format!("ERASE  {scope}  {class}  {first} to {last}  {} key(s)  by {}", e.keys.len(), e.rule));
        if !e.holds.is_empty() {
            lines.push(format!("    what {} covers stays", e.holds.join(", ")));
        }
    }
    if plan.erase.is_empty() {
        lines.push("nothing is erased now".to_owned());
    }
    for g in &plan.groups {
        let next =
            g.next_due.map_or_else(|| "never due".to_owned(), |due| format!("next due {}", inputs.zone.shown(due)));
        lines.push(format!("{}  {}  {next}", scope_text(&g.scope), g.class.word()));
        for w in &g.waiting {
            let (first, last) = (day_text(w.days.start), last_day(&w.days));
            lines.push(format!("    {first} to {last}, {} key(s): {}", w.keys, wait_texts(&w.why).1));
        }
    }
    lines
}
