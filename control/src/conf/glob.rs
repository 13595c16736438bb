//! Shell wildcards in the file names of `#include`.

/// Whether `name` has a wildcard at all.
pub(super) fn is_pattern(name: &str) -> bool {
    name.contains(['*', '?', '['])
}

/// Whether `name` matches `pattern`: `*` and `?` match within one directory, `[a-z]` and `[!a-z]` one character.
/// A leading dot is matched by a dot only, as shells do.
///
/// Time is bounded by the product of both lengths.
pub(super) fn matches(pattern: &str, name: &str) -> bool {
    let pattern: Vec<char> = pattern.chars().collect();
    let name: Vec<char> = name.chars().collect();
    let (mut p, mut n) = (0, 0);
    let mut retry = None; // after the last star, and the next character it may swallow
    while n < name.len() {
        if pattern.get(p) == Some(&'*') && !is_hidden(&name, n) {
            p += 1;
            retry = Some((p, n));
            continue;
        }
        if let Some(len) = one(&pattern, p, &name, n) {
            p += len;
            n += 1;
            continue;
        }
        match retry {
            Some((after, from)) if name.get(from).is_some_and(|c| *c != '/') => {
                retry = Some((after, from + 1));
                (p, n) = (after, from + 1);
            }
            _ => return false,
        }
    }
    pattern.get(p..).unwrap_or_default().iter().all(|c| *c == '*')
}

/// How many characters of the pattern match the one character at `n`; `None`: it does not match.
fn one(pattern: &[char], p: usize, name: &[char], n: usize) -> Option<usize> {
    let c = *name.get(n)?;
    match pattern.get(p)? {
        '?' => (c != '/' && !is_hidden(name, n)).then_some(1),
        '[' => set(pattern.get(p + 1..)?, c).filter(|_| c != '/' && !is_hidden(name, n)),
        literal => (*literal == c).then_some(1),
    }
}

/// A bracketed set after its `[`: how long it is with its `[`, if it holds `c`.
fn set(body: &[char], c: char) -> Option<usize> {
    let negated = matches!(body.first()?, '!' | '^');
    let body = body.get(usize::from(negated)..)?;
    // A `]` in first place is a member.
    let len = 1 + body.get(1..)?.iter().position(|c| *c == ']')?;
    let members = body.get(..len)?;
    let mut held = false;
    let mut at = 0;
    while let Some(low) = members.get(at) {
        match (members.get(at + 1), members.get(at + 2)) {
            (Some('-'), Some(high)) => {
                held |= (*low..=*high).contains(&c);
                at += 3;
            }
            _ => {
                held |= *low == c;
                at += 1;
            }
        }
    }
    (held != negated).then_some(len + 2 + usize::from(negated))
}

/// Whether the character at `n` is a dot at the beginning of a file's or a directory's name.
fn is_hidden(name: &[char], n: usize) -> bool {
    name.get(n) == Some(&'.')
        && n.checked_sub(1).is_none_or(|before| name.get(before) == Some(&'/'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wildcards_match_as_a_shell_does() {
        for (pattern, name, expected) in [
            ("iax_*.conf", "iax_custom.conf", true),
            ("iax_*.conf", "iax.conf", false),
            ("*", "a", true),
            ("*", ".a", false),
            ("*.conf", "sub/a.conf", false),
            ("sub/*.conf", "sub/a.conf", true),
            ("sub/*", "sub/.a", false),
            ("s?b", "sub", true),
            ("s?b", "s/b", false),
            ("[a-c]x", "bx", true),
            ("[!a-c]x", "bx", false),
            ("[!a-c]x", "dx", true),
            ("[]]x", "]x", true),
            ("[a", "[a", false),
            ("a*b*c", "aXXbYYc", true),
            ("a*b*c", "aXXbYY", false),
            ("*a*a*a*a*a*a*a*a*b", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", false),
            ("x**", "x", true),
        ] {
            assert_eq!(matches(pattern, name), expected, "{pattern} on {name}");
        }
    }
}
