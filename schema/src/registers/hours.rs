//! Hours of the local day, as registers state them.

use serde::{Deserialize, Serialize};

/// Hours of the local day, `"08:00-20:00"`; past midnight where the end is not after the start.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Hours {
    /// Minutes after 00:00.
    pub from_min: u16,
    /// Minutes after 00:00; 1440 is the day's end.
    pub to_min: u16,
}

impl Hours {
    /// Reads `"08:00-20:00"`, `"22:00-06:00"`, `"00:00-24:00"`.
    ///
    /// # Errors
    /// A sentence naming the text and what was expected.
    pub fn parse(text: &str) -> Result<Self, String> {
        let wrong = || format!("{text:?} are no hours like \"08:00-20:00\"");
        let minute = |part: &str| -> Option<u16> {
            let (h, m) = part.trim().split_once(':')?;
            if h.len() != 2 || m.len() != 2 {
                return None;
            }
            let (h, m): (u16, u16) = (h.parse().ok()?, m.parse().ok()?);
            (m < 60 && h * 60 + m <= 1440).then_some(h * 60 + m)
        };
        let (from, to) = text.split_once('-').ok_or_else(wrong)?;
        let (from_min, to_min) = (minute(from).ok_or_else(wrong)?, minute(to).ok_or_else(wrong)?);
        if from_min == to_min || from_min == 1440 {
            return Err(wrong());
        }
        Ok(Self { from_min, to_min })
    }

    /// Whether a minute of the local day lies inside.
    #[must_use]
    pub fn contains(self, minute: u16) -> bool {
        if self.from_min < self.to_min {
            self.from_min <= minute && minute < self.to_min
        } else {
            minute >= self.from_min || minute < self.to_min
        }
    }

    /// The text that `parse` reads.
    #[must_use]
    pub fn to_text(self) -> String {
        let part = |m: u16| format!("{:02}:{:02}", m / 60, m % 60);
        format!("{}-{}", part(self.from_min), part(self.to_min))
    }
}

impl Serialize for Hours {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.to_text())
    }
}

impl<'de> Deserialize<'de> for Hours {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::parse(&String::deserialize(deserializer)?).map_err(serde::de::Error::custom)
    }
}
