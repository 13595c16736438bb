//! The ring from a core to control: each [`Punt`] is one record, 32 octets of header and the octets it carries.
//!
//! Both ends are this process and this build, so the layout is native and private to this file.

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV6};

use crate::handoff::{Punt, RelayId, SocketId};
use crate::spsc::{RecordReader, RecordWriter, records};
use crate::wire::{CallNumber, Timestamp};

const HEADER_LEN: usize = 32;

const FULL: u8 = 0;
const VOICE: u8 = 1;
const STRAY: u8 = 2;
const REMOVED: u8 = 3;

/// A ring of punts of at least `octets` octets: the core's end and control's.
///
/// To take the longest punt it must have more than twice [`PUNT_MAX`](crate::handoff::PUNT_MAX).
pub fn punt_ring(octets: usize) -> (PuntSender, PuntReceiver) {
    let (writer, reader) = records(octets);
    (PuntSender(writer), PuntReceiver(reader))
}

/// The core's end.
pub struct PuntSender(RecordWriter);

impl PuntSender {
    /// Copies a punt in, unseen until [`PuntSender::publish`]. False: there is no room, control is behind.
    pub fn send(&mut self, punt: &Punt<'_>) -> bool {
        let (header, octets) = encode(punt);
        self.0.write(&header, octets)
    }

    /// Shows control what was sent. True: control sleeps, ring its doorbell, once.
    #[must_use = "a sleeping reader waits for its doorbell"]
    pub fn publish(&mut self) -> bool {
        self.0.publish()
    }
}

/// Control's end.
pub struct PuntReceiver(RecordReader);

impl PuntReceiver {
    /// Hands over the oldest punt, its octets still in the ring. `None` if there is none.
    pub fn receive<R>(&mut self, reader: impl FnOnce(Punt<'_>) -> R) -> Option<R> {
        self.0.next_with(|record| {
            reader(decode(record).expect("only a PuntSender writes to a ring of punts"))
        })
    }

    /// Gives the room of what was received back to the core. Once per batch is enough.
    pub fn release(&mut self) {
        self.0.release();
    }

    /// To be asked before sleeping. True: nothing is there to receive, and the core's next punt rings the doorbell.
    #[must_use = "false means there is something to receive"]
    pub fn may_sleep(&mut self) -> bool {
        self.0.may_sleep()
    }

    /// To be said after sleeping, so that nobody rings for a reader that is awake.
    pub fn awake(&mut self) {
        self.0.awake();
    }
}

fn encode<'a>(punt: &Punt<'a>) -> ([u8; HEADER_LEN], &'a [u8]) {
    let mut header = [0; HEADER_LEN];
    let octets = match *punt {
        Punt::Full { local, remote, octets } => {
            header[0] = FULL;
            put_address(&mut header, local, remote);
            octets
        }
        Punt::Voice { relay, heard, audio } => {
            header[0] = VOICE;
            header[4..8].copy_from_slice(&relay.0.to_ne_bytes());
            header[8..12].copy_from_slice(&heard.0.to_ne_bytes());
            audio
        }
        Punt::Stray { local, remote, source } => {
            header[0] = STRAY;
            put_address(&mut header, local, remote);
            header[6..8].copy_from_slice(&source.get().to_ne_bytes());
            &[]
        }
        Punt::Removed(relay) => {
            header[0] = REMOVED;
            header[4..8].copy_from_slice(&relay.0.to_ne_bytes());
            &[]
        }
    };
    (header, octets)
}

fn decode(record: &[u8]) -> Option<Punt<'_>> {
    let (header, octets) = record.split_first_chunk::<HEADER_LEN>()?;
    let word = |at: usize| Some(u32::from_ne_bytes(*header.get(at..)?.first_chunk()?));
    Some(match header[0] {
        FULL => {
            let (local, remote) = address(header)?;
            Punt::Full { local, remote, octets }
        }
        VOICE => {
            let (relay, heard) = (RelayId(word(4)?), Timestamp(word(8)?));
            Punt::Voice { relay, heard, audio: octets }
        }
        STRAY => {
            let (local, remote) = address(header)?;
            let source = CallNumber::from_wire(u16::from_ne_bytes([header[6], header[7]]))?;
            Punt::Stray { local, remote, source }
        }
        REMOVED => Punt::Removed(RelayId(word(4)?)),
        _ => return None,
    })
}

