//! Remote Desktop on the computer that is reached.

use super::*;

#[test]
fn one_coming_in_three_channels_is_one_session() {
    check(
        Role::Server,
        r"
        0.0 R 261 listenerName=RDP-Tcp => scanner
        0.1 X 131 ConnType=TCP; ClientIP=192.0.2.7:50111 => scanner
        0.5 S 4624 LogonType=3; TargetUserName=Op7; TargetDomainName=OFFICE; TargetLogonId=0x100; WorkstationName=PC-7; IpAddress=192.0.2.7 => held
        1.0 R 1149 Param1=op7; Param2=office.example; Param3=192.0.2.7 => held
        1.1 L 41 Session=3; User= => notasession
        1.5 S 4624 LogonType=10; TargetUserName=op7; TargetDomainName=OFFICE; TargetLogonId=0xa1; TargetLinkedLogonId=0xa2; WorkstationName=SV01; IpAddress=192.0.2.7 => start #1 OFFICE\op7 192.0.2.7 PC-7 SV01.office.example
        1.5 S 4624 LogonType=10; TargetUserName=op7; TargetDomainName=OFFICE; TargetLogonId=0xa2; TargetLinkedLogonId=0xa1; WorkstationName=SV01; IpAddress=192.0.2.7 => known
        1.9 L 21 User=OFFICE\op7; SessionID=3; Address=192.0.2.7 => known
        2.4 L 22 User=OFFICE\op7; SessionID=3; Address=192.0.2.7 => known
        # The network logon of the sign-in goes, and one of the two: he is still there.
        9.0 S 4634 TargetUserName=Op7; TargetDomainName=OFFICE; TargetLogonId=0x100; LogonType=3 => notasession
        60.0 S 4634 TargetUserName=op7; TargetDomainName=OFFICE; TargetLogonId=0xa2; LogonType=10 => known
        # An unlock of the screen in between.
        70.0 S 4624 LogonType=7; TargetUserName=op7; TargetDomainName=OFFICE; TargetLogonId=0xb7; IpAddress=192.0.2.7 => known
        70.0 S 4634 TargetUserName=op7; TargetDomainName=OFFICE; TargetLogonId=0xb7; LogonType=7 => temporary
        # He disconnects: four tellings.
        90.0 L 40 Session=3; Reason=11 => end #1 reason 11
        90.1 L 24 User=OFFICE\op7; SessionID=3; Address=192.0.2.7 => known
        90.2 S 4779 AccountName=op7; AccountDomain=OFFICE; LogonID=0xa1; SessionName=RDP-Tcp#4; ClientName=PC-7; ClientAddress=192.0.2.7 => known
        # He comes back from elsewhere: another session, of the same number.
        500.0 R 1149 Param1=op7; Param3=192.0.2.8 => held
        500.5 L 25 User=OFFICE\op7; SessionID=3; Address=192.0.2.8 => start #2 OFFICE\op7 192.0.2.8 - SV01.office.example
        500.6 L 40 Session=3; Reason=5 => known
        500.7 S 4778 AccountName=op7; AccountDomain=OFFICE; LogonID=0xa1; SessionName=RDP-Tcp#5; ClientName=PC-8; ClientAddress=192.0.2.8 => alive #2 - PC-8
        # He signs out.
        600.0 S 4647 TargetUserName=op7; TargetDomainName=OFFICE; TargetLogonId=0xa1 => end #2 logoff
        600.4 L 23 User=OFFICE\op7; SessionID=3 => known
        600.5 S 4634 TargetUserName=op7; TargetDomainName=OFFICE; TargetLogonId=0xa1; LogonType=10 => known
        600.6 L 24 User=OFFICE\op7; SessionID=3; Address=192.0.2.8 => known
        ",
    );
}

