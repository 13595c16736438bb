//! Calls we place: whom, with what offer, and what we answer until they accept.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use dataplane::handoff::{CoreId, SocketId};
use dataplane::time::Instant;
use dataplane::wire::{Capability, IaxSubclass, MediaFormat};

use crate::cause::Cause;
use crate::codec;
use crate::conf::{CallerId, EncryptionPolicy, Methods, Peer};
use crate::conversion;
use crate::dialplan::Destination;
use crate::engine::Control;
use crate::leg::{CalleeSetup, Ending, Event, LegState, Work};
use crate::message;
use crate::output::Topic;
use crate::proof::{self, Answer, Means, Proof};
use crate::reliable::{OnAck, RTT_AT_FIRST};
use crate::slab::Key;
use crate::transport::{HeardFrame, Opening, iax};

/// The port where nobody says another.
pub(crate) const IAX_PORT: u16 = 4569;
/// Challenges answered for one call: more is a peer that plays with us.
const PATIENCE: u8 = 3;

/// Why a destination was not even called.
#[derive(Debug)]
pub(crate) struct Refusal {
    pub(crate) cause: Cause,
    pub(crate) why: String,
}

/// What is known of a destination before it is called.
struct Target {
    remote: SocketAddr,
    local: SocketId,
    rtt: Duration,
    codecs: Capability,
    means: Means,
    username: Option<String>,
    context: Option<String>,
    send_ani: bool,
    encryption: EncryptionPolicy,
    trusted: bool,
    trunk: bool,
    /// The configured peer, by index.
    peer: Option<u32>,
}

impl Control {
    /// The formats to offer: those the caller's leg can still be accepted in. Several destinations ring at once, so
    /// they are offered one that all of them can do, where there is one. A caller who is told that it rings before
    /// anybody accepts is accepted by that: only one format can be offered then.
    pub(crate) fn offer_for(
        &self,
        call: Key,
        destinations: &[Destination],
        one: bool,
    ) -> Vec<MediaFormat> {
        let candidates = self.calls.get(call).map_or(&[][..], |call| &call.candidates);
        let does = |destination: &Destination, format: MediaFormat| {
            let peer = self.peers.by_name(destination.peer.as_bytes());
            peer.is_none_or(|peer| peer.config.codecs.set.contains(format))
        };
        let all_do = |format: &&MediaFormat| destinations.iter().all(|to| does(to, **format));
        let one_does = |format: &&MediaFormat| destinations.iter().any(|to| does(to, **format));
        if one || destinations.len() > 1 {
            let mut formats = candidates.iter();
            let common = formats.find(all_do).or_else(|| candidates.iter().find(one_does));
            if let Some(common) = common.filter(|common| one || all_do(common)) {
                return vec![*common];
            }
        }
        candidates.to_vec()
    }

    /// Calls one destination.
    pub(crate) fn place(
        &mut self,
        now: Instant,
        call: Key,
        destination: &Destination,
        offered: &[MediaFormat],
        caller: &CallerId,
    ) -> Result<Key, Refusal> {
        let target = self.target(destination)?;
        let converts = self.config.general.g711_conversion;
        let offered = conversion::offer(offered, target.codecs, converts);
        if offered.is_empty() {
            let why = format!("[{}] allows no codec the caller can do", destination.peer);
            return Err(Refusal { cause: Cause::NO_CODEC, why });
        }
        if let Some(why) = self.over_limit(target.remote.ip()) {
            return Err(Refusal { cause: Cause::CONGESTION, why });
        }
        if let Some(why) = target.peer.and_then(|peer| self.held_back_out(now, peer)) {
            let text = format!("call to {} not placed: {why}", target.remote);
            self.complain(now, Topic::Admission, target.remote, text);
            let why = format!("[{}] takes no more calls now", destination.peer);
            return Err(Refusal { cause: Cause::CONGESTION, why });
        }
        let Some((caller_leg, identity)) =
            self.calls.get(call).and_then(|call| Some((call.caller, call.identity.as_deref()?)))
        else {
            return Err(Refusal {
                cause: Cause::TEMPORARY_FAILURE,
                why: "the call is over".to_owned(),
            });
        };
        let mut identity = identity.clone();
        identity.set(caller.clone());
        let identity = if target.trusted { identity } else { identity.presented() };
        let besides = self.formats_besides(caller_leg, target.codecs, target.trunk);
        let elements = message::new(&message::New {
            called: destination.number.as_deref().unwrap_or("s"),
            context: target.context.as_deref(),
            username: target.username.as_deref(),
            encryption: target.encryption != EncryptionPolicy::Off && target.means.secret.is_some(),
            auto_answer: destination.auto_answer,
            offered: &offered,
            besides,
            identity: &identity,
            send_ani: target.send_ani,
            unix_seconds: self.unix_now(now),
        });
        let (means, remote) = (target.means, target.remote);
        let data = message::with_token(&elements, &[]);
        let encryption = target.encryption;
        let formats = offered.iter().fold(besides, |set, format| set.with(*format));
        let setup = Box::new(CalleeSetup { elements, means, encryption, offered, answers: 0 });
        let core = self.core_for(target.local, remote);
        let opening = Opening { core, address: (target.local, remote), rtt: target.rtt };
        let Some(key) = self.open_leg(now, opening, Work::Callee(Some(setup))) else {
            let why = format!("no call number toward {remote}, leg or peer is free");
            return Err(Refusal { cause: Cause::CONGESTION, why });
        };
        let patience = self.new_patience();
        if let Some(leg) = self.legs.get_mut(key) {
            leg.call = Some(call);
            leg.media.formats = formats;
            leg.state = leg.state.on(Event::New).unwrap_or(leg.state);
            leg.due_at = now + patience;
        }
        if let Some(peer) = target.peer {
            self.count_out(key, peer);
        }
        self.start_keep_alive(now, key);
        self.send(now, key, iax(IaxSubclass::New), &data, OnAck::Nothing);
        Ok(key)
    }

