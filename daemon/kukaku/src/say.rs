//! What commands print for people, and what they ask.

use std::io::{self, BufRead as _, IsTerminal as _, Write as _};

use crate::logs::neutral;

/// Prints a line on standard output; whoever reads it may have gone away.
pub fn say(line: impl AsRef<str>) {
    // A closed pipe (`kukaku status | head`) is no failure of the command.
    let _ = writeln!(io::stdout().lock(), "{}", line.as_ref());
}

/// Prints a line on standard error.
pub fn warn(line: impl AsRef<str>) {
    let _ = writeln!(io::stderr().lock(), "{}", line.as_ref());
}

/// A text from a register or a device, harmless on a terminal.
#[must_use]
pub fn shown(text: &str) -> String {
    neutral(text)
}

/// Asks for a line; a password is not shown while it is typed. Without a terminal the next line
/// of standard input is the answer.
///
/// # Errors
/// No answer came.
pub fn ask(question: &str, secret: bool) -> Result<String, String> {
    let stdin = io::stdin();
    let hidden = (secret && stdin.is_terminal()).then(Hidden::begin).flatten();
    if stdin.is_terminal() {
        let _ = write!(io::stderr().lock(), "{question}: ");
        let _ = io::stderr().flush();
    }
    let mut line = String::new();
    let read = stdin.lock().read_line(&mut line);
    if hidden.is_some() {
        warn("");
    }
    drop(hidden);
    match read {
        Ok(0) => Err(format!("no answer to \"{question}\"")),
        Ok(_) => Ok(line.trim_end_matches(['\r', '\n']).to_owned()),
        Err(error) => Err(format!("read the answer to \"{question}\": {error}")),
    }
}

/// The terminal without echo, until dropped.
struct Hidden(rustix::termios::Termios);

impl Hidden {
    fn begin() -> Option<Self> {
        let before = rustix::termios::tcgetattr(io::stdin()).ok()?;
        let mut hidden = before.clone();
        hidden.local_modes.remove(rustix::termios::LocalModes::ECHO);
        rustix::termios::tcsetattr(io::stdin(), rustix::termios::OptionalActions::Now, &hidden).ok()?;
        Some(Self(before))
    }
}

impl Drop for Hidden {
    fn drop(&mut self) {
        // Nothing better can be done for a terminal that went away.
        let _ = rustix::termios::tcsetattr(io::stdin(), rustix::termios::OptionalActions::Now, &self.0);
    }
}
