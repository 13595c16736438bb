//! `[general]` and `[callnumberlimits]` of `iax.conf`.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

use ipnet::IpNet;

use super::codecs::CodecList;
use super::item::{Item, Told};
use super::syntax::{Line, Section};
use super::values::{self, PORT};
use super::{
    AmaFlags, CodecPriority, ConnectedLine, Diagnostic, General, MaxCallNumbers, Methods, Place,
    RegisterLine, access, item,
};

/// `[general]` as it is read, with what sections inherit.
#[derive(Debug, Clone)]
pub(super) struct GeneralDraft {
    pub(super) general: General,
    pub(super) shared: Shared,
    pub(super) registers: Vec<RegisterLine>,
    binds: Vec<(SocketAddr, Place)>,
    /// The port for `bindaddr` lines below, and where it is written.
    bind_port: (u16, Option<Place>),
    /// A `bindaddr` without a port that stands above `bindport`.
    bound_early: Option<Place>,
    min_expire_at: Option<Place>,
    retry_at: Option<Place>,
}

/// What a section inherits where it does not say.
#[derive(Debug, Clone)]
pub(super) struct Shared {
    pub(super) codecs: CodecList,
    pub(super) codec_priority: CodecPriority,
    pub(super) methods: Option<Methods>,
    pub(super) encryption: bool,
    pub(super) force_encryption: bool,
    pub(super) language: Option<String>,
    pub(super) account_code: Option<String>,
    pub(super) ama_flags: Option<AmaFlags>,
    pub(super) connected_line: ConnectedLine,
    pub(super) shrink_caller_id: bool,
    /// Only where written.
    pub(super) max_auth_req: Option<u32>,
}

impl GeneralDraft {
    /// What holds where nothing is written. A test compares it with the table's defaults.
    pub(super) fn new() -> Self {
        Self {
            general: defaults(),
            shared: Shared {
                codecs: CodecList::high(),
                codec_priority: CodecPriority::Host,
                methods: None,
                encryption: false,
                force_encryption: false,
                language: None,
                account_code: None,
                ama_flags: None,
                connected_line: ConnectedLine::default(),
                shrink_caller_id: true,
                max_auth_req: None,
            },
            registers: Vec::new(),
            binds: Vec::new(),
            bind_port: (PORT, None),
            bound_early: None,
            min_expire_at: None,
            retry_at: None,
        }
    }

    /// Takes one honoured line. `false`: there is no such key, which a test rules out.
    pub(super) fn set(&mut self, item: Item<'_>, told: &mut Told) -> bool {
        self.set_socket(item, told)
            || self.set_admission(item, told)
            || self.set_timer(item, told)
            || self.set_shared(item, told)
    }

    fn set_socket(&mut self, item: Item<'_>, told: &mut Told) -> bool {
        let general = &mut self.general;
        match item.key.name {
            "bindport" => self.bind_port_line(item, told),
            "bindaddr" => self.bind(item, told),
            "tos" => assign(&mut general.tos, values::tos(item, told)),
            "cos" => {
                assign(&mut general.cos, item.number(told).and_then(|cos| u8::try_from(cos).ok()))
            }
            "srvlookup" => assign(&mut general.srv_lookup, item.flag(told)),
            "trunkfreq" => assign(&mut general.trunk_freq, item.millis(told)),
            "trunkmtu" => assign(&mut general.trunk_mtu, trunk_mtu(item, told)),
            "trunktimestamps" => assign(&mut general.trunk_timestamps, item.flag(told)),
            "register" => self.registers.extend(values::register(item, told)),
            _ => return false,
        }
        true
    }

