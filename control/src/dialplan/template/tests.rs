use std::collections::HashMap;

use proptest::prelude::*;

use super::*;

struct Values(HashMap<&'static str, String>);

impl Lookup for Values {
    fn value(&self, name: &str) -> Option<Cow<'_, str>> {
        self.0.get(name).map(|value| Cow::Borrowed(value.as_str()))
    }
}

fn values() -> Values {
    Values(HashMap::from([
        ("EXTEN", "123456789".to_owned()),
        ("CALLERID(num)", "5551234".to_owned()),
        ("A", "EXT".to_owned()),
        ("N", "3".to_owned()),
        ("EMPTY", String::new()),
        ("NAME", "Jürgen".to_owned()),
        ("LONG", "x".repeat(VALUE_MAX)),
    ]))
}

fn expand(text: &str) -> String {
    Template::parse(text, 0).unwrap().expand(&values())
}

#[test]
fn variables_are_filled_in_and_cut() {
    let cases = [
        ("plain", "plain"),
        ("", ""),
        ("IAX2/b/${EXTEN}", "IAX2/b/123456789"),
        ("${EXTEN:1}", "23456789"),
        ("${EXTEN:1:3}", "234"),
        ("${EXTEN:-4}", "6789"),
        ("${EXTEN:-4:2}", "67"),
        ("${EXTEN:0:-2}", "1234567"),
        ("${EXTEN:2:-2}", "34567"),
        ("${EXTEN:-20:2}", "12"),
        ("${EXTEN:20}", ""),
        ("${EXTEN:4:0}", ""),
        ("${EXTEN:4:-7}", ""),
        ("${EXTEN::3}", "123"),
        ("${EXTEN:9223372036854775807:9223372036854775807}", ""),
        ("${EXTEN:-9223372036854775808:9223372036854775807}", "123456789"),
        ("${CALLERID(num):0:3}", "555"),
        ("${${A}EN}", "123456789"),
        ("${${A}EN:${N}:1}", "4"),
        ("${EXTEN:$[1 + 1]:2}", "34"),
        ("${NOTHING}", ""),
        ("a${EMPTY}b", "ab"),
        ("${NAME:1:1}", "ü"),
        ("cost 5$ {x} [y]", "cost 5$ {x} [y]"),
        ("$", "$"),
    ];
    for (text, expected) in cases {
        assert_eq!(expand(text), expected, "{text}");
    }
}

#[test]
fn broken_texts_are_told_with_their_place() {
    let cases = [
        ("a${EXTEN", 1..8),
        ("$[1 + 2", 0..7),
        ("x${}", 1..4),
        ("${EXTEN:one}", 0..12),
        ("${A${B}", 0..7),
    ];
    for (text, at) in cases {
        assert_eq!(Template::parse(text, 0).unwrap_err().at, at, "{text}");
        assert_eq!(Template::parse(text, 100).unwrap_err().at, at.start + 100..at.end + 100);
    }
}

#[test]
fn nesting_has_a_bound() {
    let deep = format!("{}X{}", "${".repeat(5000), "}".repeat(5000));
    assert!(Template::parse(&deep, 0).unwrap_err().message.contains("nest"));
    let deep = format!("$[{}1{}]", "(".repeat(5000), ")".repeat(5000));
    assert!(Template::parse(&deep, 0).unwrap_err().message.contains("nest"));
}

#[test]
fn a_filled_in_text_has_a_bound() {
    assert_eq!(expand("ü${LONG}${LONG}").len(), VALUE_MAX);
    let odd = format!("{}ü", "x".repeat(VALUE_MAX - 1));
    assert_eq!(expand(&odd).len(), VALUE_MAX - 1);
}

#[test]
fn a_text_is_rendered_as_far_as_the_file_says() {
    let known = |name: &str| match name {
        "TRUNK" => Known::Value("IAX2/carrier".to_owned()),
        "EXTEN" => Known::Number,
        _ => Known::Unknown,
    };
    let template = Template::parse("${TRUNK}/${EXTEN:1}&${X}", 0).unwrap();
    assert_eq!(template.render(&known), "IAX2/carrier/\u{e000}&\u{e001}");
}

proptest! {
    #[test]
    fn no_text_makes_it_panic(text in "(\\$\\{|\\$\\[|\\}|\\]|:|-|[0-9]|EXTEN|[ -~]|ü){0,60}") {
        if let Ok(template) = Template::parse(&text, 0) {
            prop_assert!(template.expand(&values()).len() <= VALUE_MAX);
            template.references(&mut |reference| assert!(reference.at.end <= text.len()));
        }
    }

    #[test]
    fn a_cut_is_a_part_of_the_value(offset in any::<i64>(), length in any::<i64>()) {
        let cut = expand(&format!("${{NAME:{offset}:{length}}}"));
        prop_assert!("Jürgen".contains(&cut));
    }
}
