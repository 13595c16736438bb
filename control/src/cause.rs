//! Causes of a call's end: Q.850 numbers and their words.

use std::fmt;

/// Why a call ended, a Q.850 cause (RFC 5456 §8.6.33).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Cause(pub u8);

impl Cause {
    /// The number is not allocated; the field uses it for "no such context or extension".
    pub const UNALLOCATED: Self = Self(1);
    /// No route to the destination.
    pub const NO_ROUTE: Self = Self(3);
    /// Normal clearing.
    pub const NORMAL: Self = Self(16);
    /// Busy.
    pub const BUSY: Self = Self(17);
    /// No answer.
    pub const NO_ANSWER: Self = Self(19);
    /// The subscriber is absent: not registered, or not reachable.
    pub const ABSENT: Self = Self(20);
    /// Rejected.
    pub const REJECTED: Self = Self(21);
    /// Nobody there says anything.
    pub const NO_RESPONSE: Self = Self(18);
    /// A routing error in an exchange: the call goes round in circles.
    pub const ROUTING_ERROR: Self = Self(25);
    /// Answered elsewhere.
    pub const ANSWERED_ELSEWHERE: Self = Self(26);
    /// The destination is out of order: it does not answer our frames.
    pub const OUT_OF_ORDER: Self = Self(27);
    /// Facility rejected; the field's "Registration Refused".
    pub const FACILITY_REJECTED: Self = Self(29);
    /// No circuit available.
    pub const CONGESTION: Self = Self(34);
    /// Temporary failure.
    pub const TEMPORARY_FAILURE: Self = Self(41);
    /// Switch congestion.
    pub const SWITCH_CONGESTION: Self = Self(42);
    /// Not subscribed; the field's "No authority found".
    pub const NO_AUTHORITY: Self = Self(50);
    /// No common codec.
    pub const NO_CODEC: Self = Self(58);
    /// A protocol error.
    pub const PROTOCOL_ERROR: Self = Self(111);

    /// The cause in words; "cause" and the number alone for those nobody uses.
    pub const fn words(self) -> &'static str {
        match self.0 {
            1 => "unallocated number",
            2 => "no route to transit network",
            3 => "no route to destination",
            16 => "normal clearing",
            17 => "busy",
            18 => "no user response",
            19 => "no answer",
            20 => "subscriber absent",
            21 => "call rejected",
            22 => "number changed",
            25 => "exchange routing error",
            26 => "answered elsewhere",
            27 => "destination out of order",
            28 => "invalid number format",
            29 => "facility rejected",
            31 => "normal, unspecified",
            34 => "no circuit available",
            38 => "network out of order",
            41 => "temporary failure",
            42 => "switch congestion",
            44 => "requested channel unavailable",
            50 => "facility not subscribed",
            57 => "bearer not authorised",
            58 => "bearer not available",
            65 => "bearer not implemented",
            88 => "incompatible destination",
            102 => "timer expired",
            111 => "protocol error",
            127 => "interworking",
            _ => "cause",
        }
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.0, self.words())
    }
}
