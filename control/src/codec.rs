//! Which codec two legs agree on, without transcoding.

use dataplane::wire::{Capability, CodecPrefs, MediaFormat};

use crate::conf::{CodecPriority, Codecs};

/// What a caller said of formats in its NEW.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Wanted<'a> {
    /// FORMAT.
    pub(crate) format: Capability,
    /// CAPABILITY, or FORMAT where absent.
    pub(crate) capability: Capability,
    /// CODEC_PREFS, or nothing.
    pub(crate) prefs: CodecPrefs<'a>,
}

/// The audio formats in which we would take the call, the best first: an order of preference that whoever is called
/// next chooses from. Empty: no common codec.
pub(crate) fn candidates(
    priority: CodecPriority,
    ours: &Codecs,
    wanted: Wanted<'_>,
) -> Vec<MediaFormat> {
    let common = ours.set.and(wanted.capability).and(Capability::AUDIO);
    let asked = ours.set.and(wanted.format).and(Capability::AUDIO);
    let by_ours = || ours.order.iter().copied();
    let best = || MediaFormat::BEST_FIRST.iter().copied();
    let among = |set: Capability| move |format: &MediaFormat| set.contains(*format);
    let mut order: Vec<MediaFormat> = match priority {
        CodecPriority::Host => {
            by_ours().chain(wanted.prefs.formats()).chain(best()).filter(among(common)).collect()
        }
        CodecPriority::Caller => {
            wanted.prefs.formats().chain(by_ours()).chain(best()).filter(among(common)).collect()
        }
        CodecPriority::Disabled => {
            best().filter(among(asked)).chain(best().filter(among(common))).collect()
        }
        CodecPriority::ReqOnly => best().filter(among(asked)).collect(),
    };
    keep_first_of_each(&mut order);
    order
}

fn keep_first_of_each(order: &mut Vec<MediaFormat>) {
    let mut seen = Capability::NONE;
    order.retain(|format| {
        let new = !seen.contains(*format);
        seen = seen.with(*format);
        new
    });
}

/// The one format meant by an ACCEPT: the best audio bit of what it says, within what was offered.
///
/// Asterisk really sends several bits under some settings; no FORMAT at all means our first choice.
pub(crate) fn chosen(said: Option<Capability>, offered: &[MediaFormat]) -> Option<MediaFormat> {
    match said {
        None => offered.first().copied(),
        Some(said) => offered.iter().copied().find(|format| said.contains(*format)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ULAW: MediaFormat = MediaFormat::ULAW;
    const ALAW: MediaFormat = MediaFormat::ALAW;
    const GSM: MediaFormat = MediaFormat::GSM;

    fn set(formats: &[MediaFormat]) -> Capability {
        formats.iter().fold(Capability::NONE, |set, format| set.with(*format))
    }

    fn ours(order: &[MediaFormat]) -> Codecs {
        Codecs { set: set(order), order: order.to_vec() }
    }

    fn order_of(priority: CodecPriority, allow: &[MediaFormat], prefs: &[u8]) -> Vec<MediaFormat> {
        let wanted = Wanted {
            format: set(&[GSM]),
            capability: set(&[ULAW, ALAW, GSM]),
            prefs: CodecPrefs(prefs),
        };
        candidates(priority, &ours(allow), wanted)
    }

    #[test]
    fn each_mode_has_its_order() {
        let allow = [ALAW, ULAW, GSM, MediaFormat::G729];
        assert_eq!(order_of(CodecPriority::Host, &allow, b"DC"), [ALAW, ULAW, GSM]);
        assert_eq!(order_of(CodecPriority::Caller, &allow, b"DC"), [ULAW, GSM, ALAW]);
        assert_eq!(order_of(CodecPriority::Caller, &allow, b""), [ALAW, ULAW, GSM]);
        assert_eq!(order_of(CodecPriority::Disabled, &allow, b"DC"), [GSM, ULAW, ALAW]);
        assert_eq!(order_of(CodecPriority::ReqOnly, &allow, b"DC"), [GSM]);
        assert_eq!(order_of(CodecPriority::ReqOnly, &[ULAW], b"DC"), []);
        assert_eq!(order_of(CodecPriority::Host, &[MediaFormat::G729], b"DC"), []);
    }

    #[test]
    fn an_accept_with_several_bits_or_none_still_means_one() {
        assert_eq!(chosen(Some(set(&[ALAW, GSM])), &[GSM, ULAW, ALAW]), Some(GSM));
        assert_eq!(chosen(None, &[ALAW]), Some(ALAW));
        assert_eq!(chosen(Some(set(&[ULAW])), &[ALAW]), None);
    }
}
