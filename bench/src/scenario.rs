//! What a pair of PBXes is to do.

use core::time::Duration;
use std::net::SocketAddr;

use dataplane::handoff::Carriage;

/// Most calls of one scenario: one address and port at each end names no more legs.
pub const CALLS_MAX: u32 = 32_000;

/// A name and the secret that proves it, by md5.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Account {
    /// USERNAME.
    pub username: String,
    /// What is hashed behind the challenge.
    pub secret: String,
}

impl Account {
    /// An account of that name and secret.
    pub fn new(username: &str, secret: &str) -> Self {
        Self { username: username.to_owned(), secret: secret.to_owned() }
    }
}

/// What PBX B asks of a caller before it accepts a call.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Asks {
    /// A call token, before anything is remembered of the call.
    pub token: bool,
    /// Proof by md5; `None` accepts anybody.
    pub account: Option<Account>,
}

/// One run: so many calls, placed at such a rate, talking for so long. Change the fields before
/// [`Pair::run`](crate::Pair::run).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scenario {
    /// Calls to place, 1..=[`CALLS_MAX`]; more are cut to the bound.
    pub calls: u32,
    /// Calls placed in a second, and hung up in a second; at least 1.
    pub calls_per_second: u32,
    /// How long all calls talk after the last has been answered.
    pub talk: Duration,
    /// How long B rings before it answers.
    pub ring: Duration,
    /// How long a frame is sent again without an answer, and how long a call may take to be answered.
    pub patience: Duration,
    /// Mini frames, or entries of trunk frames once the far side has acknowledged a full VOICE frame of the call.
    pub carriage: Carriage,
    /// Where PBX A places its calls.
    pub caller_far: SocketAddr,
    /// Where PBX B's calls come from.
    pub callee_far: SocketAddr,
    /// What PBX A proves itself with.
    pub caller: Account,
    /// What PBX B asks of whoever calls it.
    pub callee_asks: Asks,
    /// Failed calls the run goes on with; one more, and it hangs up and ends.
    pub failures_allowed: u32,
    /// Time between two snapshots.
    pub report_every: Duration,
}

impl Scenario {
    /// `calls` trunked calls at 1,000 a second through the switch at `switch`, talking for ten seconds, with the
    /// accounts of [`SwitchFiles`](crate::SwitchFiles). No failed call is allowed.
    pub fn through(switch: SocketAddr, calls: u32) -> Self {
        Self {
            calls,
            calls_per_second: 1000,
            talk: Duration::from_secs(10),
            ring: Duration::from_millis(100),
            patience: Duration::from_secs(8),
            carriage: Carriage::Trunk,
            caller_far: switch,
            callee_far: switch,
            caller: Account::new("pbx-a", "answer-to-a"),
            callee_asks: Asks {
                token: true,
                account: Some(Account::new("trunkline", "answer-to-b")),
            },
            failures_allowed: 0,
            report_every: Duration::from_secs(1),
        }
    }

    /// The number dialled for a call.
    pub fn number_of(call: u32) -> u32 {
        FIRST_NUMBER + call
    }

    /// The call whose number was dialled; `None` for what [`Scenario::number_of`] never gave.
    pub(crate) fn call_of(number: &[u8]) -> Option<u32> {
        let number: u32 = str::from_utf8(number).ok()?.parse().ok()?;
        number.checked_sub(FIRST_NUMBER).filter(|call| *call < CALLS_MAX)
    }
}

/// Numbers have seven digits and begin with 1.
const FIRST_NUMBER: u32 = 1_000_000;
