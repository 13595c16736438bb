//! What one case varies: releases, codec, trunks, call tokens, addresses.

use dataplane::handoff::Conversion;

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

    /// What the switch makes of it for a leg with that codec.
    pub(crate) fn becomes(self, other: Self) -> Option<Conversion> {
        match (self, other) {
            (Self::Ulaw, Self::Alaw) => Some(Conversion::UlawToAlaw),
            (Self::Alaw, Self::Ulaw) => Some(Conversion::AlawToUlaw),
            _ => None,
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

/// How both ends of a trunk prove themselves, calling and registering.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Auth {
    /// No `auth=`: MD5, as is the default.
    Md5,
    /// `auth=plaintext`.
    Plaintext,
    /// `auth=rsa`, with pairs named after their owners.
    Rsa(KeyMaker),
}

/// Who makes RSA keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum KeyMaker {
    /// `trunkline keys generate`.
    Trunkline,
    /// `openssl`, as astgenkey calls it.
    OpenSsl,
}

/// `encryption` and `forceencryption` of a section.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cipher {
    /// Neither.
    Off,
    /// `encryption=yes`.
    Offered,
    /// `forceencryption=yes`, too.
    Forced,
}

impl Cipher {
    /// Its lines.
    pub(crate) fn lines(self) -> &'static str {
        match self {
            Self::Off => "",
            Self::Offered => "encryption=yes\n",
            Self::Forced => "encryption=yes\nforceencryption=yes\n",
        }
    }
}

/// Why PBX A is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Flaw {
    /// It is not.
    None,
    /// It believes in another secret than the switch.
    Secret,
    /// The same, but it registers with the right one.
    SecretOfCalls,
    /// Its private key belongs to another public key than the switch has.
    Key,
    /// Its address is not permitted.
    Address,
}

/// Everything a case can choose. The default is two Asterisk 22, trunked with time-stamps.
#[derive(Debug, Clone)]
pub(crate) struct Setup {
    /// Releases of A and B.
    pub(crate) versions: [Version; 2],
    /// The one codec allowed on either leg.
    pub(crate) codecs: [Codec; 2],
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
    /// Who proves himself how.
    pub(crate) auth: Auth,
    /// Encryption at PBX A and PBX B.
    pub(crate) pbx_cipher: [Cipher; 2],
    /// Encryption at the switch towards A and B.
    pub(crate) switch_cipher: [Cipher; 2],
    /// What PBX A gets wrong.
    pub(crate) flaw: Flaw,
    /// More lines of the switch's dialplan for calls from A.
    pub(crate) dialplan: &'static str,
    /// More sections of the switch's `iax.conf`.
    pub(crate) sections: &'static str,
    /// The switch's `trunkline.conf`.
    pub(crate) own: &'static str,
    /// The hosts are VOIP1 and VOIP2 of the classic RSA example: known by their addresses, each by the other's name.
    pub(crate) two_hosts: bool,
}

impl Setup {
    /// The usual set-up with these releases.
    pub(crate) fn new(versions: [Version; 2]) -> Self {
        Self {
            versions,
            codecs: [Codec::Ulaw; 2],
            pbx_trunk: [true; 2],
            switch_trunk: [true; 2],
            timestamps: true,
            token: Token::Unset,
            v6: false,
            auth: Auth::Md5,
            pbx_cipher: [Cipher::Off; 2],
            switch_cipher: [Cipher::Off; 2],
            flaw: Flaw::None,
            dialplan: "",
            sections: "",
            own: "",
            two_hosts: false,
        }
    }

    /// No trunk anywhere.
    pub(crate) fn untrunked(&mut self) {
        self.pbx_trunk = [false; 2];
        self.switch_trunk = [false; 2];
    }

    /// Encryption on both legs, wanted by all.
    pub(crate) fn encrypted(&mut self) {
        self.pbx_cipher = [Cipher::Offered; 2];
        self.switch_cipher = [Cipher::Offered; 2];
    }

    /// Whether that leg's calls are encrypted.
    pub(crate) fn encrypts(&self, side: Side) -> bool {
        let wanted = |ciphers: [Cipher; 2]| ciphers[side.index()] != Cipher::Off;
        wanted(self.pbx_cipher) && wanted(self.switch_cipher)
    }

    /// That PBX's codec.
    pub(crate) fn codec(&self, side: Side) -> Codec {
        self.codecs[side.index()]
    }

    /// The lines that say how either end of that leg proves itself, the switch's end or the PBX's.
    pub(crate) fn proof(&self, side: Side, of_switch: bool) -> String {
        let mistaken = self.errs(Flaw::Secret) || self.errs(Flaw::SecretOfCalls);
        let wrong = mistaken && side == Side::A && !of_switch;
        let secret = format!("secret={}\n", if wrong { WRONG_SECRET } else { side.secret() });
        let (own, far) = if of_switch { (SWITCH, side.user()) } else { (side.user(), SWITCH) };
        match self.auth {
            Auth::Md5 => secret,
            Auth::Plaintext => format!("{secret}auth=plaintext\n"),
            Auth::Rsa(_) => {
                let secret = if self.encrypts(side) { &secret } else { "" };
                format!("{secret}auth=rsa\ninkeys={far}\noutkey={own}\n")
            }
        }
    }

    /// The switch's section for a PBX, and the name that PBX calls by.
    pub(crate) fn user(&self, side: Side) -> &'static str {
        match (self.two_hosts, side) {
            (false, _) => side.user(),
            (true, Side::A) => "VOIP1",
            (true, Side::B) => "VOIP2",
        }
    }

    /// A PBX's section for the switch, and the name that the switch calls it by.
    pub(crate) fn far(&self, side: Side) -> &'static str {
        if self.two_hosts { self.user(side.other()) } else { SWITCH }
    }

    /// What stands for the secret in that PBX's `register` line.
    pub(crate) fn registers_with(&self, side: Side) -> String {
        match self.auth {
            Auth::Rsa(_) => format!("[{}]", side.user()),
            _ if self.errs(Flaw::Secret) && side == Side::A => WRONG_SECRET.to_owned(),
            _ => side.secret().to_owned(),
        }
    }

    /// Whether that is what PBX A gets wrong.
    pub(crate) fn errs(&self, flaw: Flaw) -> bool {
        self.flaw == flaw
    }

    /// All secrets the switch knows.
    pub(crate) fn secrets(&self) -> Vec<String> {
        [Side::A, Side::B].map(|side| side.secret().to_owned()).to_vec()
    }
}

/// The name the switch calls by, and that of its keys.
pub(crate) const SWITCH: &str = "trunkline";
/// What PBX A takes for the secret where it errs.
const WRONG_SECRET: &str = "mistaken";

/// A boolean as the files write it.
pub(crate) fn yes(value: bool) -> &'static str {
    if value { "yes" } else { "no" }
}
