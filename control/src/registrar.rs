//! Others register with us: who, from where, for how long (RFC 5456 §6.1).

use std::time::Duration;

use dataplane::handoff::CoreId;
use dataplane::time::Instant;
use dataplane::wire::IaxSubclass;

use crate::auth::Challenge;
use crate::conf::{Host, Methods};
use crate::elements::printable;
use crate::engine::Control;
use crate::leg::{LegState, RegistrarSetup, Work};
use crate::message;
use crate::output::{LogLevel, Topic};
use crate::proof::{self, Judgement};
use crate::reliable::OnAck;
use crate::slab::Key;
use crate::transport::{Address, HeardFrame, iax};

/// What a registration lives longer than was granted, for a refresh that is late.
const GRACE: Duration = Duration::from_secs(10);
/// How long a refusal waits under `delayreject`.
const REFUSAL_DELAY: Duration = Duration::from_secs(1);
/// How long a registrant may take to answer its challenge.
const ANSWER_WAIT: Duration = Duration::from_secs(30);

impl Control {
    /// A REGREQ or REGREL whose source may open a leg. `false`: there is no room for one.
    pub(crate) fn registration_arrived(
        &mut self,
        now: Instant,
        core: CoreId,
        from: Address,
        heard: &HeardFrame<'_>,
        validated: bool,
    ) -> bool {
        let name = heard.elements.username.unwrap_or_default();
        let setup = Box::new(RegistrarSetup {
            username: printable(name),
            peer: self.peers.index_of(name),
            challenge: None,
            refresh: heard.elements.refresh.unwrap_or(0),
            release: heard.iax() == Some(IaxSubclass::RegRel),
            refusal: None,
        });
        let work = Work::Registrar(setup);
        let Some(key) = self.open_leg_for(now, core, from, heard, validated, work) else {
            return false;
        };
        self.challenge_registrant(now, key);
        self.acknowledge_opening(now, key, heard.frame.header());
        true
    }

    /// A name without a section, and one that must not register from there, are challenged like any other.
    fn challenge_registrant(&mut self, now: Instant, key: Key) {
        let Some(setup) = self.registrar_setup(key) else { return };
        let (username, index) = (setup.username.clone(), setup.peer);
        let peer = index.and_then(|index| self.peers.get(index));
        let required = peer.is_none_or(|peer| peer.config.credentials.are_required());
        if !required {
            return self.registration_proved(now, key);
        }
        let methods = peer.map_or(Methods::MD5, |peer| peer.config.credentials.methods);
        let challenge = Challenge::new(&mut self.random);
        if let Some(setup) = self.registrar_setup(key) {
            setup.challenge = Some(challenge);
        }
        if let Some(leg) = self.legs.get_mut(key) {
            leg.due_at = now + ANSWER_WAIT;
        }
        let data = message::challenge(methods, challenge.text(), false, &username);
        self.send(now, key, iax(IaxSubclass::RegAuth), &data, OnAck::Nothing);
    }

    /// The second REGREQ (REGREL), with its answer to the challenge.
    pub(crate) fn registrar_answered(&mut self, now: Instant, key: Key, heard: &HeardFrame<'_>) {
        let Some(setup) = self.registrar_setup(key) else { return };
        let Some(challenge) = setup.challenge.take() else { return };
        let (username, index) = (setup.username.clone(), setup.peer);
        let peer = index.and_then(|index| self.peers.get(index));
        let credentials = peer.map(|peer| &peer.config.credentials);
        let judgement = proof::judge(credentials, &self.keys, &challenge, &heard.elements);
        let known = peer.is_some();
        if let Some(setup) = self.registrar_setup(key) {
            setup.refresh = heard.elements.refresh.unwrap_or(setup.refresh);
        }
        match judgement {
            Judgement::Met => self.registration_proved(now, key),
            Judgement::Failed(why) if known => self.registrant_failed(now, key, why.to_owned()),
            Judgement::Failed(_) => {
                self.registrant_failed(now, key, format!("no peer [{username}] in iax.conf"));
            }
            Judgement::Verify(keys, answer) => self.verify(key, keys, &challenge, answer),
        }
    }

    /// A registrant's answer is wrong, or it is nobody: the wire tells the two apart by nothing.
    fn registrant_failed(&mut self, now: Instant, key: Key, why: String) {
        let remote = self.remote_of(key);
        let name = self.registrar_setup(key).map(|setup| setup.username.clone());
        if let Some((remote, name)) = remote.zip(name) {
            self.proof_failed(now, remote, &name);
        }
        self.refuse_registration(now, key, why);
    }

    /// Whether a registrant's signature was right.
    pub(crate) fn registration_verified(&mut self, now: Instant, key: Key, met: bool) {
        if met {
            self.registration_proved(now, key);
        } else {
            self.registrant_failed(now, key, "a signature by none of its inkeys".to_owned());
        }
    }

