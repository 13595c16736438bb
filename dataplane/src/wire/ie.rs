//! Information elements: kind, length, value (RFC 5456 §8.6).

use super::subclass::octet_enum;
use super::{BufferTooSmall, Capability, FrameError, MediaFormat};

octet_enum! {
    /// What an information element tells (RFC 5456 §8.6, and what the field added from 0x35 on).
    IeKind {
        /// Number called.
        CalledNumber = 1, "CALLED_NUMBER";
        /// Number calling.
        CallingNumber = 2, "CALLING_NUMBER";
        /// Number billed.
        CallingAni = 3, "CALLING_ANI";
        /// Name calling.
        CallingName = 4, "CALLING_NAME";
        /// Context asked for.
        CalledContext = 5, "CALLED_CONTEXT";
        /// User name.
        Username = 6, "USERNAME";
        /// Secret in clear.
        Password = 7, "PASSWORD";
        /// Formats the sender can do, 32 bits.
        Capability = 8, "CAPABILITY";
        /// Formats wanted, or chosen, 32 bits.
        Format = 9, "FORMAT";
        /// Language.
        Language = 10, "LANGUAGE";
        /// Protocol version, 2.
        Version = 11, "VERSION";
        /// ADSI CPE.
        AdsiCpe = 12, "ADSICPE";
        /// Number dialled originally.
        Dnid = 13, "DNID";
        /// Methods of authentication offered.
        AuthMethods = 14, "AUTHMETHODS";
        /// Challenge; raw key in RTKEY.
        Challenge = 15, "CHALLENGE";
        /// MD5 of challenge and secret, in hex.
        Md5Result = 16, "MD5_RESULT";
        /// Signature over the challenge, in base64.
        RsaResult = 17, "RSA_RESULT";
        /// Address the receiver sees.
        ApparentAddr = 18, "APPARENT_ADDR";
        /// Seconds until a registration lapses.
        Refresh = 19, "REFRESH";
        /// Dialplan status.
        DpStatus = 20, "DPSTATUS";
        /// A call number.
        CallNo = 21, "CALLNO";
        /// Cause in words.
        Cause = 22, "CAUSE";
        /// The subclass not understood.
        IaxUnknown = 23, "IAX_UNKNOWN";
        /// Messages waiting.
        MsgCount = 24, "MSGCOUNT";
        /// Answer at once, please.
        AutoAnswer = 25, "AUTOANSWER";
        /// Music while on hold.
        MusicOnHold = 26, "MUSICONHOLD";
        /// Transfer identifier.
        TransferId = 27, "TRANSFERID";
        /// Redirecting number.
        Rdnis = 28, "RDNIS";
        /// IAXy provisioning.
        Provisioning = 29, "PROVISIONING";
        /// IAXy provisioning, encrypted.
        AesProvisioning = 30, "AESPROVISIONING";
        /// Date and time.
        DateTime = 31, "DATETIME";
        /// Device type.
        DeviceType = 32, "DEVICETYPE";
        /// Device identity.
        ServiceIdent = 33, "SERVICEIDENT";
        /// Firmware version.
        FirmwareVer = 34, "FIRMWAREVER";
        /// Firmware block number.
        FwBlockDesc = 35, "FWBLOCKDESC";
        /// Firmware block.
        FwBlockData = 36, "FWBLOCKDATA";
        /// Provisioning version.
        ProvVer = 37, "PROVVER";
        /// Presentation of the calling number.
        CallingPres = 38, "CALLINGPRES";
        /// Type of the calling number.
        CallingTon = 39, "CALLINGTON";
        /// Transit network.
        CallingTns = 40, "CALLINGTNS";
        /// Sampling rates.
        SamplingRate = 41, "SAMPLINGRATE";
        /// Q.850 cause.
        CauseCode = 42, "CAUSECODE";
        /// Encryption methods.
        Encryption = 43, "ENCRYPTION";
        /// Reserved.
        EncKey = 44, "ENCKEY";
        /// Codec preferences.
        CodecPrefs = 45, "CODEC_PREFS";
        /// Received jitter.
        RrJitter = 46, "RR_JITTER";
        /// Received loss.
        RrLoss = 47, "RR_LOSS";
        /// Received frames.
        RrPkts = 48, "RR_PKTS";
        /// Delay of the jitter buffer.
        RrDelay = 49, "RR_DELAY";
        /// Received and dropped.
        RrDropped = 50, "RR_DROPPED";
        /// Received out of order.
        RrOoo = 51, "RR_OOO";
        /// A variable (Asterisk), or an OSP token (RFC, Yate): passed on, never read.
        Variable = 52, "VARIABLE";
        /// An OSP token (Asterisk).
        OspToken = 53, "OSPTOKEN";
        /// Call token.
        CallToken = 54, "CALLTOKEN";
        /// Formats the sender can do, 64 bits.
        Capability2 = 55, "CAPABILITY2";
        /// Formats wanted, or chosen, 64 bits.
        Format2 = 56, "FORMAT2";
        /// ANI II digits.
        CallingAni2 = 57, "CALLINGANI2";
    }
}

/// One information element: a view of its value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ie<'a> {
    /// What it tells.
    pub kind: IeKind,
    /// The value's octets, 0 to 255 of them.
    pub data: &'a [u8],
}

