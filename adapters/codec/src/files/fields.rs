//! The fields of observations as a mapping names them, and what their texts must be.

use kukaku_schema::Kind;

/// What a field's text must turn into.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sort {
    /// 1 to 256 printable bytes.
    Name,
    /// A path below a recorder's folder.
    Path,
    /// An instant.
    Time,
    /// A number from 0.
    Unsigned,
    /// A number with or without a sign.
    Signed,
    /// `true` or `false`.
    Bool,
    /// Names with a separator between them.
    Names,
    /// A word of the wire format.
    Word,
}

macro_rules! fields {
    ($( $variant:ident $word:literal $sort:ident, )*) => {
        /// A field of an observation, or of a session row.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
        pub(crate) enum Field { $( $variant, )* }

        impl Field {
            /// How many there are.
            pub(crate) const COUNT: usize = [$( $word, )*].len();

            /// Its name on the wire.
            pub(crate) fn word(self) -> &'static str {
                match self { $( Self::$variant => $word, )* }
            }

            /// What its text must be.
            pub(crate) fn sort(self) -> Sort {
                match self { $( Self::$variant => Sort::$sort, )* }
            }

            /// The field of that name.
            pub(crate) fn named(word: &str) -> Option<Self> {
                match word { $( $word => Some(Self::$variant), )* _ => None }
            }
        }
    };
}

fields! {
    Source "source" Name,
    Epoch "epoch" Name,
    Seq "seq" Unsigned,
    EventId "event_id" Name,
    DeviceTime "device_time" Time,
    Kind "kind" Word,
    Reader "reader" Name,
    Credential "credential" Name,
    Result "result" Word,
    Factors "factors" Names,
    Reason "reason" Name,
    Door "door" Name,
    Reading "reading" Unsigned,
    Used "used" Bool,
    State "state" Word,
    Status "status" Word,
    Session "session" Name,
    Account "account" Name,
    Terminal "terminal" Name,
    Address "address" Name,
    InnerAddress "inner_address" Name,
    Target "target" Name,
    Via "via" Name,
    Camera "camera" Name,
    Client "client" Name,
    Reachable "reachable" Bool,
    Recording "recording" Bool,
    FrameAgeMs "frame_age_ms" Unsigned,
    IdleS "idle_s" Unsigned,
    Octets "octets" Unsigned,
    Path "path" Path,
    Start "start" Time,
    End "end" Time,
    Bytes "bytes" Unsigned,
    Sha256 "sha256" Word,
    Gone "gone" Bool,
    From "from" Time,
    To "to" Time,
    OffsetMs "offset_ms" Signed,
    MeasuredBy "measured_by" Name,
}

/// A field and whether its kind demands it.
type Demand = (Field, bool);

/// The fields of a row of `[sessions]`.
pub(crate) const SESSION_ROW: &[Demand] = &[
    (Field::Source, true),
    (Field::Session, true),
    (Field::Account, true),
    (Field::Start, true),
    (Field::End, false),
    (Field::Terminal, false),
    (Field::Address, false),
    (Field::InnerAddress, false),
    (Field::Target, false),
    (Field::Via, false),
    (Field::Factors, false),
];

/// The fields that every observation may have.
const HEADER: &[Demand] = &[(Field::Source, true), (Field::Epoch, false), (Field::Seq, false), (Field::EventId, false)];

/// The fields of `kind` with whether each is demanded, the common ones first.
pub(crate) fn of_kind(kind: Kind) -> impl Iterator<Item = Demand> {
    HEADER.iter().chain(own_fields(kind)).copied()
}

