//! Who gets which alert. Pure: an alert and the rules, nothing else.

use std::collections::BTreeSet;

use kukaku_schema::{FindingKind, Severity, SiteZone};
use serde::{Deserialize, Deserializer};

use crate::alert::{Alert, AlertKind, AlertState};
use crate::config::ChannelId;
use crate::words;

/// One rule: an alert that fits every field goes to every channel of `to`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    /// The channels.
    pub to: Vec<ChannelId>,
    /// Milder ones don't fit. Default: every severity fits.
    #[serde(default = "mildest", with = "words::severity")]
    pub min_severity: Severity,
    /// The kinds that fit; empty: every kind.
    #[serde(default, with = "words::kinds")]
    pub kinds: Vec<FindingKind>,
    /// The clients whose alerts fit; empty: every client's and the site's own.
    #[serde(default)]
    pub clients: Vec<String>,
    /// The states that fit; empty: every state.
    #[serde(default)]
    pub states: Vec<AlertState>,
    /// The hours of the site's day in which it fits, `"08:30-17:15"`; may cross midnight.
    /// Default: always. Judged by when the alert was recorded.
    #[serde(default)]
    pub hours: Option<Hours>,
}

fn mildest() -> Severity {
    Severity::Medium
}

/// The rules in the order of the file; the order means nothing.
#[derive(Debug, Clone, Default)]
pub struct Rules(pub Vec<Rule>);

/// The channels that an alert goes to, each once, in the order of their ids.
#[must_use]
pub fn route(rules: &Rules, alert: &Alert) -> Vec<ChannelId> {
    let fitting = rules.0.iter().filter(|rule| rule.fits(alert));
    fitting.flat_map(|rule| rule.to.iter().cloned()).collect::<BTreeSet<_>>().into_iter().collect()
}

impl Rule {
    /// Whether the rule speaks of this alert.
    #[must_use]
    pub fn fits(&self, alert: &Alert) -> bool {
        let kind_fits = match alert.kind {
            AlertKind::Finding(kind) => self.kinds.is_empty() || self.kinds.contains(&kind),
            AlertKind::Digest | AlertKind::Test => true,
        };
        let client_fits =
            self.clients.is_empty() || alert.client.as_ref().is_some_and(|client| self.clients.contains(client));
        alert.severity >= self.min_severity
            && kind_fits
            && client_fits
            && (self.states.is_empty() || self.states.contains(&alert.state))
            && self.hours.is_none_or(|hours| hours.holds(alert))
    }
}

/// Hours of the day `[from, to)` in minutes after midnight.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Hours {
    /// The first minute inside.
    pub from_min: u16,
    /// The first minute after it; not after `from_min` where the span crosses midnight.
    pub to_min: u16,
}

impl Hours {
    /// Reads `"08:30-17:15"`; `"22:00-06:00"` crosses midnight; `"00:00-24:00"` is the whole day.
    ///
    /// # Errors
    /// A sentence naming the text and what was expected.
    pub fn parse(text: &str) -> Result<Self, String> {
        let minute = |clock: &str| -> Option<u16> {
            let (hour, minute) = clock.split_once(':')?;
            let two_digits = |text: &str| text.len() == 2 && text.bytes().all(|b| b.is_ascii_digit());
            if !two_digits(hour) || !two_digits(minute) {
                return None;
            }
            let (hour, minute): (u16, u16) = (hour.parse().ok()?, minute.parse().ok()?);
            ((hour < 24 && minute < 60) || (hour == 24 && minute == 0)).then_some(hour * 60 + minute)
        };
        text.split_once('-')
            .and_then(|(from, to)| Some((minute(from)?, minute(to)?)))
            .filter(|(from, to)| *from < 1440 && from != to)
            .map(|(from_min, to_min)| Self { from_min, to_min })
            .ok_or_else(|| format!("{text:?} is no span of hours like \"08:30-17:15\""))
    }

    /// A zone that nobody knows lets the alert through: too many are better than none.
    fn holds(self, alert: &Alert) -> bool {
        let Ok(zone) = SiteZone::named(&alert.time_zone) else {
            return true;
        };
        let local_s = alert.recorded_at.0.div_euclid(1_000_000) + i64::from(zone.offset_s(alert.recorded_at));
        let minute = local_s.rem_euclid(86_400) / 60;
        let (from, to) = (i64::from(self.from_min), i64::from(self.to_min));
        if from < to { from <= minute && minute < to } else { minute >= from || minute < to }
    }
}

