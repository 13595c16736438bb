//! `trunkline check` as an operator runs it: what it prints, and its exit status.

use crate::common::{BROKEN, Dir, trunkline};

#[test]
fn an_empty_directory_is_refused_with_what_is_missing() {
    let dir = Dir::new("check-empty", &[]);
    let ran = trunkline(&["check", dir.path()]);
    assert_eq!(ran.status, Some(2));
    assert!(ran.stdout.starts_with("error: there is no iax.conf\n"), "{}", ran.stdout);
    assert!(ran.stdout.ends_with("\n1 error, 1 warning\n"), "{}", ran.stdout);
    assert_eq!(ran.stderr, "");
}

#[test]
fn an_error_is_marked_in_its_line() {
    let dir = Dir::new("check-error", &[("iax.conf", BROKEN), ("extensions.conf", b"[a]\n")]);
    let ran = trunkline(&["check", dir.path()]);
    assert_eq!(ran.status, Some(2));
    let marked = format!(
        "error: unknown key \"secert\"
 --> {}/iax.conf:5:1
  |
5 | secert = *
  | ^^^^^^
  |
  = help: did you mean secret? As it stands it protects nothing

1 error, 0 warnings
",
        dir.path()
    );
    assert_eq!(ran.stdout, marked);
}

#[test]
fn a_filter_of_the_log_is_checked_too() {
    let files: &[(&str, &[u8])] = &[
        ("iax.conf", b"[general]\n"),
        ("extensions.conf", b"[a]\n"),
        ("trunkline.conf", b"[log]\nfilter = call=loud\n"),
    ];
    let dir = Dir::new("check-filter", files);
    let ran = trunkline(&["check", dir.path()]);
    assert_eq!(ran.status, Some(2), "{}", ran.stdout);
    assert!(ran.stdout.contains("[log] filter: `call=loud` is no filter"), "{}", ran.stdout);
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
    for command in [&["--help"][..], &["check", "--help"], &["run", "--help"], &["demo", "--help"]]
    {
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

/// A host at `own` with one section that means the host at `other`.
fn host(name: &str, section: (&str, &str), own: &str, other: &str, secret: &str) -> Dir {
    let (section, username) = section;
    let iax = format!(
        "[general]\nbindaddr = {own}\n[{section}]\ntype = friend\nhost = {other}\n\
         username = {username}\nsecret = {secret}\ncontext = in\n"
    );
    let extensions = format!("[in]\nexten => _X.,1,Dial(IAX2/{section}/${{EXTEN}})\n");
    let files = [("iax.conf", iax.as_bytes()), ("extensions.conf", extensions.as_bytes())];
    Dir::new(name, &files)
}

#[test]
fn two_hosts_are_checked_against_each_other() {
    let west = host("check-west", ("east", "west"), "192.0.2.1", "192.0.2.2", "right");
    let east = host("check-east", ("west", "east"), "192.0.2.2", "192.0.2.1", "right");
    let ran = trunkline(&["check", west.path(), east.path()]);
    assert_eq!(ran.status, Some(0), "{}", ran.stdout);
    let reached = "callers without a user name are, the first that fits:\n  [east] from its host";
    assert!(ran.stdout.contains(&format!("{}: {reached}", west.path())), "{}", ran.stdout);

    let other = host("check-other", ("west", "east"), "192.0.2.2", "192.0.2.1", "wrong");
    let ran = trunkline(&["check", west.path(), other.path()]);
    assert_eq!(ran.status, Some(2), "{}", ran.stdout);
    let marked = format!(" ::: {}/iax.conf:3:2\n", other.path());
    assert!(
        ran.stdout.contains("has another secret") && ran.stdout.contains(&marked),
        "{}",
        ran.stdout
    );
    assert!(!ran.stdout.contains("wrong"), "{}", ran.stdout);
}

/// The worked interconnect is what newcomers copy: nothing may be wrong with it, nor between its hosts.
#[test]
fn the_example_is_clean_and_its_hosts_fit() {
    let examples = concat!(env!("CARGO_MANIFEST_DIR"), "/../examples/interconnect");
    let switch = format!("{examples}/trunkline");
    for pbx in ["pbx-a", "pbx-b"] {
        let ran = trunkline(&["check", &switch, &format!("{examples}/{pbx}")]);
        assert_eq!(ran.status, Some(0), "{}", ran.stdout);
        assert!(ran.stdout.ends_with("\n0 errors, 0 warnings\n"), "{}", ran.stdout);
        assert!(ran.stdout.contains("[pbx-a] from where it is registered"), "{}", ran.stdout);
    }
}

/// Two hosts that name each other right and share no secret.
#[test]
fn hosts_that_do_not_fit_are_told_so() {
    let far: &[(&str, &[u8])] = &[(
        "iax.conf",
        b"[general]\nregister => pbx-a:other@203.0.113.1\n[trunkline]\ntype=friend\nhost=203.0.113.1\n\
          username=pbx-a\nsecret=other\ncontext=x\n",
    )];
    let far = Dir::new("check-far", far);
    let examples = concat!(env!("CARGO_MANIFEST_DIR"), "/../examples/interconnect/trunkline");
    let ran = trunkline(&["check", examples, far.path()]);
    assert_eq!(ran.status, Some(2), "{}", ran.stdout);
    assert!(ran.stdout.contains("[pbx-a] there has another secret"), "{}", ran.stdout);
}
