//! Third stage of a step: audio goes behind a fresh header into the far peer's buffers, and what is full leaves.
//!
//! Mini frames leave at the end of the receive batch, trunk frames as `trunk` says. Every buffer comes from the core's
//! pool; where none is free the frame is dropped and counted.

use crate::cipher::{CipherKey, Pads, pad_len};
use crate::counters::{Counters, DropReason};
use crate::handoff::{PeerIndex, PeerSpec};
use crate::io::Io;
use crate::time::Instant;
use crate::wire::{
    CallNumber, MINI_HEADER_LEN, VIDEO_MINI_HEADER_LEN, VideoTimestamp, emit_mini_header,
    emit_video_mini_header,
};

use super::super_buffer::{Outbox, Route, SuperBuffer};
use super::ticks::Ticks;
use super::trunk::{Entry, Trunk};

/// Most octets of a mini frame: what Asterisk's receive buffer takes.
const DATAGRAM_MAX: usize = 4096;

/// Most octets of audio in a mini frame.
pub(crate) const MINI_AUDIO_MAX: usize = DATAGRAM_MAX - MINI_HEADER_LEN;

/// Lengths of mini frames that gather at a time.
const MINI_LENGTHS: usize = 2;

/// What waits to be sent, by far peer, and the buffers it waits in.
#[derive(Debug)]
pub(crate) struct Egress {
    peers: Box<[Option<FarPeer>]>,
    outbox: Outbox,
    ticks: Ticks,
    pads: Pads,
    /// Peers with something that leaves at the end of the batch, once each.
    touched: Vec<PeerIndex>,
}

#[derive(Debug)]
struct FarPeer {
    spec: PeerSpec,
    route: Route,
    trunk: Trunk,
    minis: [SuperBuffer; MINI_LENGTHS],
    touched: bool,
}

impl FarPeer {
    /// Which super-buffer takes a datagram of `len` octets, if one does. What is longer than a trunk frame goes alone:
    /// the kernel does not segment what its path would have to fragment.
    fn gathering(&self, len: usize) -> Option<usize> {
        if len > usize::from(self.spec.trunk.mtu) {
            return None;
        }
        let gathers = |minis: &SuperBuffer| minis.gathers(len - MINI_HEADER_LEN);
        let index = self.minis.iter().position(gathers);
        index.or_else(|| self.minis.iter().position(SuperBuffer::is_vacant))
    }
}

impl Egress {
    pub(crate) fn new(peers_max: u32, send_buffers: u32, pads: Pads) -> Self {
        Self {
            peers: (0..peers_max).map(|_| None).collect(),
            outbox: Outbox::new(send_buffers),
            ticks: Ticks::new(peers_max),
            pads,
            touched: Vec::with_capacity(peers_max as usize),
        }
    }

    /// Learns where a peer is reached and how its trunk frames are packed. What waits after an old spec leaves after it.
    pub(crate) fn learn(&mut self, spec: &PeerSpec, now: Instant) {
        self.leave_all(spec.index, now);
        let Some(slot) = self.peers.get_mut(spec.index.0 as usize) else { return };
        let route = Route { local: spec.local, remote: spec.remote };
        match slot {
            Some(peer) => {
                let restart = peer.spec.epoch != spec.epoch || peer.spec.remote != spec.remote;
                peer.trunk.respecify(&spec.trunk, restart);
                (peer.spec, peer.route) = (*spec, route);
            }
            None => {
                *slot = Some(FarPeer {
                    spec: *spec,
                    route,
                    trunk: Trunk::new(&spec.trunk),
                    minis: [SuperBuffer::default(); MINI_LENGTHS],
                    touched: false,
                });
            }
        }
    }

    /// Forgets a peer, once what waits has left.
    pub(crate) fn forget(&mut self, index: PeerIndex, now: Instant) {
        self.leave_all(index, now);
        let peer = self.peers.get_mut(index.0 as usize).and_then(Option::take);
        if peer.is_some_and(|peer| peer.touched) {
            self.touched.retain(|touched| *touched != index);
        }
    }

    /// Sends audio as an entry of the peer's trunk frames; where it is too long for one, as a mini frame.
    pub(crate) fn entry(
        &mut self,
        far: PeerIndex,
        entry: Entry<'_>,
        now: Instant,
    ) -> Result<(), DropReason> {
        let peer = self.peers.get_mut(far.0 as usize).and_then(Option::as_mut);
        let peer = peer.ok_or(DropReason::NoRelay)?;
        if !peer.trunk.fits(entry.audio.len()) {
            return self.mini(far, entry);
        }
        peer.trunk.append(entry, now, peer.route, &mut self.outbox)?;
        if !peer.touched {
            peer.touched = true;
            self.touched.push(far);
        }
        Ok(())
    }

    /// Sends audio as a mini frame.
    #[inline]
    pub(crate) fn mini(&mut self, far: PeerIndex, frame: Entry<'_>) -> Result<(), DropReason> {
        let len = MINI_HEADER_LEN + frame.audio.len();
        self.datagram(far, len, |room| write_mini(frame, room))
    }

