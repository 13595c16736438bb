//! RSA keys as files: the directory of a configuration, its passphrase, and `trunkline keys`.

mod command;
mod files;
mod generate;
mod passphrase;

use std::path::Path;

use control::conf::{Config, Diagnostic, Level};
use control::dialplan::Dialplan;
use control::keys::KeyRing;

pub(crate) use command::{Command, run};

use crate::sources;

/// The keys of the configuration in `dir`, and what is wrong with them.
pub(crate) fn ring(dir: &Path, config: &Config, plan: &Dialplan) -> (KeyRing, Vec<Diagnostic>) {
    let mut told = Vec::new();
    let keys_dir = dir.join(&config.general.key_dir);
    let files = files::read(&keys_dir).unwrap_or_else(|why| {
        told.push(sources::error(why, None));
        Vec::new()
    });
    let from_conf = config.general.key_passphrase_file.as_ref().map(|file| dir.join(file));
    let passphrase = passphrase::find(from_conf.as_deref()).unwrap_or_else(|why| {
        told.push(sources::error(why, None));
        None
    });
    if let Some(exposed) = passphrase.as_ref().and_then(|found| found.exposed.as_ref()) {
        let told_of = sources::error(exposed.clone(), Some("let its owner alone read it"));
        told.push(Diagnostic { level: Level::Warning, ..told_of });
    }
    let shown = keys_dir.to_string_lossy();
    let secret = passphrase.as_ref().map(|found| &found.secret);
    let (ring, found) = KeyRing::read(&shown, &files, secret, config, plan);
    told.extend(found);
    (ring, told)
}
