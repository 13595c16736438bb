//! A call's voice, as far as control has a part in it: relays on the cores, and full VOICE frames.
//!
//! Cores carry voice as mini frames and trunk entries. Control builds each full VOICE frame: the first of a leg, at
//! each wrap of the 16-bit time-stamp, after a change of format and after a VNAK. What is heard in full VOICE frames
//! goes back to the core unless the far leg owes a full frame itself.

use arrayvec::ArrayVec;
use dataplane::g711;
use dataplane::handoff::{
    Carriage, Command, Conversion, CoreId, PeerIndex, PeerSpec, RelayId, RelaySpec, TrunkSpec,
    VOICE_MAX,
};
use dataplane::time::Instant;
use dataplane::wire::{EntryForm, FrameType, IaxSubclass, MediaFormat, Subclass, Timestamp};

use crate::conversion;
use crate::engine::Control;
use crate::leg::{Ending, Event, LegState, RelayState, Work};
use crate::message;
use crate::output::{LogLevel, Output, Topic};
use crate::reliable::OnAck;
use crate::slab::Key;
use crate::transport::{HeardFrame, iax};

/// A voice frame on its way from the leg it was heard on.
#[derive(Debug, Clone, Copy)]
struct Voice<'a> {
    heard: Timestamp,
    format: MediaFormat,
    audio: &'a [u8],
}

impl Control {
    /// The leg a leg talks to.
    pub(crate) fn partner(&self, leg: Key) -> Option<Key> {
        self.legs.get(leg).and_then(|leg| leg.media.bridged)
    }

    /// The leg whose relay feeds this leg's peer.
    pub(crate) fn feeder_of(&self, leg: Key) -> Option<Key> {
        let feeder = self.partner(leg)?;
        let installed = self.legs.get(feeder)?.media.relay == RelayState::Installed;
        installed.then_some(feeder)
    }

    /// Lets voice flow between the two legs of a call, if both have agreed and nothing is left of an older bridge.
    pub(crate) fn bridge(&mut self, now: Instant, call: Key) {
        let Some((caller, callee)) =
            self.calls.get(call).and_then(|call| Some((call.caller, call.callee?)))
        else {
            return;
        };
        let ready = |key: Key| {
            self.legs.get(key).is_some_and(|leg| {
                leg.state.carries_voice()
                    && leg.theirs.is_some()
                    && leg.ending.is_none()
                    && leg.media.bridged.is_none()
                    && leg.media.relay == RelayState::Absent
            })
        };
        if !ready(caller) || !ready(callee) {
            return;
        }
        for (near, far) in [(caller, callee), (callee, caller)] {
            let trunk = self.legs.get(near).and_then(|leg| self.trunk_peer_at(leg.pair)).is_some();
            if let Some(leg) = self.legs.get_mut(near) {
                let encrypted = leg.secrecy.sending().is_some();
                leg.media.bridged = Some(far);
                leg.media.offset = None;
                leg.media.trunk = trunk && !encrypted; // trunk entries are in clear, whatever was agreed
                if trunk && encrypted {
                    self.say_untrunked(near);
                }
            }
        }
        self.install(now, caller, callee);
        self.install(now, callee, caller);
    }

    /// An encrypted call is never carried in clear, which the operator should know where `trunk=yes` costs it; once.
    fn say_untrunked(&mut self, leg: Key) {
        let Some(remote) = self.remote_of(leg) else { return };
        let Some(peer) = self.peers.trunk_at(remote).filter(|peer| !peer.told_untrunked) else {
            return;
        };
        peer.told_untrunked = true;
        let text = format!(
            "[{}] at {remote}: voice of encrypted calls goes as encrypted mini frames in spite of trunk=yes: \
             trunk entries would be in clear",
            peer.config.name
        );
        self.log(LogLevel::Info, Topic::Call, text);
    }