    fn set_admission(&mut self, item: Item<'_>, told: &mut Told) -> bool {
        let general = &mut self.general;
        match item.key.name {
            "minregexpire" => {
                assign(&mut general.min_reg_expire, item.seconds(told));
                self.min_expire_at = Some(item.place());
            }
            "maxregexpire" => assign(&mut general.max_reg_expire, item.seconds(told)),
            "calltokenoptional" => match access::net(&item.line.value) {
                Ok(net) => general.call_token_optional.push(net),
                Err(wrong) => told.push(
                    Diagnostic::error(item.place(), format!("\"{}\" {wrong}", item.line.value))
                        .help("write one address, 192.0.2.0/24 or 192.0.2.0/255.255.255.0 a line"),
                ),
            },
            "calltokenexpiration" => assign(&mut general.call_token_expiration, item.seconds(told)),
            "maxcallnumbers" => {
                assign(
                    &mut general.max_call_numbers,
                    item.number16(told).map(MaxCallNumbers::Limit),
                );
            }
            "maxcallnumbers_nonvalidated" => {
                assign(&mut general.max_call_numbers_nonvalidated, item.number16(told));
            }
            "requirecalltoken" => {
                told.push(
                    Diagnostic::warning(
                        item.line.key_place.clone(),
                        "requirecalltoken in [general] is no key of Asterisk's",
                    )
                    .help(
                        "here it holds for all sections that do not say; write it in each for both",
                    ),
                );
                general.require_call_token = item.require_token(told);
            }
            "delayreject" => assign(&mut general.delay_reject, item.flag(told)),
            "authdebug" => assign(&mut general.auth_debug, item.flag(told)),
            _ => return false,
        }
        true
    }

    fn set_timer(&mut self, item: Item<'_>, told: &mut Told) -> bool {
        let general = &mut self.general;
        match item.key.name {
            "pingtime" => assign(&mut general.ping_time, item.seconds(told)),
            "lagrqtime" => assign(&mut general.lagrq_time, item.seconds(told)),
            "autokill" => assign(&mut general.autokill, autokill(item, told)),
            "new_timeout" => assign(&mut general.new_timeout, item.millis(told)),
            "register_retry" => {
                assign(&mut general.register_retry, item.seconds(told));
                self.retry_at = Some(item.place());
            }
            "register_retry_max" => assign(&mut general.register_retry_max, item.seconds(told)),
            "register_quiet" => assign(&mut general.register_quiet, item.seconds(told)),
            "loop_calls_max" => assign(&mut general.loop_calls_max, item.number16(told)),
            "dns_refresh" => assign(&mut general.dns_refresh, item.seconds(told)),
            "g711_conversion" => assign(&mut general.g711_conversion, item.flag(told)),
            "trunk_max_call_numbers" => {
                assign(&mut general.trunk_max_call_numbers, item.number16(told))
            }
            "astkeydir" => assign(&mut general.key_dir, item.text_or_none()),
            "key_passphrase_file" => general.key_passphrase_file = item.text_or_none(),
            _ => return false,
        }
        true
    }

    fn set_shared(&mut self, item: Item<'_>, told: &mut Told) -> bool {
        let shared = &mut self.shared;
        match item.key.name {
            "auth" => shared.methods = item.methods(told),
            "encryption" => assign(&mut shared.encryption, item.encryption(told)),
            "forceencryption" => assign(&mut shared.force_encryption, item.encryption(told)),
            "bandwidth" => shared.codecs.bandwidth(item, told),
            "allow" => shared.codecs.line(item, true, told),
            "disallow" => shared.codecs.line(item, false, told),
            "codecpriority" => assign(&mut shared.codec_priority, codec_priority(item, told)),
            "connectedline" => assign(&mut shared.connected_line, connected_line(item, told)),
            "language" => shared.language = item.text_or_none(),
            "accountcode" => shared.account_code = item.text_or_none(),
            "amaflags" => shared.ama_flags = ama_flags(item, told),
            "shrinkcallerid" => assign(&mut shared.shrink_caller_id, item.flag(told)),
            "maxauthreq" => shared.max_auth_req = item.number(told),
            "transfer" | "notransfer" => transfer(item, told),
            "mohinterpret" => hold(item, told),
            _ => return false,
        }
        true
    }

    fn bind_port_line(&mut self, item: Item<'_>, told: &mut Told) {
        let Some(port) = item.number16(told) else { return };
        if let Some(early) = self.bound_early.take().filter(|_| port != self.bind_port.0) {
            let message = format!(
                "bindport holds for the bindaddr lines below it: this one stays at port {}",
                self.bind_port.0
            );
            told.push(
                Diagnostic::warning(early, message)
                    .help("move bindport above bindaddr")
                    .related(item.place(), "bindport"),
            );
        }
        self.bind_port = (port, Some(item.place()));
    }

