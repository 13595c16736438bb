//! The table of cases.

use crate::Outcome;
use crate::chroot::Version::{self, V16, V22};
use crate::options::Options;
use crate::plays;
use crate::scene::Scene;
use crate::setup::{Auth, Cipher, Codec, Flaw, KeyMaker, Setup, Side, Token};
use crate::{secure, softphone};

/// One row.
#[derive(Debug, Clone)]
pub(crate) struct Case {
    name: &'static str,
    /// What it shows, in a line.
    pub(crate) about: &'static str,
    /// Releases of A and B.
    pub(crate) versions: [Version; 2],
    /// About how long it takes; the longest go first.
    pub(crate) seconds: u32,
    /// What it changes in the usual set-up.
    pub(crate) vary: fn(&mut Setup),
    /// What happens.
    pub(crate) play: fn(&mut Scene) -> Outcome<()>,
}

impl Case {
    /// The name with the releases, unless they are the usual ones.
    pub(crate) fn full_name(&self) -> String {
        match self.versions {
            [V22, V22] => self.name.to_owned(),
            [a, b] => format!("{}-{a}-{b}", self.name),
        }
    }
}

/// The cases that the options choose: each with Asterisk 22 on both sides, and those of
/// [`MIXED`] with 16 on either side, too.
pub(crate) fn chosen(options: &Options) -> Vec<Case> {
    let mut cases = table();
    match options.asterisk {
        Some(version) => cases.iter_mut().for_each(|case| case.versions = [version; 2]),
        None => {
            for versions in [[V16, V22], [V22, V16]] {
                let mixed = table().into_iter().filter(|case| MIXED.contains(&case.name));
                cases.extend(mixed.map(|case| Case { versions, ..case }));
            }
        }
    }
    if !options.only.is_empty() {
        let names: Vec<String> = cases.iter().map(Case::full_name).collect();
        let chooses = |part: &String, name: &String| match names.contains(part) {
            true => part == name, // the whole name of one chooses no other that contains it
            false => name.contains(part),
        };
        cases.retain(|case| {
            let name = case.full_name();
            options.only.iter().any(|part| chooses(part, &name))
        });
    }
    cases
}

/// Cases also run between the two releases.
const MIXED: [&str; 19] = [
    "trunk",
    "trunk-without-timestamps",
    "no-trunk",
    "gsm",
    "dtmf",
    "caller-id",
    "busy",
    "cause-before-answer",
    "cause-after-answer",
    "cancel",
    "hang-up-callee",
    "text",
    "plaintext",
    "rsa",
    "rsa-aes128",
    "aes128",
    "aes128-no-trunk",
    "aes128-dtmf",
    "g711",
];