    /// Has a core carry what is heard on `near` to the peer of `far`.
    fn install(&mut self, now: Instant, near: Key, far: Key) {
        let relay = RelayId(near.index);
        self.cells.reset(relay);
        let (Some(near_leg), Some(far_leg)) = (self.legs.get(near), self.legs.get(far)) else {
            return;
        };
        let (near_pair, far_pair) = (near_leg.pair, far_leg.pair);
        let Some(near_call) = near_leg.theirs else { return };
        // A call the far peer does not know yet would cost it a VNAK for each trunk entry.
        let knows_voice = far_leg.media.sent.is_some() && far_leg.reliable.is_quiet();
        let trunked = far_leg.media.trunk && knows_voice;
        let heard = near_leg.media.heard.or(near_leg.media.agreed);
        let converts = self.config.general.g711_conversion;
        let can = far_leg.media.formats;
        let convert = heard.and_then(|heard| conversion::toward(heard, can, converts));
        let spec = RelaySpec {
            relay,
            near: near_pair,
            near_call,
            far: far_pair,
            far_call: far_leg.ours,
            carriage: if trunked { Carriage::Trunk } else { Carriage::Mini },
            newest: Timestamp(now.millis_since(near_leg.started)),
            offset: near_leg.media.offset,
            format: near_leg.media.heard,
            quelched: far_leg.media.quelched || near_leg.media.muted,
            decrypt: near_leg.secrecy.heard(),
            encrypt: far_leg.secrecy.sending(),
            convert,
        };
        self.name_on_cores(now, near_pair);
        self.name_on_cores(now, far_pair);
        let core = self.associations.get(near_pair).core;
        if let Some(leg) = self.legs.get_mut(near) {
            leg.media.relay = RelayState::Installed;
            leg.media.convert = convert;
        }
        self.command(core, Command::Install(spec));
    }

    /// Tells every core of a pair before the first relay that names it.
    fn name_on_cores(&mut self, now: Instant, index: PeerIndex) {
        let trunk = self.trunk_spec(index);
        let pair = self.associations.get_mut(index);
        pair.relays += 1;
        if pair.relays > 1 {
            return;
        }
        let spec = PeerSpec { index, local: pair.local, remote: pair.remote, trunk, epoch: now };
        for core in 0..self.cores {
            self.command(CoreId(core), Command::Peer(spec));
        }
    }

    fn unname_on_cores(&mut self, index: PeerIndex) {
        let pair = self.associations.get_mut(index);
        pair.relays -= 1;
        if pair.relays == 0 {
            for core in 0..self.cores {
                self.command(CoreId(core), Command::ForgetPeer(index));
            }
        }
    }

    fn trunk_spec(&self, index: PeerIndex) -> TrunkSpec {
        let general = &self.config.general;
        let peer = self.trunk_peer_at(index);
        let timed =
            peer.and_then(|peer| peer.config.trunk_timestamps).unwrap_or(general.trunk_timestamps);
        TrunkSpec {
            mtu: general.trunk_mtu,
            interval_ms: u16::try_from(general.trunk_freq.as_millis()).unwrap_or(u16::MAX),
            form: if timed { EntryForm::Timed } else { EntryForm::Untimed },
        }
    }

    /// Stops voice between a leg and the one it is bridged to, on whichever cores carry it.
    pub(crate) fn unbridge_leg(&mut self, leg: Key) {
        let partner = self.partner(leg);
        for key in [Some(leg), partner].into_iter().flatten() {
            let Some(leg) = self.legs.get_mut(key) else { continue };
            match leg.media.relay {
                RelayState::Installed => {
                    leg.media.relay = RelayState::Removing;
                    self.command_relay(key, Command::Remove(RelayId(key.index)));
                }
                RelayState::Moving => leg.media.relay = RelayState::Removing,
                RelayState::Absent | RelayState::Removing => {}
            }
        }
    }

    /// Whether no core hears or sends this leg's voice.
    pub(crate) fn is_clear_of_cores(&self, leg: Key) -> bool {
        let Some(leg) = self.legs.get(leg) else { return true };
        leg.media.relay == RelayState::Absent && leg.media.bridged.is_none()
    }

