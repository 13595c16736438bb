//! A second, independent reading of IAX2 frames, for judging what the switch sends.
//!
//! Written against RFC 5456 §8 alone and deliberately without `dataplane::wire`: a misreading shared
//! by the writer and its judge would go unseen. Slow and strict; it refuses what a robust receiver
//! would tolerate.

use std::fmt;

/// One datagram, read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Datagram<'a> {
    /// A full frame (§8.1.1).
    Full(Full<'a>),
    /// A mini frame (§8.1.2).
    Mini(Voice<'a>),
    /// A video mini frame (§8.1.3.1): the talker's call number.
    Video(u16),
    /// A meta trunk frame (§8.1.3.2).
    Trunk(Trunk<'a>),
}

/// A full frame's fields.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Full<'a> {
    /// The sender's call number.
    pub source: u16,
    /// The receiver's call number, 0 while unknown.
    pub destination: u16,
    /// The R bit: sent again.
    pub again: bool,
    /// Milliseconds of the call's clock.
    pub timestamp: u32,
    /// Number of this frame.
    pub oseqno: u8,
    /// Number expected next from the other side.
    pub iseqno: u8,
    /// Frame type.
    pub kind: u8,
    /// Subclass octet as sent, C bit included.
    pub subclass: u8,
    /// Information elements, audio or text.
    pub data: &'a [u8],
}

/// One talker's audio outside a full frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Voice<'a> {
    /// The sender's call number.
    pub source: u16,
    /// Low 16 bits of the call's time; none in a trunk frame without time-stamps.
    pub timestamp: Option<u16>,
    /// The audio.
    pub audio: &'a [u8],
}

/// A meta trunk frame's fields.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trunk<'a> {
    /// Entries carry time-stamps (command data 1).
    pub timestamps: bool,
    /// Milliseconds of the trunk's clock.
    pub time: u32,
    /// The entries in order.
    pub entries: Vec<Voice<'a>>,
}

/// Frame types of §8.2 used by name here.
pub mod kind {
    /// A DTMF digit ends.
    pub const DTMF_END: u8 = 1;
    /// Audio.
    pub const VOICE: u8 = 2;
    /// Call progress.
    pub const CONTROL: u8 = 4;
    /// The protocol's own messages.
    pub const IAX: u8 = 6;
    /// Text.
    pub const TEXT: u8 = 7;
    /// A DTMF digit begins; not in the RFC.
    pub const DTMF_BEGIN: u8 = 12;
}

/// IAX subclasses of §8.4 used by name here.
pub mod iax {
    #![allow(missing_docs)] // the names are the RFC's
    pub const NEW: u8 = 1;
    pub const PING: u8 = 2;
    pub const PONG: u8 = 3;
    pub const ACK: u8 = 4;
    pub const HANGUP: u8 = 5;
    pub const REJECT: u8 = 6;
    pub const ACCEPT: u8 = 7;
    pub const AUTHREQ: u8 = 8;
    pub const AUTHREP: u8 = 9;
    pub const INVAL: u8 = 10;
    pub const LAGRP: u8 = 12;
    pub const REGREQ: u8 = 13;
    pub const REGAUTH: u8 = 14;
    pub const REGACK: u8 = 15;
    pub const REGREJ: u8 = 16;
    pub const REGREL: u8 = 17;
    pub const VNAK: u8 = 18;
    pub const TXCNT: u8 = 23;
    pub const TXACC: u8 = 24;
    pub const POKE: u8 = 30;
    pub const RTKEY: u8 = 39;
    pub const CALLTOKEN: u8 = 40;
}

/// Control subclasses of §8.3 used by name here.
pub mod control {
    #![allow(missing_docs)] // the names are the RFC's
    pub const RINGING: u8 = 3;
    pub const ANSWER: u8 = 4;
    pub const BUSY: u8 = 5;
    pub const CONGESTION: u8 = 8;
    pub const PROGRESS: u8 = 14;
    pub const PROCEEDING: u8 = 15;
    pub const HOLD: u8 = 16;
    pub const UNHOLD: u8 = 17;
}

