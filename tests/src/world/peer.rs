//! A scripted host: an IAX2 endpoint that behaves as Asterisk does, and knows nothing of `control`.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::time::Duration;

use dataplane::time::Instant;
use dataplane::wire::{
    CallNumber, Frame, FrameType, FullFrame, FullHeader, IaxSubclass, SeqNo, Subclass, TrunkFrame,
};

use super::ies::Read;
use super::ledger::Ledger;
use super::leg::{Ctx, Order, PeerLeg, Role, Told};
use super::manner::Manner;
use super::random::Random;

/// One host.
#[derive(Debug)]
pub(super) struct Peer {
    /// Where it is.
    pub(super) address: SocketAddr,
    pub(super) manner: Manner,
    /// All legs there ever were.
    pub(super) legs: Vec<PeerLeg>,
    resting: HashMap<u16, Instant>,
    next_number: u16,
    pub(super) token_key: u64,
    /// Datagrams heard, if they are kept.
    pub(super) inbox: Option<Vec<Vec<u8>>>,
    /// Deaf and dumb: as if switched off.
    pub(super) off: bool,
    /// Voice for calls it does not know.
    pub(super) unknown_voice: usize,
    /// Calls that came in and were refused or challenged without a leg.
    pub(super) pokes_heard: usize,
}

const NUMBER_RESTS: Duration = Duration::from_secs(60);
/// A leg lingers so long after its HANGUP, at most.
const LINGERS: Duration = Duration::from_secs(10);
pub(super) const PING_TIME: Duration = Duration::from_secs(21);
pub(super) const LAGRQ_TIME: Duration = Duration::from_secs(10);

impl Peer {
    pub(super) fn new(address: SocketAddr, manner: Manner, token_key: u64) -> Self {
        Self {
            address,
            manner,
            legs: Vec::new(),
            resting: HashMap::new(),
            next_number: 2,
            token_key,
            inbox: None,
            off: false,
            unknown_voice: 0,
            pokes_heard: 0,
        }
    }