fn table() -> Vec<Case> {
    let mut rows = Vec::new();
    let mut row = |name, seconds, about, vary: fn(&mut Setup), play: Play| {
        rows.push(Case { name, about, versions: [V22; 2], seconds, vary, play });
    };
    let usual = |_: &mut Setup| {};

    row("md5", 9, "both sides prove themselves by MD5", usual, plays::md5);
    row("trunk", 9, "trunked on both legs, with time-stamps", usual, plays::talk);
    row(
        "trunk-without-timestamps",
        9,
        "the PBXes send trunk form 0",
        |s| s.timestamps = false,
        plays::talk,
    );
    row(
        "trunk-on-one-leg",
        9,
        "leg A trunked, leg B not",
        |s| {
            s.pbx_trunk[Side::B.index()] = false;
            s.switch_trunk[Side::B.index()] = false;
        },
        plays::talk,
    );
    row(
        "trunk-from-pbx-only",
        9,
        "the PBXes trunk, the switch does not",
        |s| s.switch_trunk = [false; 2],
        plays::talk,
    );
    row(
        "trunk-from-switch-only",
        9,
        "the switch trunks, the PBXes do not",
        |s| s.pbx_trunk = [false; 2],
        plays::talk,
    );
    row("no-trunk", 9, "mini frames only", Setup::untrunked, plays::talk);
    row(
        "token-required",
        9,
        "requirecalltoken=yes everywhere",
        |s| s.token = Token::Required,
        plays::talk,
    );
    row(
        "token-optional",
        9,
        "requirecalltoken=no everywhere",
        |s| s.token = Token::Optional,
        plays::talk,
    );
    row(
        "token-not-offered",
        5,
        "a NEW without the element is refused",
        |s| s.token = Token::Required,
        plays::token_not_offered,
    );
    row(
        "token-not-asked",
        5,
        "a NEW without the element is heard if the section says so",
        |s| s.token = Token::Optional,
        plays::token_not_asked,
    );
    row("alaw", 9, "A-law end to end", |s| s.codecs = [Codec::Alaw; 2], plays::talk);
    row(
        "ulaw",
        9,
        "µ-law end to end, not trunked at all",
        |s| {
            s.codecs = [Codec::Ulaw; 2];
            s.untrunked();
        },
        plays::talk,
    );
    row("gsm", 9, "GSM end to end", |s| s.codecs = [Codec::Gsm; 2], plays::talk);
    row("dtmf", 15, "digits both ways, in order, none lost", usual, plays::dtmf);
    row("caller-id", 9, "number and name arrive", usual, plays::caller_id);
    row("ringing", 9, "ringing is heard before the answer", usual, plays::ringing);
    row("early-media", 12, "audio passes before the answer", usual, plays::early_media);
    row("busy", 6, "busy, cause 17", usual, plays::busy);
    row("congestion", 6, "congestion, cause 34", usual, plays::congestion);
    row("no-route", 6, "a number nobody knows, cause 3", usual, plays::no_route);
    row("cause-before-answer", 6, "refused with cause 21", usual, plays::cause_before_answer);
    row("cause-after-answer", 6, "ended with cause 38", usual, plays::cause_after_answer);
    row("hang-up-caller", 8, "the caller ends the call", usual, plays::hang_up_caller);
    row("hang-up-callee", 8, "the callee ends the call", usual, plays::hang_up_callee);
    row("cancel", 8, "the caller gives up while it rings", usual, plays::cancel);
    row("text", 9, "text arrives octet for octet", usual, plays::text);
    row("long-text", 9, "text longer than a packet arrives", usual, plays::long_text);
    row("fifty", 25, "50 calls at once, 25 each way", usual, plays::fifty);
    row("wrap", 80, "70 seconds: the 16-bit time-stamp wraps", usual, plays::wrap);
    row("wrap-no-trunk", 80, "the same in mini frames", Setup::untrunked, plays::wrap);
    row("restart-a", 70, "the caller's PBX restarts in mid-call", usual, plays::restart_a);
    row("restart-b", 70, "the callee's PBX restarts in mid-call", usual, plays::restart_b);
    row("ipv6", 9, "all of it over IPv6", |s| s.v6 = true, plays::talk);
    row(
        "wrong-secret",
        8,
        "refused, and said so once",
        |s| s.flaw = Flaw::Secret,
        plays::wrong_secret,
    );
    secure_rows(&mut row);
    rows
}

/// What a case changes, and what happens in it.
type Row<'a> = dyn FnMut(&'static str, u32, &'static str, fn(&mut Setup), Play) + 'a;
type Play = fn(&mut Scene) -> Outcome<()>;

