//! What has to come out of the day. Written by hand from the meaning of the words, not from a run.

use kukaku_schema::{FailureStage, Grade, OrderState, Verdict};

use Grade::{Confirmed, Unconfirmed, Weak};
use Verdict::{Absent, Partial, Present, Undetermined, UnknownAccount, UnknownTerminal, UnregisteredOperator};

/// What a session's verdict has to be when the day is over.
#[derive(Debug, Clone, Copy)]
pub struct SessionTruth {
    /// Source and id.
    pub session: &'static str,
    /// The verdict.
    pub verdict: Verdict,
    /// Its grade.
    pub grade: Option<Grade>,
    /// Other verdicts that it had to have on the way.
    pub before: &'static [Verdict],
}

const fn is(session: &'static str, verdict: Verdict, grade: Option<Grade>) -> SessionTruth {
    SessionTruth { session, verdict, grade, before: &[] }
}

const fn was(
    session: &'static str,
    before: &'static [Verdict],
    verdict: Verdict,
    grade: Option<Grade>,
) -> SessionTruth {
    SessionTruth { session, verdict, grade, before }
}

/// Every session of the day, by its name.
pub const SESSIONS: &[SessionTruth] = &[
    is("vpn-chitose/c-01", Present, Some(Confirmed)),
    is("vpn-chitose/c-02", Absent, None),
    is("vpn-chitose/c-03", Absent, None),
    is("vpn-chitose/c-04", Undetermined, None),
    is("vpn-chitose/c-05", Present, Some(Confirmed)),
    is("vpn-tomakomai/t-01", Present, Some(Confirmed)),
    is("vpn-tomakomai/t-02", Present, Some(Weak)),
    was("vpn-tomakomai/t-03", &[Present], Partial, Some(Confirmed)),
    is("vpn-tomakomai/t-04", UnknownAccount, None),
    is("vpn-tomakomai/t-05", UnregisteredOperator, None),
    is("vpn-tomakomai/t-06", UnknownTerminal, None),
    is("vpn-tomakomai/t-07", Present, Some(Confirmed)),
    is("vpn-tomakomai/t-08", Present, Some(Confirmed)),
    is("vpn-tomakomai/t-09", Present, Some(Unconfirmed)),
    was("vpn-tomakomai/t-10", &[Absent], Present, Some(Confirmed)),
    was("vpn-tomakomai/t-11", &[Undetermined], Present, Some(Confirmed)),
    was("vpn-tomakomai/t-12", &[Undetermined], Present, Some(Confirmed)),
    is("vpn-tomakomai/t-13", Present, Some(Confirmed)),
];

/// The sessions that more than one source told of, with their records, the first by start.
pub const JOINED: &[(&str, &[&str])] = &[
    ("vpn-tomakomai/t-01", &["vpn-tomakomai/t-01", "win-term-1/rdp-01"]),
    ("vpn-tomakomai/t-03", &["vpn-tomakomai/t-03", "win-term-1/rdp-03"]),
    ("vpn-tomakomai/t-07", &["vpn-tomakomai/t-07", "win-term-1/rdp-07"]),
    ("vpn-tomakomai/t-11", &["vpn-tomakomai/t-11", "win-term-1/rdp-11"]),
    ("vpn-tomakomai/t-13", &["vpn-tomakomai/t-13", "win-term-1/rdp-13"]),
];

/// How each work order stands when the day is over.
pub const ORDERS: &[(&str, OrderState)] = &[
    ("R8-0099", OrderState::Approved),
    ("R8-0101", OrderState::Accepted),
    ("R8-0102", OrderState::Reported),
    ("R8-0103", OrderState::Approved),
    ("R8-0104", OrderState::Submitted),
    ("R8-0201", OrderState::Reported),
    ("R8-0202", OrderState::Reported),
];

/// The failures with the newest report on each, and how many reports there are.
pub const FAILURES: &[(&str, FailureStage, usize)] = &[("F8-0007", FailureStage::Final, 2)];

/// Every finding that holds when the day is over: its kind and what it is about.
pub const FINDINGS: &[&str] = &[
    "absent|session:vpn-chitose/c-02",
    "absent|session:vpn-chitose/c-03",
    "anti_passback|person:op-06|door:north|reader:north-in",
    "camera_down|camera:cam-1|zone:zone-a",
    "denied_burst|reader:south-in|door:south",
    "door_outage|door:south|cause:forced",
    "door_outage|door:south|cause:held_open",
    "door_outage|door:south|cause:reader_offline",
    "elsewhere|session:vpn-chitose/c-03",
    "ended_credential_used|person:op-02|credential:card:0123456789ABCD92|door:north|reader:north-in",
    "footage_gap|camera:cam-1|zone:zone-a",
    "footage_gap|camera:cam-2|zone:zone-b",
    "forced|door:south",
    "held_open|door:south",
    "no_order|session:vpn-chitose/c-05",
    "order_pending|session:vpn-tomakomai/t-13",
    "outside_order|session:vpn-tomakomai/t-05",
    "outside_order|session:vpn-tomakomai/t-12",
    "partial|session:vpn-tomakomai/t-03",
    "report_missing|order:R8-0099",
    "session_unclosed|session:vpn-tomakomai/t-04",
    "shared_account|account:tmk-a01|session:vpn-tomakomai/t-08|session:vpn-tomakomai/t-07",
    "unattended|session:vpn-tomakomai/t-03",
    "uncovered_session|session:vpn-tomakomai/t-13",
    "undetermined|session:vpn-chitose/c-04",
    "unknown_account|session:vpn-tomakomai/t-04",
    "unknown_terminal|session:vpn-tomakomai/t-06",
    "unregistered_operator|session:vpn-tomakomai/t-05",
    "unseen_passage|person:op-06|door:south|reader:south-in",
    "weak_entry|person:op-02|door:north|reader:north-in",
];

/// Findings that held for a while and were cleared by what came late.
pub const CLEARED: &[&str] = &[
    "absent|session:vpn-tomakomai/t-10",
    "undetermined|session:vpn-tomakomai/t-11",
    "undetermined|session:vpn-tomakomai/t-12",
];
