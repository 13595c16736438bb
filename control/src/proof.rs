//! Who proves what to whom: the method we answer a challenge by, and what we make of an answer to ours.
//!
//! Signing and verifying take long (0.3 to 1.3 ms, and 15 to 48 µs), so they go out as [`Job`]s and come back with
//! their outcome: a burst of challenges must not delay a live call's signalling.

use std::fmt;

use dataplane::wire::{IeKind, IeWriter};
use rsa::rand_core::TryCryptoRng;

use dataplane::time::Instant;

use crate::auth::{self, Challenge};
use crate::cause::Cause;
use crate::conf::{Credentials, Methods, Secret};
use crate::elements::Elements;
use crate::engine::Control;
use crate::keys::{self, KeyRing, PublicKey, Signer};
use crate::leg::{Ending, LegState, Work};
use crate::output::Output;
use crate::slab::Key;

/// An answer to a challenge, as the wire carries it.
#[derive(Debug)]
pub(crate) enum Proof {
    /// MD5_RESULT.
    Md5([u8; 32]),
    /// RSA_RESULT.
    Rsa(String),
    /// PASSWORD.
    Plaintext(Secret),
}

impl Proof {
    pub(crate) fn write(&self, ies: &mut IeWriter<'_>) {
        match self {
            Self::Md5(result) => ies.raw(IeKind::Md5Result, result),
            Self::Rsa(result) => ies.raw(IeKind::RsaResult, result.as_bytes()),
            Self::Plaintext(secret) => ies.raw(IeKind::Password, secret.reveal()),
        };
    }
}

/// What we can prove ourselves with toward one peer.
#[derive(Debug, Clone, Default)]
pub(crate) struct Means {
    pub(crate) secret: Option<Secret>,
    pub(crate) signer: Option<Signer>,
    /// Methods the section allows; no other is used, whatever the peer offers.
    pub(crate) allowed: Methods,
}

/// How a challenge is answered.
#[derive(Debug)]
pub(crate) enum Answer {
    /// At once.
    Now(Proof),
    /// By a signature, which takes a while.
    Sign(Signer),
}

/// Answers a challenge by the best method both sides have.
pub(crate) fn answer(
    means: &Means,
    offered: Methods,
    challenge: &[u8],
) -> Result<Answer, &'static str> {
    let usable = |method: Methods| offered.contains(method) && means.allowed.contains(method);
    match (&means.signer, &means.secret) {
        (Some(signer), _) if usable(Methods::RSA) => Ok(Answer::Sign(signer.clone())),
        (_, Some(secret)) if usable(Methods::MD5) && !challenge.is_empty() => {
            Ok(Answer::Now(Proof::Md5(auth::answer(challenge, secret))))
        }
        (_, Some(secret)) if usable(Methods::PLAINTEXT) => {
            Ok(Answer::Now(Proof::Plaintext(secret.clone())))
        }
        (None, None) => Err("it asks for a proof, and we have neither secret nor key for it"),
        _ if offered == Methods::PLAINTEXT => {
            Err("it takes the secret in clear only, and auth=plaintext is not allowed here")
        }
        _ => Err("it offers no method that auth= allows here"),
    }
}

/// What an answer to our challenge is worth.
#[derive(Debug)]
pub(crate) enum Judgement {
    /// It proves what it must.
    Met,
    /// It does not, and why, for the log.
    Failed(&'static str),
    /// A signature, which it takes a while to verify.
    Verify(Vec<PublicKey>, Vec<u8>),
}

/// Judges an answer by the one method that may decide: a signature where one came and may, else md5, else the secret
/// itself. `None`: a stranger, whose every answer fails.
pub(crate) fn judge(
    credentials: Option<&Credentials>,
    keys: &KeyRing,
    challenge: &Challenge,
    elements: &Elements<'_>,
) -> Judgement {
    let methods = credentials.map_or(Methods::MD5, |credentials| credentials.methods);
    let secrets = credentials.map_or(&[][..], |credentials| &credentials.secrets);
    let in_keys = credentials.map_or(&[][..], |credentials| &credentials.in_keys);
    if let Some(result) = elements.rsa_result.filter(|_| methods.contains(Methods::RSA)) {
        let keys = in_keys.iter().filter_map(|name| keys.public(name).cloned()).collect();
        return Judgement::Verify(keys, result.to_vec());
    }
    if methods.contains(Methods::MD5) {
        let met = challenge.is_met_by(elements.md5_result.unwrap_or_default(), secrets);
        return match elements.md5_result {
            _ if met => Judgement::Met,
            Some(_) => Judgement::Failed("a wrong secret"),
            None => Judgement::Failed("no answer by a method that auth= allows"),
        };
    }
    if methods.contains(Methods::PLAINTEXT) {
        return match elements.password {
            Some(password) if auth::is_one_of(password, secrets) => Judgement::Met,
            Some(_) => Judgement::Failed("a wrong secret"),
            None => Judgement::Failed("no secret"),
        };
    }
    Judgement::Failed("no signature")
}

/// What a job's outcome belongs to.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct JobTicket(pub(crate) Key);

impl fmt::Debug for JobTicket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "JobTicket({})", self.0.index)
    }
}