/// Proofs other than MD5, encryption, conversion, and who is refused.
fn secure_rows(row: &mut Row<'_>) {
    let encrypted = Setup::encrypted;
    row(
        "plaintext",
        9,
        "both sides send their secrets in clear",
        |s| s.auth = Auth::Plaintext,
        secure::plaintext,
    );
    row(
        "rsa",
        9,
        "keys made by trunkline",
        |s| s.auth = Auth::Rsa(KeyMaker::Trunkline),
        secure::rsa,
    );
    row(
        "rsa-openssl",
        9,
        "keys made as astgenkey does",
        |s| s.auth = Auth::Rsa(KeyMaker::OpenSsl),
        secure::rsa,
    );
    row(
        "rsa-aes128",
        9,
        "keys prove, secrets encrypt",
        |s| {
            s.auth = Auth::Rsa(KeyMaker::Trunkline);
            s.encrypted();
        },
        secure::talk_with_new_keys,
    );
    row("aes128", 9, "both legs encrypted, though trunked when in clear", encrypted, secure::talk);
    row(
        "aes128-no-trunk",
        9,
        "both legs encrypted",
        |s| {
            s.encrypted();
            s.untrunked();
        },
        secure::talk,
    );
    row(
        "aes128-leg-a",
        9,
        "leg A encrypted, leg B in clear and trunked",
        |s| {
            s.pbx_cipher[0] = Cipher::Offered;
            s.switch_cipher = [Cipher::Offered; 2];
        },
        secure::talk,
    );
    row(
        "aes128-leg-b",
        9,
        "leg B encrypted, leg A in clear and trunked",
        |s| {
            s.pbx_cipher = [Cipher::Offered; 2];
            s.switch_cipher[1] = Cipher::Offered;
        },
        secure::talk,
    );
    row(
        "aes128-forced",
        9,
        "forceencryption=yes everywhere",
        |s| {
            s.pbx_cipher = [Cipher::Forced; 2];
            s.switch_cipher = [Cipher::Forced; 2];
        },
        secure::talk,
    );
    row(
        "aes128-forced-caller",
        6,
        "a caller in clear is refused",
        |s| s.switch_cipher[0] = Cipher::Forced,
        secure::caller_in_clear,
    );
    row(
        "aes128-forced-callee",
        6,
        "a callee in clear is not called",
        |s| s.switch_cipher[1] = Cipher::Forced,
        secure::callee_in_clear,
    );
    row(
        "aes128-forced-by-callee",
        6,
        "a callee that insists refuses a switch that does not encrypt",
        |s| s.pbx_cipher[1] = Cipher::Forced,
        secure::callee_insists,
    );
    row("aes128-dtmf", 15, "digits, encrypted", encrypted, secure::dtmf);
    row("aes128-caller-id", 9, "number and name, encrypted", encrypted, plays::caller_id);
    row(
        "aes128-early-media",
        12,
        "audio before the answer, encrypted",
        encrypted,
        plays::early_media,
    );
    row("aes128-busy", 6, "busy, encrypted", encrypted, plays::busy);
    row(
        "aes128-cause-before-answer",
        6,
        "cause 21, encrypted",
        encrypted,
        plays::cause_before_answer,
    );
    row(
        "aes128-cause-after-answer",
        6,
        "cause 38, encrypted",
        encrypted,
        plays::cause_after_answer,
    );
    row(
        "aes128-hang-up-caller",
        8,
        "the caller ends it, encrypted",
        encrypted,
        plays::hang_up_caller,
    );
    row(
        "aes128-hang-up-callee",
        8,
        "the callee ends it, encrypted",
        encrypted,
        plays::hang_up_callee,
    );
    row("aes128-cancel", 8, "given up while it rings, encrypted", encrypted, plays::cancel);
    row("aes128-text", 9, "text, encrypted", encrypted, plays::text);
    row("aes128-twenty", 15, "20 encrypted calls at once", encrypted, plays::twenty);
    row("aes128-wrap", 80, "70 seconds, encrypted", encrypted, plays::wrap);
    row(
        "aes128-rotation",
        330,
        "new keys from both ends of a long call",
        |s| {
            s.auth = Auth::Rsa(KeyMaker::Trunkline); // without MD5 Asterisk takes new keys, too
            s.encrypted();
            s.untrunked();
        },
        secure::rotation,
    );
    row(
        "aes128-wrong-secret",
        20,
        "who has another secret is not understood",
        |s| {
            s.encrypted();
            s.flaw = Flaw::SecretOfCalls;
        },
        secure::wrong_secret,
    );
    row(
        "rsa-wrong-key",
        8,
        "a signature by another key is refused",
        |s| {
            s.auth = Auth::Rsa(KeyMaker::Trunkline);
            s.flaw = Flaw::Key;
        },
        secure::wrong_key,
    );
    row("acl", 8, "an address not permitted is refused", |s| s.flaw = Flaw::Address, secure::acl);
    row(
        "g711",
        9,
        "A has µ-law alone, B A-law alone; trunked",
        |s| s.codecs = [Codec::Ulaw, Codec::Alaw],
        plays::talk,
    );
    row(
        "g711-no-trunk",
        9,
        "the same in mini frames",
        |s| {
            s.codecs = [Codec::Alaw, Codec::Ulaw];
            s.untrunked();
        },
        plays::talk,
    );
    row(
        "g711-aes128",
        9,
        "the same, encrypted",
        |s| {
            s.codecs = [Codec::Ulaw, Codec::Alaw];
            s.encrypted();
        },
        secure::talk,
    );
    row(
        "iaxmodem",
        15,
        "libiax2 registers, is called, and calls",
        softphone::vary,
        softphone::play,
    );
    row(
        "limit-out",
        9,
        "calls_max_out: the second call to B ends with cause 34",
        |s| s.own = "[pbx-b]\ncalls_max_out = 1\n",
        secure::limit_out,
    );
    row(
        "limit-in",
        9,
        "calls_max_in: the second call from A ends with cause 42",
        |s| s.own = "[pbx-a]\ncalls_max_in = 1\n",
        secure::limit_in,
    );
    row(
        "rsa-two-hosts",
        9,
        "VOIP1 and VOIP2 with keys, by their addresses, qualified",
        |s| {
            s.auth = Auth::Rsa(KeyMaker::OpenSsl);
            s.two_hosts = true;
        },
        secure::two_hosts,
    );
    row(
        "two-destinations",
        12,
        "both ring, the first answer wins",
        |s| s.dialplan = secure::TWO_DESTINATIONS,
        secure::two_destinations,
    );
}