    /// Sends audio as an encrypted mini frame.
    pub(crate) fn encrypted(
        &mut self,
        far: PeerIndex,
        frame: Entry<'_>,
        key: &CipherKey,
    ) -> Result<(), DropReason> {
        let [n0, n1] = frame.call.get().to_be_bytes();
        let [t0, t1] = frame.at.0.to_be_bytes();
        let rest_len = 2 + frame.audio.len();
        let (pad_len, pad) = (pad_len(rest_len), self.pads.fresh());
        self.datagram(far, 2 + pad_len + rest_len, |room| {
            let (number, hidden) = room.split_at_mut(2);
            number.copy_from_slice(&[n0, n1]);
            let (at, audio) = hidden[pad_len..].split_at_mut(2);
            at.copy_from_slice(&[t0, t1]);
            audio.copy_from_slice(frame.audio);
            key.encrypt_in_place(hidden, pad_len, &pad);
        })
    }

    /// Sends a packet of a picture as a video mini frame.
    pub(crate) fn picture(
        &mut self,
        far: PeerIndex,
        call: CallNumber,
        at: VideoTimestamp,
        payload: &[u8],
    ) -> Result<(), DropReason> {
        self.datagram(far, VIDEO_MINI_HEADER_LEN + payload.len(), |room| {
            let (header, rest) = room.split_at_mut(VIDEO_MINI_HEADER_LEN);
            let written = emit_video_mini_header(call, at, header);
            debug_assert!(written.is_ok(), "the room was made for this header");
            rest.copy_from_slice(payload);
        })
    }

    /// Sends a datagram of `len` octets that is all of one call.
    #[inline]
    fn datagram(
        &mut self,
        far: PeerIndex,
        len: usize,
        write: impl FnOnce(&mut [u8]),
    ) -> Result<(), DropReason> {
        let peer = self.peers.get_mut(far.0 as usize).and_then(Option::as_mut);
        let peer = peer.ok_or(DropReason::NoRelay)?;
        if len > DATAGRAM_MAX {
            return Err(DropReason::TooLong);
        }
        let Some(index) = peer.gathering(len) else {
            return send_alone(len, peer.route, &mut self.outbox, write);
        };
        let minis = &mut peer.minis[index];
        if minis.is_vacant() {
            minis.begin(len - MINI_HEADER_LEN, 0, len, 1, &mut self.outbox)?;
        }
        write(minis.next_entry(0, len, &mut self.outbox));
        minis.close_segment(&mut self.outbox);
        if minis.is_full() {
            minis.leave(peer.route, &mut self.outbox);
        }
        if !peer.touched {
            peer.touched = true;
            self.touched.push(far);
        }
        Ok(())
    }

    /// End of a receive batch: mini frames and full trunk frames leave, open trunk frames wait for their tick.
    pub(crate) fn end_batch(&mut self, now: Instant) {
        for index in self.touched.drain(..) {
            let Some(peer) = &mut self.peers[index.0 as usize] else { continue };
            peer.touched = false;
            for minis in peer.minis.iter_mut().filter(|minis| !minis.is_vacant()) {
                minis.leave(peer.route, &mut self.outbox);
            }
            peer.trunk.leave_closed(now, peer.route, &mut self.outbox);
            if peer.trunk.waits() {
                self.ticks.schedule(index, peer.spec.trunk.interval_ms, now);
            }
        }
    }

    /// Peers whose tick has come: what waits for it leaves.
    pub(crate) fn tick(&mut self, now: Instant) {
        while let Some(index) = self.ticks.pop(now) {
            self.leave_all(index, now);
        }
    }

    /// When the next tick comes, if anything waits for one.
    pub(crate) fn next_tick(&self) -> Option<Instant> {
        self.ticks.next_due()
    }

    /// Everything that waits for this peer becomes ready.
    pub(crate) fn leave_all(&mut self, index: PeerIndex, now: Instant) {
        let peer = self.peers.get_mut(index.0 as usize).and_then(Option::as_mut);
        let Some(peer) = peer else { return };
        for minis in peer.minis.iter_mut().filter(|minis| !minis.is_vacant()) {
            minis.leave(peer.route, &mut self.outbox);
        }
        peer.trunk.leave_all(now, peer.route, &mut self.outbox);
    }

    /// Gives what is ready to the I/O; true if anything was.
    pub(crate) fn send(&mut self, io: &mut impl Io, counters: &mut Counters) -> bool {
        self.outbox.send(io, counters)
    }

    /// Has the I/O send what it queued, and take back the buffers it is done with.
    pub(crate) fn flush(&mut self, io: &mut impl Io, counters: &mut Counters) {
        io.flush(&mut self.outbox.pool, counters);
    }

    /// Voice frames that wait in buffers.
    pub(crate) fn held(&self) -> u64 {
        self.outbox.held
    }
}

/// An odd one out: a buffer and a send of its own.
fn send_alone(
    len: usize,
    route: Route,
    outbox: &mut Outbox,
    write: impl FnOnce(&mut [u8]),
) -> Result<(), DropReason> {
    let buf = outbox.take()?;
    write(&mut outbox.pool.octets_mut(buf)[..len]);
    outbox.queue(buf, len, len, route);
    Ok(())
}

#[inline]
fn write_mini(frame: Entry<'_>, room: &mut [u8]) {
    let (header, audio) = room.split_at_mut(MINI_HEADER_LEN);
    let written = emit_mini_header(frame.call, frame.at, header);
    debug_assert!(written.is_ok(), "the room was made for this header");
    audio.copy_from_slice(frame.audio);
}
