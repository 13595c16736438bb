//! The elements of the messages we send, in the field's order.

use std::net::SocketAddr;

use dataplane::handoff::CallKey;
use dataplane::wire::{
    ApparentAddr, Capability, CodecPrefs, DateTime, IaxSubclass, IeKind, IeWriter, MediaFormat,
};

use crate::cause::Cause;
use crate::conf::{CallerId, Methods};
use crate::identity::Identity;
use crate::proof::Proof;
use crate::secrecy::AES_128;

/// Room for the elements of one message: a NEW whose every text has its 255 octets fits.
const ROOM: usize = 3072;
const VERSION: u16 = 2;

/// What a NEW says.
#[derive(Debug)]
pub(crate) struct New<'a> {
    pub(crate) called: &'a str,
    pub(crate) context: Option<&'a str>,
    pub(crate) username: Option<&'a str>,
    /// Whether we can encrypt; new keys during the call are taken, but not promised: rotation is the callee's.
    pub(crate) encryption: bool,
    pub(crate) auto_answer: bool,
    pub(crate) offered: &'a [MediaFormat],
    /// What may be sent besides audio.
    pub(crate) besides: Capability,
    pub(crate) identity: &'a Identity,
    pub(crate) send_ani: bool,
    pub(crate) unix_seconds: u64,
}

/// What a REGACK says.
#[derive(Debug)]
pub(crate) struct RegAck<'a> {
    pub(crate) username: &'a str,
    pub(crate) refresh: u16,
    pub(crate) apparent: SocketAddr,
    pub(crate) caller_id: Option<&'a CallerId>,
    pub(crate) unix_seconds: u64,
}

