//! A configuration directory of a test's own, and the binary run to its end.

use std::io::{BufRead, BufReader, Read};
use std::path::PathBuf;
use std::process::{Child, ChildStderr, Command, Stdio};
use std::time::{Duration, Instant};

/// An `iax.conf` with a key that protects nothing.
pub(crate) const BROKEN: &[u8] = b"[alpha]\ntype = peer\nhost = dynamic\nsecret = x\nsecert = y\n";

/// A directory that goes with the test.
pub(crate) struct Dir(PathBuf);

impl Dir {
    /// Makes it, with these files; `name` is the test's own.
    pub(crate) fn new(name: &str, files: &[(&str, &[u8])]) -> Self {
        let path = std::env::temp_dir().join(format!("trunkline-{}-{name}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        for (name, octets) in files {
            std::fs::write(path.join(name), octets).unwrap();
        }
        Self(path)
    }

    /// Its path.
    pub(crate) fn path(&self) -> &str {
        self.0.to_str().unwrap()
    }
}

impl Drop for Dir {
    fn drop(&mut self) {
        // Left behind it would only cost space.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// How a run ended.
pub(crate) struct Ran {
    /// Its exit status; `None`: a signal ended it.
    pub(crate) status: Option<i32>,
    /// What it printed.
    pub(crate) stdout: String,
    /// What it logged.
    pub(crate) stderr: String,
}

/// Runs the binary to its end.
pub(crate) fn trunkline(arguments: &[&str]) -> Ran {
    let output = Command::new(env!("CARGO_BIN_EXE_trunkline")).args(arguments).output().unwrap();
    Ran {
        status: output.status.code(),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}

/// A switch at work. Dropped, it is killed.
pub(crate) struct Switch {
    child: Child,
    stderr: BufReader<ChildStderr>,
    /// What it logged so far.
    pub(crate) log: String,
    /// From its start to its word that it is ready.
    pub(crate) ready_after: Duration,
}

impl Switch {
    /// Starts one on this directory and waits for its word that it is ready.
    pub(crate) fn start(dir: &Dir) -> Self {
        let begun = Instant::now();
        let mut child = Command::new(env!("CARGO_BIN_EXE_trunkline"))
            .args(["run", dir.path()])
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let stderr = BufReader::new(child.stderr.take().unwrap());
        let mut switch = Self { child, stderr, log: String::new(), ready_after: Duration::ZERO };
        switch.wait_for("ready: ");
        switch.ready_after = begun.elapsed();
        switch
    }

    /// Reads its log up to a line that has `words`.
    pub(crate) fn wait_for(&mut self, words: &str) {
        loop {
            let start = self.log.len();
            let octets = self.stderr.read_line(&mut self.log).unwrap();
            assert!(octets > 0, "it ended without a word of {words:?}: {}", self.log);
            if self.log[start..].contains(words) {
                return;
            }
        }
    }

    /// Ticks of a hundredth of a second that it has been on a CPU.
    pub(crate) fn cpu_ticks(&self) -> u64 {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.child.id())).unwrap();
        let fields: Vec<_> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
        fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap()
    }

    /// Sends it a signal, by the name `kill` knows.
    pub(crate) fn signal(&self, name: &str) {
        let id = self.child.id().to_string();
        assert!(Command::new("kill").args(["-s", name, &id]).status().unwrap().success());
    }

    /// Ends it with SIGTERM: its exit status and the whole log.
    pub(crate) fn stop(mut self) -> (Option<i32>, String) {
        self.signal("TERM");
        self.stderr.read_to_string(&mut self.log).unwrap();
        let status = self.child.wait().unwrap();
        (status.code(), std::mem::take(&mut self.log))
    }
}

impl Drop for Switch {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
