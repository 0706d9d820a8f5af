//! What stands in the configuration.

use kukaku_radius::{RadiusConfig, TrustLimit};

/// The example that people copy.
fn example() -> RadiusConfig {
    let readme = include_str!("../../README.md");
    let (_, rest) = readme.split_once("```toml config\n").unwrap();
    let mut whole: toml::Table = toml::from_str(rest.split_once("```").unwrap().0).unwrap();
    whole.remove("radius").unwrap().try_into().unwrap()
}

#[test]
fn the_example_is_read_and_names_its_files_and_sources() {
    let mut config = example();
    assert_eq!(config.sources().map(|source| source.as_str().to_owned()).collect::<Vec<_>>(), ["vpn-1", "vpn-2"]);
    assert_eq!(config.paths_mut().len(), 4);
    let limits = config.trust_limits();
    assert_eq!(
        limits.iter().map(|(source, limit)| (source.as_str(), *limit)).collect::<Vec<_>>(),
        [("vpn-1", TrustLimit::Spoofable)]
    );
    config.clients[0].demand_message_authenticator = true;
    assert!(config.trust_limits().is_empty());
}

#[test]
fn a_slip_of_the_pen_is_told_with_its_line() {
    for (text, said) in [
        ("listen = \"127.0.0.1:0\"\nclient = []", "line 2"),
        ("[[clients]]\nsource = \"a\"\naddress = \"10.0.0.1/8\"\nsecret_file = \"x\"", "has bits behind its first 8"),
        ("[[clients]]\nsource = \"a\"\naddress = \"10.0.0.1\"", "missing field `secret_file`"),
    ] {
        let error = toml::from_str::<RadiusConfig>(text).unwrap_err().to_string();
        assert!(error.contains(said), "{error}");
    }
}
