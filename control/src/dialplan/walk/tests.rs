use std::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::conf::{Level, Sources};
use crate::dialplan::step::DialRequest;

fn plan(text: &str) -> Arc<Dialplan> {
    let mut sources = Sources::new();
    sources.add("extensions.conf", text);
    let (plan, diagnostics) = Dialplan::parse(&sources, &["in"], &|_| true);
    let errors: Vec<_> = diagnostics.iter().filter(|d| d.level == Level::Error).collect();
    assert!(errors.is_empty(), "{errors:?}");
    Arc::new(plan)
}

fn caller() -> CallerId {
    CallerId { number: Some("5551234".to_owned()), name: Some("John Doe".to_owned()) }
}

fn start(text: &str, number: &str) -> Option<Walk> {
    let start = WalkStart {
        context: "in",
        number,
        caller: caller(),
        channel: "IAX2/a-7",
        unique_id: "1.7",
        variables: &[
            ("TENANT".to_owned(), "blue".to_owned()),
            ("__SITE".to_owned(), "b".to_owned()),
        ],
    };
    Walk::start(&plan(text), start)
}

fn walk(lines: &str) -> Walk {
    start(&format!("[globals]\nTRUNK=IAX2/carrier\n[in]\n{lines}"), "123").unwrap()
}

fn dialled(status: DialStatus, cause: u8) -> DialResult {
    DialResult { status, cause }
}

fn request(step: Step) -> DialRequest {
    let Step::Dial(request) = step else { panic!("no Dial but {step:?}") };
    request
}

#[test]
fn a_dial_is_asked_for_with_all_it_says() {
    let mut walk = walk("exten => _X.,1,Dial(${TRUNK}/${EXTEN:1}@ctx&IAX2/u@b:5000,20,gr)");
    let dial = request(walk.step());
    let called: Vec<_> =
        dial.destinations.iter().map(|d| (d.peer.as_str(), d.number.as_deref())).collect();
    assert_eq!(called, [("carrier", Some("23")), ("b", None)]);
    assert_eq!(dial.timeout, Some(Duration::from_secs(20)));
    assert!(dial.options.go_on && dial.options.ring);
    assert_eq!(dial.caller, caller());
    assert_eq!((dial.line.as_str(), walk.line()), ("extensions.conf:4", "extensions.conf:4"));
    assert_eq!((walk.number(), walk.context(), walk.failure()), ("123", "in", None));
}

#[test]
fn the_next_line_is_tried_when_a_dial_fails() {
    let mut walk = walk(
        "exten => _X.,1,Dial(IAX2/a/${EXTEN})
         same => n,Dial(IAX2/b/${EXTEN})
         same => n,Hangup(${HANGUPCAUSE})",
    );
    assert_eq!(request(walk.step()).destinations[0].peer, "a");
    walk.dialled(dialled(DialStatus::ChanUnavail, 20));
    assert_eq!(walk.variable("DIALSTATUS").as_deref(), Some("CHANUNAVAIL"));
    assert_eq!(request(walk.step()).destinations[0].peer, "b");
    walk.dialled(dialled(DialStatus::NoAnswer, 19));
    assert_eq!(walk.step(), Step::Hangup(19));
    assert_eq!(walk.step(), Step::Hangup(19));
    assert_eq!(walk.failure(), None);
}

#[test]
fn a_walk_without_further_lines_ends_as_its_last_dial_did() {
    for (status, cause, expected) in [
        (DialStatus::Busy, 17, Step::FallThrough),
        (DialStatus::ChanUnavail, 1, Step::FallThrough),
        (DialStatus::NoAnswer, 19, Step::FallThrough),
        (DialStatus::Answer, 16, Step::Hangup(16)),
        (DialStatus::Cancel, 16, Step::Hangup(16)),
    ] {
        let mut walk = walk("exten => _X.,1,Dial(IAX2/a/1)\n");
        request(walk.step());
        walk.dialled(dialled(status, cause));
        assert_eq!(walk.step(), expected, "{status:?}");
    }
    assert_eq!(walk("exten => 123,1,NoOp()").step(), Step::Hangup(16));
    assert_eq!(walk("exten => 123,1,Dial(${NOTHING})").step(), Step::Congestion);
}

#[test]
fn an_answered_call_goes_on_only_with_option_g() {
    for (options, expected) in [("", Step::Hangup(16)), (",,g", Step::Hangup(99))] {
        let mut walk =
            walk(&format!("exten => _X.,1,Dial(IAX2/a/1{options})\nsame => n,Hangup(99)"));
        request(walk.step());
        walk.dialled(dialled(DialStatus::Answer, 16));
        assert_eq!(walk.step(), expected);
    }
    let mut gone = walk("exten => _X.,1,Dial(IAX2/a/1,,g)\nsame => n,Hangup(99)");
    request(gone.step());
    gone.dialled(dialled(DialStatus::Cancel, 16));
    assert_eq!(gone.step(), Step::Hangup(16));
}

