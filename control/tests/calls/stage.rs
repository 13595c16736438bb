//! Control between hosts that say what a test has them say, and cores that do at once what they are told.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use control::conf::Sources;
use control::dialplan::Dialplan;
use control::{Control, Output, Setup};
use dataplane::handoff::{Command, CoreId, Punt, RelayCells, SocketId};
use dataplane::time::Instant;
use dataplane::wire::{
    CallNumber, ControlSubclass, FrameType, FullFrame, FullHeader, IaxSubclass, IeKind, IeWriter,
    MediaFormat, SeqNo, Subclass, Timestamp,
};
use md5::{Digest, Md5};

pub(crate) const ULAW: MediaFormat = MediaFormat::ULAW;
pub(crate) const ALAW: MediaFormat = MediaFormat::ALAW;
const CORE: CoreId = CoreId(0);
const LOCAL: SocketId = SocketId(0);

/// A frame that control sent.
#[derive(Debug, Clone)]
pub(crate) struct Sent {
    pub(crate) to: SocketAddr,
    pub(crate) octets: Vec<u8>,
}

impl Sent {
    pub(crate) fn frame(&self) -> FullFrame<'_> {
        FullFrame::parse(&self.octets).expect("control sends full frames")
    }

    pub(crate) fn header(&self) -> FullHeader {
        *self.frame().header()
    }

    pub(crate) fn data(&self) -> &[u8] {
        &self.octets[FullHeader::LEN..]
    }

    pub(crate) fn iax(&self) -> Option<IaxSubclass> {
        let header = self.header();
        (header.frame_type == FrameType::Iax).then(|| header.subclass.as_iax())
    }

    pub(crate) fn control(&self) -> Option<ControlSubclass> {
        let header = self.header();
        (header.frame_type == FrameType::Control).then(|| header.subclass.as_control())
    }

    pub(crate) fn element(&self, kind: IeKind) -> Option<Vec<u8>> {
        let found = self.frame().ies().map(|ie| ie.expect("whole elements"));
        found.filter(|ie| ie.kind == kind).last().map(|ie| ie.data.to_vec())
    }

    pub(crate) fn text(&self, kind: IeKind) -> Option<String> {
        self.element(kind).map(|text| String::from_utf8(text).expect("text"))
    }

    pub(crate) fn cause(&self) -> Option<u8> {
        self.element(IeKind::CauseCode).map(|code| code[0])
    }
}

/// One end of a call at a scripted host.
#[derive(Debug, Clone)]
pub(crate) struct End {
    pub(crate) at: SocketAddr,
    pub(crate) number: u16,
    theirs: Option<CallNumber>,
    oseqno: SeqNo,
    iseqno: SeqNo,
    began: Instant,
}

/// Control, and what it has said and not yet been asked about.
pub(crate) struct Stage {
    control: Control,
    pub(crate) now: Instant,
    sent: Vec<Sent>,
    pub(crate) commands: Vec<Command>,
    pub(crate) lines: Vec<String>,
    next_number: u16,
}

/// What a NEW says.
#[derive(Debug, Clone)]
pub(crate) struct Caller<'a> {
    pub(crate) user: &'a str,
    pub(crate) secret: Option<&'a str>,
    pub(crate) number: Option<&'a str>,
    pub(crate) presentation: u8,
    pub(crate) called: &'a str,
    pub(crate) format: MediaFormat,
    pub(crate) capability: u64,
}

pub(crate) fn caller<'a>(user: &'a str, called: &'a str) -> Caller<'a> {
    Caller {
        user,
        secret: None,
        number: None,
        presentation: 0,
        called,
        format: ULAW,
        capability: ULAW.mask(),
    }
}

pub(crate) fn host(last: u8) -> SocketAddr {
    SocketAddr::from(([127, 0, 0, last], 4569))
}

