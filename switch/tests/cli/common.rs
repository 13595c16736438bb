//! A configuration directory of a test's own, and the binary run to its end.

use std::path::PathBuf;
use std::process::Command;

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
