//! The rule files that come with the product, for the gateways that are met most.
//!
//! They are ordinary files of the language: a copy of one is where a file of one's own begins.

use std::sync::Arc;

use super::rules::Rules;
use crate::files::MappingError;

macro_rules! dialects {
    ($( $name:literal, )*) => {
        /// Name and text of each.
        const SHIPPED: &[(&str, &str)] = &[ $( ($name, include_str!(concat!("dialects/", $name, ".toml"))), )* ];
    };
}

dialects! {
    "yamaha-rtx",
    "fortigate",
    "cisco-asa",
    "cisco-ios",
    "openvpn",
    "strongswan",
    "sshd",
    "globalprotect",
    "juniper",
    "sonicwall",
    "wallix",
    "beyondtrust-pra",
    "cyberark-psm",
    "teleport",
    "guacamole",
    "generic-cef",
}

impl Rules {
    /// The names of the shipped rule files.
    pub fn shipped_names() -> impl Iterator<Item = &'static str> {
        SHIPPED.iter().map(|(name, _)| *name)
    }

    /// The text of a shipped rule file, to be copied and changed.
    #[must_use]
    pub fn shipped_text(name: &str) -> Option<&'static str> {
        SHIPPED.iter().find(|(known, _)| *known == name).map(|(_, text)| *text)
    }

    /// A shipped rule file, ready to read lines; none of that name.
    #[must_use]
    pub fn shipped(name: &str) -> Option<Arc<Self>> {
        let parsed: Result<Self, MappingError> = Self::parse(Self::shipped_text(name)?, &format!("{name}.toml"));
        Some(Arc::new(parsed.expect("every shipped file is parsed by a test")))
    }
}
