//! Second stage of a step: one voice frame of a known call is re-stamped and sent on, or punted, or counted.

use crate::counters::{Counters, DropReason};
use crate::g711;
use crate::handoff::{Carriage, Conversion, Punt, VOICE_MAX};
use crate::punts::PuntSender;
use crate::relay::Stamp;
use crate::relay_table::Found;
use crate::time::Instant;
use crate::wire::{VideoMiniFrame, VideoTimestamp};

use super::egress::{Egress, MINI_AUDIO_MAX};
use super::trunk::Entry;

/// What voice needs on its way, besides its relay.
pub(crate) struct Onward<'a> {
    pub(crate) now: Instant,
    pub(crate) egress: &'a mut Egress,
    pub(crate) punts: &'a mut PuntSender,
    pub(crate) counters: &'a mut Counters,
    /// Where audio is converted.
    pub(crate) room: &'a mut [u8; MINI_AUDIO_MAX],
}

/// Sends on audio heard for the relay found.
///
/// Empty audio is dropped: there is nothing in it to play, Asterisk never sends it, and an entry of no length is read
/// by few.
#[inline]
pub(crate) fn relay_voice(
    found: Found<'_>,
    stamp: Stamp,
    audio: &[u8],
    onward: &mut Onward<'_>,
) -> Result<(), DropReason> {
    let Found { id, relay, cell, sent_key } = found;
    let Onward { now, egress, punts, counters, room } = onward;
    let heard = relay.hear(stamp, audio, *now, cell).map_err(|_| DropReason::Stale)?;
    if relay.quelched {
        return Err(DropReason::Quelched);
    }
    if audio.is_empty() {
        return Err(DropReason::Empty);
    }
    let sent = relay.sends_at(heard);
    if sent.is_none() && audio.len() > VOICE_MAX {
        return Err(DropReason::TooLong);
    }
    let punt = (sent.is_none() || relay.wants_punt(stamp)) && audio.len() <= VOICE_MAX;
    if punt && punts.send(&Punt::Voice { relay: id, heard, audio }) {
        if relay.punted(heard) {
            egress.leave_all(relay.far, *now); // control sends at once, and may overtake nothing
        }
        counters.voice_punted += 1;
        return Ok(());
    }
    let Some(sent) = sent else { return Err(DropReason::PuntFull) };
    let audio = match relay.convert {
        None => audio,
        Some(conversion) => converted(conversion, audio, room)?,
    };
    let entry = Entry { call: relay.far_call, at: sent.low16(), audio };
    match (sent_key, relay.carriage) {
        (Some(key), _) => egress.encrypted(relay.far, entry, key)?,
        (None, Carriage::Mini) => egress.mini(relay.far, entry)?,
        (None, Carriage::Trunk) => egress.entry(relay.far, entry, *now)?,
    }
    relay.publish_sent(cell);
    counters.voice_out += 1;
    Ok(())
}

/// The audio as the far leg is to have it.
fn converted<'a>(
    conversion: Conversion,
    audio: &[u8],
    room: &'a mut [u8; MINI_AUDIO_MAX],
) -> Result<&'a [u8], DropReason> {
    let room = room.get_mut(..audio.len()).ok_or(DropReason::TooLong)?;
    room.copy_from_slice(audio);
    g711::convert(conversion, room);
    Ok(room)
}

/// Sends on a packet of a picture heard for the relay found, always as a video mini frame: a trunk entry would be played
/// as audio. What the field does with video of encrypted calls is broken, so it goes no further.
pub(crate) fn relay_picture(
    found: Found<'_>,
    frame: VideoMiniFrame<'_>,
    onward: &mut Onward<'_>,
) -> Result<(), DropReason> {
    let Found { relay, sent_key, .. } = found;
    if relay.decrypts || sent_key.is_some() {
        return Err(DropReason::Video);
    }
    if relay.quelched {
        return Err(DropReason::Quelched);
    }
    let at = relay.sends_picture_at(frame.timestamp().low15()).ok_or(DropReason::Video)?;
    let at = VideoTimestamp::new(at, frame.timestamp().ends_picture());
    onward.egress.picture(relay.far, relay.far_call, at, frame.payload())?;
    onward.counters.video_out += 1;
    Ok(())
}
