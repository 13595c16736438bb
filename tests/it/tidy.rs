//! Rules of the house, read off the sources: a rule worth having is a check.
//!
//! Each rule is a function from one file to what is wrong with it. Words that may not stand in any file are put
//! together from halves here, so that this one passes.

use crate::source::{Source, blanked, workspace};

/// Crates whose code runs in the switch.
const SHIPPED: &[&str] = &["switch/src/", "dataplane/src/", "control/src/", "tuning/src/"];

/// The clock's own file, and the demonstration, which plays the PBXes and so stands outside of the switch.
const MAY_READ_THE_CLOCK: &[&str] = &["switch/src/clock.rs", "switch/src/demo/"];

/// Files that talk to the kernel, or share memory with it or with another thread.
const MAY_BE_UNSAFE: &[&str] = &[
    "dataplane/src/uring",
    "dataplane/src/net/",
    "dataplane/src/spsc",
    "dataplane/src/pool.rs",
    "dataplane/src/pages.rs",
    "dataplane/src/mmsg.rs",
    "dataplane/src/socket.rs",
    "tuning/src/",
    "switch/src/launch.rs",
    "switch/src/control_loop.rs",
    "switch/src/demo/child.rs",
    "switch/src/demo/placement.rs",
    "bench/src/socket.rs",
    "bench/src/udp.rs",
    "tests/interop/kernel.rs",
    "tests/tests/no_alloc.rs",
];

/// Most lines of a file.
const LINES_MAX: usize = 500;

/// Lines above an `unsafe` in which its reason may stand.
const REASON_WITHIN: usize = 8;

fn clock(file: &Source) -> Vec<String> {
    let reads = ["Instant::now(", "SystemTime::now(", "clock_gettime", "gettimeofday", ".elapsed("];
    if !file.is_in(SHIPPED) || file.is_in(MAY_READ_THE_CLOCK) {
        return Vec::new();
    }
    let found = file.shipped().filter(|(_, code)| reads.iter().any(|read| code.contains(read)));
    found.map(|(n, _)| file.at(n, "reads the clock; only switch/src/clock.rs may")).collect()
}

fn unsafe_code(file: &Source) -> Vec<String> {
    let mut wrong = Vec::new();
    for (n, code) in file.code.iter().enumerate() {
        if !has_word(code, "unsafe") || code.contains("unsafe_code") {
            continue;
        }
        if !file.is_in(MAY_BE_UNSAFE) {
            wrong.push(file.at(n, "says `unsafe`; not one of the files that may"));
        }
        let gives_reason = |line: &String| line.contains("SAFETY:") || line.contains("# Safety");
        let above = file.lines.get(n.saturating_sub(REASON_WITHIN)..=n).unwrap_or_default();
        let is_type = code.contains("unsafe fn(") || code.contains("unsafe extern \"C\" fn(");
        if !is_type && !above.iter().any(gives_reason) {
            wrong.push(file.at(n, "`unsafe` without its SAFETY comment"));
        }
    }
    wrong
}

fn control_leans_on(file: &Source) -> Vec<String> {
    if file.path == "control/src/lib.rs" {
        let forbids = file.code.iter().any(|line| line.trim() == "#![forbid(unsafe_code)]");
        return if forbids { Vec::new() } else { vec![file.at(0, "does not forbid unsafe code")] };
    }
    if !file.is_in(&["control/src/"]) {
        return Vec::new();
    }
    let text = file.code.join("\n");
    let mut wrong = Vec::new();
    for (at, named) in text.match_indices("dataplane::") {
        let line = text[..at].matches('\n').count();
        let after = text[at + named.len()..].trim_start();
        for module in first_segments(after) {
            if !["wire", "time", "handoff", "cipher", "g711"].contains(&module.as_str()) {
                wrong.push(file.at(line, &format!("control uses dataplane::{module}")));
            }
        }
    }
    wrong
}

/// The first path segments of `a::b`, or of each member of `{a::b, c::{d, e}}`.
fn first_segments(after: &str) -> Vec<String> {
    let segment = |text: &str| -> String {
        text.trim().chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect()
    };
    let Some(group) = after.strip_prefix('{') else { return vec![segment(after)] };
    let (mut depth, mut start, mut members) = (0, 0, Vec::new());
    for (at, c) in group.char_indices() {
        match c {
            '{' => depth += 1,
            '}' if depth > 0 => depth -= 1,
            ',' | '}' if depth == 0 => {
                members.push(segment(&group[start..at]));
                start = at + 1;
                if c == '}' {
                    break;
                }
            }
            _ => {}
        }
    }
    members.retain(|member| !member.is_empty());
    members
}

