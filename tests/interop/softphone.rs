//! iaxmodem, whose libiax2 is what most soft phones are made of: it knows no call token and no trunk, speaks as a modem,
//! and takes its orders from a terminal.

use std::fs::{self, File};
use std::io::{Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::thread;
use std::time::Duration;

use tests::frames::{control, iax};

use crate::netns::Network;
use crate::plays::{SOON, expect};
use crate::scene::Scene;
use crate::setup::Side::{A, B};
use crate::setup::{SWITCH, Setup};
use crate::shell::Running;
use crate::{Outcome, pbx_conf as lines, poll, shell};

/// The switch's section for it.
const SECTIONS: &str = "
[modem]
type=friend
host=dynamic
secret=carrier
requirecalltoken=no
context=from-modem
disallow=all
allow=ulaw
";

/// A number for it, and one for what it calls.
const DIALPLAN: &str = "exten => 9002,1,Dial(IAX2/modem/9002,30)
 same => n,Hangup(${HANGUPCAUSE})

[from-modem]
exten => 2001,1,Dial(IAX2/pbx-b/2001,30)
 same => n,Hangup(${HANGUPCAUSE})

[from-pbx-a]
";

/// Where it listens; PBX A has the usual port of that host.
const PORT: u16 = 4570;

/// Room for it beside PBX A.
pub(crate) fn vary(setup: &mut Setup) {
    setup.untrunked();
    setup.sections = SECTIONS;
    setup.dialplan = DIALPLAN;
}

/// It registers, is called and answers, and calls.
pub(crate) fn play(scene: &mut Scene) -> Outcome<()> {
    let mut modem = Modem::start(&scene.network, scene.folder())?;
    scene.logged(
        "INFO",
        &format!("peer modem registered at {}:{PORT}", scene.network.pbx(A).ip()),
    )?;

    scene.pbx(A).originate(&scene.trunk(A, 9002), "application Wait 60")?;
    modem.hear("RING")?;
    modem.say("ATA")?;
    scene.wait_frame("ANSWER", A, |full| full.is_control(control::ANSWER))?;
    thread::sleep(Duration::from_secs(3));
    scene.pbx(A).hang_up_all()?;
    modem.hear("NO CARRIER")?;
    scene.logged("INFO", "of pbx-a: the caller left; cause 16 (normal clearing), talked")?;

    modem.say(&format!("ATDT{}", B.number_of(lines::PHONE)))?;
    let arrived = scene.pbx(B).event(&format!("in {}", B.number_of(lines::PHONE)), SOON)?;
    expect("the caller", &arrived, "<8005551212> <Modem>")?;
    scene.wait_frame("ANSWER", A, |full| full.is_control(control::ANSWER))?;
    thread::sleep(Duration::from_secs(2));
    scene.pbx(B).hang_up_all()?;
    modem.hear("NO CARRIER")?;
    let (from, to) = scene.inward(A);
    match scene.capture.count(from, to, |full| full.is_iax(iax::REJECT))? {
        0 => Ok(()),
        count => Err(format!("{SWITCH} rejects {count} calls")),
    }
}

/// The modem at work.
struct Modem {
    _running: Running,
    terminal: File,
    heard: String,
}

impl Modem {
    /// Starts it in PBX A's namespace, and opens its terminal.
    fn start(network: &Network, folder: &Path) -> Outcome<Self> {
        let home = folder.join("iaxmodem");
        let device = home.join("tty");
        let text = format!(
            "device {}\nowner root:root\nmode 660\nport {PORT}\nrefresh 60\nserver {}\npeername modem\n\
             secret carrier\ncidname Modem\ncidnumber 8005551212\ncodec ulaw\n",
            device.display(),
            network.switch(A).ip(),
        );
        let written = fs::create_dir_all(&home).and_then(|()| fs::write(home.join("modem"), text));
        written.map_err(|error| format!("{}: {error}", home.display()))?;
        // It reads /etc/iaxmodem alone; `ip netns exec` gives a mount table of its own.
        let script =
            format!("mount --bind '{}' /etc/iaxmodem && exec iaxmodem modem", home.display());
        let line = ["ip", "netns", "exec", &network.name("a"), "sh", "-c", &script];
        let running = Running::start("iaxmodem", &line, &folder.join("iaxmodem.log"))?;
        let terminal = poll(Duration::from_secs(5), || open(&device));
        let terminal = terminal.ok_or_else(|| "iaxmodem has no terminal".to_owned())?;
        shell::run("stty", &["-F", &device.to_string_lossy(), "raw", "-echo"])?;
        Ok(Self { _running: running, terminal, heard: String::new() })
    }

    fn say(&mut self, order: &str) -> Outcome<()> {
        self.heard.clear();
        let said = self.terminal.write_all(format!("{order}\r").as_bytes());
        said.map_err(|error| format!("iaxmodem hears nothing: {error}"))
    }

    /// Waits until it has said that.
    fn hear(&mut self, word: &str) -> Outcome<()> {
        let heard = poll(SOON, || {
            let mut room = [0; 256];
            if let Ok(length) = self.terminal.read(&mut room) {
                self.heard.push_str(&String::from_utf8_lossy(&room[..length]));
            }
            self.heard.contains(word).then_some(())
        });
        heard.ok_or_else(|| format!("iaxmodem does not say {word} but {:?}", self.heard))
    }
}

/// Its terminal, to be read without waiting.
fn open(device: &Path) -> Option<File> {
    let flags = libc::O_NONBLOCK | libc::O_NOCTTY;
    File::options().read(true).write(true).custom_flags(flags).open(device).ok()
}
