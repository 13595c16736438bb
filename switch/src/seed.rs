//! Random octets from the kernel. An error is in words.

/// For control: challenges, tokens, tables. For a core: tables, and what encrypted frames are padded with.
pub(crate) fn octets() -> Result<[u8; 32], String> {
    let mut seed = [0; 32];
    getrandom::fill(&mut seed).map_err(|error| format!("no random octets: {error}"))?;
    Ok(seed)
}
