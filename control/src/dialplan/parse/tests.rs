use proptest::prelude::*;

use super::super::pattern::Pattern;
use super::*;

fn plan(text: &str) -> Dialplan {
    let mut sources = Sources::new();
    sources.add("extensions.conf", text);
    Dialplan::parse(&sources, &[], &|_| true).0
}

/// The extension that answers, as the file spells it.
fn found(plan: &Dialplan, context: &str, number: &str, caller: Option<&str>) -> Option<String> {
    use super::super::plan::{Caller, Wanted};
    let context = plan.context(context)?;
    let (id, _) = plan.find(context, number, Caller::Number(caller), Wanted::Priority(1))?;
    plan.extension(id).map(|extension| extension.written.to_string())
}

#[test]
fn the_first_context_with_a_match_wins() {
    let plan = plan(
        "[in]
         include => far
         exten => _1X,1,Answer
         include => near
         [far]
         exten => _2X,1,Answer
         include => deep
         include => in
         [near]
         exten => 20,1,Answer
         exten => 30,1,Answer
         exten => 12,1,Answer
         [deep]
         exten => _3X,1,Answer",
    );
    let of = |number| found(&plan, "in", number, None);
    assert_eq!(of("12").as_deref(), Some("_1X"), "own extensions before included ones");
    assert_eq!(of("20").as_deref(), Some("_2X"), "includes in order, whatever is more specific");
    assert_eq!(of("30").as_deref(), Some("_3X"), "depth first");
    assert_eq!(of("40"), None);
    assert_eq!(found(&plan, "deep", "20", None), None);
    assert!(plan.has_context("far") && !plan.has_context("FAR"));
}

#[test]
fn in_a_context_the_most_specific_wins() {
    let plan = plan(
        "[in]
         exten => _X.,1,Answer
         exten => _1XX,1,Answer
         exten => _12X,1,Answer
         exten => 12-3,1,Answer
         exten => _[1-3]2!,1,Answer
         exten => _9N,2,Answer
         exten => _9X,1,Answer",
    );
    for (number, expected) in [
        ("123", Some("12-3")),
        ("1-23", Some("12-3")),
        ("124", Some("_12X")),
        ("1-2-4", Some("_12X")),
        ("134", Some("_1XX")),
        ("12", Some("_[1-3]2!")),
        ("3299", Some("_[1-3]2!")),
        ("999", Some("_X.")),
        ("95", Some("_9X")), // _9N has no priority 1
        ("s", None),
        ("5", None),
    ] {
        assert_eq!(found(&plan, "in", number, None).as_deref(), expected, "{number}");
    }
}

#[test]
fn a_caller_condition_goes_before_none() {
    let plan = plan(
        "[in]
         exten => 100,1,Answer
         exten => 100/_55X,1,Answer
         exten => 100/55-5,1,Answer
         exten => 100/,1,Answer
         exten => _2XX/_7.,1,Answer
         exten => _2XX,1,Answer
         exten => _3X/9,1,Answer",
    );
    for (number, caller, expected) in [
        ("100", Some("555"), Some("100/55-5")),
        ("100", Some("55-6"), Some("100/_55X")),
        ("100", Some("1"), Some("100")),
        ("100", None, Some("100/")),
        ("100", Some(""), Some("100/")),
        ("200", Some("79"), Some("_2XX/_7.")),
        ("200", None, Some("_2XX")),
        ("30", Some("8"), None),
        ("30", Some("9"), Some("_3X/9")),
    ] {
        assert_eq!(found(&plan, "in", number, caller).as_deref(), expected, "{number} {caller:?}");
        assert_eq!(plan.exists("in", number, caller), expected.is_some());
    }
}

/// Priorities of an extension, by the lines that made them.
fn priorities(lines: &str, number: &str) -> Vec<(u32, String)> {
    let plan = plan(&format!("[in]\n{lines}"));
    let extension = plan.context("in").and_then(|context| {
        use super::super::plan::{Caller, Wanted};
        plan.find(context, number, Caller::Anyone, Wanted::Priority(1))
    });
    let extension = extension.and_then(|(id, _)| plan.extension(id)).unwrap();
    extension
        .priorities
        .iter()
        .map(|priority| (priority.number, priority.line.to_string()))
        .collect()
}

