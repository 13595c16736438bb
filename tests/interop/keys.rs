//! The RSA keys of one case: who makes them, and who is given which.

use std::fs;
use std::io;
use std::path::Path;

use crate::setup::{Auth, Flaw, KeyMaker, SWITCH, Setup, Side};
use crate::{Outcome, shell};

/// A pair that nobody knows the public half of.
const STRANGE: &str = "strange";

/// Makes a pair for each host, where the case needs them.
///
/// # Errors
/// The program that makes them fails.
pub(crate) fn make(binary: Option<&Path>, setup: &Setup, folder: &Path) -> Outcome<()> {
    let Auth::Rsa(maker) = setup.auth else { return Ok(()) };
    let home = folder.join("keys");
    fs::create_dir_all(&home).map_err(|error| format!("{}: {error}", home.display()))?;
    let dir = home.to_string_lossy();
    for name in [SWITCH, Side::A.user(), Side::B.user(), STRANGE] {
        match (maker, binary) {
            (KeyMaker::Trunkline, Some(binary)) => {
                let line = ["keys", "generate", name, "--dir", &dir];
                shell::run(&binary.to_string_lossy(), &line)?;
            }
            _ => {
                let (private, public) = (format!("{dir}/{name}.key"), format!("{dir}/{name}.pub"));
                shell::run("openssl", &["genrsa", "-traditional", "-out", &private, "1024"])?;
                shell::run("openssl", &["rsa", "-in", &private, "-pubout", "-out", &public])?;
            }
        }
    }
    Ok(())
}

/// Gives a host its private key and the public keys of those it hears of. `side`: none is the switch.
///
/// # Errors
/// Files cannot be copied.
pub(crate) fn hand_out(
    folder: &Path,
    setup: &Setup,
    into: &Path,
    side: Option<Side>,
) -> io::Result<()> {
    let Auth::Rsa(_) = setup.auth else { return Ok(()) };
    fs::create_dir_all(into)?;
    let from = folder.join("keys");
    let copy = |name: &str, as_name: &str| fs::copy(from.join(name), into.join(as_name));
    let Some(side) = side else {
        copy(&format!("{SWITCH}.key"), &format!("{SWITCH}.key"))?;
        for side in [Side::A, Side::B] {
            let public = format!("{}.pub", side.user());
            copy(&public, &public)?;
        }
        return Ok(());
    };
    let owner = match setup.errs(Flaw::Key) && side == Side::A {
        true => STRANGE,
        false => side.user(),
    };
    copy(&format!("{owner}.key"), &format!("{}.key", side.user()))?;
    copy(&format!("{SWITCH}.pub"), &format!("{SWITCH}.pub")).map(|_octets| ())
}
