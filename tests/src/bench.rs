//! Benchmarks: figures with their yardsticks. Never part of the tests.

mod export;
mod gateway;
mod history;
mod ledger;
mod listener;
mod replay;
mod site;
mod start;
mod verdict;
pub mod yardstick;

/// A benchmark by its name.
pub type Measure = fn() -> Result<(), String>;

/// Every benchmark, in the order in which they run.
pub const ALL: [(&str, Measure); 7] = [
    ("replay", replay::measure),
    ("listener", listener::measure),
    ("gateway", gateway::measure),
    ("start", start::measure),
    ("ledger", ledger::measure),
    ("verdict", verdict::measure),
    ("export", export::measure),
];

/// What to add to an error of the operating system: what was tried, with what.
fn at<'a>(what: &'a str, path: &'a std::path::Path) -> impl Fn(std::io::Error) -> String + 'a {
    move |e| format!("{what} {}: {e}", path.display())
}

/// The middle one of some figures.
fn median(mut figures: Vec<f64>) -> f64 {
    figures.sort_by(f64::total_cmp);
    figures[figures.len() / 2]
}
