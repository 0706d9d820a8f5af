//! Alerts as security systems read them: CEF and OCSF.
//!
//! Both are one line, hold no character that ends it, and name the finding by the same id in every
//! revision.

use kukaku_schema::Severity;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::alert::{Alert, AlertState};
use crate::text::one_line;

/// The version of the Open Cybersecurity Schema Framework that is spoken.
const OCSF_VERSION: &str = "1.3.0";
/// OCSF: the category Findings, and its class Detection Finding.
const OCSF_CATEGORY: u32 = 2;
const OCSF_CLASS: u32 = 2004;

/// Longest value of a field, in characters.
const FIELD_MAX_CHARS: usize = 1_000;

/// How an alert is written.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum AlertFormat {
    /// For people: as the channel always wrote it.
    #[default]
    Kukaku,
    /// ArcSight Common Event Format, version 0.
    Cef,
    /// Open Cybersecurity Schema Framework, class Detection Finding, as JSON.
    Ocsf,
}

/// The alert in CEF: `CEF:0|vendor|product|version|id|name|severity|fields`.
#[must_use]
pub fn cef(alert: &Alert) -> String {
    let severity = match (alert.state, alert.severity) {
        (AlertState::Resolved, _) => 2,
        (_, Severity::Medium) => 5,
        (_, Severity::High) => 8,
        (_, Severity::Critical) => 10,
    };
    let mut out = format!(
        "CEF:0|kukaku|kukaku|{}|{}|{}|{severity}|",
        env!("CARGO_PKG_VERSION"),
        header(alert.kind.word()),
        header(&alert.title)
    );
    let millis = |at: kukaku_schema::UtcMicros| at.0.div_euclid(1_000).to_string();
    let fields = [
        ("rt", millis(alert.recorded_at)),
        ("start", millis(alert.since)),
        ("end", alert.until.map_or_else(String::new, millis)),
        ("act", alert.state.word().to_owned()),
        ("externalId", alert.finding.clone()),
        ("suser", alert.who.clone()),
        ("cs1Label", "client".to_owned()),
        ("cs1", alert.client.clone().unwrap_or_default()),
        ("cs2Label", "place".to_owned()),
        ("cs2", alert.place.clone()),
        ("cs3Label", "site".to_owned()),
        ("cs3", alert.site.clone()),
        ("cn1Label", "revision".to_owned()),
        ("cn1", alert.revision.to_string()),
        ("request", alert.link.clone().unwrap_or_default()),
        ("msg", alert.to_do.clone()),
    ];
    let filled: Vec<String> = fields
        .iter()
        .filter(|(_, value)| !value.is_empty())
        .map(|(name, value)| format!("{name}={}", field(value)))
        .collect();
    out.push_str(&filled.join(" "));
    out
}

/// A part of the header: on one line, with `\` and `|` escaped.
fn header(text: &str) -> String {
    one_line(text, FIELD_MAX_CHARS).replace('\\', "\\\\").replace('|', "\\|")
}

/// A value of a field: on one line, with `\` and `=` escaped.
fn field(text: &str) -> String {
    one_line(text, FIELD_MAX_CHARS).replace('\\', "\\\\").replace('=', "\\=")
}

/// The alert in OCSF.
#[must_use]
pub fn ocsf(alert: &Alert) -> Value {
    written(alert, FIELD_MAX_CHARS, true)
}

/// The same in at most `max_bytes`: what is cut is texts, never the form.
#[must_use]
pub fn ocsf_within(alert: &Alert, max_bytes: usize) -> String {
    let tries = [(FIELD_MAX_CHARS, true), (FIELD_MAX_CHARS, false), (200, false), (60, false)];
    let texts = tries.map(|(chars, proof)| written(alert, chars, proof).to_string());
    let fits = texts.iter().find(|text| text.len() <= max_bytes);
    fits.unwrap_or(&texts[3]).clone()
}

