//! How a scripted host behaves: what an administrator would have configured, and its make.

use std::time::Duration;

use dataplane::wire::MediaFormat;

/// When an unacknowledged frame is sent again, and how often.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retry {
    /// Until the first repeat.
    pub first: Duration,
    /// By how much each wait grows.
    pub growth: u32,
    /// The longest wait.
    pub most: Duration,
    /// Sends in all.
    pub sends: u32,
}

impl Retry {
    /// Asterisk, with a round trip of 50 ms or less.
    pub const ASTERISK: Self = Self {
        first: Duration::from_millis(100),
        growth: 10,
        most: Duration::from_secs(10),
        sends: 4,
    };
    /// Yate.
    pub const YATE: Self = Self {
        first: Duration::from_millis(500),
        growth: 2,
        most: Duration::from_secs(10),
        sends: 6,
    };
}

/// What becomes of a call that comes in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pickup {
    /// It is accepted and rings until the script says more.
    Rings,
    /// It is accepted, rings, and is answered after this.
    Answers(Duration),
    /// It is accepted, and nothing more.
    Accepts,
    /// It is accepted, then busy, as Asterisk says it: BUSY, and HANGUP with cause 17.
    Busy,
    /// It is accepted, then CONGESTION, and HANGUP with cause 34.
    Congested,
    /// It is refused with this cause.
    Rejects(u8),
    /// It is acknowledged, and nothing more.
    Acknowledges,
    /// Nothing at all is said.
    Ignores,
}

/// What becomes of a registration that comes in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Registering {
    /// Granted for so many seconds.
    Grants(u16),
    /// Refused.
    Refuses,
    /// Acknowledged, and nothing more.
    Acknowledges,
    /// Nothing at all is said.
    Ignores,
}

/// Everything a host is told before its script begins.
#[derive(Debug, Clone)]
pub struct Manner {
    /// USERNAME of its calls and registrations; `None`: calls name nobody.
    pub username: Option<String>,
    /// With what it answers a challenge.
    pub secret: Option<String>,
    /// Secrets that callers and registrants must prove one of; empty: no challenge.
    pub demands: Vec<String>,
    /// Whether it sends CALLTOKEN elements and understands the message.
    pub knows_tokens: bool,
    /// Whether it demands a token of whoever opens a call.
    pub demands_token: bool,
    /// Formats, the best first.
    pub codecs: Vec<MediaFormat>,
    /// FORMAT of its NEW where not the first of `codecs`.
    pub wants: Option<MediaFormat>,
    /// Whether its NEW has CODEC_PREFS.
    pub sends_prefs: bool,
    /// What it does with calls.
    pub pickup: Pickup,
    /// What it does with registrations.
    pub registering: Registering,
    /// Its caller id.
    pub number: Option<String>,
    /// Its name.
    pub name: Option<String>,
    /// CALLED_CONTEXT of its calls.
    pub context: Option<String>,
    /// When it sends again.
    pub retry: Retry,
    /// Whether voice goes in trunk frames, with time-stamps (`Some(true)`) or without.
    pub trunk: Option<bool>,
    /// Whether a full VOICE frame announces each wrap of 16 bits; Asterisk's does not.
    pub full_at_wrap: bool,
    /// Whether a call comes in a second time where its NEW with a valid token does (Asterisk's trap).
    pub new_call_per_token: bool,
    /// Whether it answers POKE.
    pub answers_poke: bool,
    /// Whether call numbers are drawn by lot; else they count up from 2, from the start again after a restart.
    pub numbers_by_lot: bool,
    /// Whether PING and LAGRQ are sent in calls.
    pub pings: bool,
}

impl Default for Manner {
    fn default() -> Self {
        Self {
            username: None,
            secret: None,
            demands: Vec::new(),
            knows_tokens: true,
            demands_token: true,
            codecs: vec![MediaFormat::ULAW],
            wants: None,
            sends_prefs: true,
            pickup: Pickup::Answers(Duration::from_millis(300)),
            registering: Registering::Grants(60),
            number: None,
            name: None,
            context: None,
            retry: Retry::ASTERISK,
            trunk: None,
            full_at_wrap: false,
            new_call_per_token: true,
            answers_poke: true,
            numbers_by_lot: true,
            pings: true,
        }
    }
}
