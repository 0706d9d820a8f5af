//! Each shipped dialect with lines as its gateways write them: what opens, what ends, what is nothing.

use super::*;
use kukaku_schema::Lang;

#[test]
fn every_shipped_file_is_read_and_bears_its_own_name() {
    for name in Rules::shipped_names() {
        let parsed = Rules::parse(Rules::shipped_text(name).unwrap(), name).unwrap_or_else(|e| panic!("{e}"));
        assert_eq!(parsed.name(), name);
        assert!([Lang::Ja, Lang::En].iter().all(|lang| !parsed.description(*lang).is_empty()), "{name}");
    }
    assert!(Rules::shipped("no such").is_none() && Rules::shipped_text("no such").is_none());
}

/// `lines` is one line each: the log line, ` => `, what it becomes.
fn check(dialect: &str, lines: &[&str]) {
    let (lines, wanted): (Vec<&str>, Vec<&str>) = lines.iter().map(|line| line.split_once(" => ").unwrap()).unzip();
    let told = told(&mut shipped(dialect), &lines);
    for ((line, told), wanted) in lines.iter().zip(&told).zip(wanted) {
        let told = told.strip_prefix("2026-11-22T").unwrap_or(told);
        assert_eq!(told, wanted, "{dialect}: {line}");
    }
}

#[test]
fn rtx_user_gets_the_address_of_the_tunnel_that_waits_for_him() {
    check(
        "yamaha-rtx",
        &[
            "[L2TP] TUNNEL[3] connected from 203.0.113.9 => held",
            "[L2TP] TUNNEL[3] tunnel 4711 established => -",
            "PP[ANONYMOUS02] Call detected from user 'op7' => 12:00:02 start PP[ANONYMOUS02] account=op7 address=203.0.113.9",
            "PP[ANONYMOUS02] PPP/IPCP up  (Local: 192.0.2.1, Remote: 192.0.2.77) => -",
            "IP Tunnel[1] Up => -",
            "PP[01] PPP/IPCP down => -",
            "PPPOE[01] Disconnected => -",
            "PP[ANONYMOUS02] PPP/IPCP down => 12:00:07 end PP[ANONYMOUS02] account=op7",
            "PP[ANONYMOUS02] Disconnected, cause [PPP: LCP terminated] => -",
            "[L2TP] TUNNEL[3] disconnect tunnel 4711 complete => -",
        ],
    );
    check(
        "yamaha-rtx",
        &[
            "[L2TP] TUNNEL[1] connected from 203.0.113.1 => held",
            "[L2TP] TUNNEL[2] connected from 203.0.113.2 => held",
            "PP[ANONYMOUS01] Call detected from user 'a' => 12:00:02 start PP[ANONYMOUS01] account=a",
            "[L2TP] TUNNEL[1] disconnect tunnel 1 complete => -",
            "PP[ANONYMOUS03] Call detected from user 'b' => 12:00:04 start PP[ANONYMOUS03] account=b address=203.0.113.2",
            "[L2TP] TUNNEL[2] disconnect tunnel 2 complete => 12:00:05 end PP[ANONYMOUS03] account=b reason=tunnel disconnected",
            "PP[ANONYMOUS03] Disconnected, cause [x] => -",
            "PP[ANONYMOUS08] Disconnected, cause [PPP: Authentication failed] => -",
            "PP[ANONYMOUS09] Disconnected, cause [lost start] => 12:00:08 end PP[ANONYMOUS09] reason=lost start",
        ],
    );
    let told = told(&mut shipped("yamaha-rtx"), &["1980/01/01 09:05:00: PP[ANONYMOUS01] Call detected from user 'a'"]);
    assert_eq!(told, ["1980-01-01T09:05:00 start PP[ANONYMOUS01] account=a"]);
}

