//! tcpdump on the middle of one case, and what can be asked of its file.

use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tests::frames::{self, Datagram, Full};
use tests::pcap::{self, Packet};
use tests::unseal::{self, Unsealed};

use crate::netns::Network;
use crate::shell::{self, Running};
use crate::{Outcome, poll};

/// A capture under way.
#[derive(Debug)]
pub(crate) struct Capture {
    running: Running,
    file: PathBuf,
    log: PathBuf,
    /// What encrypted calls are read with.
    secrets: Vec<String>,
}

impl Capture {
    /// Starts it on every interface of the middle namespace, and waits until it listens.
    ///
    /// # Errors
    /// tcpdump does not start.
    pub(crate) fn start(network: &Network, folder: &Path, secrets: Vec<String>) -> Outcome<Self> {
        let file = folder.join("capture.pcap");
        let log = folder.join("tcpdump.log");
        let (namespace, path) = (network.name("s"), file.to_string_lossy().into_owned());
        let line = [
            &["ip", "netns", "exec", &namespace, "tcpdump", "-i", "any", "-n", "-U", "-Z", "root"]
                [..],
            // A slot of the kernel's buffer has the snapshot's length: small ones, or it holds but 128.
            &["--immediate-mode", "-B", "32768", "-s", "2048", "-w", &path, "udp", "port", "4569"],
        ]
        .concat();
        let running = Running::start("tcpdump", &line, &log)?;
        let listening = poll(Duration::from_secs(10), || {
            let said = std::fs::read_to_string(&log).unwrap_or_default();
            said.contains("listening on").then_some(())
        });
        listening.ok_or_else(|| "tcpdump does not listen".to_owned())?;
        Ok(Self { running, file, log, secrets })
    }

    /// Everything captured so far, with encrypted calls in clear, without what does not decrypt.
    ///
    /// # Errors
    /// The file cannot be read.
    pub(crate) fn packets(&self) -> Outcome<Vec<Packet>> {
        Ok(self.unsealed()?.0)
    }

    /// The same, with what there is to say of the encryption.
    ///
    /// # Errors
    /// The file cannot be read.
    pub(crate) fn unsealed(&self) -> Outcome<(Vec<Packet>, Unsealed)> {
        let mut packets = self.read()?.packets;
        let found = unseal::unseal(&mut packets, &self.secrets);
        packets.retain(|packet| !found.unread.contains(&packet.frame_no));
        Ok((packets, found))
    }

    /// Everything captured so far as it was on the wire, with what was no datagram.
    ///
    /// # Errors
    /// The file cannot be read.
    pub(crate) fn read(&self) -> Outcome<pcap::Capture> {
        pcap::read(&self.file).map_err(|error| format!("{}: {error}", self.file.display()))
    }

    /// The full frames so far from one address to another that satisfy `wanted`.
    ///
    /// # Errors
    /// As [`Capture::packets`].
    pub(crate) fn count(
        &self,
        from: IpAddr,
        to: IpAddr,
        wanted: impl Fn(&Full<'_>) -> bool,
    ) -> Outcome<usize> {
        let packets = self.packets()?;
        let passing = packets.iter().filter(|p| p.source.ip() == from && p.destination.ip() == to);
        let fits = |p: &&Packet| matches!(frames::parse(&p.payload), Ok(Datagram::Full(full)) if wanted(&full));
        Ok(passing.filter(fits).count())
    }

    /// Waits until there is such a frame.
    ///
    /// # Errors
    /// It does not come within `patience`.
    pub(crate) fn wait_for(
        &self,
        what: &str,
        (from, to): (IpAddr, IpAddr),
        patience: Duration,
        wanted: impl Fn(&Full<'_>) -> bool,
    ) -> Outcome<()> {
        let seen =
            poll(patience, || self.count(from, to, &wanted).is_ok_and(|n| n > 0).then_some(()));
        seen.ok_or_else(|| format!("no {what} from {from} to {to} within {patience:?}"))
    }

    /// Ends the capture and asks tshark for what it takes to be malformed.
    ///
    /// Left out are encrypted frames, which tshark takes for clear ones, and trunk frames without time-stamps, whose
    /// entries it reads in the other form.
    ///
    /// # Errors
    /// tshark finds something, or cannot run; or the kernel dropped what should have been captured.
    pub(crate) fn finish(&mut self) -> Outcome<()> {
        self.running.stop(Duration::from_secs(5))?;
        let said = std::fs::read_to_string(&self.log).unwrap_or_default();
        let dropped = said.lines().find_map(|line| line.strip_suffix(" dropped by kernel"));
        if dropped != Some("0 packets") {
            return Err(format!("the capture is not whole: {said}"));
        }
        let file = self.file.to_string_lossy();
        let filter = "(_ws.malformed || _ws.expert.severity >= 8388608) && \
                      !(udp.payload[0:4] == 00:00:01:00)";
        let fields = ["frame.number", "ip.src", "iax2.src_call", "_ws.expert.message"];
        let mut line = vec!["-r", &file, "-Y", filter, "-T", "fields"];
        line.extend(fields.iter().flat_map(|field| ["-e", field]));
        let found = shell::run("tshark", &line)?;
        let Unsealed { sealed, unread, .. } = self.unsealed()?.1;
        let number = |line: &str| line.split('\t').next().and_then(|number| number.parse().ok());
        let is_clear =
            |line: &&str| number(line).is_none_or(|n| !sealed.contains(&n) && !unread.contains(&n));
        let found: Vec<&str> = found.lines().filter(is_clear).collect();
        match found.len() {
            0 => Ok(()),
            count => {
                let first = &found[..count.min(5)];
                Err(format!("tshark finds {count} malformed frames: {first:?}"))
            }
        }
    }
}
