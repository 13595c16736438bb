//! We register with others, by `register =>` lines, again and again (RFC 5456 §6.1).
//!
//! A failure is retried with doubling pauses. After several time-outs in a row a longer silence is kept, so that a
//! stuck entry of a NAT on the way can expire: our own frames would keep it alive for ever.

use std::net::SocketAddr;
use std::time::Duration;

use dataplane::time::Instant;
use dataplane::wire::IaxSubclass;

use crate::cause::Cause;
use crate::conf::{Host, Methods, RegisterLine, Secret};
use crate::engine::{Control, Due};
use crate::leg::{LegState, Work};
use crate::message;
use crate::output::{LogLevel, Topic};
use crate::proof::{self, Answer, Means, Proof};
use crate::reliable::{OnAck, RTT_AT_FIRST};
use crate::slab::Key;
use crate::transport::{HeardFrame, Opening, iax};

/// Seconds asked for until a registrar grants others.
const REFRESH: u16 = 60;
/// How long a registrar may take from one message to the next. Its acknowledgement alone says that it lives, not that it
/// will ever answer: it may have restarted in between.
const ANSWER_WAIT: Duration = Duration::from_secs(30);
/// Time-outs in a row after which silence is kept.
const TIMEOUTS_BEFORE_QUIET: u32 = 3;

/// Where a registration stands; the words are those operators' scripts look for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Unregistered,
    RequestSent,
    AuthSent,
    Registered,
    Rejected,
    Timeout,
    NoAuthentication,
}

impl State {
    const fn words(self) -> &'static str {
        match self {
            Self::Unregistered => "Unregistered",
            Self::RequestSent => "Request Sent",
            Self::AuthSent => "Auth. Sent",
            Self::Registered => "Registered",
            Self::Rejected => "Rejected",
            Self::Timeout => "Timeout",
            Self::NoAuthentication => "No Authentication",
        }
    }
}

/// One `register =>` line at work.
#[derive(Debug)]
pub(crate) struct Registrant {
    user: String,
    secret: Option<Secret>,
    /// Name of the private key, written in place of the secret.
    key: Option<String>,
    registrar: Option<SocketAddr>,
    state: State,
    /// The last attempt that ended was granted.
    holds: bool,
    refresh: u16,
    failures: u32,
    timeouts: u32,
    leg: Option<Key>,
    due_at: Instant,
    releasing: bool,
}

impl Registrant {
    pub(crate) fn new(line: &RegisterLine) -> Self {
        let registrar = match line.host {
            Host::Address(address) => Some(address),
            Host::Dynamic | Host::Name { .. } => None,
        };
        Self {
            user: line.user.clone(),
            secret: line.secret.clone(),
            key: line.key.clone(),
            registrar,
            state: State::Unregistered,
            holds: false,
            refresh: REFRESH,
            failures: 0,
            timeouts: 0,
            leg: None,
            due_at: Instant::FAR_FUTURE,
            releasing: false,
        }
    }
}

impl Control {
    /// Registers where the address is known; the others follow when it is.
    pub(crate) fn start_registrants(&mut self, now: Instant) {
        for index in 0..self.registrants.len() as u32 {
            if self.registrants[index as usize].registrar.is_some() {
                self.registrant_at(now, index);
            }
        }
    }

    /// The registrar's name gave an address.
    pub(crate) fn registrar_found(&mut self, now: Instant, index: u32, address: SocketAddr) {
        let Some(registrant) = self.registrants.get_mut(index as usize) else { return };
        if registrant.registrar != Some(address) {
            registrant.registrar = Some(address);
            self.registrant_at(now, index);
        }
    }

    fn registrant_at(&mut self, at: Instant, index: u32) {
        if let Some(registrant) = self.registrants.get_mut(index as usize) {
            registrant.due_at = at;
            self.timers.arm(at, Due::Registrant(index));
        }
    }

    /// Time to register (again).
    pub(crate) fn registrant_due(&mut self, now: Instant, index: u32) {
        let Some(registrant) = self.registrants.get_mut(index as usize) else { return };
        let idle = registrant.leg.is_none() && !self.closing;
        if registrant.due_at > now || !idle {
            return;
        }
        registrant.due_at = Instant::FAR_FUTURE;
        self.request(now, index);
    }

