//! Information elements as tables: how long each may be, and in which messages it belongs.

use dataplane::wire::IaxSubclass as Iax;
use dataplane::wire::{Ie, IeKind as Kind};

/// What an element's value must look like; the text says what is wrong with it.
pub(super) fn value_error(ie: &Ie<'_>) -> Option<String> {
    let len = ie.data.len();
    let expected = match ie.kind {
        Kind::AutoAnswer => "0",
        Kind::IaxUnknown | Kind::CallingPres | Kind::CallingTon | Kind::CauseCode => "1",
        Kind::Version
        | Kind::AdsiCpe
        | Kind::AuthMethods
        | Kind::Refresh
        | Kind::DpStatus
        | Kind::CallNo
        | Kind::MsgCount
        | Kind::FirmwareVer
        | Kind::CallingTns
        | Kind::Encryption
        | Kind::RrDelay => "2",
        Kind::Capability
        | Kind::Format
        | Kind::TransferId
        | Kind::DateTime
        | Kind::FwBlockDesc
        | Kind::ProvVer
        | Kind::RrJitter
        | Kind::RrLoss
        | Kind::RrPkts
        | Kind::RrDropped
        | Kind::RrOoo
        | Kind::CallingAni2 => "4",
        Kind::ServiceIdent => "6",
        Kind::Capability2 | Kind::Format2 => "9",
        Kind::ApparentAddr => "16 or 28",
        Kind::Md5Result => "32",
        Kind::SamplingRate => return Some("must never be sent: its length is in dispute".into()),
        Kind::Unknown(_) => return Some("of a kind nobody knows".into()),
        _ => return text_error(ie),
    };
    let fits = expected.split(" or ").any(|length| length == len.to_string());
    if !fits {
        return Some(format!("{len} octets long where {expected} belong"));
    }
    match (ie.kind, ie.data) {
        (Kind::Version, [0, 2]) => None,
        (Kind::Version, _) => Some("not 2".into()),
        (Kind::Capability2 | Kind::Format2, [version, ..]) if *version != 0 => {
            Some(format!("of version {version}, not 0"))
        }
        (Kind::Md5Result, digits) if !digits.iter().all(u8::is_ascii_hexdigit) => {
            Some("not in hexadecimal".into())
        }
        _ => None,
    }
}

/// Strings are cut at a NUL by their readers, so none may hold one; raw values may.
fn text_error(ie: &Ie<'_>) -> Option<String> {
    let raw = matches!(
        ie.kind,
        Kind::Challenge
            | Kind::Provisioning
            | Kind::AesProvisioning
            | Kind::FwBlockData
            | Kind::EncKey
            | Kind::Variable
            | Kind::OspToken
    );
    (!raw && ie.data.contains(&0)).then(|| "with a NUL inside".into())
}

/// Whether an element may stand more than once in a frame.
pub(super) fn repeats(kind: Kind) -> bool {
    matches!(kind, Kind::Variable | Kind::OspToken)
}

/// Elements that belong in a message, the ones it cannot do without first, and how many those are.
pub(super) fn belonging(subclass: Iax) -> (&'static [Kind], usize) {
    match subclass {
        Iax::New => (NEW, 3),
        Iax::Pong => (RECEIVER_REPORT, 0),
        Iax::Hangup | Iax::Reject | Iax::RegRej => (&[Kind::CauseCode, Kind::Cause], 0),
        Iax::Accept => (&[Kind::Format, Kind::Format2, Kind::Variable], 1),
        Iax::AuthReq => (AUTH_REQ, 2),
        Iax::AuthRep => (AUTH_REP, 0),
        Iax::RegReq | Iax::RegRel => (REG_REQ, 1),
        Iax::RegAuth => (&[Kind::AuthMethods, Kind::Username, Kind::Challenge], 2),
        Iax::RegAck => (REG_ACK, 0),
        Iax::DpReq => (&[Kind::CalledNumber], 1),
        Iax::DpRep => (&[Kind::CalledNumber, Kind::DpStatus, Kind::Refresh], 3),
        Iax::Dial => (&[Kind::CalledNumber, Kind::CalledContext, Kind::Variable], 1),
        Iax::TxReq => (&[Kind::ApparentAddr, Kind::CallNo, Kind::TransferId], 3),
        Iax::TxCnt | Iax::TxAcc => (&[Kind::TransferId], 0),
        Iax::TxReady => (&[Kind::CallNo, Kind::TransferId], 1),
        Iax::TxRel | Iax::TxMedia => (&[Kind::CallNo], 1),
        Iax::Quelch => (&[Kind::MusicOnHold], 0),
        Iax::Poke => (&[Kind::CallToken], 0),
        Iax::Mwi => (&[Kind::MsgCount], 1),
        Iax::Unsupport => (&[Kind::IaxUnknown], 1),
        Iax::Transfer => (&[Kind::CalledNumber, Kind::CalledContext], 1),
        Iax::RtKey => (&[Kind::Challenge], 1),
        Iax::CallToken => (&[Kind::CallToken], 1),
        _ => (&[], 0),
    }
}

const NEW: &[Kind] = &[
    Kind::Version,
    Kind::Format,
    Kind::Capability,
    Kind::Format2,
    Kind::Capability2,
    Kind::CalledNumber,
    Kind::AutoAnswer,
    Kind::CodecPrefs,
    Kind::CallingNumber,
    Kind::CallingPres,
    Kind::CallingTon,
    Kind::CallingTns,
    Kind::CallingAni2,
    Kind::CallingName,
    Kind::CallingAni,
    Kind::Language,
    Kind::Dnid,
    Kind::Rdnis,
    Kind::CalledContext,
    Kind::Username,
    Kind::Encryption,
    Kind::AdsiCpe,
    Kind::DateTime,
    Kind::OspToken,
    Kind::Variable,
    Kind::CallToken,
];

const RECEIVER_REPORT: &[Kind] =
    &[Kind::RrJitter, Kind::RrLoss, Kind::RrPkts, Kind::RrDelay, Kind::RrDropped, Kind::RrOoo];

const AUTH_REQ: &[Kind] =
    &[Kind::AuthMethods, Kind::Username, Kind::Challenge, Kind::Encryption, Kind::Variable];

const AUTH_REP: &[Kind] =
    &[Kind::Md5Result, Kind::RsaResult, Kind::Password, Kind::Encryption, Kind::Variable];

const REG_REQ: &[Kind] = &[
    Kind::Username,
    Kind::Refresh,
    Kind::Md5Result,
    Kind::RsaResult,
    Kind::Password,
    Kind::CallToken,
];

const REG_ACK: &[Kind] = &[
    Kind::Username,
    Kind::DateTime,
    Kind::Refresh,
    Kind::ApparentAddr,
    Kind::MsgCount,
    Kind::CallingNumber,
    Kind::CallingName,
    Kind::FirmwareVer,
];
