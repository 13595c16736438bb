//! The interoperability run: PBX A ↔ Trunkline ↔ PBX B, with real Asterisk on both sides.
//!
//! Needs root, network namespaces and Debian's tools; everything it makes is below `.interop/` at
//! the project's root. `cargo test --test interop -- --list` names the cases, `--only NAME` runs
//! one, `--direct` joins the two PBXes without the switch to prove the run itself.
#![allow(clippy::print_stdout)] // a test run speaks on standard output

mod asterisk;
mod capture;
mod cases;
mod chroot;
mod kernel;
mod keys;
mod netns;
mod options;
mod pbx_conf;
mod phones;
mod plays;
mod runner;
mod scene;
mod secure;
mod setup;
mod shell;
mod softphone;
mod switch;
mod trunks;

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::time::{Duration, Instant};

use chroot::{Chroot, Version};
use options::Options;
use scene::House;

/// What went wrong, in a sentence.
pub(crate) type Outcome<T> = Result<T, String>;

/// Says a line of progress.
pub(crate) fn say(line: &str) {
    println!("{line}");
}

/// Asks every 50 ms until there is an answer or the time is up.
pub(crate) fn poll<T>(patience: Duration, mut ask: impl FnMut() -> Option<T>) -> Option<T> {
    let start = Instant::now();
    loop {
        if let Some(answer) = ask() {
            return Some(answer);
        }
        if start.elapsed() > patience {
            return None;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
}

fn main() -> ExitCode {
    let options = match Options::read(std::env::args().skip(1)) {
        Ok(options) => options,
        Err(complaint) => {
            say(&complaint);
            return ExitCode::FAILURE;
        }
    };
    let cases = cases::chosen(&options);
    if options.list {
        cases.iter().for_each(|case| say(&format!("{:30} {}", case.full_name(), case.about)));
        return ExitCode::SUCCESS;
    }
    if cases.is_empty() {
        say("no interoperability case has that name");
        return ExitCode::SUCCESS;
    }
    if let Err(reason) = can_run() {
        say(&format!("the interoperability run is left out: {reason}"));
        let must = std::env::var_os("CI").is_some();
        return if must { ExitCode::FAILURE } else { ExitCode::SUCCESS };
    }
    let run = prepare(&options, &cases).and_then(|house| runner::run(&house, cases, &options));
    match run {
        Ok(0) => ExitCode::SUCCESS,
        Ok(_failures) => ExitCode::FAILURE,
        Err(complaint) => {
            say(&complaint);
            ExitCode::FAILURE
        }
    }
}

/// Network namespaces and chroots need privileges: tries, instead of guessing from a user number.
fn can_run() -> Outcome<()> {
    let tried = Command::new("unshare").args(["--net", "--mount", "chroot", "/", "true"]).output();
    match tried {
        Ok(output) if output.status.success() => Ok(()),
        Ok(output) => Err(String::from_utf8_lossy(&output.stderr).trim().to_owned()),
        Err(error) => Err(format!("unshare: {error}")),
    }
}

/// Makes what all cases share.
fn prepare(options: &Options, cases: &[cases::Case]) -> Outcome<House> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let folder = root.join(".interop");
    let runs = folder.join("runs");
    std::fs::create_dir_all(&runs).map_err(|error| format!("{}: {error}", runs.display()))?;
    let folder = folder.canonicalize().map_err(|error| error.to_string())?;
    chroot::install_tools()?;
    let mut chroots = Vec::new();
    for version in [Version::V16, Version::V22] {
        if cases.iter().any(|case| case.versions.contains(&version)) {
            let chroot = Chroot::prepare(&folder, version)?;
            say(&chroot.described);
            chroots.push((version, chroot));
        }
    }
    let binary = if options.direct { None } else { Some(build_switch(&root)?) };
    Ok(House { chroots, binary, runs: folder.join("runs") })
}

/// The switch, built with optimisation unless `TRUNKLINE_BIN` names one.
fn build_switch(root: &Path) -> Outcome<PathBuf> {
    if let Some(binary) = std::env::var_os("TRUNKLINE_BIN") {
        return Ok(PathBuf::from(binary));
    }
    let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned());
    let manifest = root.join("Cargo.toml");
    let manifest = manifest.to_string_lossy();
    shell::run(
        &cargo,
        &["build", "--manifest-path", &manifest, "--profile", "release-fast", "-p", "switch"],
    )?;
    let target =
        std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), PathBuf::from);
    let binary = target.join("release-fast/trunkline");
    binary.canonicalize().map_err(|error| format!("{}: {error}", binary.display()))
}
