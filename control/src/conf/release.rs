//! What this release cannot do yet of what a configuration may ask for. Each is told here and nowhere else.

use super::half::Half;
use super::item::{Item, Told};
use super::keys::Scope;
use super::{Diagnostic, Methods};

/// Methods that callers and registrants can be proved by.
const PROVED_BY: Methods = Methods::MD5;

/// `encryption`.
pub(super) fn encryption(item: Item<'_>, on: bool, told: &mut Told) {
    if on {
        let message = "calls are not encrypted by this release";
        told.push(
            Diagnostic::warning(item.place(), message)
                .help("write encryption=no, or keep to networks you trust"),
        );
    }
}

/// `forceencryption`.
pub(super) fn force_encryption(item: Item<'_>, on: bool, told: &mut Told) {
    if on {
        let message = "this release cannot encrypt: every call would be refused";
        told.push(
            Diagnostic::error(item.place(), message)
                .help("remove forceencryption, or keep to networks you trust"),
        );
    }
}

/// Reduces `methods` to what this release can do. Errs where callers could not prove themselves at all.
pub(super) fn methods(half: &Half, methods: Methods, told: &mut Told) -> Methods {
    let usable = Methods(methods.0 & PROVED_BY.0);
    let is_open = half.secrets.is_empty() && half.in_keys.is_empty();
    let meant_to_prove = !is_open || (half.scope == Scope::USER && half.methods.is_some());
    let provable = !usable.is_empty() && (is_open || !half.secrets.is_empty());
    let place = half.methods_at.clone().or(half.in_keys_at.clone()).unwrap_or(half.place.clone());
    if meant_to_prove && !provable {
        let message = "this release proves callers by md5 only";
        let help =
            format!("write auth=md5 and secret= in [{}], and the same at the far end", half.name);
        told.push(Diagnostic::error(place, message).help(help));
    } else if meant_to_prove && usable != methods && half.methods.is_some() {
        let message = "of these methods this release offers md5 alone";
        told.push(Diagnostic::warning(place, message).help("write auth=md5"));
    }
    usable
}

/// A peer that is called with a private key and no secret. Only a warning: where the far end asks for nothing,
/// calls to it pass.
pub(super) fn out_key(half: &Half, told: &mut Told) {
    if let Some(place) = half.out_key_at.clone().filter(|_| half.secrets.is_empty()) {
        let message =
            "this release signs nothing: a far end that asks for a signature refuses our calls";
        told.push(
            Diagnostic::warning(place, message).help("write secret=, and the same at the far end"),
        );
    }
}
