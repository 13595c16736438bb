//! Whether two hosts fit: what one says of the other against what the other says of itself.
//!
//! Addresses seldom tell which sections mean the other host (a host bound to the wildcard has none, NAT changes
//! them), so a peer is taken to mean the other host when that goes by its name (registers or calls as it, or is
//! called so) or is bound to its address; where none is, when the other host knows its USERNAME, or it is the only one.

use std::collections::HashSet;

use super::item::Told;
use super::pair::{Pair, Side};
use super::{Config, Diagnostic, EncryptionPolicy, Host, Methods, Peer, RegisterLine, User};

/// Checks both directions between two hosts.
///
/// `near_name` and `far_name` name the hosts in messages; they also go, with a `/`, before the file names of all
/// places, because both hosts have an `iax.conf`.
pub fn fit(near: &Config, far: &Config, near_name: &str, far_name: &str) -> Vec<Diagnostic> {
    let near = Side { config: near, name: near_name };
    let far = Side { config: far, name: far_name };
    let mut told = Vec::new();
    for (near, far) in [(near, far), (far, near)] {
        let pair = Pair::new(near, far);
        registrations(&pair, &mut told);
        for peer in &pair.peers {
            calls(&pair, peer, &mut told);
        }
    }
    same_registrar(near, far, &mut told);
    no_common_ground(near, far, &mut told);
    let mut seen = HashSet::new();
    told.retain(|diagnostic| seen.insert((diagnostic.place.clone(), diagnostic.message.clone())));
    told
}

/// The `register` lines that mean the far host.
fn registrations(pair: &Pair<'_>, told: &mut Told) {
    let (near, far) = (pair.near, pair.far);
    for line in &pair.registers {
        let place = near.place(&line.place);
        let named = far.config.peers.iter().find(|peer| peer.name == line.user);
        let Some(peer) = named else {
            let message = format!(
                "{} registers as \"{}\" at {}, which has no peer of that name",
                near.name, line.user, far.name
            );
            let mut missing = Diagnostic::error(place, message);
            missing = match pair.registrable(&line.user) {
                Some(meant) => missing
                    .help(format!("name the section there: register => {}:...", meant.name))
                    .related(far.place(&meant.place), "probably this one is meant"),
                None => missing.help(format!(
                    "write a section [{}] with host=dynamic at {}",
                    line.user, far.name
                )),
            };
            told.push(missing);
            continue;
        };
        let there = far.place(&peer.place);
        if peer.host != Host::Dynamic {
            let message = format!(
                "{} refuses to register [{}]: its host is not dynamic",
                far.name, peer.name
            );
            told.push(
                Diagnostic::error(place.clone(), message)
                    .help("write host=dynamic there, or remove this line")
                    .related(there.clone(), "refuses"),
            );
        }
        registration_secret(pair, line, peer, told);
    }
}

fn registration_secret(pair: &Pair<'_>, line: &RegisterLine, peer: &Peer, told: &mut Told) {
    if !peer.credentials.methods.contains(Methods::MD5) {
        return;
    }
    let wrong = match &line.secret {
        Some(secret) if peer.credentials.secrets.contains(secret) => return,
        Some(_) => "has another secret",
        None => "asks for a secret, and this line has none",
    };
    let message = format!(
        "{} cannot register at {}: [{}] there {wrong}",
        pair.near.name, pair.far.name, peer.name
    );
    told.push(
        Diagnostic::error(pair.near.place(&line.place), message)
            .help("write the same secret at both ends")
            .related(pair.far.place(&peer.place), "registers as this"),
    );
}

/// Calls to a peer that means the far host.
fn calls(pair: &Pair<'_>, peer: &Peer, told: &mut Told) {
    registered(pair, peer, told);
    listens(pair, peer, told);
    if let Some(user) = called_user(pair, peer, told) {
        secrets(pair, peer, user, told);
        terms(pair, peer, user, told);
    }
    if let Some(back) = pair.back(peer).filter(|back| peer.trunk && !back.trunk) {
        let message =
            format!("[{}] trunks, but [{}] of {} does not", peer.name, back.name, pair.far.name);
        told.push(
            Diagnostic::warning(pair.near.place(&peer.place), message)
                .help("write trunk=yes at both ends: voice from there comes in a datagram a frame")
                .related(pair.far.place(&back.place), "trunk=yes is missing here"),
        );
    }
}

