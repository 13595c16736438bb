//! Codecs as bits, sets of them, and lists of preference (RFC 5456 §8.7).

use core::fmt;
use core::time::Duration;

/// One media format: a bit of the 64 that formats are made of (RFC 5456 §8.7).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MediaFormat(u8);

impl MediaFormat {
    /// G.723.1.
    pub const G723: Self = Self(0);
    /// GSM full rate.
    pub const GSM: Self = Self(1);
    /// G.711 µ-law.
    pub const ULAW: Self = Self(2);
    /// G.711 A-law.
    pub const ALAW: Self = Self(3);
    /// G.726 in AAL2 packing (the RFC swaps it with bit 11).
    pub const G726_AAL2: Self = Self(4);
    /// ADPCM.
    pub const ADPCM: Self = Self(5);
    /// 16-bit linear, 8 kHz.
    pub const SLIN: Self = Self(6);
    /// LPC-10.
    pub const LPC10: Self = Self(7);
    /// G.729.
    pub const G729: Self = Self(8);
    /// Speex, 8 kHz.
    pub const SPEEX: Self = Self(9);
    /// iLBC.
    pub const ILBC: Self = Self(10);
    /// G.726 in RFC 3551 packing.
    pub const G726: Self = Self(11);
    /// G.722.
    pub const G722: Self = Self(12);
    /// G.722.1 (Siren 7).
    pub const SIREN7: Self = Self(13);
    /// G.722.1 annex C (Siren 14).
    pub const SIREN14: Self = Self(14);
    /// 16-bit linear, 16 kHz.
    pub const SLIN16: Self = Self(15);
    /// G.719; only in the 64-bit elements, as all that follow.
    pub const G719: Self = Self(32);
    /// Speex, 16 kHz.
    pub const SPEEX16: Self = Self(33);
    /// Opus.
    pub const OPUS: Self = Self(34);

    /// The format of bit `bit`, 0..=62. Bit 63 is never valid.
    pub const fn from_bit(bit: u8) -> Option<Self> {
        if bit < 63 { Some(Self(bit)) } else { None }
    }

    /// The bit's index.
    pub const fn bit(self) -> u8 {
        self.0
    }

    /// As a mask of one bit.
    pub const fn mask(self) -> u64 {
        1 << self.0
    }

    /// Every format with a name, as (format, the configuration's name, CODEC_PREFS letter), in bit order.
    pub const NAMED: &'static [(Self, &'static str, u8)] = &[
        (Self::G723, "g723", b'B'),
        (Self::GSM, "gsm", b'C'),
        (Self::ULAW, "ulaw", b'D'),
        (Self::ALAW, "alaw", b'E'),
        (Self::G726_AAL2, "g726aal2", b'N'),
        (Self::ADPCM, "adpcm", b'G'),
        (Self::SLIN, "slin", b'H'),
        (Self::LPC10, "lpc10", b'I'),
        (Self::G729, "g729", b'J'),
        (Self::SPEEX, "speex", b'K'),
        (Self::ILBC, "ilbc", b'M'),
        (Self::G726, "g726", b'F'),
        (Self::G722, "g722", b'O'),
        (Self::SIREN7, "siren7", b'Z'),
        (Self::SIREN14, "siren14", b'['),
        (Self::SLIN16, "slin16", b'P'),
        (Self(16), "jpeg", b'Q'),
        (Self(17), "png", b'R'),
        (Self(18), "h261", b'S'),
        (Self(19), "h263", b'T'),
        (Self(20), "h263p", b'U'),
        (Self(21), "h264", b'V'),
        (Self(22), "mpeg4", b'W'),
        (Self(23), "vp8", b'g'),
        (Self(26), "t140red", b'X'),
        (Self(27), "t140", b'Y'),
        (Self::G719, "g719", b']'),
        (Self::SPEEX16, "speex16", b'L'),
        (Self::OPUS, "opus", b'f'),
    ];

    /// Audio formats from best to worst, for where no preference decides.
    pub const BEST_FIRST: &'static [Self] = &[
        Self::ULAW,
        Self::ALAW,
        Self::G719,
        Self::SIREN14,
        Self::SIREN7,
        Self::G722,
        Self::SLIN16,
        Self::SLIN,
        Self::G726,
        Self::G726_AAL2,
        Self::ADPCM,
        Self::GSM,
        Self::ILBC,
        Self::SPEEX16,
        Self::SPEEX,
        Self::OPUS,
        Self::LPC10,
        Self::G729,
        Self::G723,
    ];

    /// The configuration's name of the format.
    pub fn name(self) -> Option<&'static str> {
        Self::NAMED.iter().find(|(format, ..)| *format == self).map(|(_, name, _)| *name)
    }

    /// The format of that name, exactly as the configuration spells it.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::NAMED.iter().find(|(_, known, _)| *known == name).map(|(format, ..)| *format)
    }

    /// Whether the format carries audio.
    pub const fn is_audio(self) -> bool {
        self.mask() & Capability::AUDIO.0 != 0
    }

    /// How long `payload` plays, where length and format tell; `None` for formats of variable rate.
    pub fn duration(self, payload: &[u8]) -> Option<Duration> {
        let len = payload.len() as u64;
        let micros = match self {
            Self::ULAW | Self::ALAW | Self::G722 => len * 125,
            Self::GSM => len / 33 * 20_000,
            Self::G726 | Self::G726_AAL2 | Self::ADPCM => len * 250,
            Self::SLIN => len * 125 / 2,
            Self::SLIN16 => len * 125 / 4,
            Self::LPC10 => len / 7 * 22_500,
            Self::G729 => len.div_ceil(10) * 10_000,
            Self::ILBC if len.is_multiple_of(38) && !len.is_multiple_of(50) => len / 38 * 20_000,
            Self::ILBC => len / 50 * 30_000,
            Self::SIREN7 => len * 250,
            Self::SIREN14 => len * 1000 / 6,
            Self::G719 => len * 125,
            Self::G723 => return g723_duration(payload),
            _ => return None,
        };
        Some(Duration::from_micros(micros))
    }
}

