//! A control plane and scripted peers that speak to it frame by frame, for tests.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use dataplane::handoff::{Command, CoreId, Punt, RelayCells, RelayId, SocketId};
use dataplane::time::Instant;
use dataplane::wire::{
    CallNumber, ControlSubclass, FrameType, FullFrame, FullHeader, IaxSubclass, IeKind, IeWriter,
    MediaFormat, SeqNo, Subclass, Timestamp,
};

use crate::conf::{Sources, parse_text};
use crate::dialplan::Dialplan;
use crate::elements::Elements;
use crate::engine::{Control, Setup};
use crate::leg::full_frame;
use crate::output::{LogLine, Output};
use crate::transport::{Kind, iax};

const IAX_CONF: &str = "
[general]
disallow=all
allow=ulaw
allow=alaw
allow=gsm
[alice]
type=friend
host=127.0.0.2
requirecalltoken=no
context=in
[dora]
type=user
secret=sesame
requirecalltoken=no
context=in
[erin]
type=user
secret=sesame
encryption=yes
requirecalltoken=no
context=in
[bob]
type=peer
host=127.0.0.3
requirecalltoken=no
[carol]
type=peer
host=127.0.0.4
[ulaw]
type=peer
host=127.0.0.5
disallow=all
allow=ulaw
[gsm]
type=peer
host=127.0.0.6
disallow=all
allow=gsm
";

const EXTENSIONS_CONF: &str = "
[in]
exten => 100,1,Dial(IAX2/bob/100)
exten => 200,1,Dial(IAX2/bob/200)
exten => 200,n,Dial(IAX2/carol/200)
exten => 300,1,Dial(IAX2/ulaw/300&IAX2/gsm/300)
";

/// A frame we sent, with what tests look at.
#[derive(Debug, Clone)]
pub(crate) struct Said {
    pub(crate) header: FullHeader,
    pub(crate) data: Vec<u8>,
}

impl Said {
    pub(crate) fn is(&self, kind: Kind) -> bool {
        (self.header.frame_type, self.header.subclass) == kind
    }
}

/// A control plane, its time, and what it has put out.
pub(crate) struct Bench {
    pub(crate) control: Control,
    pub(crate) now: Instant,
    pub(crate) said: Vec<(SocketAddr, Said)>,
    pub(crate) lines: Vec<LogLine>,
    pub(crate) commands: Vec<Command>,
}

/// One end of a leg as its peer keeps it.
#[derive(Clone, Copy)]
pub(crate) struct Peer {
    pub(crate) address: SocketAddr,
    pub(crate) ours: u16,
    pub(crate) theirs: Option<CallNumber>,
    pub(crate) oseqno: SeqNo,
    pub(crate) iseqno: SeqNo,
}

impl Peer {
    pub(crate) fn new(address: &str, ours: u16) -> Self {
        let address = format!("{address}:4569").parse().unwrap();
        Self { address, ours, theirs: None, oseqno: SeqNo(0), iseqno: SeqNo(0) }
    }

    pub(crate) fn header(&self, kind: Kind) -> FullHeader {
        FullHeader {
            source: CallNumber::from_wire(self.ours).unwrap(),
            destination: self.theirs,
            retransmission: false,
            timestamp: Timestamp(20 + u32::from(self.oseqno.0)),
            oseqno: self.oseqno,
            iseqno: self.iseqno,
            frame_type: kind.0,
            subclass: kind.1,
        }
    }
}