#[test]
fn fortigate_sessions_are_those_that_name_a_user() {
    let ssl = r#"date=2026-11-22 time=09:00:00 tz="+0900" type="event" subtype="vpn""#;
    let ipsec = r#"eventtime=1795305600123456789 subtype="vpn" tunneltype="ipsec" remip=203.0.113.9 tunnelid=77"#;
    let lines = [
        format!(r#"{ssl} action="tunnel-up" tunneltype="ssl-tunnel" tunnelid=5 remip=203.0.113.9 tunnelip=192.0.2.7 user="op 7""#),
        format!(r#"{ssl} action="tunnel-stats" tunneltype="ssl-tunnel" tunnelid=5 remip=203.0.113.9 user="op 7""#),
        format!(r#"{ssl} action="tunnel-down" tunneltype="ssl-tunnel" tunnelid=5 user="op 7" reason="N/A""#),
        format!(r#"{ssl} action="ssl-login-fail" tunneltype="ssl-web" tunnelid=0 user="op7" msg="no tunnel-up""#),
        format!(r#"{ipsec} action="tunnel-up" user="N/A" xauthuser="N/A" assignip=N/A group="N/A""#),
        format!(r#"{ipsec} action="tunnel-up" user="203.0.113.9" xauthuser="N/A" assignip=192.0.2.8 group="N/A""#),
        format!(r#"{ipsec} action="tunnel-up" user="203.0.113.9" xauthuser="op8" assignip=192.0.2.8 group="G""#),
        format!(r#"{ipsec} action="tunnel-down" user="peer" xauthuser="op8" assignip=192.0.2.8 group="G""#),
        r"CEF:0|Fortinet|Fortigate|v7|39947|event:vpn tunnel-up|2|FTNTFGTeventtime=1795305600 act=tunnel-up FTNTFGTtunneltype=ssl-tunnel FTNTFGTtunnelid=9 FTNTFGTremip=203.0.113.9 duser=op7 msg=up".to_owned(),
    ];
    let lines: Vec<&str> = lines.iter().map(String::as_str).collect();
    let told = told(&mut shipped("fortigate"), &lines);
    assert_eq!(
        told,
        [
            "2026-11-22T09:00:00 start ssl-tunnel:5 account=op 7 address=203.0.113.9 inner=192.0.2.7",
            "2026-11-22T09:00:00 alive ssl-tunnel:5",
            "2026-11-22T09:00:00 end ssl-tunnel:5 account=op 7",
            "-",
            "-",
            "-",
            "2026-11-22T09:00:00 start ipsec:77 account=op8 address=203.0.113.9 inner=192.0.2.8",
            "2026-11-22T09:00:00 end ipsec:77 account=op8",
            "2026-11-22T09:00:00 start ssl-tunnel:9 account=op7 address=203.0.113.9",
        ]
    );
}

#[test]
fn asa_says_one_start_often_and_one_end_once() {
    let user = "Group <GP> User <op7> IP <203.0.113.9>";
    let lines = [
        format!("<166>Nov 22 2026 09:00:00: %ASA-6-113039: {user} AnyConnect parent session started. => 09:00:00 start op7@203.0.113.9 account=op7 address=203.0.113.9"),
        format!("%ASA-6-716001: {user} WebVPN session started. => 12:00:01 alive op7@203.0.113.9"),
        format!("%ASA-4-722051: {user} IPv4 Address <192.0.2.7> IPv6 address <::> assigned to session => 12:00:02 alive op7@203.0.113.9"),
        format!("%ASA-6-722022: {user} TCP SVC connection established without compression => -"),
        format!("%ASA-6-722023: {user} TCP SVC connection terminated without compression => -"),
        format!("%ASA-6-716002: {user} WebVPN session terminated: User Requested. => 12:00:05 end op7@203.0.113.9 account=op7 reason=User Requested"),
        "%ASA-4-113019: Group = TG, Username = op7, IP = 203.0.113.9, Session disconnected. Session Type: SSL, Duration: 0h:01m:00s, Bytes xmt: 1, Bytes rcv: 2, Reason: User Requested => -".to_owned(),
        format!("%ASA-4-722051: {user} IPv4 Address <192.0.2.7> IPv6 address <::> assigned to session => 12:00:07 start op7@203.0.113.9 account=op7 address=203.0.113.9 inner=192.0.2.7"),
        "%ASA-4-113019: Group = 203.0.113.1, Username = 203.0.113.1, IP = 203.0.113.1, Session disconnected. Session Type: LAN-to-LAN, Duration: 1h:0m:0s, Bytes xmt: 1, Bytes rcv: 2, Reason: Lost Service => -".to_owned(),
        format!("%ASA-6-716039: {user} Authentication: rejected, Session Type: WebVPN. => -"),
        "%ASA-6-113005: AAA user authentication Rejected : reason = x : server = 192.0.2.1 : user = op7 => -".to_owned(),
        "%ASA-6-713228: Group = G, Username = op8, IP = 203.0.113.8, Assigned private IP address 192.0.2.8 to remote user => 12:00:11 start op8@203.0.113.8 account=op8 address=203.0.113.8 inner=192.0.2.8".to_owned(),
    ];
    check("cisco-asa", &lines.iter().map(String::as_str).collect::<Vec<_>>());
}

#[test]
fn asa_end_said_twice_is_one_end() {
    check(
        "cisco-asa",
        &[
            "%ASA-6-751025: Local:192.0.2.1:4500 Remote:203.0.113.9:5000 Username:op7 IKEv2 Group:G IPv4 Address=192.0.2.7 IPv6 address=:: assigned to session => 12:00:00 start op7@203.0.113.9 account=op7 address=203.0.113.9 inner=192.0.2.7",
            "%ASA-6-716002: Group <G> User <op7> IP <203.0.113.9> WebVPN session terminated: User Requested. => 12:00:01 end op7@203.0.113.9 account=op7 reason=User Requested",
            "%ASA-4-113019: Group = G, Username = op7, IP = 203.0.113.9, Session disconnected. Session Type: SSL, Duration: 0h:01m:00s, Bytes xmt: 1, Bytes rcv: 2, Reason: User Requested => -",
            "%ASA-4-113019: Group = G, Username = op8, IP = 203.0.113.8, Session disconnected. Session Type: SSL, Duration: 0h:01m:00s, Bytes xmt: 1, Bytes rcv: 2, Reason: Idle Timeout => 12:00:03 end op8@203.0.113.8 account=op8 reason=Idle Timeout",
        ],
    );
}

#[test]
fn ios_sign_in_and_logout() {
    check(
        "cisco-ios",
        &[
            "<189>29: gw1: Nov 22 09:00:00.1: %SSH-5-SSH2_USERAUTH: User 'op7' authentication for SSH2 Session from 203.0.113.9 (tty = 0) using crypto cipher 'a' Succeeded => 09:00:00 start op7@203.0.113.9 account=op7 address=203.0.113.9 target=gw1",
            "<189>30: gw1: Nov 22 09:00:00.2: %SEC_LOGIN-5-LOGIN_SUCCESS: Login Success [user: op7] [Source: 203.0.113.9] [localport: 22] at x => -",
            "<189>31: gw1: Nov 22 09:05:00.2: %SYS-6-LOGOUT: User op7 has exited tty session 2(203.0.113.9) => 09:05:00 end op7@203.0.113.9 account=op7",
            "<189>32: gw1: Nov 22 09:05:00.2: %SSH-5-SSH2_CLOSE: SSH2 Session from 203.0.113.9 (tty = 0) for user 'op7' using crypto cipher 'a' closed => -",
            "%SEC_LOGIN-4-LOGIN_FAILED: Login failed [user: op7] [Source: 203.0.113.9] [localport: 22] [Reason: x] at y => -",
        ],
    );
}

#[test]
fn openvpn_refused_user_opens_and_ends_nothing() {
    let at = "2026-11-22 09:00:00";
    let lines = [
        format!(
            "{at} 203.0.113.9:5000 TLS: Username/Password authentication succeeded for username 'op7' [CN SET] => held"
        ),
        format!("{at} 203.0.113.9:5000 [cert7] Peer Connection Initiated with [AF_INET]203.0.113.9:5000 => -"),
        format!("{at} cert7/203.0.113.9:5000 MULTI: Learn: 10.8.0.6 -> cert7/203.0.113.9:5000 => -"),
        format!(
            "{at} cert7/203.0.113.9:5000 MULTI: primary virtual IP for cert7/203.0.113.9:5000: 10.8.0.6 => 09:00:00 start cert7/203.0.113.9:5000 account=op7 address=203.0.113.9 inner=10.8.0.6"
        ),
        format!("{at} cert7/203.0.113.9:5000 SENT CONTROL [cert7]: 'PUSH_REPLY,ping 10' (status=1) => -"),
        format!(
            "{at} cert7/203.0.113.9:5000 SIGUSR1[soft,ping-restart] received, client-instance restarting => 09:00:00 end cert7/203.0.113.9:5000 account=op7 reason=soft,ping-restart"
        ),
        format!("{at} cert8/203.0.113.8:5000 [cert8] Peer Connection Initiated with [AF_INET]203.0.113.8:5000 => -"),
        format!("{at} cert8/203.0.113.8:5000 SENT CONTROL [cert8]: 'AUTH_FAILED' (status=1) => -"),
        format!("{at} cert8/203.0.113.8:5000 SIGTERM[soft,delayed-exit] received, client-instance exiting => -"),
        format!("{at} 203.0.113.8:5000 SIGUSR1[soft,tls-error] received, client-instance restarting => -"),
        format!(
            "{at} cert9/203.0.113.7:5 SENT CONTROL [cert9]: 'PUSH_REPLY,ping 10' (status=1) => 09:00:00 start cert9/203.0.113.7:5 account=cert9 address=203.0.113.7"
        ),
    ];
    check("openvpn", &lines.iter().map(String::as_str).collect::<Vec<_>>());
}

#[test]
fn sshd_ends_once_whichever_line_comes() {
    let head = "<38>Nov 22 09:00:00 jump";
    let lines = [
        format!(
            "{head} sshd[70]: Accepted publickey for op7 from 203.0.113.9 port 5000 ssh2: ED25519 SHA256:x => 09:00:00 start op7@203.0.113.9:5000 account=op7 address=203.0.113.9 target=jump"
        ),
        format!("{head} sshd[70]: pam_unix(sshd:session): session opened for user op7(uid=1) by (uid=0) => -"),
        format!(
            "{head} sshd[72]: Disconnected from user op7 203.0.113.9 port 5000 => 09:00:00 end op7@203.0.113.9:5000 account=op7"
        ),
        format!("{head} sshd[70]: pam_unix(sshd:session): session closed for user op7 => -"),
        format!(
            "{head} sshd-session[80]: Accepted password for op8 from 2001:db8::8 port 5001 ssh2 => 09:00:00 start op8@2001:db8::8:5001 account=op8 address=2001:db8::8 target=jump"
        ),
        format!(
            "{head} sshd[80]: pam_unix(sshd:session): session closed for user op8 => 09:00:00 end op8@2001:db8::8:5001 account=op8 reason=session closed"
        ),
        format!(
            "{head} sshd[81]: Failed password for invalid user Accepted password for root from 203.0.113.9 port 1 ssh2 => -"
        ),
        format!("{head} sshd[82]: Disconnected from invalid user op7 203.0.113.9 port 5000 [preauth] => -"),
        format!("{head} cron[83]: pam_unix(cron:session): session closed for user root => -"),
        format!("{head} app[84]: Accepted password for op7 from 203.0.113.9 port 5000 ssh2 => -"),
    ];
    check("sshd", &lines.iter().map(String::as_str).collect::<Vec<_>>());
}

#[test]
fn strongswan_tunnel_between_sites_is_no_session() {
    check(
        "strongswan",
        &[
            "charon: 07[IKE] IKE_SA site[4] established between 192.0.2.1[a]...203.0.113.1[b] => held",
            "charon: 07[IKE] IKE_SA rw[5] established between 192.0.2.1[gw]...203.0.113.9[op7] => held",
            "charon: 07[IKE] assigning virtual IP 10.3.0.1 to peer 'op7' => 12:00:02 start rw[5] account=op7 address=203.0.113.9 inner=10.3.0.1",
            "charon: 09[IKE] deleting IKE_SA site[4] between 192.0.2.1[a]...203.0.113.1[b] => -",
            "charon: 09[IKE] deleting IKE_SA rw[5] between 192.0.2.1[gw]...203.0.113.9[op7] => 12:00:04 end rw[5] account=op7",
        ],
    );
}

#[test]
fn gateways_of_other_makers() {
    check(
        "globalprotect",
        &[
            r"<14>Nov 22 09:00:00 pa 1,2026/11/22 09:00:01,0011,GLOBALPROTECT,0,2305,2026/11/22 09:00:00,vsys1,gateway-connected,connected,,IPSec,EX\op7,JP,PC7,203.0.113.9,0.0.0.0,192.0.2.7,0.0.0.0,id,,6.1,Windows,10,1,,,,success,, => 09:00:00 start EX\op7@PC7 account=op7 address=203.0.113.9 inner=192.0.2.7",
            r"<14>Nov 22 09:09:00 pa 1,2026/11/22 09:09:01,0011,GLOBALPROTECT,0,2305,2026/11/22 09:09:00,vsys1,gateway-logout,logout,,,EX\op7,JP,PC7,203.0.113.9,0.0.0.0,192.0.2.7,0.0.0.0,id,,6.1,Windows,10,1,client logout,,,success,, => 09:09:00 end EX\op7@PC7 account=op7 reason=client logout",
            r"1,2026/11/22 09:09:01,0011,GLOBALPROTECT,0,2305,2026/11/22 09:09:00,vsys1,gateway-auth,login,LDAP,,op7,JP,PC7,203.0.113.9,0.0.0.0,,0.0.0.0,id,,6.1,Windows,10,1,,,,failure,, => -",
            r#"1,2026/11/22 09:00:00,0011,SYSTEM,globalprotect,0,2026/11/22 09:00:00,,globalprotectgateway-regist-succ,gw,0,0,general,informational,"GlobalProtect gateway user login succeeded. Login from: 203.0.113.9, Source region: JP, User name: op7, Client OS version: W" => 12:00:03 start op7 account=op7 address=203.0.113.9"#,
            r#"1,2026/11/22 09:00:00,0011,SYSTEM,globalprotect,0,2026/11/22 09:00:00,,globalprotectgateway-logout-succ,gw,0,0,general,informational,"GlobalProtect gateway user logout succeeded. User name: op7, Client OS version: W, Reason: client logout." => 12:00:04 end op7 account=op7 reason=client logout"#,
        ],
    );
    check(
        "juniper",
        &[
            "PulseSecure: 2026-11-22 09:00:00 - ive - [203.0.113.9] op7(Realm)[Users] - Login succeeded for op7/Realm (session:1a2b) from 203.0.113.9 with client. => 12:00:00 start 1a2b account=op7 address=203.0.113.9",
            "PulseSecure: ive - [203.0.113.9] op7(Realm)[Users] - Logout from 203.0.113.9 (session:1a2b) => 12:00:01 end 1a2b reason=logout",
            "PulseSecure: ive - [203.0.113.9] op7(Realm)[] - Login failed from 203.0.113.9 for op7/Realm => -",
            "kmd[9]: KMD_VPN_UP_ALARM_USER: VPN ra from 203.0.113.9 is up. Local-ip: 192.0.2.1, tunnel-id: 131073, Remote IKE-ID: x, AAA username: op7, VR id: 0 => 12:00:03 start ra:131073 account=op7 address=203.0.113.9",
            "kmd[9]: KMD_VPN_UP_ALARM_USER: VPN s2s from 203.0.113.1 is up. Local-ip: 192.0.2.1, tunnel-id: 131074, AAA username: Not-Applicable, VR id: 0 => -",
        ],
    );
    check(
        "sonicwall",
        &[
            r#"<134>  id=firewall sn=1 time="2026-11-22 00:00:00 UTC" fw=192.0.2.1 pri=6 m=1080 msg="SSL VPN zone remote user login allowed" sess="sslvpnc" usr="op7" src=203.0.113.9::X1 => 09:00:00 start op7@203.0.113.9 account=op7 address=203.0.113.9"#,
            r#"id=firewall time="2026-11-22 09:05:00" m=265 msg="User logged out - inactivity timer expired" sess="sslvpnc" usr="op7" src=203.0.113.9::X1 => 09:05:00 end op7@203.0.113.9 account=op7 reason=User logged out - inactivity timer expired"#,
            r#"id=firewall m=30 msg="Administrator login denied due to bad credentials" usr="op7" src=203.0.113.9 => -"#,
        ],
    );
}

#[test]
fn privileged_access_products() {
    check(
        "wallix",
        &[
            r#"<14>Nov 22 09:00:00 b1 sshproxy: [SSH Session] session_id="a1" client_ip="203.0.113.9" target_ip="192.0.2.5" user="op7" device="srv" service="ssh" account="root" type="SESSION_ESTABLISHED_SUCCESSFULLY" => 09:00:00 start a1 account=op7 address=203.0.113.9 target=srv"#,
            r#"[SSH Session] session_id="a1" client_ip="203.0.113.9" user="op7" account="root" type="SESSION_DISCONNECTION" duration="0:00:05" => 12:00:01 end a1 account=op7"#,
            r#"[SSH Session] session_id="a1" user="op7" type="KBD_INPUT" data="SESSION_DISCONNECTION" => -"#,
        ],
    );
    check(
        "cyberark-psm",
        &[
            r#"CEF:0|Cyber-Ark|Vault|12|300|PSM Connect|5|act="PSM Connect" suser="op7" shost=192.0.2.2 dhost=srv reason=Protocol\=RDP;SessionID\=1f-0c;SrcHost\=203.0.113.9;User\=adm => 12:00:00 start 1f-0c account=op7 address=203.0.113.9 target=srv"#,
            r#"CEF:0|Cyber-Ark|Vault|12|301|PSM Connect Failed|8|act="PSM Connect Failed" suser=op7 reason=SessionID\=1f-0d => -"#,
            r#"CEF:0|Cyber-Ark|Vault|12|302|PSM Disconnect|5|act="PSM Disconnect" suser=op7 shost=192.0.2.2 reason=SessionID\=1f-0c;SrcHost\=203.0.113.9 => 12:00:02 end 1f-0c account=op7"#,
            r"CEF:0|Cyber-Ark|Vault|12|300|PSM Connect|5|suser=op7 shost=203.0.113.9 dhost=srv => 12:00:03 start op7@srv account=op7 address=203.0.113.9 target=srv",
        ],
    );
    check(
        "generic-cef",
        &[
            r#"CEF:0|M|P|1|7|Session Started|3|suser=EX\\op7 src=203.0.113.9 dhost=srv cs1=S1 cs1Label=SessionID rt=1795305600000 => 09:00:00 start S1 account=op7 address=203.0.113.9 target=srv"#,
            "CEF:0|M|P|1|7|Session Started|3|suser=op7 externalId=S2 outcome=failure => -",
            "CEF:0|M|P|1|8|Remote session closed|3|suser=op7 externalId=S1 reason=idle => 12:00:02 end S1 account=op7 reason=idle",
        ],
    );
}

#[test]
fn audit_events_and_histories_in_json() {
    check(
        "teleport",
        &[
            r#"{"event":"session.start","uid":"u1","sid":"s1","user":"op7","addr.remote":"203.0.113.9:5000","server_hostname":"srv","time":"2026-11-22T00:00:00Z"} => 09:00:00 start s1 account=op7 address=203.0.113.9 target=srv"#,
            r#"{"event":"session.end","uid":"u2","sid":"s1","user":"op7","time":"2026-11-22T00:05:00Z"} => 09:05:00 end s1 account=op7"#,
            r#"{"event":"db.session.start","uid":"u3","sid":"s2","user":"op7","success":false,"time":"2026-11-22T00:00:00Z"} => -"#,
            r#"{"event":"user.login","success":false,"user":"op7","error":"no session.start"} => -"#,
        ],
    );
    check(
        "beyondtrust-pra",
        &[
            r#"{"timestamp":"1795305600","event_type":"Session Start","session_id":"s1"} => -"#,
            r#"{"timestamp":"1795305600","event_type":"Conference Member Added","session_id":"s1","performed_by":{"type":"customer","name":"srv"}} => -"#,
            r#"{"timestamp":"1795305600","event_type":"Conference Member Added","session_id":"s1","performed_by":{"type":"representative","name":"Op 7"},"data":{"username":"op7","public_ip":"[2001:db8::9]:5"},"jump_group":{"name":"G"}} => 09:00:00 start s1 account=op7 address=2001:db8::9 target=G"#,
            r#"{"timestamp":"1795305600","event_type":"Conference Member Added","session_id":"s1","performed_by":{"type":"representative","name":"Op 8"},"data":{"username":"op8","public_ip":"Unknown"}} => 09:00:00 start s1/Op 8 account=op8"#,
            r#"{"timestamp":"1795305660","event_type":"Conference Member Departed","session_id":"s1","performed_by":{"type":"representative","name":"Op 8"}} => 09:01:00 end s1/Op 8 account=op8"#,
            r#"{"timestamp":"1795305660","event_type":"Session End","session_id":"s1"} => 09:01:00 end s1 account=op7"#,
        ],
    );
    check(
        "guacamole",
        &[
            r#"{"connectionIdentifier":"3","connectionName":"srv","username":"op7","remoteHost":"203.0.113.9","startDate":1795305600000,"endDate":null,"active":true} => 09:00:00 start 3:1795305600000:op7 account=op7 address=203.0.113.9 target=srv"#,
            r#"{"connectionIdentifier":"3","connectionName":"srv","username":"op7","remoteHost":"203.0.113.9","startDate":1795305600000,"endDate":1795305660000,"active":false} => 09:00:00 start 3:1795305600000:op7 account=op7 address=203.0.113.9 target=srv + 2026-11-22T09:01:00 end 3:1795305600000:op7 account=op7"#,
        ],
    );
}
