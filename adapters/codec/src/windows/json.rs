//! Events as JSON: what winlogbeat 7 and 8, NXLog and EVTX tools write, one object an event.

use kukaku_schema::{SiteZone, UtcMicros};
use serde_json::{Map, Value};

use super::event::{Fields, WindowsEvent, activity, number, text_of, word};

/// Longest object in bytes. An event has at most 64 KiB in the log; as JSON, with its message
/// beside its fields and every character escaped, four times that.
pub const JSON_MAX_BYTES: usize = 256 * 1024;

/// Reads one event that winlogbeat (`winlog.*`), NXLog (`im_msvistalog`, `to_json()`) or a tool
/// that writes the log's own elements (`Event.System.*`) sent.
///
/// `zone` is that of the sender's clock, for NXLog, which may write local times without an offset.
///
/// # Errors
/// A sentence that says which of them it looked like and what was missing.
pub fn read_json(bytes: &[u8], zone: Option<&SiteZone>) -> Result<WindowsEvent, String> {
    if bytes.len() > JSON_MAX_BYTES {
        return Err(format!("{} bytes are more than the {JSON_MAX_BYTES} of an event", bytes.len()));
    }
    let value: Value = serde_json::from_slice(bytes).map_err(|error| error.to_string())?;
    let Value::Object(object) = &value else {
        return Err("an event is one JSON object, from { to }".to_owned());
    };
    match object.get("Event").or_else(|| object.get("winlog")) {
        Some(Value::Object(_)) if object.contains_key("Event") => elements(object),
        Some(Value::Object(winlog)) => winlogbeat(object, winlog),
        _ if object.contains_key("EventID") => nxlog(object, zone),
        _ => Err("no event of Windows: neither `winlog` (winlogbeat), `EventID` (NXLog) nor `Event`".to_owned()),
    }
}

/// A record of an EVTX file; its length is bounded by whoever rendered it.
pub(super) fn read_record(bytes: &[u8]) -> Result<WindowsEvent, String> {
    let value: Value = serde_json::from_slice(bytes).map_err(|error| error.to_string())?;
    elements(value.as_object().ok_or("the record is no element")?)
}

fn missing(what: &str) -> String {
    format!("`{what}` is missing")
}

fn event_id(value: Option<&Value>, name: &str) -> Result<u32, String> {
    number(value).and_then(|id| u32::try_from(id).ok()).ok_or_else(|| missing(name))
}

fn attribute<'v>(object: &'v Map<String, Value>, element: &str, name: &str) -> Option<&'v Value> {
    object.get(element)?.get("#attributes")?.get(name)
}

/// The attribute that holds the time; in two pieces, because one of that name means a clock.
const WRITTEN_AT: &str = concat!("System", "Time");

/// `{"Event":{"System":{...},"EventData":{...}}}`: the elements of the log's own XML.
fn elements(object: &Map<String, Value>) -> Result<WindowsEvent, String> {
    let event = object.get("Event").and_then(Value::as_object).ok_or_else(|| missing("Event"))?;
    let system = event.get("System").and_then(Value::as_object).ok_or_else(|| missing("Event.System"))?;
    let mut fields = Fields::default();
    for part in ["EventData", "UserData"] {
        if let Some(Value::Object(data)) = event.get(part) {
            fields.take_all(data);
        }
    }
    let time = word(attribute(system, "TimeCreated", WRITTEN_AT)).ok_or_else(|| missing("TimeCreated"))?;
    Ok(WindowsEvent {
        channel: word(system.get("Channel")).ok_or_else(|| missing("Channel"))?,
        provider: word(attribute(system, "Provider", "Name")).unwrap_or_default(),
        event_id: event_id(system.get("EventID"), "EventID")?,
        record_id: number(system.get("EventRecordID")),
        computer: word(system.get("Computer")).ok_or_else(|| missing("Computer"))?,
        time: UtcMicros::parse_rfc3339(&time)?,
        activity: word(attribute(system, "Correlation", "ActivityID")).and_then(|id| activity(&id)),
        user_sid: word(attribute(system, "Security", "UserID")),
        data: fields.0,
    })
}

