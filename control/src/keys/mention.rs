//! Where the configuration speaks of keys.

use super::KeyKind;
use crate::conf::{Config, Credentials, Place};
use crate::dialplan::Dialplan;

/// A place that needs a key.
pub(super) struct Mention<'a> {
    pub(super) name: &'a str,
    pub(super) kind: KeyKind,
    /// The section, line or dial string.
    pub(super) place: &'a Place,
    /// What speaks of it: `inkeys of [alpha]`.
    pub(super) by: String,
    /// Whether nothing but the signature keeps strangers out there.
    pub(super) stands_alone: bool,
}

/// Every place that needs a key, in the order of sections, registrations and dial strings.
pub(super) fn all<'a>(config: &'a Config, plan: &'a Dialplan) -> Vec<Mention<'a>> {
    let mut all = Vec::new();
    for user in &config.users {
        in_keys(&user.name, &user.credentials, &user.place, user.acl.is_empty(), &mut all);
    }
    for peer in &config.peers {
        in_keys(&peer.name, &peer.credentials, &peer.place, peer.acl.is_empty(), &mut all);
        all.extend(peer.credentials.out_key.as_deref().map(|name| {
            let by = format!("outkey of [{}]", peer.name);
            private(name, &peer.place, by)
        }));
    }
    all.extend(config.registers.iter().filter_map(|line| {
        let by = format!("the registration of {}", line.user);
        line.key.as_deref().map(|name| private(name, &line.place, by))
    }));
    let dialled = plan.named_keys().iter();
    all.extend(dialled.map(|(name, place)| private(name, place, "a dial string".to_owned())));
    all
}

fn in_keys<'a>(
    section: &str,
    credentials: &'a Credentials,
    place: &'a Place,
    stands_alone: bool,
    all: &mut Vec<Mention<'a>>,
) {
    all.extend(credentials.in_keys.iter().map(|name| Mention {
        name,
        kind: KeyKind::Public,
        place,
        by: format!("inkeys of [{section}]"),
        stands_alone,
    }));
}

fn private<'a>(name: &'a str, place: &'a Place, by: String) -> Mention<'a> {
    Mention { name, kind: KeyKind::Private, place, by, stands_alone: false }
}
