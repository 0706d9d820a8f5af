//! The day: what each device says, when, and how late it is heard.
//!
//! One list for both ways of running it. Seconds count from the day's start; a working day is
//! scaled to ten minutes. `truth.rs` says what has to come out of it.

use kukaku_schema::observation::{DoorStateWord, ReaderStatusWord};
use kukaku_schema::{FailureStage, OrderAct};

use Device::{Chitose, Desk, Panel1, Panel2, Tomakomai, Windows};
use DoorStateWord::{Closed, Forced, Opened};
use ReaderStatusWord::{Offline, Online};

/// How long the day lasts, in seconds.
pub const DAY_S: i64 = 600;

/// The whole site's sources that speak on their own, and who writes the opening muster.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Device {
    /// The panel of zone A: JSON over MQTT.
    Panel1,
    /// The panel of zone B: frames on a serial line.
    Panel2,
    /// The gateway of 苫小牧市: HTTP with a key.
    Tomakomai,
    /// The gateway of 千歳市: HTTP with a key.
    Chitose,
    /// The event log of the terminal term-1, as a collector posts it: HTTP with a key.
    Windows,
    /// The recorder's report on its cameras: MQTT.
    Cameras,
    /// The recorder's folder.
    Recorder,
    /// The site itself.
    Desk,
}

impl Device {
    /// Every device.
    pub const ALL: [Self; 8] = [
        Self::Panel1,
        Self::Panel2,
        Self::Tomakomai,
        Self::Chitose,
        Self::Windows,
        Self::Cameras,
        Self::Recorder,
        Self::Desk,
    ];

    /// The source that it speaks for.
    #[must_use]
    pub fn source(self) -> &'static str {
        match self {
            Self::Panel1 => "panel-1",
            Self::Panel2 => "panel-2",
            Self::Tomakomai => "vpn-tomakomai",
            Self::Chitose => "vpn-chitose",
            Self::Windows => "win-term-1",
            Self::Cameras | Self::Recorder => "nvr-1",
            Self::Desk => "kukaku",
        }
    }

    /// Whether it numbers what it says.
    #[must_use]
    pub fn numbers(self) -> bool {
        matches!(self, Self::Panel1 | Self::Panel2)
    }
}