impl fmt::Display for MediaFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => f.write_str(name),
            None => write!(f, "bit{}", self.0),
        }
    }
}

/// Each G.723.1 frame plays 30 ms and tells its own length by the two low bits of its first octet.
fn g723_duration(mut payload: &[u8]) -> Option<Duration> {
    let mut frames = 0;
    while let Some(first) = payload.first() {
        let len = match first & 3 {
            0 => 24,
            1 => 20,
            2 => 4,
            _ => 1,
        };
        frames += 1;
        payload = payload.get(len..).unwrap_or(&[]);
    }
    Some(Duration::from_millis(30 * frames))
}

/// A set of media formats, as the FORMAT and CAPABILITY elements carry it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Capability(pub u64);

impl Capability {
    /// No format.
    pub const NONE: Self = Self(0);
    /// All audio formats there are.
    pub const AUDIO: Self = Self(0x0000_0007_0000_ffff);
    /// The 16 old audio formats: what a peer without `allow` lines can do.
    pub const DEFAULT: Self = Self(0xffff);

    /// Whether the set holds `format`.
    pub const fn contains(self, format: MediaFormat) -> bool {
        self.0 & format.mask() != 0
    }

    /// Whether the set is empty.
    pub const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// What both sets hold.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// What either set holds.
    #[must_use]
    pub const fn or(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// With `format` added.
    #[must_use]
    pub const fn with(self, format: MediaFormat) -> Self {
        Self(self.0 | format.mask())
    }

    /// With `format` removed.
    #[must_use]
    pub const fn without(self, format: MediaFormat) -> Self {
        Self(self.0 & !format.mask())
    }

    /// The best audio format of the set by the field's order of quality.
    pub fn best_audio(self) -> Option<MediaFormat> {
        MediaFormat::BEST_FIRST.iter().copied().find(|format| self.contains(*format))
    }

    /// The formats of the set, from the lowest bit.
    pub fn iter(self) -> impl Iterator<Item = MediaFormat> {
        (0..63).filter_map(MediaFormat::from_bit).filter(move |format| self.contains(*format))
    }
}

impl From<MediaFormat> for Capability {
    fn from(format: MediaFormat) -> Self {
        Self(format.mask())
    }
}

impl fmt::Display for Capability {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_empty() {
            return f.write_str("nothing");
        }
        for (n, format) in self.iter().enumerate() {
            if n > 0 {
                f.write_str(",")?;
            }
            format.fmt(f)?;
        }
        Ok(())
    }
}

/// The CODEC_PREFS element: formats in order of preference, a letter each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CodecPrefs<'a>(pub &'a [u8]);

impl CodecPrefs<'_> {
    /// Letters a list may have; readers in the field stop at 32.
    pub const MAX: usize = 31;

    /// The formats in order. The list ends at the first letter that means none, as the field reads it.
    pub fn formats(&self) -> impl Iterator<Item = MediaFormat> {
        self.0.iter().map_while(|letter| {
            MediaFormat::NAMED
                .iter()
                .find(|(.., known)| known == letter)
                .map(|(format, ..)| *format)
        })
    }

    /// The letter of `format`, if it has one.
    pub fn letter(format: MediaFormat) -> Option<u8> {
        MediaFormat::NAMED.iter().find(|(known, ..)| *known == format).map(|(.., letter)| *letter)
    }
}
