//! Reads encrypted calls of a capture, given the secrets of those who talk: what is judged then is what was said.
//!
//! Every encrypted frame is put back as it was before it was encrypted, so that whoever reads the capture afterwards
//! need not know of encryption. What did not decrypt, and what an encrypted call sent in clear, is told apart: that is
//! judged by who sent it.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::time::Duration;

use dataplane::cipher::CipherKey;
use dataplane::handoff::CallKey;
use md5::{Digest, Md5};

use crate::frames::{self, Datagram, Full, iax, ie, kind};
use crate::pcap::Packet;

/// What came out.
#[derive(Debug, Clone, Default)]
pub struct Unsealed {
    /// Frames that were encrypted and are now in clear, by place in the capture.
    pub sealed: BTreeSet<usize>,
    /// Frames of encrypted calls that fit none of their keys and may not be in clear: nobody can tell what they say.
    pub unread: BTreeSet<usize>,
    /// The same, and voice of encrypted calls in trunk frames.
    pub faults: Vec<Fault>,
    /// How many keys were told by RTKEY, repeats not counted.
    pub new_keys: BTreeMap<SocketAddr, usize>,
}

/// A frame that is not as encryption would have it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// Place in the capture, from 1.
    pub frame_no: usize,
    /// When it was captured.
    pub time: Duration,
    /// Who sent it.
    pub from: SocketAddr,
    /// What is wrong.
    pub text: String,
}

/// One end of a call: whose number, and toward whom.
type End = (SocketAddr, u16, SocketAddr);

/// What one end of an encrypted call encrypts with.
#[derive(Debug, Default)]
struct Sealer {
    /// The newest last.
    keys: Vec<[u8; 16]>,
    /// Time-stamp of the newest voice, and when it was captured.
    voice: Option<(u32, Duration)>,
    /// It has shown that it knows the key.
    proven: bool,
}

/// Puts encrypted frames in clear, wherever one of `secrets` opens them.
pub fn unseal(packets: &mut [Packet], secrets: &[String]) -> Unsealed {
    let mut reader = Reader { secrets, ends: BTreeMap::new(), out: Unsealed::default() };
    for packet in packets {
        reader.packet(packet);
    }
    reader.out
}

struct Reader<'a> {
    secrets: &'a [String],
    ends: BTreeMap<End, Sealer>,
    out: Unsealed,
}

impl Reader<'_> {
    fn packet(&mut self, packet: &mut Packet) {
        let (from, to) = (packet.source, packet.destination);
        let first = packet.payload.first_chunk().map_or(0, |first| u16::from_be_bytes(*first));
        let end = (from, first & 0x7fff, to);
        if first == 0 {
            self.trunk(packet);
        } else if let Some(sealer) = self.ends.get_mut(&end) {
            let opened = match first & 0x8000 {
                0 => sealer.mini(packet),
                _ => sealer.full(packet),
            };
            match opened {
                Some(plain) => {
                    self.out.sealed.insert(packet.frame_no);
                    (packet.len, packet.payload) = (plain.len(), plain);
                }
                None if may_be_clear(&packet.payload, sealer.proven) => {}
                None => {
                    self.out.unread.insert(packet.frame_no);
                    return self.fault(packet, "neither decrypts nor may be in clear");
                }
            }
        }
        let payload = packet.payload.clone();
        if let Ok(Datagram::Full(full)) = frames::parse(&payload) {
            self.note(packet, &full);
        }
    }

    fn fault(&mut self, packet: &Packet, text: &str) {
        let (frame_no, time, from) = (packet.frame_no, packet.time, packet.source);
        self.out.faults.push(Fault { frame_no, time, from, text: text.to_owned() });
    }

    /// A trunk frame carries no voice of an encrypted call.
    fn trunk(&mut self, packet: &Packet) {
        let Ok(Datagram::Trunk(trunk)) = frames::parse(&packet.payload) else { return };
        for entry in trunk.entries {
            if self.ends.contains_key(&(packet.source, entry.source, packet.destination)) {
                let call = entry.source;
                self.fault(packet, &format!("voice of encrypted call {call} in a trunk frame"));
            }
        }
    }

    /// What a frame in clear says of keys.
    fn note(&mut self, packet: &Packet, full: &Full<'_>) {
        let (from, to) = (packet.source, packet.destination);
        let (ours, theirs) = ((from, full.source, to), (to, full.destination, from));
        if full.kind != kind::IAX {
            return;
        }
        match full.subclass {
            iax::NEW | iax::REGREQ | iax::REGREL | iax::POKE if full.destination == 0 => {
                self.ends.remove(&ours); // a number used anew
            }
            iax::AUTHREQ if full.ie(ie::ENCRYPTION).is_some_and(|bits| bits != [0, 0]) => {
                let challenge = full.ie(ie::CHALLENGE).unwrap_or_default();
                let keys: Vec<[u8; 16]> = (self.secrets.iter())
                    .map(|secret| Md5::new().chain_update(challenge).chain_update(secret))
                    .map(|hash| hash.finalize().into())
                    .collect();
                for end in [ours, theirs] {
                    let known = self.ends.entry(end).or_default();
                    if !known.keys.starts_with(&keys) {
                        *known = Sealer { keys: keys.clone(), ..Sealer::default() };
                    }
                }
            }
            iax::AUTHREQ => {
                self.ends.remove(&ours);
                self.ends.remove(&theirs);
            }
            iax::RTKEY => {
                let key = full.ie(ie::CHALLENGE).and_then(|key| <[u8; 16]>::try_from(key).ok());
                let (Some(key), Some(sealer)) = (key, self.ends.get_mut(&ours)) else { return };
                if !sealer.keys.contains(&key) {
                    sealer.keys.push(key);
                    *self.out.new_keys.entry(from).or_default() += 1;
                }
            }
            _ => {}
        }
    }
}

