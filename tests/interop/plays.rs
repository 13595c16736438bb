//! What happens in each case, in the words of the field.

use std::thread;
use std::time::Duration;

use tests::frames::{self, Datagram, control, iax, ie, kind};

use crate::Outcome;
use crate::pbx_conf::{self as lines, CALLER_NAME, CALLER_NUMBER, DIGITS_BACK, DIGITS_OUT, WORDS};
use crate::scene::Scene;
use crate::setup::Side::{self, A, B};

/// Long enough for anything that needs no time-out.
pub(crate) const SOON: Duration = Duration::from_secs(10);
/// Blocks that a short talk must at least have.
pub(crate) const SHORT: u32 = 100;

/// A call each way at once, three seconds long, both ends speaking.
pub(crate) fn talk(scene: &mut Scene) -> Outcome<()> {
    let calls = [scene.connect(A, lines::PHONE)?, scene.connect(B, lines::PHONE + 1)?];
    thread::sleep(Duration::from_secs(3));
    scene.judge(&calls, SHORT)
}

/// As [`talk`], and the capture shows MD5 on both legs.
pub(crate) fn md5(scene: &mut Scene) -> Outcome<()> {
    talk(scene)?;
    for side in [A, B] {
        let asked = |from_to: (_, _)| {
            scene.capture.count(from_to.0, from_to.1, |full| {
                full.is_iax(iax::AUTHREQ) && full.ie(ie::AUTHMETHODS).is_some_and(|m| m == [0, 2])
            })
        };
        if asked(scene.inward(side))? == 0 || asked(scene.outward(side))? == 0 {
            return Err(format!("no challenge by MD5 between {} and the far end", side.user()));
        }
    }
    Ok(())
}

/// Places a call that a caller with a name dials, connects both phones and lets them talk.
pub(crate) fn dial_and_talk(scene: &mut Scene, line: u16, seconds: u64) -> Outcome<()> {
    let number = B.number_of(line);
    scene.dial_from_phone(A, number)?;
    scene.speak(number)?;
    thread::sleep(Duration::from_secs(seconds));
    scene.judge(&[number], SHORT)
}

/// Number and name of the caller arrive.
pub(crate) fn caller_id(scene: &mut Scene) -> Outcome<()> {
    dial_and_talk(scene, lines::PHONE, 3)?;
    let arrived = scene.pbx(B).event(&format!("in {}", B.number_of(lines::PHONE)), SOON)?;
    expect("caller", &arrived, &format!("<{CALLER_NUMBER}> <{CALLER_NAME}>"))
}

/// RINGING reaches the caller before the answer does.
pub(crate) fn ringing(scene: &mut Scene) -> Outcome<()> {
    let number = B.number_of(lines::RINGS);
    scene.dial_from_phone(A, number)?;
    scene.wait_frame("RINGING", A, |full| full.is_control(control::RINGING))?;
    let (from, to) = scene.inward(A);
    if scene.capture.count(from, to, |full| full.is_control(control::ANSWER))? > 0 {
        return Err("answered before it rang".to_owned());
    }
    scene.speak(number)?;
    thread::sleep(Duration::from_secs(3));
    scene.judge(&[number], SHORT)
}

/// PROGRESS, and voice before ANSWER.
pub(crate) fn early_media(scene: &mut Scene) -> Outcome<()> {
    scene.strange_max = 1; // ANSWER waits for no tick, the prompt's last block in a trunk frame does
    dial_and_talk(scene, lines::EARLY, 3)?;
    let (from, to) = scene.inward(A);
    let (mut progress, mut early) = (false, 0);
    for packet in scene.capture.packets()? {
        if packet.source.ip() != from || packet.destination.ip() != to {
            continue;
        }
        match frames::parse(&packet.payload)? {
            Datagram::Full(full) if full.is_control(control::ANSWER) => break,
            Datagram::Full(full) if full.is_control(control::PROGRESS) => progress = true,
            Datagram::Full(full) if full.kind == kind::VOICE => early += 1,
            Datagram::Mini(_) => early += 1,
            Datagram::Trunk(trunk) => early += trunk.entries.len(),
            _ => {}
        }
    }
    if progress && early > 20 {
        return Ok(());
    }
    Err(format!("before ANSWER: PROGRESS {progress}, {early} blocks of voice"))
}

