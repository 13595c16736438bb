//! Full frames: reliable messages of twelve octets of header and their data (RFC 5456 §8.1.1).

use super::{BufferTooSmall, CallNumber, FrameError, FrameType, Ies, SeqNo, Subclass, Timestamp};

/// The header of a full frame, as plain values.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct FullHeader {
    /// The sender's number for the call.
    pub source: CallNumber,
    /// The receiver's number; `None` (0 on the wire) until the sender knows it.
    pub destination: Option<CallNumber>,
    /// The R bit: sent before.
    pub retransmission: bool,
    /// Milliseconds of the sender's call clock.
    pub timestamp: Timestamp,
    /// Full frames the sender has sent before this one.
    pub oseqno: SeqNo,
    /// The next full frame the sender expects.
    pub iseqno: SeqNo,
    /// What the subclass and the data mean.
    pub frame_type: FrameType,
    /// The subclass octet, as on the wire, C bit included.
    pub subclass: Subclass,
}

impl FullHeader {
    /// Octets of a full frame's header.
    pub const LEN: usize = 12;

    /// Writes the header at the start of `out` and returns its length.
    pub fn emit(&self, out: &mut [u8]) -> Result<usize, BufferTooSmall> {
        let header = out.first_chunk_mut::<{ Self::LEN }>().ok_or(BufferTooSmall)?;
        let [s0, s1] = (self.source.get() | 0x8000).to_be_bytes();
        let r = u16::from(self.retransmission) << 15;
        let [d0, d1] = (self.destination.map_or(0, CallNumber::get) | r).to_be_bytes();
        let [t0, t1, t2, t3] = self.timestamp.0.to_be_bytes();
        let (o, i) = (self.oseqno.0, self.iseqno.0);
        *header =
            [s0, s1, d0, d1, t0, t1, t2, t3, o, i, self.frame_type.to_wire(), self.subclass.0];
        Ok(Self::LEN)
    }
}

/// A full frame: a view of a header and the data behind it (RFC 5456 §8.1.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FullFrame<'a> {
    header: FullHeader,
    data: &'a [u8],
}

impl<'a> FullFrame<'a> {
    /// Reads a whole datagram as a full frame. The data is not looked into.
    pub fn parse(octets: &'a [u8]) -> Result<Self, FrameError> {
        let Some((&[s0, s1, d0, d1, t0, t1, t2, t3, o, i, kind, sub], data)) =
            octets.split_first_chunk()
        else {
            return Err(FrameError::TooShort { need: FullHeader::LEN, have: octets.len() });
        };
        if s0 & 0x80 == 0 {
            return Err(FrameError::NotFull);
        }
        let source = u16::from_be_bytes([s0, s1]);
        let destination = u16::from_be_bytes([d0, d1]);
        let header = FullHeader {
            source: CallNumber::from_wire(source).ok_or(FrameError::NoSource)?,
            destination: CallNumber::from_wire(destination),
            retransmission: destination & 0x8000 != 0,
            timestamp: Timestamp(u32::from_be_bytes([t0, t1, t2, t3])),
            oseqno: SeqNo(o),
            iseqno: SeqNo(i),
            frame_type: FrameType::from_wire(kind),
            subclass: Subclass(sub),
        };
        Ok(Self { header, data })
    }

    /// The header's values.
    pub fn header(&self) -> &FullHeader {
        &self.header
    }

    /// The octets behind the header: information elements in an IAX frame, else the payload.
    pub fn data(&self) -> &'a [u8] {
        self.data
    }

    /// Walks the information elements; only frames of type IAX have any.
    pub fn ies(&self) -> Ies<'a> {
        match self.header.frame_type {
            FrameType::Iax => Ies::new(self.data),
            _ => Ies::new(&[]),
        }
    }
}
