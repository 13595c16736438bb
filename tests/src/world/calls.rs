//! A host's calls: what it hears on them, what its script makes it say.

use dataplane::time::Instant;
use dataplane::wire::{
    CallNumber, ControlSubclass, EntryForm, FrameType, FullFrame, FullHeader, IaxSubclass, IeKind,
    MiniTimestamp, Subclass, emit_entry_header, emit_trunk_header,
};

use super::ies::{Elements, Read};
use super::leg::{PeerLeg, Role, Told};
use super::manner::Pickup;
use super::peer::{LAGRQ_TIME, PING_TIME, Peer, Tools};

const BUSY: u8 = 17;
const CONGESTION: u8 = 34;
const NO_CODEC: u8 = 58;

impl Peer {
    pub(super) fn hear_iax(
        &mut self,
        tools: &mut Tools<'_>,
        leg: usize,
        header: &FullHeader,
        read: &Read<'_>,
        iax: IaxSubclass,
    ) {
        let stamp = header.timestamp.0;
        let echo = |subclass| (FrameType::Iax, Subclass::iax(subclass));
        let registers = matches!(self.legs[leg].role, Role::Registrant | Role::Registrar);
        match iax {
            IaxSubclass::Ping => self.on_leg(leg, tools, |leg, ctx| {
                leg.send_at(ctx, echo(IaxSubclass::Pong), stamp, &[]);
            }),
            IaxSubclass::LagRq => self.on_leg(leg, tools, |leg, ctx| {
                leg.send_at(ctx, echo(IaxSubclass::LagRp), stamp, &[]);
            }),
            IaxSubclass::Pong if self.legs[leg].role == Role::Prober => {
                self.tell(leg, Told::Pong);
                self.on_leg(leg, tools, |leg, _| leg.over = true);
            }
            IaxSubclass::Vnak => self.on_leg(leg, tools, |leg, ctx| {
                if !leg.is_waiting()
                    && let Some(speech) = &mut leg.speech
                {
                    speech.owe_full();
                }
                leg.resend_from(ctx, header.iseqno.0);
            }),
            IaxSubclass::AuthReq | IaxSubclass::RegAuth => self.challenged(leg, tools, read),
            IaxSubclass::AuthRep | IaxSubclass::RegReq | IaxSubclass::RegRel => {
                self.answered_challenge(leg, tools, read);
            }
            IaxSubclass::Accept => self.accepted(leg, tools, read),
            IaxSubclass::Hangup => self.ended(tools, leg, header, Told::HungUp(read.cause())),
            IaxSubclass::Reject => self.ended(tools, leg, header, Told::Rejected(read.cause())),
            IaxSubclass::RegAck if registers => {
                let granted = read.number(IeKind::Refresh).unwrap_or(0);
                self.ended(tools, leg, header, Told::Registered(granted));
            }
            IaxSubclass::RegRej if registers => self.ended(tools, leg, header, Told::Refused),
            IaxSubclass::Inval => {
                self.tell(leg, Told::Invalid);
                self.on_leg(leg, tools, |leg, _| leg.over = true);
            }
            IaxSubclass::Quelch => {
                self.tell(leg, Told::Quelched);
                self.legs[leg].quelched = true;
            }
            IaxSubclass::Unquelch => {
                self.tell(leg, Told::Unquelched);
                self.legs[leg].quelched = false;
            }
            IaxSubclass::Unsupport => self.tell(leg, Told::Unsupported),
            _ => {}
        }
    }

    /// HANGUP and its like: acknowledged at once, then the leg is gone.
    fn ended(&mut self, tools: &mut Tools<'_>, leg: usize, header: &FullHeader, told: Told) {
        self.tell(leg, told);
        self.on_leg(leg, tools, |leg, ctx| {
            if header.source != CallNumber::NO_CALL {
                leg.send_ack(ctx, header);
            }
            leg.over = true;
        });
    }

    fn accepted(&mut self, leg: usize, tools: &mut Tools<'_>, read: &Read<'_>) {
        if self.legs[leg].accepted || self.legs[leg].role != Role::Caller {
            return;
        }
        let chosen = read.formats(IeKind::Format);
        let [format] = chosen[..] else { panic!("ACCEPT names one format, not {chosen:?}") };
        if !self.manner.codecs.contains(&format) {
            return self.reject(leg, tools, NO_CODEC);
        }
        self.legs[leg].accepted = true;
        self.legs[leg].format = format;
        self.tell(leg, Told::Accepted(format));
    }

    /// A call has come in and nothing stands against it.
    pub(super) fn pick_up(&mut self, leg: usize, tools: &mut Tools<'_>) {
        let pickup = self.manner.pickup;
        match pickup {
            Pickup::Rejects(cause) => return self.reject(leg, tools, cause),
            Pickup::Acknowledges | Pickup::Ignores => return,
            _ => {}
        }
        let offered = self.legs[leg].said.offered.clone();
        let Some(format) = self.manner.codecs.iter().copied().find(|f| offered.contains(f)) else {
            return self.reject(leg, tools, NO_CODEC);
        };
        self.legs[leg].format = format;
        self.legs[leg].accepted = true;
        if self.manner.pings {
            self.legs[leg].ping_at = tools.now + PING_TIME;
            self.legs[leg].lagrq_at = tools.now + LAGRQ_TIME;
        }
        let ies = Elements::new().formats(IeKind::Format, &[format]);
        self.on_leg(leg, tools, |leg, ctx| leg.send_iax(ctx, IaxSubclass::Accept, ies.octets()));
        match pickup {
            Pickup::Rings => self.control(leg, tools, ControlSubclass::Ringing, &[]),
            Pickup::Answers(after) => {
                self.control(leg, tools, ControlSubclass::Ringing, &[]);
                self.legs[leg].answer_at = tools.now + after;
            }
            Pickup::Busy => {
                self.control(leg, tools, ControlSubclass::Busy, &[]);
                self.hang_up(leg, tools, BUSY);
            }
            Pickup::Congested => {
                self.control(leg, tools, ControlSubclass::Congestion, &[]);
                self.hang_up(leg, tools, CONGESTION);
            }
            _ => {}
        }
    }

