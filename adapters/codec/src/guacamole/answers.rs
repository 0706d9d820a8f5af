//! What Guacamole answers (1.4 and newer), read.

use kukaku_schema::UtcMicros;
use serde_json::value::RawValue;
use serde_json::{Map, Value};

/// Guacamole answers with so many records at most, and has no way to ask for those behind them.
pub const HISTORY_MAX: usize = 1000;

/// Most connections that are open at once and looked at: a server of this kind carries some hundred.
const ACTIVE_MAX: usize = 10_000;

/// Longest name, address or id that is kept, in bytes.
const TEXT_MAX_BYTES: usize = 128;

/// A sign-in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Token {
    /// What further requests carry.
    pub token: String,
    /// Where the user's own connections lie, unless the configuration names another place.
    pub data_source: String,
}

/// A record of the history of connections.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// Names the record, whether it has its end or not.
    pub id: String,
    /// The id of the connection that was used.
    pub connection: String,
    /// What that connection is called; empty: not told.
    pub name: String,
    /// Who used it.
    pub user: String,
    /// Where he came from; empty: not told.
    pub host: String,
    /// When, by Guacamole's clock.
    pub start: UtcMicros,
    /// Until when; none: it is open, or Guacamole lost track of it.
    pub end: Option<UtcMicros>,
    /// Guacamole itself says that it is open.
    pub is_active: bool,
}

/// An element of a history: a record, or what is wrong with it and its bytes.
pub type Item = Result<Record, (String, Vec<u8>)>;

/// A connection that is open now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Active {
    /// The id of the connection that is used.
    pub connection: String,
    /// Who uses it.
    pub user: String,
    /// Since when, by Guacamole's clock.
    pub start: UtcMicros,
}

/// Reads the answer to a sign-in.
///
/// # Errors
/// A sentence: what is missing.
pub fn read_token(bytes: &[u8]) -> Result<Token, String> {
    let object: Map<String, Value> = serde_json::from_slice(bytes).map_err(|e| format!("no sign-in: {e}"))?;
    let text = |name: &str| object.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    let token = text("authToken");
    // It is sent back in a header.
    if token.is_empty() || !token.bytes().all(|b| b.is_ascii_graphic()) {
        return Err("the answer to the sign-in has no `authToken`".to_owned());
    }
    Ok(Token { token, data_source: text("dataSource") })
}

/// Reads a history. What is wrong in one record spoils no other.
///
/// # Errors
/// A sentence: the answer is no list, or longer than Guacamole makes one.
pub fn read_history(bytes: &[u8]) -> Result<Vec<Item>, String> {
    let list: Vec<&RawValue> = serde_json::from_slice(bytes).map_err(|e| format!("no history of connections: {e}"))?;
    if list.len() > HISTORY_MAX {
        return Err(format!("{} records are more than the {HISTORY_MAX} that Guacamole gives at once", list.len()));
    }
    Ok(list.into_iter().map(|raw| record(raw).map_err(|why| (why, raw.get().as_bytes().to_vec()))).collect())
}

fn record(raw: &RawValue) -> Result<Record, String> {
    let object: Map<String, Value> = serde_json::from_str(raw.get()).map_err(|e| e.to_string())?;
    let start = instant(&object, "startDate")?.ok_or("`startDate` is missing")?;
    let end = instant(&object, "endDate")?;
    let (connection, user) = (text(&object, "connectionIdentifier")?, text(&object, "username")?);
    if user.is_empty() {
        return Err("`username` is missing".to_owned());
    }
    let own = [text(&object, "uuid")?, text(&object, "identifier")?].into_iter().find(|id| !id.is_empty());
    let id = own.unwrap_or_else(|| format!("{connection}:{}:{user}", start.0 / 1_000));
    Ok(Record {
        id,
        connection,
        name: text(&object, "connectionName")?,
        user,
        host: text(&object, "remoteHost")?,
        start,
        end,
        is_active: object.get("active") == Some(&Value::Bool(true)),
    })
}

/// Reads the connections that are open now; those without a user or a start are none.
///
/// # Errors
/// A sentence: the answer is something else.
pub fn read_active(bytes: &[u8]) -> Result<Vec<Active>, String> {
    let all: Map<String, Value> = serde_json::from_slice(bytes).map_err(|e| format!("no open connections: {e}"))?;
    let read = |value: &Value| {
        let object = value.as_object()?;
        Some(Active {
            connection: text(object, "connectionIdentifier").ok()?,
            user: text(object, "username").ok()?,
            start: instant(object, "startDate").ok()??,
        })
    };
    Ok(all.values().filter_map(read).take(ACTIVE_MAX).collect())
}

/// Reads the `Date` of an answer (RFC 9110): Guacamole's clock, to the second.
#[must_use]
pub fn read_date(text: &str) -> Option<UtcMicros> {
    let zoned = jiff::fmt::rfc2822::DateTimeParser::new().parse_zoned(text.trim()).ok()?;
    Some(UtcMicros(zoned.timestamp().as_microsecond()))
}

/// A text that may be missing, or a number as one.
fn text(object: &Map<String, Value>, name: &str) -> Result<String, String> {
    let text = match object.get(name) {
        None | Some(Value::Null) => return Ok(String::new()),
        Some(Value::String(text)) => text.trim().to_owned(),
        Some(Value::Number(number)) => number.to_string(),
        Some(_) => return Err(format!("`{name}` is no text")),
    };
    if text.len() > TEXT_MAX_BYTES {
        return Err(format!("`{name}` has {} bytes, more than {TEXT_MAX_BYTES}", text.len()));
    }
    Ok(text)
}

/// Milliseconds since 1970.
fn instant(object: &Map<String, Value>, name: &str) -> Result<Option<UtcMicros>, String> {
    let millis = match object.get(name) {
        None | Some(Value::Null) => return Ok(None),
        Some(value) => value.as_i64().ok_or_else(|| format!("`{name}` is no number of milliseconds"))?,
    };
    let at = jiff::Timestamp::from_millisecond(millis).map_err(|_| format!("`{name}` {millis} is no time"))?;
    let at = UtcMicros(at.as_microsecond());
    // What is told has to be in the years that the wire format knows.
    UtcMicros::parse_rfc3339(&at.to_rfc3339_utc()).map(Some).map_err(|why| format!("`{name}`: {why}"))
}