impl<'a> Ie<'a> {
    /// The value as an octet; `None` if it is not one octet long.
    pub fn as_u8(&self) -> Option<u8> {
        <[u8; 1]>::try_from(self.data).ok().map(u8::from_be_bytes)
    }

    /// The value as 16 bits; `None` on another length.
    pub fn as_u16(&self) -> Option<u16> {
        self.data.try_into().ok().map(u16::from_be_bytes)
    }

    /// The value as 32 bits; `None` on another length.
    pub fn as_u32(&self) -> Option<u32> {
        self.data.try_into().ok().map(u32::from_be_bytes)
    }

    /// The value as text octets: up to the first NUL, as the field cuts it.
    pub fn as_text(&self) -> &'a [u8] {
        let end = self.data.iter().position(|octet| *octet == 0).unwrap_or(self.data.len());
        self.data.get(..end).unwrap_or(self.data)
    }
}

/// Walks a full frame's information elements in the order sent (RFC 5456 §8.6).
///
/// Yields at most one error and nothing after it: past a broken length all is guesswork.
#[derive(Debug, Clone)]
pub struct Ies<'a> {
    rest: &'a [u8],
}

impl<'a> Ies<'a> {
    /// Walks `octets`, which stand behind an IAX frame's header.
    pub fn new(octets: &'a [u8]) -> Self {
        Self { rest: octets }
    }

    /// The octets not walked yet.
    pub fn rest(&self) -> &'a [u8] {
        self.rest
    }
}

impl<'a> Iterator for Ies<'a> {
    type Item = Result<Ie<'a>, FrameError>;

    fn next(&mut self) -> Option<Self::Item> {
        let all = core::mem::take(&mut self.rest); // an early return leaves nothing to walk
        let (&kind, after_kind) = all.split_first()?;
        let Some((&len, after_len)) = after_kind.split_first() else {
            return Some(Err(FrameError::IeCut { kind }));
        };
        let Some((data, rest)) = after_len.split_at_checked(usize::from(len)) else {
            return Some(Err(FrameError::IeCut { kind }));
        };
        self.rest = rest;
        Some(Ok(Ie { kind: IeKind::from_wire(kind), data }))
    }
}

/// Writes information elements one after another into a slice.
///
/// The first that does not fit makes [`IeWriter::finish`] an error; the calls chain without checks between.
#[derive(Debug)]
pub struct IeWriter<'a> {
    out: &'a mut [u8],
    len: usize,
    overflow: bool,
}

impl<'a> IeWriter<'a> {
    /// Writes from the start of `out`.
    pub fn new(out: &'a mut [u8]) -> Self {
        Self { out, len: 0, overflow: false }
    }

    /// Appends an element; a value longer than 255 octets is cut there, as the length octet demands.
    pub fn raw(&mut self, kind: IeKind, value: &[u8]) -> &mut Self {
        let len = u8::try_from(value.len()).unwrap_or(u8::MAX);
        let value = value.get(..usize::from(len)).unwrap_or(value);
        let room = self.out.get_mut(self.len..).and_then(|free| free.get_mut(..value.len() + 2));
        match room {
            Some([kind_octet, len_octet, octets @ ..]) => {
                (*kind_octet, *len_octet) = (kind.to_wire(), len);
                octets.copy_from_slice(value);
                self.len += value.len() + 2;
            }
            _ => self.overflow = true,
        }
        self
    }

    /// Appends an element of one octet.
    pub fn u8(&mut self, kind: IeKind, value: u8) -> &mut Self {
        self.raw(kind, &[value])
    }

    /// Appends an element of 16 bits.
    pub fn u16(&mut self, kind: IeKind, value: u16) -> &mut Self {
        self.raw(kind, &value.to_be_bytes())
    }

    /// Appends an element of 32 bits.
    pub fn u32(&mut self, kind: IeKind, value: u32) -> &mut Self {
        self.raw(kind, &value.to_be_bytes())
    }

    /// Appends CAPABILITY and CAPABILITY2 for a set.
    pub fn capability(&mut self, set: Capability) -> &mut Self {
        self.masks(IeKind::Capability, IeKind::Capability2, set)
    }

    /// Appends FORMAT and FORMAT2 for a set.
    pub fn formats(&mut self, set: Capability) -> &mut Self {
        self.masks(IeKind::Format, IeKind::Format2, set)
    }

    /// Appends FORMAT and FORMAT2 for one format.
    pub fn format(&mut self, format: MediaFormat) -> &mut Self {
        self.formats(format.into())
    }

    /// Octets written, or [`BufferTooSmall`] if an element did not fit.
    pub fn finish(&self) -> Result<usize, BufferTooSmall> {
        if self.overflow { Err(BufferTooSmall) } else { Ok(self.len) }
    }

    /// The 32-bit element shows the low word only; the 64-bit one starts with its version, 0.
    fn masks(&mut self, short: IeKind, long: IeKind, set: Capability) -> &mut Self {
        let [a, b, c, d, e, f, g, h] = set.0.to_be_bytes();
        self.raw(short, &[e, f, g, h]).raw(long, &[0, a, b, c, d, e, f, g, h])
    }
}
