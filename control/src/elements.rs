//! A full frame's information elements, gathered by kind, with the field's rules for what is odd.

use dataplane::wire::{
    ApparentAddr, Capability, CodecPrefs, FrameError, IeKind, Ies, versioned_mask,
};

/// Raw elements passed on as they came: at most so many octets of them, counted with their headers.
pub(crate) const PASSED_ON_MAX: usize = 512;

/// The elements of one frame. Texts are cut at a NUL; a fixed-size element of a wrong length is as if absent; the
/// last of a repeated element wins; the 64-bit masks win over the 32-bit ones in either order.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Elements<'a> {
    pub(crate) called_number: Option<&'a [u8]>,
    pub(crate) calling_number: Option<&'a [u8]>,
    pub(crate) calling_ani: Option<&'a [u8]>,
    pub(crate) calling_name: Option<&'a [u8]>,
    pub(crate) called_context: Option<&'a [u8]>,
    pub(crate) username: Option<&'a [u8]>,
    pub(crate) language: Option<&'a [u8]>,
    pub(crate) version: Option<u16>,
    pub(crate) dnid: Option<&'a [u8]>,
    pub(crate) rdnis: Option<&'a [u8]>,
    pub(crate) auth_methods: Option<u16>,
    pub(crate) challenge: Option<&'a [u8]>,
    pub(crate) md5_result: Option<&'a [u8]>,
    pub(crate) rsa_result: Option<&'a [u8]>,
    pub(crate) password: Option<&'a [u8]>,
    pub(crate) refresh: Option<u16>,
    pub(crate) cause: Option<&'a [u8]>,
    pub(crate) cause_code: Option<u8>,
    pub(crate) iax_unknown: Option<u8>,
    pub(crate) apparent_addr: Option<ApparentAddr>,
    pub(crate) music_on_hold: bool,
    pub(crate) calling_pres: Option<u8>,
    pub(crate) calling_ton: Option<u8>,
    pub(crate) calling_tns: Option<u16>,
    pub(crate) calling_ani2: Option<u32>,
    pub(crate) encryption: Option<u16>,
    pub(crate) codec_prefs: Option<CodecPrefs<'a>>,
    /// Present and empty: the sender understands tokens.
    pub(crate) call_token: Option<&'a [u8]>,
    format: Masks,
    capability: Masks,
}

#[derive(Debug, Clone, Copy, Default)]
struct Masks {
    short: Option<u32>,
    long: Option<Capability>,
}

impl Masks {
    fn get(self) -> Option<Capability> {
        self.long.or(self.short.map(|low| Capability(u64::from(low))))
    }
}

impl<'a> Elements<'a> {
    /// Gathers the elements behind an IAX frame's header. A length past the end spoils the whole frame, which is then
    /// neither processed nor acknowledged, as in the field.
    pub(crate) fn gather(ies: Ies<'a>) -> Result<Self, FrameError> {
        let mut all = Self::default();
        for ie in ies {
            let ie = ie?;
            match ie.kind {
                IeKind::CalledNumber => all.called_number = Some(ie.as_text()),
                IeKind::CallingNumber => all.calling_number = Some(ie.as_text()),
                IeKind::CallingAni => all.calling_ani = Some(ie.as_text()),
                IeKind::CallingName => all.calling_name = Some(ie.as_text()),
                IeKind::CalledContext => all.called_context = Some(ie.as_text()),
                IeKind::Username => all.username = Some(ie.as_text()),
                IeKind::Language => all.language = Some(ie.as_text()),
                IeKind::Version => all.version = ie.as_u16().or(all.version),
                IeKind::Dnid => all.dnid = Some(ie.as_text()),
                IeKind::Rdnis => all.rdnis = Some(ie.as_text()),
                IeKind::AuthMethods => all.auth_methods = ie.as_u16().or(all.auth_methods),
                IeKind::Challenge => all.challenge = Some(ie.data),
                IeKind::Md5Result => all.md5_result = Some(ie.as_text()),
                IeKind::Password => all.password = Some(ie.as_text()),
                IeKind::RsaResult => all.rsa_result = Some(ie.as_text()),
                IeKind::Refresh => all.refresh = ie.as_u16().or(all.refresh),
                IeKind::Cause => all.cause = Some(ie.as_text()),
                IeKind::CauseCode => all.cause_code = ie.as_u8().or(all.cause_code),
                IeKind::IaxUnknown => all.iax_unknown = ie.as_u8().or(all.iax_unknown),
                IeKind::ApparentAddr => {
                    all.apparent_addr = ApparentAddr::parse(ie.data).or(all.apparent_addr);
                }
                IeKind::MusicOnHold => all.music_on_hold = true,
                IeKind::CallingPres => all.calling_pres = ie.as_u8().or(all.calling_pres),
                IeKind::CallingTon => all.calling_ton = ie.as_u8().or(all.calling_ton),
                IeKind::CallingTns => all.calling_tns = ie.as_u16().or(all.calling_tns),
                IeKind::CallingAni2 => all.calling_ani2 = ie.as_u32().or(all.calling_ani2),
                IeKind::Encryption => all.encryption = ie.as_u16().or(all.encryption),
                IeKind::CodecPrefs => all.codec_prefs = Some(CodecPrefs(ie.data)),
                IeKind::CallToken => all.call_token = Some(ie.data),
                IeKind::Format => all.format.short = ie.as_u32().or(all.format.short),
                IeKind::Format2 => all.format.long = versioned_mask(ie.data).or(all.format.long),
                IeKind::Capability => all.capability.short = ie.as_u32().or(all.capability.short),
                IeKind::Capability2 => {
                    all.capability.long = versioned_mask(ie.data).or(all.capability.long);
                }
                _ => {} // unknown, or of no use here
            }
        }
        Ok(all)
    }

