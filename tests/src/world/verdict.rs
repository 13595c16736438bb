//! What must be so after every run, whatever happened in it.

use std::time::Duration;

use dataplane::time::Instant;

use super::World;
use dataplane::wire::{Frame, FrameType};

use crate::checker::{self, Options};
use crate::pcap::Packet;

/// A run is over when the last number has rested and every timer of a call has gone off.
const AFTERWARDS: Duration = Duration::from_secs(130);

impl World {
    /// Every host hangs up what it still has, everything is given time to end, and the world is judged.
    pub fn ends(&self) {
        self.ends_with(&Options { answer_within: Duration::from_secs(8), ..Options::default() });
    }

    /// The same, judged with other patience.
    pub fn ends_with(&self, options: &Options) {
        self.everybody_hangs_up();
        self.run_for(AFTERWARDS);
        self.judge_what_is_left();
        self.judge_voice();
        self.judge_frames(options);
    }

    /// Every datagram that the switch heard or sent, a line each.
    pub fn transcript(&self) -> String {
        let inner = self.0.borrow();
        inner.capture.packets.iter().map(line_of).collect::<Vec<_>>().join("\n")
    }

    /// Every host hangs up its calls.
    pub fn everybody_hangs_up(&self) {
        let mut inner = self.0.borrow_mut();
        for host in 0..inner.hosts.len() {
            let calls: Vec<usize> = inner.hosts[host].calls().collect();
            for call in calls {
                inner.with_host(host, |host, tools| host.hang_up(call, tools, 16));
            }
        }
    }

    /// Nothing of any call is left: not in control, not on a core, not in a timer.
    fn judge_what_is_left(&self) {
        let seed = self.seed();
        let periodic = self.is_periodic();
        if periodic {
            let clear = || self.stats().legs == 0;
            assert!(self.run_until(Duration::from_secs(40), clear), "seed {seed}: a leg stays");
        }
        let stats = self.stats();
        assert_eq!((stats.calls, stats.legs, stats.calls_up), (0, 0, 0), "seed {seed}: {stats:?}");
        let inner = self.0.borrow();
        for core in &inner.switch.cores {
            assert_eq!(core.load(), (0, 0), "seed {seed}: relays and peers left on a core");
        }
        if !periodic {
            assert_eq!(stats.associations, 0, "seed {seed}: an association stays");
            let deadline = inner.switch.control.deadline();
            assert_eq!(deadline, Instant::FAR_FUTURE, "seed {seed}: a timer runs for nothing");
        }
    }

    /// Whether the configuration has something done for ever.
    fn is_periodic(&self) -> bool {
        let inner = self.0.borrow();
        let config = &inner.switch.config;
        let named = |host: &control::conf::Host| matches!(host, control::conf::Host::Name { .. });
        !config.registers.is_empty()
            || config.peers.iter().any(|peer| peer.qualify.is_some() || named(&peer.host))
            || inner.switch.control.stats().registered > 0
    }

    /// Spoken = heard + lost + dropped for a reason + left with control, and nothing strange was heard.
    fn judge_voice(&self) {
        let account = self.account();
        let seed = self.seed();
        assert_eq!(account.missing, 0, "seed {seed}: voice vanished: {account:?}");
        let inner = self.0.borrow();
        for host in &inner.hosts {
            let strange: usize = host.legs.iter().map(|leg| leg.ear.strange).sum();
            assert_eq!(strange, 0, "seed {seed}: {} heard noise", host.address);
        }
    }

    /// The strict checker has nothing to say of what the switch sent.
    fn judge_frames(&self, options: &Options) {
        let inner = self.0.borrow();
        let ours = inner.switch.address(dataplane::handoff::SocketId(0));
        let mut report = checker::check_capture(&inner.capture, ours, options);
        // Where frames are repeated seconds later, voice in full ones comes late, and is passed on so.
        // And where calls come and go, so does the switch's memory of a trunk, with its clock.
        let late = |text: &str| {
            let told = ["goes back by", "trunk header time"];
            options.peers_vanish && told.iter().any(|told| text.contains(told))
        };
        report.violations.retain(|violation| !late(&violation.text));
        assert!(report.stats.sent > 0, "seed {}: the switch has said nothing", inner.seed);
        if let Some(first) = report.violations.first() {
            let from = first.frame_no.saturating_sub(SHOWN_BEFORE);
            let around: Vec<String> = inner.capture.packets[from..first.frame_no
                + SHOWN_AFTER.min(inner.capture.packets.len() - first.frame_no)]
                .iter()
                .map(line_of)
                .collect();
            panic!("seed {}:\n{report}\n{}", inner.seed, around.join("\n"));
        }
    }
}

/// Frames shown around the first that breaks a rule.
const SHOWN_BEFORE: usize = 25;
const SHOWN_AFTER: usize = 3;

/// A datagram in one line.
fn line_of(packet: &Packet) -> String {
    let at = packet.time.as_secs_f64();
    let (no, from, to) = (packet.frame_no, packet.source, packet.destination);
    let what = match Frame::parse(&packet.payload) {
        Ok(Frame::Full(full)) => {
            let header = full.header();
            let name = match header.frame_type {
                FrameType::Iax => header.subclass.as_iax().name(),
                other => other.name(),
            };
            let again = if header.retransmission { " R" } else { "" };
            let to = header.destination.map_or(0, |number| number.get());
            format!(
                "{name}{again} {}>{to} at {} O{} I{}",
                header.source, header.timestamp.0, header.oseqno.0, header.iseqno.0
            )
        }
        Ok(Frame::Mini(mini)) => format!("mini {} at {}", mini.source(), mini.timestamp().0),
        Ok(Frame::Trunk(trunk)) => {
            format!("trunk of {} at {}", trunk.entries().count(), trunk.time_ms())
        }
        Ok(Frame::Video(_)) | Err(_) => "no frame".to_owned(),
    };
    format!("{no:5} {at:.6} {from} > {to}: {what}")
}
