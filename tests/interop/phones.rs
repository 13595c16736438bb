//! The telephones behind the PBXes: one UDP socket in each PBX's namespace that speaks RTP.
//!
//! Each call's phone sends a known block every 20 ms and notes every block it hears. The PBX only
//! changes the packaging (RTP here, IAX2 there), so what one phone says the other must hear, octet
//! for octet.

use std::collections::HashMap;
use std::net::{SocketAddr, UdpSocket};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use crate::netns::Network;
use crate::pbx_conf::PHONE_PORT;
use crate::setup::{Codec, Side};
use crate::{Outcome, kernel};
use tests::blocks::{Block, Heard, Verdict};

/// All phones of one case.
#[derive(Debug)]
pub(crate) struct Phones {
    desk: Arc<Desk>,
    threads: Vec<JoinHandle<()>>,
}

/// What the threads share.
#[derive(Debug)]
struct Desk {
    codecs: [Codec; 2],
    sockets: [UdpSocket; 2],
    closing: AtomicBool,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    talking: HashMap<(Side, u16), Talker>,
    heard: [Heard; 2],
    /// Audio that is no block of ours, or none of the far phone.
    strange: [usize; 2],
}

/// One phone's sending half.
#[derive(Debug)]
struct Talker {
    to: SocketAddr,
    sent: u32,
    silent: bool,
}

impl Phones {
    /// Puts one socket into each PBX's namespace.
    ///
    /// # Errors
    /// The sockets cannot be made.
    pub(crate) fn install(network: &Network, codecs: [Codec; 2]) -> Outcome<Self> {
        let socket = |side: Side| {
            network.within(side.letter(), || {
                let socket = UdpSocket::bind(("127.0.0.1", PHONE_PORT))?;
                socket.set_read_timeout(Some(Duration::from_millis(200)))?;
                kernel::receive_buffer(&socket, 8 << 20)?;
                Ok(socket)
            })
        };
        let sockets = [socket(Side::A)?, socket(Side::B)?];
        let (closing, state) = (AtomicBool::new(false), Mutex::default());
        let desk = Arc::new(Desk { codecs, sockets, closing, state });
        let mut threads = vec![thread::spawn({
            let desk = Arc::clone(&desk);
            move || desk.talk()
        })];
        for side in [Side::A, Side::B] {
            let desk = Arc::clone(&desk);
            threads.push(thread::spawn(move || desk.listen(side)));
        }
        Ok(Self { desk, threads })
    }

    /// Lets the phone of a call speak; its PBX listens on that port.
    pub(crate) fn speak(&self, side: Side, call: u16, port: u16) {
        let to = SocketAddr::from(([127, 0, 0, 1], port));
        self.desk.lock().talking.insert((side, call), Talker { to, sent: 0, silent: false });
    }

    /// Silences every phone, and waits until the last blocks are through.
    pub(crate) fn hush(&self) {
        for talker in self.desk.lock().talking.values_mut() {
            talker.silent = true;
        }
        thread::sleep(Duration::from_millis(500));
    }

    /// What was heard at `side` of the far phone in that call, so far.
    pub(crate) fn verdict(&self, side: Side, call: u16) -> Verdict {
        let state = self.desk.lock();
        let sent = state.talking.get(&(side.other(), call)).map_or(0, |talker| talker.sent);
        let key = (call, side.other().number());
        Verdict::of(sent, state.heard[side.index()].get(&key).map_or(&[], Vec::as_slice))
    }

    /// Blocks heard at `side` in that call so far.
    pub(crate) fn heard(&self, side: Side, call: u16) -> usize {
        let state = self.desk.lock();
        state.heard[side.index()].get(&(call, side.other().number())).map_or(0, Vec::len)
    }

    /// Pieces of audio heard at `side` that no far phone has said.
    pub(crate) fn strange(&self, side: Side) -> usize {
        self.desk.lock().strange[side.index()]
    }

    /// Forgets all calls, for the next round of the same case.
    pub(crate) fn forget(&self) {
        *self.desk.lock() = State::default();
    }
}

impl Drop for Phones {
    fn drop(&mut self) {
        self.desk.closing.store(true, Ordering::Relaxed);
        for thread in self.threads.drain(..) {
            let _already_reported = thread.join();
        }
    }
}

impl Desk {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn is_open(&self) -> bool {
        !self.closing.load(Ordering::Relaxed)
    }

    /// Every 20 ms, a block from each phone that speaks. Late, it catches up: nothing is skipped.
    fn talk(&self) {
        let mut due = Instant::now();
        while self.is_open() {
            thread::sleep(due.saturating_duration_since(Instant::now()));
            due += Duration::from_millis(20);
            let mut state = self.lock();
            let speaking = state.talking.iter_mut().filter(|(_, talker)| !talker.silent);
            for (&(side, call), talker) in speaking {
                let packet = self.rtp(side, call, talker.sent);
                // A port that is gone shows as blocks not heard.
                let _ = self.sockets[side.index()].send_to(&packet, talker.to);
                talker.sent += 1;
            }
        }
    }

    /// An RTP packet (RFC 3550 §5.1) around one block.
    fn rtp(&self, side: Side, call: u16, index: u32) -> Vec<u8> {
        let marker = if index == 0 { 0x80 } else { 0 };
        let codec = self.codecs[side.index()];
        let mut packet = vec![0x80, marker | codec.payload_type()];
        packet.extend(index.to_be_bytes()[2..].iter());
        packet.extend(index.wrapping_mul(160).to_be_bytes());
        packet.extend([0x54, side.number()]);
        packet.extend(call.to_be_bytes());
        packet.extend(Block { call, from: side.number(), index }.octets(codec.block()));
        packet
    }

    fn listen(&self, side: Side) {
        let mut buffer = [0; 2048];
        let (spoken, own) = (self.codecs[side.other().index()], self.codecs[side.index()]);
        let conversion = spoken.becomes(own);
        while self.is_open() {
            let Ok(length) = self.sockets[side.index()].recv(&mut buffer) else { continue };
            let Some(audio) = rtp_payload(&buffer[..length]) else { continue };
            let block = Block::read_through(conversion, audio)
                .filter(|block| audio.len() == own.block() && block.from == side.other().number());
            let mut state = self.lock();
            match block {
                Some(block) => state.heard[side.index()]
                    .entry((block.call, block.from))
                    .or_default()
                    .push(block.index),
                None => state.strange[side.index()] += 1,
            }
        }
    }
}

/// What stands behind an RTP header, its contributing sources skipped.
fn rtp_payload(packet: &[u8]) -> Option<&[u8]> {
    let sources = usize::from(packet.first()? & 0x0f);
    packet.get(12 + 4 * sources..)
}
