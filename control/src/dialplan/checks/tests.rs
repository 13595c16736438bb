use std::sync::Arc;

use proptest::prelude::*;

use super::*;
use crate::conf::Sources;
use crate::dialplan::Dialplan;

fn read(text: &str, reachable: &[&str]) -> (Dialplan, Vec<Diagnostic>) {
    let mut sources = Sources::new();
    sources.add("extensions.conf", text);
    Dialplan::parse(&sources, reachable, &|peer| ["b", "c", "VOIP2"].contains(&peer))
}

/// `E 3 [marked text] message (help)` for each diagnostic.
fn told(text: &str, reachable: &[&str]) -> Vec<String> {
    let line = |diagnostic: &Diagnostic| {
        let level = if diagnostic.level == Level::Error { "E" } else { "W" };
        let help = diagnostic.help.as_deref().unwrap_or("-");
        let place = diagnostic.place.as_ref().map_or_else(String::new, |place| {
            assert_eq!(place.file, Arc::from("extensions.conf"));
            format!("{} [{}] ", place.line, &text[place.span.clone()])
        });
        format!("{level} {place}{} ({help})", diagnostic.message)
    };
    read(text, reachable).1.iter().map(line).collect()
}

/// What is told of one line of a reachable context.
fn of_line(line: &str) -> Vec<String> {
    told(&format!("[in]\n{line}"), &["in"])
}

#[test]
fn the_howto_of_two_linked_servers_gets_its_exact_diagnosis() {
    let text = "[FROM_VOIP2]
include => VOIP1

[VOIP1]
exten => 1XX,1,Dial(${EXTEN}) ; notre context local

exten => 2XX,1,Dial(IAX2/VOIP2/${EXTEN})
";
    assert_eq!(
        told(text, &["FROM_VOIP2"]),
        [
            "W 5 [1XX] 1XX is a literal number: without a leading _ it matches only these letters \
             (did you mean _1XX?)",
            "E 5 [${EXTEN}] Dial(${EXTEN}) names no technology, only a number \
             (write Dial(IAX2/PEER/${EXTEN}), PEER being a section of iax.conf)",
            "W 7 [2XX] 2XX is a literal number: without a leading _ it matches only these letters \
             (did you mean _2XX?)",
        ]
    );
}

