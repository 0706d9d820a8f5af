//! The other ways in: gateway, OpenSSH, and the log of the vendor's own terminal.

use super::*;

#[test]
fn a_gateway_names_person_place_and_what_he_reached() {
    check(
        Role::Gateway,
        r"
        0 G 200 Username=OFFICE\op7; IpAddress=198.51.100.4 => notasession
        1 G 300 Username=OFFICE\op7; IpAddress=198.51.100.4; Resource=sv01 => notasession
        2 G 302 Username=OFFICE\op7; IpAddress=198.51.100.4; Resource=sv01; ConnectionProtocol=HTTP => start #1 OFFICE\op7 198.51.100.4 - sv01 via SV01.office.example
        3 G 302 Username=OFFICE\op7; IpAddress=198.51.100.4; Resource=sv01; ConnectionProtocol=UDP => sidechannel
        4 G 302 Username=OFFICE\op7; IpAddress=198.51.100.4; Resource=sv02; ConnectionProtocol=HTTP => start #2 OFFICE\op7 198.51.100.4 - sv02 via SV01.office.example
        # A second window to the same computer: he is there until both are gone.
        5 G 302 Username=OFFICE\op7; IpAddress=198.51.100.4; Resource=sv01; ConnectionProtocol=HTTP => known
        6 G 303 Username=OFFICE\op7; IpAddress=198.51.100.4; Resource=sv01; ConnectionProtocol=HTTP; SessionDuration=1 => known
        7 G 303 Username=OFFICE\op7; IpAddress=198.51.100.4; Resource=sv01; ConnectionProtocol=UDP; SessionDuration=4 => sidechannel
        8 G 303 Username=OFFICE\op7; IpAddress=198.51.100.4; Resource=sv01; ConnectionProtocol=HTTP; SessionDuration=6 => end #1 disconnect
        9 G 202 Username=OFFICE\op7; IpAddress=198.51.100.4; Resource=sv02 => end #2 disconnected by the administrator
        10 G 301 Username=OFFICE\op8; IpAddress=198.51.100.4; Resource=sv01 => failure
        11 G 304 Username=OFFICE\op8; IpAddress=198.51.100.4; Resource=sv01 => failure
        12 G 201 Username=OFFICE\op8; IpAddress=198.51.100.4 => failure
        # Began before the log.
        13 G 303 Username=OFFICE\op9; IpAddress=198.51.100.5; Resource=sv01; ConnectionProtocol=HTTP => end #3 disconnect
        14 S 4624 LogonType=10; TargetUserName=op7 => otherrole
        ",
    );
}

#[test]
fn openssh_opens_for_accepted_alone() {
    check(
        Role::Server,
        r"
        0 O 4 process=sshd; payload=Server listening on 0.0.0.0 port 22. => notasession
        1 O 4 process=sshd; payload=Failed password for op7 from 192.0.2.7 port 50022 ssh2 => failure
        2 O 4 process=sshd; payload=Invalid user x from 192.0.2.7 port 50023 => failure
        3 O 4 process=sshd; payload=Connection closed by authenticating user op7 192.0.2.7 port 50022 [preauth] => failure
        4 O 4 process=sshd; payload=Connection reset by 192.0.2.66 port 40000 => nosession
        5 O 4 process=sshd; payload=Accepted publickey for office\op7 from 192.0.2.7 port 50030 ssh2: ED25519 SHA256:abc => start #1 OFFICE\op7 192.0.2.7 - SV01.office.example
        6 O 4 process=sshd; payload=Accepted password for op8@office.example from fe80::7%4 port 50031 ssh2 => start #2 op8@office.example fe80::7 - SV01.office.example
        7 O 4 process=sftp-server; payload=session closed for local user op7 from [192.0.2.7] => notasession
        8 O 4 process=sshd; payload=Received disconnect from 192.0.2.7 port 50030:11: disconnected by user => end #1 disconnect
        8 O 4 process=sshd; payload=Disconnected from user office\op7 192.0.2.7 port 50030 => known
        9 O 4 process=sshd; payload=Connection closed by fe80::7%4 port 50031 => end #2 disconnect
        # Began before the log.
        10 O 4 process=sshd; payload=Disconnected from user op9 192.0.2.9 port 1024 => end #3 disconnect
        11 O 4 process=sshd; payload=Accepted password for op7 => refused `Accepted password for op7` names no user with his address and port
        ",
    );
}