#[test]
fn security_alone_tells_a_whole_session() {
    check(
        Role::Server,
        r"
        0 S 4624 LogonType=10; TargetUserName=op7; TargetDomainName=OFFICE; TargetLogonId=0xa1; TargetLinkedLogonId=0x0; IpAddress=::ffff:192.0.2.7 => start #1 OFFICE\op7 192.0.2.7 - SV01.office.example
        100 S 4779 AccountName=op7; AccountDomain=OFFICE; LogonID=0xa1; SessionName=RDP-Tcp#4; ClientName=PC-7; ClientAddress=192.0.2.7 => end #1 disconnect
        # The reconnect's own logon lasts a second.
        200 S 4624 LogonType=10; TargetUserName=op7; TargetDomainName=OFFICE; TargetLogonId=0xc1; IpAddress=192.0.2.7 => start #2 OFFICE\op7 192.0.2.7 - SV01.office.example
        200.4 S 4778 AccountName=op7; AccountDomain=OFFICE; LogonID=0xa1; SessionName=RDP-Tcp#5; ClientName=PC-7; ClientAddress=192.0.2.7 => alive #2 - PC-7
        201 S 4634 TargetUserName=op7; TargetDomainName=OFFICE; TargetLogonId=0xc1; LogonType=10 => known
        300 S 4634 TargetUserName=op7; TargetDomainName=OFFICE; TargetLogonId=0xa1; LogonType=10 => end #2 logoff
        ",
    );
}

#[test]
fn nothing_but_a_sign_in_opens_a_session() {
    check(
        Role::Server,
        r"
        0 R 1149 Param1=op7; Param2=OFFICE; Param3=192.0.2.7 => held
        1 S 4624 LogonType=3; TargetUserName=op7; TargetDomainName=OFFICE; WorkstationName=PC-7; IpAddress=192.0.2.7 => held
        1 S 4624 LogonType=3; TargetUserName=SV02$; TargetDomainName=OFFICE; WorkstationName=SV02; IpAddress=192.0.2.7 => notasession
        2 S 4625 LogonType=10; TargetUserName=op7; IpAddress=192.0.2.7 => failure
        3 S 4825 AccountName=op7; ClientAddress=192.0.2.7 => failure
        4 S 4624 LogonType=2; TargetUserName=op7; TargetDomainName=OFFICE; TargetLogonId=0xa; IpAddress=127.0.0.1 => notasession
        5 S 4624 LogonType=7; TargetUserName=op7; TargetDomainName=OFFICE; TargetLogonId=0xb; IpAddress=- => local
        5 S 4624 LogonType=7; TargetUserName=op7; TargetDomainName=OFFICE; TargetLogonId=0xb; IpAddress=127.0.0.1 => local
        6 L 21 User=OFFICE\op7; SessionID=1; Address=LOCAL => local
        6 L 22 User=OFFICE\op7; SessionID=1; Address=ローカル => local
        7 L 24 User=OFFICE\op7; SessionID=1; Address=LOCAL => local
        8 L 23 User=OFFICE\op7; SessionID=1 => nosession
        8 L 40 Session=1; Reason=12 => nosession
        9 S 4778 AccountName=op7; AccountDomain=OFFICE; LogonID=0xa; SessionName=Console; ClientName=LOCAL; ClientAddress=LOCAL => local
        9 S 4647 TargetUserName=op7; TargetDomainName=OFFICE; TargetLogonId=0xa => nosession
        9 S 4688 NewProcessName=C:\Windows\a.exe => notasession
        9 G 302 Username=OFFICE\op7; IpAddress=192.0.2.7; Resource=sv; ConnectionProtocol=HTTP => otherrole
        9 S 4624 LogonType=10; TargetUserName=-; IpAddress=192.0.2.7 => refused the event names no account
        ",
    );
}

#[test]
fn a_taken_over_session_is_another_persons() {
    check(
        Role::Server,
        r"
        0 L 21 User=OFFICE\op7; SessionID=3; Address=192.0.2.7 => start #1 OFFICE\op7 192.0.2.7 - SV01.office.example
        50 L 21 User=OFFICE\admin; SessionID=4; Address=192.0.2.9 => start #2 OFFICE\admin 192.0.2.9 - SV01.office.example
        # The administrator takes the desktop of op7.
        99 L 39 TargetSession=3; Source=4 => end #1 disconnected by session 4
        100 L 25 User=OFFICE\op7; SessionID=3; Address=192.0.2.9 => start #3 OFFICE\op7 192.0.2.9 - SV01.office.example
        ",
    );
}

#[test]
fn a_lost_end_is_noticed_when_the_number_comes_again() {
    check(
        Role::Server,
        r"
        0 L 21 User=OFFICE\op7; SessionID=3; Address=192.0.2.7 => start #1 OFFICE\op7 192.0.2.7 - SV01.office.example
        999 L 21 User=OFFICE\op8; SessionID=3; Address=192.0.2.8 => end #1 superseded + start #2 OFFICE\op8 192.0.2.8 - SV01.office.example
        2000 L 25 User=OFFICE\op8; SessionID=3; Address=192.0.2.9 => end #2 superseded + start #3 OFFICE\op8 192.0.2.9 - SV01.office.example
        2001 L 22 User=OFFICE\op8; SessionID=3; Address=192.0.2.9 => known
        ",
    );
}

