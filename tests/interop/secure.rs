//! What happens in the cases of proofs, encryption, and refusals.

use std::thread;
use std::time::Duration;

use tests::frames::{Full, iax, ie, kind};

use crate::Outcome;
use crate::pbx_conf as lines;
use crate::plays::{self, SHORT, SOON, expect, fails};
use crate::scene::Scene;
use crate::setup::Side::{self, A, B};

/// A call each way at once, and of each leg the whole of it encrypted or nothing, as the case says.
pub(crate) fn talk(scene: &mut Scene) -> Outcome<()> {
    plays::talk(scene)?;
    hidden(scene)
}

/// Digits as in clear, and hidden.
pub(crate) fn dtmf(scene: &mut Scene) -> Outcome<()> {
    plays::dtmf(scene)?;
    hidden(scene)
}

/// Of a leg that encrypts everything is hidden from AUTHREP on, the switch's voice above all; of one that does not,
/// nothing. An Asterisk that is called takes a new key with its first voice.
fn hidden(scene: &mut Scene) -> Outcome<()> {
    let (packets, found) = scene.capture.unsealed()?;
    for side in [A, B] {
        let encrypts = scene.setup.encrypts(side);
        for (from, to) in [scene.outward(side), scene.inward(side)] {
            let of_leg =
                packets.iter().filter(|p| (p.source.ip(), p.destination.ip()) == (from, to));
            let sealed = of_leg.filter(|packet| found.sealed.contains(&packet.frame_no)).count();
            // Asterisk trunks voice in clear, whatever was agreed.
            let in_clear =
                scene.setup.pbx_trunk[side.index()] && from == scene.network.pbx(side).ip();
            if encrypts != (sealed > if in_clear { 5 } else { 100 }) {
                return Err(format!("{sealed} encrypted frames from {from} to {to}"));
            }
        }
        let by_switch = |fault: &&tests::unseal::Fault| fault.from.ip() == scene.inward(side).0;
        if let Some(fault) = found.faults.iter().find(by_switch) {
            return Err(format!("frame {} of the switch: {}", fault.frame_no, fault.text));
        }
        if encrypts && scene.setup.switch_trunk[side.index()] {
            told_of_minis(scene, side)?;
        }
    }
    Ok(())
}

/// That trunk=yes is not followed for encrypted calls was said, once.
fn told_of_minis(scene: &Scene, side: Side) -> Outcome<()> {
    let remote = scene.network.pbx(side);
    let text = format!(
        "[{}] at {remote}: voice of encrypted calls goes as encrypted mini frames",
        side.user()
    );
    scene.logged("INFO", &text)
}

/// The method both ends use, by what is asked and how it is answered.
fn proved_by(scene: &Scene, method: u8, answer: u8) -> Outcome<()> {
    for side in [A, B] {
        for (from, to) in [scene.outward(side), scene.inward(side)] {
            for (asks, answers) in [(iax::AUTHREQ, iax::AUTHREP), (iax::REGAUTH, iax::REGREQ)] {
                if asks == iax::REGAUTH && (from, to) != scene.inward(side) {
                    continue; // the switch registers nowhere
                }
                let asked = |full: &Full<'_>| {
                    full.is_iax(asks) && full.ie(ie::AUTHMETHODS) == Some(&[0, method])
                };
                let answered = |full: &Full<'_>| full.is_iax(answers) && full.ie(answer).is_some();
                if scene.capture.count(from, to, asked)? == 0 {
                    return Err(format!("{from} asks {to} for no proof of that method"));
                }
                if scene.capture.count(to, from, answered)? == 0 {
                    return Err(format!("{to} does not answer {from} by that method"));
                }
            }
        }
    }
    Ok(())
}

/// As [`plays::talk`], by secrets in clear.
pub(crate) fn plaintext(scene: &mut Scene) -> Outcome<()> {
    plays::talk(scene)?;
    proved_by(scene, 1, ie::PASSWORD)
}

/// As [`plays::talk`], by signatures.
pub(crate) fn rsa(scene: &mut Scene) -> Outcome<()> {
    plays::talk(scene)?;
    proved_by(scene, 4, ie::RSA_RESULT)
}

/// The switch insists on encryption, and the caller has none.
pub(crate) fn caller_in_clear(scene: &mut Scene) -> Outcome<()> {
    fails(scene, B.number_of(lines::PHONE), "CHANUNAVAIL 50")?;
    scene.logged("INFO", "refused: it does not encrypt, and forceencryption=yes")
}

/// The switch insists on encryption, and the callee has none.
pub(crate) fn callee_in_clear(scene: &mut Scene) -> Outcome<()> {
    let why = "[pbx-b] at 10.77.2.2:4569: it does not encrypt, and forceencryption=yes";
    scene.provoked = vec![why];
    fails(scene, B.number_of(lines::PHONE), "CHANUNAVAIL 50")?;
    scene.logged("WARN", why)
}

/// As [`talk`]; as caller with a key pair Asterisk takes a new key with its first voice.
pub(crate) fn talk_with_new_keys(scene: &mut Scene) -> Outcome<()> {
    talk(scene)?;
    new_keys(scene, false)
}

/// Each PBX has told at least one new key, and the switch too, if it has had the time.
fn new_keys(scene: &Scene, by_switch: bool) -> Outcome<()> {
    let told = scene.capture.unsealed()?.1.new_keys;
    for side in [A, B] {
        for (from, _to) in [scene.outward(side), scene.inward(side)] {
            let due = by_switch || from == scene.network.pbx(side).ip();
            if due && !told.keys().any(|who| who.ip() == from) {
                return Err(format!("{from} has never taken a new key: {told:?}"));
            }
        }
    }
    Ok(())
}

