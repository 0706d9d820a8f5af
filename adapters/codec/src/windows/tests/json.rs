//! The same event as winlogbeat, NXLog and the log's own elements tell it.

use kukaku_schema::SiteZone;

use super::*;

pub(super) const WINLOGBEAT: &str = r#"{"@timestamp":"2026-11-22T01:02:03.456Z","@metadata":{"beat":"winlogbeat","version":"8.15.0"},
"event":{"code":"21","provider":"Microsoft-Windows-TerminalServices-LocalSessionManager","kind":"event"},
"host":{"name":"sv01.office.example"},"message":"text",
"winlog":{"channel":"Microsoft-Windows-TerminalServices-LocalSessionManager/Operational","computer_name":"SV01.office.example",
"event_id":"21","record_id":991,"provider_name":"Microsoft-Windows-TerminalServices-LocalSessionManager",
"activity_id":"{F4208CEC-4DF9-4D54-882A-000000000001}","user":{"identifier":"S-1-5-18","type":"User"},"opcode":"Info",
"user_data":{"xml_name":"EventXML","User":"OFFICE\\op7","SessionID":"3","Address":"192.0.2.7"}}}"#;

pub(super) const NXLOG: &str = r#"{"EventTime":"2026-11-22T10:02:03.456789+09:00","Hostname":"SV01.office.example","Keywords":"1152921504606846976",
"EventType":"INFO","SeverityValue":2,"Severity":"INFO","EventID":21,
"SourceName":"Microsoft-Windows-TerminalServices-LocalSessionManager","ProviderGuid":"{5D896912-022D-40AA-A3A8-4FA5515C76D7}",
"Version":0,"TaskValue":0,"OpcodeValue":0,"RecordNumber":991,"ActivityID":"{F4208CEC-4DF9-4D54-882A-000000000001}",
"ExecutionProcessID":1,"ExecutionThreadID":2,
"Channel":"Microsoft-Windows-TerminalServices-LocalSessionManager/Operational","UserID":"S-1-5-18","Message":"text",
"EventXML.User":"OFFICE\\op7","EventXML.SessionID":"3","EventXML.Address":"192.0.2.7",
"EventReceivedTime":"2026-11-22 10:02:04","SourceModuleName":"in","SourceModuleType":"im_msvistalog"}"#;

pub(super) const ELEMENTS: &str = r##"{"Event":{"#attributes":{"xmlns":"x"},"System":{"Provider":{"#attributes":{"Name":"Microsoft-Windows-TerminalServices-LocalSessionManager"}},
"EventID":{"#attributes":{"Qualifiers":0},"#text":21},"TimeCreated":{"#attributes":{"SystemTime":"2026-11-22T01:02:03.4567891Z"}},
"EventRecordID":991,"Correlation":{"#attributes":{"ActivityID":"F4208CEC-4DF9-4D54-882A-000000000001"}},
"Channel":"Microsoft-Windows-TerminalServices-LocalSessionManager/Operational","Computer":"SV01.office.example","Security":{"#attributes":{"UserID":"S-1-5-18"}}},
"UserData":{"EventXML":{"#attributes":{"xmlns":"Event_NS"},"User":"OFFICE\\op7","SessionID":3,"Address":"192.0.2.7"}}}}"##;

fn read(text: &str) -> WindowsEvent {
    read_json(text.as_bytes(), None).expect(text)
}

#[test]
fn one_event_is_one_observation_however_it_came() {
    let told = |text: &str| match WindowsSessions::new(config(Role::Server)).take(&read(text)) {
        Outcome::Observations(list) => list,
        other => panic!("{other:?}"),
    };
    let from_winlogbeat = told(WINLOGBEAT);
    assert_eq!(from_winlogbeat, told(NXLOG));
    assert_eq!(from_winlogbeat, told(ELEMENTS));
    let Observation::SessionStarted(started) = &from_winlogbeat[0] else { panic!("a start") };
    let id = started.event_id.as_ref().expect("an id").as_str();
    let (channel_and_record, computer) = id.rsplit_once('/').expect("three parts");
    assert_eq!(channel_and_record, "Microsoft-Windows-TerminalServices-LocalSessionManager/Operational/991");
    assert_eq!(computer.len(), 16);
    assert_eq!(started.session.as_str(), "sv01.office.example/s3/2026-11-22T01:02:03.456Z");
}