impl Sealer {
    /// A full frame, if one of the keys makes sense of it.
    fn full(&mut self, packet: &Packet) -> Option<Vec<u8>> {
        let mut room = vec![0; packet.payload.len()];
        let mut opened = self.keys.iter().rev().find_map(|key| {
            let plain = CipherKey::new(CallKey(*key)).decrypt_full(&packet.payload, &mut room);
            let plain = plain.ok()?.to_vec();
            let Ok(Datagram::Full(full)) = frames::parse(&plain) else { return None };
            makes_sense(&full, self.proven).then_some((*key, plain))
        });
        let (key, plain) = opened.take()?;
        if !self.proven {
            // Of several secrets, this is the one.
            self.proven = true;
            self.keys.retain(|known| *known == key);
        }
        if let Ok(Datagram::Full(full)) = frames::parse(&plain)
            && full.kind == kind::VOICE
            && !full.again
        {
            self.voice = Some((full.timestamp, packet.time));
        }
        Some(plain)
    }

    /// A mini frame, if one of the keys gives it a time-stamp near that of the voice before it.
    fn mini(&mut self, packet: &Packet) -> Option<Vec<u8>> {
        let (newest, at) = self.voice?;
        let gone = u32::try_from(packet.time.saturating_sub(at).as_millis()).unwrap_or(u32::MAX);
        let mut room = vec![0; packet.payload.len()];
        let (plain, ahead) = self.keys.iter().rev().find_map(|key| {
            let key = CipherKey::new(CallKey(*key));
            let plain = key.decrypt_mini(&packet.payload, &mut room).ok()?;
            let timestamp = u16::from_be_bytes([plain[2], plain[3]]);
            let ahead = timestamp.wrapping_sub(newest as u16).cast_signed();
            let expected = (gone as u16).cast_signed();
            let off = i32::from(ahead.wrapping_sub(expected)).abs();
            (off < NEAR_MS).then(|| (plain.to_vec(), ahead))
        })?;
        if ahead > 0 {
            let newest = newest.wrapping_add(u32::from(ahead.unsigned_abs()));
            self.voice = Some((newest, packet.time));
        }
        Some(plain)
    }
}

/// How far a mini frame's time-stamp may be from where the call's time should have got.
const NEAR_MS: i32 = 3000;

/// No call of a capture is as old as this.
const DAY_MS: u32 = 24 * 3600 * 1000;

/// Frames of these kinds and subclasses exist, and their elements can be read. The first are always IAX messages.
fn makes_sense(full: &Full<'_>, proven: bool) -> bool {
    let known = match full.kind {
        kind::IAX => (1..=41).contains(&full.subclass) && full.ies().is_ok(),
        kind => (1..=12).contains(&kind) && proven,
    };
    known && full.timestamp < DAY_MS
}

/// NEW and AUTHREQ are always in clear, INVAL has no call; until the caller has proved that it has the key, the call
/// may also end in clear.
fn may_be_clear(octets: &[u8], proven: bool) -> bool {
    let Ok(Datagram::Full(full)) = frames::parse(octets) else { return false };
    let ends = matches!(full.subclass, iax::HANGUP | iax::REJECT | iax::ACK);
    let always = matches!(
        full.subclass,
        iax::NEW | iax::AUTHREQ | iax::INVAL | iax::REGREQ | iax::REGREL | iax::POKE
    );
    full.kind == kind::IAX && full.ies().is_ok() && (always || ends && !proven)
}

