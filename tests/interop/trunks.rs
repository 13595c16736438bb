//! Which voice went in trunk frames, and in which form, against what the files of the case ask.

use std::net::IpAddr;

use tests::frames::{self, Datagram};
use tests::pcap::Packet;

use crate::Outcome;
use crate::scene::Scene;
use crate::setup::Side;

/// Voice from one address to another, outside full frames.
#[derive(Debug, Default, PartialEq, Eq)]
struct Traffic {
    minis: usize,
    entries: usize,
    /// Trunk frames with and without time-stamps.
    forms: [usize; 2],
}

impl Traffic {
    fn between(packets: &[Packet], (from, to): (IpAddr, IpAddr)) -> Self {
        let mut traffic = Self::default();
        for packet in packets.iter().filter(|p| p.source.ip() == from && p.destination.ip() == to) {
            match frames::parse(&packet.payload) {
                Ok(Datagram::Mini(_)) => traffic.minis += 1,
                Ok(Datagram::Trunk(trunk)) => {
                    traffic.entries += trunk.entries.len();
                    traffic.forms[usize::from(!trunk.timestamps)] += 1;
                }
                _ => {}
            }
        }
        traffic
    }

    /// Enough of it that a trunk must show.
    fn is_plenty(&self) -> bool {
        self.minis + self.entries > 60
    }
}

/// Checks all four directions.
///
/// # Errors
/// Says which one trunks when it should not, does not when it should, or has the wrong form.
pub(crate) fn check(scene: &Scene, packets: &[Packet]) -> Outcome<()> {
    let setup = &scene.setup;
    for side in [Side::A, Side::B] {
        let traffic = Traffic::between(packets, scene.outward(side));
        let form = if setup.timestamps { 0 } else { 1 };
        expect(side.user(), setup.pbx_trunk[side.index()], form, &traffic)?;
        if scene.switch.is_some() {
            let traffic = Traffic::between(packets, scene.inward(side));
            let place = format!("the switch towards {}", side.user());
            let trunked = setup.switch_trunk[side.index()] && !setup.encrypts(side);
            expect(&place, trunked, 0, &traffic)?;
        }
    }
    Ok(())
}

fn expect(place: &str, trunked: bool, form: usize, traffic: &Traffic) -> Outcome<()> {
    let wrong = match trunked {
        true if traffic.is_plenty() && traffic.entries < traffic.minis => "does not trunk",
        true if traffic.forms[1 - form] > 0 => "trunks in the wrong form",
        false if traffic.entries > 0 => "trunks uninvited",
        _ => return Ok(()),
    };
    Err(format!("{place} {wrong}: {traffic:?}"))
}
