//! Keys by name, and what is told where the configuration needs one.

use control::conf::{self, Diagnostic, Level, Sources};
use control::dialplan::Dialplan;
use control::keys::{KeyFile, KeyRing, Passphrase};

use crate::fixtures::{passphrase, text};

/// A file as the directory has it.
fn file(name: &str, fixture: &str, mode: u32) -> KeyFile {
    let (key, kind) = KeyFile::named(name).unwrap();
    let text = Ok(text(fixture).into());
    KeyFile { path: format!("keys/{name}"), name: key.to_owned(), kind, mode, text }
}

/// Reads `files` for this configuration.
fn read(
    iax: &str,
    extensions: &str,
    files: &[KeyFile],
    passphrase: Option<&Passphrase>,
) -> (KeyRing, Vec<Diagnostic>) {
    let mut sources = Sources::new();
    sources.add("iax.conf", iax);
    sources.add("extensions.conf", extensions);
    let (config, _) = conf::parse_despite_errors(&sources);
    let (plan, _) = Dialplan::parse(&sources, &[], &|_| true);
    KeyRing::read("keys", files, passphrase, &config.unwrap(), &plan)
}

/// Each diagnostic as `LEVEL LINE message`.
fn lines(told: &[Diagnostic]) -> Vec<String> {
    let line = |told: &Diagnostic| {
        let level = if told.level == Level::Error { "error" } else { "warning" };
        let line = told.place.as_ref().map_or(0, |place| place.line);
        format!("{level} {line} {}", told.message)
    };
    told.iter().map(line).collect()
}

const FRIEND: &str = "[far]\ntype = friend\nhost = 192.0.2.1\nauth = rsa\ninkeys = far\n\
                      outkey = near\npermit = 192.0.2.1\ndeny = 0.0.0.0/0\n";

#[test]
fn a_friend_with_both_keys() {
    let files = [file("far.pub", "other.pub", 0o644), file("near.key", "clear.key", 0o600)];
    let (ring, told) = read(FRIEND, "", &files, None);
    assert_eq!(lines(&told), [] as [&str; 0]);
    assert_eq!(ring.count(), (1, 1));
    assert!(ring.public("far").is_some() && ring.signer("near").is_some());
    assert!(ring.public("near").is_none() && ring.signer("far").is_none());
}

#[test]
fn keys_that_are_not_there() {
    let (_, told) = read(FRIEND, "", &[file("farr.pub", "other.pub", 0o644)], None);
    assert_eq!(
        lines(&told),
        [
            "error 1 inkeys of [far] needs keys/far.pub, which is not there",
            "error 1 outkey of [far] needs keys/near.key, which is not there",
        ]
    );
    assert_eq!(told[0].help.as_deref(), Some("did you mean farr?"));
    assert_eq!(told[1].help.as_deref(), Some("trunkline keys generate near --dir keys"));
}

#[test]
fn registrations_and_dial_strings_name_keys_too() {
    let iax = "[general]\nregister => me:[here]@192.0.2.1\n";
    let extensions = "[globals]\nKEY = there\n[a]\n\
                      exten => 1,1,Dial(IAX2/u:[${KEY}]@192.0.2.1/1&IAX2/u:s:[${EXTEN}]@192.0.2.2/1,30)\n";
    let (_, told) = read(iax, extensions, &[], None);
    assert_eq!(
        lines(&told),
        [
            "error 2 the registration of me needs keys/here.key, which is not there",
            "error 4 a dial string needs keys/there.key, which is not there",
        ]
    );
}

#[test]
fn a_private_key_that_others_may_read_is_refused() {
    for mode in [0o640, 0o604, 0o660, 0o601] {
        let files = [file("far.pub", "other.pub", 0o666), file("near.key", "clear.key", mode)];
        let (ring, told) = read(FRIEND, "", &files, None);
        let expected = format!(
            "error 1 outkey of [far] needs keys/near.key, which may be read by others than its \
             owner (mode {mode:04o})"
        );
        assert_eq!(lines(&told), [expected]);
        assert_eq!(told[0].help.as_deref(), Some("chmod 600 keys/near.key"));
        assert!(ring.signer("near").is_none());
    }
}

#[test]
fn an_encrypted_key_is_told_of_where_it_is_needed() {
    let files = [file("far.pub", "other.pub", 0o644), file("near.key", "des3.key", 0o600)];
    let (ring, told) = read(FRIEND, "", &files, Some(&passphrase()));
    assert!(told.is_empty() && ring.signer("near").is_some());
    for (given, why) in [
        (None, "is encrypted, and there is no passphrase"),
        (Some(&Passphrase::new("x")), "does not open: the passphrase is wrong"),
    ] {
        let (_, told) = read(FRIEND, "", &files, given);
        let expected = format!("error 1 outkey of [far] needs keys/near.key, which {why}");
        assert_eq!(lines(&told), [expected]);
    }
}

#[test]
fn a_file_that_nothing_needs_is_warned_of() {
    let mut unreadable = file("b.pub", "clear.pub", 0o644);
    unreadable.text = Err("permission denied".to_owned());
    let files = [file("c.key", "long.key", 0o600), unreadable];
    let (ring, told) = read("[general]\n", "", &files, None);
    assert_eq!(
        lines(&told),
        [
            "warning 0 keys/b.pub cannot be read: permission denied",
            "warning 0 keys/c.key has 2048 bits; an IAX2 frame has no room for signatures of \
             more than 1512",
        ]
    );
    assert_eq!(ring.count(), (0, 0));
}

#[test]
fn a_key_that_is_all_there_is_is_warned_of() {
    let iax = "[far]\ntype = user\nauth = rsa\ninkeys = far\n";
    let (_, told) = read(iax, "", &[file("far.pub", "other.pub", 0o644)], None);
    assert_eq!(
        lines(&told),
        ["warning 1 far.pub has 1024 bits: alone it is no strong proof today"]
    );
}

#[test]
fn names_of_key_files() {
    for (name, expected) in [
        ("voip1.key", Some("voip1")),
        ("a.b.pub", Some("a.b")),
        (".key", None),
        ("voip1.KEY", None),
        ("voip1", None),
        ("voip1.key~", None),
    ] {
        assert_eq!(KeyFile::named(name).map(|(key, _)| key), expected, "{name}");
    }
}
