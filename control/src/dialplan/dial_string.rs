//! `IAX2/[user[:secret[:key]]@]peer[:port][/number[@context][/options]]`, and the time-out of Dial.

use std::ops::Range;
use std::time::Duration;

use super::issue::TextError;
use super::split::unquoted;
use super::step::Destination;
use crate::conf::Secret;

/// Most octets of a user, number or context: what one information element holds.
pub(super) const ELEMENT_MAX: usize = 255;

/// What a dial string says before its first slash.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Technology<'a> {
    /// IAX2; what follows the slash.
    Iax2(&'a str),
    /// Another, which this switch does not speak.
    Other(&'a str),
    /// There is no slash: a number or a name alone.
    None,
}

/// How `text` is to be called.
pub(super) fn technology(text: &str) -> Technology<'_> {
    match text.split_once('/') {
        Some((name, rest)) if name.eq_ignore_ascii_case("IAX2") => Technology::Iax2(rest),
        Some((name, _)) => Technology::Other(name),
        None => Technology::None,
    }
}

/// The complaint about a destination without technology, `written` being how the file spells it.
pub(super) fn no_technology(at: Range<usize>, written: &str) -> TextError {
    let message = format!("Dial({written}) names no technology, only a number");
    let help = format!("write Dial(IAX2/PEER/{written}), PEER being a section of iax.conf");
    TextError::new(at, message).help(help)
}

/// The complaint about a technology other than IAX2.
pub(super) fn other_technology(at: Range<usize>, name: &str) -> TextError {
    let help = match name.to_ascii_lowercase().as_str() {
        "local" => "write Goto(CONTEXT,NUMBER,1), or include the context",
        "iax" => "write IAX2/",
        _ => "write IAX2/PEER/NUMBER; a PBX behind an IAX2 trunk can call the rest",
    };
    TextError::new(at, format!("this switch calls by IAX2 only, not by {name}")).help(help)
}

/// Reads one destination, filled in.
pub(super) fn destination(text: &str) -> Result<Destination, TextError> {
    let all = 0..text.len();
    let rest = match technology(text) {
        Technology::Iax2(rest) => rest,
        Technology::Other(name) => return Err(other_technology(0..name.len(), name)),
        Technology::None => return Err(no_technology(all, text)),
    };
    let mut parts = rest.splitn(3, '/');
    let (host, called) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
    let options = parts.next().unwrap_or_default();
    // No peer has an @ in its name, a secret may.
    let (who, host) = host.rsplit_once('@').map_or((None, host), |(who, host)| (Some(who), host));
    let (peer, port) = host.split_once(':').map_or((host, None), |(peer, port)| (peer, Some(port)));
    if peer.is_empty() {
        return Err(TextError::new(all, "this dial string names no peer")
            .help("write IAX2/PEER/NUMBER, PEER being a section of iax.conf"));
    }
    let port = match port.map(str::parse::<u16>) {
        None => None,
        Some(Ok(port)) if port > 0 => Some(port),
        Some(_) => {
            return Err(TextError::new(all, format!("{host} ends in no port of 1 to 65535")).help(
                "leave it out for the peer's own port; IPv6 addresses go into iax.conf as host=",
            ));
        }
    };
    let (number, context) =
        called.split_once('@').map_or((called, None), |(number, context)| (number, Some(context)));
    let given = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    let (user, secret, key) = credentials(who.unwrap_or_default());
    let longest = [number, context.unwrap_or_default(), user.unwrap_or_default()];
    if longest.iter().any(|text| text.len() > ELEMENT_MAX) {
        let message = format!("user, number and context have at most {ELEMENT_MAX} octets");
        return Err(TextError::new(all, message));
    }
    Ok(Destination {
        user: user.and_then(given),
        secret: secret.map(Secret::new),
        key: key.and_then(given),
        peer: peer.to_owned(),
        port,
        number: given(number),
        context: context.and_then(given),
        auto_answer: options.contains('a'),
    })
}

/// `user:secret:[key]`: secret and key in either order, each optional.
fn credentials(who: &str) -> (Option<&str>, Option<&str>, Option<&str>) {
    let Some((user, proofs)) = who.split_once(':') else { return (Some(who), None, None) };
    let whole = ("", proofs);
    let parts = [Some(whole), proofs.rsplit_once(':'), proofs.split_once(':').map(|(a, b)| (b, a))];
    let with_key = parts.into_iter().flatten().find_map(|(secret, key)| {
        let key = key.strip_prefix('[')?.strip_suffix(']')?;
        (!key.contains(':')).then_some((secret, Some(key)))
    });
    let (secret, key) = with_key.unwrap_or((proofs, None));
    (Some(user), Some(secret).filter(|secret| !secret.is_empty()), key)
}

/// Reads destinations joined by `&`, filled in: those that can be called, and what is wrong with the others.
pub(super) fn destinations(text: &str) -> (Vec<Destination>, Vec<TextError>) {
    let mut usable = Vec::new();
    let mut wrong = Vec::new();
    for part in text.split('&').map(str::trim).filter(|part| !part.is_empty()) {
        match destination(part) {
            Ok(destination) => usable.push(destination),
            Err(error) => wrong.push(error),
        }
    }
    if usable.is_empty() && wrong.is_empty() {
        wrong.push(no_destination(0..text.len()));
    }
    (usable, wrong)
}

/// The complaint about a Dial that calls nobody.
pub(super) fn no_destination(at: Range<usize>) -> TextError {
    TextError::new(at, "this Dial calls nobody").help("write Dial(IAX2/PEER/NUMBER,SECONDS)")
}

/// Reads `seconds` or `seconds^seconds_after_ringing`; of the latter only the first is honoured. Nothing and zero
/// mean no limit.
pub(super) fn timeout(text: &str) -> Result<Option<Duration>, TextError> {
    let whole = unquoted(text);
    let first = whole.split('^').next().unwrap_or_default().trim();
    if first.is_empty() {
        return Ok(None);
    }
    let seconds = first.parse::<f64>().ok().and_then(|s| Duration::try_from_secs_f64(s).ok());
    match seconds {
        Some(seconds) if seconds.is_zero() || seconds > LONGEST => Ok(None),
        Some(seconds) => Ok(Some(seconds)),
        None => Err(TextError::new(0..text.len(), format!("{first} is no number of seconds"))
            .help("write the longest wait for an answer in seconds, or nothing for no limit")),
    }
}

/// From here on a time-out is none: 136 years, where a count of seconds in 32 bits ends.
const LONGEST: Duration = Duration::from_secs(u32::MAX as u64);

#[cfg(test)]
mod tests;
