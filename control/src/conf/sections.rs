//! From sections to values: which lines mean anything where they stand, and what becomes of those that do not.

use std::collections::HashMap;
use std::sync::Arc;

use super::access::NamedLists;
use super::general::GeneralDraft;
use super::item::{self, Item, Told};
use super::keys::{self, Key, Kind, Mark, Meant, Scope};
use super::limits::AllTerms;
use super::peer::PeerDraft;
use super::syntax::{Line, Section};
use super::user::UserDraft;
use super::{Diagnostic, Peer, Place, User, suggest};

/// Users and peers as they are read, in the order of their first sections.
#[derive(Debug, Default)]
pub(super) struct Drafts {
    users: Vec<UserDraft>,
    user_index: HashMap<String, usize>,
    peers: Vec<PeerDraft>,
    peer_index: HashMap<String, usize>,
    /// Names without regard to case, with the spelling first seen.
    spellings: HashMap<String, (String, Place)>,
}

/// Goes through `[general]`.
pub(super) fn general(section: &Section, draft: &mut GeneralDraft, told: &mut Told) {
    told_twice(section, Scope::GENERAL, told);
    for line in &section.lines {
        let Some(key) = known(line, Scope::GENERAL, section, told) else { continue };
        if honoured(key, line, section, told) {
            draft.set(Item { key, line }, told);
        }
    }
}

