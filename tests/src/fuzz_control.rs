//! Drives `control` by a script made of any octets: peers that speak in and out of turn, cores, and time.
//!
//! What must hold: it never panics, every wake's work is bounded, all it sends are whole full frames, and after
//! closing time nothing is left.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use control::conf::Sources;
use control::dialplan::Dialplan;
use control::{Control, Output, Setup};
use dataplane::handoff::{Command, CoreId, Punt, RelayCells, RelayId, SocketId};
use dataplane::time::Instant;
use dataplane::wire::{
    CallNumber, Frame, FrameType, FullFrame, FullHeader, IaxSubclass, SeqNo, Subclass, Timestamp,
};

/// How far a script got.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Reached {
    /// Datagrams control sent.
    pub datagrams: usize,
    /// Relays it installed.
    pub relays: usize,
    /// Most calls that were up at a time.
    pub calls_up: usize,
}

/// Runs one script: records of an operation, a length and so many octets.
pub fn control(script: &[u8]) -> Reached {
    let mut stage = Stage::new();
    let mut rest = script;
    while let Some((&[operation, len], after)) = rest.split_first_chunk() {
        let (octets, after) = after.split_at(usize::from(len).min(after.len()));
        rest = after;
        stage.plays(operation, octets);
    }
    stage.closes();
    stage.reached
}

/// Outputs of one call into control; more is a loop.
const OUTPUTS_MAX: usize = 4096;
/// Wakes until all is quiet; more is a timer that never rests.
const WAKES_MAX: usize = 20_000;
/// Octets of a datagram that fits every path.
const DATAGRAM_MAX: usize = 1452;

/// A peer that can speak in its turn: it knows what control said last.
#[derive(Debug)]
struct Speaker {
    address: SocketAddr,
    source: u16,
    destination: Option<CallNumber>,
    oseqno: SeqNo,
    iseqno: SeqNo,
}

impl Speaker {
    /// A frame of this type and subclass in its turn; one that opens a dialogue starts a new one.
    fn frame(
        &mut self,
        at: Timestamp,
        frame_type: FrameType,
        subclass: u8,
        data: &[u8],
    ) -> Vec<u8> {
        use IaxSubclass as Iax;
        let iax = (frame_type == FrameType::Iax).then(|| IaxSubclass::from_wire(subclass));
        let answers = self.destination.is_some() && iax != Some(Iax::New);
        if matches!(iax, Some(Iax::New | Iax::RegReq | Iax::RegRel | Iax::Poke)) && !answers {
            self.source = self.source % 0x7fff + 1;
            (self.destination, self.oseqno, self.iseqno) = (None, SeqNo(0), SeqNo(0));
        }
        let header = FullHeader {
            source: CallNumber::from_wire(self.source).unwrap_or(CallNumber::MAX),
            destination: self.destination,
            retransmission: false,
            timestamp: at,
            oseqno: self.oseqno,
            iseqno: self.iseqno,
            frame_type,
            subclass: Subclass(subclass),
        };
        if iax.is_none_or(IaxSubclass::is_numbered) {
            self.oseqno = self.oseqno.next();
        }
        let mut octets = vec![0; FullHeader::LEN];
        header.emit(&mut octets).expect("room for a header");
        octets.extend_from_slice(data);
        octets
    }

    /// Control said something.
    fn hears(&mut self, frame: &FullFrame<'_>) {
        let header = frame.header();
        let calls = is_message(frame, IaxSubclass::New);
        if header.source == CallNumber::NO_CALL || (header.destination.is_none() && !calls) {
            return; // stateless answers, and dialogues beside the call
        }
        if calls && self.destination != Some(header.source) {
            (self.oseqno, self.iseqno) = (SeqNo(0), SeqNo(0));
        }
        self.destination = Some(header.source);
        let numbered =
            header.frame_type != FrameType::Iax || header.subclass.as_iax().is_numbered();
        if numbered && !header.retransmission {
            self.iseqno = header.oseqno.next();
        }
    }
}

/// Whether a frame is this message of the protocol.
fn is_message(frame: &FullFrame<'_>, subclass: IaxSubclass) -> bool {
    let header = frame.header();
    header.frame_type == FrameType::Iax && header.subclass.as_iax() == subclass
}

/// Control between three speakers and one core.
struct Stage {
    control: Control,
    now: Instant,
    speakers: [Speaker; 3],
    relays: Vec<RelayId>,
    reached: Reached,
}

impl Stage {
    fn new() -> Self {
        let mut sources = Sources::new();
        sources.add("iax.conf", IAX_CONF);
        sources.add("extensions.conf", EXTENSIONS_CONF);
        sources.add("trunkline.conf", "[dataplane]\nlegs_max = 64\npeers_max = 64\n");
        let (config, told) = control::conf::parse(&sources);
        let config = Arc::new(config.unwrap_or_else(|| panic!("{told:?}")));
        let (plan, _) = Dialplan::parse(&sources, &["in"], &|_| true);
        let now = Instant::from_micros(1_000_000);
        let cells = Arc::new(RelayCells::new(config.dataplane.legs_max));
        let (plan, unix_seconds) = (Arc::new(plan), 1_710_510_330);
        let keys = Arc::default();
        let setup = Setup { config, plan, keys, cells, cores: 1, seed: [7; 32], now, unix_seconds };
        let speakers = [2, 3, 4].map(|last| Speaker {
            address: SocketAddr::from(([127, 0, 0, last], 4569)),
            source: 100,
            destination: None,
            oseqno: SeqNo(0),
            iseqno: SeqNo(0),
        });
        let mut stage = Self {
            control: Control::new(setup),
            now,
            speakers,
            relays: Vec::new(),
            reached: Reached::default(),
        };
        stage.drains();
        stage
    }

