//! One PBX: its home in the chroot, its process, its console and what it logs.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::chroot::Chroot;
use crate::netns::Network;
use crate::pbx_conf::{self, Far};
use crate::setup::{Setup, Side};
use crate::shell::{self, Running};
use crate::{Outcome, keys, poll};

/// A PBX of one case; it ends, and its home goes, when dropped.
#[derive(Debug)]
pub(crate) struct Pbx {
    side: Side,
    chroot: Chroot,
    namespace: String,
    /// Its folder, seen from inside the chroot.
    home: String,
    console: PathBuf,
    running: Option<Running>,
}

impl Pbx {
    /// Writes its files and starts it; [`Pbx::wait_booted`] waits until it is up.
    ///
    /// # Errors
    /// Files cannot be written or the process cannot be started.
    pub(crate) fn start(
        side: Side,
        setup: &Setup,
        chroot: &Chroot,
        network: &Network,
        far: Far,
        folder: &Path,
    ) -> Outcome<Self> {
        let namespace = network.name(side.letter());
        let mut pbx = Self {
            side,
            chroot: chroot.clone(),
            home: format!("/run/trunkline/{namespace}"),
            namespace,
            console: folder.join(format!("pbx-{}.console", side.letter())),
            running: None,
        };
        let address = match far {
            Far::Switch => network.switch(side),
            Far::Pbx => network.pbx(side.other()),
        };
        let host = if setup.v6 {
            pbx.name_host(&address.ip().to_string())?
        } else {
            address.ip().to_string()
        };
        pbx.furnish(setup, far, &host, folder).map_err(|error| format!("{}: {error}", pbx.home))?;
        pbx.boot()?;
        Ok(pbx)
    }

    /// A name for an IPv6 address, which `register` has no way to write; in the chroot's host table.
    fn name_host(&self, address: &str) -> Outcome<String> {
        let name = format!("far-{}", address.replace(':', "-"));
        let table = self.chroot.outside("/etc/hosts");
        let mut text = fs::read_to_string(&table).unwrap_or_default();
        if !text.contains(&name) {
            text.push_str(&format!("{address} {name}\n"));
            fs::write(&table, text).map_err(|error| format!("{}: {error}", table.display()))?;
        }
        Ok(name)
    }

    fn furnish(&self, setup: &Setup, far: Far, host: &str, folder: &Path) -> std::io::Result<()> {
        let home = self.chroot.outside(&self.home);
        if home.exists() {
            fs::remove_dir_all(&home)?;
        }
        for (_, folder) in pbx_conf::DIRECTORIES {
            fs::create_dir_all(home.join(folder))?;
        }
        for folder in ["var/keys", "data/keys", "data/firmware/iax", "spool/outgoing"] {
            fs::create_dir_all(home.join(folder))?;
        }
        for shelf in ["var/keys", "data/keys"] {
            keys::hand_out(folder, setup, &home.join(shelf), Some(self.side))?;
        }
        for shared in ["documentation", "sounds"] {
            symlink(format!("/usr/share/asterisk/{shared}"), home.join("data").join(shared))?;
        }
        let etc = home.join("etc");
        for (name, text) in pbx_conf::others(&self.home, self.chroot.modules) {
            fs::write(etc.join(name), text)?;
        }
        fs::write(etc.join("iax.conf"), pbx_conf::iax(self.side, setup, far, host))?;
        fs::write(etc.join("extensions.conf"), pbx_conf::extensions(self.side, setup))
    }

    fn boot(&mut self) -> Outcome<()> {
        let root = self.chroot.root.to_string_lossy().into_owned();
        let conf = format!("{}/etc/asterisk.conf", self.home);
        // Without a file of OpenSSL's, be it an empty one, Asterisk 22 reads one key only.
        let openssl = format!("OPENSSL_CONF={}/etc/cli.conf", self.home);
        let line =
            ["ip", "netns", "exec", &self.namespace, "env", &openssl, "chroot", &root, ASTERISK]
                .into_iter()
                .chain(["-C", &conf, "-f", "-q", "-p"])
                .collect::<Vec<_>>();
        self.running = Some(Running::start(self.side.user(), &line, &self.console)?);
        Ok(())
    }

    /// Waits until it says that it is up.
    ///
    /// # Errors
    /// It is not within 30 seconds, or has ended.
    pub(crate) fn wait_booted(&mut self) -> Outcome<()> {
        let socket = self.chroot.outside(&format!("{}/run/asterisk.ctl", self.home));
        let up = poll(Duration::from_secs(30), || {
            if self.running.as_mut().is_none_or(|running| running.ended().is_some()) {
                return Some(Err(format!("{} ended while starting", self.side.user())));
            }
            let said = socket.exists().then(|| self.command("core waitfullybooted").ok())??;
            said.contains("fully booted").then_some(Ok(()))
        });
        up.unwrap_or_else(|| Err(format!("{} does not come up", self.side.user())))
    }