#[test]
fn a_proper_dialplan_is_not_talked_about() {
    let text = "[general]
static=yes
autofallthrough=yes
[globals]
CARRIER=IAX2/b
BOTH=${CARRIER}/1&IAX2/c/1
[in]
exten => _49.,1,Dial(${CARRIER}/${EXTEN},30)
 same => n,Dial(IAX2/c/${EXTEN:2}@outside,30,g)
 same => n(busy),GotoIf($[\"${DIALSTATUS}\" = \"BUSY\"]?end:+1)
 same => n,Set(CALLERID(num)=${CALLERID(num):1})
 same => n,Goto(internal,${EXTEN},1)
 same => n(end),Congestion()
exten => _49.,hint,IAX2/b
exten => 100,1,Dial(${BOTH})
exten => 110/555,1,Dial(IAX2/127.0.0.2/1)
exten => s,1,Goto(100,1)
include => internal
ignorepat => 9
[internal](!)
exten => _X.,1,Playback(unused template)
[internal]
exten => _1XX,1,Dial(IAX2/b/${EXTEN})
exten => _1XX,n,Dial(${WHERE})
exten => _1XX,n,Hangup(${HANGUPCAUSE})
";
    assert_eq!(told(text, &["in"]), [""; 0]);
}

#[test]
fn what_calls_cannot_get_past_is_an_error() {
    let cases = [
        ("exten => 1,1,Wait(1)", "[Wait] this switch has no application Wait"),
        (
            "exten => 1,1,Dail(IAX2/b/1)",
            "[Dail] this switch has no application Dail (did you mean Dial?)",
        ),
        (
            "exten => 1,1,Dial,IAX2/b/1",
            "[Dial,IAX2/b/1] the arguments of Dial stand in no parentheses (write Dial(IAX2/b/1))",
        ),
        ("exten => 1,1,Dial(IAX2/b/1", "[(IAX2/b/1] this ( has no )"),
        ("exten => 1,1,", "no application is named"),
        ("exten => 1,1,Dial(IAX2/b/1&${EXTEN}&IAX2/c/1)", "[${EXTEN}] Dial(${EXTEN}) names no"),
        ("exten => 1,1,Dial()", "[] this Dial calls nobody"),
        ("exten => 1,1,Dial(100)", "[100] Dial(100) names no technology"),
        (
            "exten => 1,1,Dial(IAX2/b/1& SIP/x/1)",
            "[SIP] this switch calls by IAX2 only, not by SIP",
        ),
        (
            "exten => 1,1,Dial(Local/1@in)",
            "[Local] this switch calls by IAX2 only, not by Local (write Goto(CONTEXT,NUMBER,1)",
        ),
        ("exten => 1,1,Dial(IAX2/b:x/1)", "[IAX2/b:x/1] b:x ends in no port of 1 to 65535"),
        ("exten => 1,1,Dial(IAX2//1)", "[IAX2//1] this dial string names no peer"),
        ("exten => 1,1,Dial(IAX2/b/1,soon)", "[soon] soon is no number of seconds"),
        ("exten => 1,1,Dial(IAX2/b/1,30,gM(x))", "[M(x)] option M of Dial runs other dialplan"),
        ("exten => 1,1,Dial(IAX2/b/1,30,gy)", "[y] Dial has no option y"),
        ("exten => 1,1,Dial(IAX2/b/1|30)", "[|] arguments are separated by commas, not by |"),
        ("exten => 1,1,Hangup(BUSY)", "[BUSY] this is no Q.850 cause of 1 to 127"),
        ("exten => 1,1,Hangup(200)", "[200] this is no Q.850 cause"),
        ("exten => 1,1,Goto()", "[Goto] this Goto names no place to go"),
        ("exten => 1,1,Goto(2)", "[2] 1 has no priority 2"),
        (
            "exten => 1,1,Goto(en)\nexten => 1,n(end),Hangup",
            "[en] 1 has no label en (did you mean end?)",
        ),
        ("exten => 1,1,Goto(5,1)", "[5,1] [in] has no 5 with a priority 1"),
        (
            "exten => 1,1,Goto(im,5,1)",
            "[im,5,1] there is no context [im] to go to (did you mean in?)",
        ),
        (
            "exten => 1,1,Goto(a,b,c,d)",
            "[a,b,c,d] this names more than context, number and priority",
        ),
        ("exten => 1,1,GotoIf($[1 = 1])", "[$[1 = 1]] GotoIf has no ?"),
        ("exten => 1,1,GotoIf($[1 = 1]?)", "[$[1 = 1]?] GotoIf names no place to go"),
        ("exten => 1,1,GotoIf($[1 = 1]?1:9)", "[9] 1 has no priority 9"),
        ("exten => 1,1,GotoIf($[${EXTEN} * 2]?1)", "[*] * is not understood here"),
        ("exten => 1,1,Set(X)", "[X] Set has no name=value"),
        ("exten => 1,1,Set(CDR(x)=1)", "[CDR(x)] this switch has no function CDR"),
        (
            "exten => 1,1,Set(CALLERID(pres)=x)",
            "[CALLERID(pres)] this switch does not know CALLERID(pres)",
        ),
        ("exten => 1,1,Set(X=${LEN(${EXTEN})})", "this switch has no function LEN"),
        ("exten => 1,1,Set(X=${EXTEN)", "[${EXTEN] this has no closing }"),
        ("exten => 1,n,Answer\nexten => 1,1,Answer", "[n] no priority stands before this one"),
        ("exten => a&b,1,Answer", "[a&b] a&b can never be called"),
        ("exten => _1[2,1,Answer\nsame => n,Answer", "[[2] this [ has no ]"),
        ("exten => 1", "[1] this exten line has no priority"),
        ("exten => 1,0,Answer", "[0] a priority is 1 to 1000000"),
        (
            "exten => 1,start,Answer",
            "[start] start is no priority, and no label of this number above",
        ),
        ("same => n,Answer", "[n,Answer] this line continues no extension"),
        (
            "extn => 1,1,Answer",
            "[extn] a context has no key extn: the line is ignored (did you mean exten?)",
        ),
        ("switch => IAX2/b", "[IAX2/b] switch => asks another dialplan"),
        (
            "include => in2,9:00-17:00,mon-fri,*,*\n[in2]",
            "[,9:00-17:00,mon-fri,*,*] includes at certain times",
        ),
    ];
    for (line, expected) in cases {
        let told = of_line(line);
        assert!(told.len() == 1 && told[0].starts_with("E 2 "), "{line}: {told:#?}");
        assert!(told[0].contains(expected), "{line}: {told:#?}");
        // The same where no user's calls come: a warning.
        let elsewhere = read(&format!("[in]\n{line}"), &[]).1;
        assert!(elsewhere.iter().all(|d| d.level == Level::Warning), "{elsewhere:#?}");
    }
}

#[test]
fn what_is_probably_not_meant_is_a_warning() {
    let cases = [
        (
            "exten => _1XX,1,Dial(IAX2/d/1)",
            "[d] there is no [d] in iax.conf: it is taken as a host name",
        ),
        (
            "exten => 1,1,Dial(IAX2/u:hush@b/1)",
            "[hush] a secret in a dial string is written to logs (write username and secret into [b] of iax.conf)",
        ),
        ("exten => 1,1,Dial(IAX2/b/1,30,tg)", "[t] option t of Dial has no effect"),
        ("exten => 1,1,Dial(IAX2/b/1,30^10)", "[30^10] the time after ringing is not honoured"),
        ("exten => 1,1,Dial(IAX2/b/1) , 30", "[, 30] what follows the last parenthesis is ignored"),
        ("exten => 1,1,Dial(IAX2/b/g1/g)", "[g] a dial string has no option g"),
        (
            "exten => _.,1,Answer",
            "[_.] _. matches special extensions such as h, i and t as well (write _X. for all numbers)",
        ),
        ("exten => h,1,Hangup", "[h,1] the special extension h is never run by this switch"),
        ("exten => 1,2,Answer", "[1,2] calls to 1 never begin: it has no priority 1"),
        (
            "exten => 1,1,Answer\nexten => 1,3,Hangup",
            "3 [1,3] priority 3 of 1 is never reached: it has no priority 2",
        ),
        (
            "exten => 1,1,Answer\nexten => 1,1,Hangup",
            "3 [1,1] 1 has a priority 1 already: this line is ignored",
        ),
        ("exten => 1,1,Set(EXTEN=5)", "[EXTEN] EXTEN is set by the switch: this has no effect"),
        (
            "exten => 1,1,Set(X=${EXTN})",
            "[${EXTN}] nothing in this file sets EXTN (did you mean ${EXTEN}?)",
        ),
        ("include => im", "[im] there is no context [im] to include (did you mean in?)"),
        ("include => in", "[in] this context includes itself"),
        ("mailbox => 1", "[mailbox] a context has no key mailbox: the line is ignored"),
        (
            "exten => _X.,1,Answer\nexten => 12,2,Hangup\n",
            "3 [12,2] priority 2 of 12 is never reached: calls begin in _X. (a PBX would change",
        ),
    ];
    for (line, expected) in cases {
        let told = of_line(line);
        assert!(told.len() == 1 && told[0].starts_with("W "), "{line}: {told:#?}");
        assert!(told[0].contains(expected), "{line}: {told:#?}");
    }
}

#[test]
fn a_line_is_an_error_only_where_calls_can_come_to_it() {
    let text = "[in]
exten => 1,1,Goto(far,1,1)
include => near
[near]
exten => 2,1,Wait(1)
[far]
exten => 1,1,Wait(1)
[alone]
exten => 3,1,Wait(1)
";
    let levels: Vec<String> = told(text, &["in"]).iter().map(|line| line[..3].to_owned()).collect();
    assert_eq!(levels, ["E 5", "E 7", "W 9"]);
    assert!(told(text, &["in"])[2].contains("; calls to 3 of [alone] would end here"));
    assert!(told(text, &["*"]).iter().all(|line| line.starts_with('E')));
    assert_eq!(
        told("[in]\n", &["im"]),
        [
            "W a user's calls go to context im, which extensions.conf does not have (did you mean in?)"
        ]
    );
}

#[test]
fn special_extensions_count_only_where_a_goto_leads_to_them() {
    let wait = "exten => i,1,Wait(1)\n";
    let alone: Vec<String> = of_line(wait).iter().map(|line| line[..1].to_owned()).collect();
    assert_eq!(alone, ["W", "W"]);
    let led = of_line(&format!("{wait}exten => 1,1,Goto(i,1)"));
    assert!(led.len() == 1 && led[0].starts_with("E 2 [Wait]"), "{led:?}");
}

#[test]
fn a_missing_file_is_an_empty_dialplan() {
    let (plan, diagnostics) = Dialplan::parse(&Sources::new(), &["in"], &|_| true);
    assert!(!plan.has_context("in"));
    assert_eq!(diagnostics.len(), 1);
    assert_eq!(diagnostics[0].level, Level::Warning);
}

#[test]
fn a_second_definition_points_at_the_first() {
    let text = "[in]\nexten => 1,1,Answer\n[in]\nexten => 1,1,Hangup\n";
    let diagnostics = read(text, &["in"]).1;
    let (place, label) = diagnostics[0].related.as_ref().unwrap();
    assert_eq!(
        (place.line, &text[place.span.clone()], label.as_str()),
        (2, "1,1", "first defined here")
    );
}

proptest! {
    #[test]
    fn no_file_makes_it_panic(
        text in "(\\[in\\]\n|\\[globals\\]\n|exten => |same => |include => |\
            [a-z0-9_,=>()\\[\\]{}$&/;.!?:|\"\\\\ -]|\n|Dial|Goto|IAX2/|ü){0,80}",
    ) {
        for diagnostic in read(&text, &["in"]).1 {
            if let Some(place) = diagnostic.place {
                prop_assert!(text.get(place.span).is_some());
            }
        }
    }
}
