//! Random octets from the kernel. An error is in words.

use control::keys::rand_core::UnwrapErr;
use getrandom::SysRng;

/// For keys. The kernel that answered once answers always.
pub(crate) fn random() -> Result<UnwrapErr<SysRng>, String> {
    octets().map(|_| UnwrapErr(SysRng))
}

/// For challenges, tokens and tables of control's.
pub(crate) fn octets() -> Result<[u8; 32], String> {
    let mut seed = [0; 32];
    getrandom::fill(&mut seed).map_err(|error| format!("no random octets: {error}"))?;
    Ok(seed)
}

/// For a core's tables.
pub(crate) fn word() -> Result<u64, String> {
    getrandom::u64().map_err(|error| format!("no random octets: {error}"))
}
