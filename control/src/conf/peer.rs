//! The peer half of a section: whom we call, and who registers with us.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use super::access::NamedLists;
use super::general::{Shared, assign};
use super::half::Half;
use super::item::{self, Item, Told};
use super::keys::Scope;
use super::limits::Terms;
use super::syntax::Line;
use super::user::caller_id;
use super::values::{self, PORT};
use super::{Diagnostic, General, Host, Peer, Place, Qualify};

/// A peer as it is read.
#[derive(Debug)]
pub(super) struct PeerDraft {
    pub(super) half: Half,
    username: Option<String>,
    /// `None`: not written, or not usable and told so.
    host: Option<Host>,
    /// Where `host` is written.
    host_at: Option<Place>,
    port: Option<u16>,
    default_ip: Option<IpAddr>,
    source: Option<Line>,
    peer_context: Option<String>,
    trunk: bool,
    trunk_timestamps: Option<bool>,
    send_ani: bool,
    max_call_numbers: Option<u16>,
    qualify_max: Option<Duration>,
    qualify: Qualify,
    description: Option<String>,
}

impl PeerDraft {
    pub(super) fn new(name: &str, place: Place, shared: &Shared) -> Self {
        Self {
            half: Half::new(name, place, Scope::PEER, shared),
            username: None,
            host: None,
            host_at: None,
            port: None,
            default_ip: None,
            source: None,
            peer_context: None,
            trunk: false,
            trunk_timestamps: None,
            send_ani: false,
            max_call_numbers: None,
            qualify_max: None,
            qualify: Qualify {
                max: QUALIFY_YES,
                smoothing: false,
                freq_ok: Duration::from_secs(60),
                freq_not_ok: Duration::from_secs(10),
            },
            description: None,
        }
    }

    /// Takes one honoured line. `false`: there is no such key, which a test rules out.
    pub(super) fn set(&mut self, item: Item<'_>, named: &NamedLists, told: &mut Told) -> bool {
        match item.key.name {
            "username" => self.username = item.text_or_none(),
            "host" => self.host_line(item, told),
            "port" => self.port = item.number16(told),
            "defaultip" => self.default_ip_line(item, told),
            "sourceaddress" => self.source = Some(item.line.clone()),
            "peercontext" => self.peer_context = item.text_or_none(),
            "trunk" => assign(&mut self.trunk, item.flag(told)),
            "trunktimestamps" => self.trunk_timestamps = item.flag(told),
            "sendani" => assign(&mut self.send_ani, item.flag(told)),
            "maxcallnumbers" => {
                self.max_call_numbers = item.number16(told).filter(|limit| *limit != 0)
            }
            "qualify" => assign(&mut self.qualify_max, qualify(item, told)),
            "qualifysmoothing" => assign(&mut self.qualify.smoothing, item.flag(told)),
            "qualifyfreqok" => assign(&mut self.qualify.freq_ok, item.millis(told)),
            "qualifyfreqnotok" => assign(&mut self.qualify.freq_not_ok, item.millis(told)),
            "description" => self.description = item.text_or_none(),
            _ => return self.half.set(item, named, told),
        }
        true
    }

    fn host_line(&mut self, item: Item<'_>, told: &mut Told) {
        self.host_at = Some(item.place());
        let value = item.line.value.as_str();
        self.host = match value.eq_ignore_ascii_case("dynamic") {
            true => Some(Host::Dynamic),
            false => match values::host(value) {
                Ok(host) => Some(host),
                Err(wrong) => {
                    let message = format!("\"{value}\" {wrong}");
                    told.push(
                        Diagnostic::error(item.place(), message)
                            .help("write dynamic, an address or a host name"),
                    );
                    None
                }
            },
        };
    }

    fn default_ip_line(&mut self, item: Item<'_>, told: &mut Told) {
        match item.address() {
            Some((ip, None)) => self.default_ip = Some(ip),
            _ => told.push(
                Diagnostic::error(
                    item.place(),
                    format!("defaultip cannot be \"{}\"", item.line.value),
                )
                .help("write an address; its port goes into port="),
            ),
        }
    }

