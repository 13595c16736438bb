//! What one case varies: releases, codec, trunks, call tokens, addresses.

use crate::chroot::Version;

/// Which PBX.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Side {
    /// The one that knows the numbers 1000 to 1999.
    A,
    /// The one that knows the numbers 2000 to 2999.
    B,
}

impl Side {
    /// The letter of its namespace and folder.
    pub(crate) fn letter(self) -> &'static str {
        match self {
            Self::A => "a",
            Self::B => "b",
        }
    }

    /// 0 or 1, for tables.
    pub(crate) fn number(self) -> u8 {
        match self {
            Self::A => 0,
            Self::B => 1,
        }
    }

    /// The same, as an index.
    pub(crate) fn index(self) -> usize {
        usize::from(self.number())
    }

    /// The far one.
    pub(crate) fn other(self) -> Self {
        match self {
            Self::A => Self::B,
            Self::B => Self::A,
        }
    }

    /// The user name it has at the switch.
    pub(crate) fn user(self) -> &'static str {
        match self {
            Self::A => "pbx-a",
            Self::B => "pbx-b",
        }
    }

    /// The secret it shares with the switch.
    pub(crate) fn secret(self) -> &'static str {
        match self {
            Self::A => "alpha",
            Self::B => "beta",
        }
    }

    /// A number that this PBX answers.
    pub(crate) fn number_of(self, line: u16) -> u16 {
        line + 1000 * (u16::from(self.number()) + 1)
    }
}

/// A codec both PBXes allow, and how it travels over RTP to the phones.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Codec {
    /// G.711 µ-law.
    Ulaw,
    /// G.711 A-law.
    Alaw,
    /// GSM full rate.
    Gsm,
}

impl Codec {
    /// Its name in the files.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Ulaw => "ulaw",
            Self::Alaw => "alaw",
            Self::Gsm => "gsm",
        }
    }

    /// Octets in a block of 20 ms.
    pub(crate) fn block(self) -> usize {
        match self {
            Self::Ulaw | Self::Alaw => 160,
            Self::Gsm => 33,
        }
    }

    /// RTP's payload type.
    pub(crate) fn payload_type(self) -> u8 {
        match self {
            Self::Ulaw => 0,
            Self::Gsm => 3,
            Self::Alaw => 8,
        }
    }

    /// The bit of IAX2's format mask.
    pub(crate) fn bit(self) -> u8 {
        match self {
            Self::Gsm => 2,
            Self::Ulaw => 4,
            Self::Alaw => 8,
        }
    }
}

/// `requirecalltoken` in every section of both ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Token {
    /// No such line: required, as is the default.
    Unset,
    /// `yes`.
    Required,
    /// `no`.
    Optional,
}

/// Everything a case can choose. The default is two Asterisk 22, trunked with time-stamps.
#[derive(Debug, Clone)]
pub(crate) struct Setup {
    /// Releases of A and B.
    pub(crate) versions: [Version; 2],
    /// The one codec allowed.
    pub(crate) codec: Codec,
    /// `trunk` at PBX A and PBX B.
    pub(crate) pbx_trunk: [bool; 2],
    /// `trunk` at the switch towards A and B.
    pub(crate) switch_trunk: [bool; 2],
    /// `trunktimestamps` at the PBXes.
    pub(crate) timestamps: bool,
    /// Call tokens.
    pub(crate) token: Token,
    /// IPv6 between all.
    pub(crate) v6: bool,
    /// PBX A believes in another secret than the switch.
    pub(crate) wrong_secret: bool,
}

impl Setup {
    /// The usual set-up with these releases.
    pub(crate) fn new(versions: [Version; 2]) -> Self {
        Self {
            versions,
            codec: Codec::Ulaw,
            pbx_trunk: [true; 2],
            switch_trunk: [true; 2],
            timestamps: true,
            token: Token::Unset,
            v6: false,
            wrong_secret: false,
        }
    }

    /// No trunk anywhere.
    pub(crate) fn untrunked(&mut self) {
        self.pbx_trunk = [false; 2];
        self.switch_trunk = [false; 2];
    }
}

/// A boolean as the files write it.
pub(crate) fn yes(value: bool) -> &'static str {
    if value { "yes" } else { "no" }
}
