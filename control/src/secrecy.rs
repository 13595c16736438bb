//! Encryption of a leg's full frames: which keys it has, and what comes of a frame under them.
//!
//! The key of a call is the MD5 of challenge and secret, the same both ways at first. An encrypted leg hears nothing
//! in clear but what the field sends so: NEW, when its peer has started anew, and INVAL.

use dataplane::cipher::{CipherKey, PAD_MAX, Pads};
use dataplane::handoff::CallKey;
use dataplane::time::Instant;
use dataplane::wire::{FrameType, FullFrame, FullHeader, IaxSubclass};

use crate::elements::Elements;

/// The ENCRYPTION element's bit for AES-128.
pub(crate) const AES_128: u16 = 0x0001;
/// The ENCRYPTION element's bit that says that its sender takes new keys during the call.
pub(crate) const KEY_ROTATION: u16 = 0x8000;

/// Whether a leg's frames are encrypted.
#[derive(Debug)]
pub(crate) enum Secrecy {
    /// They are not.
    Clear,
    /// We have asked for it: the next frame is under one of these keys, one for each secret of the user.
    Awaited(Box<[CallKey]>),
    /// They are.
    Keyed(Box<LegKeys>),
}

/// The keys of an encrypted leg.
#[derive(Debug)]
pub(crate) struct LegKeys {
    /// What the peer encrypts with.
    pub(crate) heard: CallKey,
    /// What it encrypted with before: its frames may still be under way.
    pub(crate) before: Option<CallKey>,
    /// What we encrypt with.
    pub(crate) sent: CallKey,
    /// When we take a new one; never, unless the peer has said that it follows.
    pub(crate) rotate_at: Instant,
}

impl LegKeys {
    /// One key for both ways.
    pub(crate) fn new(key: CallKey) -> Box<Self> {
        Box::new(Self { heard: key, before: None, sent: key, rotate_at: Instant::FAR_FUTURE })
    }

    /// The frame under the peer's present key, or the one before.
    pub(crate) fn open(&self, octets: &[u8]) -> Option<Vec<u8>> {
        let mut keys = [Some(self.heard), self.before].into_iter().flatten();
        keys.find_map(|key| opened(key, octets))
    }
}

/// What a frame on a leg turns out to be.
#[derive(Debug)]
pub(crate) enum Opened {
    /// It is in clear, and may be.
    AsItCame,
    /// It was encrypted.
    Decrypted(Vec<u8>),
    /// Nobody can tell.
    Undecryptable,
}

impl Secrecy {
    /// The key to encrypt with.
    pub(crate) fn sending(&self) -> Option<CallKey> {
        match self {
            Self::Keyed(keys) => Some(keys.sent),
            Self::Clear | Self::Awaited(_) => None,
        }
    }

    /// The key the peer encrypts with.
    pub(crate) fn heard(&self) -> Option<CallKey> {
        match self {
            Self::Keyed(keys) => Some(keys.heard),
            Self::Clear | Self::Awaited(_) => None,
        }
    }

    /// The keys, if there are any yet.
    pub(crate) fn keys(&mut self) -> Option<&mut LegKeys> {
        match self {
            Self::Keyed(keys) => Some(keys),
            Self::Clear | Self::Awaited(_) => None,
        }
    }

    /// Opens a frame. The first that opens under one of several keys settles which it is.
    pub(crate) fn open(&mut self, octets: &[u8]) -> Opened {
        let plain = match self {
            Self::Clear => return Opened::AsItCame,
            Self::Awaited(keys) => {
                let proof = keys.iter().find_map(|key| Some((*key, answered(*key, octets)?)));
                proof.map(|(key, plain)| {
                    *self = Self::Keyed(LegKeys::new(key));
                    plain
                })
            }
            Self::Keyed(keys) => keys.open(octets),
        };
        match plain {
            Some(plain) => Opened::Decrypted(plain),
            None if self.may_be_clear(octets) => Opened::AsItCame,
            None => Opened::Undecryptable,
        }
    }

    /// NEW, said again or anew, and INVAL are in clear whatever was agreed; until there is a key, so may be an ACK and
    /// an end.
    fn may_be_clear(&self, octets: &[u8]) -> bool {
        let Ok(frame) = FullFrame::parse(octets) else { return false };
        let header = frame.header();
        let iax = (header.frame_type == FrameType::Iax).then(|| header.subclass.as_iax());
        match iax {
            Some(IaxSubclass::New) => header.destination.is_none() && sound(&frame),
            Some(IaxSubclass::Inval) => octets.len() == FullHeader::LEN,
            Some(IaxSubclass::Hangup | IaxSubclass::Reject) => {
                matches!(self, Self::Awaited(_)) && sound(&frame)
            }
            // Of the challenge, by who encrypts from the answer on; no encrypted frame is so short.
            Some(IaxSubclass::Ack) => {
                matches!(self, Self::Awaited(_)) && octets.len() == FullHeader::LEN
            }
            _ => false,
        }
    }
}

/// A frame encrypted under a key, with a fresh pad.
pub(crate) fn sealed(key: CallKey, clear: &[u8], pads: &mut Pads) -> Vec<u8> {
    let mut out = vec![0; clear.len() + PAD_MAX];
    match CipherKey::new(key).encrypt_full(clear, &pads.fresh(), &mut out) {
        Ok(len) => out.truncate(len),
        Err(_) => unreachable!("a full frame has its header, and the pad its room"),
    }
    out
}

