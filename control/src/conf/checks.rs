//! What sections do to each other: ties of callers without USERNAME, peers at one address, registrations.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};

use ipnet::IpNet;

use super::item::Told;
use super::{Config, Diagnostic, Host, Peer, User};

/// Looks for sections that get in each other's way.
pub(super) fn check(config: &Config, told: &mut Told) {
    ties(config, told);
    shared_addresses(config, told);
    repeated_registers(config, told);
}

/// Users whom a call without USERNAME can never be, because another stands above them. One diagnostic a user.
fn ties(config: &Config, told: &mut Told) {
    let mut known = Coverage::default();
    for user in &config.users {
        if let Some((ip, first)) = known.tie(user) {
            let message = format!(
                "a call from {ip} without USERNAME is taken for [{}], never for [{}]",
                first.name, user.name
            );
            told.push(
                Diagnostic::warning(user.place.clone(), message)
                    .help(format!("let the far end write username={}", user.name))
                    .related(first.place.clone(), "comes first in the file"),
            );
        }
        known.add(user);
    }
}

/// Which sources the users seen so far cover, found without comparing every pair.
#[derive(Default)]
struct Coverage<'a> {
    hosts: HashMap<IpAddr, &'a User>,
    nets: HashMap<IpNet, &'a User>,
    /// Lengths of the prefixes in `nets`.
    lengths: Vec<u8>,
}

impl<'a> Coverage<'a> {
    /// A source of `user`'s that an earlier user covers.
    fn tie(&self, user: &User) -> Option<(IpAddr, &'a User)> {
        sources(user).find_map(|(net, is_host)| {
            let ip = net.addr();
            let host =
                self.hosts.get(&ip).filter(|_| is_host || net.prefix_len() == net.max_prefix_len());
            Some((ip, *host.or_else(|| self.covering(ip))?))
        })
    }

    fn covering(&self, ip: IpAddr) -> Option<&&'a User> {
        self.lengths.iter().find_map(|len| {
            let net = IpNet::new(ip, *len).ok()?.trunc();
            self.nets.get(&net).filter(|user| user.acl.narrows_to(ip))
        })
    }

    fn add(&mut self, user: &'a User) {
        for (net, is_host) in sources(user) {
            if is_host {
                self.hosts.entry(net.addr()).or_insert(user);
                continue;
            }
            self.nets.entry(net).or_insert(user);
            if !self.lengths.contains(&net.prefix_len()) {
                self.lengths.push(net.prefix_len());
            }
        }
    }
}

/// Where a caller without USERNAME may come from to be this user, and whether that is its host.
fn sources(user: &User) -> impl Iterator<Item = (IpNet, bool)> {
    let host = match &user.host {
        Some(Host::Address(address)) => Some(address.ip()),
        _ => None,
    };
    let host = host.filter(|ip| user.acl.allows(*ip)).map(|ip| (IpNet::from(ip), true));
    let named = user.acl.named.iter().flat_map(|(_, rules)| rules);
    let permitted =
        user.acl.rules.iter().chain(named).filter(|rule| rule.permit).map(|rule| rule.net);
    host.into_iter()
        .chain(permitted.filter(|net| user.acl.narrows_to(net.addr())).map(|net| (net, false)))
}

/// Peers at one address that differ in what is decided by address.
fn shared_addresses(config: &Config, told: &mut Told) {
    let mut first_at: HashMap<SocketAddr, &Peer> = HashMap::new();
    for peer in &config.peers {
        let Host::Address(address) = peer.host else { continue };
        let Some(first) = first_at.get(&address) else {
            first_at.insert(address, peer);
            continue;
        };
        let differing = if first.trunk != peer.trunk {
            "trunk"
        } else if first.max_call_numbers != peer.max_call_numbers {
            "maxcallnumbers"
        } else {
            continue;
        };
        let message = format!(
            "[{}] and [{}] have the same host: for calls from there {differing} of [{}] counts",
            peer.name, first.name, first.name
        );
        told.push(
            Diagnostic::warning(peer.place.clone(), message)
                .help(format!("write the same {differing} in both"))
                .related(first.place.clone(), "comes first in the file"),
        );
    }
}

/// The same user registered twice at one host: each would take the registration from the other.
fn repeated_registers(config: &Config, told: &mut Told) {
    let mut seen: HashMap<(&str, String), &super::RegisterLine> = HashMap::new();
    for line in &config.registers {
        let key = (line.user.as_str(), format!("{:?}", line.host));
        let Some(first) = seen.get(&key) else {
            seen.insert(key, line);
            continue;
        };
        let message = format!("{} is registered at this host twice", line.user);
        told.push(
            Diagnostic::warning(line.place.clone(), message)
                .help("remove this line")
                .related(first.place.clone(), "first registered here"),
        );
    }
}