#[test]
fn the_parts_are_the_same() {
    let mut events = [read(WINLOGBEAT), read(NXLOG), read(ELEMENTS)];
    for event in &mut events {
        event.time = UtcMicros(event.time.0 / 1000 * 1000);
    }
    assert_eq!(events[0], events[1]);
    assert_eq!(events[0], events[2]);
}

#[test]
fn data_without_names_and_with_attributes_is_kept() {
    let text = ELEMENTS.replace(
        r##""UserData":{"EventXML":{"#attributes":{"xmlns":"Event_NS"},"User":"OFFICE\\op7","SessionID":3,"Address":"192.0.2.7"}}"##,
        r##""EventData":{"#attributes":{"Name":"x"},"Data":["one",2,null],"Binary":null,"Reason":{"#attributes":{"Name":"r"},"#text":5}}"##,
    );
    let event = read(&text);
    let fields: Vec<(&str, &str)> = event.data.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect();
    assert_eq!(fields, [("Reason", "5"), ("param1", "one"), ("param2", "2")]);
}

#[test]
fn a_local_time_of_nxlog_needs_a_zone() {
    let text = NXLOG.replace("2026-11-22T10:02:03.456789+09:00", "2026-11-22 10:02:03");
    let refused = read_json(text.as_bytes(), None).expect_err("no zone");
    assert!(refused.contains("no zone"), "{refused}");
    let zone = SiteZone::named("Asia/Tokyo").expect("a zone");
    let event = read_json(text.as_bytes(), Some(&zone)).expect("an event");
    assert_eq!(event.time.to_rfc3339_utc(), "2026-11-22T01:02:03Z");
}

#[test]
fn what_is_no_event_is_refused_with_the_reason() {
    let long = format!("{{\"winlog\":\"{}\"}}", "x".repeat(JSON_MAX_BYTES));
    let cases = [
        ("[]", "one JSON object"),
        ("{}", "neither `winlog`"),
        ("{\"winlog\":1}", "neither `winlog`"),
        ("{\"winlog\":{}}", "`@timestamp` is missing"),
        ("{\"EventID\":1}", "`EventTime` is missing"),
        ("{\"Event\":{}}", "`Event.System` is missing"),
        ("{\"EventID\":\"x\",\"EventTime\":\"2026-11-22T00:00:00Z\",\"Channel\":\"c\"}", "`EventID` is missing"),
        ("{", "EOF"),
        (&long, "more than the 262144"),
    ];
    for (text, reason) in cases {
        let refused = read_json(text.as_bytes(), None).expect_err("refused");
        assert!(refused.contains(reason), "{reason}: {refused}");
    }
}

#[test]
fn seconds_are_told_where_the_sender_knows_no_more() {
    let mut settings = config(Role::Server);
    settings.grain = Grain::Seconds;
    let Outcome::Observations(told) = WindowsSessions::new(settings).take(&read(WINLOGBEAT)) else { panic!("a start") };
    assert_eq!(told[0].header().device_time.expect("a time").to_rfc3339_utc(), "2026-11-22T01:02:03Z");
}

#[test]
fn logs_of_a_host_are_brought_into_one_order() {
    let log = |seconds: &[u32]| -> Vec<EvtxItem> {
        seconds.iter().map(|s| EvtxItem::Event(Box::new(event(u64::from(*s), &format!("{s} R 261"))))).collect()
    };
    let mut second = log(&[1, 4]);
    second.insert(1, EvtxItem::Damaged(Damage { chunk: Some(0), record: Some(2), reason: "x".to_owned() }));
    // The third log's clock was set back: its own order stays.
    let merged = InTimeOrder::new([log(&[0, 3, 9]), second, log(&[5, 2])].map(Vec::into_iter));
    let order: Vec<String> = merged
        .map(|(place, item)| match item {
            EvtxItem::Event(event) => format!("{place}:{}", event.record_id.expect("a number")),
            EvtxItem::Damaged(damage) => format!("{place}:{damage}"),
        })
        .collect();
    assert_eq!(order, ["0:0", "1:1", "1:chunk 0, record 2: x", "0:3", "1:4", "2:5", "2:2", "0:9"]);
}