/// A frame decrypted, if it makes sense: there is nothing else to tell a wrong key by.
fn opened(key: CallKey, octets: &[u8]) -> Option<Vec<u8>> {
    let mut room = vec![0; octets.len()];
    let plain = CipherKey::new(key).decrypt_full(octets, &mut room).ok()?;
    let frame = FullFrame::parse(plain).ok()?;
    sound(&frame).then(|| plain.to_vec())
}

/// The answer to a challenge, if it is under the key that it proves.
fn answered(key: CallKey, octets: &[u8]) -> Option<Vec<u8>> {
    let plain = opened(key, octets)?;
    let frame = FullFrame::parse(&plain).ok()?;
    let elements = Elements::gather(frame.ies()).ok()?;
    let proves = match elements.md5_result {
        Some(result) => crate::auth::proves(result, key),
        None => elements.rsa_result.is_some(),
    };
    let ends =
        matches!(frame.header().subclass.as_iax(), IaxSubclass::Hangup | IaxSubclass::Reject);
    (frame.header().frame_type == FrameType::Iax && (proves || ends)).then_some(plain)
}

fn sound(frame: &FullFrame<'_>) -> bool {
    match frame.header().frame_type {
        FrameType::Unknown(_) => false,
        FrameType::Iax => {
            let known = !matches!(frame.header().subclass.as_iax(), IaxSubclass::Unknown(_));
            known && Elements::gather(frame.ies()).is_ok()
        }
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use dataplane::wire::{CallNumber, SeqNo, Subclass, Timestamp};

    use super::*;
    use crate::leg::full_frame;

    fn frame(subclass: IaxSubclass, destination: Option<CallNumber>, data: &[u8]) -> Vec<u8> {
        let header = FullHeader {
            source: CallNumber::MAX,
            destination,
            retransmission: false,
            timestamp: Timestamp(3),
            oseqno: SeqNo(1),
            iseqno: SeqNo(1),
            frame_type: FrameType::Iax,
            subclass: Subclass::iax(subclass),
        };
        full_frame(&header, data)
    }

    fn keyed() -> Secrecy {
        Secrecy::Keyed(LegKeys::new(CallKey([7; 16])))
    }

    #[test]
    fn what_is_sealed_opens_under_its_key_and_the_one_before_only() {
        let mut pads = Pads::new([1; 16]);
        let ping = frame(IaxSubclass::Ping, Some(CallNumber::MAX), &[]);
        let octets = sealed(CallKey([7; 16]), &ping, &mut pads);
        assert_ne!(octets, sealed(CallKey([7; 16]), &ping, &mut pads), "a fresh pad each time");
        let mut secrecy = keyed();
        assert!(matches!(secrecy.open(&octets), Opened::Decrypted(plain) if plain == ping));
        let keys = secrecy.keys().unwrap();
        (keys.before, keys.heard) = (Some(keys.heard), CallKey([8; 16]));
        assert!(matches!(secrecy.open(&octets), Opened::Decrypted(plain) if plain == ping));
        secrecy.keys().unwrap().before = None;
        assert!(matches!(secrecy.open(&octets), Opened::Undecryptable));
    }

    #[test]
    fn an_encrypted_leg_hears_in_clear_what_the_field_says_in_clear_and_no_more() {
        let ours = Some(CallNumber::MAX);
        let hears =
            |secrecy: &mut Secrecy, octets: &[u8]| matches!(secrecy.open(octets), Opened::AsItCame);
        let mut secrecy = keyed();
        assert!(hears(&mut secrecy, &frame(IaxSubclass::New, None, &[])));
        assert!(hears(&mut secrecy, &frame(IaxSubclass::Inval, ours, &[])));
        for subclass in [IaxSubclass::Hangup, IaxSubclass::Ack, IaxSubclass::Ping, IaxSubclass::New]
        {
            assert!(!hears(&mut secrecy, &frame(subclass, ours, &[])), "{subclass:?}");
        }
        let mut awaited = Secrecy::Awaited(Box::new([CallKey([7; 16])]));
        assert!(hears(&mut awaited, &frame(IaxSubclass::Hangup, ours, &[])), "the caller gave up");
        assert!(hears(&mut awaited, &frame(IaxSubclass::Ack, ours, &[])), "of the challenge");
        assert!(!hears(&mut awaited, &frame(IaxSubclass::AuthRep, ours, &[])));
    }

    #[test]
    fn of_several_secrets_the_one_that_is_proved_makes_the_key() {
        let secrets = ["one", "two"].map(crate::conf::Secret::new);
        let keys = secrets.each_ref().map(|secret| crate::auth::call_key(b"123456789", secret));
        let mut data = vec![0x10, 32];
        data.extend_from_slice(&crate::auth::answer(b"123456789", &secrets[1]));
        let proof = frame(IaxSubclass::AuthRep, Some(CallNumber::MAX), &data);
        let mut pads = Pads::new([1; 16]);
        let mut secrecy = Secrecy::Awaited(Box::new(keys));
        let wrong = sealed(CallKey([9; 16]), &proof, &mut pads);
        assert!(matches!(secrecy.open(&wrong), Opened::Undecryptable));
        let right = sealed(keys[1], &proof, &mut pads);
        assert!(matches!(secrecy.open(&right), Opened::Decrypted(_)));
        assert_eq!(secrecy.sending(), Some(keys[1]));
    }
}