    /// The peer; `None` where it has no host, so that it can neither be called nor register.
    pub(super) fn finish(
        mut self,
        general: &General,
        shared: &Shared,
        terms: &Terms,
        told: &mut Told,
    ) -> Option<Peer> {
        let host = self.host(told)?;
        let half = &self.half;
        let credentials = half.credentials(shared, told);
        let is_open = !credentials.are_required() && half.acl.is_empty() && !half.relies_on_nothing;
        if host == Host::Dynamic && is_open {
            let message = format!("anybody can register as [{}]: it has no secret", half.name);
            told.push(
                Diagnostic::warning(half.place.clone(), message)
                    .help("write secret=, or deny and permit"),
            );
        }
        let source = self.source_index(general, told);
        let qualify = self.qualify_max.map(|max| Qualify { max, ..self.qualify });
        Some(Peer {
            default_addr: self.default_ip.map(|ip| SocketAddr::new(ip, self.port.unwrap_or(PORT))),
            host,
            source,
            acl: half.acl.clone(),
            username: self.username,
            peer_context: self.peer_context,
            trunk: self.trunk,
            trunk_timestamps: self.trunk_timestamps,
            codecs: half.codecs(told),
            send_ani: self.send_ani,
            caller_id: caller_id(half),
            require_call_token: half.require_call_token,
            max_call_numbers: self.max_call_numbers,
            limits: terms.outgoing(),
            trusted: terms.trusted,
            qualify: qualify.filter(|qualify| !qualify.max.is_zero()),
            connected_line: half.connected_line,
            encryption: half.encryption(shared),
            description: self.description,
            language: half.language.clone().or_else(|| shared.language.clone()),
            credentials,
            name: self.half.name,
            place: self.half.place,
        })
    }

    /// Where the peer is, with `port` wherever it stands.
    fn host(&mut self, told: &mut Told) -> Option<Host> {
        match self.host.take() {
            Some(Host::Address(address)) => Some(Host::Address(SocketAddr::new(
                address.ip(),
                self.port.unwrap_or(address.port()),
            ))),
            Some(Host::Name { name, port }) => Some(Host::Name { name, port: self.port.or(port) }),
            Some(Host::Dynamic) => Some(Host::Dynamic),
            None if self.host_at.is_some() => None,
            None => match self.default_ip {
                Some(ip) => Some(Host::Address(SocketAddr::new(ip, self.port.unwrap_or(PORT)))),
                None => {
                    let message = format!(
                        "[{}] has no host: it can neither be called nor register",
                        self.half.name
                    );
                    told.push(
                        Diagnostic::warning(self.half.place.clone(), message)
                            .help("write host=dynamic, an address or a host name; or type=user"),
                    );
                    None
                }
            },
        }
    }

    /// Which of our sockets `sourceaddress` means.
    fn source_index(&self, general: &General, told: &mut Told) -> Option<u8> {
        let line = self.source.as_ref()?;
        let wanted = item::address(&line.value);
        let found = wanted.and_then(|(ip, port)| {
            general
                .binds
                .iter()
                .position(|bind| bind.ip() == ip && port.is_none_or(|port| port == bind.port()))
        });
        if found.is_none() {
            let message = format!("we are not bound to sourceaddress {}", line.value);
            told.push(
                Diagnostic::error(line.value_place.clone(), message)
                    .help(format!("write bindaddr={} in [general], too", line.value)),
            );
        }
        found.and_then(|index| u8::try_from(index).ok())
    }
}

/// What `qualify=yes` means.
const QUALIFY_YES: Duration = Duration::from_secs(2);

/// `qualify`: `None` within for no.
fn qualify(item: Item<'_>, told: &mut Told) -> Option<Option<Duration>> {
    let value = item.line.value.to_ascii_lowercase();
    match (value.as_str(), item::boolean(&value)) {
        (_, Some(false)) => Some(None),
        ("yes", _) => Some(Some(QUALIFY_YES)),
        ("1", _) | (_, None) => {
            let millis = item.number_within(1, 60_000).or_else(|| item.refuse(told))?;
            Some(Some(Duration::from_millis(millis.into())))
        }
        (_, Some(true)) => {
            let message = format!("qualify={value} is taken as yes; Asterisk takes it as no");
            told.push(Diagnostic::warning(item.place(), message).help("write qualify=yes"));
            Some(Some(QUALIFY_YES))
        }
    }
}