fn own_fields(kind: Kind) -> &'static [Demand] {
    use Field as F;
    const NEED: bool = true;
    const MAY: bool = false;
    match kind {
        Kind::DoorReading => &[
            (F::DeviceTime, NEED),
            (F::Reader, NEED),
            (F::Credential, NEED),
            (F::Result, NEED),
            (F::Factors, MAY),
            (F::Reason, MAY),
        ],
        Kind::DoorUsed => &[(F::DeviceTime, NEED), (F::Door, NEED), (F::Reading, NEED), (F::Used, NEED)],
        Kind::DoorState => &[(F::DeviceTime, NEED), (F::Door, NEED), (F::State, NEED)],
        Kind::ReaderStatus => &[(F::DeviceTime, NEED), (F::Reader, NEED), (F::Status, NEED)],
        Kind::SourceAlive => &[(F::DeviceTime, NEED)],
        Kind::SessionStarted => &[
            (F::DeviceTime, NEED),
            (F::Session, NEED),
            (F::Account, NEED),
            (F::Terminal, MAY),
            (F::Address, MAY),
            (F::InnerAddress, MAY),
            (F::Target, MAY),
            (F::Via, MAY),
            (F::Factors, MAY),
        ],
        Kind::SessionAlive => &[
            (F::DeviceTime, NEED),
            (F::Session, NEED),
            (F::Account, MAY),
            (F::Terminal, MAY),
            (F::Address, MAY),
            (F::IdleS, MAY),
            (F::Octets, MAY),
        ],
        Kind::SessionEnded => &[
            (F::DeviceTime, NEED),
            (F::Session, NEED),
            (F::Account, MAY),
            (F::Terminal, MAY),
            (F::Address, MAY),
            (F::Reason, MAY),
            (F::IdleS, MAY),
            (F::Octets, MAY),
        ],
        Kind::CameraHealth => &[
            (F::DeviceTime, NEED),
            (F::Camera, NEED),
            (F::Reachable, NEED),
            (F::Recording, NEED),
            (F::FrameAgeMs, MAY),
        ],
        Kind::FootageSegment => &[
            (F::DeviceTime, NEED),
            (F::Camera, NEED),
            (F::Path, NEED),
            (F::Start, NEED),
            (F::End, NEED),
            (F::Bytes, NEED),
            (F::Sha256, MAY),
            (F::Gone, MAY),
        ],
        Kind::LineUnlocked => &[(F::Client, NEED), (F::From, NEED), (F::To, NEED), (F::Account, MAY), (F::Target, MAY)],
        Kind::LineListed => &[(F::Client, NEED), (F::From, NEED), (F::To, NEED)],
        Kind::OplogSegment => &[
            (F::DeviceTime, NEED),
            (F::Terminal, NEED),
            (F::Session, MAY),
            (F::Path, NEED),
            (F::Start, NEED),
            (F::End, NEED),
            (F::Bytes, NEED),
            (F::Sha256, MAY),
            (F::Gone, MAY),
        ],
        Kind::TerminalPower => &[(F::DeviceTime, NEED), (F::Terminal, NEED), (F::State, NEED)],
        Kind::SourceCaughtUp => &[(F::From, NEED), (F::To, NEED), (F::Reader, MAY)],
        Kind::SourceClock => &[(F::OffsetMs, NEED), (F::From, NEED), (F::To, NEED), (F::MeasuredBy, NEED)],
        // Made by the daemon alone: nothing from outside maps to them.
        Kind::WatchStarted
        | Kind::WatchGap
        | Kind::ClockStep
        | Kind::Muster
        | Kind::ManualEntry
        | Kind::OrderRevised
        | Kind::FailureReported
        | Kind::SourceGap
        | Kind::SystemState => &[],
    }
}

/// The kind of that word, if it may come from outside.
pub(crate) fn outside_kind(word: &str) -> Option<Kind> {
    Kind::ALL.iter().copied().find(|kind| kind.word() == word && !kind.is_internal())
}

/// Names for an error text: `a, b, c`.
pub(crate) fn listed<'a>(words: impl IntoIterator<Item = &'a str>) -> String {
    let mut text = String::new();
    for word in words {
        if !text.is_empty() {
            text.push_str(", ");
        }
        text.push_str(word);
    }
    text
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_has_the_fields_that_its_wire_schema_says() {
        for (word, schema) in kukaku_schema::observation::json_schemas() {
            let Some(kind) = outside_kind(word) else {
                continue;
            };
            let object = schema.as_object().unwrap();
            let mut on_wire: Vec<&str> = object["properties"].as_object().unwrap().keys().map(String::as_str).collect();
            on_wire.retain(|name| *name != "kind");
            on_wire.sort_unstable();
            let mut ours: Vec<&str> = of_kind(kind).map(|(field, _)| field.word()).collect();
            ours.sort_unstable();
            assert_eq!(ours, on_wire, "{word}");
            let mut demanded: Vec<&str> =
                object["required"].as_array().unwrap().iter().filter_map(|v| v.as_str()).collect();
            demanded.retain(|name| *name != "kind");
            demanded.sort_unstable();
            let mut ours: Vec<&str> = of_kind(kind).filter(|(_, need)| *need).map(|(field, _)| field.word()).collect();
            ours.sort_unstable();
            assert_eq!(ours, demanded, "{word}");
        }
    }
}