/// Information elements of §8.6 used by name here.
pub mod ie {
    #![allow(missing_docs)] // the names are the RFC's
    pub const CALLED_NUMBER: u8 = 1;
    pub const CALLING_NUMBER: u8 = 2;
    pub const CALLING_NAME: u8 = 4;
    pub const USERNAME: u8 = 6;
    pub const PASSWORD: u8 = 7;
    pub const FORMAT: u8 = 9;
    pub const AUTHMETHODS: u8 = 14;
    pub const CHALLENGE: u8 = 15;
    pub const MD5_RESULT: u8 = 16;
    pub const RSA_RESULT: u8 = 17;
    pub const CAUSE: u8 = 22;
    pub const CAUSECODE: u8 = 42;
    pub const ENCRYPTION: u8 = 43;
    pub const CALLTOKEN: u8 = 54;
}

/// Reads one datagram.
///
/// # Errors
/// Says what is wrong with it.
pub fn parse(octets: &[u8]) -> Result<Datagram<'_>, String> {
    let Some(&[b0, b1, b2, b3]) = octets.first_chunk() else {
        return Err(format!("{} octets are no frame", octets.len()));
    };
    let (first, second) = (u16::from_be_bytes([b0, b1]), u16::from_be_bytes([b2, b3]));
    if first & 0x8000 != 0 {
        return Full::parse(octets).map(Datagram::Full);
    }
    if first != 0 {
        let (source, timestamp) = (first, Some(second));
        return Ok(Datagram::Mini(Voice { source, timestamp, audio: &octets[4..] }));
    }
    if second & 0x8000 != 0 {
        return Ok(Datagram::Video(second & 0x7fff));
    }
    Trunk::parse(octets).map(Datagram::Trunk)
}

impl<'a> Full<'a> {
    fn parse(octets: &'a [u8]) -> Result<Self, String> {
        let Some((h, data)) = octets.split_first_chunk::<12>() else {
            return Err(format!("a full frame of {} octets", octets.len()));
        };
        let destination = u16::from_be_bytes([h[2], h[3]]);
        Ok(Self {
            source: u16::from_be_bytes([h[0], h[1]]) & 0x7fff,
            destination: destination & 0x7fff,
            again: destination & 0x8000 != 0,
            timestamp: u32::from_be_bytes([h[4], h[5], h[6], h[7]]),
            oseqno: h[8],
            iseqno: h[9],
            kind: h[10],
            subclass: h[11],
            data,
        })
    }

    /// It is the IAX message of that subclass.
    pub fn is_iax(&self, subclass: u8) -> bool {
        self.kind == kind::IAX && self.subclass == subclass
    }

    /// It is the control message of that subclass.
    pub fn is_control(&self, subclass: u8) -> bool {
        self.kind == kind::CONTROL && self.subclass == subclass
    }

    /// It takes no sequence number of its own (§7).
    pub fn is_unnumbered(&self) -> bool {
        self.kind == kind::IAX
            && matches!(self.subclass, iax::ACK | iax::INVAL | iax::VNAK | iax::TXCNT | iax::TXACC)
    }

    /// Its information elements as (kind, value).
    ///
    /// # Errors
    /// An element runs past the end, or the frame has none because it is no IAX message.
    pub fn ies(&self) -> Result<Vec<(u8, &'a [u8])>, String> {
        if self.kind != kind::IAX {
            return Err("only IAX frames carry information elements".to_owned());
        }
        let mut rest = self.data;
        let mut found = Vec::new();
        while let Some((&kind, after)) = rest.split_first() {
            let (&length, after) =
                after.split_first().ok_or_else(|| format!("element {kind} has no length"))?;
            let (value, after) = after
                .split_at_checked(usize::from(length))
                .ok_or_else(|| format!("element {kind} runs past the end of the frame"))?;
            found.push((kind, value));
            rest = after;
        }
        Ok(found)
    }

    /// The value of the last element of that kind, if the frame can be read and has one.
    pub fn ie(&self, wanted: u8) -> Option<&'a [u8]> {
        let found = self.ies().ok()?;
        found.iter().rev().find(|(kind, _)| *kind == wanted).map(|&(_, value)| value)
    }
}