/// Arithmetic that takes too long for the control thread; to be [run](Job::run) on another.
#[derive(Debug, Clone)]
pub struct Job {
    pub(crate) ticket: JobTicket,
    pub(crate) task: Task,
}

#[derive(Debug, Clone)]
pub(crate) enum Task {
    Sign { signer: Signer, challenge: Vec<u8> },
    Verify { keys: Vec<PublicKey>, challenge: Vec<u8>, answer: Vec<u8> },
}

/// A job done, or refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JobDone {
    pub(crate) ticket: JobTicket,
    pub(crate) outcome: Outcome,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Outcome {
    Signed(String),
    Verified(bool),
    /// Nobody had time for it, or randomness failed.
    NotDone,
}

impl Job {
    /// Does it. `random` blinds a signature's arithmetic, and is not used otherwise.
    pub fn run(self, random: &mut (impl TryCryptoRng + ?Sized)) -> JobDone {
        let outcome = match self.task {
            Task::Sign { signer, challenge } => {
                signer.sign(random, &challenge).map_or(Outcome::NotDone, Outcome::Signed)
            }
            Task::Verify { keys, challenge, answer } => {
                Outcome::Verified(keys::verify(&keys, &challenge, &answer))
            }
        };
        JobDone { ticket: self.ticket, outcome }
    }

    /// What to answer where too many jobs wait already.
    pub fn refused(self) -> JobDone {
        JobDone { ticket: self.ticket, outcome: Outcome::NotDone }
    }
}

impl Control {
    /// Has a challenge signed.
    pub(crate) fn sign(&mut self, leg: Key, signer: Signer, challenge: &[u8]) {
        let task = Task::Sign { signer, challenge: challenge.to_vec() };
        self.outputs.push_back(Output::Work(Job { ticket: JobTicket(leg), task }));
    }

    /// Has a signature verified.
    pub(crate) fn verify(
        &mut self,
        leg: Key,
        keys: Vec<PublicKey>,
        challenge: &Challenge,
        answer: Vec<u8>,
    ) {
        let task = Task::Verify { keys, challenge: challenge.text().to_vec(), answer };
        self.outputs.push_back(Output::Work(Job { ticket: JobTicket(leg), task }));
    }

    /// What waited for a signature or a verdict goes on, if it is still there.
    pub(crate) fn job_done(&mut self, now: Instant, done: JobDone) {
        let key = done.ticket.0;
        let Some(leg) = self.legs.get(key).filter(|leg| leg.ending.is_none() && leg.over.is_none())
        else {
            return;
        };
        let waits = leg.state == LegState::Waiting;
        match (&leg.work, done.outcome) {
            (Work::Callee(Some(_)), Outcome::Signed(result)) if waits => {
                self.prove(now, key, &Proof::Rsa(result));
            }
            (Work::Callee(Some(_)), _) if waits => {
                let (cause, why) =
                    (Cause::SWITCH_CONGESTION, "our signature could not be made in time");
                self.call_leg_ended(now, key, cause, Some(why), Ending::Hangup(cause));
            }
            (Work::Registrant(index), Outcome::Signed(result)) => {
                let index = *index;
                self.prove_registrant(now, key, index, &Proof::Rsa(result));
            }
            (Work::Registrant(index), _) => {
                let index = *index;
                self.cannot_register(now, key, index, "our signature could not be made in time");
            }
            (Work::Caller(Some(_)), Outcome::Verified(true)) if waits => {
                self.challenge_met(now, key)
            }
            (Work::Caller(Some(_)), Outcome::Verified(false)) if waits => {
                self.challenge_failed(now, key, "a signature by none of its inkeys");
            }
            (Work::Caller(Some(_)), _) if waits => {
                let why = "too many signatures wait to be verified";
                self.reject_caller(now, key, Cause::SWITCH_CONGESTION, why);
            }
            (Work::Registrar(_), Outcome::Verified(met)) => {
                self.registration_verified(now, key, met)
            }
            (Work::Registrar(_), _) => {
                let why = "too many signatures wait to be verified".to_owned();
                self.refuse_registration(now, key, why);
            }
            _ => {}
        }
    }
}
