//! Two languages, Japanese first.

/// The language of what is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lang {
    /// Japanese.
    Ja,
    /// English.
    En,
}

impl Lang {
    /// `--lang`, else the variable `LANG`: English where it asks for it, Japanese otherwise.
    #[must_use]
    pub fn choose(flag: Option<&str>, variable: Option<&str>) -> Self {
        let wanted = flag.or(variable).unwrap_or_default();
        if wanted.starts_with("en") { Self::En } else { Self::Ja }
    }

    /// The text in this language.
    #[must_use]
    pub fn pick<'t>(self, ja: &'t str, en: &'t str) -> &'t str {
        match self {
            Self::Ja => ja,
            Self::En => en,
        }
    }
}