pub(crate) fn elements(write: impl FnOnce(&mut IeWriter<'_>)) -> Vec<u8> {
    let mut room = [0; 512];
    let mut ies = IeWriter::new(&mut room);
    write(&mut ies);
    let len = ies.finish().expect("room for the elements");
    room[..len].to_vec()
}

impl Stage {
    pub(crate) fn new(iax: &str, extensions: &str, trunkline: &str) -> Self {
        let mut sources = Sources::new();
        sources.add("iax.conf", iax);
        sources.add("extensions.conf", extensions);
        sources.add("trunkline.conf", trunkline);
        let (config, told) = control::conf::parse(&sources);
        let config = Arc::new(config.unwrap_or_else(|| panic!("{told:?}")));
        let (plan, told) = Dialplan::parse(&sources, &["in"], &|_| true);
        assert!(told.is_empty(), "{told:?}");
        let now = Instant::from_micros(1_000_000);
        let cells = Arc::new(RelayCells::new(config.dataplane.legs_max));
        let (plan, unix_seconds) = (Arc::new(plan), 1_710_510_330);
        let keys = Arc::default();
        let setup = Setup { config, plan, keys, cells, cores: 1, seed: [7; 32], now, unix_seconds };
        let mut stage = Self {
            control: Control::new(setup),
            now,
            sent: Vec::new(),
            commands: Vec::new(),
            lines: Vec::new(),
            next_number: 100,
        };
        stage.drain();
        stage
    }

    fn drain(&mut self) {
        while let Some(output) = self.control.poll_output() {
            match output {
                Output::Send { remote, octets, .. } => self.sent.push(Sent { to: remote, octets }),
                Output::Command { command, .. } => {
                    if let Command::Remove(relay) = command {
                        self.control.handle_punt(self.now, CORE, Punt::Removed(relay));
                    }
                    self.commands.push(command);
                }
                Output::Resolve(_) | Output::Work(_) => {}
                Output::Log(line) => self.lines.push(line.text),
            }
        }
    }

    pub(crate) fn hears(&mut self, from: SocketAddr, octets: &[u8]) {
        let punt = Punt::Full { local: LOCAL, remote: from, octets };
        self.control.handle_punt(self.now, CORE, punt);
        self.drain();
    }

    /// Lets time pass, with every timer at its time. Everybody acknowledges what it hears.
    pub(crate) fn passes(&mut self, time: Duration) {
        let end = self.now + time;
        loop {
            self.acknowledge_all();
            let next = self.control.deadline().min(end);
            self.now = next.max(self.now);
            self.control.handle_timeout(self.now);
            self.drain();
            if self.now >= end {
                return;
            }
        }
    }

    /// ACKs for all that control has sent on legs: tests look at what is said, not at how often.
    fn acknowledge_all(&mut self) {
        let numbered = |sent: &&Sent| {
            let names_us = sent.header().destination.is_some_and(|ours| ours.get() >= 100);
            names_us && sent.iax().is_none_or(IaxSubclass::is_numbered)
        };
        let acks: Vec<(SocketAddr, Vec<u8>)> = self
            .sent
            .iter()
            .filter(numbered)
            .filter_map(|sent| {
                let said = sent.header();
                let header = FullHeader {
                    source: said.destination?,
                    destination: Some(said.source),
                    retransmission: false,
                    timestamp: said.timestamp,
                    oseqno: said.iseqno,
                    iseqno: said.oseqno.next(),
                    frame_type: FrameType::Iax,
                    subclass: Subclass::iax(IaxSubclass::Ack),
                };
                Some((sent.to, framed(&header, &[])))
            })
            .collect();
        for (from, octets) in acks {
            self.hears(from, &octets);
        }
    }

    /// An end says a frame.
    pub(crate) fn says(
        &mut self,
        end: &mut End,
        frame_type: FrameType,
        subclass: Subclass,
        data: &[u8],
    ) {
        let at = Timestamp(self.now.millis_since(end.began).max(3));
        self.says_at(end, at, (frame_type, subclass), data);
    }

    /// The same with a time-stamp of its own.
    pub(crate) fn says_at(
        &mut self,
        end: &mut End,
        timestamp: Timestamp,
        (frame_type, subclass): (FrameType, Subclass),
        data: &[u8],
    ) {
        self.catches_up(end);
        let header = FullHeader {
            source: CallNumber::from_wire(end.number).expect("a number"),
            destination: end.theirs,
            retransmission: false,
            timestamp,
            oseqno: end.oseqno,
            iseqno: end.iseqno,
            frame_type,
            subclass,
        };
        end.oseqno = end.oseqno.next();
        self.hears(end.at, &framed(&header, data));
    }

    pub(crate) fn says_iax(&mut self, end: &mut End, subclass: IaxSubclass, data: &[u8]) {
        self.says(end, FrameType::Iax, Subclass::iax(subclass), data);
    }

    pub(crate) fn says_control(&mut self, end: &mut End, subclass: ControlSubclass) {
        self.says(end, FrameType::Control, Subclass::control(subclass), &[]);
    }

    /// All that was said to an end since it was last asked for, oldest first; ACKs and keep-alive left out.
    pub(crate) fn said_to(&mut self, end: &mut End) -> Vec<Sent> {
        self.catches_up(end);
        let (mine, others) = std::mem::take(&mut self.sent).into_iter().partition(|sent: &Sent| {
            let names = sent.header().destination.is_some_and(|ours| ours.get() == end.number);
            sent.to == end.at && names
        });
        self.sent = others;
        let mine: Vec<Sent> = mine;
        let tells = |sent: &Sent| {
            !sent.header().retransmission
                && !matches!(
                    sent.iax(),
                    Some(IaxSubclass::Ack | IaxSubclass::Ping | IaxSubclass::LagRq)
                )
        };
        mine.into_iter().filter(tells).collect()
    }

    /// The one message of this kind said to an end since it was last asked for.
    pub(crate) fn told(&mut self, end: &mut End, subclass: IaxSubclass) -> Sent {
        let said = self.said_to(end);
        let mut found = said.iter().filter(|sent| sent.iax() == Some(subclass));
        let one = found.next().unwrap_or_else(|| panic!("no {} in {said:?}", subclass.name()));
        assert!(found.next().is_none(), "more than one {}", subclass.name());
        one.clone()
    }

    /// Takes note of what was said to an end, and acknowledges it.
    fn catches_up(&mut self, end: &mut End) {
        for sent in &self.sent {
            let header = sent.header();
            let mine =
                sent.to == end.at && header.destination.is_some_and(|n| n.get() == end.number);
            if !mine || header.source == CallNumber::NO_CALL {
                continue;
            }
            end.theirs = Some(header.source);
            if sent.iax().is_none_or(IaxSubclass::is_numbered) && header.oseqno == end.iseqno {
                end.iseqno = end.iseqno.next();
            }
        }
        self.acknowledge_all();
    }

    fn end_at(&mut self, at: SocketAddr) -> End {
        self.next_number += 1;
        End {
            at,
            number: self.next_number,
            theirs: None,
            oseqno: SeqNo(0),
            iseqno: SeqNo(0),
            began: self.now,
        }
    }

    /// An end that says something out of the blue.
    pub(crate) fn begins(&mut self, at: SocketAddr, subclass: IaxSubclass, data: &[u8]) -> End {
        let mut end = self.end_at(at);
        self.says_iax(&mut end, subclass, data);
        end
    }

    /// A NEW, with its call token fetched first.
    pub(crate) fn calls(&mut self, at: SocketAddr, caller: &Caller<'_>) -> End {
        let mut end = self.end_at(at);
        let new = |token: &[u8]| {
            elements(|ies| {
                ies.u16(IeKind::Version, 2).raw(IeKind::CalledNumber, caller.called.as_bytes());
                if let Some(number) = caller.number {
                    ies.raw(IeKind::CallingNumber, number.as_bytes())
                        .raw(IeKind::CallingName, b"Ann")
                        .raw(IeKind::CallingAni, b"77")
                        .raw(IeKind::Rdnis, b"88");
                }
                ies.u8(IeKind::CallingPres, caller.presentation)
                    .raw(IeKind::Username, caller.user.as_bytes())
                    .format(caller.format)
                    .capability(dataplane::wire::Capability(caller.capability))
                    .raw(IeKind::Variable, b"tariff=7")
                    .raw(IeKind::CallToken, token);
            })
        };
        self.says_iax(&mut end, IaxSubclass::New, &new(&[]));
        let token = self.told(&mut end, IaxSubclass::CallToken).element(IeKind::CallToken);
        (end.theirs, end.oseqno, end.iseqno) = (None, SeqNo(0), SeqNo(0));
        self.says_iax(&mut end, IaxSubclass::New, &new(&token.expect("a token")));
        if let Some(secret) = caller.secret {
            self.proves(&mut end, secret);
        }
        end
    }

    /// Answers a challenge.
    pub(crate) fn proves(&mut self, end: &mut End, secret: &str) {
        let challenge = self.told(end, IaxSubclass::AuthReq).element(IeKind::Challenge);
        let data = elements(|ies| {
            ies.raw(IeKind::Md5Result, &md5(&challenge.expect("a challenge"), secret));
        });
        self.says_iax(end, IaxSubclass::AuthRep, &data);
    }

    /// The oldest call that control has placed at a host and that nobody there has taken up yet.
    pub(crate) fn called_at(&mut self, at: SocketAddr) -> Option<(End, Sent)> {
        let is_new = |sent: &Sent| {
            sent.to == at && sent.iax() == Some(IaxSubclass::New) && !sent.header().retransmission
        };
        let found = self.sent.iter().position(is_new)?;
        let new = self.sent.remove(found);
        let theirs = Some(new.header().source);
        let end = End { theirs, iseqno: SeqNo(1), ..self.end_at(at) };
        Some((end, new))
    }

    pub(crate) fn accepts(&mut self, end: &mut End, format: MediaFormat) {
        self.says_iax(end, IaxSubclass::Accept, &elements(|ies| _ = ies.format(format)));
    }

    pub(crate) fn answers(&mut self, end: &mut End, format: MediaFormat) {
        self.accepts(end, format);
        self.says_control(end, ControlSubclass::Answer);
    }

    pub(crate) fn hangs_up(&mut self, end: &mut End) {
        let data = elements(|ies| _ = ies.u8(IeKind::CauseCode, 16));
        self.says_iax(end, IaxSubclass::Hangup, &data);
    }

    /// A call from host to host that has been answered: the caller's end and the called one.
    pub(crate) fn talk(
        &mut self,
        from: SocketAddr,
        caller: &Caller<'_>,
        to: SocketAddr,
    ) -> (End, End) {
        let near = self.calls(from, caller);
        let (mut far, _) = self.called_at(to).unwrap_or_else(|| panic!("{:?}", self.lines));
        self.answers(&mut far, caller.format);
        (near, far)
    }

    /// The lines that say something, of those written since the last time asked.
    pub(crate) fn lines_with(&mut self, words: &str) -> Vec<String> {
        std::mem::take(&mut self.lines).into_iter().filter(|line| line.contains(words)).collect()
    }
}

/// The answer to a challenge, in hex.
pub(crate) fn md5(challenge: &[u8], secret: &str) -> Vec<u8> {
    let digest = Md5::new().chain_update(challenge).chain_update(secret).finalize();
    digest.iter().map(|octet| format!("{octet:02x}")).collect::<String>().into_bytes()
}

fn framed(header: &FullHeader, data: &[u8]) -> Vec<u8> {
    let mut octets = vec![0; FullHeader::LEN];
    header.emit(&mut octets).expect("room for a header");
    octets.extend_from_slice(data);
    octets
}