/// Goes through a section of `trunkline.conf`.
pub(super) fn plain(
    section: &Section,
    scope: Scope,
    told: &mut Told,
    mut set: impl FnMut(Item<'_>, &mut Told),
) {
    told_twice(section, scope, told);
    for line in &section.lines {
        match keys::find(&line.key, scope) {
            Some(key) if honoured(key, line, section, told) => set(Item { key, line }, told),
            Some(_) => {}
            None => {
                let message =
                    format!("[{}] of trunkline.conf has no key \"{}\"", section.name, line.key);
                let help = match keys::meant(&line.key, scope) {
                    Meant::Key(near) | Meant::Security(near) => format!("did you mean {near}?"),
                    Meant::Nothing => "what Asterisk has a key for goes into iax.conf".to_owned(),
                };
                told.push(Diagnostic::error(line.key_place.clone(), message).help(help));
            }
        }
    }
}

impl Drafts {
    /// Goes through a section that is a user, a peer or both.
    pub(super) fn read(
        &mut self,
        section: &Section,
        draft: &GeneralDraft,
        named: &NamedLists,
        told: &mut Told,
    ) {
        self.check_name(section, told);
        let Some(scope) = scope(section, told) else {
            check_only(section, told);
            return;
        };
        told_twice(section, scope, told);
        let user = scope.meets(Scope::USER).then(|| self.user(section, draft, told));
        let peer = scope.meets(Scope::PEER).then(|| self.peer(section, draft, told));
        for line in &section.lines {
            if known(line, scope, section, told).is_none() {
                if let Meant::Security(_) = keys::meant(&line.key, scope) {
                    let users =
                        user.and_then(|user| self.users.get_mut(user)).map(|user| &mut user.half);
                    let peers =
                        peer.and_then(|peer| self.peers.get_mut(peer)).map(|peer| &mut peer.half);
                    for half in users.into_iter().chain(peers) {
                        half.relies_on_nothing = true;
                    }
                }
                continue;
            }
            if let Some(user) = user.and_then(|user| self.users.get_mut(user))
                && let Some(key) = keys::find(&line.key, Scope::USER)
                && honoured(key, line, section, told)
            {
                user.set(Item { key, line }, named, told);
            }
            if let Some(peer) = peer.and_then(|peer| self.peers.get_mut(peer))
                && let Some(key) = keys::find(&line.key, Scope::PEER)
                && honoured(key, line, section, told)
            {
                peer.set(Item { key, line }, named, told);
            }
        }
    }

    fn user(&mut self, section: &Section, draft: &GeneralDraft, told: &mut Told) -> usize {
        if let Some(known) = self.user_index.get(&section.name) {
            if let Some(first) = self.users.get(*known) {
                told.push(second(section, "user", &first.half.place));
            }
            return *known;
        }
        self.users.push(UserDraft::new(&section.name, section.place.clone(), &draft.shared));
        self.user_index.insert(section.name.clone(), self.users.len() - 1);
        self.users.len() - 1
    }

    fn peer(&mut self, section: &Section, draft: &GeneralDraft, told: &mut Told) -> usize {
        if let Some(known) = self.peer_index.get(&section.name) {
            if let Some(first) = self.peers.get(*known) {
                told.push(second(section, "peer", &first.half.place));
            }
            return *known;
        }
        self.peers.push(PeerDraft::new(&section.name, section.place.clone(), &draft.shared));
        self.peer_index.insert(section.name.clone(), self.peers.len() - 1);
        self.peers.len() - 1
    }

    fn check_name(&mut self, section: &Section, told: &mut Told) {
        let name = &section.name;
        if name.is_empty() {
            told.push(Diagnostic::error(section.place.clone(), "this section has no name"));
        } else if name.contains(['/', '@', ':', '&', ',']) || name.trim() != name {
            let message = format!(
                "[{name}] cannot be dialled: no blanks at the ends of a name, and no / @ : & , in it"
            );
            told.push(
                Diagnostic::warning(section.place.clone(), message)
                    .help("write another name, here and at the far end"),
            );
        }
        let lower = name.to_lowercase();
        match self.spellings.get(&lower) {
            Some((spelling, first)) if spelling != name => told.push(
                Diagnostic::warning(
                    section.place.clone(),
                    format!("[{name}] and [{spelling}] are two different sections"),
                )
                .help("names are compared with case: write both alike if one is meant")
                .related(first.clone(), "the other one"),
            ),
            Some(_) => {}
            None => {
                self.spellings.insert(lower, (name.clone(), section.place.clone()));
            }
        }
    }

    /// The users and peers, once all sections are read.
    pub(super) fn finish(
        self,
        draft: &GeneralDraft,
        terms: &AllTerms,
        binds_ipv6: bool,
        told: &mut Told,
    ) -> (Vec<Arc<User>>, Vec<Arc<Peer>>) {
        terms.check(self.names(), told);
        let mut peers: Vec<Arc<Peer>> = Vec::new();
        for peer in self.peers {
            peer.half.check_lists(binds_ipv6, told);
            let terms = terms.of(&peer.half.name);
            peers.extend(peer.finish(&draft.general, &draft.shared, &terms, told).map(Arc::new));
        }
        let by_name: HashMap<&str, &Peer> =
            peers.iter().map(|peer| (peer.name.as_str(), &**peer)).collect();
        let mut users = Vec::new();
        for user in self.users {
            user.half.check_lists(binds_ipv6, told);
            let peer = by_name.get(user.half.name.as_str()).copied();
            let terms = terms.of(&user.half.name);
            users.push(Arc::new(user.finish(&draft.shared, &terms, peer, told)));
        }
        (users, peers)
    }

    fn names(&self) -> impl Iterator<Item = &str> {
        let users = self.users.iter().map(|user| user.half.name.as_str());
        users.chain(self.peers.iter().map(|peer| peer.half.name.as_str()))
    }
}

fn second(section: &Section, half: &str, first: &Place) -> Diagnostic {
    Diagnostic::warning(
        section.place.clone(),
        format!("a second [{}] of type {half} adds to the first", section.name),
    )
    .help("write one section, or continue it with (+)")
    .related(first.clone(), "the first")
}

/// What the section's `type` makes of it; the last line counts.
fn scope(section: &Section, told: &mut Told) -> Option<Scope> {
    let Some(line) = section.lines.iter().rev().find(|line| line.is("type")) else {
        let message = format!("[{}] has no type", section.name);
        told.push(
            Diagnostic::error(section.place.clone(), message)
                .help("write type=user, type=peer or type=friend"),
        );
        return None;
    };
    match line.value.to_ascii_lowercase().as_str() {
        "user" => Some(Scope::USER),
        "peer" => Some(Scope::PEER),
        "friend" => Some(Scope::BOTH),
        _ => {
            let key = keys::find("type", Scope::BOTH)?;
            Item { key, line }.refuse(told)
        }
    }
}

/// Tells what is wrong with the keys of a section that is neither user nor peer.
fn check_only(section: &Section, told: &mut Told) {
    for line in &section.lines {
        known(line, Scope::BOTH, section, told);
    }
}

/// The key of a line, if it is read in a place of `scope`. Otherwise it is told why not.
fn known(line: &Line, scope: Scope, section: &Section, told: &mut Told) -> Option<&'static Key> {
    if let Some(key) = keys::find(&line.key, scope) {
        return Some(key);
    }
    let place = line.key_place.clone();
    let Some(elsewhere) = keys::find(&line.key, Scope::ALL) else {
        let message = format!("unknown key \"{}\"", line.key);
        told.push(match keys::meant(&line.key, scope) {
            Meant::Security(near) => {
                let is = |line: &Line| line.is("secret") || line.is("inkeys");
                let proves = matches!(near, "secret" | "inkeys" | "auth");
                let open = proves && scope.meets(Scope::USER) && !section.lines.iter().any(is);
                let harm = match open {
                    true => format!("nothing is asked of callers to [{}]", section.name),
                    false => "it protects nothing".to_owned(),
                };
                Diagnostic::error(place, message)
                    .help(format!("did you mean {near}? As it stands {harm}"))
            }
            Meant::Key(near) => {
                Diagnostic::warning(place, message).help(format!("did you mean {near}?"))
            }
            Meant::Nothing => {
                Diagnostic::warning(place, message).help("remove it: it has no effect")
            }
        });
        return None;
    };
    let name = elsewhere.name;
    if matches!(elsewhere.mark, Mark::Quiet) {
        return None;
    }
    let protects = keys::SECURITY.contains(&name);
    let new = if protects { Diagnostic::error } else { Diagnostic::warning };
    let message = match scope == Scope::GENERAL {
        true => format!("{name} is not read in [general]"),
        false if elsewhere.scope.meets(Scope::BOTH) => {
            let half = if scope == Scope::USER { "user" } else { "peer" };
            format!("{name} is not read in [{}], which is of type {half}", section.name)
        }
        false => format!("{name} is read in [general] only"),
    };
    let help = match scope == Scope::GENERAL {
        true => "write it in each section, or in a template they share",
        false if elsewhere.scope.meets(Scope::BOTH) => "remove it, or write type=friend",
        false => "move it to [general]",
    };
    told.push(new(place, message).help(help));
    None
}