#[test]
fn an_end_from_before_the_log_is_told_once() {
    check(
        Role::Server,
        r"
        0.0 S 4779 AccountName=op7; AccountDomain=OFFICE; LogonID=0xa1; SessionName=RDP-Tcp#4; ClientName=PC-7; ClientAddress=192.0.2.7 => end #1 disconnect
        0.1 L 24 User=OFFICE\op7; SessionID=3; Address=192.0.2.7 => known
        0.2 L 40 Session=3; Reason=11 => nosession
        ",
    );
}

#[test]
fn two_at_once_are_two_and_other_computers_others() {
    check(
        Role::Server,
        r"
        0 L 21 User=OFFICE\op7; SessionID=3; Address=192.0.2.7 => start #1 OFFICE\op7 192.0.2.7 - SV01.office.example
        1 L 21 User=OFFICE\op7; SessionID=4; Address=192.0.2.7 => start #2 OFFICE\op7 192.0.2.7 - SV01.office.example
        2 L 21 computer=SV02; User=OFFICE\op7; SessionID=3; Address=192.0.2.7 => start #3 OFFICE\op7 192.0.2.7 - SV02
        3 L 24 User=OFFICE\op7; SessionID=4; Address=192.0.2.7 => end #2 disconnect
        4 L 24 computer=sv02; User=OFFICE\op7; SessionID=3; Address=192.0.2.7 => end #3 disconnect
        5 L 24 User=OFFICE\op7; SessionID=3; Address=192.0.2.7 => end #1 disconnect
        ",
    );
}

#[test]
fn an_address_that_is_told_later_is_added() {
    check(
        Role::Server,
        r"
        0 S 4624 LogonType=10; TargetUserName=op7; TargetDomainName=OFFICE; TargetLogonId=0xa1; IpAddress=- => start #1 OFFICE\op7 - - SV01.office.example
        1 L 21 User=OFFICE\op7; SessionID=3; Address=192.0.2.7 => alive #1 192.0.2.7 -
        ",
    );
}

#[test]
fn behind_a_vpn_the_machine_gives_another_address_than_is_seen() {
    check(
        Role::Server,
        r"
        0.0 L 25 User=OFFICE\op7; SessionID=3; Address=192.0.2.7 => start #1 OFFICE\op7 192.0.2.7 - SV01.office.example
        0.2 S 4778 AccountName=op7; AccountDomain=OFFICE; LogonID=0xa1; SessionName=RDP-Tcp#5; ClientName=PC-7; ClientAddress=172.16.0.9 => alive #1 - PC-7
        90 S 4779 AccountName=op7; AccountDomain=OFFICE; LogonID=0xa1; SessionName=RDP-Tcp#5; ClientName=PC-7; ClientAddress=172.16.0.9 => end #1 disconnect
        90.1 L 24 User=OFFICE\op7; SessionID=3; Address=192.0.2.7 => known
        # The other order: the seen address takes the place of the claimed one.
        200 S 4778 AccountName=op7; AccountDomain=OFFICE; LogonID=0xa1; SessionName=RDP-Tcp#6; ClientName=PC-7; ClientAddress=172.16.0.9 => start #2 OFFICE\op7 172.16.0.9 PC-7 SV01.office.example
        200.2 L 25 User=OFFICE\op7; SessionID=3; Address=192.0.2.7 => alive #2 192.0.2.7 -
        300 L 24 User=OFFICE\op7; SessionID=3; Address=192.0.2.7 => end #2 disconnect
        ",
    );
}

#[test]
fn the_leaving_of_the_place_before_is_not_his_who_came_since() {
    check(
        Role::Server,
        r"
        0 L 21 User=OFFICE\op7; SessionID=3; Address=192.0.2.7 => start #1 OFFICE\op7 192.0.2.7 - SV01.office.example
        500.0 L 25 User=OFFICE\op7; SessionID=3; Address=192.0.2.8 => end #1 superseded + start #2 OFFICE\op7 192.0.2.8 - SV01.office.example
        500.1 L 24 User=OFFICE\op7; SessionID=3; Address=192.0.2.7 => known
        600 L 24 User=OFFICE\op7; SessionID=3; Address=192.0.2.8 => end #2 disconnect
        ",
    );
}

