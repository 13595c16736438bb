//! Sections of `trunkline.conf` named like sections of `iax.conf`: how much is let through, and on what terms.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use super::general::assign;
use super::item::{Item, Told};
use super::keys::Scope;
use super::sections::{did_you_mean, plain};
use super::syntax::Section;
use super::{Diagnostic, Place};

/// How many calls a section lets through in one direction.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Limits {
    /// Calls at a time; `None`: no limit.
    pub calls_max: Option<u32>,
    /// Calls a second, so many of them at once; `None`: no limit.
    pub cps_max: Option<u32>,
    /// Longest call from its answer on; `None`: no limit.
    pub duration_max: Option<Duration>,
}

/// What `trunkline.conf` says of one section of `iax.conf`.
#[derive(Debug, Clone, Default)]
pub(super) struct Terms {
    calls_max_in: Option<u32>,
    calls_max_out: Option<u32>,
    cps_max_in: Option<u32>,
    cps_max_out: Option<u32>,
    duration_max: Option<Duration>,
    pub(super) trusted: bool,
    pub(super) dialplan_queries: bool,
}

impl Terms {
    /// Takes one line. `false`: there is no such key, which a test rules out.
    pub(super) fn set(&mut self, item: Item<'_>, told: &mut Told) -> bool {
        match item.key.name {
            "calls_max_in" => assign(&mut self.calls_max_in, item.number(told).map(Some)),
            "calls_max_out" => assign(&mut self.calls_max_out, item.number(told).map(Some)),
            "cps_max_in" => assign(&mut self.cps_max_in, item.number(told).map(Some)),
            "cps_max_out" => assign(&mut self.cps_max_out, item.number(told).map(Some)),
            "call_seconds_max" => assign(&mut self.duration_max, item.seconds(told).map(Some)),
            "trusted" => assign(&mut self.trusted, item.flag(told)),
            "dialplan_queries" => assign(&mut self.dialplan_queries, item.flag(told)),
            _ => return false,
        }
        true
    }

    /// Limits of calls from the section; `call_limit` is what its `call-limit` says.
    pub(super) fn incoming(&self, call_limit: Option<u32>) -> Limits {
        Limits {
            calls_max: self.calls_max_in.or(call_limit),
            cps_max: self.cps_max_in,
            duration_max: self.duration_max,
        }
    }

    /// Limits of calls to the section.
    pub(super) fn outgoing(&self) -> Limits {
        Limits {
            calls_max: self.calls_max_out,
            cps_max: self.cps_max_out,
            duration_max: self.duration_max,
        }
    }
}

/// The terms of all sections that `trunkline.conf` names.
#[derive(Debug, Default)]
pub(super) struct AllTerms {
    by_name: HashMap<String, Terms>,
    /// In file order.
    named: Vec<(String, Place)>,
}

impl AllTerms {
    /// Reads one section; a second one of the same name adds to the first.
    pub(super) fn read(&mut self, section: &Section, told: &mut Told) {
        self.named.push((section.name.clone(), section.place.clone()));
        let terms = self.by_name.entry(section.name.clone()).or_default();
        plain(section, Scope::TERMS, told, |item, told| {
            terms.set(item, told);
        });
    }

    pub(super) fn of(&self, name: &str) -> Terms {
        self.by_name.get(name).cloned().unwrap_or_default()
    }

    /// Tells of sections that `iax.conf` does not have: limits that nothing is held to.
    pub(super) fn check<'a>(&self, known: impl Iterator<Item = &'a str>, told: &mut Told) {
        let known: HashSet<&str> = known.collect();
        for (name, place) in self.named.iter().filter(|(name, _)| !known.contains(name.as_str())) {
            let own = ["general", "dataplane", "log"];
            let message =
                format!("trunkline.conf says something of [{name}], which iax.conf does not have");
            let help = did_you_mean(name, own.into_iter().chain(known.iter().copied()))
                .unwrap_or_else(|| {
                    "write [general], [dataplane], [log], or the name of a section of iax.conf"
                        .to_owned()
                });
            told.push(Diagnostic::error(place.clone(), message).help(help));
        }
    }
}
