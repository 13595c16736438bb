use std::borrow::Cow;

use proptest::prelude::*;

use super::*;

struct Values;

impl Lookup for Values {
    fn value(&self, name: &str) -> Option<Cow<'_, str>> {
        Some(Cow::Borrowed(match name {
            "TEN" => "10",
            "NAME" => "John Doe",
            "SLY" => "x\" = \"x",
            "SUM" => "1 + 1",
            "STATUS" => "BUSY",
            "EMPTY" => "",
            _ => return None,
        }))
    }
}

fn evaluate(text: &str) -> String {
    Expression::parse(text, 0, 0).unwrap().evaluate(&Values).text
}

#[test]
fn expressions_come_to_what_the_field_expects() {
    let cases = [
        ("1", "1"),
        ("1 = 1", "1"),
        ("1==1", "1"),
        ("1 != 1", "0"),
        ("${TEN} > 9", "1"),
        ("${TEN} >= 10", "1"),
        ("${TEN} <= 9", "0"),
        ("${TEN}<9", "0"),
        ("\"10\" < \"9\"", "1"),
        ("\"10\" < 9", "1"),
        ("010 = 10", "1"),
        ("\"010\" = \"10\"", "0"),
        ("10.0 = 10", "1"),
        ("abc < abd", "1"),
        ("\"${STATUS}\" = \"BUSY\"", "1"),
        ("${STATUS} = BUSY", "1"),
        ("\"${EMPTY}\" = \"\"", "1"),
        ("${EMPTY} = 5", "0"),
        ("${NOTHING} != 5", "1"),
        ("${NAME} = John Doe", "1"),
        ("${SLY} = 1", "0"),
        ("${SUM} = 2", "0"),
        ("1 + 2 - 4", "-1"),
        ("1 - 2 - 3", "-4"),
        ("1 - (2 - 3)", "2"),
        ("-5 + 2", "-3"),
        ("--5", "5"),
        ("2 + a", "0"),
        ("0.5 + 1", "1.5"),
        ("9223372036854775807 + 1", "9223372036854776000"),
        ("9007199254740993 = 9007199254740992", "0"),
        ("1 | 0", "1"),
        ("0 | abc", "abc"),
        ("\"\" | 0", "0"),
        ("7 & 1", "7"),
        ("7 & 0", "0"),
        ("1 = 1 & 2 = 2 | 0", "1"),
        ("1 || 0 && 0", "1"),
        ("(1 | 0) & 0", "0"),
        ("1 + 1 = 2", "1"),
        ("$[1 + 1] = 2", "1"),
        ("${TEN:0:1}5 = 15", "1"),
    ];
    for (text, expected) in cases {
        assert_eq!(evaluate(text), expected, "$[{text}]");
    }
}

#[test]
fn what_is_not_understood_is_marked() {
    let cases = [
        ("1 * 2", 2..3),
        ("1 =", 0..3),
        ("", 0..0),
        ("= 5", 0..1),
        ("(1", 0..2),
        ("1)", 1..2),
        ("\"a", 0..2),
        ("a =~ b", 2..3),
        ("a ? b : c", 2..3),
        ("!a", 0..1),
        ("a = +49", 4..5),
    ];
    for (text, at) in cases {
        assert_eq!(Expression::parse(text, 0, 0).unwrap_err().at, at, "$[{text}]");
    }
    let long = vec!["1"; 200].join("+");
    assert!(Expression::parse(&long, 0, 0).unwrap_err().message.contains("operators"));
    assert!(Expression::parse(&"-".repeat(5000), 0, 0).is_err());
}

proptest! {
    #[test]
    fn no_text_makes_it_panic(
        text in "([0-9.]{1,20}|[=<>!&|+()\" -]|\\$\\{TEN\\}|\\$\\[1\\]|[a-z~ü$\\[{]){0,40}",
    ) {
        if let Ok(expression) = Expression::parse(&text, 7, 0) {
            expression.evaluate(&Values);
        }
    }

    #[test]
    fn whole_numbers_compare_and_add_as_numbers(a in -1_000_000i64..1_000_000, b in -1_000_000i64..1_000_000) {
        prop_assert_eq!(evaluate(&format!("{a} < {b}")) == "1", a < b);
        prop_assert_eq!(evaluate(&format!("{a} = {b}")) == "1", a == b);
        prop_assert_eq!(evaluate(&format!("{a} + {b}")), (a + b).to_string());
        prop_assert_eq!(evaluate(&format!("{a} - {b}")), (a - b).to_string());
    }
}