/// Digits both ways: the dialplans hear them, and the capture has each once and in order.
pub(crate) fn dtmf(scene: &mut Scene) -> Outcome<()> {
    let number = B.number_of(lines::DIGITS);
    let dial = scene.trunk(A, number);
    scene.pbx(A).originate(&dial, &format!("extension {number}@digits"))?;
    let without_hash = |digits: &str| digits.trim_end_matches('#').to_owned();
    expect("digits at B", &scene.pbx(B).event("digits", SOON)?, &without_hash(DIGITS_OUT))?;
    expect("digits at A", &scene.pbx(A).event("digits", SOON)?, &without_hash(DIGITS_BACK))?;
    scene.speak(number)?;
    thread::sleep(Duration::from_secs(3));
    scene.judge(&[number], SHORT)?;
    for (side, digits) in [(B, DIGITS_OUT), (A, DIGITS_BACK)] {
        for kind in [kind::DTMF_BEGIN, kind::DTMF_END] {
            expect("digits on the wire", &digits_towards(scene, side, kind)?, digits)?;
        }
    }
    Ok(())
}

/// The digits of frames of that kind that were sent to a PBX, in order.
fn digits_towards(scene: &Scene, side: Side, kind: u8) -> Outcome<String> {
    let (from, to) = scene.inward(side);
    let mut seen = Vec::new();
    let mut digits = String::new();
    for packet in scene.capture.packets()? {
        if packet.source.ip() != from || packet.destination.ip() != to {
            continue;
        }
        let Datagram::Full(full) = frames::parse(&packet.payload)? else { continue };
        if full.kind == kind && !seen.contains(&full.oseqno) {
            seen.push(full.oseqno);
            digits.push(char::from(full.subclass));
        }
    }
    Ok(digits)
}

/// Text arrives as it was sent, its final zero included.
pub(crate) fn text(scene: &mut Scene) -> Outcome<()> {
    dial_and_talk(scene, lines::TEXT, 3)?;
    let words = |full: &frames::Full<'_>| {
        full.kind == kind::TEXT && full.data.strip_suffix(&[0]) == Some(WORDS.as_bytes())
    };
    scene.wait_frame("TEXT", A, words)
}

/// The same of a text that no single packet holds; the capture has its beginning.
pub(crate) fn long_text(scene: &mut Scene) -> Outcome<()> {
    dial_and_talk(scene, lines::LONG_TEXT, 3)?;
    let words = lines::long_words();
    let begins = |full: &frames::Full<'_>| {
        full.kind == kind::TEXT && full.data.len() > 1400 && words.as_bytes().starts_with(full.data)
    };
    scene.wait_frame("TEXT", A, begins)?;
    let (from, to) = scene.inward(A);
    let long = |p: &&tests::pcap::Packet| {
        p.len > words.len() && (p.source.ip(), p.destination.ip()) == (from, to)
    };
    let packets = scene.capture.packets()?;
    expect("its copies", &packets.iter().filter(long).count().to_string(), "1")
}

/// A call that is not answered: the caller's status and cause.
pub(crate) fn fails(scene: &Scene, number: u16, status: &str) -> Outcome<()> {
    scene.dial(A, number)?;
    expect("the caller's status", &scene.pbx(A).event(&format!("dial {number}"), SOON)?, status)
}

/// Busy.
pub(crate) fn busy(scene: &mut Scene) -> Outcome<()> {
    fails(scene, B.number_of(lines::BUSY), "BUSY 17")?;
    scene.logged("INFO", "cause 17 (busy), not answered")
}

/// Congestion.
pub(crate) fn congestion(scene: &mut Scene) -> Outcome<()> {
    fails(scene, B.number_of(lines::CONGESTION), "CONGESTION 34")?;
    scene.logged("INFO", "cause 34 (no circuit available), not answered")
}

/// A number the switch does not know, and one that the far PBX does not.
pub(crate) fn no_route(scene: &mut Scene) -> Outcome<()> {
    let why = "no extension \"3001\" in context [from-pbx-a]";
    let theirs = "rejected: \"No such context/extension\"";
    scene.provoked = vec![why, theirs];
    fails(scene, 3001, "CHANUNAVAIL 3")?;
    scene.logged("WARN", why)?;
    fails(scene, B.number_of(lines::NOBODY), "CHANUNAVAIL 3")?;
    scene.logged("WARN", theirs)
}

/// A cause before the answer.
pub(crate) fn cause_before_answer(scene: &mut Scene) -> Outcome<()> {
    fails(scene, B.number_of(lines::REFUSES), "CHANUNAVAIL 21")?;
    scene.logged("INFO", "cause 21 (call rejected), not answered")
}

