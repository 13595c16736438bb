//! Reads a configuration directory: every `*.conf` below it, as text, bounded in number and size.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::{fs, io};

use control::conf::{Diagnostic, Level, Place, Sources};

/// The files of `dir`, and what is wrong with them as files.
pub(crate) fn read(dir: &Path) -> (Sources, Vec<Diagnostic>) {
    let mut reader = Reader {
        dir,
        sources: Sources::new(),
        diagnostics: Vec::new(),
        octets_left: OCTETS_MAX,
        files_left: FILES_MAX,
    };
    if let Err(refusal) = reader.read_below(dir, DEPTH_MAX) {
        reader.diagnostics.push(error(refusal, None));
    }
    (reader.sources, reader.diagnostics)
}

/// An error about the whole, without a place in a file.
pub(crate) fn error(message: String, help: Option<&str>) -> Diagnostic {
    Diagnostic {
        level: Level::Error,
        message,
        place: None,
        help: help.map(str::to_owned),
        related: None,
    }
}

/// Most octets of all files; a configuration of 100,000 peers takes some 20 MiB.
const OCTETS_MAX: u64 = 256 << 20;

/// Most files.
const FILES_MAX: usize = 10_000;

/// Most directories below each other: ends a loop of symbolic links.
const DEPTH_MAX: usize = 8;

struct Reader<'a> {
    dir: &'a Path,
    sources: Sources,
    diagnostics: Vec<Diagnostic>,
    octets_left: u64,
    files_left: usize,
}

impl Reader<'_> {
    /// Reads what is in `dir` and below. An error, in words, ends the whole reading: a bound is reached.
    fn read_below(&mut self, dir: &Path, depth_left: usize) -> Result<(), String> {
        let entries = match entries(dir) {
            Ok(entries) => entries,
            Err(error) => {
                self.unreadable(dir, &error);
                return Ok(());
            }
        };
        for path in entries {
            // Follows links: packages and configuration tools like them.
            match fs::metadata(&path) {
                Ok(found) if found.is_dir() && depth_left > 0 => {
                    self.read_below(&path, depth_left - 1)?;
                }
                Ok(found) if found.is_file() && is_conf(&path) => {
                    self.read_file(&path, found.len())?
                }
                Ok(_) => {}
                Err(error) if is_conf(&path) => self.unreadable(&path, &error),
                Err(_) => {}
            }
        }
        Ok(())
    }

    fn read_file(&mut self, path: &Path, octets: u64) -> Result<(), String> {
        self.files_left = self.files_left.checked_sub(1).ok_or_else(|| {
            format!("more than {FILES_MAX} *.conf files below {}", self.dir.display())
        })?;
        self.octets_left = self.octets_left.checked_sub(octets).ok_or_else(|| {
            let below = self.dir.display();
            format!("more than {} MiB of *.conf files below {below}", OCTETS_MAX >> 20)
        })?;
        match fs::read(path) {
            Ok(octets) => self.add(path, octets),
            Err(error) => self.unreadable(path, &error),
        }
        Ok(())
    }

    fn add(&mut self, path: &Path, octets: Vec<u8>) {
        let name = path.strip_prefix(self.dir).unwrap_or(path).to_string_lossy().into_owned();
        let text: Arc<str> = match String::from_utf8(octets) {
            Ok(text) => text.into(),
            Err(broken) => {
                let first = broken.utf8_error().valid_up_to();
                let text: Arc<str> = String::from_utf8_lossy(broken.as_bytes()).into();
                self.diagnostics.push(not_utf8(&name, &text, first));
                text
            }
        };
        self.sources.add(name, text);
    }

    fn unreadable(&mut self, path: &Path, why: &io::Error) {
        self.diagnostics.push(error(format!("cannot read {}: {why}", path.display()), None));
    }
}

/// What `dir` holds, by name, hidden files left out.
fn entries(dir: &Path) -> io::Result<Vec<PathBuf>> {
    let mut paths = Vec::new();
    for entry in fs::read_dir(dir)? {
        let entry = entry?;
        if !entry.file_name().as_encoded_bytes().starts_with(b".") {
            paths.push(entry.path());
        }
    }
    paths.sort();
    Ok(paths)
}

fn is_conf(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "conf")
}

/// The warning about a file whose octets from `first` on were not all UTF-8 and have been replaced in `text`.
fn not_utf8(name: &str, text: &str, first: usize) -> Diagnostic {
    let line = text[..first].matches('\n').count() + 1;
    let place = Place {
        file: name.into(),
        line: u32::try_from(line).unwrap_or(u32::MAX),
        span: first..first + char::REPLACEMENT_CHARACTER.len_utf8(),
    };
    Diagnostic::warning(place, "octets that are not UTF-8 were replaced, here and perhaps below")
        .help("save the file as UTF-8")
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Dir(PathBuf);

    impl Dir {
        fn new(name: &str, files: &[(&str, &[u8])]) -> Self {
            let dir = std::env::temp_dir().join(format!("trunkline-{}-{name}", std::process::id()));
            for (name, octets) in files {
                let path = dir.join(name);
                fs::create_dir_all(path.parent().unwrap()).unwrap();
                fs::write(path, octets).unwrap();
            }
            Self(dir)
        }
    }

    impl Drop for Dir {
        fn drop(&mut self) {
            fs::remove_dir_all(&self.0).unwrap();
        }
    }

    #[test]
    fn all_conf_files_below_are_read_by_their_relative_names() {
        let files: &[(&str, &[u8])] = &[
            ("iax.conf", b"[general]\n"),
            ("peers/a.conf", b"[a]\n"),
            ("peers/.a.conf", b"hidden"),
            ("peers/a.conf.bak", b"old"),
            ("notes.txt", b"none"),
        ];
        let dir = Dir::new("names", files);
        std::os::unix::fs::symlink(&dir.0, dir.0.join("loop")).unwrap();
        let (sources, diagnostics) = read(&dir.0);
        assert_eq!(diagnostics, []);
        let names: Vec<_> = sources.iter().map(|(name, _)| name).collect();
        assert!(names.contains(&"iax.conf") && names.contains(&"peers/a.conf"));
        assert!(!names.iter().any(|name| name.contains(".a.") || name.ends_with(".bak")));
        assert_eq!(names.len(), 2 * (DEPTH_MAX + 1) - 1, "a loop of links ends");
    }

    #[test]
    fn octets_that_are_not_utf8_are_replaced_and_marked() {
        let dir = Dir::new("utf8", &[("iax.conf", b"[general]\nlanguage=\xe9\xff\n")]);
        let (sources, diagnostics) = read(&dir.0);
        let text = sources.get("iax.conf").unwrap();
        assert_eq!(&**text, "[general]\nlanguage=\u{fffd}\u{fffd}\n");
        let place = diagnostics[0].place.clone().unwrap();
        assert_eq!((place.line, &text[place.span]), (2, "\u{fffd}"));
        assert_eq!(diagnostics[0].level, Level::Warning);
    }

    #[test]
    fn a_directory_that_is_not_there_is_an_error() {
        let (sources, diagnostics) = read(Path::new("/nonexistent/trunkline"));
        assert_eq!(sources.iter().count(), 0);
        let message = &diagnostics[0].message;
        assert!(
            message.starts_with("cannot read /nonexistent/trunkline: No such file"),
            "{message}"
        );
    }
}
