//! `trunkline.conf`: what Asterisk has no key for.

use super::general::{GeneralDraft, assign};
use super::item::{Item, Told};
use super::keys::Scope;
use super::limits::AllTerms;
use super::sections::plain;
use super::{DataplaneConf, IoBackend, LogConf, LogFormat, Sources, syntax};

/// Most cores that can be asked for.
const CORES_MAX: u32 = 64;

/// Whether one of the sections' readers knows the key.
#[cfg(test)]
pub(super) fn knows(item: Item<'_>, told: &mut Told) -> bool {
    set_dataplane(&mut dataplane_defaults(), item, told)
        || set_log(&mut LogConf::default(), &mut None, item, told)
        || super::limits::Terms::default().set(item, told)
}

/// Reads the file, if there is one; `[general]` of it goes into `draft`.
pub(super) fn read(
    sources: &Sources,
    draft: &mut GeneralDraft,
    told: &mut Told,
) -> (DataplaneConf, LogConf, AllTerms) {
    let mut terms = AllTerms::default();
    let mut dataplane = dataplane_defaults();
    let mut log = LogConf::default();
    let mut level = None;
    for section in
        syntax::read(sources, "trunkline.conf", told).iter().filter(|section| !section.template)
    {
        match section.name.to_ascii_lowercase().as_str() {
            "general" => plain(section, Scope::SWITCH, told, |item, told| {
                draft.set(item, told);
            }),
            "dataplane" => plain(section, Scope::DATAPLANE, told, |item, told| {
                set_dataplane(&mut dataplane, item, told);
            }),
            "log" => plain(section, Scope::LOG, told, |item, told| {
                set_log(&mut log, &mut level, item, told);
            }),
            _ => terms.read(section, told),
        }
    }
    if let Some(level) = level.filter(|_| log.filter.is_empty()) {
        log.filter = level;
    }
    (dataplane, log, terms)
}

fn dataplane_defaults() -> DataplaneConf {
    DataplaneConf {
        cores: None,
        io: IoBackend::Auto,
        legs_max: 65_536,
        peers_max: 4096,
        command_ring: 4096,
        punt_ring_octets: 4 << 20,
        receive_buffers: 64,
        send_buffers: 256,
        socket_buffer: 16 << 20,
    }
}

/// `false`: there is no such key, which a test rules out.
fn set_dataplane(conf: &mut DataplaneConf, item: Item<'_>, told: &mut Told) -> bool {
    match item.key.name {
        "cores" => assign(&mut conf.cores, cores(item, told)),
        "io" => {
            let backend = item.choice(told).map(|word| match word {
                "io_uring" => IoBackend::IoUring,
                "mmsg" => IoBackend::Mmsg,
                _ => IoBackend::Auto,
            });
            assign(&mut conf.io, backend);
        }
        "legs_max" => assign(&mut conf.legs_max, item.number(told)),
        "peers_max" => assign(&mut conf.peers_max, item.number(told)),
        "command_ring" => assign(&mut conf.command_ring, item.number(told)),
        "punt_ring_octets" => assign(&mut conf.punt_ring_octets, item.number(told)),
        "receive_buffers" => assign(&mut conf.receive_buffers, item.number16(told)),
        "send_buffers" => assign(&mut conf.send_buffers, item.number16(told)),
        "socket_buffer" => assign(&mut conf.socket_buffer, item.number(told)),
        _ => return false,
    }
    true
}

fn cores(item: Item<'_>, told: &mut Told) -> Option<Option<u8>> {
    if item.line.value.eq_ignore_ascii_case("auto") {
        return Some(None);
    }
    let cores = item.number_within(1, CORES_MAX).and_then(|cores| u8::try_from(cores).ok());
    cores.map(Some).or_else(|| item.refuse(told))
}

/// `false`: there is no such key, which a test rules out.
fn set_log(log: &mut LogConf, level: &mut Option<String>, item: Item<'_>, told: &mut Told) -> bool {
    match item.key.name {
        "level" => assign(level, item.choice(told).map(|word| Some(word.to_owned()))),
        "filter" => log.filter = item.text(),
        "format" => {
            let format = item.choice(told).map(|word| match word {
                "json" => LogFormat::Json,
                _ => LogFormat::Human,
            });
            assign(&mut log.format, format);
        }
        _ => return false,
    }
    true
}
