//! What the planes say to each other: [`Punt`], core to control; [`Command`], control to core.
//!
//! Two bounded rings per core carry them (`spsc.rs`); beside them there are only counters and [`RelayCells`], which
//! one side writes and the other reads. Control alone builds, numbers and resends full frames; cores alone touch
//! voice, but for the audio of full VOICE frames, which crosses here in both directions.

use core::net::SocketAddr;
use core::sync::atomic::{AtomicU32, Ordering};

use arrayvec::ArrayVec;

use crate::time::Instant;
use crate::wire::{CallNumber, EntryForm, MediaFormat, Timestamp};

/// One of the local addresses we are bound to; the same index on every core.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SocketId(pub u8);

/// One of the dataplane's cores, counted from 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CoreId(pub u8);

/// A pair of local socket and remote address as the cores know it. Control hands the indices out, below the bound
/// both planes were started with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PeerIndex(pub u32);

/// One direction of a call, named after the leg it is heard on; control hands them out, below `legs_max`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RelayId(pub u32);

/// Most octets of audio in a full VOICE frame that cross between the planes; a longer frame is dropped and counted.
pub const VOICE_MAX: usize = 1408;

/// Most octets of a full frame that a core punts; Asterisk itself reads no more.
pub const PUNT_MAX: usize = 8192;

/// An AES-128 key of one direction of an encrypted leg. Shows as dots in logs.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct CallKey(pub [u8; 16]);

impl core::fmt::Debug for CallKey {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("CallKey(..)")
    }
}

/// The one conversion a core makes: between the two laws of G.711, octet for octet by table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Conversion {
    /// µ-law heard, A-law sent.
    UlawToAlaw,
    /// A-law heard, µ-law sent.
    AlawToUlaw,
}

/// How trunk frames to a peer are packed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TrunkSpec {
    /// Most octets of UDP payload in one trunk frame (`trunkmtu`), tested before an entry is appended.
    pub mtu: u16,
    /// Most milliseconds an entry waits (`trunkfreq`).
    pub interval_ms: u16,
    /// Whether entries carry time-stamps (`trunktimestamps`).
    pub form: EntryForm,
}

/// A remote address cores may hear from and send to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PeerSpec {
    /// Where control keeps it.
    pub index: PeerIndex,
    /// The socket it is heard on, and sent from.
    pub local: SocketId,
    /// Its address.
    pub remote: SocketAddr,
    /// How its trunk frames are packed.
    pub trunk: TrunkSpec,
    /// Zero of the trunk frames' header time; the first frame sent says exactly 0, which makes Asterisk set its own.
    pub epoch: Instant,
}

/// How a call's voice travels to the far peer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Carriage {
    /// A datagram of its own.
    Mini,
    /// An entry of the peer's trunk frames.
    Trunk,
}

/// One direction of a call: what is heard from the near peer under its number goes to the far peer under ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RelaySpec {
    /// Its name in commands, punts and [`RelayCells`].
    pub relay: RelayId,
    /// Whom it is heard from.
    pub near: PeerIndex,
    /// The near peer's number for its leg: the source in what is heard.
    pub near_call: CallNumber,
    /// Whom it goes to.
    pub far: PeerIndex,
    /// Our number for the far leg: the source in what is sent.
    pub far_call: CallNumber,
    /// How it travels. Every relay starts as mini frames (decision: the far peer must know the call first).
    pub carriage: Carriage,
    /// Newest time-stamp heard on the near leg, from which 16 bits are extended.
    pub newest: Timestamp,
    /// Added to what is heard to give what is sent, wrapping. `None` until voice has started: then every frame is
    /// punted, and control answers with [`Command::Align`].
    pub offset: Option<u32>,
    /// Format heard, if a full VOICE frame has told it; gives untimed trunk entries their duration.
    pub format: Option<MediaFormat>,
    /// Whether the far peer asked for silence (QUELCH): voice is counted and dropped.
    pub quelched: bool,
    /// Key of the mini frames heard, where the near leg is encrypted. Trunk entries are in clear all the same: the
    /// field sends them so.
    pub decrypt: Option<CallKey>,
    /// Key of the mini frames sent, where the far leg is encrypted; its carriage is then always [`Carriage::Mini`].
    pub encrypt: Option<CallKey>,
    /// Conversion of what is heard into what is sent.
    pub convert: Option<Conversion>,
}

