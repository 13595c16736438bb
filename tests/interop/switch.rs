//! The switch under test: its files, its process, its log.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::netns::Network;
use crate::setup::{Flaw, Setup, Side, yes};
use crate::shell::Running;
use crate::{Outcome, keys, pbx_conf, poll};

/// `trunkline run DIR` in the middle of one case.
#[derive(Debug)]
pub(crate) struct Switch {
    running: Running,
    log: PathBuf,
}

impl Switch {
    /// Writes its files below `folder`, starts it and waits until it says it is ready.
    ///
    /// # Errors
    /// It refuses its files, or is not ready within ten seconds.
    pub(crate) fn start(
        binary: &Path,
        setup: &Setup,
        network: &Network,
        folder: &Path,
    ) -> Outcome<Self> {
        let files = folder.join("trunkline");
        let written = fs::create_dir_all(&files)
            .and_then(|()| fs::write(files.join("iax.conf"), iax(setup, network)))
            .and_then(|()| fs::write(files.join("trunkline.conf"), setup.own))
            .and_then(|()| fs::write(files.join("extensions.conf"), extensions(setup)))
            .and_then(|()| keys::hand_out(folder, setup, &files.join("keys"), None));
        written.map_err(|error| format!("{}: {error}", files.display()))?;
        let log = folder.join("trunkline.log");
        let namespace = network.name("s");
        let (binary, files) = (binary.to_string_lossy(), files.to_string_lossy());
        let line = ["ip", "netns", "exec", &namespace, &binary, "run", &files];
        let running = Running::start("trunkline", &line, &log)?;
        let mut switch = Self { running, log };
        let ready = poll(Duration::from_secs(10), || {
            if switch.running.ended().is_some() {
                return Some(false);
            }
            switch.text().lines().any(|line| line.contains("ready")).then_some(true)
        });
        if ready == Some(true) {
            return Ok(switch);
        }
        Err(format!("the switch does not get ready; it says: {}", switch.text()))
    }

    /// What it has said.
    pub(crate) fn text(&self) -> String {
        let octets = fs::read(&self.log).unwrap_or_default();
        String::from_utf8_lossy(&octets).into_owned()
    }

    /// Its lines at that level.
    pub(crate) fn lines_at(&self, level: &str) -> Vec<String> {
        let at_level = |line: &&str| line.split_whitespace().take(3).any(|word| word == level);
        self.text().lines().filter(at_level).map(str::to_owned).collect()
    }

    /// Ends it as a service manager would.
    ///
    /// # Errors
    /// It does not end within five seconds, or ends with a failure.
    pub(crate) fn stop(&mut self) -> Outcome<()> {
        let status = self.running.stop(Duration::from_secs(5))?;
        if status.success() { Ok(()) } else { Err(format!("the switch ended with {status}")) }
    }

    /// It is still there.
    ///
    /// # Errors
    /// It has ended by itself.
    pub(crate) fn is_alive(&mut self) -> Outcome<()> {
        match self.running.ended() {
            None => Ok(()),
            Some(status) => Err(format!("the switch has ended with {status}")),
        }
    }
}

fn iax(setup: &Setup, network: &Network) -> String {
    let bind = if setup.v6 { "bindaddr=[::]\n" } else { "" };
    let mut text = format!("[general]\n{bind}disallow=all\nallow=ulaw\ntrunktimestamps=yes\n");
    for side in [Side::A, Side::B] {
        let host = match setup.two_hosts {
            true => format!("{}\nqualify=yes", network.pbx(side).ip()),
            false => "dynamic".to_owned(),
        };
        text.push_str(&format!(
            "\n[{}]\ntype=friend\nhost={host}\nusername={}\n{}context=from-{user}\n\
             disallow=all\nallow={}\ntrunk={}\n{}{}{}",
            setup.user(side),
            setup.far(side),
            setup.proof(side, true),
            setup.codec(side).name(),
            yes(setup.switch_trunk[side.index()]),
            pbx_conf::token(setup),
            setup.switch_cipher[side.index()].lines(),
            if side == Side::A && setup.errs(Flaw::Address) { ELSEWHERE } else { "" },
            user = side.user(),
        ));
    }
    text + setup.sections
}

/// No address of PBX A.
const ELSEWHERE: &str = "deny=0.0.0.0/0.0.0.0\npermit=10.99.0.0/255.255.0.0\n";

fn extensions(setup: &Setup) -> String {
    let plan = format!("[from-pbx-a]\n{}{EXTENSIONS}", setup.dialplan);
    let named = |plan: String, side| {
        plan.replace(&format!("IAX2/{}/", Side::user(side)), &format!("IAX2/{}/", setup.user(side)))
    };
    named(named(plan, Side::A), Side::B)
}

const EXTENSIONS: &str = "exten => _2XXX,1,Dial(IAX2/pbx-b/${EXTEN},40)
 same => n,Hangup(${HANGUPCAUSE})

[from-pbx-b]
exten => _1XXX,1,Dial(IAX2/pbx-a/${EXTEN},40)
 same => n,Hangup(${HANGUPCAUSE})
";