    /// Gives its console a command and returns the answer.
    ///
    /// # Errors
    /// It is not there.
    pub(crate) fn command(&self, words: &str) -> Outcome<String> {
        let root = self.chroot.root.to_string_lossy();
        let conf = format!("{}/etc/asterisk.conf", self.home);
        shell::run("chroot", &[&root, ASTERISK, "-C", &conf, "-rx", words])
    }

    /// Calls a number of the far end; answered, the local line `extension@context` takes over.
    ///
    /// # Errors
    /// As [`Pbx::command`].
    pub(crate) fn originate(&self, dial: &str, then: &str) -> Outcome<()> {
        self.command(&format!("channel originate {dial} {then}")).map(|_said| ())
    }

    /// Drops a call file, which can say what the console cannot: codec and caller.
    ///
    /// # Errors
    /// The file cannot be written.
    pub(crate) fn call_file(&self, name: &str, text: &str) -> Outcome<()> {
        let spool = self.chroot.outside(&format!("{}/spool", self.home));
        let (draft, file) = (spool.join(name), spool.join("outgoing").join(name));
        let placed = fs::write(&draft, text).and_then(|()| fs::rename(&draft, &file));
        placed.map_err(|error| format!("{}: {error}", file.display()))
    }

    /// Everything logged with our mark, without it.
    pub(crate) fn events(&self) -> Vec<String> {
        let log = self.log();
        log.lines().filter_map(|l| l.split_once(": TL ")).map(|(_, e)| e.to_owned()).collect()
    }

    /// Waits for an event that begins with `start`, and returns what follows.
    ///
    /// # Errors
    /// It does not come; with the events there are.
    pub(crate) fn event(&self, start: &str, patience: Duration) -> Outcome<String> {
        let found = poll(patience, || {
            let mut events = self.events().into_iter();
            events.find_map(|event| Some(event.strip_prefix(start)?.trim().to_owned()))
        });
        found.ok_or_else(|| {
            let user = self.side.user();
            format!("{user} logs no '{start}' in {patience:?}; it logs {:?}", self.events())
        })
    }

    /// Its whole log.
    pub(crate) fn log(&self) -> String {
        let path = self.chroot.outside(&format!("{}/log/messages", self.home));
        let octets = fs::read(path).unwrap_or_default();
        String::from_utf8_lossy(&octets).into_owned()
    }

    /// Ends it at once, as a power cut would, and starts it anew.
    ///
    /// # Errors
    /// It does not come up.
    pub(crate) fn restart(&mut self) -> Outcome<()> {
        if let Some(running) = &mut self.running {
            running.kill();
        }
        let socket = self.chroot.outside(&format!("{}/run/asterisk.ctl", self.home));
        let _was_left_behind = fs::remove_file(socket);
        self.boot()?;
        self.wait_booted()
    }

    /// Hangs up whatever it has.
    ///
    /// # Errors
    /// As [`Pbx::command`].
    pub(crate) fn hang_up_all(&self) -> Outcome<()> {
        self.command("channel request hangup all").map(|_said| ())
    }

    /// Waits until it has no channel left.
    ///
    /// # Errors
    /// It has some after `patience`.
    pub(crate) fn wait_idle(&self, patience: Duration) -> Outcome<()> {
        let mut last = String::new();
        let idle = poll(patience, || {
            last = self.command("core show channels concise").ok()?;
            last.trim().is_empty().then_some(())
        });
        idle.ok_or_else(|| format!("{} still has channels: {last}", self.side.user()))
    }

    /// Copies its files and its log to where the results are kept.
    pub(crate) fn keep_files(&self, folder: &Path) {
        let home = self.chroot.outside(&self.home);
        let to = folder.join(self.side.user());
        let _best_effort = fs::create_dir_all(&to);
        for file in ["etc/iax.conf", "etc/extensions.conf", "log/messages"] {
            let from = home.join(file);
            if let Some(name) = from.file_name() {
                let _best_effort = fs::copy(&from, to.join(name));
            }
        }
    }
}

impl Drop for Pbx {
    fn drop(&mut self) {
        if let Some(mut running) = self.running.take() {
            running.kill();
        }
        let _best_effort = fs::remove_dir_all(self.chroot.outside(&self.home));
    }
}

const ASTERISK: &str = "/usr/sbin/asterisk";
