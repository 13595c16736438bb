//! Random octets from the kernel. An error is in words.

use control::keys::rand_core::UnwrapErr;
use getrandom::SysRng;

/// For keys. The kernel that answered once answers always.
pub(crate) fn random() -> Result<UnwrapErr<SysRng>, String> {
    octets().map(|_| UnwrapErr(SysRng))
}

/// For control: challenges, tokens, tables. For a core: tables, and what encrypted frames are padded with.
pub(crate) fn octets() -> Result<[u8; 32], String> {
    let mut seed = [0; 32];
    getrandom::fill(&mut seed).map_err(|error| format!("no random octets: {error}"))?;
    Ok(seed)
}