    fn request(&mut self, now: Instant, index: u32) {
        let Some(remote) = self.registrants.get(index as usize).and_then(|r| r.registrar) else {
            return;
        };
        let Ok(local) = self.socket_for(remote, None) else {
            return self.registration_failed(
                now,
                index,
                State::Unregistered,
                "no bindaddr of its family",
            );
        };
        let core = self.core_for(local, remote);
        let opening = Opening { core, address: (local, remote), rtt: RTT_AT_FIRST };
        let Some(key) = self.open_leg(now, opening, Work::Registrant(index)) else {
            return self.registration_failed(
                now,
                index,
                State::Unregistered,
                "no call number is free",
            );
        };
        let Some((kind, elements)) = self.registration_request(index) else { return };
        if let Some(leg) = self.legs.get_mut(key) {
            leg.due_at = now + ANSWER_WAIT;
        }
        if let Some(registrant) = self.registrants.get_mut(index as usize) {
            registrant.leg = Some(key);
            registrant.state = State::RequestSent;
        }
        let data = message::with_token(&elements, &[]);
        self.send(now, key, iax(kind), &data, OnAck::Nothing);
    }

    /// The request as it stands before a challenge: its subclass and elements.
    pub(crate) fn registration_request(&self, index: u32) -> Option<(IaxSubclass, Vec<u8>)> {
        self.request_with(index, None)
    }

    fn request_with(&self, index: u32, proof: Option<&Proof>) -> Option<(IaxSubclass, Vec<u8>)> {
        let registrant = self.registrants.get(index as usize)?;
        let (kind, refresh) = match registrant.releasing {
            true => (IaxSubclass::RegRel, None),
            false => (IaxSubclass::RegReq, Some(registrant.refresh)),
        };
        Some((kind, message::register(&registrant.user, refresh, proof)))
    }

    /// REGAUTH: the request again, with the answer.
    pub(crate) fn registrant_challenged(&mut self, now: Instant, key: Key, heard: &HeardFrame<'_>) {
        let Some(index) = self.registrant_of(key) else { return };
        let Some(registrant) = self.registrants.get_mut(index as usize) else { return };
        if registrant.state != State::RequestSent {
            return self.registration_refused_on(now, key, index, "it challenges again and again");
        }
        let methods = Methods(heard.elements.auth_methods.unwrap_or(Methods::MD5.0));
        let challenge = heard.elements.challenge.unwrap_or_default();
        let means = Means {
            secret: registrant.secret.clone(),
            signer: registrant.key.as_ref().and_then(|name| self.keys.signer(name)).cloned(),
            allowed: if registrant.key.is_some() { Methods::RSA } else { Methods::MD5 },
        };
        registrant.state = State::AuthSent;
        match proof::answer(&means, methods, challenge) {
            Ok(Answer::Now(proof)) => self.prove_registrant(now, key, index, &proof),
            Ok(Answer::Sign(signer)) => self.sign(key, signer, challenge),
            Err(why) => self.cannot_register(now, key, index, why),
        }
    }

    /// The request again, with the answer to its challenge.
    pub(crate) fn prove_registrant(&mut self, now: Instant, key: Key, index: u32, proof: &Proof) {
        let Some((kind, elements)) = self.request_with(index, Some(proof)) else { return };
        self.send(now, key, iax(kind), &elements, OnAck::Nothing);
    }

    /// The challenge cannot be answered.
    pub(crate) fn cannot_register(&mut self, now: Instant, key: Key, index: u32, why: &str) {
        let data = message::reject(Cause::NO_AUTHORITY);
        if let Some(leg) = self.legs.get_mut(key) {
            leg.state = LegState::Ending;
            leg.due_at = Instant::FAR_FUTURE;
        }
        self.send(now, key, iax(IaxSubclass::Reject), &data, OnAck::End);
        if let Some(registrant) = self.registrants.get_mut(index as usize) {
            registrant.leg = None;
        }
        self.registration_failed(now, index, State::NoAuthentication, why);
    }

