//! The log: one line an event on standard error, harmless whatever it quotes.

use std::io::{self, Write};

use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::MakeWriter;

/// The environment variable that overrides `log` of the configuration.
pub const LOG_VARIABLE: &str = "KUKAKU_LOG";

/// Starts the log. A filter that can't be read is refused by name.
///
/// # Errors
/// A sentence naming the filter.
pub fn start(filter: &str) -> Result<(), String> {
    let text = std::env::var(LOG_VARIABLE).unwrap_or_else(|_| filter.to_owned());
    let filter = EnvFilter::try_new(&text).map_err(|e| format!("log filter {text:?}: {e}"))?;
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_ansi(false).with_writer(OneLine);
    // The journal of systemd puts its own time before each line.
    let started = if std::env::var_os("JOURNAL_STREAM").is_some() {
        builder.without_time().try_init()
    } else {
        builder.try_init()
    };
    // A second start (a test in the same process) keeps the first log.
    drop(started);
    Ok(())
}

/// Standard error through which no text can forge a line or move a cursor.
#[derive(Debug, Clone, Copy)]
pub struct OneLine;

impl<'a> MakeWriter<'a> for OneLine {
    type Writer = OneLineWriter<io::Stderr>;
    fn make_writer(&'a self) -> Self::Writer {
        OneLineWriter(io::stderr())
    }
}

/// Writes each buffer as one line: the log formats an event whole before it writes.
#[derive(Debug)]
pub struct OneLineWriter<W: Write>(pub W);

impl<W: Write> Write for OneLineWriter<W> {
    fn write(&mut self, event: &[u8]) -> io::Result<usize> {
        let text = String::from_utf8_lossy(event);
        let mut line = neutral(text.strip_suffix('\n').unwrap_or(&text));
        line.push('\n');
        self.0.write_all(line.as_bytes())?;
        Ok(event.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

/// The text with everything escaped that ends a line, moves a cursor or reverses reading order.
#[must_use]
pub fn neutral(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        let unsafe_mark = matches!(c,
            '\u{061C}' | '\u{200B}' | '\u{200E}' | '\u{200F}' | '\u{2028}' | '\u{2029}'
            | '\u{202A}'..='\u{202E}' | '\u{2060}'..='\u{206F}' | '\u{FEFF}' | '\u{FFF9}'..='\u{FFFB}');
        if unsafe_mark || (c.is_control() && c != '\t') {
            out.extend(c.escape_default());
        } else {
            out.push(c);
        }
    }
    out
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_card_name_cannot_forge_a_log_line_or_a_terminal_sequence() {
        let mut out = Vec::new();
        OneLineWriter(&mut out).write_all("bad \u{1b}[2J card\r\n2026 INFO all is well\u{202e}\n".as_bytes()).unwrap();
        let text = String::from_utf8(out).unwrap();
        assert_eq!(text, "bad \\u{1b}[2J card\\r\\n2026 INFO all is well\\u{202e}\n");
        assert_eq!(text.lines().count(), 1);
    }
}
