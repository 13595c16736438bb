//! Which sections a caller without USERNAME can be.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use ipnet::IpNet;

use super::user::GUEST;
use super::{Config, Host, User};

/// A section that a NEW without USERNAME can be taken for, and where it has to come from.
#[derive(Debug, Clone)]
pub struct Reach {
    /// The section.
    pub user: Arc<User>,
    /// The source.
    pub from: ReachedFrom,
}

/// Where a caller without USERNAME has to come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ReachedFrom {
    /// The section's own host.
    Address(IpAddr),
    /// What this host name resolves to.
    Name(String),
    /// Where the section's peer half is registered from.
    Registered,
    /// What its access list lets in while it keeps others out.
    Permitted(Vec<IpNet>),
    /// Anywhere that no section above it covers.
    Anywhere,
}

impl fmt::Display for Reach {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "[{}] from ", self.user.name)?;
        match &self.from {
            ReachedFrom::Address(ip) => write!(f, "its host {ip}")?,
            ReachedFrom::Name(name) => write!(f, "its host {name}")?,
            ReachedFrom::Registered => f.write_str("where it is registered")?,
            ReachedFrom::Permitted(nets) => {
                f.write_str("its permitted sources ")?;
                for (n, net) in nets.iter().enumerate() {
                    write!(f, "{}{net}", if n > 0 { ", " } else { "" })?;
                }
            }
            ReachedFrom::Anywhere => f.write_str("anywhere else")?,
        }
        f.write_str(match self.user.credentials.are_required() {
            true => ", with its secret",
            false => ", proving nothing",
        })
    }
}

/// What callers without USERNAME can reach, in the order in which sections are tried: file order, then `[guest]`.
///
/// The chosen section's credentials apply as ever; no other section's secret opens it.
pub fn anonymous_reach(config: &Config) -> Vec<Reach> {
    let mut reached = Vec::new();
    for user in &config.users {
        let mut add = |from| reached.push(Reach { user: Arc::clone(user), from });
        match &user.host {
            Some(Host::Address(address)) if user.acl.allows(address.ip()) => {
                add(ReachedFrom::Address(address.ip()))
            }
            Some(Host::Name { name, .. }) => add(ReachedFrom::Name(name.clone())),
            Some(Host::Dynamic) => add(ReachedFrom::Registered),
            Some(Host::Address(_)) | None => {}
        }
        let named = user.acl.named.iter().flat_map(|(_, rules)| rules);
        let rules = user.acl.rules.iter().chain(named).filter(|rule| rule.permit);
        let nets: Vec<IpNet> =
            rules.map(|rule| rule.net).filter(|net| user.acl.narrows_to(net.addr())).collect();
        if !nets.is_empty() {
            add(ReachedFrom::Permitted(nets));
        }
    }
    let guest = config.users.iter().find(|user| user.name == GUEST);
    reached.extend(guest.map(|user| Reach { user: Arc::clone(user), from: ReachedFrom::Anywhere }));
    reached
}
