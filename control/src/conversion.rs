//! The one conversion there is: between the two laws of G.711, where two legs share no codec but each has one of them.

use dataplane::handoff::Conversion;
use dataplane::wire::{Capability, MediaFormat};

/// The other law of G.711.
pub(crate) fn other_law(format: MediaFormat) -> Option<MediaFormat> {
    match format {
        MediaFormat::ULAW => Some(MediaFormat::ALAW),
        MediaFormat::ALAW => Some(MediaFormat::ULAW),
        _ => None,
    }
}

/// What is to be made of `heard` for a peer that can do `set`, if `converts`; `None`: nothing need be done, or nothing
/// can.
pub(crate) fn toward(heard: MediaFormat, set: Capability, converts: bool) -> Option<Conversion> {
    let law = other_law(heard).filter(|law| !set.contains(heard) && set.contains(*law))?;
    between(heard, law).filter(|_| converts)
}

/// What makes `sent` of what is heard; `None`: nothing need be done, or nothing can.
pub(crate) fn between(heard: MediaFormat, sent: MediaFormat) -> Option<Conversion> {
    match (heard, sent) {
        (MediaFormat::ULAW, MediaFormat::ALAW) => Some(Conversion::UlawToAlaw),
        (MediaFormat::ALAW, MediaFormat::ULAW) => Some(Conversion::AlawToUlaw),
        _ => None,
    }
}

/// What to offer of `candidates` to a peer that can do `set`: what both can; else, if `converts`, the law of G.711
/// that the peer has in place of the caller's.
pub(crate) fn offer(
    candidates: &[MediaFormat],
    set: Capability,
    converts: bool,
) -> Vec<MediaFormat> {
    let common: Vec<_> =
        candidates.iter().copied().filter(|format| set.contains(*format)).collect();
    if !common.is_empty() || !converts {
        return common;
    }
    let mut laws = candidates.iter().filter_map(|format| other_law(*format));
    laws.find(|law| set.contains(*law)).into_iter().collect()
}

/// The caller's format where the callee has accepted `format`: the same, or the other law of it.
pub(crate) fn for_caller(candidates: &[MediaFormat], format: MediaFormat) -> Option<MediaFormat> {
    let taken = |wanted: MediaFormat| candidates.contains(&wanted).then_some(wanted);
    taken(format).or_else(|| taken(other_law(format)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    const ULAW: MediaFormat = MediaFormat::ULAW;
    const ALAW: MediaFormat = MediaFormat::ALAW;
    const GSM: MediaFormat = MediaFormat::GSM;

    #[test]
    fn a_law_stands_in_for_the_other_only_where_nothing_is_common() {
        let alaw = Capability::from(ALAW);
        assert_eq!(offer(&[ULAW, GSM], alaw.with(GSM), true), [GSM]);
        assert_eq!(offer(&[ULAW, GSM], alaw, true), [ALAW]);
        assert_eq!(offer(&[ULAW, GSM], alaw, false), []);
        assert_eq!(offer(&[GSM], alaw, true), []);
        assert_eq!(for_caller(&[ULAW, GSM], ALAW), Some(ULAW));
        assert_eq!(for_caller(&[ALAW, ULAW], ALAW), Some(ALAW));
        assert_eq!(for_caller(&[GSM], ALAW), None);
    }
}