    fn bind(&mut self, item: Item<'_>, told: &mut Told) {
        let Some((ip, port)) = item.address() else {
            item.refuse::<()>(told);
            return;
        };
        if port.is_none() {
            self.bound_early = Some(item.place());
        }
        let bind = SocketAddr::new(ip, port.unwrap_or(self.bind_port.0));
        if let Some((_, first)) = self.binds.iter().find(|(known, _)| *known == bind) {
            told.push(
                Diagnostic::error(item.place(), format!("{bind} is bound twice"))
                    .help("remove this line")
                    .related(first.clone(), "first bound here"),
            );
            return;
        }
        if self.binds.len() > usize::from(u8::MAX) {
            told.push(Diagnostic::error(item.place(), "at most 256 addresses can be bound"));
            return;
        }
        self.binds.push((bind, item.place()));
    }

    /// What holds once all lines are read.
    pub(super) fn finish(&mut self, told: &mut Told) {
        let general = &mut self.general;
        general.binds = self.binds.iter().map(|(bind, _)| *bind).collect();
        if general.binds.is_empty() {
            general.binds.push(SocketAddr::new(Ipv4Addr::UNSPECIFIED.into(), self.bind_port.0));
        }
        if general.min_reg_expire > general.max_reg_expire {
            let max = general.max_reg_expire.as_secs();
            let message =
                format!("minregexpire is above maxregexpire ({max} s) and is lowered to it");
            told.extend(self.min_expire_at.clone().map(|place| {
                Diagnostic::warning(place, message)
                    .help("write a maxregexpire that is not below it")
            }));
            general.min_reg_expire = general.max_reg_expire;
        }
        if general.register_retry > general.register_retry_max {
            let max = general.register_retry_max.as_secs();
            let message = format!(
                "register_retry is above register_retry_max ({max} s) and is lowered to it"
            );
            let place = self.retry_at.clone();
            told.extend(place.map(|place| {
                Diagnostic::warning(place, message).help("raise register_retry_max, too")
            }));
            general.register_retry = general.register_retry_max;
        }
    }
}

fn defaults() -> General {
    General {
        binds: Vec::new(),
        tos: 0,
        cos: 0,
        srv_lookup: false,
        trunk_freq: Duration::from_millis(20),
        trunk_mtu: TRUNK_MTU,
        trunk_timestamps: true,
        min_reg_expire: Duration::from_secs(60),
        max_reg_expire: Duration::from_secs(60),
        call_token_optional: Vec::new(),
        require_call_token: None,
        call_token_expiration: Duration::from_secs(10),
        max_call_numbers: MaxCallNumbers::Default,
        max_call_numbers_nonvalidated: 8192,
        delay_reject: false,
        auth_debug: false,
        ping_time: Duration::from_secs(21),
        lagrq_time: Duration::from_secs(10),
        autokill: None,
        new_timeout: Duration::from_secs(2),
        register_retry: Duration::from_secs(10),
        register_retry_max: Duration::from_secs(300),
        register_quiet: Duration::from_secs(65),
        loop_calls_max: 4,
        dns_refresh: Duration::from_secs(300),
        trunk_max_call_numbers: 32_766,
        g711_conversion: true,
        key_dir: "keys".to_owned(),
        key_passphrase_file: None,
    }
}

/// `trunkmtu` unless written.
const TRUNK_MTU: u16 = 1240;

/// Overwrites `target` where there is a value.
pub(super) fn assign<T>(target: &mut T, value: Option<T>) {
    if let Some(value) = value {
        *target = value;
    }
}

fn trunk_mtu(item: Item<'_>, told: &mut Told) -> Option<u16> {
    if item.line.value == "0" {
        let message = format!(
            "trunkmtu=0 is taken as {TRUNK_MTU}: a trunk frame without a bound would be cut up on the way"
        );
        told.push(Diagnostic::warning(item.place(), message).help("write 172 to 3999 octets"));
        return Some(TRUNK_MTU);
    }
    let mtu = item.number_within(172, 3999).and_then(|mtu| u16::try_from(mtu).ok());
    mtu.or_else(|| item.refuse(told))
}