fn wire_stands_alone(file: &Source) -> Vec<String> {
    if !file.is_in(&["dataplane/src/wire"]) {
        return Vec::new();
    }
    let leans = |code: &str| {
        let root = code.trim().trim_start_matches("pub ").strip_prefix("use ").map(first_segments);
        let foreign = |root: &String| !["core", "super"].contains(&root.as_str());
        let leaves = file.path != "dataplane/src/wire.rs"
            && root.is_some_and(|roots| roots.iter().any(foreign));
        leaves || code.contains("crate::") || code.contains("super::super::")
    };
    let found = file.shipped().filter(|(_, code)| leans(code));
    found.map(|(n, _)| file.at(n, "the codec uses something that is not its own")).collect()
}

/// Both planes lean on the cipher, so it leans on no more than the words it is asked in.
fn cipher_stands_alone(file: &Source) -> Vec<String> {
    let words = ["crate::handoff::CallKey;", "crate::wire::BufferTooSmall;"];
    let leans =
        |code: &str| code.contains("crate::") && !words.iter().any(|word| code.contains(word));
    let found = file.shipped().filter(|(_, code)| leans(code));
    if !file.is_in(&["dataplane/src/cipher"]) {
        return Vec::new();
    }
    found.map(|(n, _)| file.at(n, "the cipher uses something that is not its own")).collect()
}

fn length(file: &Source) -> Vec<String> {
    let lines = file.lines.len();
    let too_long = file.path.ends_with(".rs") && lines > LINES_MAX;
    let text = format!("{lines} lines, {LINES_MAX} allowed");
    if too_long { vec![file.at(LINES_MAX, &text)] } else { Vec::new() }
}

fn unfinished(file: &Source) -> Vec<String> {
    let notes = [concat!("TO", "DO"), concat!("FIX", "ME"), concat!("XX", "X:")];
    let calls = [concat!("todo", "!("), concat!("unimplemented", "!("), concat!("#[ign", "ore")];
    let mut wrong = Vec::new();
    for (n, line) in file.lines.iter().enumerate() {
        let noted = notes.iter().find(|note| has_word(line, note));
        let called = calls.iter().find(|call| line.contains(*call));
        let is_ours = file.path.ends_with(".rs") || file.path.ends_with(".toml");
        if let Some(word) = noted.or(called).filter(|_| is_ours) {
            wrong.push(file.at(n, &format!("says {word}")));
        }
    }
    wrong
}

fn machine_paths(file: &Source) -> Vec<String> {
    let paths = [concat!("/wo", "rk/"), concat!("/ro", "ot/"), concat!("/tmp/hel", "pers")];
    let found = file.lines.iter().enumerate();
    let found = found.filter(|(_, line)| paths.iter().any(|path| line.contains(path)));
    found.map(|(n, _)| file.at(n, "names a path of one machine")).collect()
}

fn prints(file: &Source) -> Vec<String> {
    let silent = ["dataplane/src/", "control/src/", "tuning/src/", "tests/src/"];
    if !file.is_in(&silent) {
        return Vec::new();
    }
    let macros = ["print!(", "println!(", "dbg!("]; // with an `e` in front as well
    let found = file.shipped().filter(|(_, code)| macros.iter().any(|name| code.contains(name)));
    found.map(|(n, _)| file.at(n, "a library prints")).collect()
}

/// Whether `word` stands in `line` as a word of its own.
fn has_word(line: &str, word: &str) -> bool {
    let is_part = |c: Option<char>| c.is_some_and(|c| c.is_alphanumeric() || c == '_');
    line.match_indices(word).any(|(at, found)| {
        !is_part(line[..at].chars().next_back())
            && !is_part(line[at + found.len()..].chars().next())
    })
}

/// The workspace has nothing that `rule` finds wrong.
#[track_caller]
fn assert_tidy(rule: fn(&Source) -> Vec<String>) {
    let files = workspace();
    assert!(files.iter().any(|file| file.path == "dataplane/src/wire.rs"), "no sources found");
    let wrong: Vec<String> = files.iter().flat_map(rule).collect();
    assert!(wrong.is_empty(), "\n{}", wrong.join("\n"));
}

