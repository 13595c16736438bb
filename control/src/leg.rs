//! A leg: one IAX2 call (or registration, or probe) between us and one peer, with its state and its clock.

use std::sync::Arc;
use std::time::Duration;

use dataplane::handoff::{Conversion, PeerIndex};
use dataplane::time::Instant;
use dataplane::wire::{
    CallNumber, Capability, FrameType, FullHeader, IaxSubclass, MediaFormat, SeqNo, Subclass,
    Timestamp,
};

use crate::auth::Challenge;
use crate::cause::Cause;
use crate::conf::{EncryptionPolicy, User};
use crate::encryption::Agreement;
use crate::identity::Identity;
use crate::proof::Means;
use crate::reliable::{OnAck, Reliable};
use crate::secrecy::Secrecy;
use crate::slab::Key;

/// Where a call's leg stands (RFC 5456 Figures 2 and 3).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LegState {
    /// Nothing is agreed: no call yet, or none any more.
    Initial,
    /// A NEW has been sent or heard.
    Waiting,
    /// ACCEPT has been sent or heard: the format is agreed, early media may flow.
    Linked,
    /// Answered.
    Up,
    /// Over for us; our last frame awaits its acknowledgement.
    Ending,
}

/// What moves a leg's state, whichever side says it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Event {
    New,
    AuthReq,
    AuthRep,
    Accept,
    Proceeding,
    Ringing,
    Progress,
    Answer,
    /// REJECT or HANGUP.
    End,
}

impl LegState {
    /// The figures' arrows: a caller hears what a callee says, so both ends share them. `None`: no such arrow.
    pub(crate) const fn on(self, event: Event) -> Option<Self> {
        Some(match (self, event) {
            (Self::Initial, Event::New) => Self::Waiting,
            (Self::Waiting, Event::AuthReq | Event::AuthRep) => Self::Waiting,
            (Self::Waiting, Event::Accept) => Self::Linked,
            (Self::Linked, Event::Proceeding | Event::Ringing | Event::Progress) => Self::Linked,
            (Self::Linked, Event::Answer) => Self::Up,
            (Self::Up, Event::Proceeding | Event::Ringing | Event::Progress | Event::Answer) => {
                Self::Up
            }
            (Self::Waiting | Self::Linked | Self::Up | Self::Ending, Event::End) => Self::Ending,
            _ => return None,
        })
    }

    /// Whether voice may flow: from ACCEPT on, in both directions.
    pub(crate) const fn carries_voice(self) -> bool {
        matches!(self, Self::Linked | Self::Up)
    }
}

/// What a leg is for.
#[derive(Debug)]
pub(crate) enum Work {
    /// A call the peer placed; the set-up's data until it is routed.
    Caller(Option<Box<CallerSetup>>),
    /// A call we placed; the set-up's data until it is accepted.
    Callee(Option<Box<CalleeSetup>>),
    /// The peer registers with us.
    Registrar(Box<RegistrarSetup>),
    /// We register with the peer, by the `register` line of this index.
    Registrant(u32),
    /// We test whether the configured peer of this index is there.
    Probe(u32),
}

impl Work {
    /// Whether this is how a peer that keeps no call answers what opened the leg, from its number 1.
    pub(crate) const fn is_answered_statelessly_by(&self, subclass: Option<IaxSubclass>) -> bool {
        match self {
            Self::Callee(_) => matches!(subclass, Some(IaxSubclass::Reject)),
            Self::Registrant(_) => {
                matches!(subclass, Some(IaxSubclass::RegRej | IaxSubclass::Reject))
            }
            Self::Probe(_) => matches!(subclass, Some(IaxSubclass::Pong)),
            Self::Caller(_) | Self::Registrar(_) => false, // these have their numbers from the start
        }
    }
}

