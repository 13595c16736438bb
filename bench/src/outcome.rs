//! How a run stands, and how it ended.

use core::fmt;
use core::time::Duration;

use crate::tally::{Side, Totals};
use crate::{CALLS_MAX, Scenario};

/// How a run stands at one moment.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Snapshot {
    /// Time since the run began.
    pub elapsed: Duration,
    /// Calls the scenario asks for.
    pub calls: u32,
    /// Calls placed so far.
    pub placed: u32,
    /// Calls that talk, at both ends.
    pub up: u32,
    /// Calls that failed, at either end.
    pub failed: u32,
    /// Voice from A to B: sent by A, heard by B.
    pub to_callee: Totals,
    /// Voice from B to A.
    pub to_caller: Totals,
    /// Datagrams that are no IAX2 frame.
    pub malformed: u64,
    /// How much later than the clock the PBXes send, because they were kept from running; their voice slips rather
    /// than bursts.
    pub slipped: Duration,
}

impl Snapshot {
    /// Voice frames sent, both directions.
    pub fn sent(&self) -> u64 {
        self.to_callee.sent + self.to_caller.sent
    }

    /// Voice frames received, both directions.
    pub fn received(&self) -> u64 {
        self.to_callee.received + self.to_caller.received
    }

    /// Voice frames lost, both directions.
    pub fn lost(&self) -> u64 {
        self.to_callee.lost + self.to_caller.lost
    }
}

/// Why a call failed.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum FailureKind {
    /// A frame was sent again and again and nobody acknowledged it.
    Unanswered {
        /// The frame.
        what: String,
        /// How long it was tried.
        tried: Duration,
    },
    /// REJECT.
    Refused {
        /// Q.850 cause; 0 if none was given.
        code: u8,
        /// CAUSE; may be empty.
        text: String,
    },
    /// HANGUP, before we asked for it.
    HungUp {
        /// Whether the call had been answered.
        answered: bool,
        /// Q.850 cause; 0 if none was given.
        code: u8,
        /// CAUSE; may be empty.
        text: String,
    },
    /// INVAL: the far side does not know the call.
    Unknown,
    /// AUTHREQ without md5 or without a challenge.
    NoMethod,
    /// Acknowledged, but not answered in time.
    NotAnswered {
        /// How long was waited.
        waited: Duration,
    },
    /// The far side never acknowledged our HANGUP, or never hung up.
    NotEnded,
}

/// A call that failed: which one, at which end, and why. Displays as one line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// The scenario's number of the call, from 0.
    pub call: u32,
    /// The PBX that saw it fail.
    pub seen_by: Side,
    /// Why.
    pub kind: FailureKind,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let number = Scenario::number_of(self.call.min(CALLS_MAX));
        write!(f, "call {} to {number}, at {}: ", self.call, self.seen_by)?;
        match &self.kind {
            FailureKind::Unanswered { what, tried } => {
                write!(f, "{what} unanswered for {:.1} s", tried.as_secs_f32())
            }
            FailureKind::Refused { code, text } => {
                f.write_str("refused, ")?;
                write_cause(f, *code, text)
            }
            FailureKind::HungUp { answered, code, text } => {
                let when = if *answered { "after" } else { "before" };
                write!(f, "hung up by the far side {when} the answer, ")?;
                write_cause(f, *code, text)
            }
            FailureKind::Unknown => f.write_str("INVAL: the far side does not know the call"),
            FailureKind::NoMethod => f.write_str("the far side offers no md5 authentication"),
            FailureKind::NotAnswered { waited } => {
                write!(f, "not answered within {:.1} s", waited.as_secs_f32())
            }
            FailureKind::NotEnded => f.write_str("did not end when it was hung up"),
        }
    }
}

fn write_cause(f: &mut fmt::Formatter<'_>, code: u8, text: &str) -> fmt::Result {
    match (code, text) {
        (0, "") => f.write_str("no cause given"),
        (code, "") => write!(f, "cause {code}"),
        (code, text) => write!(f, "cause {code} ({text})"),
    }
}

/// How a run ended.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Outcome {
    /// The last snapshot; its loss is exact.
    pub last: Snapshot,
    /// Most calls that talked at the same time.
    pub up_most: u32,
    /// The calls that failed, in the order they did.
    pub failures: Vec<Failure>,
    /// Whether the run was broken off from outside.
    pub interrupted: bool,
}

impl Outcome {
    /// Whether every call came up and ended as asked, and every voice frame was heard once, unaltered, in its call.
    pub fn passed(&self) -> bool {
        self.failures.is_empty()
            && !self.interrupted
            && self.last.placed == self.last.calls
            && self.up_most == self.last.calls
            && self.last.to_callee.flawless()
            && self.last.to_caller.flawless()
            && self.last.malformed == 0
    }
}