/// The rule finds these places wrong in a file of that path and text.
#[track_caller]
fn assert_finds(rule: fn(&Source) -> Vec<String>, path: &str, text: &str, places: &[usize]) {
    let wrong = rule(&Source::new(path, text));
    let found: Vec<_> = wrong.iter().filter_map(|line| line.split(':').nth(1)).collect();
    let expected: Vec<_> = places.iter().map(usize::to_string).collect();
    assert_eq!(found, expected, "{wrong:?}");
}

#[test]
fn only_the_clock_reads_the_clock() {
    let text = "fn f() {\n  // Instant::now()\n  Instant::now();\n}\n#[cfg(test)]\nmod t { Instant::now() }";
    assert_finds(clock, "switch/src/launch.rs", text, &[3]);
    assert_finds(clock, "switch/src/clock.rs", text, &[]);
    assert_finds(clock, "bench/src/lib.rs", text, &[]);
    assert_tidy(clock);
}

#[test]
fn unsafe_code_is_where_it_may_be_and_gives_its_reason() {
    let text = "fn f() {\n  // SAFETY: a reason\n  unsafe { g() }\n}\n\"unsafe\"";
    assert_finds(unsafe_code, "dataplane/src/pool.rs", text, &[]);
    assert_finds(unsafe_code, "dataplane/src/relay.rs", text, &[3]);
    assert_finds(unsafe_code, "dataplane/src/pool.rs", "unsafe { g() }", &[1]);
    assert_tidy(unsafe_code);
}

#[test]
fn control_knows_the_words_of_the_dataplane_only() {
    let path = "control/src/call.rs";
    assert_finds(
        control_leans_on,
        path,
        "use dataplane::wire::Frame;\nuse dataplane::pool::Pool;",
        &[2],
    );
    let grouped = "use dataplane::{time::Instant, wire::{self, io}, io::Backend};";
    assert_finds(control_leans_on, path, grouped, &[1]);
    assert_finds(control_leans_on, "control/src/lib.rs", "mod call;", &[1]);
    assert_tidy(control_leans_on);
}

#[test]
fn the_codec_stands_alone() {
    let path = "dataplane/src/wire/full.rs";
    let text =
        "use core::fmt;\nuse super::Ies;\nuse crate::time::Instant;\nuse arrayvec::ArrayVec;";
    assert_finds(wire_stands_alone, path, text, &[3, 4]);
    assert_finds(wire_stands_alone, "dataplane/src/relay.rs", text, &[]);
    assert_tidy(wire_stands_alone);
}

#[test]
fn the_cipher_leans_on_two_words() {
    let text = "use crate::handoff::CallKey;\nuse crate::pool::Pool;\nuse core::fmt;";
    assert_finds(cipher_stands_alone, "dataplane/src/cipher.rs", text, &[2]);
    assert_finds(cipher_stands_alone, "dataplane/src/relay.rs", text, &[]);
    assert_tidy(cipher_stands_alone);
}

#[test]
fn files_are_short_enough_to_read() {
    assert_finds(length, "control/src/a.rs", &"\n".repeat(501), &[501]);
    assert_finds(length, "control/src/a.rs", &"\n".repeat(500), &[]);
    assert_tidy(length);
}

#[test]
fn nothing_is_left_for_later() {
    let text = [concat!("// TO", "DO: more"), concat!("todo", "!()"), "todos"].join("\n");
    assert_finds(unfinished, "control/src/a.rs", &text, &[1, 2]);
    assert_tidy(unfinished);
}

#[test]
fn no_file_names_a_path_of_one_machine() {
    assert_finds(machine_paths, "README.md", concat!("see\n/wo", "rk/x"), &[2]);
    assert_tidy(machine_paths);
}

#[test]
fn libraries_do_not_print() {
    let text = "println!(\"a\");\neprintln!(\"a\");\nlog(\"println!(\");";
    assert_finds(prints, "control/src/a.rs", text, &[1, 2]);
    assert_finds(prints, "switch/src/main.rs", text, &[]);
    assert_tidy(prints);
}

#[test]
fn comments_and_literals_are_blanked() {
    for (text, expected) in [
        ("a // b\nc", "a     \nc"),
        ("a /* b\n*/ c", "a     \n   c"),
        ("f(\"x\\\"y\") + z", "f(      ) + z"),
        ("br#\"a\"b\"# c", "b         c"),
        ("'\\'' 'a' &'a str", "         &'a str"),
        ("for r in x", "for r in x"),
    ] {
        assert_eq!(blanked(text), expected, "of {text:?}");
    }
}
