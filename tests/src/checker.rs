//! Judges a capture: did the switch speak IAX2 as the field expects it to?
//!
//! Reads both directions, so that every answer can be held against its question. It knows the protocol and nothing
//! of the switch's insides. The capture must be taken next to the switch, once per datagram, and start before the
//! first call: what the capture lost, the checker takes for never sent. On the captured device UDP segmentation and
//! GRO must be off (`ethtool -K DEVICE tx-udp-segmentation off gro off`), so that a record holds one datagram.
//! Encrypted calls can be judged only with their secrets; the continuity of the audio itself is not judged here.

mod content;
mod element;
mod finding;
mod judge;
mod leg;
mod leg_heard;
mod leg_sent;
mod media;
mod stateless;
mod trunk;

use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use crate::pcap;

pub use finding::{Report, Stats, Violation};
pub use judge::check_capture;

/// What the capture's switch was configured to do, and how much patience the checker has.
#[derive(Debug, Clone)]
pub struct Options {
    /// Most octets of UDP payload in a trunk datagram (`trunkmtu`).
    pub trunk_mtu: usize,
    /// Whether trunk entries must carry time-stamps (`trunktimestamps`).
    pub timed_entries_only: bool,
    /// How long an answer or an acknowledgement may take.
    pub answer_within: Duration,
    /// How long after the first voice past a 16-bit wrap its full VOICE frame may come.
    pub wrap_grace: Duration,
    /// Least time between two copies of one frame.
    pub resend_after: Duration,
    /// After this long without an acknowledgement no further copy may come.
    pub give_up_after: Duration,
    /// Whether peers restart and links break for long: the switch gives up legs without a word then, and what it leaves
    /// undone on one is not judged.
    pub peers_vanish: bool,
    /// Least time a call number rests before it is used for another call with the same peer.
    pub rest: Duration,
    /// Secrets of the users and peers: with them encrypted calls are read, and judged as all others are.
    pub secrets: Vec<String>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            trunk_mtu: 1240,
            timed_entries_only: true,
            answer_within: Duration::from_secs(2),
            wrap_grace: Duration::from_millis(500),
            resend_after: Duration::from_millis(90), // 100 ms, less what timers and captures are off
            give_up_after: Duration::from_millis(10_500), // 10 s, and a late wake
            peers_vanish: false,
            rest: Duration::from_millis(4900), // 5 s likewise
            secrets: Vec::new(),
        }
    }
}

/// Judges every datagram that `switch` (address and port) sent in the libpcap file at `path`.
///
/// # Errors
/// The file cannot be read, or is no libpcap file of a link type known to [`pcap`].
pub fn check_pcap(path: &Path, switch: SocketAddr, options: &Options) -> io::Result<Report> {
    Ok(check_capture(&pcap::read(path)?, switch, options))
}