    /// REGACK.
    pub(crate) fn registrant_accepted(&mut self, now: Instant, key: Key, heard: &HeardFrame<'_>) {
        let Some(index) = self.registrant_of(key) else { return };
        self.send_ack(key, heard.frame.header());
        self.release(now, key, true);
        let Some(registrant) = self.registrants.get_mut(index as usize) else { return };
        registrant.leg = None;
        if registrant.releasing {
            registrant.state = State::Unregistered;
            return;
        }
        registrant.state = State::Registered;
        let news = !std::mem::replace(&mut registrant.holds, true);
        registrant.refresh = heard.elements.refresh.filter(|s| *s > 0).unwrap_or(REFRESH);
        (registrant.failures, registrant.timeouts) = (0, 0);
        let refresh = Duration::from_secs(u64::from(registrant.refresh));
        if news {
            let registrar = registrant.registrar.map_or_else(String::new, |at| at.to_string());
            let seen = heard.elements.apparent_addr;
            let seen = seen.map_or_else(String::new, |at| format!(", which sees us at {}", at.0));
            let text = format!("registered as {} with {registrar}{seen}", registrant.user);
            self.log(LogLevel::Info, Topic::Registrant, text);
        }
        self.registrant_at(now + refresh * 5 / 6, index);
    }

    /// REGREJ.
    pub(crate) fn registrant_rejected(&mut self, now: Instant, key: Key, heard: &HeardFrame<'_>) {
        let Some(index) = self.registrant_of(key) else { return };
        if self.legs.get(key).is_some_and(|leg| leg.theirs.is_some()) {
            self.send_ack(key, heard.frame.header());
        }
        let code = heard.elements.cause_code.map_or(Cause::FACILITY_REJECTED, Cause);
        self.release(now, key, true);
        self.registration_refused(now, index, code);
    }

    /// The registrar refuses us, by REGREJ, REJECT or HANGUP.
    pub(crate) fn registration_refused(&mut self, now: Instant, index: u32, cause: Cause) {
        let why =
            format!("it refuses, cause {cause}: user and secret must be those of its section");
        self.registration_failed(now, index, State::Rejected, &why);
    }

    fn registration_refused_on(&mut self, now: Instant, key: Key, index: u32, why: &str) {
        self.release(now, key, false);
        self.registration_failed(now, index, State::Rejected, why);
    }

    /// The registrar does not answer.
    pub(crate) fn registration_timed_out(&mut self, now: Instant, index: u32) {
        if let Some(registrant) = self.registrants.get_mut(index as usize) {
            registrant.timeouts += 1;
        }
        self.registration_failed(now, index, State::Timeout, "it does not answer");
    }

    fn registration_failed(&mut self, now: Instant, index: u32, state: State, why: &str) {
        let general = &self.config.general;
        let (retry, most, quiet) =
            (general.register_retry, general.register_retry_max, general.register_quiet);
        let Some(registrant) = self.registrants.get_mut(index as usize) else { return };
        registrant.leg = None;
        registrant.state = state;
        registrant.holds = false;
        registrant.failures += 1;
        registrant.refresh = REFRESH;
        if registrant.releasing {
            return;
        }
        let doubled = retry.saturating_mul(1 << (registrant.failures - 1).min(16)).min(most);
        let keeps_quiet =
            state == State::Timeout && registrant.timeouts.is_multiple_of(TIMEOUTS_BEFORE_QUIET);
        let pause = if keeps_quiet { doubled.max(quiet) } else { doubled };
        let registrar = registrant.registrar.map_or_else(|| "?".to_owned(), |at| at.to_string());
        let text = format!(
            "registration as {} with {registrar}: {}: {why}; next try in {} s",
            registrant.user,
            state.words(),
            pause.as_secs()
        );
        self.log(LogLevel::Warning, Topic::Registrant, text);
        self.registrant_at(now + pause, index);
    }

    /// Releases every registration we hold, before the process ends.
    pub(crate) fn release_registrations(&mut self, now: Instant) {
        for index in 0..self.registrants.len() as u32 {
            let registrant = &mut self.registrants[index as usize];
            let registered = registrant.holds;
            registrant.releasing = true;
            if let Some(key) = registrant.leg.take() {
                self.release(now, key, false);
            }
            if registered {
                self.request(now, index);
            }
        }
    }

    fn registrant_of(&self, key: Key) -> Option<u32> {
        match self.legs.get(key)?.work {
            Work::Registrant(index) => Some(index),
            _ => None,
        }
    }
}
