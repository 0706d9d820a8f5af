//! From the text of a frame to an observation.

use kukaku_schema::intake::Unreadable;
use kukaku_schema::observation::SourceAlive;
use kukaku_schema::{Name, Observation, UtcMicros};
use regex::Regex;

use super::config::{LineConfig, LineConfigError, MessageConfig};
use super::frames::Frame;
use crate::files::{ABSENT, ColumnRef, Encoding, Plan, Purpose, RawRule, SlotNames, Slots, Slotted, decode, listed};

/// What a frame said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Heard {
    /// An observation.
    Observation(Box<Observation>),
    /// Nothing that was understood: kept as it was.
    Unreadable(Unreadable),
    /// Nothing, as the configuration says of such frames.
    Ignored,
}

/// A line protocol, ready to read frames.
#[derive(Debug, Clone)]
pub struct LineProtocol {
    source: Name,
    encoding: Encoding,
    ignore: Vec<Regex>,
    alive: Option<Regex>,
    messages: Vec<Message>,
}

#[derive(Debug, Clone)]
struct Message {
    pattern: Regex,
    /// The number of the group in each slot.
    groups: Vec<usize>,
    plan: Plan,
}

impl LineProtocol {
    /// Checks a configuration.
    ///
    /// # Errors
    /// The key that is wrong and what was expected there.
    pub fn new(config: &LineConfig) -> Result<Self, LineConfigError> {
        let ignore = config.ignore.iter().enumerate().map(|(at, text)| pattern(&format!("ignore[{at}]"), text));
        let alive = config.alive.iter().map(|text| pattern("alive", text)).next().transpose()?;
        if config.messages.is_empty() && alive.is_none() {
            return Err(LineConfigError::new("messages", "expected at least one message, or `alive`"));
        }
        let messages = config.messages.iter().enumerate();
        Ok(Self {
            source: config.source.clone(),
            encoding: config.encoding,
            ignore: ignore.collect::<Result<_, _>>()?,
            alive,
            messages: messages.map(|(at, raw)| Message::new(at, raw, &config.source)).collect::<Result<_, _>>()?,
        })
    }

    /// What a frame says. `received` is when it came.
    #[must_use]
    pub fn hear(&self, frame: Frame<'_>, received: UtcMicros) -> Heard {
        let unreadable = |bytes: &[u8], reason: &str| {
            Heard::Unreadable(Unreadable::new(Some(self.source.to_string()), bytes, reason))
        };
        let bytes = match frame {
            Frame::Whole(bytes) => bytes,
            Frame::Broken { bytes, reason } => return unreadable(bytes, reason),
            Frame::Noise(bytes) => return unreadable(bytes, "bytes outside of a frame"),
        };
        let mut decoded = String::new();
        let text = match decode(self.encoding, bytes, None, &mut decoded) {
            Ok(text) => text,
            Err(reason) => return unreadable(bytes, &reason),
        };
        if self.ignore.iter().any(|pattern| pattern.is_match(text)) {
            return Heard::Ignored;
        }
        if self.alive.as_ref().is_some_and(|pattern| pattern.is_match(text)) {
            return Heard::Observation(Box::new(Observation::SourceAlive(SourceAlive {
                source: self.source.clone(),
                epoch: None,
                seq: None,
                event_id: None,
                device_time: received,
            })));
        }
        match self.messages.iter().find_map(|message| message.read(text, received)) {
            Some(Ok(observation)) => Heard::Observation(Box::new(observation)),
            Some(Err(reason)) => unreadable(bytes, &reason),
            None => unreadable(bytes, "no message pattern fits"),
        }
    }
}

impl Message {
    fn new(at: usize, raw: &MessageConfig, source: &Name) -> Result<Self, LineConfigError> {
        let pattern = pattern(&format!("messages[{at}].pattern"), &raw.pattern)?;
        let mut fields = raw.fields.clone();
        fields.entry("source".to_owned()).or_insert_with(|| RawRule::of_constant(source.as_str()));
        let mut names = SlotNames::default();
        let plan = Plan::compile(
            Purpose::Observations { may_lack_time: true },
            fields.iter().map(|(word, rule)| (word.as_str(), rule)),
            Slotted::Groups,
            &mut names,
        )
        .map_err(|(word, message)| match word {
            Some(word) => LineConfigError::new(format!("messages[{at}].fields.{word}"), message),
            None => LineConfigError::new(format!("messages[{at}].fields"), message),
        })?;
        let groups = names.0.iter().map(|name| group(&pattern, at, name)).collect::<Result<_, _>>()?;
        Ok(Self { pattern, groups, plan })
    }

    /// The observation, or why there is none; nothing where the pattern does not fit.
    fn read(&self, text: &str, received: UtcMicros) -> Option<Result<Observation, String>> {
        let captures = self.pattern.captures(text)?;
        let ranges: Vec<_> = self
            .groups
            .iter()
            // A frame has at most 64 KiB, its text at most three times that.
            .map(|group| captures.get(*group).map_or(ABSENT, |found| (found.start() as u32, found.end() as u32)))
            .collect();
        let slots = Slots { text, ranges: &ranges, plain: false };
        Some(self.plan.observation(&slots, &mut String::new(), Some(received)))
    }
}

fn pattern(key: &str, text: &str) -> Result<Regex, LineConfigError> {
    Regex::new(text).map_err(|e| LineConfigError::new(key, format!("{text:?} is no regular expression: {e}")))
}

fn group(pattern: &Regex, at: usize, wanted: &ColumnRef) -> Result<usize, LineConfigError> {
    let wanted = wanted.to_string();
    let found = pattern.capture_names().position(|name| name == Some(&wanted));
    found.ok_or_else(|| {
        let known = listed(pattern.capture_names().flatten());
        LineConfigError::new(
            format!("messages[{at}].fields"),
            format!("the pattern has no group {wanted:?}; it has: {known}"),
        )
    })
}
