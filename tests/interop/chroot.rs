//! The two Debian systems that hold the two releases of Asterisk, made once and kept.
//!
//! A stamp written last marks a whole system; one without it is removed and made again.

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

use crate::{Outcome, shell};

/// A release of Asterisk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Version {
    /// 16, from Debian bullseye.
    V16,
    /// 22, from Debian sid.
    V22,
}

impl Version {
    fn suite(self) -> &'static str {
        match self {
            Self::V16 => "bullseye",
            Self::V22 => "sid",
        }
    }

    /// The release that an argument names.
    pub(crate) fn named(name: &str) -> Option<Self> {
        [Self::V16, Self::V22].into_iter().find(|version| version.to_string() == name)
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::V16 => "16",
            Self::V22 => "22",
        })
    }
}

/// One such system.
#[derive(Debug, Clone)]
pub(crate) struct Chroot {
    /// Where its root is.
    pub(crate) root: PathBuf,
    /// Where its Asterisk keeps its modules, seen from inside.
    pub(crate) modules: &'static str,
    /// What its Asterisk says it is.
    pub(crate) described: String,
}

/// What the host needs: a program to look for, and the package that brings it.
const TOOLS: [(&str, &str); 9] = [
    ("debootstrap", "debootstrap"),
    ("tcpdump", "tcpdump"),
    ("tshark", "tshark"),
    ("ip", "iproute2"),
    ("ethtool", "ethtool"),
    ("setpriv", "util-linux"),
    ("openssl", "openssl"),
    ("iaxmodem", "iaxmodem"),
    ("chroot", "coreutils"),
];

/// Installs on the host what is missing there.
///
/// # Errors
/// `apt-get` fails.
pub(crate) fn install_tools() -> Outcome<()> {
    let missing: Vec<&str> =
        TOOLS.iter().filter(|(program, _)| !is_installed(program)).map(|&(_, p)| p).collect();
    if missing.is_empty() {
        return Ok(());
    }
    crate::say(&format!("installing {}", missing.join(" ")));
    shell::run("apt-get", &["-q", "update"])?;
    let mut line = vec!["DEBIAN_FRONTEND=noninteractive", "apt-get", "-q", "-y"];
    line.extend(["--no-install-recommends", "install"]);
    line.extend(missing);
    shell::run("env", &line).map(|_said| ())
}

fn is_installed(program: &str) -> bool {
    ["/usr/sbin", "/usr/bin", "/sbin", "/bin"].iter().any(|d| Path::new(d).join(program).exists())
}

impl Chroot {
    /// Finds the system below `folder`, or makes it there.
    ///
    /// # Errors
    /// `debootstrap` fails, or what it made has no Asterisk.
    pub(crate) fn prepare(folder: &Path, version: Version) -> Outcome<Self> {
        let root = folder.join(format!("chroot-{version}"));
        let stamp = folder.join(format!("chroot-{version}.made"));
        if !stamp.exists() {
            make(&root, version)?;
            fs::write(&stamp, version.suite()).map_err(|error| error.to_string())?;
        }
        let modules = [
            "/usr/lib/x86_64-linux-gnu/asterisk/modules",
            "/usr/lib/aarch64-linux-gnu/asterisk/modules",
        ]
        .into_iter()
        .find(|path| root.join(&path[1..]).exists())
        .unwrap_or("/usr/lib/asterisk/modules");
        let inside = root.to_string_lossy().into_owned();
        let described = shell::run("chroot", &[&inside, "/usr/sbin/asterisk", "-V"])?;
        Ok(Self { root, modules, described: described.trim().to_owned() })
    }

    /// A path inside, seen from the host.
    pub(crate) fn outside(&self, inside: &str) -> PathBuf {
        self.root.join(inside.trim_start_matches('/'))
    }
}

fn make(root: &Path, version: Version) -> Outcome<()> {
    if root.exists() {
        fs::remove_dir_all(root).map_err(|error| format!("{}: {error}", root.display()))?;
    }
    crate::say(&format!("making a Debian {} with Asterisk {version}", version.suite()));
    let root = root.to_string_lossy();
    let packages = "--include=asterisk,asterisk-modules,asterisk-core-sounds-en";
    shell::run("debootstrap", &["--variant=minbase", packages, version.suite(), &root])?;
    Ok(())
}
