//! One case's stage: network, capture, switch, both PBXes and their phones, and what every case
//! asks of them at its end.

use std::fs;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use tests::checker;
use tests::frames::{Full, iax};
use tests::pcap;

use crate::asterisk::Pbx;
use crate::capture::Capture;
use crate::chroot::{Chroot, Version};
use crate::netns::Network;
use crate::pbx_conf::{CALLER_NAME, CALLER_NUMBER, Far};
use crate::phones::Phones;
use crate::setup::{Flaw, Setup, Side};
use crate::switch::Switch;
use crate::{Outcome, keys, trunks};
use dataplane::handoff::Conversion;
use tests::blocks::{self, Heard};

/// What all cases share.
#[derive(Debug)]
pub(crate) struct House {
    /// The systems with Asterisk in them.
    pub(crate) chroots: Vec<(Version, Chroot)>,
    /// The switch's program; none: the PBXes talk to each other directly.
    pub(crate) binary: Option<PathBuf>,
    /// Where each case keeps its files.
    pub(crate) runs: PathBuf,
}

impl House {
    fn chroot(&self, version: Version) -> Outcome<&Chroot> {
        let found = self.chroots.iter().find(|(known, _)| *known == version);
        found.map(|(_, chroot)| chroot).ok_or_else(|| format!("no Asterisk {version} was prepared"))
    }
}

/// The stage of one case. Dropped, everything on it ends.
#[derive(Debug)]
pub(crate) struct Scene {
    pub(crate) setup: Setup,
    pub(crate) phones: Phones,
    pub(crate) capture: Capture,
    pub(crate) switch: Option<Switch>,
    /// Remarks for the progress line: what a PBX itself dropped.
    pub(crate) remarks: Vec<String>,
    /// Texts of warnings that this case provokes in the switch's log.
    pub(crate) provoked: Vec<&'static str>,
    /// Pieces of audio no phone has spoken that a phone may hear.
    pub(crate) strange_max: usize,
    pbxes: [Pbx; 2],
    folder: PathBuf,
    pub(crate) network: Network,
}

impl Scene {
    /// Builds it and waits until both PBXes are registered (a PBX with a wrong secret: only up).
    ///
    /// # Errors
    /// Something does not start.
    pub(crate) fn open(house: &House, setup: Setup, tag: &str, folder: &Path) -> Outcome<Self> {
        let routed = house.binary.is_none();
        let network = Network::lay(tag, setup.v6, routed)?;
        let capture = Capture::start(&network, folder, setup.secrets())?;
        let binary = house.binary.as_deref();
        keys::make(binary, &setup, folder)?;
        let switch =
            binary.map(|binary| Switch::start(binary, &setup, &network, folder)).transpose()?;
        let phones = Phones::install(&network, setup.codecs)?;
        let far = if routed { Far::Pbx } else { Far::Switch };
        let pbx = |side: Side| {
            let chroot = house.chroot(setup.versions[side.index()])?;
            Pbx::start(side, &setup, chroot, &network, far, folder)
        };
        let pbxes = [pbx(Side::A)?, pbx(Side::B)?];
        let (remarks, provoked, folder) = (Vec::new(), Vec::new(), folder.to_path_buf());
        let mut scene = Self {
            setup,
            phones,
            capture,
            switch,
            remarks,
            provoked,
            strange_max: 0,
            pbxes,
            folder,
            network,
        };
        for side in [Side::A, Side::B] {
            scene.pbxes[side.index()].wait_booted()?;
        }
        for side in [Side::A, Side::B] {
            if !scene.stays_out(side) {
                scene.wait_registered(side, 1)?;
            }
        }
        Ok(scene)
    }

    /// Whether that PBX cannot register.
    fn stays_out(&self, side: Side) -> bool {
        let registers = matches!(self.setup.flaw, Flaw::None | Flaw::SecretOfCalls);
        self.setup.two_hosts || side == Side::A && !registers
    }

    /// One of the PBXes.
    pub(crate) fn pbx(&self, side: Side) -> &Pbx {
        &self.pbxes[side.index()]
    }

    /// The same, to be restarted.
    pub(crate) fn pbx_mut(&mut self, side: Side) -> &mut Pbx {
        &mut self.pbxes[side.index()]
    }

    /// Where this case keeps its files.
    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// From that PBX to whom it talks to: the switch, or the other PBX.
    pub(crate) fn outward(&self, side: Side) -> (IpAddr, IpAddr) {
        let far = match self.switch {
            Some(_) => self.network.switch(side),
            None => self.network.pbx(side.other()),
        };
        (self.network.pbx(side).ip(), far.ip())
    }

    /// The other way.
    pub(crate) fn inward(&self, side: Side) -> (IpAddr, IpAddr) {
        let (from, to) = self.outward(side);
        (to, from)
    }

