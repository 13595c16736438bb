//! Trunk datagrams of the switch to one peer.

use std::collections::HashSet;
use std::net::SocketAddr;

use dataplane::wire::{EntryForm, TrunkEntry, TrunkFrame};

use super::Options;
use super::finding::Log;

/// Peers that trunk frames went to. The header time 0 makes a receiver set its clock, so it may come once only.
#[derive(Debug, Default)]
pub(super) struct Trunks(HashSet<SocketAddr>);

impl Trunks {
    /// Judges the datagram as such and returns its whole entries; `len` is its whole length.
    pub(super) fn send<'a>(
        &mut self,
        peer: SocketAddr,
        frame: &TrunkFrame<'a>,
        octets: &[u8],
        len: usize,
        options: &Options,
        log: &mut Log,
    ) -> Vec<TrunkEntry<'a>> {
        if len > options.trunk_mtu {
            log.wrong(format!("trunk datagram of {len} octets, {} allowed", options.trunk_mtu));
        }
        if frame.form() == EntryForm::Untimed && options.timed_entries_only {
            log.wrong("trunk entries without time-stamps");
        }
        if !self.0.insert(peer) && frame.time_ms() == 0 {
            log.wrong("trunk header time 0 again");
        }
        let mut used = dataplane::wire::TRUNK_HEADER_LEN;
        let mut entries = Vec::new();
        for entry in frame.entries() {
            match entry {
                Ok(entry) => {
                    used += frame.form().header_len() + entry.payload.len();
                    entries.push(entry);
                }
                Err(error) if octets.len() == len => {
                    log.wrong(error.to_string());
                    used = len;
                }
                Err(_) => {} // cut by the capture, not by the switch
            }
        }
        if entries.is_empty() && used < len {
            log.wrong("trunk datagram without an entry");
        } else if octets.len() == len && used != len {
            log.wrong(format!("{} octets behind the last trunk entry", len - used));
        }
        entries
    }
}