    /// Runs `work` on a leg with everything it needs.
    pub(super) fn on_leg<R>(
        &mut self,
        leg: usize,
        tools: &mut Tools<'_>,
        work: impl FnOnce(&mut PeerLeg, &mut Ctx<'_>) -> R,
    ) -> R {
        let mut ctx =
            Ctx { now: tools.now, manner: &self.manner, ledger: tools.ledger, out: tools.out };
        let result = work(&mut self.legs[leg], &mut ctx);
        if self.legs[leg].over {
            let (ours, now) = (self.legs[leg].ours, tools.now);
            self.legs[leg].speech = None;
            self.resting.entry(ours.get()).or_insert(now);
        }
        result
    }

    /// A number for a new leg.
    pub(super) fn number(&mut self, tools: &mut Tools<'_>) -> CallNumber {
        let now = tools.now;
        self.resting.retain(|_, since| now < *since + NUMBER_RESTS);
        loop {
            let number = if self.manner.numbers_by_lot {
                2 + tools.random.below(16_382) as u16
            } else {
                self.next_number += 1;
                self.next_number - 1
            };
            let taken = self.legs.iter().any(|leg| !leg.over && leg.ours.get() == number);
            if !taken && !self.resting.contains_key(&number) {
                return CallNumber::from_wire(number).expect("not 0");
            }
        }
    }

    pub(super) fn open(&mut self, tools: &mut Tools<'_>, role: Role) -> usize {
        let number = self.number(tools);
        self.legs.push(PeerLeg::new(tools.now, role, number));
        self.legs.len() - 1
    }

    /// Everything is forgotten, as after a crash; scripts keep what legs were told.
    pub(super) fn forget(&mut self) {
        for leg in &mut self.legs {
            leg.over = true;
            leg.speech = None;
        }
        self.resting.clear();
        self.next_number = 2;
    }

    /// When it has something to do.
    pub(super) fn deadline(&self) -> Instant {
        if self.off {
            return Instant::FAR_FUTURE;
        }
        self.legs
            .iter()
            .filter(|leg| !leg.over)
            .map(Self::leg_deadline)
            .min()
            .unwrap_or(Instant::FAR_FUTURE)
    }

    fn leg_deadline(leg: &PeerLeg) -> Instant {
        let voice = leg.speech.as_ref().map_or(Instant::FAR_FUTURE, |speech| speech.next_at);
        let linger = leg.ending.map_or(Instant::FAR_FUTURE, |since| since + LINGERS);
        leg.transport_deadline()
            .min(voice)
            .min(linger)
            .min(leg.answer_at)
            .min(leg.ping_at)
            .min(leg.lagrq_at)
    }

    /// Does what is due.
    pub(super) fn wake(&mut self, tools: &mut Tools<'_>) {
        let due: Vec<usize> = (0..self.legs.len())
            .filter(|leg| {
                !self.legs[*leg].over && Self::leg_deadline(&self.legs[*leg]) <= tools.now
            })
            .collect();
        let mut entries = Vec::new();
        for leg in due {
            self.on_leg(leg, tools, PeerLeg::retransmit);
            self.on_leg(leg, tools, |leg, ctx| {
                leg.over |= leg.ending.is_some_and(|since| ctx.now >= since + LINGERS);
            });
            if self.legs[leg].over {
                continue;
            }
            self.keep_alive(leg, tools);
            if self.legs[leg].answer_at <= tools.now {
                self.legs[leg].answer_at = Instant::FAR_FUTURE;
                self.answer(leg, tools);
            }
            let ours = self.legs[leg].ours;
            let entry = self.on_leg(leg, tools, |leg, ctx| leg.speak(ctx));
            entries.extend(entry.map(|(stamp, audio)| (ours, stamp, audio)));
        }
        self.send_trunk(tools, &entries);
    }

    fn keep_alive(&mut self, leg: usize, tools: &mut Tools<'_>) {
        self.on_leg(leg, tools, |leg, ctx| {
            let talks = leg.theirs.is_some() && leg.ending.is_none();
            if leg.ping_at <= ctx.now {
                leg.ping_at = ctx.now + PING_TIME;
                if talks {
                    leg.send_iax(ctx, IaxSubclass::Ping, &[]);
                }
            }
            if leg.lagrq_at <= ctx.now {
                leg.lagrq_at = ctx.now + LAGRQ_TIME;
                if talks {
                    leg.send_iax(ctx, IaxSubclass::LagRq, &[]);
                }
            }
        });
    }

    /// A datagram from the switch.
    pub(super) fn hear(&mut self, tools: &mut Tools<'_>, octets: &[u8]) {
        if let Some(inbox) = &mut self.inbox {
            inbox.push(octets.to_vec());
        }
        match Frame::parse(octets) {
            Ok(Frame::Full(frame)) => self.hear_full(tools, &frame),
            Ok(Frame::Mini(mini)) => {
                self.hear_voice(tools, mini.source(), Some(mini.timestamp().0), mini.payload());
            }
            Ok(Frame::Trunk(trunk)) => self.hear_trunk(tools, &trunk),
            Ok(Frame::Video(_)) | Err(_) => panic!("the switch sent {octets:02x?}"),
        }
    }

    fn hear_trunk(&mut self, tools: &mut Tools<'_>, trunk: &TrunkFrame<'_>) {
        for entry in trunk.entries() {
            let entry = entry.expect("the switch's trunk frames are whole");
            let source = entry.source.expect("and each entry names its call");
            let leg = self.leg_heard_from(source);
            if let Some(leg) = leg {
                self.legs[leg].ear.entries += 1;
            }
            self.hear_voice(tools, source, entry.timestamp.map(|stamp| stamp.0), entry.payload);
        }
    }

    fn hear_voice(
        &mut self,
        tools: &mut Tools<'_>,
        source: CallNumber,
        stamp: Option<u16>,
        audio: &[u8],
    ) {
        match self.leg_heard_from(source) {
            Some(leg) => self.on_leg(leg, tools, |leg, ctx| leg.hear_voice(ctx, stamp, audio)),
            None => {
                self.unknown_voice += 1;
                tools.ledger.dropped(audio, "the host does not know the call");
            }
        }
    }

    fn leg_heard_from(&self, source: CallNumber) -> Option<usize> {
        self.legs.iter().rposition(|leg| !leg.over && leg.theirs == Some(source))
    }

    /// The leg a full frame belongs to, in the order Asterisk looks for it.
    fn leg_of(&mut self, header: &FullHeader, iax: Option<IaxSubclass>) -> Option<usize> {
        let source = header.source;
        let live = |leg: &PeerLeg| !leg.over;
        let exact = |leg: &PeerLeg| {
            live(leg) && leg.theirs == Some(source) && header.destination == Some(leg.ours)
        };
        let unknown = |leg: &PeerLeg| {
            live(leg) && leg.theirs.is_none() && header.destination == Some(leg.ours)
        };
        let loose = |leg: &PeerLeg| {
            live(leg) && leg.theirs == Some(source) && iax != Some(IaxSubclass::Ack)
        };
        if let Some(found) = self.legs.iter().rposition(exact) {
            return Some(found);
        }
        if let Some(found) = self.legs.iter().rposition(unknown) {
            if source != CallNumber::NO_CALL {
                self.legs[found].theirs = Some(source);
            }
            return Some(found);
        }
        self.legs.iter().rposition(loose)
    }

    fn hear_full(&mut self, tools: &mut Tools<'_>, frame: &FullFrame<'_>) {
        let header = *frame.header();
        let Some(read) = Read::of(frame) else { return };
        let iax = (header.frame_type == FrameType::Iax).then(|| header.subclass.as_iax());
        let opens = header.destination.is_none()
            && matches!(iax, Some(IaxSubclass::New | IaxSubclass::RegReq | IaxSubclass::RegRel));
        if iax == Some(IaxSubclass::Poke) && header.destination.is_none() {
            self.pokes_heard += 1;
            if self.manner.answers_poke {
                stateless(tools, &header, IaxSubclass::Pong, &[]);
            }
            return;
        }
        if opens && self.manner.new_call_per_token && self.token_is_valid(tools.now, &read) {
            return self.opening(tools, frame, &read);
        }
        match self.leg_of(&header, iax) {
            Some(leg) => self.hear_on_leg(tools, leg, frame, &read, iax),
            None if opens => self.opening(tools, frame, &read),
            None => tools.ledger.dropped(frame.data(), "the host does not know the call"),
        }
    }

    fn hear_on_leg(
        &mut self,
        tools: &mut Tools<'_>,
        leg: usize,
        frame: &FullFrame<'_>,
        read: &Read<'_>,
        iax: Option<IaxSubclass>,
    ) {
        let header = *frame.header();
        if iax == Some(IaxSubclass::CallToken) {
            return self.token_came(leg, tools, read);
        }
        let unnumbered = iax.is_some_and(|iax| !iax.is_numbered());
        if self.on_leg(leg, tools, |leg, ctx| leg.order(ctx, &header, unnumbered, iax))
            == Order::Dealt
        {
            return;
        }
        if self.legs[leg].over {
            return;
        }
        match iax {
            Some(iax) => self.hear_iax(tools, leg, &header, read, iax),
            None => self.hear_session(tools, leg, frame),
        }
        if !unnumbered {
            self.on_leg(leg, tools, |leg, ctx| leg.ack_if_owed(ctx, &header));
        }
    }

    /// What a leg was told last, for the peer's own use.
    pub(super) fn tell(&mut self, leg: usize, told: Told) {
        self.legs[leg].told.push(told);
    }
}

/// What a host's work needs of the world.
pub(super) struct Tools<'a> {
    pub(super) now: Instant,
    pub(super) random: &'a mut Random,
    pub(super) ledger: &'a mut Ledger,
    pub(super) out: &'a mut Vec<Vec<u8>>,
}

/// A reply that belongs to no call.
pub(super) fn stateless(
    tools: &mut Tools<'_>,
    heard: &FullHeader,
    subclass: IaxSubclass,
    ies: &[u8],
) {
    let header = FullHeader {
        source: CallNumber::NO_CALL,
        destination: Some(heard.source),
        retransmission: false,
        timestamp: heard.timestamp,
        oseqno: SeqNo(0),
        iseqno: heard.iseqno.next(),
        frame_type: FrameType::Iax,
        subclass: Subclass::iax(subclass),
    };
    let mut octets = vec![0; FullHeader::LEN];
    header.emit(&mut octets).expect("twelve octets");
    octets.extend_from_slice(ies);
    tools.out.push(octets);
}