    /// Waits until that PBX has been told so many times that it is registered.
    ///
    /// # Errors
    /// It is not within half a minute.
    pub(crate) fn wait_registered(&self, side: Side, times: usize) -> Outcome<()> {
        let (from, to) = self.inward(side);
        let patience = Duration::from_secs(30);
        let told = crate::poll(patience, || {
            let count = self.capture.count(from, to, |f| f.is_iax(iax::REGACK) && !f.again);
            count.is_ok_and(|count| count >= times).then_some(())
        });
        told.ok_or_else(|| format!("{} is not registered within {patience:?}", side.user()))
    }

    /// The switch has said exactly one line of that level with that text. Without a switch there is nothing to ask.
    ///
    /// # Errors
    /// It has not; with what it has said.
    pub(crate) fn logged(&self, level: &str, text: &str) -> Outcome<()> {
        let Some(switch) = &self.switch else { return Ok(()) };
        let once = || switch.lines_at(level).iter().filter(|line| line.contains(text)).count() == 1;
        let logged = crate::poll(Duration::from_secs(3), || once().then_some(()));
        logged.ok_or_else(|| format!("no one {level} line with \"{text}\" in: {}", switch.text()))
    }

    /// Waits for a full frame towards a PBX.
    ///
    /// # Errors
    /// It does not come within ten seconds.
    pub(crate) fn wait_frame(
        &self,
        what: &str,
        towards: Side,
        wanted: impl Fn(&Full<'_>) -> bool,
    ) -> Outcome<()> {
        self.capture.wait_for(what, self.inward(towards), Duration::from_secs(10), wanted)
    }

    /// Calls from a PBX to a line of the other, connects a phone to each end, lets both speak.
    ///
    /// # Errors
    /// The call does not come up.
    pub(crate) fn connect(&self, from: Side, line: u16) -> Outcome<u16> {
        let number = from.other().number_of(line);
        let dial = self.trunk(from, number);
        self.pbx(from).originate(&dial, &format!("extension {number}@phone"))?;
        self.speak(number)?;
        Ok(number)
    }

    /// Waits until the phones at both ends of that call are connected, and lets them speak.
    ///
    /// # Errors
    /// They are not within 15 seconds.
    pub(crate) fn speak(&self, number: u16) -> Outcome<()> {
        let mut ports = [0; 2];
        for side in [Side::A, Side::B] {
            let event = self.pbx(side).event(&format!("port {number}"), Duration::from_secs(15))?;
            let port = event.parse().map_err(|_| format!("{event} is no port"))?;
            ports[side.index()] = port;
        }
        thread::sleep(Duration::from_millis(200)); // both bridges are made
        for side in [Side::A, Side::B] {
            self.phones.speak(side, number, ports[side.index()]);
        }
        Ok(())
    }

    /// A number of the far PBX, as a PBX dials it.
    pub(crate) fn trunk(&self, from: Side, number: u16) -> String {
        format!("IAX2/{}/{number}", self.setup.far(from))
    }

    /// Lets a PBX's dialplan dial a number, which logs how it went; answered, the caller waits.
    ///
    /// # Errors
    /// The PBX cannot be told.
    pub(crate) fn dial(&self, from: Side, number: u16) -> Outcome<()> {
        let dial = format!("Local/{number}@caller/n");
        self.pbx(from).originate(&dial, "application Wait 60")
    }

    /// Dials a number as a caller with number and name, and connects a phone when it is answered.
    ///
    /// # Errors
    /// The PBX cannot be told.
    pub(crate) fn dial_from_phone(&self, from: Side, number: u16) -> Outcome<()> {
        let codec = self.setup.codec(from).name();
        let text = format!(
            "Channel: {}\nCodecs: {codec}\nMaxRetries: 0\nWaitTime: 90\n\
             CallerID: \"{CALLER_NAME}\" <{CALLER_NUMBER}>\n\
             Context: phone\nExtension: {number}\nPriority: 1\n",
            self.trunk(from, number)
        );
        self.pbx(from).call_file(&number.to_string(), &text)
    }

    /// Silences the phones and judges what both ends of these calls have heard.
    ///
    /// # Errors
    /// Audio is missing, altered or out of order, and not by a PBX's own doing.
    pub(crate) fn judge(&mut self, calls: &[u16], at_least: u32) -> Outcome<()> {
        self.phones.hush();
        let packets = self.capture.packets()?;
        for side in [Side::A, Side::B] {
            let strange = self.phones.strange(side);
            if strange > self.strange_max {
                return Err(format!("{} pieces of strange audio at {}", strange, side.user()));
            }
            let (talker, listener) = (self.setup.codec(side.other()), self.setup.codec(side));
            let into = self.blocks(&packets, self.outward(side.other()), None);
            let out_of = self.blocks(&packets, self.inward(side), talker.becomes(listener));
            blocks::relayed(&into, &out_of)?;
            for &call in calls {
                self.judge_one(side, call, at_least, &into, &out_of)?;
            }
        }
        self.phones.forget();
        Ok(())
    }

    /// One direction of one call, as heard at `side`.
    fn judge_one(
        &mut self,
        side: Side,
        call: u16,
        at_least: u32,
        into: &Heard,
        out_of: &Heard,
    ) -> Outcome<()> {
        let verdict = self.phones.verdict(side, call);
        let place = format!("call {call} at {}", side.user());
        let heard = self.phones.heard(side, call);
        if verdict.sent < at_least || heard == 0 {
            return Err(format!("{place}: {heard} blocks heard of {} sent", verdict.sent));
        }
        if verdict.late_start > LATE_START || verdict.early_end > EARLY_END {
            return Err(format!("{place}: cut at an end: {verdict:?}"));
        }
        if verdict.is_whole() {
            return Ok(());
        }
        let key = (call, side.other().number());
        let had = |heard: &Heard, index| heard.get(&key).is_some_and(|list| list.contains(index));
        let by_the_talker = verdict.lost.iter().filter(|i| !had(into, i)).count();
        let by_the_listener = verdict.lost.iter().filter(|i| had(out_of, i)).count();
        let loss = verdict.lost.len();
        let sent = usize::try_from(verdict.sent).unwrap_or(usize::MAX);
        if by_the_talker + by_the_listener == loss && loss * 20 <= sent {
            self.remarks.push(format!(
                "{place}: PBXes dropped {loss} of {sent} blocks, {} out of order",
                verdict.disordered
            ));
            return Ok(());
        }
        Err(format!("{place}: {verdict:?}; dropped by PBXes: {by_the_talker} + {by_the_listener}"))
    }

    fn blocks(
        &self,
        packets: &[pcap::Packet],
        (from, to): (IpAddr, IpAddr),
        conversion: Option<Conversion>,
    ) -> Heard {
        // Without a switch each packet is seen twice, coming in and going out.
        let mut every_second = false;
        blocks::blocks(packets, conversion, |packet| {
            let passes = packet.source.ip() == from && packet.destination.ip() == to;
            every_second ^= passes;
            passes && (self.switch.is_some() || every_second)
        })
    }

    /// Ends the case: no call left, the switch stops cleanly and has complained of nothing that was
    /// not provoked, and the capture holds nothing wrong.
    ///
    /// # Errors
    /// Says which of these fails.
    pub(crate) fn close(&mut self) -> Outcome<()> {
        for side in [Side::A, Side::B] {
            self.pbx(side).hang_up_all()?;
        }
        for side in [Side::A, Side::B] {
            self.pbx(side).wait_idle(Duration::from_secs(10))?;
        }
        if let Some(switch) = &mut self.switch {
            thread::sleep(Duration::from_millis(300)); // the last HANGUP may still be before its door
            switch.is_alive()?;
            switch.stop()?;
            self.complaints()?;
        }
        self.capture.finish()?;
        trunks::check(self, &self.capture.packets()?)?;
        match self.switch {
            Some(_) => self.check_strictly(&self.capture.read()?),
            None => Ok(()),
        }
    }

    fn complaints(&self) -> Outcome<()> {
        let Some(switch) = &self.switch else { return Ok(()) };
        let text = switch.text();
        if text.contains("panicked") {
            return Err(format!("the switch panicked: {text}"));
        }
        let registered = |side: &Side| text.contains(&format!("peer {} registered", side.user()));
        let expected = [Side::A, Side::B].into_iter().filter(|side| !self.stays_out(*side));
        if !expected.clone().all(|side| registered(&side)) || !text.contains("stopped: ") {
            return Err(format!("the switch's log lacks a registration or its end: {text}"));
        }
        let errors = switch.lines_at("ERROR");
        if !errors.is_empty() {
            return Err(format!("the switch logs errors: {errors:?}"));
        }
        let provoked = |line: &String| self.provoked.iter().any(|text| line.contains(text));
        match switch.lines_at("WARN").iter().find(|line| !provoked(line)) {
            None => Ok(()),
            Some(line) => Err(format!("the switch warns unprovoked: {line}")),
        }
    }

    fn check_strictly(&self, capture: &pcap::Capture) -> Outcome<()> {
        let secrets = self.setup.secrets();
        let options = checker::Options { secrets, ..checker::Options::default() };
        let judge =
            |side| checker::check_capture(capture, self.network.switch(side), &options).violations;
        let all: Vec<String> =
            [Side::A, Side::B].into_iter().flat_map(judge).map(|found| found.to_string()).collect();
        let Some(first) = all.first() else { return Ok(()) };
        let file = self.folder.join("violations.txt");
        fs::write(&file, all.join("\n")).map_err(|error| error.to_string())?;
        Err(format!("{} violations of the protocol, the first: {first}", all.len()))
    }

    /// Leaves logs and configuration beside the capture.
    pub(crate) fn keep_files(&self) {
        for pbx in &self.pbxes {
            pbx.keep_files(&self.folder);
        }
    }
}

/// Blocks that may be missing at the start: the PBXes' bridges are not made at the same moment.
const LATE_START: u32 = 25;
/// Blocks that may be missing at the end.
const EARLY_END: u32 = 1;
