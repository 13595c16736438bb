//! Random octets from the kernel. An error is in words.

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
