//! From the files' text to a [`Config`].

use std::collections::HashSet;

use super::general::{self, GeneralDraft};
use super::item::Told;
use super::sections::{self, Drafts};
use super::syntax::{self, Section};
use super::{Config, Diagnostic, Level, Sources, access, checks, trunkline};

/// The file without which there is no configuration.
const IAX_CONF: &str = "iax.conf";

/// Reads `iax.conf`, which must be there, `trunkline.conf` and `acl.conf`, which may, and what they include.
///
/// All diagnostics come out, in the order of the files' lines as far as possible; with an error among them there is
/// no configuration.
pub fn parse(sources: &Sources) -> (Option<Config>, Vec<Diagnostic>) {
    let (config, told) = parse_despite_errors(sources);
    let failed = told.iter().any(|diagnostic| diagnostic.level == Level::Error);
    (config.filter(|_| !failed), told)
}

/// The same, with the configuration as far as it could be read: for checks that tell more about it, never to run by.
/// `None` where there is no `iax.conf`.
pub fn parse_despite_errors(sources: &Sources) -> (Option<Config>, Vec<Diagnostic>) {
    let mut told = Vec::new();
    let config = read(sources, &mut told);
    drop_repeats(&mut told);
    (config, told)
}

/// Reads the text of an `iax.conf` that includes nothing.
///
/// # Errors
///
/// All diagnostics, if one of them is an error.
pub fn parse_text(iax_conf: &str) -> Result<Config, Vec<Diagnostic>> {
    let mut sources = Sources::new();
    sources.add(IAX_CONF, iax_conf);
    let (config, told) = parse(&sources);
    config.ok_or(told)
}

fn read(sources: &Sources, told: &mut Told) -> Option<Config> {
    if sources.get(IAX_CONF).is_none() {
        told.push(Diagnostic {
            level: Level::Error,
            message: format!("there is no {IAX_CONF}"),
            place: None,
            help: Some("give the directory that holds it".to_owned()),
            related: None,
        });
        return None;
    }
    let sections = syntax::read(sources, IAX_CONF, told);
    let named = access::named_lists(sources, told);
    let mut draft = GeneralDraft::new();
    let (dataplane, log, terms) = trunkline::read(sources, &mut draft, told);
    if let Some(first) = first_general(&sections, told) {
        sections::general(first, &mut draft, told);
    }
    draft.finish(told);
    let mut drafts = Drafts::default();
    let mut call_number_limits = Vec::new();
    for section in sections.iter().filter(|section| !section.template && !section.is("general")) {
        if section.is("callnumberlimits") {
            call_number_limits.extend(general::call_number_limits(section, told));
        } else {
            drafts.read(section, &draft, &named, told);
        }
    }
    let (users, peers) = drafts.finish(&draft, &terms, general::binds_ipv6(&draft.general), told);
    let GeneralDraft { general, registers, .. } = draft;
    let config = Config { general, users, peers, registers, call_number_limits, dataplane, log };
    checks::check(&config, told);
    Some(config)
}

/// The first `[general]`, which alone is read.
fn first_general<'a>(sections: &'a [Section], told: &mut Told) -> Option<&'a Section> {
    let mut all = sections.iter().filter(|section| section.is("general") && !section.template);
    let first = all.next()?;
    for further in all {
        told.push(
            Diagnostic::error(
                further.place.clone(),
                "only the first [general] is read: the lines of this one are lost",
            )
            .help("write [general](+)")
            .related(first.place.clone(), "the first"),
        );
    }
    Some(first)
}

/// A line that several sections inherit, or that both halves of a friend read, is told of once.
fn drop_repeats(told: &mut Told) {
    let mut seen = HashSet::new();
    told.retain(|diagnostic| {
        let place = diagnostic.place.clone();
        seen.insert((place, diagnostic.message.clone()))
    });
}