#[test]
fn the_vendors_own_terminal_tells_whom_it_reached() {
    check(
        Role::Terminal,
        r"
        0 C 1024 activity=a1; Name=Server Name; Value=sv01 => held
        1 C 1029 activity=a1; TraceMessage=UmTGMgTFbA35+PSgMOoZ2ToPpAK+awC010ZOYWQQIfc=- => held
        # Long before somebody answers the question about the certificate.
        60 C 1102 activity=a1; Value=198.51.100.20 => held
        61 C 1025 activity=a1 => held
        62 C 1027 activity=a1; DomainName=OFFICE; SessionID=3; sid=S-1-5-21-1-2-3-1001 => start #1 sha256:UmTGMgTFbA35+PSgMOoZ2ToPpAK+awC010ZOYWQQIfc= - SV01.office.example sv01
        63 C 1105 activity=a1 => sidechannel
        64 C 1028 activity=a1; Value=1 => notasession
        90 C 1026 activity=a1; Value=1 => end #1 reason 1
        # A wrong password: nobody was there.
        100 C 1024 activity=a2; Value=sv02 => held
        101 C 1025 activity=a2 => held
        102 C 1026 activity=a2; Value=2055 => nosession
        # A client that tells neither user nor name.
        200 C 1102 activity=a3; Value=198.51.100.21 => held
        201 C 1027 activity=a3; DomainName=OFFICE; SessionID=3; sid=S-1-5-21-1-2-3-1001 => start #2 sid:S-1-5-21-1-2-3-1001 - SV01.office.example 198.51.100.21
        202 C 1026 activity=a3; Value=1 => end #2 reason 1
        # An old client, which names no activity: what it said of the connection before is forgotten.
        210 C 1024 Value=sv03 => held
        211 C 1029 TraceMessage=abc= => held
        212 C 1026 Value=1 => nosession
        213 C 1102 Value=198.51.100.22 => held
        214 C 1027 DomainName=OFFICE; SessionID=3; sid=S-1-5-21-1-2-3-1001 => start #3 sid:S-1-5-21-1-2-3-1001 - SV01.office.example 198.51.100.22
        300 L 21 User=OFFICE\op7; SessionID=3; Address=192.0.2.7 => otherrole
        ",
    );
}

#[test]
fn a_known_account_is_found_by_its_hash() {
    let mut settings = config(Role::Terminal);
    settings.known_accounts = vec!["Guest".to_owned(), "Administrator".to_owned()];
    let mut sessions = WindowsSessions::new(settings);
    for (record, line) in [
        "0 C 1024 activity=a; Value=sv01",
        "0 C 1029 activity=a; TraceMessage=UmTGMgTFbA35+PSgMOoZ2ToPpAK+awC010ZOYWQQIfc=-",
        "1 C 1027 activity=a; DomainName=OFFICE; SessionID=3",
    ]
    .iter()
    .enumerate()
    {
        let told = sessions.take(&event(record as u64, line));
        if record == 2 {
            assert_eq!(outcome(&told, &mut Vec::new()), "start #1 administrator - SV01.office.example sv01");
        }
    }
}

#[test]
fn accounts_are_written_alike_however_they_were_typed() {
    let cases = [
        ("Op7", "office", "OFFICE\\op7", "op7"),
        ("office\\OP7", "", "OFFICE\\op7", "op7"),
        (".\\op7", "", "op7", "op7"),
        ("op7", "-", "op7", "op7"),
        ("Op7@Office.Example", "", "op7@office.example", "op7"),
    ];
    for (user, domain, qualified, alone) in cases {
        let account = Account::new(user, domain).expect("an account");
        assert_eq!(account.text(AccountForm::Qualified), qualified);
        assert_eq!(account.text(AccountForm::UserOnly), alone);
    }
    assert_eq!(Account::new("-", "OFFICE"), None);
    assert_eq!(Account::new("", ""), None);
}
