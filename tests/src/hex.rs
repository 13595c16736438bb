//! Named octets as people write them.

/// The octets of a text of two-digit hexadecimal numbers; what stands behind `|` or `#` in a line is comment.
///
/// # Panics
/// On anything else, since such a text is part of a test.
pub fn hex(text: &str) -> Vec<u8> {
    let code = text.lines().flat_map(|line| line.split(['|', '#']).next());
    let pairs = code.flat_map(str::split_whitespace);
    let octet = |pair: &str| {
        assert!(pair.len() == 2, "{pair:?} is no octet");
        u8::from_str_radix(pair, 16).unwrap_or_else(|error| panic!("{pair:?}: {error}"))
    };
    pairs.map(octet).collect()
}