#[test]
fn the_order_of_two_channels_does_not_make_two_sessions() {
    check(
        Role::Server,
        r"
        1.9 L 21 User=OFFICE\op7; SessionID=3; Address=192.0.2.7 => start #1 OFFICE\op7 192.0.2.7 - SV01.office.example
        90 L 24 User=OFFICE\op7; SessionID=3; Address=192.0.2.7 => end #1 disconnect
        1.5 S 4624 LogonType=10; TargetUserName=op7; TargetDomainName=OFFICE; TargetLogonId=0xa1; IpAddress=192.0.2.7 => known
        90.1 S 4779 AccountName=op7; AccountDomain=OFFICE; LogonID=0xa1; SessionName=RDP-Tcp#4; ClientName=PC-7; ClientAddress=192.0.2.7 => known
        ",
    );
}

#[test]
fn what_is_remembered_is_bounded() {
    let mut sessions = WindowsSessions::new(config(Role::Server));
    for number in 0..u64::try_from(OPEN_MAX).expect("small") * 2 {
        let line = format!("{number} L 21 User=op{number}; SessionID={number}; Address=192.0.2.7");
        assert!(matches!(sessions.take(&event(number, &line)), Outcome::Observations(_)));
        let line = format!("{number} R 1149 Param1=op{number}; Param3=192.0.2.7");
        assert_eq!(sessions.take(&event(number, &line)), Outcome::Held);
    }
    assert_eq!(sessions.open_sessions(), OPEN_MAX);
    // The end of one that was forgotten tells itself.
    let end = sessions.take(&event(9, "9999 L 24 User=op1; SessionID=1; Address=192.0.2.7"));
    assert!(matches!(end, Outcome::Observations(_)));
}

/// The program dies between a coming and its end: the end is that session's all the same.
#[test]
fn an_end_after_a_restart_ends_the_session_from_before_it() {
    let told = |sessions: &mut WindowsSessions, record: u64, line: &str| match sessions.take(&event(record, line)) {
        Outcome::Observations(all) => all,
        other => panic!("{line}: {other:?}"),
    };
    for (role, coming, end) in [
        (Role::Server, "0 L 21 User=OFFICE\\op7; SessionID=3; Address=192.0.2.7", "60 L 40 Session=3; Reason=5"),
        (
            Role::Server,
            "0 L 21 User=OFFICE\\op7; SessionID=3; Address=192.0.2.7",
            "60 L 24 User=OFFICE\\op7; SessionID=3; Address=192.0.2.7",
        ),
        (
            Role::Gateway,
            "0 G 302 Username=OFFICE\\op7; IpAddress=192.0.2.7; Resource=srv.office.example; ConnectionProtocol=HTTP",
            "60 G 303 Username=OFFICE\\op7; IpAddress=192.0.2.7; Resource=srv.office.example; ConnectionProtocol=HTTP",
        ),
    ] {
        let mut before = WindowsSessions::new(config(role));
        let Some(Observation::SessionStarted(started)) = told(&mut before, 1, coming).into_iter().next() else {
            panic!("a start")
        };
        let mut after = WindowsSessions::new(config(role));
        let open = OpenSession {
            session: started.session.as_str(),
            account: started.account.as_str(),
            address: started.address.as_ref().map(Name::as_str),
            target: started.target.as_ref().map(Name::as_str),
            started: started.device_time,
        };
        after.take_up(&open);
        after.take_up(&open);
        assert_eq!(after.open_sessions(), 1);
        // What is sent again after the restart says nothing new.
        assert!(!matches!(after.take(&event(1, coming)), Outcome::Observations(_)), "{coming}");
        let [Observation::SessionEnded(ended)] = &told(&mut after, 2, end)[..] else { panic!("{end}") };
        assert_eq!(ended.session, started.session, "{end}");
        assert_eq!(after.open_sessions(), 0);
    }
    let mut after = WindowsSessions::new(config(Role::Server));
    for session in ["", "a", "a/b", "a/x3/t", "a/s/t", "a/s99999999999/t", "a/lzz/t", "\u{3000}/\u{3000}/t"] {
        after.take_up(&OpenSession { session, account: "op7", address: None, target: None, started: UtcMicros(0) });
    }
    assert_eq!(after.open_sessions(), 0);
}
