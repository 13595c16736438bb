//! `trunkline keys`, and keys where `check` and `run` need them.

use std::os::unix::fs::PermissionsExt;
use std::process::Command;

use crate::common::{Dir, Ran, trunkline};

/// Runs the binary with these variables in its environment.
fn with(variables: &[(&str, &str)], arguments: &[&str]) -> Ran {
    let mut command = Command::new(env!("CARGO_BIN_EXE_trunkline"));
    let output = command.args(arguments).envs(variables.iter().copied()).output().unwrap();
    Ran {
        status: output.status.code(),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}

fn mode(path: &str) -> u32 {
    std::fs::metadata(path).unwrap().permissions().mode() & 0o7777
}

fn set_mode(path: &str, mode: u32) {
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
}

/// A configuration that signs its calls with the key `near`.
fn signing(name: &str, trunkline_conf: &[u8]) -> Dir {
    let iax = b"[general]\nbindaddr = 127.0.0.1\nbindport = 4600\n[far]\ntype = peer\n\
                host = 192.0.2.1\nsecret = x\noutkey = near\n";
    let extensions = b"[in]\nexten => 1,1,Dial(IAX2/far/1)\n";
    let files: &[(&str, &[u8])] =
        &[("iax.conf", iax), ("extensions.conf", extensions), ("trunkline.conf", trunkline_conf)];
    Dir::new(name, files)
}

#[test]
fn a_pair_is_made_checked_and_shown() {
    let dir = Dir::new("keys-made", &[]);
    let made = trunkline(&["keys", "generate", "near", "--dir", dir.path()]);
    assert_eq!(made.status, Some(0), "{}", made.stderr);
    let private = format!("{}/near.key", dir.path());
    assert_eq!(mode(&private), 0o600);
    assert!(made.stdout.starts_with(&format!("{private}: private, 1024 bits, not encrypted;")));
    let checked = trunkline(&["keys", "check", "near", "--dir", dir.path()]);
    assert_eq!(checked.stdout, "near: a pair of 1024 bits\n");
    let shown = trunkline(&["keys", "show", dir.path()]);
    let rows = shown.stdout.lines().map(|row| row.split_whitespace().collect::<Vec<_>>());
    assert_eq!(
        rows.collect::<Vec<_>>(),
        [
            ["name", "type", "bits", "status"],
            ["near", "private", "1024", "usable"],
            ["near", "public", "1024", "usable"]
        ]
    );

    let before = std::fs::read_to_string(&private).unwrap();
    let again = trunkline(&["keys", "generate", "near", "--dir", dir.path()]);
    assert_eq!(again.status, Some(1));
    assert!(again.stderr.contains("is there already: nothing was made"), "{}", again.stderr);
    assert_eq!(std::fs::read_to_string(&private).unwrap(), before);
}

#[test]
fn halves_of_two_pairs_are_no_pair() {
    let dir = Dir::new("keys-mixed", &[]);
    for name in ["a", "b"] {
        trunkline(&["keys", "generate", name, "--dir", dir.path()]);
    }
    std::fs::rename(format!("{}/b.pub", dir.path()), format!("{}/a.pub", dir.path())).unwrap();
    let checked = trunkline(&["keys", "check", "a", "--dir", dir.path()]);
    assert_eq!(checked.status, Some(2));
    assert!(checked.stderr.contains("are not of one pair"), "{}", checked.stderr);
    let alone = trunkline(&["keys", "check", "b", "--dir", dir.path()]);
    assert_eq!(alone.stdout, "b: a private key of 1024 bits alone\n");
    assert_eq!(trunkline(&["keys", "check", "c", "--dir", dir.path()]).status, Some(2));
}

#[test]
fn what_cannot_be_made_is_not() {
    let dir = Dir::new("keys-refused", &[]);
    for (arguments, status) in [
        (&["../near"][..], 1),
        (&["a:b"], 1),
        (&[""], 1),
        (&["near", "--encrypt"], 1),
        (&["near", "--bits", "2048"], 2),
        (&["near", "--bits", "512"], 2),
    ] {
        let arguments = [&["keys", "generate", "--dir", dir.path()], arguments].concat();
        assert_eq!(trunkline(&arguments).status, Some(status), "{arguments:?}");
    }
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 0);
}

