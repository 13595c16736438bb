//! `trunkline check`: everything there is to say about a configuration, without running it.

use std::io::{self, Write};
use std::path::Path;
use std::process::ExitCode;

use control::conf::Diagnostic;

use crate::config::{self, Loaded};
use crate::render::{self, Style};
use crate::{FAILED, REFUSED};

/// Reports on `dir`, on `far_dir` where given, and then on how the two fit.
pub(crate) fn check(dir: &Path, far_dir: Option<&Path>) -> ExitCode {
    let near = config::load(dir);
    let far = far_dir.map(config::load);
    let stdout = io::stdout();
    let style = Style::of(&stdout);
    let mut output = stdout.lock();
    let mut all: Vec<Diagnostic> = Vec::new();
    for loaded in [Some(&near), far.as_ref()].into_iter().flatten() {
        loaded.report(&mut output, style);
        all.extend_from_slice(&loaded.diagnostics);
    }
    if writeln!(output, "{}", render::summary(&all)).is_err() {
        return ExitCode::from(FAILED);
    }
    let is_refused = near.is_refused() || far.as_ref().is_some_and(Loaded::is_refused);
    if is_refused { ExitCode::from(REFUSED) } else { ExitCode::SUCCESS }
}
