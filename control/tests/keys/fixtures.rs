//! The files in `fixtures/`: keys of tests alone.

use control::keys::rand_core::UnwrapErr;
use control::keys::{Passphrase, PublicKey, Signer};
use getrandom::SysRng;

/// What opens every encrypted fixture.
pub(crate) const PASSPHRASE: &str = "open sesame";

/// The challenge that `clear.signature` answers.
pub(crate) const CHALLENGE: &[u8] = b"123456789";

/// A fixture's text.
pub(crate) fn text(name: &str) -> String {
    std::fs::read_to_string(path(name)).unwrap()
}

/// A fixture's path.
pub(crate) fn path(name: &str) -> String {
    format!("{}/tests/keys/fixtures/{name}", env!("CARGO_MANIFEST_DIR"))
}

pub(crate) fn passphrase() -> Passphrase {
    Passphrase::new(PASSPHRASE)
}

/// A clear private key.
pub(crate) fn signer(name: &str) -> Signer {
    Signer::read(&text(name), None).unwrap()
}

pub(crate) fn public(name: &str) -> PublicKey {
    PublicKey::read(&text(name)).unwrap()
}

pub(crate) fn random() -> UnwrapErr<SysRng> {
    UnwrapErr(SysRng)
}
