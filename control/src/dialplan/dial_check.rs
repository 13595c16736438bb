//! What can be said of a Dial before there is a call.

use std::net::Ipv4Addr;
use std::ops::Range;

use super::apps::App;
use super::checks::{finding, is_marked};
use super::dial_options::options;
use super::dial_string::{
    self, Technology, destination, no_destination, no_technology, other_technology, technology,
};
use super::issue::{Issue, TextError};
use super::parse::{Finding, Reading, Route};
use super::split;
use super::template::{Known, Template, UNKNOWN_MARK};

/// Checks the arguments of a Dial as far as the file says what they are.
pub(super) fn check_dial(
    reading: &Reading<'_>,
    route: &Route<'_>,
    known: &dyn Fn(&str) -> Known,
    knows_peer: &dyn Fn(&str) -> bool,
    found: &mut Vec<Finding>,
) {
    let extension = reading.plan.extension(route.extension);
    let priority = extension.and_then(|extension| extension.priority(route.priority));
    let Some(App::Dial(_)) = priority.map(|priority| &priority.app) else { return };
    let value = &route.line.value;
    let written = value.get(..route.app.args.end).unwrap_or_default();
    let mut arguments = Vec::new();
    let mut begin = route.app.args.start;
    while let Some(comma) = split::find(written, b',', begin) {
        arguments.push(split::trim(value, begin..comma));
        begin = comma + 1;
    }
    arguments.push(split::trim(value, begin..route.app.args.end));
    let mut arguments = arguments.into_iter();
    let called = arguments.next().unwrap_or(begin..begin);
    let check = Check { value, known, knows_peer };
    let mut issues = Vec::new();
    let pipe = value.get(called.clone()).and_then(|text| split::find(text, b'|', 0));
    if let Some(at) = pipe.map(|at| called.start + at) {
        let error = TextError::new(at..at + 1, "arguments are separated by commas, not by |");
        issues.push(Issue::unroutable(error.help("write Dial(IAX2/PEER/NUMBER,SECONDS,OPTIONS)")));
    } else if called.is_empty() {
        issues.push(Issue::unroutable(no_destination(called.start..called.start)));
    }
    let destinations = value.get(called.clone()).unwrap_or_default();
    for part in split::split(destinations, b'&') {
        let part = split::trim(value, called.start + part.start..called.start + part.end);
        if !part.is_empty() {
            check.destinations(part, &mut issues);
        }
    }
    if let Some(at) = arguments.next() {
        check.timeout(at, &mut issues);
    }
    if let Some(at) = arguments.next() {
        check.options(at, &mut issues);
    }
    found.extend(issues.into_iter().map(|issue| finding(route, issue)));
}

struct Check<'a> {
    value: &'a str,
    known: &'a dyn Fn(&str) -> Known,
    knows_peer: &'a dyn Fn(&str) -> bool,
}

impl Check<'_> {
    fn written(&self, at: &Range<usize>) -> &str {
        self.value.get(at.clone()).unwrap_or_default()
    }

    /// What stands at `at`, marks in place of what only a call knows.
    fn rendered(&self, at: &Range<usize>) -> String {
        let text = Template::parse(self.written(at), 0).unwrap_or_default();
        split::unquoted(&text.render(self.known))
    }

    /// One destination as written; a global in it may hold several.
    fn destinations(&self, at: Range<usize>, issues: &mut Vec<Issue>) {
        let rendered = self.rendered(&at);
        for text in rendered.split('&').map(str::trim) {
            self.destination(&at, text, issues);
        }
    }

    fn destination(&self, at: &Range<usize>, text: &str, issues: &mut Vec<Issue>) {
        let unroutable = |error| Issue::unroutable(error);
        match technology(text) {
            Technology::None if text.contains(UNKNOWN_MARK) => return,
            Technology::None => {
                return issues.push(unroutable(no_technology(at.clone(), self.written(at))));
            }
            Technology::Other(name) if is_marked(name) => return,
            Technology::Other(name) => {
                return issues.push(unroutable(other_technology(self.within(at, &[], name), name)));
            }
            Technology::Iax2(_) => {}
        }
        let destination = match destination(text) {
            Ok(destination) => destination,
            Err(_) if is_marked(text) => return,
            Err(error) => {
                let verbatim = text == self.written(at);
                let inner = if verbatim { error.at.clone() } else { 0..at.len() };
                let error = TextError { at: inner, ..error };
                return issues.push(unroutable(error.moved(at.start)));
            }
        };
        if let Some(secret) = &destination.secret {
            let secret = String::from_utf8_lossy(secret.reveal()).into_owned();
            let error = TextError::new(
                self.within(at, &['/', ':'], &secret),
                "a secret in a dial string is written to logs",
            )
            .help(format!("write username and secret into [{}] of iax.conf", destination.peer));
            issues.push(Issue::doubtful(error));
        }
        let peer = destination.peer.as_str();
        let begins: &[char] = if destination.user.is_some() { &['/', '@'] } else { &['/'] };
        if !is_marked(peer) && peer.parse::<Ipv4Addr>().is_err() && !(self.knows_peer)(peer) {
            let message = format!("there is no [{peer}] in iax.conf: it is taken as a host name");
            let error = TextError::new(self.within(at, begins, peer), message).help(format!(
                "write a section [{peer}] of type peer or friend, spelt with the same case"
            ));
            issues.push(Issue::doubtful(error));
        }
        let options = text.splitn(4, '/').nth(3).unwrap_or_default();
        if let Some(odd) =
            options.chars().find(|letter| *letter != 'a' && !is_marked(&letter.to_string()))
        {
            let message = format!("a dial string has no option {odd}");
            let error = TextError::new(self.within(at, &['/', '/', '/'], options), message)
                .help("its only option is a; options of Dial stand behind the time-out");
            issues.push(Issue::doubtful(error));
        }
    }

    /// Where `part` stands in `at`, behind the last of `begins` that is there; all of `at` if it comes out of a
    /// variable.
    fn within(&self, at: &Range<usize>, begins: &[char], part: &str) -> Range<usize> {
        let text = self.written(at);
        let mut from = 0;
        for begin in begins {
            let found = text.get(from..).and_then(|rest| rest.find(*begin));
            from += found.map_or(0, |found| found + begin.len_utf8());
        }
        let found =
            text.get(from..).and_then(|rest| rest.find(part)).map(|found| at.start + from + found);
        found.map_or_else(|| at.clone(), |found| found..found + part.len())
    }

    fn timeout(&self, at: Range<usize>, issues: &mut Vec<Issue>) {
        let text = self.rendered(&at);
        if is_marked(&text) {
            return;
        }
        match dial_string::timeout(&text) {
            Err(error) => issues.push(Issue::unroutable(TextError { at, ..error })),
            Ok(_) if text.contains('^') => {
                let error = TextError::new(
                    at,
                    "the time after ringing is not honoured, only the one before the ^",
                )
                .help("write one number of seconds");
                issues.push(Issue::doubtful(error));
            }
            Ok(_) => {}
        }
    }

    fn options(&self, at: Range<usize>, issues: &mut Vec<Issue>) {
        let text = self.rendered(&at);
        if text.contains(UNKNOWN_MARK) {
            return;
        }
        let verbatim = text == self.written(&at);
        for issue in options(&text).1 {
            let inner = if verbatim { issue.error.at.clone() } else { 0..at.len() };
            let error = TextError { at: inner, ..issue.error };
            issues.push(Issue { error: error.moved(at.start), ..issue });
        }
    }
}