/// What a caller said, until its call is routed.
#[derive(Debug)]
pub(crate) struct CallerSetup {
    /// The user matched; `None`: a stranger, who is challenged like any other and refused.
    pub(crate) user: Option<Arc<User>>,
    /// USERNAME as sent, for the log and for counting unanswered challenges.
    pub(crate) username: String,
    /// Our challenge, once sent.
    pub(crate) challenge: Option<Challenge>,
    /// Number called.
    pub(crate) called: String,
    /// Context asked for.
    pub(crate) context: Option<String>,
    /// Formats in which we take the call, the best first.
    pub(crate) candidates: Vec<MediaFormat>,
    /// It has been accepted without a number: it asks for numbers first.
    pub(crate) asks: bool,
    /// Who calls.
    pub(crate) identity: Identity,
    /// Whether its frames are encrypted from our challenge on, and whether it takes new keys.
    pub(crate) agreement: Agreement,
    /// Why it is refused, where the refusal is delayed.
    pub(crate) refusal: Option<(Cause, String)>,
}

impl CallerSetup {
    /// The context asked for, else the section's first.
    pub(crate) fn context_to_begin_in(&self) -> String {
        let first = || self.user.as_ref().and_then(|user| user.contexts.first().cloned());
        self.context.clone().or_else(first).unwrap_or_default()
    }
}

/// What we say to whom we call, until it accepts.
#[derive(Debug)]
pub(crate) struct CalleeSetup {
    /// NEW's elements, but for the call token, which comes last.
    pub(crate) elements: Vec<u8>,
    /// What we answer a challenge with.
    pub(crate) means: Means,
    /// Whether the call is to be encrypted.
    pub(crate) encryption: EncryptionPolicy,
    /// Formats offered, the best first.
    pub(crate) offered: Vec<MediaFormat>,
    /// Challenges answered so far.
    pub(crate) answers: u8,
}

/// A registration at us, while it is negotiated.
#[derive(Debug)]
pub(crate) struct RegistrarSetup {
    /// USERNAME as sent.
    pub(crate) username: String,
    /// The configured peer of that name, by index; `None`: a stranger.
    pub(crate) peer: Option<u32>,
    /// Our challenge, once sent.
    pub(crate) challenge: Option<Challenge>,
    /// Seconds asked for.
    pub(crate) refresh: u16,
    /// REGREL instead of REGREQ.
    pub(crate) release: bool,
    /// Why it is refused, where the refusal is delayed.
    pub(crate) refusal: Option<String>,
}

/// Whether the cores carry what is heard on a leg.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RelayState {
    /// No core knows it.
    Absent,
    /// One carries it.
    Installed,
    /// It has been asked to stop.
    Removing,
    /// It has been asked to stop, and another core takes over.
    Moving,
}

/// A leg's voice, as far as control knows it.
#[derive(Debug)]
pub(crate) struct Media {
    /// The relay of what is heard on this leg.
    pub(crate) relay: RelayState,
    /// The leg it is bridged to: what is heard on either goes to the other, until no core carries it any more.
    pub(crate) bridged: Option<Key>,
    /// Format agreed on.
    pub(crate) agreed: Option<MediaFormat>,
    /// What a core makes of what is heard before it sends it on.
    pub(crate) convert: Option<Conversion>,
    /// From time-stamps heard here to those sent on the other leg.
    pub(crate) offset: Option<u32>,
    /// Format of the last full VOICE frame heard.
    pub(crate) heard: Option<MediaFormat>,
    /// Format of the last full VOICE frame sent on this leg.
    pub(crate) sent: Option<MediaFormat>,
    /// High half of that frame's time-stamp.
    pub(crate) sent_high: u16,
    /// A full VOICE frame is owed to the peer (VNAK, end of silence).
    pub(crate) owes: bool,
    /// The peer asked for silence.
    pub(crate) quelched: bool,
    /// What both the peer and its section can do: audio, and whatever else.
    pub(crate) formats: Capability,
    /// What is heard on this leg is of a format that the other leg cannot do, and goes no further.
    pub(crate) muted: bool,
    /// The log has told of a format that goes no further.
    pub(crate) told_of_format: bool,
    /// Format of the last full VIDEO frame heard that told one.
    pub(crate) video: Option<MediaFormat>,
    /// It asked for music to the other side meanwhile, which was told HOLD.
    pub(crate) holds: bool,
    /// Voice to the peer shares its trunk frames, once it knows the call.
    pub(crate) trunk: bool,
}

