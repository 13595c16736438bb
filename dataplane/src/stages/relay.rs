//! Second stage of a step: one voice frame of a known call is re-stamped and sent on, or punted, or counted.

use crate::counters::{Counters, DropReason};
use crate::handoff::{Carriage, Punt, VOICE_MAX};
use crate::punts::PuntSender;
use crate::relay::{Found, Stamp};
use crate::time::Instant;

use super::egress::Egress;
use super::trunk::Entry;

/// Sends on audio heard for the relay found.
///
/// Empty audio is dropped: there is nothing in it to play, Asterisk never sends it, and an entry of no length is read
/// by few.
#[inline]
pub(crate) fn relay_voice(
    found: Found<'_>,
    stamp: Stamp,
    audio: &[u8],
    now: Instant,
    egress: &mut Egress,
    punts: &mut PuntSender,
    counters: &mut Counters,
) -> Result<(), DropReason> {
    let Found { id, relay, cell } = found;
    let heard = relay.hear(stamp, audio, now, cell).map_err(|_| DropReason::Stale)?;
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
            egress.leave_all(relay.far, now); // control sends at once, and may overtake nothing
        }
        counters.voice_punted += 1;
        return Ok(());
    }
    let Some(sent) = sent else { return Err(DropReason::PuntFull) };
    let entry = Entry { call: relay.far_call, at: sent.low16(), audio };
    match relay.carriage {
        Carriage::Mini => egress.mini(relay.far, entry)?,
        Carriage::Trunk => egress.entry(relay.far, entry, now)?,
    }
    relay.publish_sent(cell);
    counters.voice_out += 1;
    Ok(())
}
