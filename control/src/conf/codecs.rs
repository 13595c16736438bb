//! `allow`, `disallow` and `bandwidth`: sets of codecs with their order of preference.

use dataplane::wire::{Capability, MediaFormat};

use super::item::{Item, Told, items};
use super::{Codecs, Diagnostic, Place};

/// Codecs in the order of preference, as lines add to them and take away.
#[derive(Debug, Clone)]
pub(super) struct CodecList {
    order: Vec<MediaFormat>,
    /// The last `allow` of the section's own that a `disallow=all` would undo. One that it inherits may be undone.
    allowed_at: Option<Place>,
}

impl CodecList {
    /// What `[general]` begins with: the 16 old audio formats, the best first.
    pub(super) fn high() -> Self {
        let old = |format: &MediaFormat| Capability::DEFAULT.contains(*format);
        let order = MediaFormat::BEST_FIRST.iter().copied().filter(old).collect();
        Self { order, allowed_at: None }
    }

    /// What a section begins with.
    pub(super) fn inherited(&self) -> Self {
        Self { order: self.order.clone(), allowed_at: None }
    }

    /// `bandwidth`.
    pub(super) fn bandwidth(&mut self, item: Item<'_>, told: &mut Told) {
        let Some(bandwidth) = item.choice(told) else { return };
        if let Some(allowed) = self.allowed_at.take() {
            told.push(
                Diagnostic::warning(
                    item.place(),
                    "bandwidth undoes the allow and disallow lines above it",
                )
                .help("move bandwidth above them, or remove it")
                .related(allowed, "undone"),
            );
        }
        *self = Self::high();
        let removed: &[MediaFormat] = match bandwidth {
            "low" => LOW_REMOVES,
            "medium" => MEDIUM_REMOVES,
            _ => &[],
        };
        self.order.retain(|format| !removed.contains(format));
    }

    /// `allow` or `disallow`.
    pub(super) fn line(&mut self, item: Item<'_>, allow: bool, told: &mut Told) {
        for (written, range) in items(&item.line.value, &[',', '|', '&']) {
            let (name, allow) = match written.strip_prefix('!') {
                Some(name) => (name, !allow),
                None => (written, allow),
            };
            let place = item.part(range);
            let name = without_framing(name, &place, told).to_ascii_lowercase();
            if name == "all" {
                self.all(allow, place, told);
                continue;
            }
            let Some(format) = format(&name, allow, &place, told) else { continue };
            if !allow {
                self.order.retain(|known| *known != format);
            } else if !self.order.contains(&format) {
                self.order.push(format);
            }
            if allow && !item.line.inherited {
                self.allowed_at = Some(place);
            }
        }
    }

    fn all(&mut self, allow: bool, place: Place, told: &mut Told) {
        if allow {
            let best = MediaFormat::BEST_FIRST.iter().copied();
            let rest = MediaFormat::NAMED.iter().map(|(format, ..)| *format);
            for format in best.chain(rest) {
                if !self.order.contains(&format) {
                    self.order.push(format);
                }
            }
            return;
        }
        self.order.clear();
        if let Some(allowed) = self.allowed_at.take() {
            told.push(
                Diagnostic::warning(place, "disallow=all undoes the allow lines above it")
                    .help("write disallow=all first")
                    .related(allowed, "undone"),
            );
        }
    }

    /// The set and its order.
    pub(super) fn finish(&self) -> Codecs {
        let set = self.order.iter().fold(Capability::NONE, |set, format| set.with(*format));
        Codecs { set, order: self.order.clone() }
    }
}

/// A codec's name without `:20`, how many milliseconds a frame should hold.
fn without_framing<'a>(name: &'a str, place: &Place, told: &mut Told) -> &'a str {
    let Some((name, framing)) = name.split_once(':') else { return name };
    let message =
        format!("the framing :{framing} has no effect: voice goes on in the frames it comes in");
    told.push(Diagnostic::warning(place.clone(), message).help(format!("write {name}")));
    name
}

fn format(name: &str, allow: bool, place: &Place, told: &mut Told) -> Option<MediaFormat> {
    if let Some(format) = MediaFormat::from_name(name) {
        return Some(format);
    }
    let today = match name {
        "g723.1" => "g723",
        "slinear" | "slin8" => "slin",
        "ulaw8" | "g711u" | "pcmu" => "ulaw",
        "alaw8" | "g711a" | "pcma" => "alaw",
        "red" => "t140red",
        _ => {
            let names = MediaFormat::NAMED.iter().map(|(_, known, _)| *known);
            let help = match super::suggest::nearest(name, names) {
                Some(near) => format!("did you mean {near}?"),
                None => {
                    "IAX2 carries ulaw, alaw, gsm, g722, g726, g729, ilbc, speex, opus and others"
                        .to_owned()
                }
            };
            let message = format!("there is no codec \"{name}\" in IAX2");
            let new = if allow { Diagnostic::error } else { Diagnostic::warning };
            told.push(new(place.clone(), message).help(help));
            return None;
        }
    };
    if name != "red" {
        let message = format!("\"{name}\" is an old name of {today}");
        told.push(Diagnostic::warning(place.clone(), message).help(format!("write {today}")));
    }
    MediaFormat::from_name(today)
}

/// What `bandwidth=medium` does without.
const MEDIUM_REMOVES: &[MediaFormat] = &[
    MediaFormat::SLIN,
    MediaFormat::SLIN16,
    MediaFormat::SIREN7,
    MediaFormat::SIREN14,
    MediaFormat::G719,
    MediaFormat::ULAW,
    MediaFormat::ALAW,
    MediaFormat::G722,
];

/// What `bandwidth=low` does without.
const LOW_REMOVES: &[MediaFormat] = &[
    MediaFormat::SLIN,
    MediaFormat::SLIN16,
    MediaFormat::SIREN7,
    MediaFormat::SIREN14,
    MediaFormat::G719,
    MediaFormat::ULAW,
    MediaFormat::ALAW,
    MediaFormat::G722,
    MediaFormat::G726,
    MediaFormat::G726_AAL2,
    MediaFormat::ADPCM,
];