/// Gathers elements, of which there is room for all we ever send.
fn written(write: impl FnOnce(&mut IeWriter<'_>)) -> Vec<u8> {
    let mut room = [0; ROOM];
    let mut ies = IeWriter::new(&mut room);
    write(&mut ies);
    match ies.finish() {
        Ok(len) => room[..len].to_vec(),
        Err(_) => unreachable!("no message is longer than the longest NEW"),
    }
}

/// NEW, but for its call token, which comes last.
pub(crate) fn new(new: &New<'_>) -> Vec<u8> {
    let set = new.offered.iter().fold(new.besides, |set, format| set.with(*format));
    let letters: Vec<u8> = new
        .offered
        .iter()
        .filter_map(|format| CodecPrefs::letter(*format))
        .take(CodecPrefs::MAX)
        .collect();
    let mut elements = written(|ies| {
        ies.u16(IeKind::Version, VERSION).raw(IeKind::CalledNumber, new.called.as_bytes());
        if new.auto_answer {
            ies.raw(IeKind::AutoAnswer, &[]);
        }
        ies.raw(IeKind::CodecPrefs, &letters);
        new.identity.write(ies, new.send_ani);
        if let Some(context) = new.context {
            ies.raw(IeKind::CalledContext, context.as_bytes());
        }
        if let Some(username) = new.username {
            ies.raw(IeKind::Username, username.as_bytes());
        }
        if new.encryption {
            ies.u16(IeKind::Encryption, AES_128);
        }
        if let Some(wanted) = new.offered.first() {
            ies.format(*wanted);
        }
        ies.capability(set);
        ies.u32(IeKind::DateTime, DateTime::from_unix(new.unix_seconds).to_wire());
    });
    elements.extend_from_slice(&new.identity.passed_on);
    elements
}

/// Elements with the call token behind them, empty: "I understand tokens".
pub(crate) fn with_token(elements: &[u8], token: &[u8]) -> Vec<u8> {
    [elements, &written(|ies| _ = ies.raw(IeKind::CallToken, token))].concat()
}

/// CALLTOKEN.
pub(crate) fn call_token(token: &[u8]) -> Vec<u8> {
    written(|ies| _ = ies.raw(IeKind::CallToken, token))
}

/// ACCEPT.
pub(crate) fn format(format: MediaFormat) -> Vec<u8> {
    written(|ies| _ = ies.format(format))
}

/// AUTHREQ and REGAUTH; `encrypted`: what comes after it is to be.
pub(crate) fn challenge(
    methods: Methods,
    challenge: &[u8],
    encrypted: bool,
    username: &str,
) -> Vec<u8> {
    written(|ies| {
        ies.u16(IeKind::AuthMethods, methods.0).raw(IeKind::Challenge, challenge);
        if encrypted {
            ies.u16(IeKind::Encryption, AES_128);
        }
        ies.raw(IeKind::Username, username.as_bytes());
    })
}

/// UNSUPPORT.
pub(crate) fn unsupported(subclass: IaxSubclass) -> Vec<u8> {
    written(|ies| _ = ies.u8(IeKind::IaxUnknown, subclass.to_wire()))
}

/// RTKEY: the key we encrypt with from the next frame on.
pub(crate) fn new_key(key: CallKey) -> Vec<u8> {
    written(|ies| _ = ies.raw(IeKind::Challenge, &key.0))
}

/// AUTHREP.
pub(crate) fn proof(proof: &Proof) -> Vec<u8> {
    written(|ies| proof.write(ies))
}

/// DPREP: whether a number exists, valid for so many seconds.
pub(crate) fn dialplan_reply(number: &[u8], status: u16, refresh: u16) -> Vec<u8> {
    written(|ies| {
        ies.raw(IeKind::CalledNumber, number)
            .u16(IeKind::DpStatus, status)
            .u16(IeKind::Refresh, refresh);
    })
}

/// HANGUP.
pub(crate) fn hangup(cause: Cause) -> Vec<u8> {
    written(|ies| _ = ies.u8(IeKind::CauseCode, cause.0))
}

/// REJECT, in the words the field knows where it has some.
pub(crate) fn reject(cause: Cause) -> Vec<u8> {
    let words = match cause {
        Cause::NO_ROUTE => "No such context/extension",
        Cause::NO_AUTHORITY => "No authority found",
        Cause::NO_CODEC => "Unable to negotiate codec",
        cause => cause.words(),
    };
    refusal(words, cause)
}

/// REGREJ.
pub(crate) fn registration_refused() -> Vec<u8> {
    refusal("Registration Refused", Cause::FACILITY_REJECTED)
}

fn refusal(words: &str, cause: Cause) -> Vec<u8> {
    written(|ies| {
        ies.raw(IeKind::Cause, words.as_bytes()).u8(IeKind::CauseCode, cause.0);
    })
}

/// REGREQ and REGREL, but for the call token.
pub(crate) fn register(username: &str, refresh: Option<u16>, proof: Option<&Proof>) -> Vec<u8> {
    written(|ies| {
        ies.raw(IeKind::Username, username.as_bytes());
        if let Some(refresh) = refresh {
            ies.u16(IeKind::Refresh, refresh);
        }
        if let Some(proof) = proof {
            proof.write(ies);
        }
    })
}

/// REGACK of a registration.
pub(crate) fn registered(ack: &RegAck<'_>) -> Vec<u8> {
    let (address, len) = ApparentAddr(ack.apparent).emit();
    written(|ies| {
        ies.raw(IeKind::Username, ack.username.as_bytes())
            .u32(IeKind::DateTime, DateTime::from_unix(ack.unix_seconds).to_wire())
            .u16(IeKind::Refresh, ack.refresh)
            .raw(IeKind::ApparentAddr, &address[..len]);
        let id = ack.caller_id;
        if let Some(number) = id.and_then(|id| id.number.as_ref()) {
            ies.raw(IeKind::CallingNumber, number.as_bytes());
        }
        if let Some(name) = id.and_then(|id| id.name.as_ref()) {
            ies.raw(IeKind::CallingName, name.as_bytes());
        }
    })
}

/// REGACK of a release.
pub(crate) fn released(username: &str, unix_seconds: u64) -> Vec<u8> {
    written(|ies| {
        ies.raw(IeKind::Username, username.as_bytes())
            .u32(IeKind::DateTime, DateTime::from_unix(unix_seconds).to_wire());
    })
}

#[cfg(test)]
mod tests {
    use dataplane::wire::Ies;

    use super::*;

    #[test]
    fn a_new_of_the_longest_texts_is_complete() {
        let long = "x".repeat(2000);
        let text = || Some(long.clone());
        let identity = Identity {
            number: text(),
            name: text(),
            ani: text(),
            rdnis: text(),
            dnid: text(),
            language: text(),
            ani2: Some(1),
            passed_on: vec![IeKind::Variable.to_wire(), 1, 0],
            ..Identity::default()
        };
        let elements = new(&New {
            called: &long,
            context: Some(&long),
            username: Some(&long),
            encryption: false,
            auto_answer: true,
            offered: MediaFormat::BEST_FIRST,
            besides: Capability::NONE,
            identity: &identity,
            send_ani: true,
            unix_seconds: 1_700_000_000,
        });
        let kinds: Vec<IeKind> = Ies::new(&elements).map(|ie| ie.unwrap().kind).collect();
        assert_eq!(kinds.first(), Some(&IeKind::Version));
        for kind in [IeKind::Username, IeKind::Capability2, IeKind::DateTime, IeKind::Variable] {
            assert!(kinds.contains(&kind), "{kind:?}");
        }
    }
}
