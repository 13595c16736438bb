//! The common syntax, rule by rule.

use super::*;
use crate::conf::Level;
use proptest::prelude::*;

/// Reads `main` as `a.conf` with other files beside it.
fn read_files(main: &str, others: &[(&str, &str)]) -> (Vec<Section>, Vec<Diagnostic>) {
    let mut sources = Sources::new();
    sources.add("a.conf", main);
    for (name, text) in others {
        sources.add(*name, *text);
    }
    let mut diagnostics = Vec::new();
    let sections = read(&sources, "a.conf", &mut diagnostics);
    (sections, diagnostics)
}

/// Sections as `name: key=value key=value`, for comparing.
fn shown(sections: &[Section]) -> Vec<String> {
    let line = |line: &Line| format!(" {}={}", line.key, line.value);
    let mark = |section: &Section| if section.template { "!" } else { "" };
    let lines = |section: &Section| section.lines.iter().map(line).collect::<String>();
    sections
        .iter()
        .map(|section| format!("{}{}:{}", section.name, mark(section), lines(section)))
        .collect()
}

#[test]
fn every_form_of_line_and_header_is_read() {
    for (text, expected) in [
        ("[g]\na=1\n", vec!["g: a=1"]),
        ("\u{feff}[g]\r\n  a =  1 2 \r\n", vec!["g: a=1 2"]),
        ("[g] text\na => 1\n", vec!["g: a=1"]),
        ("[g]\na = b = c\n", vec!["g: a=b = c"]),
        ("[g]\na =\n", vec!["g: a="]),
        ("[g]\na = 1 ; more\n; all\n;; all\n", vec!["g: a=1"]),
        ("[g]\nsecret=a\\;b\\;\\c\n", vec!["g: secret=a;b;\\c"]),
        ("[g]\nsecret=\"x\"\n", vec!["g: secret=\"x\""]),
        ("[g]\na=1;-- no\nb=2\n--; \nc=3\n", vec!["g: a=1 c=3"]),
        ("[g]\na=x;-- in --;y\n", vec!["g: a=xy"]),
        ("[g]\n;-- ;-- a --; b=2\n--;c=3\n", vec!["g: c=3"]),
        ("[g]\n;--- ordinary\na=1\n;-----\nb=2\n", vec!["g: a=1 b=2"]),
        ("[g]\n\\[x = 1\n\\#y = 2\n\\=z = 3\n", vec!["g: [x=1 #y=2 =z=3"]),
        ("[g]\na=1\na += ,2\nA += 3\n", vec!["g: a=1,2 A=3"]),
        ("[t](!)\na=1\n[s](t)\na=2\n", vec!["t!: a=1", "s: a=1 a=2"]),
        ("[t](!)\na=1\n[u](!,T)\nb=2\n[s](u)\n", vec!["t!: a=1", "u!: a=1 b=2", "s: a=1 b=2"]),
        ("[t]\na=1\n[u]\nb=2\n[s](u,t)\n", vec!["t: a=1", "u: b=2", "s: b=2 a=1"]),
        ("[s]\na=1\n[o]\n[S](+)\nb=2\n", vec!["s: a=1 b=2", "o:"]),
        (
            "[s]\ntype=user\n[s]\ntype=peer\n[s](+type=^peer$)\nb=2\n",
            vec!["s: type=user", "s: type=peer b=2"],
        ),
        (
            "[g]\nexten => 1,1,NoOp(a=b)\nsame => n,Hangup()\n",
            vec!["g: exten=1,1,NoOp(a=b) same=n,Hangup()"],
        ),
    ] {
        let (sections, diagnostics) = read_files(text, &[]);
        assert_eq!(shown(&sections), expected, "{text:?}");
        assert_eq!(diagnostics, [], "{text:?}");
    }
}

#[test]
fn every_mistake_is_told_with_its_place() {
    let warning = Level::Warning;
    let error = Level::Error;
    for (text, level, line, marked, message) in [
        ("[g]\nword\n", warning, 2, "word", "this line has no = and is ignored"),
        ("[g]\n = x\n", warning, 2, "= x", "this line has no key before = and is ignored"),
        (
            "[g]\n#wrong x\n",
            warning,
            2,
            "#wrong x",
            "there is no directive #wrong: the line is ignored",
        ),
        ("a=1\nb=2\n[g]\n", error, 1, "a=1", "this line stands before any [section]"),
        ("[g\na=1\n", error, 1, "[g", "this section header has no ]"),
        ("[g](!\n", error, 1, "[g](!", "this section header has no ) after its ("),
        ("[g](a)\n", error, 1, "a", "there is no section [a] above to inherit from"),
        ("[t](!)\n[g](t, t)\n", error, 2, " t", "there is no section [ t] above to inherit from"),
        ("[g](+)\n", error, 1, "g", "there is no section [g] above to continue"),
        ("[g]\n[g](+a=x.*)\n", error, 2, "+a=x.*", "the filter a=x.* cannot be read"),
        (
            "[g]\n#exec /bin/ls\n",
            error,
            2,
            "#exec /bin/ls",
            "#exec is refused: a configuration file runs no program",
        ),
        (
            "[g]\n#include b.conf\n",
            error,
            2,
            "b.conf",
            "there is no file b.conf in the configuration directory",
        ),
        (
            "[g]\n#include <b*>\n",
            error,
            2,
            "<b*>",
            "no file of the configuration directory matches b*",
        ),
        ("[g]\n#include\n", error, 2, "", "#include needs the name of a file"),
        ("[g]\n#include a.conf\n", error, 2, "a.conf", "a.conf includes itself here"),
        (
            "[g]\na=1 ;-- x\nb=1\n",
            error,
            2,
            ";--",
            "this block comment is never closed: the rest of the file is lost",
        ),
    ] {
        let (_, diagnostics) = read_files(text, &[]);
        let [diagnostic] = diagnostics.as_slice() else {
            panic!("{text:?}: {diagnostics:#?}");
        };
        let place = diagnostic.place.clone().expect("a place");
        assert_eq!(diagnostic.message, message, "{text:?}");
        assert_eq!((diagnostic.level, place.line), (level, line), "{text:?}");
        assert_eq!(&text[place.span], marked, "{text:?}");
    }
}

