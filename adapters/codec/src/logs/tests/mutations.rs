//! Lines of every dialect, spoiled: no panic, bounded memory, and no session whose parts a line never said.

use proptest::prelude::*;
use proptest::sample::Index;

use super::*;
use crate::logs::HELD_MAX;
use crate::mutation::{acts, mutated};

/// Lines that the dialects' own tests put together of pieces.
const MORE: [&str; 5] = [
    "Nov 22 09:00:00 jump sshd[4711]: Accepted password for op7 from 203.0.113.9 port 50022 ssh2",
    "Nov 22 09:30:00 jump sshd[4711]: Disconnected from user op7 203.0.113.9 port 50022",
    r#"date=2026-11-22 time=09:00:00 tz="+0900" type="event" subtype="vpn" action="tunnel-up" tunneltype="ssl-tunnel" tunnelid=5 remip=203.0.113.9 tunnelip=192.0.2.7 user="op 7""#,
    r#"eventtime=1795305600123456789 subtype="vpn" tunneltype="ipsec" remip=203.0.113.9 tunnelid=77 action="tunnel-down" user="peer" xauthuser="op8" assignip=192.0.2.8 group="G""#,
    "CEF:0|Fortinet|Fortigate|v7|39947|event:vpn tunnel-up|2|FTNTFGTeventtime=1795305600 act=tunnel-up FTNTFGTtunneltype=ssl-tunnel FTNTFGTtunnelid=9 FTNTFGTremip=203.0.113.9 duser=op7",
];

/// The lines of the dialects' own tests, as they stand there before ` => `, and `MORE`.
fn seeds() -> Vec<&'static [u8]> {
    let written = include_str!("dialects.rs").lines().filter_map(|line| line.split_once(" => "));
    let line = |(line, _): (&'static str, &str)| {
        let line = line.trim_start();
        let line = line.strip_prefix("r#").or_else(|| line.strip_prefix('r')).unwrap_or(line);
        line.strip_prefix('"').map(str::as_bytes)
    };
    written.filter_map(line).chain(MORE.map(str::as_bytes)).collect()
}

#[test]
fn every_dialect_has_its_seeds() {
    let seeds = seeds();
    assert!(seeds.len() > 80, "only {}", seeds.len());
    let mute = Rules::shipped_names().filter(|dialect| {
        let mut reader = shipped(dialect);
        let says = |seed: &&[u8]| {
            let line = header::read(seed, noon(), &zone());
            !matches!(reader.take(&line, noon()), Outcome::Ignored { .. })
        };
        !seeds.iter().any(says)
    });
    assert_eq!(mute.collect::<Vec<_>>(), Vec::<&str>::new(), "no line speaks to them");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_spoiled_line_is_read_or_left(
        lines in prop::collection::vec((any::<Index>(), any::<Index>(), acts()), 1..5),
    ) {
        let seeds = seeds();
        let lines: Vec<Vec<u8>> =
            lines.iter().map(|(one, other, acts)| mutated(seeds[one.index(seeds.len())], seeds[other.index(seeds.len())], acts)).collect();
        for dialect in Rules::shipped_names() {
            let (mut first, mut again) = (shipped(dialect), shipped(dialect));
            for line in &lines {
                let line = header::read(line, noon(), &zone());
                let outcome = first.take(&line, noon());
                prop_assert_eq!(&outcome, &again.take(&line, noon()));
                prop_assert!(first.held() <= HELD_MAX);
                if let Outcome::Observations(all) = outcome {
                    // What is said can be said on the wire: names are names, times are times.
                    for said in all {
                        let text = serde_json::to_vec(&said).unwrap();
                        let read = kukaku_schema::parse_observation(&text);
                        prop_assert_eq!(read.map_err(|e| e.to_string()), Ok(said));
                    }
                }
            }
        }
    }
}