    /// A core carries a relay no more: what waited for that goes on.
    pub(crate) fn relay_removed(&mut self, now: Instant, relay: RelayId) {
        let Some((near, leg)) = self.legs.at(relay.0) else { return };
        let (near_pair, far, state) = (leg.pair, leg.media.bridged, leg.media.relay);
        let Some(far) = far else { return };
        self.unname_on_cores(near_pair);
        if let Some(far_pair) = self.legs.get(far).map(|far| far.pair) {
            self.unname_on_cores(far_pair);
        }
        if let Some(leg) = self.legs.get_mut(near) {
            leg.media.relay = RelayState::Absent;
        }
        let last_voice = self.cells.last_sent(relay);
        if let Some(leg) = self.legs.get_mut(far) {
            leg.stamped_voice(last_voice); // what is said next comes after it, be it the HANGUP
        }
        if state == RelayState::Moving {
            return self.install(now, near, far);
        }
        let still =
            |key: Key| self.legs.get(key).is_some_and(|leg| leg.media.relay != RelayState::Absent);
        if still(near) || still(far) {
            return self.perform_ending_of(now, far); // nothing feeds that leg any more
        }
        for key in [near, far] {
            if let Some(leg) = self.legs.get_mut(key) {
                leg.media.bridged = None;
            }
        }
        for key in [far, near] {
            self.perform_ending_of(now, key);
            self.release_if_clear(now, key);
            if let Some(call) = self.legs.get(key).and_then(|leg| leg.call) {
                self.bridge(now, call);
            }
        }
    }

    /// Relays heard on a pair follow it to the core that hears it now.
    pub(crate) fn move_relays(&mut self, pair: PeerIndex, before: CoreId) {
        let here: Vec<Key> = self
            .legs
            .iter()
            .filter(|(_, leg)| leg.pair == pair && leg.media.relay == RelayState::Installed)
            .map(|(key, _)| key)
            .collect();
        for key in here {
            if let Some(leg) = self.legs.get_mut(key) {
                leg.media.relay = RelayState::Moving;
            }
            self.command(before, Command::Remove(RelayId(key.index)));
        }
    }

    /// Ends a leg: at once, or when the core that feeds its peer has sent its last.
    pub(crate) fn end_leg(&mut self, now: Instant, key: Key, how: Ending) {
        let Some(leg) = self.legs.get_mut(key) else { return };
        if leg.over.is_some() {
            return;
        }
        self.uncount_out(key);
        let Some(leg) = self.legs.get_mut(key) else { return };
        if leg.state == LegState::Ending {
            if let Ending::Acknowledge(header) = how {
                self.send_ack(key, &header);
                self.release(now, key, true);
            }
            return;
        }
        leg.ending = Some(how);
        leg.due_at = Instant::FAR_FUTURE;
        self.unbridge_leg(key);
        let fed = self.partner(key).and_then(|partner| self.legs.get(partner));
        if fed.is_none_or(|partner| partner.media.relay == RelayState::Absent) {
            self.perform_ending_of(now, key);
        }
    }

    /// Says a leg's last word, if it has one to say.
    fn perform_ending_of(&mut self, now: Instant, key: Key) {
        let Some(leg) = self.legs.get_mut(key) else { return };
        let Some(how) = leg.ending.take() else { return };
        leg.state = leg.state.on(Event::End).unwrap_or(LegState::Ending);
        let known = leg.theirs.is_some();
        if !known && matches!((how, &leg.work), (Ending::Hangup(_), Work::Callee(_))) {
            // The NEW may have arrived and its answer be under way: the peer finds the call by our number alone.
            leg.reliable.stop_repeating();
            return self.say_hangup(now, key, how);
        }
        match how {
            Ending::Acknowledge(header) => {
                self.send_ack(key, &header);
                self.release(now, key, true);
            }
            Ending::Hangup(_) | Ending::Reject(_) if known => self.say_hangup(now, key, how),
            _ => self.release(now, key, false),
        }
    }

