//! `trunkline check` as an operator runs it: what it prints, and its exit status.

use crate::common::{Dir, trunkline};

#[test]
fn an_empty_directory_is_refused_with_what_is_missing() {
    let dir = Dir::new("check-empty", &[]);
    let ran = trunkline(&["check", dir.path()]);
    assert_eq!(ran.status, Some(2));
    let path = dir.path();
    assert_eq!(
        ran.stdout,
        format!(
            "error: {path}/iax.conf is missing
 |
 = help: it names the peers and users, in Asterisk's syntax

error: {path}/extensions.conf is missing
 |
 = help: it routes calls, in Asterisk's syntax

2 errors, 0 warnings
"
        )
    );
    assert_eq!(ran.stderr, "");
}

#[test]
fn a_directory_that_is_not_there_is_refused() {
    let ran = trunkline(&["check", "/nonexistent/trunkline"]);
    assert_eq!(ran.status, Some(2));
    assert!(
        ran.stdout.starts_with("error: cannot read /nonexistent/trunkline: "),
        "{}",
        ran.stdout
    );
    assert!(ran.stdout.ends_with("\n1 error, 0 warnings\n"), "{}", ran.stdout);
}

#[test]
fn octets_that_are_not_utf8_are_shown_and_accepted() {
    let files: &[(&str, &[u8])] =
        &[("iax.conf", b"[general]\n; caf\xe9\n"), ("extensions.conf", b"[default]\n")];
    let dir = Dir::new("check-utf8", files);
    let ran = trunkline(&["check", dir.path()]);
    assert_eq!(ran.status, Some(0), "{}", ran.stdout);
    let marked = format!(" --> {}/iax.conf:2:6\n  |\n2 | ; caf\u{fffd}\n  |      ^\n", dir.path());
    assert!(ran.stdout.contains(&marked), "{}", ran.stdout);
}

#[test]
fn every_command_explains_itself_and_others_are_refused() {
    for command in [&["--help"][..], &["check", "--help"]] {
        let ran = trunkline(command);
        assert_eq!(ran.status, Some(0));
        assert!(ran.stdout.contains("Usage: trunkline"), "{}", ran.stdout);
    }
    assert_eq!(
        trunkline(&["--version"]).stdout,
        concat!("trunkline ", env!("CARGO_PKG_VERSION"), "\n")
    );
    assert_eq!(trunkline(&["chekc"]).status, Some(2));
    assert_eq!(trunkline(&["check"]).status, Some(2));
}
