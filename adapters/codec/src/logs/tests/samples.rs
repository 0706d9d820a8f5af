//! Real captures: what their own expected results call a start or an end, and that nothing else opens.
//!
//! They are read where `KUKAKU_SAMPLES` names their folder; elsewhere the tests have nothing to do.

use std::fs;
use std::path::{Path, PathBuf};

use super::*;

fn samples() -> Option<PathBuf> {
    std::env::var_os("KUKAKU_SAMPLES").map(|folder| PathBuf::from(folder).join("sessions"))
}

/// The messages of a folder of `*.json`, by file name.
fn messages(folder: &Path) -> Vec<(String, String)> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap_or_else(|e| panic!("{}: {e}", folder.display())) {
        let path = entry.unwrap().path();
        let text = fs::read_to_string(&path).unwrap();
        let case: serde_json::Value = serde_json::from_str(&text).unwrap();
        let name = path.file_stem().unwrap().to_string_lossy().into_owned();
        found.push((name, case["input"]["message"].as_str().unwrap_or_default().to_owned()));
    }
    assert!(!found.is_empty(), "{} is empty", folder.display());
    found.sort();
    found
}

/// What each file that becomes anything becomes, each with a reader of its own.
fn sessions(dialect: &str, folder: &Path) -> Vec<(String, String)> {
    let read = messages(folder).into_iter().map(|(name, message)| {
        let line = header::read(message.as_bytes(), noon(), &zone());
        let told = shown(&shipped(dialect).take(&line, noon()));
        (name, told.split(' ').nth(1).map_or(told.clone(), str::to_owned))
    });
    read.filter(|(_, told)| told != "-").collect()
}

fn check(dialect: &str, folder: &str, wanted: &[(&str, &str)]) {
    let Some(samples) = samples() else {
        return;
    };
    let told = sessions(dialect, &samples.join(folder));
    let told: Vec<(&str, &str)> = told.iter().map(|(name, told)| (name.as_str(), told.as_str())).collect();
    assert_eq!(told, wanted, "{dialect}");
}

#[test]
fn real_ssh_lines_open_by_accepted_alone() {
    check(
        "sshd",
        "vpn/OpenSSH/openssh/tests",
        &[
            ("accepted_gssapi-with-mic", "start"),
            ("accepted_password", "start"),
            ("accepted_publickey", "start"),
            ("accepted_publickey_2", "start"),
            ("disconnected_user", "end"),
            ("disconnected_user_with_domain", "end"),
        ],
    );
}

#[test]
fn real_asa_lines_start_and_end_sessions() {
    check(
        "cisco-asa",
        "vpn/Cisco/cisco-secure-firewall/tests",
        &[
            ("test_ASA_716059", "alive"),
            ("test_FTD_113019", "end"),
            ("test_FTD_113039", "start"),
            ("test_FTD_113039_2", "start"),
            ("test_FTD_722051_1", "start"),
            ("test_FTD_722051_2", "start"),
            ("test_group_1_2", "start"),
            ("test_group_1_3", "start"),
            ("test_group_3", "end"),
        ],
    );
}

#[test]
fn real_ios_lines_start_and_end_sessions() {
    check(
        "cisco-ios",
        "vpn/Cisco/cisco-ios/tests",
        &[("test_login", "start"), ("test_logout", "end"), ("test_ssh_2", "start")],
    );
}

#[test]
fn real_fortigate_lines_of_sites_and_failures_open_nothing() {
    check("fortigate", "vpn/Fortinet/fortigate/tests", &[("tunnel", "alive")]);
}

#[test]
fn real_openvpn_lines_open_by_the_address_that_is_given() {
    let wanted = [("client_connection_2", "start"), ("tls_information_2", "held")];
    check("openvpn", "vpn/OpenVPN/openvpn/tests", &wanted);
}

#[test]
fn real_bastion_lines_start_and_end_sessions() {
    check(
        "wallix",
        "pam/Wallix/wallix-bastion/tests",
        &[("sshproxy", "end"), ("sshsession", "end"), ("sshsession2", "start")],
    );
    check(
        "beyondtrust-pra",
        "pam/BeyondTrust/beyondtrust-pra-sessions/tests",
        &[("test_conference_member_added_2", "start"), ("test_session_end", "end")],
    );
}

#[test]
fn a_real_router_between_sites_has_no_session() {
    let Some(samples) = samples() else {
        return;
    };
    for (file, held) in [("rtx1100-rev8.03.92-show-log-reverse-RT1.log", 0), ("yamaha-official-sample-lines.log", 1)] {
        let text = fs::read(samples.join("yamaha-rtx").join(file)).unwrap();
        let mut reader = shipped("yamaha-rtx");
        for line in text.split(|b| *b == b'\n') {
            let line = header::read(line, noon(), &zone());
            assert!(matches!(reader.take(&line, noon()), Outcome::Ignored { .. } | Outcome::Held { .. }));
        }
        assert_eq!(reader.held(), held, "{file}");
    }
}

#[test]
fn no_dialect_finds_a_session_in_the_lines_of_another_product() {
    let Some(samples) = samples() else {
        return;
    };
    let folders = [
        ("sshd", "vpn/OpenSSH/openssh/tests"),
        ("cisco-asa", "vpn/Cisco/cisco-secure-firewall/tests"),
        ("cisco-ios", "vpn/Cisco/cisco-ios/tests"),
        ("fortigate", "vpn/Fortinet/fortigate/tests"),
        ("openvpn", "vpn/OpenVPN/openvpn/tests"),
        ("wallix", "pam/Wallix/wallix-bastion/tests"),
        ("beyondtrust-pra", "pam/BeyondTrust/beyondtrust-pra-sessions/tests"),
        ("none", "vpn/Cisco/cisco-ise/tests"),
        ("none", "vpn/Cisco/cisco-meraki/tests"),
    ];
    for (own, folder) in folders {
        for dialect in Rules::shipped_names().filter(|dialect| *dialect != own) {
            let told = sessions(dialect, &samples.join(folder));
            assert_eq!(told, [], "{dialect} on {folder}");
        }
    }
}