impl<'a> Trunk<'a> {
    fn parse(octets: &'a [u8]) -> Result<Self, String> {
        let Some((header, mut rest)) = octets.split_first_chunk::<8>() else {
            return Err(format!("a meta frame of {} octets", octets.len()));
        };
        if header[2] != 1 || header[3] > 1 {
            return Err(format!("meta command {} with data {}", header[2], header[3]));
        }
        let timestamps = header[3] == 1;
        let time = u32::from_be_bytes([header[4], header[5], header[6], header[7]]);
        let mut entries = Vec::new();
        while !rest.is_empty() {
            let (entry, after) = if timestamps { timed(rest) } else { untimed(rest) }
                .ok_or_else(|| format!("entry {} is cut", entries.len() + 1))?;
            entries.push(entry);
            rest = after;
        }
        Ok(Self { timestamps, time, entries })
    }
}

/// An entry with a time-stamp: length, call number, time (the order differs from [`untimed`]).
fn timed(octets: &[u8]) -> Option<(Voice<'_>, &[u8])> {
    let (h, rest) = octets.split_first_chunk::<6>()?;
    let (audio, rest) = rest.split_at_checked(usize::from(u16::from_be_bytes([h[0], h[1]])))?;
    let source = u16::from_be_bytes([h[2], h[3]]);
    Some((Voice { source, timestamp: Some(u16::from_be_bytes([h[4], h[5]])), audio }, rest))
}

/// An entry without: call number, length.
fn untimed(octets: &[u8]) -> Option<(Voice<'_>, &[u8])> {
    let (h, rest) = octets.split_first_chunk::<4>()?;
    let (audio, rest) = rest.split_at_checked(usize::from(u16::from_be_bytes([h[2], h[3]])))?;
    Some((Voice { source: u16::from_be_bytes([h[0], h[1]]), timestamp: None, audio }, rest))
}

impl fmt::Display for Full<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}→{} O{} I{} {}:{} at {} ms{}",
            self.source,
            self.destination,
            self.oseqno,
            self.iseqno,
            self.kind,
            self.subclass,
            self.timestamp,
            if self.again { " again" } else { "" },
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A trunk frame of two entries with time-stamps, by hand after §8.1.3.2.
    const TIMED: [u8; 23] =
        [0, 0, 1, 1, 0, 0, 3, 0xe8, 0, 2, 0x40, 1, 5, 0x14, 1, 2, 0, 1, 0, 7, 5, 0x28, 3];
    /// The same calls without.
    const UNTIMED: [u8; 19] = [0, 0, 1, 0, 0, 0, 3, 0xe8, 0x40, 1, 0, 2, 1, 2, 0, 7, 0, 1, 3];

    #[test]
    fn both_trunk_forms_hold_the_same_audio() {
        for (octets, timestamps) in [(&TIMED[..], true), (&UNTIMED[..], false)] {
            let Ok(Datagram::Trunk(trunk)) = parse(octets) else { panic!("no trunk frame") };
            assert_eq!((trunk.timestamps, trunk.time), (timestamps, 1000));
            let audio: Vec<_> = trunk.entries.iter().map(|e| (e.source, e.audio)).collect();
            assert_eq!(audio, [(0x4001, &[1, 2][..]), (7, &[3][..])]);
        }
    }

    #[test]
    fn a_cut_trunk_frame_is_refused_except_between_entries() {
        for cut in 4..TIMED.len() {
            assert_eq!(parse(&TIMED[..cut]).is_ok(), cut == 8 || cut == 16, "cut at {cut}");
        }
    }

    #[test]
    fn elements_are_listed_and_an_overrun_is_an_error() {
        let frame = [0x80, 1, 0, 0, 0, 0, 0, 3, 0, 0, 6, 1, 0x0b, 2, 0, 2, 1, 3, 0x36, 0x30, 0x30];
        let Ok(Datagram::Full(full)) = parse(&frame) else { panic!("no full frame") };
        assert!(full.is_iax(iax::NEW));
        assert_eq!(full.ie(ie::CALLED_NUMBER), Some(&b"600"[..]));
        let Ok(Datagram::Full(cut)) = parse(&frame[..20]) else { panic!("no full frame") };
        assert!(cut.ies().is_err());
    }
}