fn written(alert: &Alert, max_chars: usize, proof: bool) -> Value {
    let (activity, status) = match alert.state {
        AlertState::Opened => (1, 1),
        AlertState::Changed => (2, 2),
        AlertState::Resolved => (3, 4),
    };
    let severity = match alert.severity {
        Severity::Medium => 3,
        Severity::High => 4,
        Severity::Critical => 5,
    };
    let text = |text: &str| one_line(text, max_chars);
    let proof: &[String] = if proof { &alert.proof } else { &[] };
    let millis = |at: kukaku_schema::UtcMicros| at.0.div_euclid(1_000);
    let mut out = json!({
        "category_uid": OCSF_CATEGORY,
        "class_uid": OCSF_CLASS,
        "activity_id": activity,
        "type_uid": OCSF_CLASS * 100 + activity,
        "severity_id": severity,
        "status_id": status,
        "time": millis(alert.recorded_at),
        "start_time": millis(alert.since),
        "message": text(&alert.title),
        "metadata": {
            "version": OCSF_VERSION,
            "product": { "name": "kukaku", "vendor_name": "kukaku", "version": env!("CARGO_PKG_VERSION") },
            "uid": format!("{}#{}", text(&alert.finding), alert.revision),
        },
        "finding_info": {
            "uid": text(&alert.finding),
            "title": text(&alert.title),
            "desc": text(&alert.to_do),
            "types": [alert.kind.word()],
            "first_seen_time": millis(alert.since),
        },
        "unmapped": {
            "site": text(&alert.site),
            "who": text(&alert.who),
            "place": text(&alert.place),
            "revision": alert.revision,
            "proof": proof.iter().map(|line| text(line)).collect::<Vec<_>>(),
        },
    });
    if let Some(until) = alert.until {
        out["end_time"] = json!(millis(until));
    }
    if let Some(client) = &alert.client {
        out["unmapped"]["client"] = json!(text(client));
    }
    if let Some(link) = &alert.link {
        out["finding_info"]["src_url"] = json!(text(link));
    }
    out
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::sample::alert;

    #[test]
    fn nothing_that_a_device_says_forges_a_field_or_a_line() {
        let hostile = "a|b\\c=d\nCEF:0|x \u{202E}act=resolved";
        let told = Alert { title: hostile.to_owned(), who: hostile.to_owned(), ..alert() };
        let line = cef(&told);
        assert_eq!(line.lines().count(), 1);
        assert!(line.contains("suser=a|b\\\\c\\=d CEF:0|x \u{FFFD}act\\=resolved "), "{line}");
        assert!(line.contains("|a\\|b\\\\c=d CEF:0\\|x \u{FFFD}act=resolved|"), "{line}");
        let json = ocsf(&told).to_string();
        assert_eq!(json.lines().count(), 1);
        assert!(!json.contains('\u{202E}'));
        // What is too long for its way is shorter, and still JSON.
        let long = "長".repeat(2_000);
        let told = Alert { title: long.clone(), to_do: long.clone(), proof: vec![long.clone(); 60], ..told };
        for max_bytes in [2_000, 8_000] {
            let short = ocsf_within(&told, max_bytes);
            assert!(short.len() <= max_bytes, "{} of {max_bytes}", short.len());
            serde_json::from_str::<Value>(&short).unwrap();
        }
    }

    #[test]
    fn each_state_is_an_activity_of_the_same_finding() {
        for (state, activity, status) in
            [(AlertState::Opened, 1, 1), (AlertState::Changed, 2, 2), (AlertState::Resolved, 3, 4)]
        {
            let told = ocsf(&Alert { state, severity: Severity::Critical, ..alert() });
            assert_eq!((&told["activity_id"], &told["status_id"]), (&json!(activity), &json!(status)));
            assert_eq!(told["type_uid"], json!(200_400 + activity));
            assert_eq!((&told["class_uid"], &told["severity_id"]), (&json!(2004), &json!(5)));
            assert_eq!(told["finding_info"]["uid"], json!(alert().finding));
            for needed in ["category_uid", "time", "metadata", "finding_info"] {
                assert!(!told[needed].is_null(), "{needed}");
            }
        }
        assert!(cef(&alert()).starts_with("CEF:0|kukaku|kukaku|"));
    }
}