impl<'de> Deserialize<'de> for Hours {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::parse(&String::deserialize(deserializer)?).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::config::AlertsConfig;
    use crate::sample::alert;
    use kukaku_schema::UtcMicros;

    fn routed(rules: &str, change: impl Fn(&mut Alert)) -> String {
        let config: AlertsConfig = toml::from_str(rules).unwrap();
        let mut alert = alert();
        change(&mut alert);
        let ids = route(&config.rules(), &alert);
        ids.iter().map(ChannelId::as_str).collect::<Vec<_>>().join(" ")
    }

    const RULES: &str = "
        [[rule]]
        to = ['tower', 'duty']
        min_severity = 'critical'
        [[rule]]
        to = ['duty', 'log']
        [[rule]]
        to = ['city']
        clients = ['tomakomai']
        kinds = ['absent', 'partial']
        states = ['opened', 'resolved']
        [[rule]]
        to = ['night']
        hours = '22:00-06:00'
    ";

    #[test]
    fn every_rule_that_fits_adds_its_channels_once() {
        assert_eq!(routed(RULES, |_| {}), "city duty log tower");
        assert_eq!(routed(RULES, |a| a.severity = Severity::High), "city duty log");
        assert_eq!(routed(RULES, |a| a.client = None), "duty log tower");
        assert_eq!(routed(RULES, |a| a.kind = AlertKind::Finding(FindingKind::Forced)), "duty log tower");
        assert_eq!(routed(RULES, |a| a.state = AlertState::Changed), "duty log tower");
    }

    #[test]
    fn the_night_shift_is_asked_by_the_sites_clock() {
        let night = |text: &str| {
            routed(RULES, |a| {
                a.recorded_at = UtcMicros::parse_rfc3339(text).unwrap();
                a.severity = Severity::Medium;
                a.client = None;
            })
        };
        assert_eq!(night("2026-11-22T21:59:59+09:00"), "duty log");
        assert_eq!(night("2026-11-22T22:00:00+09:00"), "duty log night");
        assert_eq!(night("2026-11-23T05:59:59+09:00"), "duty log night");
        assert_eq!(night("2026-11-23T06:00:00+09:00"), "duty log");
        assert!(routed(RULES, |a| a.time_zone = "Mars/Olympus".to_owned()).contains("night"));
    }

    #[test]
    fn hours_that_mean_nothing_are_refused() {
        for text in ["8:00-9:00", "24:00-06:00", "08:00", "08:00-08:00", "25:00-26:00", "08:60-09:00", "+1:00-02:00"] {
            assert!(Hours::parse(text).is_err(), "{text}");
        }
        assert_eq!(Hours::parse("00:00-24:00"), Ok(Hours { from_min: 0, to_min: 1440 }));
    }

    #[test]
    fn a_slip_of_the_pen_is_named_with_its_line() {
        for (text, part) in [
            ("[[rule]]\nto = ['a']\nseverity = 'high'", "severity"),
            ("[[rule]]\nto = ['a']\nmin_severity = 'huge'", "medium, high or critical"),
            ("[[rule]]\nto = ['a']\nkinds = ['absnt']", "absnt"),
            ("[[rule]]\nto = ['A b']", "a-z 0-9"),
        ] {
            let error = toml::from_str::<AlertsConfig>(text).unwrap_err().to_string();
            assert!(error.contains(part) && error.contains("line"), "{error}");
        }
        let missing: AlertsConfig = toml::from_str("[[rule]]\nto = ['a']").unwrap();
        assert_eq!(missing.check().unwrap_err().to_string(), "rule 1: `to` names channel \"a\", which is not defined");
        let twice = "[[tower]]\nid = 'a'\naddress = '127.0.0.1:1'\n";
        let twice: AlertsConfig = toml::from_str(&twice.repeat(2)).unwrap();
        assert!(twice.check().unwrap_err().to_string().contains("twice"));
    }
}