/// How a leg is to end once no core sends its voice any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ending {
    /// We hang up.
    Hangup(Cause),
    /// We refuse the call.
    Reject(Cause),
    /// The peer has ended it, with this frame: acknowledge.
    Acknowledge(FullHeader),
    /// The peer is gone, or will not listen: say nothing.
    Silent,
}

/// One IAX2 call between us and one peer.
#[derive(Debug)]
pub(crate) struct Leg {
    /// The pair of addresses it lives between.
    pub(crate) pair: PeerIndex,
    /// Our number.
    pub(crate) ours: CallNumber,
    /// The peer's number, once heard.
    pub(crate) theirs: Option<CallNumber>,
    pub(crate) work: Work,
    pub(crate) state: LegState,
    pub(crate) reliable: Reliable,
    pub(crate) media: Media,
    /// Whether its frames are encrypted, and with what.
    pub(crate) secrecy: Secrecy,
    /// Frames that could not be decrypted.
    pub(crate) undecryptable: u32,
    /// The call it is part of.
    pub(crate) call: Option<Key>,
    /// Time-stamp and call token of the peer's frame that opened it: what tells that frame's repetitions from another
    /// call. A time-stamp alone would not: many a peer's clock begins anew with each call.
    pub(crate) opening: Option<(Timestamp, Box<[u8]>)>,
    /// The peer has shown that it hears us: a token returned, or a frame that names our number.
    pub(crate) proven: bool,
    /// What opened it has been sent once more with the peer's call token.
    pub(crate) token_taken: bool,
    /// It came without a call token, and counts as such.
    pub(crate) unvalidated: bool,
    /// The configured peer of this index is called, and its calls are counted.
    pub(crate) counts_for: Option<u32>,
    /// How it ends, where that waits for a core.
    pub(crate) ending: Option<Ending>,
    /// Over, but for a core that still answers.
    pub(crate) over: Option<bool>,
    pub(crate) ping_at: Instant,
    pub(crate) lagrq_at: Instant,
    /// What the leg's work waits for until then.
    pub(crate) due_at: Instant,
    /// The time its timer is armed for.
    pub(crate) armed: Instant,
    pub(crate) started: Instant,
    last_stamp: Timestamp,
}

impl Leg {
    pub(crate) fn new(
        now: Instant,
        pair: PeerIndex,
        ours: CallNumber,
        work: Work,
        rtt: Duration,
    ) -> Self {
        Self {
            pair,
            ours,
            theirs: None,
            work,
            state: LegState::Initial,
            reliable: Reliable::new(rtt),
            media: Media {
                relay: RelayState::Absent,
                bridged: None,
                agreed: None,
                convert: None,
                offset: None,
                heard: None,
                sent: None,
                sent_high: 0,
                owes: false,
                quelched: false,
                formats: Capability::NONE,
                muted: false,
                told_of_format: false,
                video: None,
                holds: false,
                trunk: false,
            },
            secrecy: Secrecy::Clear,
            undecryptable: 0,
            call: None,
            opening: None,
            proven: false,
            token_taken: false,
            unvalidated: false,
            counts_for: None,
            ending: None,
            over: None,
            ping_at: Instant::FAR_FUTURE,
            lagrq_at: Instant::FAR_FUTURE,
            due_at: Instant::FAR_FUTURE,
            armed: Instant::FAR_FUTURE,
            started: now,
            last_stamp: Timestamp(0),
        }
    }

    /// The time-stamp of what is said now: the leg's clock, but at least 3 ms after whatever was sent before, voice
    /// included; never 0, which the field takes for "none".
    pub(crate) fn stamp(&mut self, now: Instant, last_voice: Timestamp) -> Timestamp {
        let clock = Timestamp(now.millis_since(self.started));
        let after = self.last_stamp.latest(last_voice).offset_by(3);
        self.last_stamp = clock.latest(after);
        self.last_stamp
    }

    /// A full VOICE frame of this time-stamp was sent.
    pub(crate) fn stamped_voice(&mut self, sent: Timestamp) {
        self.last_stamp = self.last_stamp.latest(sent);
    }

