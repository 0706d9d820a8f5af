//! Who sends: from an address, and a certificate where one is shown, to a source and its reader.

use std::net::IpAddr;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex, PoisonError};

use kukaku_schema::UtcMicros;
use kukaku_schema::intake::{ArrivalBody, Unreadable};

use crate::config::{Network, SourceConfig};

/// Makes of the lines of one source what they say.
///
/// A link has one for each source, and hands it every line of that source in the order in which
/// it came, whatever connection it came over. What a reader remembers of a line for a later one is
/// lost with the program; it says so in [`Taken::remembers`].
pub trait LineReader: Send + 'static {
    /// Takes one line: without its framing and line end, never empty, 64 KiB at most, any bytes.
    /// `received` is our clock when it was read.
    fn take(&mut self, line: &[u8], received: UtcMicros) -> Taken;
}

/// What came of a line.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Taken {
    /// What is to be kept, in order: observations, or the line as unreadable. Most lines say
    /// nothing, and this is empty.
    pub bodies: Vec<ArrivalBody>,
    /// The reader still needs this line, or one before it, for one to come, as where two lines make
    /// one session. While it says so RELP lines are not answered, so that they come again if the
    /// program dies; for a second at most, because a sender may wait for the answer before it goes on.
    pub remembers: bool,
}

/// A source with its reader.
pub(crate) struct Source {
    pub(crate) name: String,
    from: Vec<Network>,
    certificate: Option<String>,
    reader: Mutex<Box<dyn LineReader>>,
}

impl Source {
    /// Has a line read. One on which its reader panics is kept as unreadable: it would else be lost
    /// over UDP and TCP, and come again for ever over RELP.
    pub(crate) fn take(&self, line: &[u8], received: UtcMicros) -> Taken {
        let mut reader = self.reader.lock().unwrap_or_else(PoisonError::into_inner);
        catch_unwind(AssertUnwindSafe(|| reader.take(line, received))).unwrap_or_else(|_| {
            let kept =
                Unreadable::new(Some(self.name.clone()), line, "the program failed on this line; please report it");
            Taken { bodies: vec![ArrivalBody::Unreadable(kept)], remembers: false }
        })
    }
}

/// All sources of one listener.
pub(crate) struct Sources(Vec<Arc<Source>>);

impl Sources {
    pub(crate) fn new(sources: &[SourceConfig], mut reader: impl FnMut(&SourceConfig) -> Box<dyn LineReader>) -> Self {
        let source = |config: &SourceConfig| {
            Arc::new(Source {
                name: config.name.clone(),
                from: config.from.clone(),
                certificate: config.certificate.clone(),
                reader: Mutex::new(reader(config)),
            })
        };
        Self(sources.iter().map(source).collect())
    }

    /// Some source sends from this address, whatever certificate it has to show.
    pub(crate) fn knows(&self, sender: IpAddr) -> bool {
        self.0.iter().any(|source| source.from.iter().any(|network| network.contains(sender)))
    }

    /// The source that sends from this address and shows a certificate with these names: the one
    /// with the narrowest network, and of those the one that demands a certificate.
    pub(crate) fn find(&self, sender: IpAddr, names: &[String]) -> Option<&Arc<Source>> {
        let narrowest = |source: &Arc<Source>| {
            let networks = source.from.iter().filter(|network| network.contains(sender));
            networks.map(Network::prefix).max()
        };
        let shown = |source: &&Arc<Source>| source.certificate.as_ref().is_none_or(|wanted| names.contains(wanted));
        let fitting = self.0.iter().filter(shown).filter_map(|source| Some((narrowest(source)?, source)));
        fitting.max_by_key(|(prefix, source)| (*prefix, source.certificate.is_some())).map(|(_, source)| source)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Deaf;
    impl LineReader for Deaf {
        fn take(&mut self, line: &[u8], _: UtcMicros) -> Taken {
            assert_ne!(line, b"deadly");
            Taken::default()
        }
    }

    #[test]
    fn a_line_on_which_its_reader_panics_is_kept_and_the_next_is_read() {
        let sources = sources(&[("gate", &["192.0.2.7"], None)]);
        let gate = sources.find("192.0.2.7".parse().unwrap(), &[]).unwrap();
        let taken = gate.take(b"deadly", UtcMicros(0));
        let [ArrivalBody::Unreadable(kept)] = &taken.bodies[..] else { panic!("{taken:?}") };
        assert_eq!((kept.source.as_deref(), &kept.head[..]), (Some("gate"), &b"deadly"[..]));
        assert_eq!(gate.take(b"next", UtcMicros(0)), Taken::default());
    }

    fn sources(entries: &[(&str, &[&str], Option<&str>)]) -> Sources {
        let configs: Vec<SourceConfig> = entries
            .iter()
            .map(|(name, from, certificate)| SourceConfig {
                name: (*name).to_owned(),
                from: from.iter().map(|text| Network::try_from((*text).to_owned()).unwrap()).collect(),
                certificate: certificate.map(str::to_owned),
                dialect: "any".to_owned(),
                windows: None,
            })
            .collect();
        Sources::new(&configs, |_| Box::new(Deaf))
    }

    #[test]
    fn the_narrowest_network_counts() {
        let sources = sources(&[
            ("all", &["0.0.0.0/0", "2001:db8::/32"], None),
            ("lan", &["192.0.2.0/24"], None),
            ("gate", &["192.0.2.7"], None),
        ]);
        let found = |text: &str| sources.find(text.parse().unwrap(), &[]).map(|source| source.name.as_str());
        assert_eq!(found("192.0.2.7"), Some("gate"));
        assert_eq!(found("::ffff:192.0.2.7"), Some("gate"), "an IPv4 sender on an IPv6 socket");
        assert_eq!(found("192.0.2.8"), Some("lan"));
        assert_eq!(found("198.51.100.1"), Some("all"));
        assert_eq!(found("2001:db8::1"), Some("all"));
        assert_eq!(found("2001:db9::1"), None);
    }

    #[test]
    fn a_certificate_tells_two_senders_behind_one_address_apart() {
        let sources = sources(&[
            ("a", &["192.0.2.1"], Some("a.example")),
            ("b", &["192.0.2.1"], Some("b.example")),
            ("any", &["192.0.2.1"], None),
        ]);
        let sender = "192.0.2.1".parse().unwrap();
        let found = |names: &[&str]| {
            let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
            sources.find(sender, &names).map(|source| source.name.as_str())
        };
        assert_eq!(found(&["x", "b.example"]), Some("b"));
        assert_eq!(found(&["a.example"]), Some("a"));
        assert_eq!(found(&["x"]), Some("any"));
        assert!(sources.knows(sender));
    }
}
