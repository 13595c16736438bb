use proptest::prelude::*;

use super::*;

fn plain(peer: &str) -> Destination {
    Destination {
        user: None,
        secret: None,
        key: None,
        peer: peer.to_owned(),
        port: None,
        number: None,
        context: None,
        auto_answer: false,
    }
}

fn text(text: &str) -> Option<String> {
    Some(text.to_owned())
}

#[test]
fn every_part_of_a_dial_string_is_read() {
    let secret = |text: &str| Some(Secret::new(text));
    let cases = [
        ("IAX2/b", plain("b")),
        ("iax2/b/", plain("b")),
        ("IAX2/b/123", Destination { number: text("123"), ..plain("b") }),
        ("IAX2/b:4570", Destination { port: Some(4570), ..plain("b") }),
        (
            "IAX2/u@b:4570/123@ctx/a",
            Destination {
                user: text("u"),
                port: Some(4570),
                number: text("123"),
                context: text("ctx"),
                auto_answer: true,
                ..plain("b")
            },
        ),
        ("IAX2/u:s@b", Destination { user: text("u"), secret: secret("s"), ..plain("b") }),
        ("IAX2/u:s@t@b", Destination { user: text("u"), secret: secret("s@t"), ..plain("b") }),
        ("IAX2/u:[k]@b", Destination { user: text("u"), key: text("k"), ..plain("b") }),
        (
            "IAX2/u:s:[k]@b",
            Destination { user: text("u"), secret: secret("s"), key: text("k"), ..plain("b") },
        ),
        (
            "IAX2/u:[k]:s@b",
            Destination { user: text("u"), secret: secret("s"), key: text("k"), ..plain("b") },
        ),
        ("IAX2/@b", plain("b")),
        ("IAX2/b/@ctx", Destination { context: text("ctx"), ..plain("b") }),
    ];
    for (written, expected) in cases {
        assert_eq!(destination(written), Ok(expected), "{written}");
    }
}

#[test]
fn what_cannot_be_called_is_told() {
    let cases = [
        ("123", "Dial(123) names no technology, only a number"),
        ("SIP/b/123", "this switch calls by IAX2 only, not by SIP"),
        ("IAX2/", "this dial string names no peer"),
        ("IAX2//123", "this dial string names no peer"),
        ("IAX2/u@/123", "this dial string names no peer"),
        ("IAX2/b:0", "b:0 ends in no port of 1 to 65535"),
        ("IAX2/::1/5", "this dial string names no peer"),
        ("IAX2/fe80::1/5", "fe80::1 ends in no port of 1 to 65535"),
    ];
    for (written, message) in cases {
        assert_eq!(destination(written).unwrap_err().message, message, "{written}");
    }
    let long = format!("IAX2/b/{}", "1".repeat(ELEMENT_MAX + 1));
    assert!(destination(&long).is_err());
}

#[test]
fn several_destinations_are_called_as_far_as_they_can_be() {
    let (usable, wrong) = destinations("IAX2/a/1& SIP/b &IAX2/c/1");
    assert_eq!(usable.len(), 2);
    assert_eq!(wrong.len(), 1);
    let (usable, wrong) = destinations(" & ");
    assert!(usable.is_empty() && wrong.len() == 1);
}

#[test]
fn a_time_out_is_in_seconds() {
    let seconds = |seconds: f64| Some(Duration::from_secs_f64(seconds));
    for (text, expected) in [
        ("", None),
        (" 30 ", seconds(30.0)),
        ("2.5", seconds(2.5)),
        ("30^10", seconds(30.0)),
        ("^10", None),
        ("0", None),
        ("\"5\"", seconds(5.0)),
    ] {
        assert_eq!(timeout(text), Ok(expected), "{text}");
    }
    for text in ["abc", "-1", "nan", "30s", "1e300"] {
        assert!(timeout(text).is_err(), "{text}");
    }
}

proptest! {
    #[test]
    fn no_dial_string_makes_it_panic(text in "(IAX2/)?[a-z0-9:@/&\\[\\]ü^.-]{0,40}") {
        let (usable, wrong) = destinations(&text);
        prop_assert!(!usable.is_empty() || !wrong.is_empty());
        let _ = timeout(&text);
    }
}