    /// A frame's octets with the present numbers; kept for sending again if it takes a number.
    pub(crate) fn compose(
        &mut self,
        now: Instant,
        (frame_type, subclass): (FrameType, Subclass),
        timestamp: Timestamp,
        data: &[u8],
        on_ack: OnAck,
    ) -> Vec<u8> {
        let (oseqno, iseqno) = self.reliable.numbers();
        let octets = self.octets((frame_type, subclass), timestamp, (oseqno, iseqno), data);
        if frame_type != FrameType::Iax || subclass.as_iax().is_numbered() {
            self.reliable.keep(now, &octets, self.secrecy.sending(), on_ack);
        }
        octets
    }

    /// A frame's octets with numbers of the caller's choice, as ACK needs.
    pub(crate) fn octets(
        &self,
        (frame_type, subclass): (FrameType, Subclass),
        timestamp: Timestamp,
        (oseqno, iseqno): (SeqNo, SeqNo),
        data: &[u8],
    ) -> Vec<u8> {
        let header = FullHeader {
            source: self.ours,
            destination: self.theirs,
            retransmission: false,
            timestamp,
            oseqno,
            iseqno,
            frame_type,
            subclass,
        };
        full_frame(&header, data)
    }

    /// When the leg next has something to do.
    pub(crate) fn deadline(&self) -> Instant {
        let rotation = match &self.secrecy {
            Secrecy::Keyed(keys) => keys.rotate_at,
            Secrecy::Clear | Secrecy::Awaited(_) => Instant::FAR_FUTURE,
        };
        let timers = [self.ping_at, self.lagrq_at, self.due_at, rotation];
        timers.into_iter().fold(self.reliable.deadline(), Instant::min)
    }
}

/// A header and its data as one datagram.
pub(crate) fn full_frame(header: &FullHeader, data: &[u8]) -> Vec<u8> {
    let mut octets = vec![0; FullHeader::LEN + data.len()];
    let (head, tail) = octets.split_at_mut(FullHeader::LEN);
    match header.emit(head) {
        Ok(_) => tail.copy_from_slice(data),
        Err(_) => unreachable!("the header has its twelve octets"),
    }
    octets
}

#[cfg(test)]
mod tests {
    use super::*;

    const STATES: [LegState; 5] =
        [LegState::Initial, LegState::Waiting, LegState::Linked, LegState::Up, LegState::Ending];

    /// RFC 5456 Figures 2 and 3, arrow by arrow; a row an event, a column a state, `-` no arrow.
    const FIGURE: [(Event, &str); 9] = [
        (Event::New, "W----"),
        (Event::AuthReq, "-W---"),
        (Event::AuthRep, "-W---"),
        (Event::Accept, "-L---"),
        (Event::Proceeding, "--LU-"),
        (Event::Ringing, "--LU-"),
        (Event::Progress, "--LU-"),
        (Event::Answer, "--UU-"),
        (Event::End, "-EEEE"),
    ];

    #[test]
    fn every_pair_of_state_and_event_is_as_the_figures_draw_it() {
        for (event, row) in FIGURE {
            for (state, drawn) in STATES.into_iter().zip(row.chars()) {
                let letter = state.on(event).map_or('-', |next| match next {
                    LegState::Initial => 'I',
                    LegState::Waiting => 'W',
                    LegState::Linked => 'L',
                    LegState::Up => 'U',
                    LegState::Ending => 'E',
                });
                assert_eq!(letter, drawn, "{event:?} in {state:?}");
            }
        }
    }

    #[test]
    fn what_is_said_comes_after_what_was_said() {
        let start = Instant::from_micros(1_000_000);
        let work = Work::Probe(0);
        let mut leg =
            Leg::new(start, PeerIndex(0), CallNumber::MAX, work, Duration::from_millis(1));
        assert_eq!(leg.stamp(start, Timestamp(0)), Timestamp(3), "never 0");
        assert_eq!(leg.stamp(start, Timestamp(0)), Timestamp(6));
        let later = start + Duration::from_millis(500);
        assert_eq!(leg.stamp(later, Timestamp(400)), Timestamp(500));
        assert_eq!(leg.stamp(later, Timestamp(900)), Timestamp(903), "after the voice");
    }
}
