//! The words of a scenario: what hosts are made to do, and what may be asked of them afterwards.

use std::cell::RefCell;
use std::rc::Rc;
use std::time::Duration;

use dataplane::wire::{ControlSubclass, FrameType, IaxSubclass, MediaFormat, Subclass};

use super::Inner;
use super::leg::{PeerLeg, Role, Said, Told};
use super::manner::Manner;
use super::peer::{Peer, Tools};
use super::speech::{BLOCK, Speech};

/// One leg of a host, for good: it may be asked about after its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CallId(pub(crate) usize);

/// A scripted host.
#[derive(Debug, Clone)]
pub struct Host {
    world: Rc<RefCell<Inner>>,
    index: usize,
}

/// What was heard of one talker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listened {
    /// The talker.
    pub talker: u16,
    /// Blocks heard, in the order heard, with their time-stamps.
    pub blocks: Vec<(u32, u32)>,
}

impl Host {
    pub(super) fn new(world: Rc<RefCell<Inner>>, index: usize) -> Self {
        Self { world, index }
    }

    pub(super) fn index(&self) -> usize {
        self.index
    }

    fn act<R>(&self, work: impl FnOnce(&mut Peer, &mut Tools<'_>) -> R) -> R {
        self.world.borrow_mut().with_host(self.index, work)
    }

    fn look<R>(&self, work: impl FnOnce(&Peer) -> R) -> R {
        work(&self.world.borrow().hosts[self.index])
    }

    fn at_leg<R>(&self, call: CallId, work: impl FnOnce(&PeerLeg) -> R) -> R {
        self.look(|peer| work(&peer.legs[call.0]))
    }

    /// Changes its manners.
    pub fn behaves(&self, change: impl FnOnce(&mut Manner)) {
        self.act(|peer, _| change(&mut peer.manner));
    }

    /// It calls `number`.
    pub fn dials(&self, number: &str) -> CallId {
        CallId(self.act(|peer, tools| peer.dial(tools, number)))
    }

    /// It registers for so many seconds.
    pub fn registers(&self, refresh: u16) -> CallId {
        CallId(self.act(|peer, tools| peer.register(tools, refresh, false)))
    }

    /// It releases its registration.
    pub fn unregisters(&self) -> CallId {
        CallId(self.act(|peer, tools| peer.register(tools, 0, true)))
    }

    /// It sends POKE.
    pub fn pokes(&self) -> CallId {
        CallId(self.act(Peer::poke))
    }

    /// Its calls that are neither over nor ending.
    pub fn calls(&self) -> Vec<CallId> {
        self.look(|peer| peer.calls().map(CallId).collect())
    }

    /// The call that came in last, over or not.
    pub fn call_in(&self) -> CallId {
        self.calls_in().last().copied().expect("no call has come in")
    }

    /// All calls that ever came in.
    pub fn calls_in(&self) -> Vec<CallId> {
        self.legs_of(Role::Callee)
    }

    /// All legs that ever were of a role.
    pub fn legs_of(&self, role: Role) -> Vec<CallId> {
        self.look(|peer| {
            let legs = peer.legs.iter().enumerate();
            legs.filter(|(_, leg)| leg.role == role).map(|(at, _)| CallId(at)).collect()
        })
    }

    /// The next number a leg expects of the switch.
    pub fn iseqno(&self, call: CallId) -> u8 {
        self.at_leg(call, |leg| leg.iseqno)
    }

    /// What the call that came in said of itself.
    pub fn said(&self, call: CallId) -> Said {
        self.at_leg(call, |leg| leg.said.clone())
    }

    /// All that a leg has been told, in order.
    pub fn told(&self, call: CallId) -> Vec<Told> {
        self.at_leg(call, |leg| leg.told.clone())
    }

    /// What the host knows last of a leg.
    pub fn told_last(&self, call: CallId) -> Option<Told> {
        self.at_leg(call, |leg| leg.told.last().cloned())
    }

    /// Whether a leg was told this.
    pub fn was_told(&self, call: CallId, told: &Told) -> bool {
        self.at_leg(call, |leg| leg.told.contains(told))
    }

    /// Whether a call is answered, by either side.
    pub fn is_answered(&self, call: CallId) -> bool {
        self.at_leg(call, |leg| leg.answered)
    }

    /// Whether a leg is gone.
    pub fn is_over(&self, call: CallId) -> bool {
        self.at_leg(call, |leg| leg.over)
    }

    /// A call's format.
    pub fn format(&self, call: CallId) -> MediaFormat {
        self.at_leg(call, |leg| leg.format)
    }

    /// It answers a call that rings.
    pub fn answers(&self, call: CallId) {
        self.act(|peer, tools| peer.answer(call.0, tools));
    }

    /// It says RINGING, PROGRESS, HOLD or whatever.
    pub fn says(&self, call: CallId, control: ControlSubclass) {
        self.act(|peer, tools| peer.control(call.0, tools, control, &[]));
    }

    /// A frame of any type.
    pub fn says_frame(&self, call: CallId, kind: FrameType, subclass: u8, data: &[u8]) {
        self.act(|peer, tools| peer.say(call.0, tools, (kind, Subclass(subclass)), data));
    }

    /// An IAX message of any kind, on a call.
    pub fn says_iax(&self, call: CallId, subclass: IaxSubclass, data: &[u8]) {
        self.says_frame(call, FrameType::Iax, subclass.to_wire(), data);
    }

    /// A digit is pressed and let go, as Asterisk tells it.
    pub fn presses(&self, call: CallId, digit: char) {
        self.says_frame(call, FrameType::DtmfBegin, digit as u8, &[]);
        self.says_frame(call, FrameType::DtmfEnd, digit as u8, &[]);
    }

    /// Text, with its NUL.
    pub fn writes(&self, call: CallId, text: &str) {
        self.says_frame(call, FrameType::Text, 0, &[text.as_bytes(), &[0]].concat());
    }

    /// A call is hung up.
    pub fn hangs_up(&self, call: CallId, cause: u8) {
        self.act(|peer, tools| peer.hang_up(call.0, tools, cause));
    }

    /// A call is refused.
    pub fn rejects(&self, call: CallId, cause: u8) {
        self.act(|peer, tools| peer.reject(call.0, tools, cause));
    }

    /// A call's talker speaks for so long, from now on, in the call's format.
    pub fn talks(&self, call: CallId, time: Duration) {
        let format = self.format(call);
        self.talks_in(call, format, time);
    }

    /// The same in a format of its own choice.
    pub fn talks_in(&self, call: CallId, format: MediaFormat, time: Duration) {
        let blocks = (time.as_micros() / BLOCK.as_micros()) as u32;
        self.act(|peer, tools| {
            let talker = tools.ledger.talker();
            let leg = &mut peer.legs[call.0];
            let clock = leg.clock(tools.now);
            leg.speech = Some(Speech::new(talker, format, tools.now, clock, blocks));
        });
    }

    /// The talker of a call, while it speaks, goes on in another format.
    pub fn changes_format(&self, call: CallId, format: MediaFormat) {
        self.act(|peer, _| {
            let speech = peer.legs[call.0].speech.as_mut();
            speech.expect("it speaks").format = format;
        });
    }

    /// The talker of a call, while it speaks.
    pub fn talker(&self, call: CallId) -> Option<u16> {
        self.at_leg(call, |leg| leg.speech.as_ref().map(|speech| speech.talker))
    }

    /// What a call's ear has heard, talker by talker in the order they began.
    pub fn listened(&self, call: CallId) -> Vec<Listened> {
        self.at_leg(call, |leg| {
            let mut all: Vec<Listened> = Vec::new();
            for (talker, index, at) in leg.ear.blocks.iter().copied() {
                match all.iter_mut().find(|listened| listened.talker == talker) {
                    Some(listened) => listened.blocks.push((index, at)),
                    None => all.push(Listened { talker, blocks: vec![(index, at)] }),
                }
            }
            all
        })
    }

    /// (trunk entries, full VOICE frames, frames too early, strange frames) that a call's ear has had.
    pub fn ear(&self, call: CallId) -> (usize, usize, usize, usize) {
        self.at_leg(call, |leg| (leg.ear.entries, leg.ear.full, leg.ear.early, leg.ear.strange))
    }

    /// It restarts: every call is forgotten.
    pub fn restarts(&self) {
        self.act(|peer, _| peer.forget());
    }

    /// It is switched off, or on again.
    pub fn switches_off(&self, off: bool) {
        self.act(|peer, _| peer.off = off);
    }

    /// POKEs it has heard.
    pub fn pokes_heard(&self) -> usize {
        self.look(|peer| peer.pokes_heard)
    }

    /// Voice it has heard for calls it does not know.
    pub fn unknown_voice(&self) -> usize {
        self.look(|peer| peer.unknown_voice)
    }

    /// It keeps every datagram from now on.
    pub fn keeps_datagrams(&self) {
        self.act(|peer, _| peer.inbox = Some(Vec::new()));
    }

    /// The datagrams kept.
    pub fn datagrams(&self) -> Vec<Vec<u8>> {
        self.look(|peer| peer.inbox.clone().unwrap_or_default())
    }

    /// It sends octets of the script's choice.
    pub fn sends(&self, octets: &[u8]) {
        self.act(|_, tools| tools.out.push(octets.to_vec()));
    }

    /// Our and the switch's number of a leg.
    pub fn numbers(&self, call: CallId) -> (u16, u16) {
        self.at_leg(call, |leg| (leg.ours.get(), leg.theirs.map_or(0, |theirs| theirs.get())))
    }

    /// It is elsewhere from now on.
    pub fn moves_to(&self, address: &str) {
        self.act(|peer, _| peer.address = address.parse().expect("an address"));
    }
}