/// A cause after the answer.
pub(crate) fn cause_after_answer(scene: &mut Scene) -> Outcome<()> {
    let number = B.number_of(lines::GIVES_UP);
    scene.dial(A, number)?;
    // Asterisk 22 tells its own dialplan 16 whatever it hears, so the wire must show it.
    let status = scene.pbx(A).event(&format!("dial {number}"), SOON)?;
    expect("the caller's status", status.split(' ').next().unwrap_or_default(), "ANSWER")?;
    scene.wait_frame("HANGUP with cause 38", A, |full| {
        full.is_iax(iax::HANGUP) && full.ie(ie::CAUSECODE) == Some(&[38])
    })?;
    scene.logged("INFO", "cause 38 (")
}

/// The caller hangs up.
pub(crate) fn hang_up_caller(scene: &mut Scene) -> Outcome<()> {
    hang_up(scene, A)
}

/// The callee hangs up.
pub(crate) fn hang_up_callee(scene: &mut Scene) -> Outcome<()> {
    hang_up(scene, B)
}

fn hang_up(scene: &mut Scene, who: Side) -> Outcome<()> {
    let number = scene.connect(A, lines::PHONE)?;
    thread::sleep(Duration::from_secs(3));
    scene.judge(&[number], SHORT)?;
    scene.pbx(who).hang_up_all()?;
    let bye = scene.pbx(who.other()).event(&format!("bye {number}"), SOON)?;
    expect("the cause at the far end", &bye, "16")?;
    scene.pbx(who.other()).wait_idle(SOON)?;
    let callee_left = format!("[pbx-b] at {} left", scene.network.pbx(B));
    let left = if who == A { "the caller left" } else { &callee_left };
    scene.logged("INFO", left)?;
    scene.logged("INFO", "cause 16 (normal clearing), talked")
}

/// The caller gives up while it rings: the far PBX hears of it.
pub(crate) fn cancel(scene: &mut Scene) -> Outcome<()> {
    let number = B.number_of(lines::RINGS_ON);
    scene.dial(A, number)?;
    scene.wait_frame("RINGING", A, |full| full.is_control(control::RINGING))?;
    scene.pbx(A).hang_up_all()?;
    scene.wait_frame("HANGUP", B, |full| full.is_iax(iax::HANGUP))?;
    scene.pbx(B).event(&format!("bye {number}"), SOON)?;
    scene.pbx(B).wait_idle(SOON)
}

/// Fifty calls at once.
pub(crate) fn fifty(scene: &mut Scene) -> Outcome<()> {
    many(scene, 25)
}

/// Twenty calls at once.
pub(crate) fn twenty(scene: &mut Scene) -> Outcome<()> {
    many(scene, 10)
}

fn many(scene: &mut Scene, lines_each_way: u16) -> Outcome<()> {
    let lines = 1..=lines_each_way;
    let calls: Vec<u16> =
        lines.clone().flat_map(|line| [B.number_of(line), A.number_of(line)]).collect();
    for line in lines {
        for from in [A, B] {
            let number = from.other().number_of(line);
            let then = format!("extension {number}@phone");
            scene.pbx(from).originate(&scene.trunk(from, number), &then)?;
        }
    }
    calls.iter().try_for_each(|&number| scene.speak(number))?;
    thread::sleep(Duration::from_secs(5));
    scene.judge(&calls, 2 * SHORT)
}

/// Seventy seconds of talk.
pub(crate) fn wrap(scene: &mut Scene) -> Outcome<()> {
    let number = scene.connect(A, lines::PHONE)?;
    thread::sleep(Duration::from_secs(70));
    scene.judge(&[number], 3400)
}

/// The caller's PBX restarts.
pub(crate) fn restart_a(scene: &mut Scene) -> Outcome<()> {
    restart(scene, A)
}

/// The callee's PBX restarts.
pub(crate) fn restart_b(scene: &mut Scene) -> Outcome<()> {
    restart(scene, B)
}

fn restart(scene: &mut Scene, who: Side) -> Outcome<()> {
    let first = scene.connect(A, lines::PHONE)?;
    thread::sleep(Duration::from_secs(2));
    scene.provoked = vec![who.user()];
    let (from, to) = scene.inward(who);
    let told = scene.capture.count(from, to, |full| full.is_iax(iax::REGACK) && !full.again)?;
    scene.pbx_mut(who).restart()?;
    let far = scene.pbx(who.other());
    let cause = far.event(&format!("bye {first}"), Duration::from_secs(60))?;
    if cause == "0" || cause == "16" {
        return Err(format!("the far leg ended with cause {cause}, as if nothing had happened"));
    }
    scene.logged("WARN", "it does not answer; cause 27")?;
    scene.phones.forget();
    scene.wait_registered(who, told + 1)?;
    let again = scene.connect(A, lines::PHONE + 1)?;
    thread::sleep(Duration::from_secs(3));
    scene.judge(&[again], SHORT)
}