fn autokill(item: Item<'_>, told: &mut Told) -> Option<Option<Duration>> {
    let written = item.line.value.as_str();
    let is_number = written.bytes().all(|octet| octet.is_ascii_digit());
    match item::boolean(written) {
        Some(true) if !is_number => return Some(Some(Duration::from_secs(2))),
        Some(false) => return Some(None),
        _ => {}
    }
    let millis = item.number_within(100, 60_000).or_else(|| item.refuse(told))?;
    Some(Some(Duration::from_millis(millis.into())))
}

pub(super) fn codec_priority(item: Item<'_>, told: &mut Told) -> Option<CodecPriority> {
    Some(match item.choice(told)? {
        "caller" => CodecPriority::Caller,
        "disabled" => CodecPriority::Disabled,
        "reqonly" => CodecPriority::ReqOnly,
        _ => CodecPriority::Host,
    })
}

pub(super) fn connected_line(item: Item<'_>, told: &mut Told) -> Option<ConnectedLine> {
    let word = item.choice_or_bool(told)?;
    Some(ConnectedLine {
        send: matches!(word, "yes" | "send"),
        receive: matches!(word, "yes" | "receive"),
    })
}

pub(super) fn ama_flags(item: Item<'_>, told: &mut Told) -> Option<AmaFlags> {
    Some(match item.choice(told)? {
        "omit" => AmaFlags::Omit,
        "billing" => AmaFlags::Billing,
        "documentation" => AmaFlags::Documentation,
        _ => AmaFlags::Default,
    })
}

/// `transfer` and its old spelling: calls stay with the switch whatever they say.
pub(super) fn transfer(item: Item<'_>, told: &mut Told) {
    let stays = match item.key.name {
        "notransfer" => {
            let flag = item.flag(told);
            let message = "notransfer is an old key of Asterisk's";
            told.push(
                Diagnostic::warning(item.line.key_place.clone(), message).help("write transfer=no"),
            );
            flag
        }
        _ => item.choice_or_bool(told).map(|word| word == "no"),
    };
    if stays == Some(false) {
        let message = "calls are never moved out of this switch";
        told.push(Diagnostic::warning(item.line.place(), message).help("write transfer=no"));
    }
}

/// `mohinterpret`: hold always goes on to the other side.
pub(super) fn hold(item: Item<'_>, told: &mut Told) {
    if !item.line.value.is_empty() && !item.line.value.eq_ignore_ascii_case("passthrough") {
        let message = "no music is played here: hold goes on to the other side";
        told.push(
            Diagnostic::warning(item.place(), message).help("write mohinterpret=passthrough"),
        );
    }
}

/// `[callnumberlimits]`.
pub(super) fn call_number_limits(section: &Section, told: &mut Told) -> Vec<(IpNet, u16)> {
    let mut limits: Vec<(IpNet, u16)> = Vec::new();
    for Line { key, key_place, value, value_place, .. } in &section.lines {
        let net = access::net(key).map_err(|wrong| {
            Diagnostic::error(key_place.clone(), format!("\"{key}\" {wrong}"))
                .help("write address/mask = number, as in 192.0.2.0/255.255.255.0 = 24")
        });
        let digits = !value.is_empty() && value.bytes().all(|octet| octet.is_ascii_digit());
        let limit = digits.then(|| value.parse().ok()).flatten().ok_or_else(|| {
            Diagnostic::error(value_place.clone(), format!("the limit cannot be \"{value}\""))
                .help("write a number from 0 to 65535")
        });
        match (net, limit) {
            (Ok(net), Ok(limit)) => limits.push((net, limit)),
            (net, limit) => told.extend(net.err().into_iter().chain(limit.err())),
        }
    }
    limits
}

/// Whether any of the addresses is IPv6.
pub(super) fn binds_ipv6(general: &General) -> bool {
    general.binds.iter().any(|bind| matches!(bind.ip(), IpAddr::V6(_)))
}
