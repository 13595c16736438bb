//! Trunk datagrams of the switch to one peer.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::time::Duration;

use dataplane::wire::{EntryForm, TRUNK_HEADER_LEN, TrunkEntry, TrunkFrame};

use super::Options;
use super::finding::Log;
use super::media::BACK_AT_MOST_MS;

/// After this long without a trunk frame the last call has gone, and the next may set the receiver's clock anew.
const QUIET: Duration = Duration::from_millis(500);

/// The last header time each peer was sent. The header time 0 makes a receiver set its clock, so it may come only
/// where voice begins.
#[derive(Debug, Default)]
pub(super) struct Trunks(HashMap<SocketAddr, (u32, Duration)>);

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
        let time_ms = frame.time_ms();
        match self.0.insert(peer, (time_ms, log.now)) {
            Some((_, at)) if time_ms == 0 && log.now - at < QUIET => {
                log.wrong("trunk header time 0 again");
            }
            Some((before, _))
                if time_ms > 0 && before.saturating_sub(time_ms) > BACK_AT_MOST_MS =>
            {
                log.wrong(format!("trunk header time {time_ms} after {before}"));
            }
            _ => {}
        }
        let whole = octets.len() == len; // else the capture may have cut an entry
        let mut used = TRUNK_HEADER_LEN;
        let mut entries = Vec::new();
        for entry in frame.entries() {
            match entry {
                Ok(entry) => {
                    used += frame.form().header_len() + entry.payload.len();
                    entries.push(entry);
                }
                Err(error) => {
                    if whole {
                        log.wrong(error.to_string());
                    }
                    return entries;
                }
            }
        }
        if whole && entries.is_empty() {
            log.wrong("trunk datagram without an entry");
        } else if whole && used != len {
            log.wrong(format!("{} octets behind the last trunk entry", len - used));
        }
        entries
    }
}
