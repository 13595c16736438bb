//! First stage of a receive batch: sorts what was heard, datagram by datagram, and finds the relay of each voice frame.
//!
//! Full frames go to control as they are, known sender or not. All the rest is voice of known peers, or is counted:
//! nothing that a stranger sends costs more than one look at its address.

use arrayvec::ArrayVec;

use crate::counters::DropReason;
use crate::handoff::{PUNT_MAX, PeerIndex, Punt, RelayId};
use crate::io::Received;
use crate::relay::Stamp;
use crate::relay_table::RelayTable;
use crate::wire::{
    CallNumber, Frame, FrameError, FrameType, FullHeader, TrunkEntry, TrunkFrame, VideoMiniFrame,
};

use super::relay::{Onward, relay_picture, relay_voice};

/// Sorts one sender's datagrams, each on its own: one receive may merge full, mini and trunk frames.
pub(crate) fn sort(received: Received<'_>, relays: &mut RelayTable, onward: &mut Onward<'_>) {
    if received.octets.is_empty() {
        onward.counters.dropped(DropReason::Malformed); // a datagram of no octets has no segment either
        return;
    }
    let sender = relays.peers.find(received.local, received.remote);
    for datagram in received.segments() {
        match Frame::parse(datagram) {
            Ok(Frame::Trunk(frame)) => trunk(&received, sender, frame, relays, onward),
            Ok(Frame::Mini(frame)) => {
                onward.counters.voice_in += 1;
                let (source, stamp) = (frame.source(), Stamp::Low16(frame.timestamp()));
                match sender.and_then(|sender| relays.find(sender, source)) {
                    Some(id) if relays.decrypts(id) => encrypted(id, datagram, relays, onward),
                    Some(id) => voice(id, stamp, frame.payload(), relays, onward),
                    None => unknown(&received, sender, Some(source), relays, onward),
                }
            }
            Ok(Frame::Full(frame)) => {
                full(&received, sender, datagram, frame.header(), relays, onward);
            }
            Ok(Frame::Video(frame)) => {
                onward.counters.video_in += 1;
                let source = frame.source();
                match sender.and_then(|sender| relays.find(sender, source)) {
                    Some(id) => picture(id, frame, relays, onward),
                    None => unknown(&received, sender, Some(source), relays, onward),
                }
            }
            Err(FrameError::UnknownMeta { .. } | FrameError::UnknownTrunkForm { .. }) => {
                onward.counters.dropped(DropReason::UnknownMeta);
            }
            Err(_) => onward.counters.dropped(DropReason::Malformed),
        }
    }
}

fn full(
    received: &Received<'_>,
    sender: Option<PeerIndex>,
    octets: &[u8],
    header: &FullHeader,
    relays: &mut RelayTable,
    onward: &mut Onward<'_>,
) {
    if octets.len() > PUNT_MAX {
        onward.counters.dropped(DropReason::TooLong);
        return;
    }
    let punt = Punt::Full { local: received.local, remote: received.remote, octets };
    if !onward.punts.send(&punt) {
        onward.counters.dropped(DropReason::PuntFull);
        return;
    }
    onward.counters.full_frames += 1;
    if header.frame_type == FrameType::Voice
        && let Some(id) = sender.and_then(|sender| relays.find(sender, header.source))
        && let Some(found) = relays.get(id)
        && !found.relay.decrypts
    // or the frame is of any type, at any time
    {
        found.relay.heard_full(header.timestamp);
    }
}

/// Walks a trunk frame. That of a stranger is not walked, and counts as one frame of voice.
fn trunk(
    received: &Received<'_>,
    sender: Option<PeerIndex>,
    frame: TrunkFrame<'_>,
    relays: &mut RelayTable,
    onward: &mut Onward<'_>,
) {
    let Some(sender) = sender else {
        onward.counters.voice_in += 1;
        onward.counters.dropped(DropReason::NoRelay);
        return;
    };
    // Several relays are found before the first is worked on, so that their lines come from memory together.
    let mut found = ArrayVec::<_, LOOKED_AHEAD>::new();
    for entry in frame.entries() {
        onward.counters.voice_in += 1;
        let Ok(TrunkEntry { source, timestamp, payload }) = entry else {
            onward.counters.dropped(DropReason::EntryCut);
            continue;
        };
        let Some(id) = source.and_then(|source| relays.find(sender, source)) else {
            unknown(received, Some(sender), source, relays, onward);
            continue;
        };
        found.push((id, timestamp.map_or(Stamp::Untimed, Stamp::Low16), payload));
        if found.is_full() {
            found.drain(..).for_each(|(id, stamp, audio)| voice(id, stamp, audio, relays, onward));
        }
    }
    found.drain(..).for_each(|(id, stamp, audio)| voice(id, stamp, audio, relays, onward));
}

/// Entries of a trunk frame found at a time: a frame of the usual length has 7 of G.711.
const LOOKED_AHEAD: usize = 8;

/// One voice frame of a relay, already counted as heard.
#[inline]
fn voice(
    id: RelayId,
    stamp: Stamp,
    audio: &[u8],
    relays: &mut RelayTable,
    onward: &mut Onward<'_>,
) {
    let found = relays.get(id).ok_or(DropReason::NoRelay);
    if let Err(reason) = found.and_then(|found| relay_voice(found, stamp, audio, onward)) {
        onward.counters.dropped(reason);
    }
}

/// One encrypted mini frame of a relay, already counted as heard.
fn encrypted(id: RelayId, datagram: &[u8], relays: &mut RelayTable, onward: &mut Onward<'_>) {
    let relayed = relays.decrypt(id, datagram, onward.now).and_then(|(found, frame)| {
        relay_voice(found, Stamp::Low16(frame.timestamp()), frame.payload(), onward)
    });
    if let Err(reason) = relayed {
        onward.counters.dropped(reason);
    }
}

/// One packet of a picture of a relay's call, already counted as heard.
fn picture(
    id: RelayId,
    frame: VideoMiniFrame<'_>,
    relays: &mut RelayTable,
    onward: &mut Onward<'_>,
) {
    let found = relays.get(id).ok_or(DropReason::NoRelay);
    if let Err(reason) = found.and_then(|found| relay_picture(found, frame, onward)) {
        onward.counters.dropped(reason);
    }
}

/// One voice frame that no relay hears, already counted as heard.
#[cold]
fn unknown(
    received: &Received<'_>,
    sender: Option<PeerIndex>,
    source: Option<CallNumber>,
    relays: &mut RelayTable,
    onward: &mut Onward<'_>,
) {
    onward.counters.dropped(DropReason::NoRelay);
    if let (Some(sender), Some(source)) = (sender, source) {
        stray(received, sender, source, relays, onward);
    }
}

/// Tells control of voice it may have to move here from another core; not often, for it may be anybody's.
fn stray(
    received: &Received<'_>,
    sender: PeerIndex,
    source: CallNumber,
    relays: &mut RelayTable,
    onward: &mut Onward<'_>,
) {
    let peers = &mut relays.peers;
    let Received { local, remote, .. } = *received;
    if peers.stray_is_due(sender, onward.now)
        && onward.punts.send(&Punt::Stray { local, remote, source })
    {
        peers.stray_sent(sender, onward.now);
    }
}
