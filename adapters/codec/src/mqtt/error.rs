//! Reason codes and what is wrong with a packet.

/// Reason codes of MQTT 5.0, section 2.4, as far as an intake gives them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Reason {
    /// Taken.
    Success = 0x00,
    /// UNSUBSCRIBE of what was never subscribed.
    NoSubscriptionExisted = 0x11,
    /// The bytes are no MQTT packet.
    MalformedPacket = 0x81,
    /// A packet that may not come here.
    ProtocolError = 0x82,
    /// Not kept, for a reason of our own.
    ImplementationSpecific = 0x83,
    /// A version that isn't served.
    UnsupportedVersion = 0x84,
    /// The client identifier can't be used.
    ClientIdNotValid = 0x85,
    /// Unknown user or wrong password.
    BadUserNameOrPassword = 0x86,
    /// Signed in, but not allowed to do this.
    NotAuthorised = 0x87,
    /// No place for another connection.
    ServerBusy = 0x89,
    /// The daemon stops.
    ServerShuttingDown = 0x8B,
    /// Extended authentication isn't served.
    BadAuthenticationMethod = 0x8C,
    /// No sign of life within one and a half keep-alives.
    KeepAliveTimeout = 0x8D,
    /// The same client signed in again.
    SessionTakenOver = 0x8E,
    /// A topic outside the tree.
    TopicNameInvalid = 0x90,
    /// Topic aliases aren't served.
    TopicAliasInvalid = 0x94,
    /// Longer than what is read.
    PacketTooLarge = 0x95,
    /// A payload that is no observation.
    PayloadFormatInvalid = 0x99,
    /// QoS 2 isn't served.
    QosNotSupported = 0x9B,
    /// Too many sign-ins in a short time.
    ConnectionRateExceeded = 0x9F,
}

impl Reason {
    /// The byte on the wire of MQTT 5.
    #[must_use]
    pub fn code(self) -> u8 {
        self as u8
    }

    /// The CONNACK return code of MQTT 3.1.1 (table 3.1) that comes nearest.
    #[must_use]
    pub fn connect_return_code(self) -> u8 {
        match self {
            Self::Success => 0,
            Self::UnsupportedVersion => 1,
            Self::ClientIdNotValid => 2,
            Self::BadUserNameOrPassword => 4,
            Self::NotAuthorised | Self::BadAuthenticationMethod => 5,
            _ => 3,
        }
    }
}

/// A packet that can't be served: the connection ends.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what}")]
pub struct Malformed {
    /// What an MQTT 5 client is told.
    pub reason: Reason,
    /// What is wrong, for the log and the device's maker.
    pub what: String,
}

impl Malformed {
    /// Bytes that are no packet.
    pub(super) fn packet(what: impl Into<String>) -> Self {
        Self { reason: Reason::MalformedPacket, what: what.into() }
    }

    /// A packet that may not come here.
    pub(super) fn protocol(what: impl Into<String>) -> Self {
        Self { reason: Reason::ProtocolError, what: what.into() }
    }

    /// Something the protocol has and an intake doesn't serve.
    pub(super) fn refused(reason: Reason, what: impl Into<String>) -> Self {
        Self { reason, what: what.into() }
    }
}