    /// Where a destination is and how it is called: its section, or the address it names itself.
    fn target(&self, destination: &Destination) -> Result<Target, Refusal> {
        let name = &destination.peer;
        let absent = |why: String| Refusal { cause: Cause::ABSENT, why };
        let Some(peer) = self.peers.by_name(name.as_bytes()) else {
            let Ok(ip) = name.parse::<IpAddr>() else {
                return Err(absent(format!(
                    "there is no peer [{name}] in iax.conf, and it is no address"
                )));
            };
            let remote = SocketAddr::new(ip, destination.port.unwrap_or(IAX_PORT));
            return Ok(Target {
                local: self.socket_for(remote, None)?,
                remote,
                rtt: RTT_AT_FIRST,
                codecs: Capability::DEFAULT,
                means: self.means_of(destination, None),
                username: destination.user.clone(),
                context: destination.context.clone(),
                send_ani: false,
                encryption: EncryptionPolicy::Off,
                trusted: false,
                trunk: false,
                peer: None,
            });
        };
        let Some(mut remote) = peer.address else {
            return Err(absent(format!("[{name}] {}", peer.why_no_address())));
        };
        if let Some(state) = peer.unfit_to_call() {
            return Err(absent(format!("[{name}] at {remote} is {state} (qualify)")));
        }
        remote.set_port(destination.port.unwrap_or(remote.port()));
        let config = &peer.config;
        Ok(Target {
            local: self.socket_for(remote, config.source)?,
            remote,
            rtt: peer.rtt().unwrap_or(RTT_AT_FIRST),
            codecs: config.codecs.set,
            means: self.means_of(destination, Some(config)),
            username: destination.user.clone().or_else(|| config.username.clone()),
            context: destination.context.clone().or_else(|| config.peer_context.clone()),
            send_ani: config.send_ani,
            encryption: config.encryption,
            trusted: config.trusted,
            trunk: config.trunk && config.encryption != EncryptionPolicy::Forced,
            peer: self.peers.index_of(name.as_bytes()),
        })
    }

    /// What a destination's challenge is answered with: its dial string's own, else its section's.
    fn means_of(&self, destination: &Destination, peer: Option<&Peer>) -> Means {
        let own = peer.map(|peer| &peer.credentials);
        let key = destination.key.as_ref().or(own.and_then(|own| own.out_key.as_ref()));
        let signer = key.and_then(|name| self.keys.signer(name)).cloned();
        let of_section = || own.and_then(|own| own.secrets.last().cloned());
        let secret = destination.secret.clone().or_else(of_section);
        let written = |is: bool, method| if is { method } else { Methods::default() };
        let allowed = own
            .map_or_else(Methods::default, |own| own.methods)
            .with(written(destination.secret.is_some(), Methods::MD5))
            .with(written(destination.key.is_some(), Methods::RSA));
        Means { secret, signer, allowed }
    }

    /// The socket to reach an address from: the one configured, else the first of its family.
    pub(crate) fn socket_for(
        &self,
        remote: SocketAddr,
        configured: Option<u8>,
    ) -> Result<SocketId, Refusal> {
        let binds = &self.config.general.binds;
        let fits = |bind: &SocketAddr| bind.is_ipv4() == remote.is_ipv4();
        let chosen = configured.filter(|at| binds.get(usize::from(*at)).is_some_and(fits));
        let found = chosen.or_else(|| binds.iter().position(fits).map(|at| at as u8));
        found.map(SocketId).ok_or_else(|| {
            let family = if remote.is_ipv4() { "IPv4" } else { "IPv6" };
            let why = format!("no bindaddr is {family}, as {remote} is");
            Refusal { cause: Cause::ABSENT, why }
        })
    }

    /// The core thought to hear an address, until it is heard.
    pub(crate) fn core_for(&self, local: SocketId, remote: SocketAddr) -> CoreId {
        self.associations
            .find(local, remote)
            .map_or(CoreId(0), |pair| self.associations.get(pair).core)
    }