pub(crate) fn ies(write: impl FnOnce(&mut IeWriter<'_>)) -> Vec<u8> {
    let mut room = [0; 512];
    let mut ies = IeWriter::new(&mut room);
    write(&mut ies);
    let len = ies.finish().unwrap();
    room[..len].to_vec()
}

pub(crate) fn new_for(number: &str, user: Option<&str>) -> Vec<u8> {
    ies(|ies| {
        ies.u16(IeKind::Version, 2).raw(IeKind::CalledNumber, number.as_bytes());
        if let Some(user) = user {
            ies.raw(IeKind::Username, user.as_bytes());
        }
        ies.format(MediaFormat::ULAW);
        ies.capability(
            dataplane::wire::Capability::from(MediaFormat::ULAW)
                .with(MediaFormat::ALAW)
                .with(MediaFormat::GSM),
        );
    })
}

pub(crate) const fn control(subclass: ControlSubclass) -> Kind {
    (FrameType::Control, Subclass::control(subclass))
}

impl Bench {
    pub(crate) fn new() -> Self {
        let config = Arc::new(parse_text(IAX_CONF).unwrap());
        let mut sources = Sources::new();
        sources.add("extensions.conf", EXTENSIONS_CONF);
        let (plan, _) = Dialplan::parse(&sources, &["in"], &|_| true);
        let now = Instant::from_micros(1_000_000);
        let control = Control::new(Setup {
            cells: Arc::new(RelayCells::new(config.dataplane.legs_max)),
            config,
            plan: Arc::new(plan),
            keys: Arc::default(),
            cores: 1,
            seed: [9; 32],
            now,
            unix_seconds: 1_700_000_000,
        });
        let (said, lines, commands) = (Vec::new(), Vec::new(), Vec::new());
        Self { control, now, said, lines, commands }
    }

    pub(crate) fn drain(&mut self) {
        while let Some(output) = self.control.poll_output() {
            match output {
                Output::Send { remote, octets, .. } => {
                    let frame = FullFrame::parse(&octets).unwrap();
                    let (header, data) = (*frame.header(), frame.data().to_vec());
                    self.said.push((remote, Said { header, data }));
                }
                Output::Command { command, .. } => self.commands.push(command),
                Output::Log(line) => self.lines.push(line),
                Output::Resolve(_) | Output::Work(_) => {}
            }
        }
    }

    /// A peer's frame arrives as it is.
    pub(crate) fn hears(&mut self, peer: &Peer, header: FullHeader, data: &[u8]) {
        self.hears_octets(peer, &full_frame(&header, data));
    }

    /// The same, whatever became of it on the way.
    pub(crate) fn hears_octets(&mut self, peer: &Peer, octets: &[u8]) {
        let punt = Punt::Full { local: SocketId(0), remote: peer.address, octets };
        self.control.handle_punt(self.now, CoreId(0), punt);
        self.drain();
    }

    /// A peer says something with its next number.
    pub(crate) fn says(&mut self, peer: &mut Peer, kind: Kind, data: &[u8]) {
        let header = peer.header(kind);
        peer.oseqno = peer.oseqno.next();
        self.hears(peer, header, data);
    }

    /// The peer acknowledges all it was told, of which it takes the last of this kind.
    pub(crate) fn told(&mut self, peer: &mut Peer, kind: Kind) -> Option<Said> {
        let mut found = None;
        for (_, said) in self.said.iter().filter(|(to, _)| *to == peer.address) {
            let numbered = said.header.frame_type != FrameType::Iax
                || said.header.subclass.as_iax().is_numbered();
            if said.header.source != CallNumber::NO_CALL && numbered {
                peer.theirs = Some(said.header.source);
                if said.header.oseqno == peer.iseqno {
                    peer.iseqno = peer.iseqno.next();
                }
            }
            found = if said.is(kind) { Some(said.clone()) } else { found };
        }
        self.said.retain(|(to, _)| *to != peer.address);
        let header = peer.header(iax(IaxSubclass::Ack));
        self.hears(peer, header, &[]);
        found
    }

    pub(crate) fn passes(&mut self, time: Duration) {
        let end = self.now + time;
        while self.control.deadline() <= end {
            self.now = self.now.max(self.control.deadline());
            self.control.handle_timeout(self.now);
            self.drain();
        }
        self.now = end;
    }

    /// The cores answer every Remove.
    pub(crate) fn cores_remove(&mut self) -> usize {
        let removed: Vec<RelayId> = self
            .commands
            .drain(..)
            .filter_map(|command| match command {
                Command::Remove(relay) => Some(relay),
                _ => None,
            })
            .collect();
        for relay in &removed {
            self.control.handle_punt(self.now, CoreId(0), Punt::Removed(*relay));
            self.drain();
        }
        removed.len()
    }

    pub(crate) fn installs(&self) -> usize {
        self.commands.iter().filter(|command| matches!(command, Command::Install(_))).count()
    }

    /// Alice calls a number; the NEW that reached each of those called makes its end of the leg.
    pub(crate) fn alice_calls(&mut self, number: &str, called: &[&str]) -> (Peer, Vec<Peer>) {
        let mut alice = Peer::new("127.0.0.2", 77);
        let new = new_for(number, Some("alice"));
        let token = self.asks_for_token(&alice, alice.header(iax(IaxSubclass::New)), &new);
        self.says(&mut alice, iax(IaxSubclass::New), &[new, token].concat());
        let ack = self.said.iter().find(|(to, _)| *to == alice.address).unwrap().1.header;
        alice.theirs = Some(ack.source);
        let peers = called.iter().map(|address| self.is_called(address)).collect();
        (alice, peers)
    }

    /// The token a peer is given when it asks with this.
    pub(crate) fn asks_for_token(
        &mut self,
        peer: &Peer,
        header: FullHeader,
        elements: &[u8],
    ) -> Vec<u8> {
        self.hears(peer, header, &[elements, &[IeKind::CallToken.to_wire(), 0]].concat());
        let (_, answer) = self.said.pop().unwrap();
        assert!(answer.is(iax(IaxSubclass::CallToken)), "{answer:?}");
        answer.data
    }

    pub(crate) fn is_called(&mut self, address: &str) -> Peer {
        let mut peer = Peer::new(address, 55);
        let new = iax(IaxSubclass::New);
        let heard = self.said.iter().find(|(to, said)| *to == peer.address && said.is(new));
        peer.theirs = Some(heard.expect("a NEW").1.header.source);
        peer.iseqno = SeqNo(1);
        self.said.retain(|(to, _)| *to != peer.address);
        peer
    }

    pub(crate) fn accepts(&mut self, peer: &mut Peer, format: MediaFormat) {
        self.says(peer, iax(IaxSubclass::Accept), &ies(|ies| _ = ies.format(format)));
    }

    pub(crate) fn assert_all_gone(&mut self) {
        self.passes(Duration::from_secs(40));
        let stats = self.control.stats();
        assert_eq!((stats.legs, stats.calls, stats.calls_up), (0, 0, 0));
        assert!(self.control.challenges.is_empty());
        assert_eq!(self.control.unvalidated, 0);
        self.control.associations.wake_rested(self.now + Duration::from_secs(90));
        let home = (SocketId(0), "127.0.0.3:4569".parse().unwrap());
        assert_eq!(self.control.associations.find(home.0, home.1), None);
    }
}

pub(crate) fn hangup(cause: u8) -> Vec<u8> {
    ies(|ies| _ = ies.u8(IeKind::CauseCode, cause))
}

pub(crate) fn cause_of(said: &Said) -> Option<u8> {
    Elements::gather(dataplane::wire::Ies::new(&said.data)).unwrap().cause_code
}