/// What is said.
#[derive(Debug, Clone, Copy)]
pub enum Says {
    /// Nobody is inside: the opening muster.
    NobodyInside,
    /// A card at a reader.
    Card {
        /// The reader.
        reader: &'static str,
        /// The card's digits.
        card: &'static str,
        /// The panel let it through.
        granted: bool,
        /// A finger was read too.
        finger: bool,
        /// It waited in the reader's own memory, which keeps no numbers.
        from_memory: bool,
    },
    /// A door's state.
    Door(DoorStateWord),
    /// A reader's state.
    Reader(&'static str, ReaderStatusWord),
    /// Everything of a span was delivered.
    CaughtUp {
        /// Of which reader.
        reader: &'static str,
        /// From this second.
        from_s: i64,
        /// To this second.
        to_s: i64,
    },
    /// A session begins: its id, account and terminal.
    Begins(&'static str, &'static str, &'static str),
    /// A session ends.
    Ends(&'static str),
    /// Something is done with a work order: its number, what.
    Order(&'static str, OrderAct),
    /// The failure is reported.
    Failure(FailureStage),
}

/// One line of the list.
#[derive(Debug, Clone, Copy)]
pub struct Event {
    /// When it happens.
    pub at_s: i64,
    /// How much later it is heard.
    pub late_s: i64,
    /// Who says it.
    pub device: Device,
    /// What.
    pub says: Says,
}

impl Event {
    const fn late(mut self, seconds: i64) -> Self {
        self.late_s = seconds;
        self
    }

    const fn kept_in_memory(mut self) -> Self {
        if let Says::Card { from_memory, .. } = &mut self.says {
            *from_memory = true;
        }
        self
    }

    const fn card_alone(mut self) -> Self {
        if let Says::Card { finger, .. } = &mut self.says {
            *finger = false;
        }
        self
    }

    const fn denied(mut self) -> Self {
        if let Says::Card { granted, .. } = &mut self.says {
            *granted = false;
        }
        self
    }
}

const fn says(at_s: i64, device: Device, says: Says) -> Event {
    Event { at_s, late_s: 0, device, says }
}

/// A card at a reader of zone A, with a finger.
const fn north(at_s: i64, reader: &'static str, card: &'static str) -> Event {
    says(at_s, Panel1, Says::Card { reader, card, granted: true, finger: true, from_memory: false })
}

/// A card at a reader of zone B, which has no fingerprint reader.
const fn south(at_s: i64, reader: &'static str, card: &'static str) -> Event {
    says(at_s, Panel2, Says::Card { reader, card, granted: true, finger: false, from_memory: false })
}

const fn door(at_s: i64, state: DoorStateWord) -> Event {
    says(at_s, Panel2, Says::Door(state))
}

const fn begins(at_s: i64, line: Device, id: &'static str, account: &'static str, terminal: &'static str) -> Event {
    says(at_s, line, Says::Begins(id, account, terminal))
}

const fn ends(at_s: i64, line: Device, id: &'static str) -> Event {
    says(at_s, line, Says::Ends(id))
}

const SATO: &str = "0123456789ABCD01";
const SUZUKI: &str = "0123456789ABCD02";
const SUZUKI_ENDED: &str = "0123456789ABCD92";
const TAKAHASHI: &str = "0123456789ABCD03";
const TANAKA: &str = "0123456789ABCD04";
const WATANABE: &str = "0123456789ABCD06";
const MORI: &str = "0123456789ABCD51";
const STRANGER: &str = "FFFFFFFFFFFFFFFF";

/// The list, by the instant at which things happen.
pub const DAY: &[Event] = &[
    says(1, Desk, Says::NobodyInside),
    // What is done with work orders and the failure report stands in `papers.rs`.
    // A morning as it should be: t-01 in zone A, c-01 in zone B, whose door shows that it was used.
    north(10, "north-in", SATO),
    begins(15, Tomakomai, "t-01", "tmk-a01", "term-1"),
    // The terminal's own log tells of it too: one session with two records.
    begins(17, Windows, "rdp-01", "sato", "term-1"),
    ends(98, Windows, "rdp-01"),
    south(30, "south-in", TANAKA),
    door(31, Opened),
    door(34, Closed),
    begins(40, Chitose, "c-01", "cts-a04", "term-3"),
    ends(100, Tomakomai, "t-01"),
    north(105, "north-out", SATO),
    ends(110, Chitose, "c-01"),
    south(115, "south-out", TANAKA),
    door(116, Opened),
    door(118, Closed),
    // Suzuki enters with his card alone where two factors are asked.
    north(45, "north-in", SUZUKI).card_alone(),
    begins(50, Tomakomai, "t-02", "tmk-a02", "term-2"),
    ends(80, Tomakomai, "t-02"),
    north(85, "north-out", SUZUKI),
    // Sato leaves her session and an empty room behind.
    north(120, "north-in", SATO),
    begins(125, Tomakomai, "t-03", "tmk-a01", "term-1"),
    north(150, "north-out", SATO),
    ends(170, Tomakomai, "t-03"),
    // Ito's account works in zone B, and he was never there.
    begins(130, Chitose, "c-02", "cts-a05", "term-3"),
    ends(160, Chitose, "c-02"),
    // Takahashi is in zone A while his account works in zone B.
    north(175, "north-in", TAKAHASHI),
    begins(180, Chitose, "c-03", "cts-a03", "term-3"),
    ends(200, Chitose, "c-03"),
    // The log of term-1 tells of the sessions there whose sign-in it knows.
    begins(127, Windows, "rdp-03", "sato", "term-1"),
    ends(168, Windows, "rdp-03"),
    begins(217, Windows, "rdp-07", "sato", "term-1"),
    ends(249, Windows, "rdp-07"),
    begins(312, Windows, "rdp-11", "takahashi", "term-1"),
    ends(339, Windows, "rdp-11"),
    begins(503, Windows, "rdp-13", "sato", "term-1"),
    ends(524, Windows, "rdp-13"),
    // Three that are in no register: an account (whose end nobody reports), an operator for this
    // city, a terminal.
    begins(185, Tomakomai, "t-04", "tmk-x99", "term-1"),
    begins(188, Tomakomai, "t-05", "tmk-a05", "term-2"),
    begins(190, Tomakomai, "t-06", "tmk-a03", "term-99"),
    ends(196, Tomakomai, "t-06"),
    ends(198, Tomakomai, "t-05"),
    north(205, "north-out", TAKAHASHI),
    // One account at two terminals at once.
    north(210, "north-in", SATO),
    begins(215, Tomakomai, "t-07", "tmk-a01", "term-1"),
    begins(225, Tomakomai, "t-08", "tmk-a01", "term-2"),
    ends(245, Tomakomai, "t-08"),
    ends(250, Tomakomai, "t-07"),
    north(255, "north-out", SATO),
    // Watanabe enters twice and did not leave between.
    north(212, "north-in", WATANABE),
    begins(220, Tomakomai, "t-09", "tmk-a06", "term-2"),
    ends(235, Tomakomai, "t-09"),
    north(240, "north-in", WATANABE),
    north(258, "north-out", WATANABE),
    // Somebody tries a strange card, then one that was ended.
    south(262, "south-in", STRANGER).denied(),
    south(264, "south-in", STRANGER).denied(),
    south(266, "south-in", STRANGER).denied(),
    south(268, "south-in", STRANGER).denied(),
    south(270, "south-in", STRANGER).denied(),
    north(272, "north-in", SUZUKI_ENDED).denied(),
    // Suzuki's entry is heard twenty seconds late: absent until then.
    north(280, "north-in", SUZUKI).late(20),
    begins(282, Tomakomai, "t-10", "tmk-a02", "term-2"),
    ends(330, Tomakomai, "t-10"),
    north(335, "north-out", SUZUKI),
    // Takahashi's is late too, and Sato's with the next number is not: a hole tells of it.
    north(305, "north-in", TAKAHASHI).late(20),
    north(308, "north-in", SATO),
    begins(310, Tomakomai, "t-11", "tmk-a03", "term-1"),
    ends(340, Tomakomai, "t-11"),
    north(345, "north-out", TAKAHASHI),
    north(348, "north-out", SATO),
    // The entry reader of zone A is cut off; its memory then fills the outage.
    says(355, Panel1, Says::Reader("north-in", Offline)),
    north(362, "north-in", SUZUKI).kept_in_memory().late(28),
    begins(365, Tomakomai, "t-12", "tmk-a02", "term-2"),
    says(385, Panel1, Says::Reader("north-in", Online)),
    says(391, Panel1, Says::CaughtUp { reader: "north-in", from_s: 355, to_s: 385 }),
    ends(400, Tomakomai, "t-12"),
    north(405, "north-out", SUZUKI),
    // That of zone B is cut off too and has no memory.
    says(410, Panel2, Says::Reader("south-in", Offline)),
    begins(420, Chitose, "c-04", "cts-a04", "term-3"),
    says(440, Panel2, Says::Reader("south-in", Online)),
    ends(450, Chitose, "c-04"),
    // The door of zone B is forced, and later wedged open.
    door(460, Forced),
    door(464, Closed),
    south(469, "south-in", MORI),
    door(470, Opened),
    door(490, Closed),
    south(492, "south-out", MORI),
    door(493, Opened),
    door(494, Closed),
    // The camera of zone A fails while Sato works.
    north(496, "north-in", SATO),
    begins(502, Tomakomai, "t-13", "tmk-a01", "term-1"),
    ends(525, Tomakomai, "t-13"),
    north(535, "north-out", SATO),
    // Watanabe is in zone A, and then in zone B: no reader saw her leave.
    north(540, "north-in", WATANABE),
    south(550, "south-in", WATANABE),
    door(551, Opened),
    door(553, Closed),
    begins(555, Chitose, "c-05", "cts-a06", "term-3"),
    ends(575, Chitose, "c-05"),
    south(580, "south-out", WATANABE),
    door(581, Opened),
    door(583, Closed),
];

/// A camera's picture is gone in these seconds: camera, first, end.
pub const CAMERA_DARK: &[(&str, i64, i64)] = &[("cam-1", 500, 530)];

/// The recorder wrote nothing in these seconds: camera, first, end.
pub const RECORDER_DARK: &[(&str, i64, i64)] = &[("cam-1", 500, 530), ("cam-2", 300, 320)];
