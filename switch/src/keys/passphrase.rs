//! Where the passphrase of encrypted keys comes from: the environment, or a file.

use std::env;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use control::keys::Passphrase;

use super::files;

/// The variable that holds the passphrase itself.
pub(super) const VARIABLE: &str = "TRUNKLINE_KEY_PASSPHRASE";

/// The variable that names the passphrase's file.
pub(super) const FILE_VARIABLE: &str = "TRUNKLINE_KEY_PASSPHRASE_FILE";

/// A passphrase.
pub(super) struct Found {
    pub(super) secret: Passphrase,
    /// A warning, if anybody may read its file.
    pub(super) exposed: Option<String>,
}

/// The passphrase: what the environment says, else the first line of `file`. `None`: there is none. An error is in
/// words.
pub(super) fn find(file: Option<&Path>) -> Result<Option<Found>, String> {
    if let Some(secret) = env::var_os(VARIABLE) {
        return usable(secret.as_bytes(), VARIABLE)
            .map(|secret| Some(Found { secret, exposed: None }));
    }
    let named = env::var_os(FILE_VARIABLE).map(PathBuf::from);
    let Some(path) = named.as_deref().or(file) else { return Ok(None) };
    let shown = path.display();
    let (mode, text) = files::contents(path)
        .map_err(|error| format!("cannot read the passphrase of keys in {shown}: {error}"))?;
    let line = text.split(['\r', '\n']).next().unwrap_or_default();
    let secret = usable(line.as_bytes(), &shown.to_string())?;
    let exposed = (mode & 0o007 != 0)
        .then(|| format!("{shown}, the passphrase of keys, may be read by anybody"));
    Ok(Some(Found { secret, exposed }))
}

fn usable(octets: &[u8], from: &str) -> Result<Passphrase, String> {
    if octets.is_empty() {
        return Err(format!("the passphrase of keys in {from} is empty"));
    }
    Ok(Passphrase::new(octets))
}