/// A dynamic peer is found only once it registers.
fn registered(pair: &Pair<'_>, peer: &Peer, told: &mut Told) {
    let registers = pair.far.config.registers.iter().any(|line| line.user == peer.name);
    if peer.host != Host::Dynamic || peer.default_addr.is_some() || registers {
        return;
    }
    let message = format!(
        "calls to [{}] fail with cause 20: {} never registers as \"{}\" here",
        peer.name, pair.far.name, peer.name
    );
    told.push(Diagnostic::error(pair.near.place(&peer.place), message).help(format!(
        "write register => {}:... at {}, or its address as host=",
        peer.name, pair.far.name
    )));
}

/// The far host must be bound to the port that is called.
fn listens(pair: &Pair<'_>, peer: &Peer, told: &mut Told) {
    let Host::Address(address) = peer.host else { return };
    let binds = &pair.far.config.general.binds;
    if binds.iter().any(|bind| bind.port() == address.port()) {
        return;
    }
    let ports: Vec<String> = binds.iter().map(|bind| bind.port().to_string()).collect();
    let message = format!(
        "[{}] calls port {}, but {} is bound to {}",
        peer.name,
        address.port(),
        pair.far.name,
        ports.join(", ")
    );
    told.push(
        Diagnostic::warning(pair.near.place(&peer.place), message)
            .help("write the far end's port, unless an address translator on the way changes it"),
    );
}

/// Whom the far host takes the call for.
fn called_user<'a>(pair: &Pair<'a>, peer: &Peer, told: &mut Told) -> Option<&'a User> {
    let (near, far) = (pair.near, pair.far);
    let place = near.place(&peer.place);
    let Some(username) = &peer.username else { return guessed_user(pair, peer, told) };
    let user = far.config.users.iter().find(|user| user.name == *username);
    if user.is_none() {
        let message = format!(
            "{} calls [{}] as \"{username}\", but {} has no user of that name",
            near.name, peer.name, far.name
        );
        let spelt = far.config.users.iter().find(|user| user.name.eq_ignore_ascii_case(username));
        let help = match spelt {
            Some(user) => format!("write username={}: names are compared with case", user.name),
            None => format!("write a section [{username}] of type user or friend at {}", far.name),
        };
        told.push(Diagnostic::error(place, message).help(help));
    }
    user.map(|user| &**user)
}

/// Whom the far host takes a call without USERNAME for. A host without users takes no calls, and needs no help.
fn guessed_user<'a>(pair: &Pair<'a>, peer: &Peer, told: &mut Told) -> Option<&'a User> {
    let (near, far) = (pair.near, pair.far);
    if far.config.users.is_empty() {
        return None;
    }
    let call = format!("{} calls [{}] without USERNAME", near.name, peer.name);
    let place = near.place(&peer.place);
    let guessed = pair.anonymous(peer);
    told.push(match guessed {
        Some(user) => {
            let message =
                format!("{call}: {} has to guess, and takes it for [{}]", far.name, user.name);
            Diagnostic::warning(place, message)
                .help(format!("write username={} in [{}]", user.name, peer.name))
                .related(far.place(&user.place), "the guess")
        }
        None => Diagnostic::warning(
            place,
            format!("{call}, and {} can only guess whom to take it for", far.name),
        )
        .help(format!("write username= in [{}]: the section there", peer.name)),
    });
    guessed
}

/// What we answer the challenge with must be what the far host accepts.
fn secrets(pair: &Pair<'_>, peer: &Peer, user: &User, told: &mut Told) {
    if !user.credentials.are_required() {
        unproved(pair, peer, user, told);
        return;
    }
    let wrong = match peer.credentials.secrets.last() {
        Some(_) if !user.credentials.methods.contains(Methods::MD5) => {
            "offers no method that we can answer".to_owned()
        }
        Some(secret) if user.credentials.secrets.contains(secret) => return,
        Some(_) => format!("has another secret than [{}]", peer.name),
        None => format!("asks for a secret, and [{}] has none", peer.name),
    };
    let message = format!(
        "calls of {} to [{}] are refused: [{}] of {} {wrong}",
        pair.near.name, peer.name, user.name, pair.far.name
    );
    told.push(
        Diagnostic::error(pair.near.place(&peer.place), message)
            .help("write the same secret and auth=md5 at both ends")
            .related(pair.far.place(&user.place), "refuses"),
    );
}