/// The callee insists on encryption, and the switch has none for it.
pub(crate) fn callee_insists(scene: &mut Scene) -> Outcome<()> {
    scene.provoked = vec!["[pbx-b] at 10.77.2.2:4569"];
    fails(scene, B.number_of(lines::PHONE), "CHANUNAVAIL 50")?;
    scene.logged("WARN", "No authority found")
}

/// Both ends take new keys in a call of five minutes, and the voice does not suffer.
pub(crate) fn rotation(scene: &mut Scene) -> Outcome<()> {
    let calls = [scene.connect(A, lines::PHONE)?, scene.connect(B, lines::PHONE + 1)?];
    thread::sleep(Duration::from_secs(310));
    scene.judge(&calls, 15_000)?;
    new_keys(scene, true)?;
    hidden(scene)
}

/// A caller with another secret: what it says does not decrypt, which the switch says once.
pub(crate) fn wrong_secret(scene: &mut Scene) -> Outcome<()> {
    scene.provoked = vec!["10.77.1.2"];
    let number = B.number_of(lines::PHONE);
    scene.dial(A, number)?;
    scene.logged("WARN", "does not decrypt: it has another secret, probably")?;
    // Nothing that is said to it would decrypt there: the caller finds out by itself, and the call ends here sooner.
    let ended = format!("to \"{number}\" ended before it began");
    let told = crate::poll(Duration::from_secs(15), || scene.logged("WARN", &ended).ok());
    told.ok_or_else(|| "the call does not end".to_owned())?;
    let (from, to) = scene.inward(B);
    expect("calls to B", &scene.capture.count(from, to, |f| f.is_iax(iax::NEW))?.to_string(), "0")
}

/// A signature by a key the switch does not know: neither registered nor heard.
pub(crate) fn wrong_key(scene: &mut Scene) -> Outcome<()> {
    scene.provoked = vec![A.user()];
    scene.wait_frame("REGREJ", A, |full| full.is_iax(iax::REGREJ))?;
    fails(scene, B.number_of(lines::PHONE), "CHANUNAVAIL 50")?;
    let (from, to) = scene.inward(B);
    match scene.capture.count(from, to, |full| full.is_iax(iax::NEW))? {
        0 => Ok(()),
        calls => Err(format!("{calls} calls reach B")),
    }
}

/// An address that is not permitted: neither registered nor heard, and told as little as a stranger.
pub(crate) fn acl(scene: &mut Scene) -> Outcome<()> {
    scene.provoked = vec!["10.77.1.2", A.user()];
    scene.wait_frame("REGREJ", A, |full| full.is_iax(iax::REGREJ))?;
    fails(scene, B.number_of(lines::PHONE), "CHANUNAVAIL 50")
}

/// Two lines of B at once: the first rings for ever, the second answers.
pub(crate) const TWO_DESTINATIONS: &str =
    "exten => 9001,1,Dial(IAX2/pbx-b/2105&IAX2/pbx-b/2001,40,c)\n";

/// Both ring; the one that answers has the call, the other is told.
pub(crate) fn two_destinations(scene: &mut Scene) -> Outcome<()> {
    let number = B.number_of(lines::PHONE);
    scene.pbx(A).originate(&scene.trunk(A, 9001), &format!("extension {number}@phone"))?;
    scene.speak(number)?;
    let bye = scene.pbx(B).event(&format!("bye {}", B.number_of(lines::RINGS_ON)), SOON)?;
    expect("the cause of who rang in vain", &bye, "26")?;
    thread::sleep(Duration::from_secs(3));
    scene.judge(&[number], SHORT)?;
    scene.wait_frame("VOICE", A, |full| full.kind == kind::VOICE)
}

/// One call at a time to B; a second ends with cause 34, and the first does not suffer.
pub(crate) fn limit_out(scene: &mut Scene) -> Outcome<()> {
    limited(scene, "CONGESTION 34", &["calls_max_out", "[pbx-b] takes no more calls now"])
}

/// One call at a time from A; a second ends with cause 42.
pub(crate) fn limit_in(scene: &mut Scene) -> Outcome<()> {
    limited(scene, "CHANUNAVAIL 42", &["calls_max_in"])
}

fn limited(scene: &mut Scene, status: &str, told: &[&'static str]) -> Outcome<()> {
    scene.provoked = told.to_vec();
    let number = scene.connect(A, lines::PHONE)?;
    fails(scene, B.number_of(lines::PHONE + 1), status)?;
    for text in told {
        scene.logged("WARN", text)?;
    }
    thread::sleep(Duration::from_secs(3));
    scene.judge(&[number], SHORT)
}

/// The classic example of two hosts with keys, through the switch: both hear each other as before, and answer POKE.
pub(crate) fn two_hosts(scene: &mut Scene) -> Outcome<()> {
    plays::talk(scene)?;
    for side in [A, B] {
        scene.wait_frame("POKE", side, |full| full.is_iax(iax::POKE))?;
        let (from, to) = scene.inward(side);
        if scene.capture.count(from, to, |full| full.is_iax(iax::AUTHREQ))? == 0 {
            return Err(format!("{to} may call without a signature"));
        }
    }
    Ok(())
}