#[test]
fn every_application_does_its_step() {
    let mut all = walk(
        "exten => 123,1,Answer()
         same => n,progress
         same => n,Ringing()
         same => n,Proceeding
         same => n,NoOp(whatever, it, says)
         same => n,Verbose(1,text)
         same => n,Busy(5)",
    );
    for step in [Step::Answer, Step::Progress, Step::Ringing, Step::Proceeding, Step::Busy] {
        assert_eq!(all.step(), step);
    }
    for (line, expected) in [
        ("Congestion()", Step::Congestion),
        ("Hangup", Step::Hangup(16)),
        ("Hangup()", Step::Hangup(16)),
        ("Hangup(0)", Step::Hangup(16)),
        ("Hangup(21)", Step::Hangup(21)),
        ("Hangup(${NOTHING})", Step::Hangup(16)),
        ("Hangup($[20 + 1])", Step::Hangup(21)),
    ] {
        assert_eq!(walk(&format!("exten => 123,1,{line}")).step(), expected, "{line}");
    }
    let mut odd = walk("exten => 123,1,Hangup(${TENANT})");
    assert_eq!(odd.step(), Step::Hangup(16));
    assert_eq!(odd.failure(), Some("extensions.conf:4: blue is no Q.850 cause"));
}

/// Where a walk ends tells which way it went: the lines are followed by one Hangup for each label.
fn way(lines: &str) -> Step {
    walk(&format!(
        "{lines}
         exten => 123,100(first),Hangup(1)
         exten => 123,n(second),Hangup(2)
         exten => 77,1,Hangup(77)
         exten => 77,n(deep),Hangup(78)
         exten => _8X,1,Hangup(${{EXTEN}})
         include => more
         [more]
         exten => 55,1,Hangup(55)
         [other]
         exten => 123,1,Hangup(5)
         exten => 9,7,Hangup(9)
         exten => s,1,GotoIf($[\"${{CONTEXT}}\" = \"other\"]?9,7)"
    ))
    .step()
}

#[test]
fn gotos_lead_where_they_say() {
    for (line, cause) in [
        ("Goto(first)", 1),
        ("Goto(100)", 1),
        ("Goto(+99)", 1),
        ("Goto(second)", 2),
        ("Goto(123,second)", 2),
        ("Goto(77,1)", 77),
        ("Goto(77,deep)", 78),
        ("Goto(in,77,2)", 78),
        ("Goto( in , 77 , deep )", 78),
        ("Goto(84,1)", 84),
        ("Goto(55,1)", 55),
        ("Goto(other,123,1)", 5),
        ("Goto(other,${EXTEN},1)", 5),
        ("Goto(other,9,7)", 9),
        ("Goto(other,s,1)", 9),
        ("GotoIf($[1 = 1]?first:second)", 1),
        ("GotoIf($[1 = 2]?first:second)", 2),
        ("GotoIf($[\"${CALLERID(num):0:3}\" = \"555\"]?first:second)", 1),
        ("GotoIf(0?first:second)", 2),
        ("GotoIf(007?first:second)", 1),
        ("GotoIf(yes?first:second)", 1),
        ("GotoIf(${NOTHING}?first:second)", 2),
        ("GotoIf($[${EXTEN} > 100 & ${EXTEN} < 200]?other,9,7:second)", 9),
        ("GotoIf(1?:second)\nsame => n,Hangup(3)", 3),
        ("GotoIf(0?second)\nsame => n,Hangup(3)", 3),
        ("Set(WHERE=other,9,7)\nsame => n,Goto(${WHERE})", 9),
    ] {
        assert_eq!(way(&format!("exten => 123,1,{line}")), Step::Hangup(cause), "{line}");
    }
}

#[test]
fn a_goto_to_nowhere_ends_the_call_and_says_so() {
    for (value, why) in [
        ("9,9,9,9", "extensions.conf:5: Goto(9,9,9,9) has too many parts"),
        ("none,1,1", "extensions.conf:5: Goto to a missing context [none]"),
        ("44,1", "extensions.conf:5: Goto(44,1) to a missing priority"),
        ("word", "extensions.conf:5: Goto(word) to a missing label"),
        ("", "extensions.conf:5: Goto() to a missing label"),
    ] {
        let mut walk = walk(&format!("exten => 123,1,Set(X={value})\nexten => 123,n,Goto(${{X}})"));
        assert_eq!(walk.step(), Step::Hangup(3));
        assert_eq!(walk.failure(), Some(why));
    }
}

#[test]
fn variables_are_set_and_read() {
    let mut walk = walk(
        "exten => 123,1,Set(A=1,2=3)
         same => n,Set(__B=${A}${TENANT})
         same => n,Set(N${EXTEN}=x)
         same => n,Set(C=$[${EXTEN} + 1])
         same => n,Set(TRUNK=mine)
         same => n,Set(WHERE=${CONTEXT}/${EXTEN}/${PRIORITY}/${CHANNEL}/${UNIQUEID})
         same => n,Set(EMPTY=)
         same => n,Set(WHO=${CALLERID(all)})
         same => n,Answer()",
    );
    assert_eq!(walk.variable("HANGUPCAUSE").as_deref(), Some("0"));
    assert_eq!(walk.step(), Step::Answer);
    for (name, value) in [
        ("A", Some("1,2=3")),
        ("B", Some("1,2=3blue")),
        ("N123", Some("x")),
        ("C", Some("124")),
        ("TRUNK", Some("mine")),
        ("SITE", Some("b")),
        ("WHERE", Some("in/123/6/IAX2/a-7/1.7")),
        ("EMPTY", Some("")),
        ("WHO", Some("\"John Doe\" <5551234>")),
        ("EXTEN", Some("123")),
        ("NOTHING", None),
    ] {
        assert_eq!(walk.variable(name).as_deref(), value, "{name}");
    }
}

#[test]
fn the_caller_id_can_be_rewritten() {
    let caller_of = |lines: &str| {
        let lines = format!("exten => 123,1,{lines}\nsame => n,Dial(IAX2/a/1)");
        let caller = request(walk(&lines).step()).caller;
        (caller.number.unwrap_or_default(), caller.name.unwrap_or_default())
    };
    let owned = |number: &str, name: &str| (number.to_owned(), name.to_owned());
    for (line, expected) in [
        ("Set(CALLERID(num)=+49${CALLERID(num):-3})", owned("+49234", "John Doe")),
        ("Set(CALLERID(number)=)", owned("", "John Doe")),
        ("Set(callerid(name)=Doe, John)", owned("5551234", "Doe, John")),
        ("Set(CALLERID(all)=\"Exchange\" <100>)", owned("100", "Exchange")),
        ("Set(CALLERID(all)=+49 30 12)", owned("+493012", "")),
        ("Set(CALLERID(all)=)", owned("", "")),
    ] {
        assert_eq!(caller_of(line), expected, "{line}");
    }
}

#[test]
fn an_unusable_dial_fails_at_once_and_the_walk_goes_on() {
    let mut walk = walk(
        "exten => 123,1,Dial(${WHERE}/1)
         same => n,Dial(IAX2/a/1,${WHEN})
         same => n,Set(WHEN=soon)
         same => n,Dial(IAX2/b/1,${WHEN})
         same => n,Dial(IAX2/c/1&${BAD})
         same => n,Hangup()",
    );
    assert_eq!(request(walk.step()).destinations[0].peer, "a");
    assert_eq!(walk.failure(), None);
    walk.dialled(dialled(DialStatus::NoAnswer, 19));
    assert_eq!(request(walk.step()).destinations[0].peer, "c");
    assert_eq!(walk.variable("DIALSTATUS").as_deref(), Some("CHANUNAVAIL"));
    walk.dialled(dialled(DialStatus::ChanUnavail, 20));
    assert_eq!(walk.step(), Step::Hangup(20));

    let mut only = self::walk("exten => 123,1,Dial(${WHERE}/1)");
    assert_eq!(only.step(), Step::Congestion);
    assert_eq!(only.failure(), Some("extensions.conf:4: this switch calls by IAX2 only, not by "));
    assert_eq!(only.variable("HANGUPCAUSE").as_deref(), Some("3"));
}

#[test]
fn no_walk_goes_round_for_ever() {
    for lines in ["exten => 123,1,Goto(1)", "exten => 123,1,Set(X=${X}${X}xx)\nsame => n,Goto(1)"] {
        let mut walk = walk(lines);
        assert_eq!(walk.step(), Step::Hangup(25));
        assert!(walk.failure().is_some_and(|why| why.contains("more than 1000 priorities")));
    }
    let mut answering = walk("exten => 123,1,Ringing()\nsame => n,Goto(1)");
    let rings = (0..2000).take_while(|_| answering.step() == Step::Ringing).count();
    assert_eq!(rings, 500);

    let mut dialling = walk("exten => 123,1,Dial(IAX2/a/1)\nsame => n,Goto(1)");
    let mut dials = 0;
    while let Step::Dial(_) = dialling.step() {
        dials += 1;
        dialling.dialled(dialled(DialStatus::Busy, 17));
    }
    assert_eq!((dials, dialling.step()), (100, Step::Hangup(25)));

    let mut setting =
        walk("exten => 123,1,Set(N=$[${N} + 1])\nsame => n,Set(V${N}=x)\nsame => n,Goto(1)");
    setting.step();
    assert_eq!(setting.variables.len(), VARIABLES_MAX);
}

#[test]
fn a_caller_cannot_write_a_destination_of_its_own() {
    let lines = "[in]\nexten => _X.,1,Dial(IAX2/a/${EXTEN})\nexten => _+X.,1,Answer";
    for number in ["1&IAX2/evil/1", "1@other", "1/2", "1,g", "1${X}", "1\n", "", "1|2", "1(2"] {
        assert!(start(lines, number).is_none(), "{number:?}");
        assert!(!plan(lines).exists("in", number, None));
    }
    for number in ["+4930123", "1 2", "1*#", "12-34"] {
        assert!(start(lines, number).is_some(), "{number:?}");
    }
    let plan = plan("[in]\nexten => 1,1,Dial(IAX2/a/${CALLERID(name)})");
    let caller = CallerId { number: Some("x".into()), name: Some("1&IAX2/evil,9,g".into()) };
    let variables = &[];
    let start =
        WalkStart { context: "in", number: "1", caller, channel: "", unique_id: "", variables };
    let dial = request(Walk::start(&plan, start).unwrap().step());
    let called: Vec<_> = dial.destinations.iter().map(|d| d.number.as_deref()).collect();
    assert_eq!(called, [Some("1IAX2evil9g")]);
}

#[test]
fn a_line_that_cannot_be_run_ends_the_call() {
    let mut sources = Sources::new();
    sources.add("extensions.conf", "[in]\nexten => 1,1,Playback(hello)\n same => n,Answer()");
    let (plan, _) = Dialplan::parse(&sources, &[], &|_| true);
    let start = WalkStart {
        context: "in",
        number: "1",
        caller: CallerId::default(),
        channel: "",
        unique_id: "",
        variables: &[],
    };
    let mut walk = Walk::start(&Arc::new(plan), start).unwrap();
    assert_eq!(walk.step(), Step::Hangup(79));
    assert_eq!(walk.failure(), Some("extensions.conf:2: this switch has no application Playback"));
}

proptest! {
    /// Whatever stands in the file and whatever is dialled, a walk ends.
    #[test]
    fn every_walk_ends(
        lines in prop::collection::vec(
            "(exten => (1|_X\\.|_\\[0-4\\]!|s|1XX)(/|/5)?,|same => )(1|n|n\\(a\\)|3|s)\
             (,(Dial|Goto|GotoIf|Set|Hangup|NoOp|Answer)\\(\
             ([,?:=&/\"]|IAX2/a|\\$\\{EXTEN(:[0-9-])?\\}|\\$\\[|\\]|[1-3]|a|in|X){0,8}\\)?)?",
            0..12,
        ),
        number in "[0-9s]{0,3}",
    ) {
        let mut sources = Sources::new();
        sources.add("extensions.conf", format!("[in]\n{}", lines.join("\n")));
        let (plan, diagnostics) = Dialplan::parse(&sources, &["in"], &|_| true);
        for place in diagnostics.iter().filter_map(|diagnostic| diagnostic.place.as_ref()) {
            let text = sources.get("extensions.conf").unwrap();
            prop_assert!(text.get(place.span.clone()).is_some());
        }
        let plan = Arc::new(plan);
        let (caller, channel, unique_id, variables) = (caller(), "", "", &[][..]);
        let start = WalkStart { context: "in", number: &number, caller, channel, unique_id, variables };
        prop_assert_eq!(plan.exists("in", &number, Some("5551234")), Walk::start(&plan, start.clone()).is_some());
        if let Some(mut walk) = Walk::start(&plan, start) {
            for _ in 0..200_000 {
                match walk.step() {
                    Step::Dial(request) => {
                        prop_assert!(!request.destinations.is_empty());
                        walk.dialled(dialled(DialStatus::NoAnswer, 19));
                    }
                    Step::Answer => {}
                    end => {
                        prop_assert_eq!(walk.step(), end);
                        return Ok(());
                    }
                }
            }
            prop_assert!(false, "the walk did not end");
        }
    }
}