/// A PBX with a wrong secret gets neither a registration nor a call; the switch says why.
pub(crate) fn wrong_secret(scene: &mut Scene) -> Outcome<()> {
    scene.provoked = vec![A.user()];
    scene.wait_frame("REGREJ", A, |full| full.is_iax(iax::REGREJ))?;
    fails(scene, B.number_of(lines::PHONE), "CHANUNAVAIL 50")?;
    let Some(switch) = &scene.switch else { return Ok(()) };
    let text = switch.text();
    let said = text.lines().filter(|line| line.contains(A.user()) && line.contains("secret"));
    match said.count() {
        1..=3 => Ok(()),
        count => Err(format!("the switch says so in {count} lines")),
    }
}

/// A NEW without the CALLTOKEN element where one is required: refused, with nothing remembered.
pub(crate) fn token_not_offered(scene: &mut Scene) -> Outcome<()> {
    scene.provoked = vec!["sent no call token"];
    let answer = answer_to_a_bare_new(scene)?;
    let Datagram::Full(full) = frames::parse(&answer)? else {
        return Err("no full frame".to_owned());
    };
    if full.is_iax(iax::REJECT) && full.source == 1 && full.destination == STRANGERS_CALL {
        return scene.logged("WARN", "sent no call token");
    }
    Err(format!("a NEW without CALLTOKEN is answered by {full}"))
}

/// The same where none is required: the caller is challenged like any other.
pub(crate) fn token_not_asked(scene: &mut Scene) -> Outcome<()> {
    // The stranger does not stay to be told of the end.
    scene.provoked = vec!["refused: the switch is stopping", "left unanswered"];
    let answer = answer_to_a_bare_new(scene)?;
    let Datagram::Full(full) = frames::parse(&answer)? else {
        return Err("no full frame".to_owned());
    };
    if full.destination == STRANGERS_CALL && (full.is_iax(iax::AUTHREQ) || full.is_iax(iax::ACK)) {
        return Ok(());
    }
    Err(format!("a NEW without CALLTOKEN is answered by {full}"))
}

/// The call number in the NEW that no Asterisk would send.
const STRANGERS_CALL: u16 = 0x0ABC;

/// Sends a NEW of PBX A's user without the CALLTOKEN element from PBX A's host, and hears the answer.
fn answer_to_a_bare_new(scene: &mut Scene) -> Outcome<Vec<u8>> {
    let far = match scene.switch {
        Some(_) => scene.network.switch(A),
        None => scene.network.pbx(B),
    };
    let [c0, c1] = STRANGERS_CALL.to_be_bytes();
    let mut frame = vec![0x80 | c0, c1, 0, 0, 0, 0, 0, 3, 0, 0, kind::IAX, iax::NEW];
    let format = [0, 0, 0, scene.setup.codec(A).bit()];
    let number = B.number_of(lines::PHONE).to_string();
    let elements: [(u8, &[u8]); 5] = [
        (11, &[0, 2]),
        (ie::CALLED_NUMBER, number.as_bytes()),
        (ie::USERNAME, A.user().as_bytes()),
        (ie::FORMAT, &format),
        (8, &format),
    ];
    for (kind, value) in elements {
        frame.extend([kind, u8::try_from(value.len()).unwrap_or(u8::MAX)]);
        frame.extend(value);
    }
    let any = if far.is_ipv6() { "[::]:0" } else { "0.0.0.0:0" };
    scene.network.within(A.letter(), move || {
        let socket = std::net::UdpSocket::bind(any)?;
        socket.set_read_timeout(Some(Duration::from_secs(3)))?;
        socket.send_to(&frame, far)?;
        let mut answer = vec![0; 2048];
        let length = socket.recv(&mut answer)?;
        answer.truncate(length);
        Ok(answer)
    })
}

pub(crate) fn expect(what: &str, found: &str, wanted: &str) -> Outcome<()> {
    if found == wanted {
        return Ok(());
    }
    Err(format!("{what}: '{found}' instead of '{wanted}'"))
}
