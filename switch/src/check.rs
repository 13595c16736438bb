//! `trunkline check`: everything there is to say about a configuration, without running it.

use std::io::{self, Write};
use std::path::Path;
use std::process::ExitCode;

use control::conf::{self, Diagnostic, Level, Sources};

use crate::config::{self, Loaded};
use crate::render::{self, Style};
use crate::{FAILED, REFUSED};

/// Reports on `dir`, and on how `far_dir`, where given, fits it.
pub(crate) fn check(dir: &Path, far_dir: Option<&Path>) -> ExitCode {
    let stdout = io::stdout();
    let style = Style::of(&stdout);
    match report(&mut stdout.lock(), style, dir, far_dir) {
        Ok(found) if found.iter().any(|found| found.level == Level::Error) => REFUSED.into(),
        Ok(_) => ExitCode::SUCCESS,
        Err(_) => FAILED.into(), // nobody reads what is wrong
    }
}

/// Writes all there is to say; the answer is every diagnostic among it.
fn report(
    output: &mut impl Write,
    style: Style,
    dir: &Path,
    far_dir: Option<&Path>,
) -> io::Result<Vec<Diagnostic>> {
    let near = config::load(dir);
    let far = far_dir.map(config::load_far);
    // The far end is a PBX: its dialplan and the keys only a PBX has are not ours to judge.
    let unread = far.as_ref().filter(|far| far.understood().is_none());
    let mut all = Vec::new();
    for loaded in [Some(&near), unread].into_iter().flatten() {
        loaded.report(output, style);
        reach(output, loaded)?;
        all.extend_from_slice(&loaded.diagnostics);
    }
    if let Some(far) = &far {
        all.extend(fit(output, style, &near, far)?);
    }
    writeln!(output, "{}", render::summary(&all))?;
    Ok(all)
}

/// Lists what callers reach who give no name: what the operator has left open, or half open.
fn reach(output: &mut impl Write, loaded: &Loaded) -> io::Result<()> {
    let Some(parsed) = loaded.understood() else { return Ok(()) };
    let reached = conf::anonymous_reach(&parsed.config);
    if reached.is_empty() {
        return Ok(());
    }
    writeln!(output, "{}: callers without a user name are, the first that fits:", name(loaded))?;
    for reach in reached {
        writeln!(output, "  {reach}")?;
    }
    writeln!(output)
}

/// Checks what each of two hosts says of the other, if both can be understood.
fn fit(
    output: &mut impl Write,
    style: Style,
    near: &Loaded,
    far: &Loaded,
) -> io::Result<Vec<Diagnostic>> {
    let (Some(here), Some(there)) = (near.understood(), far.understood()) else {
        return Ok(Vec::new()); // a host that says nothing has been told to do so
    };
    let (near_name, far_name) = (name(near), name(far));
    let found = conf::fit(&here.config, &there.config, &near_name, &far_name);
    let sources = both(near, far);
    for found in &found {
        // The places are whole paths already, since both hosts have an iax.conf.
        writeln!(output, "{}", render::diagnostic(Path::new(""), &sources, found, style))?;
    }
    Ok(found)
}

/// A host is called by its directory, as the operator wrote it.
fn name(loaded: &Loaded) -> String {
    let name = loaded.dir.to_string_lossy();
    match name.trim_end_matches('/') {
        "" => name.into_owned(),
        trimmed => trimmed.to_owned(),
    }
}

/// The files of both, under the names that [`conf::fit`] gives them.
fn both(near: &Loaded, far: &Loaded) -> Sources {
    let mut sources = Sources::new();
    for loaded in [near, far] {
        for (file, text) in loaded.sources.iter() {
            sources.add(format!("{}/{file}", name(loaded)), text.clone());
        }
    }
    sources
}
