//! Reads a directory of keys, bounded in number and size.

use std::fs::{self, File};
use std::io::{self, Read};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use control::keys::KeyFile;
use zeroize::Zeroizing;

/// Most key files of a directory.
const FILES_MAX: usize = 10_000;

/// Most octets of a key file; the longest key takes some two thousand.
const OCTETS_MAX: u64 = 16 << 10;

/// All key files of `dir`, by name; none where there is no such directory. An error is in words.
pub(super) fn read(dir: &Path) -> Result<Vec<KeyFile>, String> {
    let unreadable = |error: io::Error| format!("cannot read {}: {error}", dir.display());
    let entries = match fs::read_dir(dir) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries.map_err(unreadable)?,
    };
    let mut files = Vec::new();
    for entry in entries {
        let path = entry.map_err(unreadable)?.path();
        let Some(file) = file(&path) else { continue };
        if files.len() == FILES_MAX {
            return Err(format!("more than {FILES_MAX} key files in {}", dir.display()));
        }
        files.push(file);
    }
    files.sort_by(|a, b| a.path.cmp(&b.path));
    Ok(files)
}

/// The key file at `path`; `None` if its name is not that of one.
pub(super) fn file(path: &Path) -> Option<KeyFile> {
    let (name, kind) = KeyFile::named(path.file_name()?.to_str()?)?;
    let (mode, text) = match contents(path) {
        Ok((mode, text)) => (mode, Ok(text)),
        Err(error) => (0, Err(error.to_string())),
    };
    let path = path.to_string_lossy().into_owned();
    Some(KeyFile { path, name: name.to_owned(), kind, mode, text })
}

/// The permission bits and the text of a file.
pub(super) fn contents(path: &Path) -> io::Result<(u32, Zeroizing<String>)> {
    if !fs::metadata(path)?.is_file() {
        return Err(io::Error::other("it is no file")); // and opening a pipe would wait for ever
    }
    let file = File::open(path)?;
    let found = file.metadata()?;
    let room = usize::try_from(OCTETS_MAX).unwrap_or(usize::MAX);
    // As long as can be needed: it never grows, so no copy is left behind.
    let mut text = Zeroizing::new(String::with_capacity(room));
    file.take(OCTETS_MAX).read_to_string(&mut text)?;
    if found.len() > OCTETS_MAX {
        return Err(io::Error::other(format!("it has more than {OCTETS_MAX} octets")));
    }
    Ok((found.permissions().mode() & 0o7777, text))
}