    /// Formats wanted (NEW) or chosen (ACCEPT).
    pub(crate) fn format(&self) -> Option<Capability> {
        self.format.get()
    }

    /// Formats the sender can do; what it wants where it does not say.
    pub(crate) fn capability(&self) -> Option<Capability> {
        self.capability.get().or(self.format())
    }

    /// The user named; an empty name is none.
    pub(crate) fn named_user(&self) -> Option<&'a [u8]> {
        self.username.filter(|name| !name.is_empty())
    }
}

/// The elements to be passed from NEW to NEW octet for octet: 52 and 53, whose meaning the field disagrees on.
pub(crate) fn passed_on(ies: Ies<'_>) -> Vec<u8> {
    let mut kept = Vec::new();
    for ie in ies.map_while(Result::ok) {
        let fits = kept.len() + ie.data.len() + 2 <= PASSED_ON_MAX;
        if matches!(ie.kind, IeKind::Variable | IeKind::OspToken) && fits {
            kept.push(ie.kind.to_wire());
            kept.push(ie.data.len() as u8);
            kept.extend_from_slice(ie.data);
        }
    }
    kept
}

/// Octets a peer supplied, as text for logs and the dialplan: printable ASCII and UTF-8 kept, the rest escaped.
pub(crate) fn printable(octets: &[u8]) -> String {
    String::from_utf8_lossy(octets)
        .chars()
        .flat_map(|c| {
            let plain = !c.is_control();
            plain
                .then_some(c)
                .into_iter()
                .chain((!plain).then(|| c.escape_default()).into_iter().flatten())
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use dataplane::wire::MediaFormat;

    use super::*;

    #[test]
    fn the_64_bit_masks_win_in_either_order() {
        let long = [0x38, 9, 0, 0, 0, 0, 4, 0, 0, 0, 4];
        let short = [0x09, 4, 0, 0, 0, 8];
        for octets in [[&long[..], &short[..]].concat(), [&short[..], &long[..]].concat()] {
            let all = Elements::gather(Ies::new(&octets)).unwrap();
            let wanted = Capability::from(MediaFormat::OPUS).with(MediaFormat::ULAW);
            assert_eq!(all.format(), Some(wanted));
            assert_eq!(all.capability(), Some(wanted), "absent: what is wanted");
        }
    }

    #[test]
    fn wrong_lengths_are_absent_and_broken_ones_spoil_the_frame() {
        let octets = [0x0b, 1, 2, 0x06, 0, 0x13, 2, 0, 60];
        let all = Elements::gather(Ies::new(&octets)).unwrap();
        assert_eq!((all.version, all.refresh), (None, Some(60)));
        assert_eq!((all.username, all.named_user()), (Some(&b""[..]), None));
        assert!(Elements::gather(Ies::new(&octets[..octets.len() - 1])).is_err());
    }

    #[test]
    fn what_a_peer_supplied_cannot_break_a_line() {
        assert_eq!(printable(b"a\x1b[2J\nb\xff"), "a\\u{1b}[2J\\nb\u{fffd}");
    }
}
