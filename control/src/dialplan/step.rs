//! What a call's walk through the dialplan asks for, and what it is told.

use std::time::Duration;

use crate::conf::{CallerId, Secret};

/// The next thing a call's dialplan wants done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// Place calls; the walk goes on when told how that ended.
    Dial(DialRequest),
    /// Answer the caller, then ask for the next step.
    Answer,
    /// Tell the caller that early media comes, then ask for the next step.
    Progress,
    /// Tell the caller that it rings, then ask for the next step.
    Ringing,
    /// Tell the caller that the call proceeds, then ask for the next step.
    Proceeding,
    /// Tell the caller BUSY and end with cause 17.
    Busy,
    /// Tell the caller CONGESTION and end with cause 34.
    Congestion,
    /// End with this Q.850 cause.
    Hangup(u8),
    /// No line is left after a Dial: end as that ended, with its cause.
    FallThrough,
}

/// The arguments of a Dial.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DialRequest {
    /// All are called at once; the first to answer wins. Never empty.
    pub destinations: Vec<Destination>,
    /// How long to wait for an answer.
    pub timeout: Option<Duration>,
    /// Its option letters.
    pub options: DialOptions,
    /// Caller id as the dialplan has set it by now.
    pub caller: CallerId,
    /// `extensions.conf:12`: the line, for logs.
    pub line: String,
}

/// One `IAX2/...` of a Dial: `IAX2/[user[:secret[:key]]@]peer[:port][/number[@context][/options]]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Destination {
    /// USERNAME; overrides the section's `username`.
    pub user: Option<String>,
    /// Secret; overrides the section's.
    pub secret: Option<Secret>,
    /// Name of a private key, in brackets in the dial string.
    pub key: Option<String>,
    /// Section name, else a host name or address.
    pub peer: String,
    /// Port, where written.
    pub port: Option<u16>,
    /// Number to call; the far end takes "s" if none.
    pub number: Option<String>,
    /// CALLED_CONTEXT; overrides the section's `peercontext`.
    pub context: Option<String>,
    /// Whether to ask for answer at once (option `a`).
    pub auto_answer: bool,
}

/// Option letters of Dial that mean something here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct DialOptions {
    /// `g`: go on with the dialplan after the called side hangs up.
    pub go_on: bool,
    /// `r`: tell the caller that it rings at once.
    pub ring: bool,
    /// `L(ms)` or `S(s)`: longest conversation.
    pub limit: Option<Duration>,
    /// `c`: cancelled destinations are told "answered elsewhere".
    pub answered_elsewhere: bool,
    /// `Q(cause)`: cause for cancelled destinations.
    pub cancel_cause: Option<u8>,
    /// `I`: pass on no connected-line updates.
    pub ignore_connected_line: bool,
}

/// How a Dial ended, as the variable DIALSTATUS tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DialStatus {
    /// Answered, and ended.
    Answer,
    /// Cause 17, or every destination busy.
    Busy,
    /// Cause 34 or a CONGESTION frame.
    Congestion,
    /// No destination could be called, or a cause without a status of its own.
    ChanUnavail,
    /// Causes 16 and 19 before answer, or the time-out.
    NoAnswer,
    /// The caller hung up first.
    Cancel,
}

/// What a walk is told of its Dial.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DialResult {
    /// For DIALSTATUS.
    pub status: DialStatus,
    /// For HANGUPCAUSE: Q.850.
    pub cause: u8,
}
