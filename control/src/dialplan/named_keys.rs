//! Private keys that dial strings name, as far as the file says which.

use super::apps::App;
use super::checks::is_marked;
use super::dial_string::destination;
use super::parse::{Reading, Route};
use super::split;
use super::template::{Known, Template};
use crate::conf::Place;

/// The keys of one Dial, each with where its destination stands.
pub(super) fn named_keys(
    reading: &Reading<'_>,
    route: &Route<'_>,
    known: &dyn Fn(&str) -> Known,
) -> Vec<(String, Place)> {
    let extension = reading.plan.extension(route.extension);
    let priority = extension.and_then(|extension| extension.priority(route.priority));
    let Some(App::Dial(_)) = priority.map(|priority| &priority.app) else { return Vec::new() };
    let value = &route.line.value;
    let arguments = value.get(..route.app.args.end).unwrap_or_default();
    let begin = route.app.args.start;
    let end = split::find(arguments, b',', begin).unwrap_or(arguments.len());
    let written = value.get(begin..end).unwrap_or_default();
    let mut keys = Vec::new();
    for part in split::split(written, b'&') {
        let at = begin + part.start..begin + part.end;
        let text =
            Template::parse(value.get(at.clone()).unwrap_or_default(), 0).unwrap_or_default();
        let rendered = split::unquoted(&text.render(known));
        let named = rendered.split('&').filter_map(|text| destination(text.trim()).ok()?.key);
        let place = route.line.value_part(split::trim(value, at));
        keys.extend(named.filter(|key| !is_marked(key)).map(|key| (key, place.clone())));
    }
    keys
}