#[test]
fn a_key_that_is_needed_must_be_there_and_nobody_else_s_to_read() {
    let dir = signing("keys-needed", b"");
    let missing = trunkline(&["check", dir.path()]);
    assert_eq!(missing.status, Some(2), "{}", missing.stdout);
    let keys = format!("{}/keys", dir.path());
    let needs = format!("error: outkey of [far] needs {keys}/near.key, which");
    assert!(missing.stdout.contains(&format!("{needs} is not there\n")), "{}", missing.stdout);
    assert!(
        missing.stdout.contains(&format!("help: trunkline keys generate near --dir {keys}\n")),
        "{}",
        missing.stdout
    );
    assert_eq!(trunkline(&["run", dir.path()]).status, Some(2));

    assert_eq!(trunkline(&["keys", "generate", "near", "--dir", &keys]).status, Some(0));
    let checked = trunkline(&["check", dir.path()]);
    assert_eq!(checked.status, Some(0), "{}", checked.stdout);

    let private = format!("{keys}/near.key");
    set_mode(&private, 0o640);
    let exposed = trunkline(&["check", dir.path()]);
    assert_eq!(exposed.status, Some(2), "{}", exposed.stdout);
    let why = format!("{needs} may be read by others than its owner (mode 0640)\n");
    assert!(exposed.stdout.contains(&why), "{}", exposed.stdout);
    assert!(exposed.stdout.contains(&format!("help: chmod 600 {private}\n")), "{}", exposed.stdout);

    set_mode(&private, 0o600);
    let text = std::fs::read_to_string(&private).unwrap();
    std::fs::write(&private, &text[..text.len() / 2]).unwrap();
    let cut = trunkline(&["check", dir.path()]);
    let why = format!("{needs} is cut off: its -----END line is missing\n");
    assert!(cut.status == Some(2) && cut.stdout.contains(&why), "{}", cut.stdout);
    let refused = trunkline(&["run", dir.path()]);
    assert!(refused.status == Some(2) && refused.stderr.contains(&why), "{}", refused.stderr);
}

#[test]
fn a_passphrase_comes_from_the_environment_or_a_file() {
    let conf = b"[general]\nastkeydir = pairs\nkey_passphrase_file = phrase\n";
    let dir = signing("keys-passphrase", conf);
    let (keys, file) = (format!("{}/pairs", dir.path()), format!("{}/phrase", dir.path()));
    let phrase = [("TRUNKLINE_KEY_PASSPHRASE", "open sesame")];
    let made = with(&phrase, &["keys", "generate", "near", "--dir", &keys, "--encrypt"]);
    assert_eq!(made.status, Some(0), "{}", made.stderr);

    let check = ["check", dir.path()];
    let absent = trunkline(&check);
    assert!(
        absent.stdout.contains(&format!("cannot read the passphrase of keys in {file}: ")),
        "{}",
        absent.stdout
    );
    assert!(absent.stdout.contains("is encrypted, and there is no passphrase"));
    assert_eq!(with(&phrase, &check).status, Some(0));

    std::fs::write(&file, "open sesame\n").unwrap();
    set_mode(&file, 0o600);
    let opened = trunkline(&check);
    assert_eq!(opened.status, Some(0), "{}", opened.stdout);
    set_mode(&file, 0o644);
    assert!(trunkline(&check).stdout.contains("may be read by anybody"));

    let wrong = with(&[("TRUNKLINE_KEY_PASSPHRASE", "open barley")], &check);
    assert_eq!(wrong.status, Some(2));
    assert!(wrong.stdout.contains("the passphrase is wrong"), "{}", wrong.stdout);
    assert!(!wrong.stdout.contains("barley"), "{}", wrong.stdout);
    let named = [("TRUNKLINE_KEY_PASSPHRASE_FILE", file.as_str())];
    let checked = with(&named, &["keys", "check", "near", "--dir", &keys]);
    assert_eq!(checked.stdout, "near: a pair of 1024 bits\n", "{}", checked.stderr);
}