#[test]
fn an_include_continues_the_section_and_leaves_its_own_open() {
    let others =
        [("iax_a.conf", "b=2\n[n]\nc=3\n"), ("iax_b.conf", "d=4\n"), ("sub/c.conf", "e=5\n")];
    let main = "[g]\na=1\n#include \"iax_*.conf\"\n#include sub/c.conf\n#tryinclude none.conf\n\
                #include /etc/asterisk/iax_b.conf\n";
    let (sections, diagnostics) = read_files(main, &others);
    assert_eq!(shown(&sections), ["g: a=1 b=2", "n: c=3 d=4 e=5 d=4"]);
    assert_eq!(diagnostics, []);
    assert_eq!(&*sections[1].lines[0].value_place.file, "iax_a.conf");
}

#[test]
fn includes_nest_ten_deep() {
    let name = |n: usize| format!("{n}.conf");
    let text = |n: usize| format!("#tryinclude {}\n[s{n}]\n", name(n + 1));
    let others: Vec<_> = (1..=12).map(|n| (name(n), text(n))).collect();
    let others: Vec<_> = others.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect();
    let (sections, diagnostics) = read_files(&text(0), &others);
    assert_eq!(sections.len(), 11);
    assert_eq!(diagnostics.len(), 1);
    assert_eq!(diagnostics[0].message, "files include each other more than 10 deep");
}

#[test]
fn a_long_line_is_an_error_unless_it_is_a_comment() {
    let long = "x".repeat(9000);
    let (sections, diagnostics) = read_files(&format!("[g]\n;{long}\nb={long}\nc=1\n"), &[]);
    assert_eq!(shown(&sections), ["g: c=1"]);
    assert_eq!(diagnostics.len(), 1);
    assert_eq!(diagnostics[0].message, "a line may have 8190 octets, this one has 9002");
}

#[test]
fn templates_that_double_end_at_a_bound() {
    let mut text = "[t0](!)\na=1\n".to_owned();
    for n in 1..40 {
        let t = n - 1;
        text.push_str(&format!("[t{n}](t{t},t{t})\n"));
    }
    let (sections, diagnostics) = read_files(&text, &[]);
    assert!(sections.iter().map(|section| section.lines.len()).sum::<usize>() <= LINES_MAX);
    assert_eq!(diagnostics.len(), 1);
}

#[test]
fn a_part_of_a_value_is_found_unless_an_escape_hides_it() {
    let text = "[g]\nallow = ulaw,gsm\nsecret = a\\;bc\n";
    let (sections, _) = read_files(text, &[]);
    let [allow, secret] = sections[0].lines.as_slice() else { panic!("two lines") };
    assert_eq!(&text[allow.value_part(5..8).span], "gsm");
    assert_eq!(&text[allow.place().span], "allow = ulaw,gsm");
    assert_eq!(secret.value, "a;bc");
    assert_eq!(&text[secret.value_part(2..4).span], "a\\;bc");
}

proptest! {
    #[test]
    fn arbitrary_text_never_panics_and_places_are_within_the_file(
        text in r#"([\[\]()!+=>;\\# \n\r\u{e9}ab-]|;--|--;|\[a\]|\[a\]\(a\)|#include b|\n){0,60}"#
    ) {
        let (sections, diagnostics) = read_files(&text, &[("b", "x=1\n[b]\n")]);
        let lines = sections.iter().flat_map(|section| &section.lines);
        let places = lines
            .flat_map(|line| [line.place(), line.value_part(0..line.value.len())])
            .chain(sections.iter().map(|section| section.place.clone()))
            .chain(diagnostics.iter().filter_map(|diagnostic| diagnostic.place.clone()));
        for place in places {
            if &*place.file == "a.conf" {
                prop_assert!(text.get(place.span.clone()).is_some(), "{place:?}");
                let line = text[..place.span.start].matches('\n').count() + 1;
                prop_assert_eq!(line, place.line as usize);
            }
        }
    }
}
