//! `trunkline keys generate`: a new pair, in files of its own.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use control::keys::{self, BITS_OF_ASTERISK, KeyKind, Passphrase};

use crate::seed;

/// Makes the pair `name` in `dir`, and nothing if there is a key of that name. The answer says what was made; an
/// error is in words.
pub(super) fn generate(
    dir: &Path,
    name: &str,
    bits: u32,
    passphrase: Option<&Passphrase>,
) -> Result<String, String> {
    check_name(name)?;
    let path = |kind: KeyKind| dir.join(format!("{name}.{}", kind.suffix()));
    let (private, public) = (path(KeyKind::Private), path(KeyKind::Public));
    for path in [&private, &public] {
        if path.symlink_metadata().is_ok() {
            return Err(format!("{} is there already: nothing was made", path.display()));
        }
    }
    let pair = keys::generate(&mut seed::random()?, bits, passphrase)?;
    fs::create_dir_all(dir).map_err(|error| format!("cannot make {}: {error}", dir.display()))?;
    write(&private, 0o600, &pair.private)?;
    if let Err(why) = write(&public, 0o644, &pair.public) {
        // Half a pair would be in the way of the next attempt; if it cannot go either, `why` tells enough.
        let _ = fs::remove_file(&private);
        return Err(why);
    }
    Ok(report(&private, &public, bits, passphrase.is_some()))
}

/// A key's name goes into file names, lists with colons and dial strings in brackets.
fn check_name(name: &str) -> Result<(), String> {
    let is_fit = |octet: u8| octet.is_ascii_alphanumeric() || b"-_.".contains(&octet);
    let begins = name.bytes().next().is_some_and(|octet| octet.is_ascii_alphanumeric());
    if begins && name.len() <= 79 && name.bytes().all(is_fit) {
        return Ok(());
    }
    Err(format!("{name:?} cannot name a key: write letters, digits, - _ . and at most 79 of them"))
}

fn write(path: &PathBuf, mode: u32, text: &str) -> Result<(), String> {
    let written = || -> io::Result<()> {
        let mut file = OpenOptions::new().write(true).create_new(true).mode(mode).open(path)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()
    };
    written().map_err(|error| format!("cannot write {}: {error}", path.display()))
}

fn report(private: &Path, public: &Path, bits: u32, is_encrypted: bool) -> String {
    let clear = if is_encrypted { "encrypted" } else { "not encrypted" };
    let mut report = format!(
        "{}: private, {bits} bits, {clear}; it stays on this host (outkey)\n{}: public; copy it \
         to the hosts that this one calls or registers at (inkeys)\n",
        private.display(),
        public.display()
    );
    if bits != BITS_OF_ASTERISK {
        report += &format!("Asterisk takes keys of {BITS_OF_ASTERISK} bits alone\n");
    }
    report
}
