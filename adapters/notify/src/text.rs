//! The texts of messages, in Japanese and English, and how hostile text is made harmless.
//!
//! Invariant: what [`one_line`] returns holds no character that ends a line, moves a cursor or
//! reverses reading order, so no name in a register or from a device can forge a header, a log
//! line or a terminal sequence.

use kukaku_schema::{SiteZone, UtcMicros};

use crate::alert::{Alert, AlertKind};

/// Longest title or fact in a message, in characters: a screen line many times over.
const FACT_MAX_CHARS: usize = 500;

/// Most lines of proof in a message; the page shows the rest.
const PROOF_MAX_LINES: usize = 60;

/// Longest link in a message, in bytes.
const LINK_MAX_BYTES: usize = 2_000;

/// The text on one line, at most `max_chars` long.
///
/// White space that breaks lines becomes a space; other controls (ANSI sequences begin with
/// one), and marks that reverse or hide text become U+FFFD, so that the attempt stays visible.
#[must_use]
pub fn one_line(text: &str, max_chars: usize) -> String {
    let mut out = String::with_capacity(text.len().min(max_chars * 4));
    for (written, c) in text.chars().enumerate() {
        if written == max_chars {
            out.push('…');
            break;
        }
        out.push(match c {
            '\t' | '\n' | '\r' | '\u{0B}' | '\u{0C}' | '\u{85}' | '\u{2028}' | '\u{2029}' => ' ',
            c if is_unsafe(c) => '\u{FFFD}',
            c => c,
        });
    }
    out
}

/// Controls (C0, DEL, C1), bidirectional marks and invisible characters.
fn is_unsafe(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{061C}' | '\u{180E}' | '\u{200B}' | '\u{200E}' | '\u{200F}' | '\u{202A}'..='\u{202E}'
            | '\u{2060}'..='\u{206F}' | '\u{FEFF}' | '\u{FFF9}'..='\u{FFFB}' | '\u{E0000}'..='\u{E007F}')
}

/// The subject of a mail: `[kukaku 札幌] 重大 発生: 在室なしセッション 佐藤 花子`.
#[must_use]
pub fn subject(alert: &Alert) -> String {
    one_line(&format!("[kukaku {}] {}", one_line(&alert.site, 60), headline(alert)), 200)
}

/// Severity, state and title: `重大 発生: …`.
#[must_use]
pub fn headline(alert: &Alert) -> String {
    let title = one_line(&alert.title, FACT_MAX_CHARS);
    match alert.kind {
        AlertKind::Test | AlertKind::Digest => title,
        AlertKind::Finding(_) => {
            format!("{} {}: {title}", alert.severity.label(alert.lang), alert.state.label(alert.lang))
        }
    }
}

/// The body of a mail: plain text, lines ended by `\n`; says who, where, since when, what
/// proves it and what to do.
#[must_use]
pub fn body(alert: &Alert) -> String {
    let lang = alert.lang;
    let mut out = headline(alert);
    out.push_str("\n\n");
    let fact = |out: &mut String, label: &str, text: &str| {
        if !text.is_empty() {
            out.push_str(label);
            out.push_str(lang.pick("：", ": "));
            out.push_str(&one_line(text, FACT_MAX_CHARS));
            out.push('\n');
        }
    };
    fact(&mut out, lang.pick("対象", "Who"), &alert.who);
    fact(&mut out, lang.pick("場所", "Where"), &alert.place);
    fact(&mut out, lang.pick("いつから", "Since"), &shown(alert, alert.since));
    if let Some(until) = alert.until {
        fact(&mut out, lang.pick("いつまで", "Until"), &shown(alert, until));
    }
    if let Some(client) = &alert.client {
        fact(&mut out, lang.pick("契約先", "Client"), client);
    }
    if !alert.proof.is_empty() {
        out.push_str(lang.pick("\n根拠：\n", "\nWhat proves it:\n"));
        for line in alert.proof.iter().take(PROOF_MAX_LINES) {
            out.push_str("- ");
            out.push_str(&one_line(line, FACT_MAX_CHARS));
            out.push('\n');
        }
        if let Some(more) = alert.proof.len().checked_sub(PROOF_MAX_LINES).filter(|more| *more > 0) {
            out.push_str(&lang.pick(format!("- ほか {more} 件\n"), format!("- and {more} more\n")));
        }
    }
    if !alert.to_do.is_empty() {
        out.push('\n');
        fact(&mut out, lang.pick("対応", "What to do"), &alert.to_do);
    }
    if let Some(link) = safe_link(alert) {
        fact(&mut out, lang.pick("詳細", "Details"), link);
    }
    out.push('\n');
    fact(&mut out, lang.pick("拠点", "Site"), &alert.site);
    fact(&mut out, lang.pick("記録時刻", "Recorded"), &shown(alert, alert.recorded_at));
    fact(
        &mut out,
        lang.pick("管理番号", "Finding"),
        &lang.pick(
            format!("{} 第{}版", alert.finding, alert.revision),
            format!("{}, revision {}", alert.finding, alert.revision),
        ),
    );
    out
}

/// Everything that matters on one line, for syslog and logs.
#[must_use]
pub fn line(alert: &Alert) -> String {
    let lang = alert.lang;
    let mut out = headline(alert);
    let mut fact = |label: &str, text: &str| {
        if !text.is_empty() {
            out.push_str(&format!(" {label}={}", one_line(text, FACT_MAX_CHARS)));
        }
    };
    fact(lang.pick("対象", "who"), &alert.who);
    fact(lang.pick("場所", "where"), &alert.place);
    fact(lang.pick("いつから", "since"), &shown(alert, alert.since));
    fact(lang.pick("根拠", "proof"), &alert.proof.iter().take(3).cloned().collect::<Vec<_>>().join("; "));
    fact(lang.pick("対応", "do"), &alert.to_do);
    out
}

/// An instant in the site's zone with its offset; in UTC where the zone is not known.
fn shown(alert: &Alert, at: UtcMicros) -> String {
    let at = UtcMicros(at.0.div_euclid(1_000_000) * 1_000_000);
    match SiteZone::named(&alert.time_zone) {
        Ok(zone) => zone.rfc3339(at),
        Err(_) => at.to_rfc3339_utc(),
    }
}

/// The link, if it is one that a mail program may open.
pub(crate) fn safe_link(alert: &Alert) -> Option<&str> {
    alert.link.as_deref().filter(|link| {
        (link.starts_with("https://") || link.starts_with("http://"))
            && link.len() <= LINK_MAX_BYTES
            && link.bytes().all(|b| b.is_ascii_graphic() && !matches!(b, b'<' | b'>' | b'"'))
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
