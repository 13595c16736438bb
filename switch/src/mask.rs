//! Stars over the secrets in lines of configuration that are shown: diagnostics end up in logs and bug reports.

/// `lines` with every secret's octets as stars, so that places in it stay where they are. Errs on the side of stars: a
/// key that looks like a misspelt `secret` hides its value too.
pub(crate) fn secrets(lines: &str) -> String {
    let lines: Vec<_> = lines.split('\n').map(line).collect();
    lines.join("\n")
}

fn line(line: &str) -> String {
    match line.split_once('=') {
        Some((key, value)) if is_like_secret(key.trim()) => {
            let (arrow, value) = value.strip_prefix('>').map_or(("", value), |value| (">", value));
            let padding = value.len() - value.trim_start().len();
            format!("{key}={arrow}{}{}", &value[..padding], stars(&value[padding..]))
        }
        _ => accounts(line),
    }
}

/// `user:secret@host`, as in `register =>` and in dial strings: stars from the colon to the last `@` of the word.
fn accounts(line: &str) -> String {
    let words =
        line.split_inclusive(|c: char| c.is_whitespace() || matches!(c, '/' | ',' | '&' | '('));
    words.map(account).collect()
}

fn account(word: &str) -> String {
    let parts = word.split_once(':').and_then(|(user, rest)| {
        let (secret, host) = rest.rsplit_once('@')?;
        Some(format!("{user}:{}@{host}", stars(secret)))
    });
    parts.unwrap_or_else(|| word.to_owned())
}

fn stars(secret: &str) -> String {
    "*".repeat(secret.len())
}

/// Within two strokes of `secret`.
fn is_like_secret(key: &str) -> bool {
    const SECRET: &[u8] = b"secret";
    let key = key.to_ascii_lowercase();
    let mut costs: Vec<usize> = (0..=SECRET.len()).collect();
    for (row, letter) in key.bytes().enumerate() {
        let mut diagonal = row;
        costs[0] = row + 1;
        for (column, &expected) in SECRET.iter().enumerate() {
            let substituted = diagonal + usize::from(letter != expected);
            diagonal = costs[column + 1];
            costs[column + 1] = substituted.min(costs[column] + 1).min(diagonal + 1);
        }
    }
    costs[SECRET.len()] <= 2
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_starred_and_all_else_stays() {
        for (shown, masked) in [
            ("secret = h\u{fc}sh ; old", "secret = ***********"),
            ("  Secret=>x", "  Secret=>*"),
            ("secert=x", "secert=*"),
            ("sceret = x", "sceret = *"),
            ("secrets=a", "secrets=*"),
            ("register => me:hush@192.0.2.1:4569", "register => me:****@192.0.2.1:4569"),
            ("register => me:[key]@host/x", "register => me:*****@host/x"),
            ("register => me@host:4569", "register => me@host:4569"),
            (
                "same => n,Dial(IAX2/u:p@q@b/${EXTEN},30)",
                "same => n,Dial(IAX2/u:***@b/${EXTEN},30)",
            ),
            ("exten => _1XX,1,NoOp(${EXTEN:1})", "exten => _1XX,1,NoOp(${EXTEN:1})"),
            ("bindport = 4569", "bindport = 4569"),
            ("secret", "secret"),
            ("", ""),
        ] {
            assert_eq!(secrets(shown), masked);
            assert_eq!(shown.len(), masked.len(), "places stay: {shown}");
        }
        assert_eq!(secrets("secret=a\nb=1\n"), "secret=*\nb=1\n");
    }
}