    /// Everything but IAX messages.
    pub(super) fn hear_session(
        &mut self,
        tools: &mut Tools<'_>,
        leg: usize,
        frame: &FullFrame<'_>,
    ) {
        let header = *frame.header();
        let octet = header.subclass.0;
        let told = match header.frame_type {
            FrameType::Voice => {
                let format = header.subclass.as_voice().expect("voice has a format");
                return self.on_leg(leg, tools, |leg, ctx| {
                    leg.hear_full_voice(ctx, format, header.timestamp, frame.data());
                });
            }
            FrameType::DtmfBegin => Told::DigitBegins(octet as char),
            FrameType::DtmfEnd => Told::Digit(octet as char),
            FrameType::Text => Told::Text(frame.data().to_vec()),
            FrameType::Control => match header.subclass.as_control() {
                ControlSubclass::Ringing => Told::Ringing,
                ControlSubclass::Proceeding => Told::Proceeding,
                ControlSubclass::Progress => Told::Progress,
                ControlSubclass::Answer => {
                    self.legs[leg].answered = true;
                    Told::Answered
                }
                ControlSubclass::Busy => Told::Busy,
                ControlSubclass::Congestion => Told::Congestion,
                ControlSubclass::Hold => Told::Hold,
                ControlSubclass::Unhold => Told::Unhold,
                _ => Told::Control(octet),
            },
            other => panic!("the switch sent a frame of type {other:?}"),
        };
        self.tell(leg, told);
    }

    pub(super) fn answer(&mut self, leg: usize, tools: &mut Tools<'_>) {
        self.legs[leg].answered = true;
        self.control(leg, tools, ControlSubclass::Answer, &[]);
    }

    pub(super) fn control(
        &mut self,
        leg: usize,
        tools: &mut Tools<'_>,
        control: ControlSubclass,
        data: &[u8],
    ) {
        self.say(leg, tools, (FrameType::Control, Subclass::control(control)), data);
    }

    /// A frame of any kind.
    pub(super) fn say(
        &mut self,
        leg: usize,
        tools: &mut Tools<'_>,
        kind: (FrameType, Subclass),
        data: &[u8],
    ) {
        self.on_leg(leg, tools, |leg, ctx| {
            if !leg.over && leg.ending.is_none() {
                leg.send_kind(ctx, kind, data);
            }
        });
    }

    pub(super) fn hang_up(&mut self, leg: usize, tools: &mut Tools<'_>, cause: u8) {
        self.end(leg, tools, IaxSubclass::Hangup, Elements::new().cause(cause).octets());
    }

    pub(super) fn reject(&mut self, leg: usize, tools: &mut Tools<'_>, cause: u8) {
        let ies = Elements::new().text(IeKind::Cause, Some("because")).cause(cause);
        self.end(leg, tools, IaxSubclass::Reject, ies.octets());
    }

    fn end(&mut self, leg: usize, tools: &mut Tools<'_>, kind: IaxSubclass, ies: &[u8]) {
        self.on_leg(leg, tools, |leg, ctx| {
            leg.answer_at = Instant::FAR_FUTURE;
            if !leg.over && leg.ending.is_none() {
                leg.send_last(ctx, kind, ies);
            }
        });
    }

    /// The legs of calls that are neither over nor ending.
    pub(super) fn calls(&self) -> impl Iterator<Item = usize> + '_ {
        let live = |leg: &PeerLeg| {
            !leg.over && leg.ending.is_none() && matches!(leg.role, Role::Caller | Role::Callee)
        };
        (0..self.legs.len()).filter(move |leg| live(&self.legs[*leg]))
    }

    /// Voice of several calls as one trunk frame.
    pub(super) fn send_trunk(
        &mut self,
        tools: &mut Tools<'_>,
        entries: &[(CallNumber, u16, Vec<u8>)],
    ) {
        let Some(timed) = self.manner.trunk.filter(|_| !entries.is_empty()) else { return };
        let form = if timed { EntryForm::Timed } else { EntryForm::Untimed };
        for some in entries.chunks(7) {
            let mut octets = vec![0; 8];
            let time = tools.now.millis_since(Instant::ZERO);
            emit_trunk_header(form, time, &mut octets).expect("eight octets");
            for (call, stamp, audio) in some {
                let mut header = vec![0; form.header_len()];
                let (stamp, len) = (MiniTimestamp(*stamp), audio.len() as u16);
                emit_entry_header(form, *call, stamp, len, &mut header).expect("its length");
                octets.extend_from_slice(&header);
                octets.extend_from_slice(audio);
            }
            tools.out.push(octets);
        }
    }
}
