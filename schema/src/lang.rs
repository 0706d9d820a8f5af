//! The two languages the product speaks: Japanese first, English second.

/// A language of the pages, alerts and reports.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Lang {
    /// Japanese, the default.
    #[default]
    Ja,
    /// English.
    En,
}

impl Lang {
    /// The tag used in cookies, configuration and `<html lang>`: `ja` or `en`.
    #[must_use]
    pub fn tag(self) -> &'static str {
        self.pick("ja", "en")
    }

    /// Reads a tag; `None` for any other language.
    #[must_use]
    pub fn from_tag(tag: &str) -> Option<Self> {
        match tag {
            "ja" => Some(Self::Ja),
            "en" => Some(Self::En),
            _ => None,
        }
    }

    /// Chooses between the two texts that every message carries.
    #[must_use]
    pub fn pick<T>(self, ja: T, en: T) -> T {
        match self {
            Self::Ja => ja,
            Self::En => en,
        }
    }
}