    fn say_hangup(&mut self, now: Instant, key: Key, how: Ending) {
        let (subclass, data) = match how {
            Ending::Hangup(cause) => (IaxSubclass::Hangup, message::hangup(cause)),
            Ending::Reject(cause) => (IaxSubclass::Reject, message::reject(cause)),
            Ending::Acknowledge(_) | Ending::Silent => return,
        };
        self.send(now, key, iax(subclass), &data, OnAck::End);
    }

    /// A full VOICE frame from a leg's peer.
    pub(crate) fn voice_heard(&mut self, now: Instant, key: Key, heard: &HeardFrame<'_>) {
        let header = heard.frame.header();
        let Some(format) = header.subclass.as_voice().filter(|format| format.is_audio()) else {
            return; // acknowledged all the same, unlike in Asterisk, or it would come again and again
        };
        if !self.format_passes(key, format) {
            return;
        }
        let Some(leg) = self.legs.get_mut(key) else { return };
        leg.media.heard = Some(format);
        let audio = heard.frame.data();
        if leg.media.relay != RelayState::Installed || audio.is_empty() || audio.len() > VOICE_MAX {
            return;
        }
        self.carry_voice(now, key, Voice { heard: header.timestamp, format, audio });
    }

    /// Audio whose far leg owes a full VOICE frame, or did when the core last heard.
    pub(crate) fn voice_punted(
        &mut self,
        now: Instant,
        relay: RelayId,
        heard: Timestamp,
        audio: &[u8],
    ) {
        let Some((key, leg)) = self.legs.at(relay.0) else { return };
        if leg.media.relay != RelayState::Installed || leg.media.muted {
            return;
        }
        match leg.media.heard {
            Some(format) => self.carry_voice(now, key, Voice { heard, format, audio }),
            None => self.ask_again(now, key), // its format is in a full frame we have not heard
        }
    }

    /// Sends voice on as a full frame where one is owed, else has the core send it.
    fn carry_voice(&mut self, now: Instant, near: Key, voice: Voice<'_>) {
        let Some(far) = self.partner(near) else { return };
        let last_voice = self.last_voice_to(far);
        let (Some(near_leg), Some(far_leg)) = (self.legs.get(near), self.legs.get(far)) else {
            return;
        };
        if far_leg.media.quelched || !far_leg.state.carries_voice() || far_leg.ending.is_some() {
            return;
        }
        let relay = RelayId(near.index);
        let converts = self.config.general.g711_conversion;
        let convert = conversion::toward(voice.format, far_leg.media.formats, converts);
        let format_sent = sent_format(voice.format, convert);
        let (before, offset) = (near_leg.media.convert, near_leg.media.offset);
        let far_media = (far_leg.media.owes, far_leg.media.sent, far_leg.media.sent_high);
        if convert != before {
            if let Some(leg) = self.legs.get_mut(near) {
                leg.media.convert = convert;
            }
            self.command_relay(near, Command::Convert(relay, convert));
        }
        if let Some(offset) = offset {
            let (owes, last_format, last_high) = far_media;
            let sent = voice.heard.offset_by(offset);
            let ahead = ((sent.0 >> 16) as u16).wrapping_sub(last_high).cast_signed();
            let owes = owes || last_format != Some(format_sent) || ahead > 0;
            if !owes {
                let mut audio = ArrayVec::new();
                if audio.try_extend_from_slice(voice.audio).is_ok() {
                    let (heard, format) = (voice.heard, voice.format);
                    self.command_relay(near, Command::Voice { relay, heard, format, audio });
                }
                return;
            }
            return self.send_full_voice(now, near, far, offset, voice);
        }
        let Some(far_leg) = self.legs.get_mut(far) else { return };
        let stamp = far_leg.stamp(now, last_voice);
        self.send_full_voice(now, near, far, stamp.0.wrapping_sub(voice.heard.0), voice);
    }