    /// One record of the script.
    fn plays(&mut self, operation: u8, octets: &[u8]) {
        let who = usize::from(operation >> 4) % self.speakers.len();
        match operation & 0x0f {
            0..=2 => {
                let remote = self.speakers[who].address;
                self.punts(Punt::Full { local: SocketId(0), remote, octets });
            }
            3..=9 => {
                let &[kind, subclass, ref data @ ..] = octets else { return };
                let at = Timestamp(self.now.millis_since(Instant::ZERO));
                let speaker = &mut self.speakers[who];
                let octets = speaker.frame(at, FrameType::from_wire(kind), subclass, data);
                let remote = speaker.address;
                self.punts(Punt::Full { local: SocketId(0), remote, octets: &octets });
            }
            10..=12 => {
                let millis = octets.iter().map(|octet| u64::from(*octet) * 10).sum();
                self.waits(Duration::from_millis(millis));
            }
            13 => {
                let Some(relay) = self.relays.get(who).copied() else { return };
                let heard = Timestamp(self.now.millis_since(Instant::ZERO));
                self.punts(Punt::Voice { relay, heard, audio: octets });
            }
            _ => {
                let source = CallNumber::NO_CALL;
                let remote = self.speakers[who].address;
                self.punts(Punt::Stray { local: SocketId(0), remote, source });
            }
        }
    }

    fn punts(&mut self, punt: Punt<'_>) {
        self.control.handle_punt(self.now, CoreId(0), punt);
        self.drains();
    }

    /// Does what control asks for until it asks for nothing more.
    fn drains(&mut self) {
        let mut outputs = 0;
        while let Some(output) = self.control.poll_output() {
            outputs += 1;
            assert!(outputs < OUTPUTS_MAX, "control never comes to rest");
            match output {
                Output::Send { remote, octets, .. } => self.sent(remote, &octets),
                Output::Command { command: Command::Install(spec), .. } => {
                    self.reached.relays += 1;
                    self.relays.push(spec.relay);
                }
                Output::Command { command: Command::Remove(relay), .. } => {
                    self.relays.retain(|installed| *installed != relay);
                    self.control.handle_punt(self.now, CoreId(0), Punt::Removed(relay));
                }
                Output::Resolve(question) => {
                    let answer = Err("no names here".to_owned());
                    self.control.handle_resolved(self.now, question.ticket, answer);
                }
                Output::Work(job) => self.control.handle_job(self.now, job.refused()),
                Output::Command { .. } | Output::Log(_) => {}
            }
        }
        self.reached.calls_up = self.reached.calls_up.max(self.control.stats().calls_up);
    }

    fn sent(&mut self, remote: SocketAddr, octets: &[u8]) {
        self.reached.datagrams += 1;
        assert!(octets.len() <= DATAGRAM_MAX, "a datagram of {} octets", octets.len());
        let Ok(Frame::Full(frame)) = Frame::parse(octets) else {
            panic!("control sends what is no full frame: {octets:02x?}");
        };
        assert!(frame.ies().all(|ie| ie.is_ok()), "control sends broken elements: {octets:02x?}");
        let speaker = self.speakers.iter_mut().find(|speaker| speaker.address == remote);
        speaker.expect("control speaks to those it knows only").hears(&frame);
    }

    /// Time passes, with every timer on the way.
    fn waits(&mut self, span: Duration) {
        let until = self.now + span;
        let mut wakes = 0;
        while self.control.deadline() <= until {
            self.now = self.now.max(self.control.deadline());
            self.control.handle_timeout(self.now);
            self.drains();
            wakes += 1;
            assert!(wakes < WAKES_MAX, "a timer never rests");
        }
        self.now = until;
    }

    /// Closing time: nobody answers any more, and after two minutes nothing is left.
    fn closes(&mut self) {
        self.control.shut_down(self.now);
        self.drains();
        self.waits(Duration::from_secs(120));
        let stats = self.control.stats();
        assert!(self.control.is_idle(), "left behind: {stats:?}");
        assert!(self.relays.is_empty(), "relays left behind: {:?}", self.relays);
    }
}

const IAX_CONF: &str = "\
[general]
bindaddr = 127.0.0.1
disallow = all
allow = ulaw,alaw
calltokenoptional = 127.0.0.2/255.255.255.255
calltokenoptional = 127.0.0.3/255.255.255.255
[alice]
type = friend
host = 127.0.0.2
context = in
trunk = yes
qualify = yes
[bob]
type = peer
host = 127.0.0.3
[carol]
type = friend
host = dynamic
auth = md5
secret = secret
context = in
";

const EXTENSIONS_CONF: &str = "\
[in]
exten => 600,1,Dial(IAX2/bob/600,20,g)
exten => 600,n,Dial(IAX2/carol/600,20)
exten => _X.,1,Busy()
";
