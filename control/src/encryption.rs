//! Encrypted calls: when both sides agree to encrypt, new keys during the call, and what does not decrypt.

use std::time::Duration;

use dataplane::handoff::{CallKey, Command, RelayId};
use dataplane::time::Instant;
use dataplane::wire::IaxSubclass;

use crate::auth;
use crate::conf::{EncryptionPolicy, Methods, User};
use crate::elements::Elements;
use crate::engine::Control;
use crate::leg::{LegState, Work};
use crate::message;
use crate::output::Topic;
use crate::reliable::OnAck;
use crate::secrecy::{AES_128, KEY_ROTATION, LegKeys, Secrecy};
use crate::slab::Key;
use crate::transport::{HeardFrame, iax};

/// Undecryptable frames of one leg after which the operator is told, once.
const BURST: u32 = 5;
/// A key we encrypt with lives so long at least.
const KEY_LIFE_MIN: Duration = Duration::from_secs(120);
/// And so much longer at most.
const KEY_LIFE_SPREAD: Duration = Duration::from_secs(180);

/// What a caller's NEW and our section make of encryption.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Agreement {
    /// The call is in clear.
    Clear,
    /// It is encrypted; `rotates`: the caller takes new keys.
    Encrypted {
        /// Whether the caller said so.
        rotates: bool,
    },
    /// It must be encrypted and cannot be.
    Impossible,
}

/// Whether a call is to be encrypted. There is no key without a proof by md5 or rsa and a secret.
pub(crate) fn agree(user: &User, elements: &Elements<'_>) -> Agreement {
    let offered = elements.encryption.unwrap_or(0);
    let methods = user.credentials.methods;
    let has_key = !user.credentials.secrets.is_empty()
        && (methods.contains(Methods::MD5) || methods.contains(Methods::RSA));
    match user.encryption {
        EncryptionPolicy::Off => Agreement::Clear,
        _ if offered & AES_128 != 0 && has_key => {
            Agreement::Encrypted { rotates: offered & KEY_ROTATION != 0 }
        }
        EncryptionPolicy::Offered => Agreement::Clear,
        EncryptionPolicy::Forced => Agreement::Impossible,
    }
}

impl Control {
    /// From our AUTHREQ on a caller's frames are under a key made of it and one of the user's secrets. A stranger has
    /// none, and is never heard again.
    pub(crate) fn await_encrypted(&mut self, key: Key, challenge: &[u8], user: Option<&User>) {
        let secrets = user.map_or(&[][..], |user| &user.credentials.secrets);
        let keys = secrets.iter().map(|secret| auth::call_key(challenge, secret)).collect();
        if let Some(leg) = self.legs.get_mut(key) {
            leg.secrecy = Secrecy::Awaited(keys);
        }
    }

    /// An encrypted call whose caller takes new keys gets them now and then.
    pub(crate) fn start_rotation(&mut self, now: Instant, key: Key) {
        let spread = self.random.below(KEY_LIFE_SPREAD.as_millis() as u32);
        let at = now + KEY_LIFE_MIN + Duration::from_millis(u64::from(spread));
        if let Some(keys) = self.legs.get_mut(key).and_then(|leg| leg.secrecy.keys()) {
            keys.rotate_at = at;
        }
        self.rearm(now, key);
    }

    /// A new key for what we send, if it is time: told under the old one, used from the next frame on.
    pub(crate) fn rotate_key(&mut self, now: Instant, key: Key) {
        let Some(leg) = self.legs.get_mut(key) else { return };
        let alive = leg.state.carries_voice() && leg.ending.is_none();
        if leg.secrecy.keys().is_none_or(|keys| keys.rotate_at > now) {
            return;
        }
        if !alive {
            if let Some(keys) = leg.secrecy.keys() {
                keys.rotate_at = Instant::FAR_FUTURE;
            }
            return;
        }
        let new = CallKey(self.random.bits().to_ne_bytes());
        self.send(now, key, iax(IaxSubclass::RtKey), &message::new_key(new), OnAck::Nothing);
        if let Some(keys) = self.legs.get_mut(key).and_then(|leg| leg.secrecy.keys()) {
            keys.sent = new;
        }
        if let Some(feeder) = self.feeder_of(key) {
            self.command_relay(feeder, Command::RekeySent(RelayId(feeder.index), new));
        }
        self.start_rotation(now, key);
    }

    /// RTKEY: the peer encrypts with another key from now on. The core hears of it before the peer does that we have.
    pub(crate) fn new_key_heard(&mut self, now: Instant, key: Key, heard: &HeardFrame<'_>) {
        let new = heard.elements.challenge.and_then(|raw| <[u8; 16]>::try_from(raw).ok());
        let keys = self.legs.get_mut(key).and_then(|leg| leg.secrecy.keys());
        let (Some(new), Some(keys)) = (new, keys) else {
            let data = message::unsupported(IaxSubclass::RtKey);
            return self.send(now, key, iax(IaxSubclass::Unsupport), &data, OnAck::Nothing);
        };
        let new = CallKey(new);
        keys.before = Some(std::mem::replace(&mut keys.heard, new));
        self.command_relay(key, Command::Rekey(RelayId(key.index), new));
    }

    /// A caller's far end encrypts where the peer's section wants it and the AUTHREQ says so. `Err`: it must and does
    /// not.
    pub(crate) fn encrypt_to_callee(
        &mut self,
        key: Key,
        policy: EncryptionPolicy,
        challenge: &[u8],
        heard: &HeardFrame<'_>,
    ) -> Result<(), &'static str> {
        let offered = heard.elements.encryption.unwrap_or(0) & AES_128 != 0;
        let Some(leg) = self.legs.get_mut(key) else { return Ok(()) };
        let Work::Callee(Some(setup)) = &leg.work else { return Ok(()) };
        match (policy, &setup.means.secret) {
            (EncryptionPolicy::Off, _) => Ok(()),
            (_, Some(secret)) if offered => {
                leg.secrecy = Secrecy::Keyed(LegKeys::new(auth::call_key(challenge, secret)));
                Ok(())
            }
            (EncryptionPolicy::Forced, None) => {
                Err("forceencryption=yes needs a secret to make a key of")
            }
            (EncryptionPolicy::Forced, _) => Err("it does not encrypt, and forceencryption=yes"),
            (EncryptionPolicy::Offered, _) => Ok(()),
        }
    }

    /// A frame on an encrypted leg could not be decrypted: counted, and after a burst told once with the likely cause.
    pub(crate) fn not_decrypted(&mut self, now: Instant, key: Key) {
        let Some(leg) = self.legs.get_mut(key) else { return };
        leg.undecryptable += 1;
        let tells = match leg.secrecy {
            Secrecy::Awaited(_) => leg.undecryptable == 1,
            _ => leg.undecryptable == BURST,
        };
        let waits = matches!(leg.state, LegState::Waiting);
        let Some(remote) = self.remote_of(key).filter(|_| tells) else { return };
        let text = if waits {
            format!(
                "{remote}: the answer to our challenge does not decrypt: it has another secret, probably"
            )
        } else {
            format!(
                "{remote}: {BURST} frames of an encrypted call do not decrypt: a new key of its that was lost, or forged frames"
            )
        };
        self.complain(now, Topic::Call, remote, text);
    }
}