#[test]
fn priorities_count_as_the_reference_says() {
    let lines = "exten => 1,1,Answer
        exten => 1,n,Answer
        exten => 1,hint,IAX2/b
        exten => 1,n(x)+3,Answer
        exten => 2,1,Answer
        exten => 2,n,Answer
        exten => 1,n+8,Answer
        same => x+1,Answer
        same => 20,Answer
        same => s,Answer
        SAME => n,Answer
        exten => 2/5,1,Answer
        same => n,Answer";
    let of = |number| {
        priorities(lines, number)
            .into_iter()
            .map(|(n, line)| format!("{n}={line}"))
            .collect::<Vec<_>>()
            .join(" ")
            .replace("extensions.conf:", "")
    };
    assert_eq!(of("1"), "1=2 2=3 6=5 7=9 11=8 20=10 21=12");
    assert_eq!(of("2"), "1=13 2=14");
}

#[test]
fn sections_of_one_name_are_one_context() {
    let plan = plan(
        "[in]\nexten => 1,1,Answer\n[x]\n[in]\nexten => 2,1,Answer\n[x](+)\nexten => 3,1,Answer",
    );
    assert!(plan.exists("in", "1", None) && plan.exists("in", "2", None));
    assert!(plan.exists("x", "3", None) && !plan.exists("x", "1", None));
}

#[test]
fn globals_are_filled_in_where_the_file_is_read() {
    let plan = plan(
        "[globals]
         OFFICE=49
         [in]
         exten => _${PREFIX}X,1,Answer
         include => ${MORE}
         [Globals]
         PREFIX=00${OFFICE}
         MORE=more
         [more]
         exten => ${OFFICE},1,Answer",
    );
    assert_eq!(plan.globals["PREFIX"], "0049");
    assert!(plan.exists("in", "00495", None) && plan.exists("in", "49", None));
    assert!(!plan.has_context("globals"));
}

#[test]
fn a_search_has_a_bound() {
    let mut text = String::new();
    for n in 0..200 {
        text += &format!("[c{n}]\ninclude => c{}\nexten => {n},1,Answer\n", n + 1);
    }
    let mut sources = Sources::new();
    sources.add("extensions.conf", text + "[c200]\n");
    let (plan, diagnostics) = Dialplan::parse(&sources, &["c0"], &|_| true);
    assert!(plan.exists("c0", "127", None) && !plan.exists("c0", "128", None));
    assert!(plan.exists("c100", "199", None));
    assert!(diagnostics[0].message.contains("more than 128 contexts"));
}

#[test]
fn times_that_mean_always_are_no_times() {
    assert!(plan("[in]\ninclude => b,*,*,*,*\n[b]\nexten => 1,1,Answer").exists("in", "1", None));
    assert!(
        !plan("[in]\ninclude => b,9:00-17:00,*,*,*\n[b]\nexten => 1,1,Answer")
            .exists("in", "1", None)
    );
}

proptest! {
    /// Searching a file finds what trying all its patterns in order would find.
    #[test]
    fn the_search_agrees_with_a_naive_one(
        numbers in prop::collection::btree_set("_?[0-3XNZ]{1,3}[.!]?", 1..16),
        called in prop::collection::vec("[0-4]{1,4}", 1..12),
    ) {
        let lines: Vec<String> =
            numbers.iter().map(|number| format!("exten => {number},1,Answer")).collect();
        let plan = plan(&format!("[in]\n{}", lines.join("\n")));
        for called in &called {
            let literal = numbers.contains(called).then(|| called.clone());
            let patterns = numbers.iter().filter_map(|number| number.strip_prefix('_'));
            let naive = literal.or_else(|| {
                let pattern = |text: &&str| Pattern::parse(text).unwrap();
                let best = patterns.filter(|text| pattern(text).matches(called)).min_by_key(pattern)?;
                Some(format!("_{best}"))
            });
            prop_assert_eq!(found(&plan, "in", called, None), naive);
        }
    }
}