    /// Who it is has been proved: whether it may register, from there.
    fn registration_proved(&mut self, now: Instant, key: Key) {
        let Some(remote) = self.remote_of(key) else { return };
        let Some(setup) = self.registrar_setup(key) else { return };
        let (index, refresh, release, username) =
            (setup.peer, setup.refresh, setup.release, setup.username.clone());
        let Some((index, peer)) = index.and_then(|index| Some((index, self.peers.get(index)?)))
        else {
            return self.refuse_registration(now, key, format!("no peer [{username}] in iax.conf"));
        };
        if peer.config.host != Host::Dynamic {
            let why = format!("[{username}] has a fixed host; only host=dynamic may register");
            return self.refuse_registration(now, key, why);
        }
        if !peer.config.acl.allows(remote.ip()) {
            let why = format!("[{username}] does not permit that address (permit, deny, acl)");
            return self.refuse_registration(now, key, why);
        }
        if self.legs.get(key).is_some_and(|leg| !leg.unvalidated) {
            self.peers.tokens_proved(&username);
        }
        let unix_seconds = self.unix_now(now);
        let data = if release {
            self.unregister(now, index, "released");
            message::released(&username, unix_seconds)
        } else {
            let granted = self.register(now, index, remote, refresh);
            let peer = self.peers.get(index);
            message::registered(&message::RegAck {
                username: &username,
                refresh: granted,
                apparent: remote,
                caller_id: peer.and_then(|peer| peer.config.caller_id.as_ref()),
                unix_seconds,
            })
        };
        self.end_registrar(now, key, IaxSubclass::RegAck, &data);
    }

    /// Remembers where a peer is; returns the seconds granted.
    fn register(
        &mut self,
        now: Instant,
        index: u32,
        remote: std::net::SocketAddr,
        refresh: u16,
    ) -> u16 {
        let general = &self.config.general;
        let asked = Duration::from_secs(u64::from(refresh));
        let granted = asked.clamp(general.min_reg_expire, general.max_reg_expire);
        let before = self.peers.set_address(index, Some(remote));
        let Some(peer) = self.peers.get_mut(index) else { return 0 };
        let new = before != Some(remote) || peer.registered_until.is_none();
        peer.registered_until = Some(now + granted + GRACE);
        let seconds = u16::try_from(granted.as_secs()).unwrap_or(u16::MAX);
        if new {
            let text = format!("peer {} registered at {remote} for {seconds} s", peer.config.name);
            self.log(LogLevel::Info, Topic::Registrar, text);
            self.probe_anew(now, index);
        }
        self.rearm_peer(index);
        seconds
    }

    fn unregister(&mut self, now: Instant, index: u32, how: &str) {
        let home = self.peers.get(index).and_then(|peer| peer.config.home());
        self.peers.set_address(index, home);
        self.probe_anew(now, index);
        let Some(peer) = self.peers.get_mut(index) else { return };
        if peer.registered_until.take().is_some() {
            let text = format!("peer {} is not registered any more: {how}", peer.config.name);
            self.log(LogLevel::Info, Topic::Registrar, text);
        }
    }

    /// A registration was not refreshed in time.
    pub(crate) fn registration_lapsed(&mut self, now: Instant, index: u32) {
        self.unregister(now, index, "not refreshed in time");
    }

    /// REGREJ, after a second's wait under `delayreject` and a longer one for who guesses: one line in the log, nothing
    /// on the wire that tells why.
    pub(crate) fn refuse_registration(&mut self, now: Instant, key: Key, why: String) {
        let remote = self.remote_of(key);
        let Some(setup) = self.registrar_setup(key) else { return };
        let username = setup.username.clone();
        let mut wait =
            remote.map_or(Duration::ZERO, |remote| self.refusal_wait(now, remote, &username));
        if self.config.general.delay_reject {
            wait = wait.max(REFUSAL_DELAY);
        }
        if wait.is_zero() {
            return self.say_registration_refused(now, key, &why);
        }
        if let Some(setup) = self.registrar_setup(key) {
            setup.refusal = Some(why);
        }
        if let Some(leg) = self.legs.get_mut(key) {
            leg.due_at = now + wait;
        }
        self.rearm(now, key);
    }

    /// A delayed refusal is due, or the registrant has not answered.
    pub(crate) fn registrar_due(&mut self, now: Instant, key: Key) {
        let Some(setup) = self.registrar_setup(key) else { return };
        let why =
            setup.refusal.take().unwrap_or_else(|| "it did not answer its challenge".to_owned());
        self.say_registration_refused(now, key, &why);
    }

    /// REGREJ, with its line in the log.
    pub(crate) fn say_registration_refused(&mut self, now: Instant, key: Key, why: &str) {
        self.log_refusal(now, key, why);
        let data = message::registration_refused();
        self.end_registrar(now, key, IaxSubclass::RegRej, &data);
    }

    /// The registrant is gone, or will not go on: nothing more is said to it.
    pub(crate) fn registrar_left(&mut self, now: Instant, key: Key, why: &str) {
        if self.state_of(key) == Some(LegState::Ending) {
            return; // its line has been written
        }
        let refusal = self.registrar_setup(key).and_then(|setup| setup.refusal.take());
        self.log_refusal(now, key, refusal.as_deref().unwrap_or(why));
    }

    fn log_refusal(&mut self, now: Instant, key: Key, why: &str) {
        let Some(remote) = self.remote_of(key) else { return };
        let Some(setup) = self.registrar_setup(key) else { return };
        let text = format!("registration of \"{}\" from {remote} refused: {why}", setup.username);
        self.complain_of_credentials(now, Topic::Registrar, remote, text);
    }

    fn end_registrar(&mut self, now: Instant, key: Key, subclass: IaxSubclass, data: &[u8]) {
        if let Some(leg) = self.legs.get_mut(key) {
            leg.state = LegState::Ending;
            leg.due_at = Instant::FAR_FUTURE;
        }
        self.send(now, key, iax(subclass), data, OnAck::End);
    }

    fn registrar_setup(&mut self, key: Key) -> Option<&mut RegistrarSetup> {
        match &mut self.legs.get_mut(key)?.work {
            Work::Registrar(setup) => Some(setup),
            _ => None,
        }
    }
}