/// What control asks of a core. Applied in order, at the start of the core's next step.
#[derive(Debug, Clone, PartialEq)]
#[expect(
    clippy::large_enum_variant,
    reason = "it lives in ring slots; a box would be freed on a core"
)]
pub enum Command {
    /// Learn a peer, or take its new spec. Always before a relay names its index.
    Peer(PeerSpec),
    /// Forget a peer that no relay names any more.
    ForgetPeer(PeerIndex),
    /// Carry this direction of a call from now on.
    Install(RelaySpec),
    /// Carry it no more; flush what is pending of it, then answer [`Punt::Removed`].
    Remove(RelayId),
    /// A full VOICE frame has gone to the far peer: the relay owes none any more, and stamps with this offset.
    Align {
        /// Which relay.
        relay: RelayId,
        /// Offset from heard to sent time-stamps, wrapping.
        offset: u32,
        /// Time-stamp heard of the audio that went, if later than what the core has heard.
        heard: Timestamp,
        /// Time-stamp sent in the full frame.
        sent: Timestamp,
        /// Format heard.
        format: MediaFormat,
    },
    /// The far leg owes a full VOICE frame (VNAK received, format changed): punt the next audio.
    Owe(RelayId),
    /// Send this relay's voice as mini frames or trunk entries from now on.
    Carry(RelayId, Carriage),
    /// Drop (true) or send (false) this relay's voice.
    Quelch(RelayId, bool),
    /// The near peer encrypts with this key from now on (RTKEY); frames under the key before it may still come.
    Rekey(RelayId, CallKey),
    /// Mini frames to the far peer are encrypted with this key from now on.
    RekeySent(RelayId, CallKey),
    /// Convert this relay's audio from now on, or no more.
    Convert(RelayId, Option<Conversion>),
    /// Audio of a full VOICE frame heard on the near leg, to be sent on as any other.
    Voice {
        /// Which relay.
        relay: RelayId,
        /// The frame's own 32-bit time-stamp.
        heard: Timestamp,
        /// The frame's format.
        format: MediaFormat,
        /// The audio.
        audio: ArrayVec<u8, VOICE_MAX>,
    },
}

/// What a core hands to control. The octets are copied through the ring: they are few, and a copy has no owner.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Punt<'a> {
    /// A full frame, whole.
    Full {
        /// Socket it was heard on.
        local: SocketId,
        /// Its sender.
        remote: SocketAddr,
        /// The frame, header included.
        octets: &'a [u8],
    },
    /// Audio of a mini frame or trunk entry whose far leg owes a full VOICE frame.
    Voice {
        /// Which relay.
        relay: RelayId,
        /// Time-stamp heard, extended to 32 bits.
        heard: Timestamp,
        /// The audio.
        audio: &'a [u8],
    },
    /// Voice from a known peer for a call this core does not carry; at most one per peer in 100 ms.
    Stray {
        /// Socket it was heard on.
        local: SocketId,
        /// Its sender.
        remote: SocketAddr,
        /// The sender's number for the call.
        source: CallNumber,
    },
    /// Answer to [`Command::Remove`]: no frame of this relay will be sent any more.
    Removed(RelayId),
}

/// What a core publishes of one relay; one core writes, control reads.
#[derive(Debug, Default)]
pub struct RelayCell {
    /// Time-stamp of the last voice sent to the far peer, milliseconds of its leg; 0 before the first.
    pub sent: AtomicU32,
    /// Voice frames heard on the near leg, wrapping.
    pub heard_frames: AtomicU32,
    /// Of those, how many came after a later one.
    pub late_frames: AtomicU32,
    /// Time-stamp of the newest voice heard on the near leg.
    pub heard: AtomicU32,
}

/// The cells of all relays, by [`RelayId`]; made at start, shared by both planes.
#[derive(Debug)]
pub struct RelayCells(Box<[RelayCell]>);

impl RelayCells {
    /// Cells for relays 0..`legs_max`.
    pub fn new(legs_max: u32) -> Self {
        Self((0..legs_max).map(|_| RelayCell::default()).collect())
    }

    /// The cell of a relay; `None` past the bound.
    pub fn get(&self, relay: RelayId) -> Option<&RelayCell> {
        self.0.get(relay.0 as usize)
    }

    /// Time-stamp of the last voice the relay sent; 0 if none.
    pub fn last_sent(&self, relay: RelayId) -> Timestamp {
        Timestamp(self.get(relay).map_or(0, |cell| cell.sent.load(Ordering::Relaxed)))
    }

    /// Sets a relay's cell to zero, before it is installed for another call.
    pub fn reset(&self, relay: RelayId) {
        if let Some(cell) = self.get(relay) {
            for word in [&cell.sent, &cell.heard_frames, &cell.late_frames, &cell.heard] {
                word.store(0, Ordering::Relaxed);
            }
        }
    }
}
