//! What the two legs of a call can do: changes of the voice format in mid-call, video, and what else a NEW offers.

use dataplane::handoff::{Command, RelayId};
use dataplane::time::Instant;
use dataplane::wire::{Capability, MediaFormat};

use crate::conversion;
use crate::engine::Control;
use crate::output::{LogLevel, Topic};
use crate::reliable::OnAck;
use crate::slab::Key;
use crate::transport::HeardFrame;

/// Video. Never agreed on where a leg is trunked: Asterisk would pack it into trunk entries, and play it as audio.
const VIDEO: Capability = Capability(0x01fc_0000);

/// What a caller and its section can both do.
pub(crate) fn of_caller(section: Capability, caller: Capability, trunk: bool) -> Capability {
    without_video_if(trunk, section.and(caller))
}

fn without_video_if(trunk: bool, formats: Capability) -> Capability {
    if trunk { formats.and(Capability(!VIDEO.0)) } else { formats }
}

impl Control {
    /// Video, images and text that a caller and whom it calls can both do.
    pub(crate) fn formats_besides(
        &self,
        caller: Key,
        codecs: Capability,
        trunk: bool,
    ) -> Capability {
        let of_caller = self.legs.get(caller).map_or(Capability::NONE, |leg| leg.media.formats);
        without_video_if(trunk, of_caller.and(codecs)).and(Capability(!Capability::AUDIO.0))
    }

    /// Whether both legs of a bridge can do a format.
    fn both_can_do(&self, key: Key, format: MediaFormat) -> bool {
        let can =
            |key: Key| self.legs.get(key).is_some_and(|leg| leg.media.formats.contains(format));
        can(key) && self.partner(key).is_some_and(can)
    }

    /// Whether voice of this format, heard in a full frame, goes on to the other leg. What follows it in mini frames
    /// is kept back on the core if it does not.
    pub(crate) fn format_passes(&mut self, key: Key, format: MediaFormat) -> bool {
        let Some(partner) = self.partner(key) else { return true };
        let of_partner = self.legs.get(partner).map_or(Capability::NONE, |leg| leg.media.formats);
        let converted =
            conversion::toward(format, of_partner, self.config.general.g711_conversion).is_some();
        let own = self.legs.get(key).is_some_and(|leg| leg.media.formats.contains(format));
        let passes = own && (converted || of_partner.contains(format));
        let quelched = self.legs.get(partner).is_some_and(|leg| leg.media.quelched);
        let Some(leg) = self.legs.get_mut(key) else { return false };
        if leg.media.muted == passes {
            leg.media.muted = !passes;
            let relay = RelayId(key.index);
            self.command_relay(key, Command::Quelch(relay, !passes || quelched));
        }
        if !passes {
            self.tell_of_format(key, "voice", Some(format));
        }
        passes
    }

    /// A full VIDEO frame: its subclass goes on as it came, its time-stamp by the offset of the voice, so that lips
    /// and words stay together. An Asterisk that marks the end of a picture tells no format: it is the last one told.
    pub(crate) fn video_heard(&mut self, now: Instant, key: Key, heard: &HeardFrame<'_>) {
        let header = heard.frame.header();
        let Some(leg) = self.legs.get_mut(key) else { return };
        let format = header.subclass.as_video().0.or(leg.media.video);
        leg.media.video = format;
        let offset = leg.media.offset;
        let Some(other) = self.partner(key) else { return };
        if !self.is_linked(key) || !self.is_linked(other) {
            return;
        }
        if !format.is_some_and(|format| self.both_can_do(key, format)) {
            return self.tell_of_format(key, "video", format);
        }
        let kind = (header.frame_type, header.subclass);
        let data = heard.frame.data();
        match offset {
            Some(offset) => {
                let stamp = header.timestamp.offset_by(offset);
                self.send_stamped(now, other, kind, stamp, data, OnAck::Nothing);
            }
            None => self.send(now, other, kind, data, OnAck::Nothing),
        }
    }

    /// One line a leg, however many frames go no further.
    fn tell_of_format(&mut self, key: Key, what: &str, format: Option<MediaFormat>) {
        let Some(remote) = self.remote_of(key) else { return };
        let Some(leg) = self.legs.get_mut(key) else { return };
        if std::mem::replace(&mut leg.media.told_of_format, true) {
            return;
        }
        let Some(call) = leg.call.and_then(|call| self.calls.get(call)) else { return };
        let (id, name) = (call.id, call.user.name.clone());
        let format = format.map_or("an unknown format".to_owned(), |format| format.to_string());
        let text = format!(
            "call {id} of {name}: {what} in {format} from {remote} goes no further, as the other leg cannot do it"
        );
        self.log(LogLevel::Warning, Topic::Call, text);
    }
}