#[cfg(test)]
mod tests {
    use dataplane::cipher::Pads;

    use super::*;

    const CALLER: ([u8; 4], u16) = ([192, 0, 2, 1], 4569);
    const CALLEE: ([u8; 4], u16) = ([192, 0, 2, 2], 4569);

    fn packet(frame_no: usize, backward: bool, payload: Vec<u8>) -> Packet {
        let (source, destination) = if backward { (CALLEE, CALLER) } else { (CALLER, CALLEE) };
        Packet {
            frame_no,
            time: Duration::from_millis(20 * frame_no as u64),
            source: source.into(),
            destination: destination.into(),
            len: payload.len(),
            payload,
        }
    }

    fn sealed(key: [u8; 16], clear: &[u8]) -> Vec<u8> {
        let mut room = vec![0; clear.len() + 31];
        let (key, pad) = (CipherKey::new(CallKey(key)), Pads::new([3; 16]).fresh());
        let len = match clear[0] & 0x80 {
            0 => key.encrypt_mini(clear, &pad, &mut room),
            _ => key.encrypt_full(clear, &pad, &mut room),
        };
        room.truncate(len.unwrap());
        room
    }

    fn full(call: (u16, u16), kind: u8, subclass: u8, data: &[u8]) -> Vec<u8> {
        let [s, d] = [(call.0 | 0x8000).to_be_bytes(), call.1.to_be_bytes()];
        let mut frame = vec![s[0], s[1], d[0], d[1], 0, 0, 0, 40, 1, 1, kind, subclass];
        frame.extend_from_slice(data);
        frame
    }

    fn call() -> (Vec<Packet>, [u8; 16]) {
        let key = Md5::digest(b"12345beta").into();
        let asked = full((7, 5), 6, iax::AUTHREQ, b"\x0f\x0512345\x2b\x02\x00\x01");
        let answered = sealed(key, &full((5, 7), 6, iax::AUTHREP, b"\x10\x02ab"));
        let voice = sealed(key, &full((5, 7), 2, 4, &[9; 160]));
        let mut mini = vec![0, 5, 0, 60];
        mini.extend([8; 160]);
        let packets = vec![
            packet(1, true, asked),
            packet(2, false, answered),
            packet(3, false, voice),
            packet(4, false, sealed(key, &mini)),
            packet(5, false, mini),
        ];
        (packets, key)
    }

    #[test]
    fn frames_are_read_under_the_secret_that_fits_and_voice_in_clear_is_told() {
        let (mut packets, _) = call();
        let found = unseal(&mut packets, &["alpha".to_owned(), "beta".to_owned()]);
        assert_eq!(found.sealed, BTreeSet::from([2, 3, 4]));
        assert_eq!(packets[3].payload, packets[4].payload);
        assert_eq!(found.faults.iter().map(|fault| fault.frame_no).collect::<Vec<_>>(), [5]);
    }

    #[test]
    fn a_new_key_serves_from_its_frame_on_and_a_trunk_entry_is_told() {
        let (mut packets, key) = call();
        packets.truncate(3);
        let told = [&b"\x0f\x10"[..], &[0x77; 16]].concat();
        packets.push(packet(4, false, sealed(key, &full((5, 7), 6, iax::RTKEY, &told))));
        packets.push(packet(5, false, sealed([0x77; 16], &[0, 5, 0, 100, 1, 1])));
        packets.push(packet(6, false, vec![0, 0, 1, 1, 0, 0, 0, 9, 0, 1, 0, 5, 0, 120, 1]));
        let found = unseal(&mut packets, &["beta".to_owned()]);
        assert_eq!(packets[4].payload, [0, 5, 0, 100, 1, 1]);
        assert_eq!(found.new_keys, BTreeMap::from([(CALLER.into(), 1)]));
        assert_eq!(found.faults.iter().map(|fault| fault.frame_no).collect::<Vec<_>>(), [6]);
    }

    #[test]
    fn without_the_secret_all_of_it_is_told() {
        let (mut packets, _) = call();
        let found = unseal(&mut packets, &["gamma".to_owned()]);
        assert_eq!((found.sealed.len(), found.faults.len()), (0, 4));
    }
}
