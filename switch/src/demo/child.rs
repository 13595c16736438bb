//! The switch of the demo: this executable once more, as a process of its own, with files of its own.

use std::fs::{self, DirBuilder, File};
use std::io::{Error, ErrorKind, Result};
use std::os::unix::fs::DirBuilderExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use bench::SwitchFiles;

use super::placement::Placement;

/// The running switch. Dropped, it is killed if it still runs, and its directory is removed.
pub(super) struct Child {
    process: std::process::Child,
    dir: Dir,
}

impl Child {
    /// Writes the files and starts the switch on its CPUs; from then on this thread keeps to the PBXes'.
    pub(super) fn start(files: &SwitchFiles, placement: &Placement) -> Result<Self> {
        let dir = Dir::create()?;
        fs::write(dir.0.join("iax.conf"), &files.iax)?;
        fs::write(dir.0.join("extensions.conf"), &files.extensions)?;
        fs::write(dir.0.join("trunkline.conf"), &files.trunkline)?;
        let mut command = Command::new(std::env::current_exe()?);
        command.arg("run").arg(&dir.0).stdin(Stdio::null()).stdout(Stdio::null());
        command.stderr(File::create(dir.0.join(LOG))?);
        command.process_group(0); // a Ctrl-C is for the demo, which hangs up first
        // A process begins with the CPUs of the thread that starts it, so there is no moment it runs elsewhere.
        placement.switch.apply()?;
        let process = command.spawn();
        placement.pbxes.apply()?;
        Ok(Self { process: process?, dir })
    }

    /// How the switch ended, if it has; in words that go behind "the switch".
    pub(super) fn exited(&mut self) -> Option<String> {
        match self.process.try_wait() {
            Ok(None) => None,
            Ok(Some(status)) => Some(format!("ended early, {status}")),
            Err(error) => Some(format!("cannot be watched: {error}")),
        }
    }

    /// CPU time of all its threads since it started; zero if it has gone.
    pub(super) fn cpu_time(&self) -> Duration {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.process.id()));
        Duration::from_millis(stat.ok().and_then(|stat| ticks(&stat)).unwrap_or(0) * MS_PER_TICK)
    }

    /// Asks the switch to end, by SIGTERM, and waits for it. The error is in words that go behind "the switch".
    pub(super) fn end(&mut self) -> std::result::Result<(), String> {
        terminate(self.process.id()).map_err(|error| format!("cannot be ended: {error}"))?;
        let until = Instant::now() + END_PATIENCE;
        while Instant::now() < until {
            match self.process.try_wait() {
                Ok(None) => std::thread::sleep(Duration::from_millis(10)),
                Ok(Some(status)) => return check(status),
                Err(error) => return Err(format!("cannot be watched: {error}")),
            }
        }
        Err(format!("did not end within {} s of SIGTERM", END_PATIENCE.as_secs()))
    }

    /// The last lines of its log.
    pub(super) fn last_words(&self) -> String {
        let log = fs::read(self.dir.0.join(LOG)).unwrap_or_default();
        let log = String::from_utf8_lossy(&log);
        let lines: Vec<&str> = log.lines().collect();
        let last = lines.get(lines.len().saturating_sub(LAST_LINES)..).unwrap_or_default();
        last.iter().map(|line| format!("  switch: {line}\n")).collect()
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        // Both fail only if it has ended, which is what they are for.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn check(status: ExitStatus) -> std::result::Result<(), String> {
    if status.success() { Ok(()) } else { Err(format!("did not end cleanly: {status}")) }
}

/// utime and stime out of `/proc/PID/stat`. The name before them may hold blanks and brackets, but ends at the last
/// bracket.
fn ticks(stat: &str) -> Option<u64> {
    let (_, behind_name) = stat.rsplit_once(')')?;
    let mut fields = behind_name.split_whitespace().skip(11);
    let (user, system): (u64, u64) = (fields.next()?.parse().ok()?, fields.next()?.parse().ok()?);
    Some(user + system)
}

fn terminate(pid: u32) -> Result<()> {
    let pid = libc::pid_t::try_from(pid).map_err(|_| Error::from(ErrorKind::InvalidInput))?;
    // SAFETY: plain system call. The process is our child and not waited for yet, so the number is still its own.
    match unsafe { libc::kill(pid, libc::SIGTERM) } {
        0 => Ok(()),
        _ => Err(Error::last_os_error()),
    }
}

/// A directory of our own, which others cannot read; removed with all in it when dropped.
struct Dir(PathBuf);

impl Dir {
    fn create() -> Result<Self> {
        let base = std::env::temp_dir();
        for attempt in 0..100 {
            let path = base.join(format!("trunkline-demo-{}-{attempt}", std::process::id()));
            match DirBuilder::new().mode(0o700).create(&path) {
                Ok(()) => return Ok(Self(path)),
                Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
                Err(error) => return Err(named(error, &path)),
            }
        }
        Err(named(ErrorKind::AlreadyExists.into(), &base))
    }
}

impl Drop for Dir {
    fn drop(&mut self) {
        // What is left in the directory for temporary files is no reason to fail.
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn named(error: Error, path: &Path) -> Error {
    Error::new(error.kind(), format!("{}: {error}", path.display()))
}

const LOG: &str = "log";
const LAST_LINES: usize = 8;
const END_PATIENCE: Duration = Duration::from_secs(5);
/// Linux tells every program of 100 ticks a second, whatever it counts itself.
const MS_PER_TICK: u64 = 10;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_found_behind_any_name() {
        let stat = "4711 (a) 1 (b c) S 1 2 3 4 5 6 7 8 9 10 250 50 13 14";
        assert_eq!(ticks(stat), Some(300));
        assert_eq!(ticks("nonsense"), None);
    }

    #[test]
    fn a_directory_goes_with_what_is_in_it() {
        let dir = Dir::create().unwrap();
        let path = dir.0.clone();
        fs::write(path.join(LOG), "text").unwrap();
        drop(dir);
        assert!(!path.exists());
    }
}
