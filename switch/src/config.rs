//! A configuration directory: its files, what is wrong with them, and what they say.

use std::io::Write;
use std::path::{Path, PathBuf};

use std::sync::Arc;

use control::conf::{self, Config, Diagnostic, Level, Sources};
use control::dialplan::Dialplan;
use control::keys::KeyRing;

use crate::render::{self, Style};
use crate::{keys, log, sources};

/// What was read from a configuration directory.
#[derive(Debug)]
pub(crate) struct Loaded {
    /// The directory.
    pub(crate) dir: PathBuf,
    /// Its files.
    pub(crate) sources: Sources,
    /// Everything there is to tell about them, in the order found.
    pub(crate) diagnostics: Vec<Diagnostic>,
    parsed: Option<Parsed>,
}

/// What the files say.
#[derive(Debug)]
pub(crate) struct Parsed {
    /// `iax.conf` and `trunkline.conf`.
    pub(crate) config: Arc<Config>,
    /// `extensions.conf`.
    pub(crate) plan: Arc<Dialplan>,
    /// The keys that can be used.
    pub(crate) keys: Arc<KeyRing>,
}

/// Reads and judges the configuration in `dir`, and the keys it needs.
pub(crate) fn load(dir: &Path) -> Loaded {
    let mut loaded = load_far(dir);
    if let Some(parsed) = &mut loaded.parsed {
        let (keys, found) = keys::ring(dir, &parsed.config, &parsed.plan);
        parsed.keys = Arc::new(keys);
        loaded.diagnostics.extend(found);
    }
    loaded
}

/// Reads and judges a configuration of another host, whose keys stay there.
pub(crate) fn load_far(dir: &Path) -> Loaded {
    let (sources, mut diagnostics) = sources::read(dir);
    let parsed = if is_refused(&diagnostics) { None } else { parse(&sources, &mut diagnostics) };
    Loaded { dir: dir.to_owned(), sources, diagnostics, parsed }
}

impl Loaded {
    /// What the files say as far as they could be read, for telling more about them.
    pub(crate) fn understood(&self) -> Option<&Parsed> {
        self.parsed.as_ref()
    }

    /// What the files say; `None` if there is an error, and then the switch must not run.
    pub(crate) fn accepted(&self) -> Option<&Parsed> {
        self.parsed.as_ref().filter(|_| !is_refused(&self.diagnostics))
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

/// What the files say, as far as it can be told, and everything that is wrong with them.
fn parse(sources: &Sources, diagnostics: &mut Vec<Diagnostic>) -> Option<Parsed> {
    let (config, found) = conf::parse_despite_errors(sources);
    diagnostics.extend(found);
    let Some(config) = config else {
        // Who can come in, and where, is not known: nothing in the dialplan counts as reached.
        let (_, found) = Dialplan::parse(sources, &[], &|_| true);
        diagnostics.extend(found);
        return None;
    };
    diagnostics.extend(own_findings(&config));
    let (plan, found) = Dialplan::parse(sources, &reachable(&config), &|name| {
        config.peers.iter().any(|peer| peer.name == name)
    });
    diagnostics.extend(found);
    Some(Parsed { config: Arc::new(config), plan: Arc::new(plan), keys: Arc::default() })
}

/// The contexts where callers can come in; `*`: any.
fn reachable(config: &Config) -> Vec<&str> {
    let mut contexts: Vec<&str> = Vec::new();
    for user in &config.users {
        contexts.extend(user.any_context.then_some("*"));
        contexts.extend(user.contexts.iter().map(String::as_str));
    }
    contexts.sort_unstable();
    contexts.dedup();
    contexts
}

/// What only this crate knows to be wrong: the log's filter, and what the resolver cannot do.
fn own_findings(config: &Config) -> Vec<Diagnostic> {
    let mut findings = Vec::new();
    if let Err(why) = log::check_filter(&config.log.filter) {
        findings.push(sources::error(format!("trunkline.conf, [log] filter: {why}"), None));
    }
    if config.general.srv_lookup {
        findings.push(Diagnostic {
            level: Level::Warning,
            ..sources::error("srvlookup has no effect yet".to_owned(), Some(SRV_HELP))
        });
    }
    findings
}

const SRV_HELP: &str =
    "host names are looked up as plain addresses; write a port where it is not 4569";
