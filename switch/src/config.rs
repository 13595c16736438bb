//! A configuration directory: its files, what is wrong with them, and what they say.

use std::io::Write;
use std::path::{Path, PathBuf};

use control::conf::{Diagnostic, Level, Sources};

use crate::render::{self, Style};
use crate::sources;

/// What was read from a configuration directory.
#[derive(Debug)]
pub(crate) struct Loaded {
    /// The directory.
    pub(crate) dir: PathBuf,
    /// Its files.
    pub(crate) sources: Sources,
    /// Everything there is to tell about them, in the order found.
    pub(crate) diagnostics: Vec<Diagnostic>,
}

/// Reads and judges the configuration in `dir`.
pub(crate) fn load(dir: &Path) -> Loaded {
    let (sources, mut diagnostics) = sources::read(dir);
    if !is_refused(&diagnostics) {
        let missing = REQUIRED.iter().filter(|(name, _)| sources.get(name).is_none());
        diagnostics.extend(missing.map(|(name, help)| {
            sources::error(format!("{} is missing", dir.join(name).display()), Some(help))
        }));
    }
    Loaded { dir: dir.to_owned(), sources, diagnostics }
}

impl Loaded {
    /// Whether the switch must not run so.
    pub(crate) fn is_refused(&self) -> bool {
        is_refused(&self.diagnostics)
    }

    /// Shows every diagnostic. Where nobody reads `output` any more there is nobody to tell, so its errors are
    /// ignored.
    pub(crate) fn report(&self, output: &mut impl Write, style: Style) {
        for found in &self.diagnostics {
            let text = render::diagnostic(&self.dir, &self.sources, found, style);
            let _ = writeln!(output, "{text}");
        }
    }
}

fn is_refused(diagnostics: &[Diagnostic]) -> bool {
    diagnostics.iter().any(|found| found.level == Level::Error)
}

/// Files without which nothing can be done, and what each is for.
const REQUIRED: [(&str, &str); 2] = [
    ("iax.conf", "it names the peers and users, in Asterisk's syntax"),
    ("extensions.conf", "it routes calls, in Asterisk's syntax"),
];