/// What we would prove ourselves by is never asked for.
fn unproved(pair: &Pair<'_>, peer: &Peer, user: &User, told: &mut Told) {
    if peer.credentials.secrets.is_empty() && peer.credentials.out_key.is_none() {
        return;
    }
    let message = format!(
        "[{}] of {} asks nothing of callers: what [{}] would prove itself by is never used",
        user.name, pair.far.name, peer.name
    );
    told.push(
        Diagnostic::warning(pair.near.place(&peer.place), message)
            .help("write the same secret at both ends")
            .related(pair.far.place(&user.place), "anybody who knows its name may call"),
    );
}

/// Source, context, codecs and encryption.
fn terms(pair: &Pair<'_>, peer: &Peer, user: &User, told: &mut Told) {
    let place = || pair.near.place(&peer.place);
    let there = || pair.far.place(&user.place);
    let refuses = format!("[{}] of {}", user.name, pair.far.name);
    let sources = pair.near.config.general.binds.iter().map(|bind| bind.ip());
    if let Some(ip) = sources.filter(|ip| !ip.is_unspecified()).find(|ip| !user.acl.allows(*ip)) {
        told.push(
            Diagnostic::warning(
                place(),
                format!("{refuses} keeps out calls from {ip}, which we are bound to"),
            )
            .help(format!("write permit={ip} there"))
            .related(there(), "keeps it out"),
        );
    }
    if let Some(context) = peer
        .peer_context
        .as_ref()
        .filter(|context| !user.any_context && !user.contexts.contains(context))
    {
        told.push(
            Diagnostic::error(
                place(),
                format!(
                    "[{}] asks for context \"{context}\", which {refuses} does not allow",
                    peer.name
                ),
            )
            .help(format!("write context={context} there, or remove peercontext"))
            .related(there(), "does not allow it"),
        );
    }
    if peer.codecs.set.and(user.codecs.set).is_empty() {
        let message = format!("[{}] and {refuses} have no codec in common", peer.name);
        told.push(
            Diagnostic::error(place(), message)
                .help(format!(
                    "allow one of {} there, or one of {} here",
                    peer.codecs.set, user.codecs.set
                ))
                .related(there(), "allows others"),
        );
    }
    let forced = |a, b| a == EncryptionPolicy::Forced && b == EncryptionPolicy::Off;
    if forced(peer.encryption, user.encryption) || forced(user.encryption, peer.encryption) {
        told.push(
            Diagnostic::error(
                place(),
                format!(
                    "of [{}] and {refuses} one demands encryption and the other has none",
                    peer.name
                ),
            )
            .help("write encryption=yes at both ends")
            .related(there(), "the other end"),
        );
    }
}

/// Both hosts register at one address: one of them registers at itself.
fn same_registrar(near: Side<'_>, far: Side<'_>, told: &mut Told) {
    let (ours, theirs) = (Pair::new(near, far).registers, Pair::new(far, near).registers);
    for line in ours {
        let Some(same) = theirs.iter().find(|other| other.host == line.host) else { continue };
        let host = match &line.host {
            Host::Address(address) => address.ip().to_string(),
            Host::Name { name, .. } => name.clone(),
            Host::Dynamic => continue,
        };
        let message = format!(
            "{} and {} both register at {host}: one of them registers at itself",
            near.name, far.name
        );
        told.push(
            Diagnostic::warning(near.place(&line.place), message)
                .help("write the address of the other host in each")
                .related(far.place(&same.place), "the other line"),
        );
    }
}

/// Nothing of either means the other.
fn no_common_ground(near: Side<'_>, far: Side<'_>, told: &mut Told) {
    let (there, back) = (Pair::new(near, far), Pair::new(far, near));
    let is_empty = |pair: &Pair<'_>| pair.peers.is_empty() && pair.registers.is_empty();
    if is_empty(&there) && is_empty(&back) {
        told.push(Diagnostic {
            level: super::Level::Warning,
            message: format!(
                "no section of {} means {}, and none of {} means {}",
                near.name, far.name, far.name, near.name
            ),
            place: None,
            help: Some(
                "write username= in each peer section: the section at the far end".to_owned(),
            ),
            related: None,
        });
    }
}
