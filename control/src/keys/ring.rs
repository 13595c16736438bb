//! All keys of the switch by name, and what is wrong with them where the configuration needs them.

use std::collections::{HashMap, HashSet};

use zeroize::Zeroizing;

use super::mention::{self, Mention};
use super::{KeyError, Passphrase, PublicKey, Signer};
use crate::conf::{Config, Diagnostic, Level, nearest};
use crate::dialplan::Dialplan;

/// Which half of a pair.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum KeyKind {
    /// `NAME.pub`.
    Public,
    /// `NAME.key`.
    Private,
}

impl KeyKind {
    /// What the names of its files end in.
    pub const fn suffix(self) -> &'static str {
        match self {
            Self::Public => "pub",
            Self::Private => "key",
        }
    }
}

/// A file from the directory of keys, as it was found.
pub struct KeyFile {
    /// The file as the operator would name it.
    pub path: String,
    /// The name that sections call the key by.
    pub name: String,
    /// Which half it is, by its suffix.
    pub kind: KeyKind,
    /// The permission bits.
    pub mode: u32,
    /// Its text, or why it cannot be read.
    pub text: Result<Zeroizing<String>, String>,
}

impl KeyFile {
    /// The key's name and kind, by the name of the file. `None`: it is no key file.
    pub fn named(file_name: &str) -> Option<(&str, KeyKind)> {
        let (name, suffix) = file_name.rsplit_once('.')?;
        let kinds = [KeyKind::Public, KeyKind::Private];
        let kind = kinds.into_iter().find(|kind| kind.suffix() == suffix)?;
        (!name.is_empty()).then_some((name, kind))
    }

    /// Reads it as a public key.
    ///
    /// # Errors
    ///
    /// Why it is of no use.
    pub fn public(&self) -> Result<PublicKey, KeyError> {
        PublicKey::read(self.text()?)
    }

    /// Reads it as a private key, which others than its owner must not be able to do.
    ///
    /// # Errors
    ///
    /// Why it is of no use.
    pub fn private(&self, passphrase: Option<&Passphrase>) -> Result<Signer, KeyError> {
        let text = self.text()?;
        if self.mode & 0o077 != 0 {
            return Err(KeyError::Exposed { mode: self.mode & 0o7777 });
        }
        Signer::read(text, passphrase)
    }

    fn text(&self) -> Result<&str, KeyError> {
        self.text
            .as_ref()
            .map(|text| text.as_str())
            .map_err(|why| KeyError::Unreadable(why.clone()))
    }
}

/// The keys that can be used, by name. Immutable; shared by all who need one.
#[derive(Debug, Default)]
pub struct KeyRing {
    public: HashMap<String, PublicKey>,
    private: HashMap<String, Signer>,
}

impl KeyRing {
    /// Reads `files`, which were found in `dir`, and says what is wrong: an error where a section, a registration or
    /// a dial string needs a key that is not there or of no use, a warning about other files.
    pub fn read(
        dir: &str,
        files: &[KeyFile],
        passphrase: Option<&Passphrase>,
        config: &Config,
        plan: &Dialplan,
    ) -> (Self, Vec<Diagnostic>) {
        let mut ring = Self::default();
        let mut broken = HashMap::new();
        for file in files {
            if let Err(error) = ring.add(file, passphrase) {
                broken.insert((file.kind, file.name.as_str()), (file, error));
            }
        }
        let mut told = Vec::new();
        let mut needed = HashSet::new();
        for mention in mention::all(config, plan) {
            let key = (mention.kind, mention.name);
            needed.insert(key);
            match broken.get(&key) {
                Some((file, error)) => told.push(unusable(&mention, file, error)),
                None => ring.judge(dir, &mention, &mut told),
            }
        }
        let mut idle: Vec<_> = broken.iter().filter(|(key, _)| !needed.contains(*key)).collect();
        idle.sort_by_key(|(_, (file, _))| &file.path);
        told.extend(idle.into_iter().map(|(_, (file, error))| unneeded(file, error)));
        drop_repeats(&mut told);
        (ring, told)
    }

    /// The public key of that name.
    pub fn public(&self, name: &str) -> Option<&PublicKey> {
        self.public.get(name)
    }

    /// What signs with the private key of that name.
    pub fn signer(&self, name: &str) -> Option<&Signer> {
        self.private.get(name)
    }

    /// How many public and private keys there are.
    pub fn count(&self) -> (usize, usize) {
        (self.public.len(), self.private.len())
    }

    fn add(&mut self, file: &KeyFile, passphrase: Option<&Passphrase>) -> Result<(), KeyError> {
        match file.kind {
            KeyKind::Public => drop(self.public.insert(file.name.clone(), file.public()?)),
            KeyKind::Private => {
                drop(self.private.insert(file.name.clone(), file.private(passphrase)?));
            }
        }
        Ok(())
    }

    /// Whether the key that `mention` needs is there, and strong enough to be all there is.
    fn judge(&self, dir: &str, mention: &Mention<'_>, told: &mut Vec<Diagnostic>) {
        let bits = match mention.kind {
            KeyKind::Public => self.public(mention.name).map(PublicKey::bits),
            KeyKind::Private => self.signer(mention.name).map(Signer::bits),
        };
        match bits {
            None => told.push(self.missing(dir, mention)),
            Some(bits) if mention.stands_alone => {
                let name = mention.name;
                let message =
                    format!("{name}.pub has {bits} bits: alone it is no strong proof today");
                told.push(
                    Diagnostic::warning(mention.place.clone(), message)
                        .help("write deny and permit for the far end's addresses as well"),
                );
            }
            Some(_) => {}
        }
    }

    fn missing(&self, dir: &str, mention: &Mention<'_>) -> Diagnostic {
        let (name, suffix) = (mention.name, mention.kind.suffix());
        let near = match mention.kind {
            KeyKind::Public => nearest(name, self.public.keys().map(String::as_str)),
            KeyKind::Private => nearest(name, self.private.keys().map(String::as_str)),
        };
        let help = match (near, mention.kind) {
            (Some(near), _) => format!("did you mean {near}?"),
            (None, KeyKind::Public) => format!("copy {name}.pub from the host that signs with it"),
            (None, KeyKind::Private) => format!("trunkline keys generate {name} --dir {dir}"),
        };
        let message = format!("{} needs {dir}/{name}.{suffix}, which is not there", mention.by);
        Diagnostic::error(mention.place.clone(), message).help(help)
    }
}

fn unusable(mention: &Mention<'_>, file: &KeyFile, error: &KeyError) -> Diagnostic {
    let message = format!("{} needs {}, which {error}", mention.by, file.path);
    let told = Diagnostic::error(mention.place.clone(), message);
    Diagnostic { help: error.help(&file.path), ..told }
}

/// Nothing written needs it; a dial string made of variables still may.
fn unneeded(file: &KeyFile, error: &KeyError) -> Diagnostic {
    Diagnostic {
        level: Level::Warning,
        message: format!("{} {error}", file.path),
        place: None,
        help: error.help(&file.path),
        related: None,
    }
}

/// Both halves of a friend need the same key.
fn drop_repeats(told: &mut Vec<Diagnostic>) {
    let mut seen = HashSet::new();
    told.retain(|told| seen.insert((told.place.clone(), told.message.clone())));
}