    fn send_full_voice(
        &mut self,
        now: Instant,
        near: Key,
        far: Key,
        offset: u32,
        voice: Voice<'_>,
    ) {
        let sent = voice.heard.offset_by(offset);
        let Some(leg) = self.legs.get_mut(near) else { return };
        leg.media.offset = Some(offset);
        let convert = leg.media.convert;
        let format_sent = sent_format(voice.format, convert);
        let mut audio = voice.audio.to_vec();
        if let Some(convert) = convert {
            g711::convert(convert, &mut audio);
        }
        let Some(leg) = self.legs.get_mut(far) else { return };
        leg.media.sent = Some(format_sent);
        leg.media.sent_high = (sent.0 >> 16) as u16;
        leg.media.owes = false;
        leg.stamped_voice(sent);
        let kind = (FrameType::Voice, Subclass::voice(format_sent));
        self.send_stamped(now, far, kind, sent, &audio, OnAck::Voice);
        let (relay, heard, format) = (RelayId(near.index), voice.heard, voice.format);
        self.command_relay(near, Command::Align { relay, offset, heard, sent, format });
    }

    /// The peer knows this leg's voice now: it may share trunk frames.
    pub(crate) fn voice_acknowledged(&mut self, key: Key) {
        let trunk = self.legs.get(key).is_some_and(|leg| leg.media.trunk && leg.ending.is_none());
        if let Some(feeder) = self.feeder_of(key).filter(|_| trunk) {
            self.command_relay(feeder, Command::Carry(RelayId(feeder.index), Carriage::Trunk));
        }
    }

    /// The peer needs a full VOICE frame: the next one to it shall be.
    pub(crate) fn owe_voice(&mut self, key: Key) {
        if let Some(leg) = self.legs.get_mut(key) {
            leg.media.owes = true;
        }
        if let Some(feeder) = self.feeder_of(key) {
            self.command_relay(feeder, Command::Owe(RelayId(feeder.index)));
        }
    }

    /// Time-stamp of the last voice a core sent to this leg's peer; 0 if none. A relay that is being removed has sent
    /// some too.
    pub(crate) fn last_voice_to(&self, leg: Key) -> Timestamp {
        self.partner(leg).map_or(Timestamp(0), |feeder| self.cells.last_sent(RelayId(feeder.index)))
    }

    /// Whether connected-line frames may go from this leg to its partner.
    pub(crate) fn connected_line_may_pass(&self, from: Key) -> bool {
        let Some(to) = self.partner(from) else { return false };
        let Some(call) = self.legs.get(from).and_then(|leg| self.calls.get(leg.call?)) else {
            return false;
        };
        let user = call.user.connected_line;
        let peer = self.legs.get(if from == call.caller { to } else { from }).and_then(|leg| {
            let remote = self.associations.get(leg.pair).remote;
            self.peers.at(remote).next().map(|peer| peer.config.connected_line)
        });
        let peer = peer.unwrap_or_default();
        if from == call.caller {
            user.receive && peer.send
        } else {
            peer.receive && user.send && !call.options.ignore_connected_line
        }
    }

    /// A command for the core that hears a leg.
    pub(crate) fn command_relay(&mut self, leg: Key, command: Command) {
        if let Some(core) = self.legs.get(leg).map(|leg| self.associations.get(leg.pair).core) {
            self.command(core, command);
        }
    }

    fn command(&mut self, core: CoreId, command: Command) {
        self.outputs.push_back(Output::Command { core, command });
    }

    /// A new leg begins with clean cells.
    pub(crate) fn reset_relay(&mut self, leg: Key) {
        self.cells.reset(RelayId(leg.index));
    }
}

/// The format that comes of a conversion.
fn sent_format(heard: MediaFormat, convert: Option<Conversion>) -> MediaFormat {
    convert.and_then(|_| conversion::other_law(heard)).unwrap_or(heard)
}
