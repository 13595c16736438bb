//! Which sections of one host mean another.

use super::{Config, Host, Peer, Place, RegisterLine, User};

/// One of two hosts.
#[derive(Debug, Clone, Copy)]
pub(super) struct Side<'a> {
    pub(super) config: &'a Config,
    /// As messages call it.
    pub(super) name: &'a str,
}

impl Side<'_> {
    /// A place of this host's, told from the other's by the name in front.
    pub(super) fn place(&self, place: &Place) -> Place {
        Place { file: format!("{}/{}", self.name, place.file).into(), ..place.clone() }
    }

    fn is_bound_to(&self, host: &Host) -> bool {
        match host {
            Host::Address(address) => {
                let binds = &self.config.general.binds;
                binds.iter().any(|bind| bind.ip() == address.ip() && !bind.ip().is_unspecified())
            }
            Host::Name { name, .. } => is_name(self.name, name),
            Host::Dynamic => false,
        }
    }
}

/// What of the near host means the far one.
#[derive(Debug)]
pub(super) struct Pair<'a> {
    pub(super) near: Side<'a>,
    pub(super) far: Side<'a>,
    /// Peers of the near host.
    pub(super) peers: Vec<&'a Peer>,
    /// Registrations of the near host.
    pub(super) registers: Vec<&'a RegisterLine>,
}

impl<'a> Pair<'a> {
    pub(super) fn new(near: Side<'a>, far: Side<'a>) -> Self {
        let all = || near.config.peers.iter().map(|peer| &**peer);
        let said = |peer: &&Peer| says_it_is(far, peer) || far.is_bound_to(&peer.host);
        let mut peers: Vec<&Peer> = all().filter(said).collect();
        if peers.is_empty() {
            // A switch calls all its PBXes by one USERNAME, so that one is known there says least.
            let only = near.config.peers.len() == 1;
            peers = all().filter(|peer| only || knows_username(far, peer)).collect();
        }
        let lines = &near.config.registers;
        let registers = lines
            .iter()
            .filter(|line| {
                lines.len() == 1
                    || far.config.peers.iter().any(|peer| peer.name == line.user)
                    || far.is_bound_to(&line.host)
                    || peers.iter().any(|peer| peer.host == line.host || peer.name == line.user)
            })
            .collect();
        Self { near, far, peers, registers }
    }

    /// The far host's peer that the near one could register as, where it is clear which.
    pub(super) fn registrable(&self, written: &str) -> Option<&'a Peer> {
        let dynamic = || self.far.config.peers.iter().filter(|peer| peer.host == Host::Dynamic);
        let spelt = dynamic().find(|peer| peer.name.eq_ignore_ascii_case(written));
        let only = dynamic().next().filter(|_| dynamic().count() == 1);
        spelt.or(only).map(|peer| &**peer)
    }

    /// The far host's peer that means the near one, as the counterpart of `peer`.
    pub(super) fn back(&self, peer: &Peer) -> Option<&'a Peer> {
        let all = &self.far.config.peers;
        let named = |name: &str| all.iter().find(|back| back.name == name);
        let by_username = peer.username.as_deref().and_then(named);
        let by_register = || self.registers.iter().find_map(|line| named(&line.user));
        let only = || all.first().filter(|_| all.len() == 1);
        by_username.or_else(by_register).or_else(only).map(|back| &**back)
    }

    /// Whom the far host takes a call of `peer`'s for that has no USERNAME: the counterpart's user half, else the
    /// only user, else the guest.
    pub(super) fn anonymous(&self, peer: &Peer) -> Option<&'a User> {
        let users = &self.far.config.users;
        let named = |name: &str| users.iter().find(|user| user.name == name);
        let back = self.back(peer).and_then(|back| named(&back.name));
        let only = || users.first().filter(|_| users.len() == 1);
        back.or_else(only).or_else(|| named(super::user::GUEST)).map(|user| &**user)
    }
}

/// Whether the far host goes by the peer's name: registers or calls as it, or is called so itself.
fn says_it_is(far: Side<'_>, peer: &Peer) -> bool {
    let calls_as = |back: &Peer| back.username.as_deref() == Some(&peer.name);
    far.config.registers.iter().any(|line| line.user == peer.name)
        || far.config.peers.iter().any(|back| calls_as(back))
        || is_name(far.name, &peer.name)
}

/// Whether the far host knows the name we call the peer by.
fn knows_username(far: Side<'_>, peer: &Peer) -> bool {
    let known =
        |name: &str| far.config.users.iter().any(|user| user.name.eq_ignore_ascii_case(name));
    peer.username.as_deref().is_some_and(known)
}

/// Whether a host's name, perhaps the path of its directory, is `name`.
fn is_name(host: &str, name: &str) -> bool {
    let base = host.trim_end_matches('/').rsplit('/').next().unwrap_or(host);
    base.eq_ignore_ascii_case(name)
}