    /// CALLTOKEN: the frame that opened the leg once more, with the token, as if nothing had been said.
    ///
    /// The first token only: a second one answers a repetition of the frame without any, and would open a second call
    /// at a peer to whom each valid token means a new one.
    pub(crate) fn token_received(&mut self, now: Instant, key: Key, heard: &HeardFrame<'_>) {
        let Some(token) = heard.elements.call_token.filter(|token| !token.is_empty()) else {
            return;
        };
        let patience = self.new_patience();
        let Some(leg) = self.legs.get_mut(key) else { return };
        if leg.theirs.is_some() || leg.token_taken {
            return; // the call has gone past that
        }
        let (kind, data) = match &leg.work {
            Work::Callee(Some(setup)) if leg.state == LegState::Waiting => {
                leg.due_at = now + patience;
                (IaxSubclass::New, message::with_token(&setup.elements, token))
            }
            Work::Callee(_) if leg.state == LegState::Ending => {
                return self.release(now, key, true); // it has not even begun at the peer
            }
            Work::Registrant(index) => {
                let index = *index;
                let Some((kind, elements)) = self.registration_request(index) else { return };
                (kind, message::with_token(&elements, token))
            }
            _ => return,
        };
        if let Some(leg) = self.legs.get_mut(key) {
            leg.token_taken = true;
            leg.reliable.restart();
            // Repeated before its answer can be here, it would be a second call to Asterisk, for each valid token is.
            leg.reliable.measured(now.since(leg.started).max(leg.reliable.rtt()));
        }
        self.send(now, key, iax(kind), &data, OnAck::Nothing);
    }

    /// How long a NEW may stay without any answer.
    fn new_patience(&self) -> Duration {
        let general = &self.config.general;
        general.autokill.map_or(general.new_timeout, |autokill| 2 * autokill)
    }

    /// AUTHREQ: the answer, if we have the secret and the peer wants a method we do.
    pub(crate) fn challenged(&mut self, now: Instant, key: Key, heard: &HeardFrame<'_>) {
        let Some(leg) = self.legs.get_mut(key).filter(|leg| leg.state == LegState::Waiting) else {
            return;
        };
        let Work::Callee(Some(setup)) = &mut leg.work else { return };
        setup.answers += 1;
        let methods = Methods(heard.elements.auth_methods.unwrap_or(Methods::MD5.0));
        let challenge = heard.elements.challenge.unwrap_or_default();
        let answer = if setup.answers > PATIENCE {
            Err("it challenges again and again")
        } else {
            proof::answer(&setup.means, methods, challenge)
        };
        let policy = setup.encryption;
        let answer = answer.and_then(|answer| {
            self.encrypt_to_callee(key, policy, challenge, heard)?;
            Ok(answer)
        });
        match answer {
            Ok(answer) => {
                let Some(leg) = self.legs.get_mut(key) else { return };
                leg.state = leg.state.on(Event::AuthReq).unwrap_or(leg.state);
                match answer {
                    Answer::Now(proof) => self.prove(now, key, &proof),
                    Answer::Sign(signer) => self.sign(key, signer, challenge),
                }
            }
            Err(why) => {
                let cause = Cause::NO_AUTHORITY;
                self.call_leg_ended(now, key, cause, Some(why), Ending::Hangup(cause));
            }
        }
    }

    /// AUTHREP to whom we call.
    pub(crate) fn prove(&mut self, now: Instant, key: Key, proof: &Proof) {
        let data = message::proof(proof);
        self.send(now, key, iax(IaxSubclass::AuthRep), &data, OnAck::Nothing);
    }

    /// ACCEPT: the format is agreed, if it is one we offered.
    pub(crate) fn accepted(&mut self, now: Instant, key: Key, heard: &HeardFrame<'_>) {
        let Some(leg) = self.legs.get_mut(key).filter(|leg| leg.state == LegState::Waiting) else {
            return;
        };
        let Work::Callee(setup) = &mut leg.work else { return };
        let Some(setup) = setup.take() else { return };
        let call = leg.call;
        if setup.encryption == EncryptionPolicy::Forced && leg.secrecy.sending().is_none() {
            let why = "it accepted in clear, and forceencryption=yes";
            let cause = Cause::NO_CODEC;
            return self.call_leg_ended(now, key, cause, Some(why), Ending::Reject(cause));
        }
        let said = heard.elements.format().filter(|said| !said.is_empty());
        let Some(format) = codec::chosen(said, &setup.offered) else {
            let why = format!("it accepted {}, which was not offered", said.unwrap_or_default());
            let cause = Cause::NO_CODEC;
            return self.call_leg_ended(now, key, cause, Some(&why), Ending::Reject(cause));
        };
        leg.state = leg.state.on(Event::Accept).unwrap_or(leg.state);
        leg.media.agreed = Some(format);
        if let Some(call) = call {
            self.callee_accepted(now, call, key, format);
        }
    }
}