/// winlogbeat 7 and 8: `@timestamp` is when the event was written, to the millisecond.
fn winlogbeat(object: &Map<String, Value>, winlog: &Map<String, Value>) -> Result<WindowsEvent, String> {
    let mut fields = Fields::default();
    for part in ["event_data", "user_data"] {
        if let Some(Value::Object(data)) = winlog.get(part) {
            fields.take_all(data);
        }
    }
    // winlogbeat's own word for the element around the fields.
    fields.0.remove("xml_name");
    let time = word(object.get("@timestamp")).ok_or_else(|| missing("@timestamp"))?;
    let code = winlog.get("event_id").or_else(|| object.get("event")?.get("code"));
    let host = || object.get("host")?.get("name");
    Ok(WindowsEvent {
        channel: word(winlog.get("channel")).ok_or_else(|| missing("winlog.channel"))?,
        provider: word(winlog.get("provider_name")).unwrap_or_default(),
        event_id: event_id(code, "winlog.event_id")?,
        record_id: number(winlog.get("record_id")),
        computer: word(winlog.get("computer_name").or_else(host)).ok_or_else(|| missing("winlog.computer_name"))?,
        time: UtcMicros::parse_rfc3339(&time)?,
        activity: word(winlog.get("activity_id")).and_then(|id| activity(&id)),
        user_sid: word(winlog.get("user").and_then(|user| user.get("identifier"))),
        data: fields.0,
    })
}

/// What NXLog writes of its own beside the event's fields.
const NXLOG_OWN: [&str; 31] = [
    "EventTime",
    "EventTimeWritten",
    "EventReceivedTime",
    "Hostname",
    "Keywords",
    "EventType",
    "SeverityValue",
    "Severity",
    "EventID",
    "SourceName",
    "ProviderGuid",
    "Version",
    "Task",
    "TaskValue",
    "OpcodeValue",
    "Opcode",
    "RecordNumber",
    "ActivityID",
    "RelatedActivityID",
    "ProcessID",
    "ThreadID",
    "ExecutionProcessID",
    "ExecutionThreadID",
    "Channel",
    "Category",
    "Message",
    "UserID",
    "AccountType",
    "SourceModuleName",
    "SourceModuleType",
    "Level",
];

/// NXLog: the event's fields lie flat beside NXLog's own; of `UserData` perhaps with the
/// element's name and a dot before them.
fn nxlog(object: &Map<String, Value>, zone: Option<&SiteZone>) -> Result<WindowsEvent, String> {
    let mut fields = Fields::default();
    for (name, value) in object.iter().filter(|(name, _)| !NXLOG_OWN.contains(&name.as_str())) {
        fields.take(name.rsplit('.').next().unwrap_or(name), value);
    }
    let time = object.get("EventTime").and_then(text_of).ok_or_else(|| missing("EventTime"))?;
    Ok(WindowsEvent {
        channel: word(object.get("Channel")).ok_or_else(|| missing("Channel"))?,
        provider: word(object.get("SourceName")).unwrap_or_default(),
        event_id: event_id(object.get("EventID"), "EventID")?,
        record_id: number(object.get("RecordNumber")),
        computer: word(object.get("Hostname")).ok_or_else(|| missing("Hostname"))?,
        time: nxlog_time(&time, zone)?,
        activity: word(object.get("ActivityID")).and_then(|id| activity(&id)),
        user_sid: word(object.get("UserID")),
        data: fields.0,
    })
}

/// RFC 3339, or a local time like `2026-11-22 09:00:00` in the configured zone.
fn nxlog_time(text: &str, zone: Option<&SiteZone>) -> Result<UtcMicros, String> {
    let text = text.trim();
    // NXLog may write the blank of its own form before an offset.
    let rfc3339 = text.replacen(' ', "T", 1);
    if let Ok(at) = UtcMicros::parse_rfc3339(&rfc3339) {
        return Ok(at);
    }
    let local: jiff::civil::DateTime =
        rfc3339.parse().map_err(|_| format!("`EventTime` {text:?} is no time that NXLog writes"))?;
    let zone = zone.ok_or_else(|| format!("`EventTime` {text:?} has no offset, and no zone is configured"))?;
    zone.instant_of(local).ok_or_else(|| format!("`EventTime` {text:?} does not exist in {}", zone.name()))
}
