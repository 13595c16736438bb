//! Every key there is, as one table: where it is read, what it takes, what it defaults to and what becomes of it here.
//!
//! The reader, `trunkline check` and the manual all go by this table, so they cannot drift apart.

mod general;
mod section;
mod stranger;
mod trunkline;

use std::collections::HashMap;
use std::sync::LazyLock;

use super::suggest;

/// Where a key is read: a set of kinds of sections.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Scope(u8);

impl Scope {
    /// `[general]` of `iax.conf`.
    pub const GENERAL: Self = Self(1);
    /// The user half of a section: who may call us.
    pub const USER: Self = Self(2);
    /// The peer half of a section: whom we call, and who registers.
    pub const PEER: Self = Self(4);
    /// Both halves.
    pub const BOTH: Self = Self(2 | 4);
    /// `[general]` and both halves.
    pub const ALL: Self = Self(1 | 2 | 4);
    /// `[general]` of `trunkline.conf`.
    pub const SWITCH: Self = Self(8);
    /// `[dataplane]` of `trunkline.conf`.
    pub const DATAPLANE: Self = Self(16);
    /// `[log]` of `trunkline.conf`.
    pub const LOG: Self = Self(32);
    /// A section of `trunkline.conf` named like one of `iax.conf`.
    pub const TERMS: Self = Self(64);

    /// Whether the sets have a member in common.
    pub const fn meets(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }

    /// Both sets.
    #[must_use]
    pub const fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// The members, one at a time.
    pub fn iter(self) -> impl Iterator<Item = Self> {
        (0..7).map(|bit| Self(1 << bit)).filter(move |one| self.meets(*one))
    }
}

/// What a value looks like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Any text.
    Text,
    /// yes, true, y, t, 1, on or no, false, n, f, 0, off.
    Bool,
    /// A decimal number within its bounds, and its unit.
    Number(u32, u32, &'static str),
    /// One of these words.
    Choice(&'static [&'static str]),
    /// Something else, put in words.
    Special(&'static str),
}

/// What becomes of a key here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mark {
    /// It does what it says.
    Honour,
    /// It has no effect, and the operator is told why.
    Warn,
    /// It has no effect, and nobody could notice.
    Quiet,
    /// It is refused: whoever wrote it relies on something that would not be there.
    Reject,
    /// It is refused where it says yes, and has no effect otherwise.
    RejectYes,
    /// It is refused where it says no, and has no effect otherwise.
    RejectNo,
}

/// One key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Key {
    /// Its name, in lower case.
    pub name: &'static str,
    /// Where it is read; no two entries of one name are read in the same place.
    pub scope: Scope,
    /// What it takes.
    pub kind: Kind,
    /// What holds where it is not written; empty: nothing.
    pub default: &'static str,
    /// What becomes of it.
    pub mark: Mark,
    /// What it does; for a key that does nothing, why.
    pub doc: &'static str,
}

/// Whose misspelling opens a door that the operator believes closed.
pub const SECURITY: &[&str] = &[
    "permit",
    "deny",
    "acl",
    "secret",
    "inkeys",
    "auth",
    "encryption",
    "forceencryption",
    "requirecalltoken",
];

/// Every key, in the manual's order.
pub fn all() -> impl Iterator<Item = &'static Key> {
    [general::KEYS, section::KEYS, stranger::KEYS, trunkline::KEYS].into_iter().flatten()
}

/// The key of that name, without regard to case, that is read in a place of `scope`.
pub fn find(name: &str, scope: Scope) -> Option<&'static Key> {
    static BY_NAME: LazyLock<HashMap<&str, Vec<&Key>>> = LazyLock::new(|| {
        let mut by_name: HashMap<&str, Vec<&Key>> = HashMap::new();
        for key in all() {
            by_name.entry(key.name).or_default().push(key);
        }
        by_name
    });
    let keys = match name.bytes().any(|octet| octet.is_ascii_uppercase()) {
        true => BY_NAME.get(name.to_ascii_lowercase().as_str())?,
        false => BY_NAME.get(name)?,
    };
    keys.iter().find(|key| key.scope.meets(scope)).copied()
}

/// What was probably meant by an unknown name in a place of `scope`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Meant {
    /// A key that keeps others out: going on without it is dangerous.
    Security(&'static str),
    /// Another key.
    Key(&'static str),
    /// Who knows.
    Nothing,
}

/// The nearest key to an unknown name.
pub fn meant(name: &str, scope: Scope) -> Meant {
    if scope.meets(Scope::ALL) {
        let near = SECURITY.iter().map(|key| (suggest::distance(name, key), *key));
        if let Some((0..=2, key)) = near.min_by_key(|(distance, _)| *distance) {
            return Meant::Security(key);
        }
    }
    let known = all().filter(|key| key.scope.meets(scope) && key.mark == Mark::Honour);
    suggest::nearest(name, known.map(|key| key.name)).map_or(Meant::Nothing, Meant::Key)
}

/// Writes a table a row a key: `"name" in SCOPE: Kind, "default", "doc";` for a key that is honoured,
/// `"name" in SCOPE: Mark "reason";` for one that is not.
macro_rules! keys {
    (@row $name:literal $scope:expr ; $mark:ident $doc:literal) => {
        Key { name: $name, scope: $scope, kind: Kind::Text, default: "", mark: Mark::$mark, doc: $doc }
    };
    (@row $name:literal $scope:expr ; $kind:expr, $default:literal, $doc:literal) => {
        Key { name: $name, scope: $scope, kind: $kind, default: $default, mark: Mark::Honour, doc: $doc }
    };
    ($($name:literal in $scope:ident : { $($rest:tt)* })*) => {
        &[$(keys!(@row $name Scope::$scope ; $($rest)*)),*]
    };
}
use keys;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_entries_are_read_in_the_same_place() {
        for (n, key) in all().enumerate() {
            assert_eq!(key.name, key.name.to_ascii_lowercase());
            assert!(key.doc.ends_with('.') || key.mark != Mark::Honour, "{}", key.name);
            for other in all().skip(n + 1) {
                assert!(key.name != other.name || !key.scope.meets(other.scope), "{}", key.name);
            }
        }
    }

    #[test]
    fn a_name_near_a_security_key_means_it() {
        for (name, expected) in [
            ("inkey", Meant::Security("inkeys")),
            ("premit", Meant::Security("permit")),
            ("SECRETS", Meant::Security("secret")),
            ("acls", Meant::Security("acl")),
            ("requirecalltokens", Meant::Security("requirecalltoken")),
            ("qualfy", Meant::Key("qualify")),
            ("zzzzzz", Meant::Nothing),
        ] {
            assert_eq!(meant(name, Scope::BOTH), expected, "{name}");
        }
        assert_eq!(meant("legsmax", Scope::DATAPLANE), Meant::Key("legs_max"));
    }
}