/// Socket at 1, family at 2, port at 4, flow label at 8, scope at 12, address at 16.
fn put_address(header: &mut [u8; HEADER_LEN], local: SocketId, remote: SocketAddr) {
    header[1] = local.0;
    header[4..6].copy_from_slice(&remote.port().to_ne_bytes());
    match remote {
        SocketAddr::V4(remote) => {
            header[2] = 4;
            header[16..20].copy_from_slice(&remote.ip().octets());
        }
        SocketAddr::V6(remote) => {
            header[2] = 6;
            header[8..12].copy_from_slice(&remote.flowinfo().to_ne_bytes());
            header[12..16].copy_from_slice(&remote.scope_id().to_ne_bytes());
            header[16..32].copy_from_slice(&remote.ip().octets());
        }
    }
}

fn address(header: &[u8; HEADER_LEN]) -> Option<(SocketId, SocketAddr)> {
    let port = u16::from_ne_bytes([header[4], header[5]]);
    let ip = header.last_chunk::<16>()?;
    let remote = if header[2] == 4 {
        let [a, b, c, d, ..] = *ip;
        SocketAddr::new(IpAddr::V4(Ipv4Addr::new(a, b, c, d)), port)
    } else {
        let flow = u32::from_ne_bytes(*header.get(8..)?.first_chunk()?);
        let scope = u32::from_ne_bytes(*header.get(12..)?.first_chunk()?);
        SocketAddr::V6(SocketAddrV6::new(Ipv6Addr::from_octets(*ip), port, flow, scope))
    };
    Some((SocketId(header[1]), remote))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn remotes() -> impl Strategy<Value = SocketAddr> {
        prop_oneof![
            (any::<[u8; 4]>(), any::<u16>()).prop_map(|(ip, port)| SocketAddr::from((ip, port))),
            (any::<[u8; 16]>(), any::<u16>(), any::<u32>(), any::<u32>()).prop_map(
                |(ip, port, flow, scope)| SocketAddr::V6(SocketAddrV6::new(
                    Ipv6Addr::from_octets(ip),
                    port,
                    flow,
                    scope
                ))
            ),
        ]
    }

    proptest! {
        #[test]
        fn every_punt_comes_out_as_it_went_in(
            remote in remotes(),
            local in any::<u8>().prop_map(SocketId),
            relay in any::<u32>().prop_map(RelayId),
            heard in any::<u32>().prop_map(Timestamp),
            source in 1u16..0x8000,
            octets in prop::collection::vec(any::<u8>(), 0..300),
        ) {
            let (mut core, mut control) = punt_ring(4096);
            let source = CallNumber::from_wire(source).unwrap();
            let punts = [
                Punt::Full { local, remote, octets: &octets },
                Punt::Voice { relay, heard, audio: &octets },
                Punt::Stray { local, remote, source },
                Punt::Removed(relay),
            ];
            for punt in &punts {
                prop_assert!(core.send(punt));
            }
            prop_assert!(!core.publish(), "nobody sleeps");
            for punt in &punts {
                prop_assert_eq!(control.receive(|out| out == *punt), Some(true));
            }
            prop_assert!(control.receive(|_| ()).is_none());
        }
    }

    #[test]
    fn the_longest_punt_fits_the_smallest_sensible_ring() {
        let (mut core, mut control) = punt_ring(2 * crate::handoff::PUNT_MAX + 1);
        let octets = [7; crate::handoff::PUNT_MAX];
        let remote = SocketAddr::from(([127, 0, 0, 1], 4569));
        for _ in 0..5 {
            assert!(core.send(&Punt::Full { local: SocketId(0), remote, octets: &octets }));
            assert!(!core.publish());
            assert_eq!(control.receive(|punt| matches!(punt, Punt::Full { .. })), Some(true));
            control.release();
        }
    }
}