/// Whether a key is to be set. Otherwise it is told why not, if anybody could notice.
fn honoured(key: &Key, line: &Line, section: &Section, told: &mut Told) -> bool {
    let refused = match (key.mark, item::boolean(&line.value)) {
        (Mark::Honour, _) => return has_value(key, line, told),
        (Mark::Warn, Some(false)) => return false, // nothing is what it asks for
        (Mark::Warn, _) => {
            let (why, help) = reason(key);
            let message = format!("{} has no effect: {why}", key.name);
            told.push(Diagnostic::warning(line.key_place.clone(), message).help(help));
            return false;
        }
        (Mark::Reject, _) => true,
        (Mark::RejectYes, said) => said != Some(false),
        (Mark::RejectNo, said) => said != Some(true),
        (Mark::Quiet, _) => false,
    };
    if refused {
        let has =
            |name: &str| section.lines.iter().any(|line| line.is(name) && !line.value.is_empty());
        let (why, help) = reason(key);
        let place = line.key_place.clone();
        told.push(match key.name == "md5secret" && (has("secret") || has("inkeys")) {
            true => Diagnostic::warning(place, "md5secret has no effect: IAX2 has no such key")
                .help("remove it"),
            false => Diagnostic::error(place, format!("{} is refused: {why}", key.name)).help(help),
        });
    }
    false
}

/// Why a key is not honoured, and what to do instead.
fn reason(key: &Key) -> (&'static str, &'static str) {
    key.doc.split_once(": ").unwrap_or((key.doc, "remove it"))
}

/// Whether there is a value where one is needed. FreePBX writes keys without one; a list that keeps others out is
/// left to its reader to refuse, for without it more is let in.
fn has_value(key: &Key, line: &Line, told: &mut Told) -> bool {
    if !line.value.is_empty() || key.kind == Kind::Text || REFUSED_EMPTY.contains(&key.name) {
        return true;
    }
    let message = format!("{} has no value: the line is ignored", key.name);
    told.push(Diagnostic::warning(line.place(), message).help("write a value, or remove the line"));
    false
}

/// Lists and orders that keep others out, and say nothing without a value.
const REFUSED_EMPTY: &[&str] = &["deny", "acl", "inkeys", "forceencryption"];

/// Tells of keys that a section itself writes twice though only the last counts.
fn told_twice(section: &Section, scope: Scope, told: &mut Told) {
    let mut seen: HashMap<&str, &Line> = HashMap::new();
    for line in section.lines.iter().filter(|line| !line.inherited) {
        let key = keys::find(&line.key, scope).filter(|key| key.mark == Mark::Honour);
        let Some(key) = key.filter(|key| !accumulates(key.name, scope)) else { continue };
        if let Some(first) = seen.insert(key.name, line)
            && first.value != line.value
        {
            told.push(
                Diagnostic::warning(
                    line.place(),
                    format!("{} is written twice: this line counts", key.name),
                )
                .help("remove one of them")
                .related(first.place(), "has no effect"),
            );
        }
    }
}

/// Whether further lines of a key add to the first.
fn accumulates(name: &str, scope: Scope) -> bool {
    match name {
        "secret" | "context" => scope.meets(Scope::USER),
        "permit" | "deny" | "acl" | "allow" | "disallow" | "setvar" => true,
        "bindaddr" | "bindport" | "register" | "calltokenoptional" => true,
        _ => false,
    }
}

/// The nearest of some section names, put as a question.
pub(super) fn did_you_mean<'a>(name: &str, names: impl Iterator<Item = &'a str>) -> Option<String> {
    suggest::nearest(name, names).map(|near| format!("did you mean [{near}]?"))
}
