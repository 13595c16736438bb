//! Runs the host's commands, and keeps those that stay.

use std::fs::File;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use crate::{Outcome, kernel, poll};

/// Runs a command to its end and gives back its standard output.
///
/// # Errors
/// It cannot be started, or ends with a failure: then with what it said.
pub(crate) fn run(program: &str, arguments: &[&str]) -> Outcome<String> {
    let output = Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .output()
        .map_err(|error| format!("{program}: {error}"))?;
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    if output.status.success() {
        return Ok(said);
    }
    let complaint = String::from_utf8_lossy(&output.stderr);
    Err(format!("{program} {}: {}: {complaint}{said}", arguments.join(" "), output.status))
}

/// A process that stays until it is told to end, or until this is dropped.
///
/// It dies with the thread that started it, so that an interrupted run leaves nothing behind.
#[derive(Debug)]
pub(crate) struct Running {
    child: Child,
    name: String,
}

impl Running {
    /// Starts a command line; what it says goes to `log`.
    ///
    /// # Errors
    /// It cannot be started, or its log cannot be written.
    pub(crate) fn start(name: &str, line: &[&str], log: &Path) -> Outcome<Self> {
        let log = File::options()
            .create(true)
            .append(true)
            .open(log)
            .map_err(|error| format!("{}: {error}", log.display()))?;
        let again = log.try_clone().map_err(|error| error.to_string())?;
        let child = Command::new("setpriv")
            .args(["--pdeathsig", "KILL"])
            .args(line)
            .stdin(Stdio::null())
            .stdout(log)
            .stderr(again)
            .spawn()
            .map_err(|error| format!("{name}: {error}"))?;
        Ok(Self { child, name: name.to_owned() })
    }

    /// Its process number; the commands before it replace themselves by it.
    pub(crate) fn process(&self) -> u32 {
        self.child.id()
    }

    /// How it ended, if it has.
    pub(crate) fn ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().ok().flatten()
    }

    /// Asks it to end, and waits.
    ///
    /// # Errors
    /// It is still there after `patience`; it is killed then.
    pub(crate) fn stop(&mut self, patience: Duration) -> Outcome<ExitStatus> {
        if let Some(status) = self.ended() {
            return Ok(status);
        }
        let asked = Instant::now();
        kernel::signal(self.process(), libc::SIGTERM).map_err(|error| error.to_string())?;
        let ended = poll(patience, || self.ended());
        ended.ok_or_else(|| {
            self.kill();
            format!("{} did not end within {:?}", self.name, asked.elapsed())
        })
    }

    /// Ends it at once, as a power cut would.
    pub(crate) fn kill(&mut self) {
        if self.ended().is_none() {
            let _already_gone = self.child.kill();
            let _status = self.child.wait();
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.kill();
    }
}
