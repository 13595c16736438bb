//! Calls that arrive: who calls, what it must prove, where the dialplan sends it.

use std::hash::BuildHasher;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use dataplane::handoff::CoreId;
use dataplane::time::Instant;
use dataplane::wire::{CodecPrefs, IaxSubclass};
use hashbrown::hash_map::Entry;

use crate::auth::Challenge;
use crate::call::Call;
use crate::cause::Cause;
use crate::codec::{Wanted, candidates};
use crate::conf::{Methods, User};
use crate::dialplan::{DialOptions, Walk, WalkStart};
use crate::elements::{Elements, printable};
use crate::engine::Control;
use crate::identity::Identity;
use crate::leg::{CallerSetup, Ending, Event, Leg, LegState, Work};
use crate::message;
use crate::output::Topic;
use crate::peer::PeerState;
use crate::reliable::{OnAck, RTT_AT_FIRST};
use crate::slab::Key;
use crate::transport::{Address, HeardFrame, Opening, iax};

/// How long a refusal of credentials waits under `delayreject`.
const REFUSAL_DELAY: Duration = Duration::from_secs(1);
/// Unanswered challenges at a time under one name that nobody has, where there is no user to be like:
/// `maxauthreq`'s own default.
const STRANGERS_CHALLENGED: u32 = 3;
/// How long a caller may take to answer a challenge, or to show that it hears us.
const PROOF_WAIT: Duration = Duration::from_secs(30);

impl Control {
    /// A NEW whose source may open a leg. `false`: there is no room for one.
    pub(crate) fn call_arrived(
        &mut self,
        now: Instant,
        core: CoreId,
        from: Address,
        heard: &HeardFrame<'_>,
        validated: bool,
    ) -> bool {
        let elements = &heard.elements;
        let user = self.find_user(from.1.ip(), elements);
        let setup = Box::new(CallerSetup {
            username: elements.named_user().map_or_else(String::new, printable),
            challenge: None,
            called: elements
                .called_number
                .filter(|n| !n.is_empty())
                .map_or("s".to_owned(), printable),
            context: elements.called_context.filter(|c| !c.is_empty()).map(printable),
            candidates: user.as_ref().map_or_else(Vec::new, |user| acceptable(user, elements)),
            identity: Identity::of(elements, heard.frame.ies()),
            refusal: None,
            user,
        });
        let opening = Opening { core, address: from, rtt: RTT_AT_FIRST };
        let Some(key) = self.open_leg(now, opening, Work::Caller(Some(setup))) else {
            return false;
        };
        let header = *heard.frame.header();
        let Some(leg) = self.legs.get_mut(key) else { return false };
        leg.state = LegState::Waiting;
        leg.theirs = Some(header.source);
        leg.opening =
            Some((header.timestamp, heard.elements.call_token.unwrap_or_default().into()));
        leg.proven = validated;
        leg.unvalidated = !validated;
        let _ = leg.reliable.arrive(&header, true);
        self.unvalidated += u32::from(!validated);
        let pair = leg.pair;
        self.associations.get_mut(pair).learn_theirs(header.source, key);
        self.start_keep_alive(now, key);
        if self.config.general.delay_reject {
            self.send_ack(key, &header);
        }
        self.challenge_or_route(now, key, elements.version);
        self.acknowledge_opening(now, key, &header);
        true
    }

    /// The section a call comes in by: the one it names, if that lets it in; else by its source (never by a secret
    /// alone: without a name only sections bound to the source qualify, in file order, and `[guest]`).
    fn find_user(&self, source: IpAddr, elements: &Elements<'_>) -> Option<Arc<User>> {
        let context = elements.called_context.filter(|c| !c.is_empty()).map(printable);
        let qualifies = |user: &&Arc<User>| {
            let in_context =
                context.as_ref().is_none_or(|c| user.any_context || user.contexts.contains(c));
            user.acl.allows(source) && in_context
        };
        if let Some(name) = elements.named_user() {
            let name = std::str::from_utf8(name).ok()?;
            return self.user_named(name).filter(qualifies).cloned();
        }
        let of_peer = |peer: &PeerState| self.users.get(&peer.config.name).copied();
        let hosts = self.peers.at_ip(source).filter_map(of_peer);
        let mut bound: Vec<u32> = hosts
            .filter(|at| self.user_at(*at).is_some_and(|user| user.host.is_some()))
            .chain(
                self.narrowed
                    .iter()
                    .copied()
                    .filter(|at| self.user_at(*at).is_some_and(|user| user.acl.narrows_to(source))),
            )
            .collect();
        bound.sort_unstable();
        let mut bound = bound.into_iter().filter_map(|at| self.user_at(at)).filter(qualifies);
        bound.next().or_else(|| self.user_named("guest").filter(qualifies)).cloned()
    }

    fn user_at(&self, at: u32) -> Option<&Arc<User>> {
        self.config.users.get(at as usize)
    }

    /// Asks for proof where there is something to prove; a stranger's name is asked like any other.
    fn challenge_or_route(&mut self, now: Instant, key: Key, version: Option<u16>) {
        let Some(setup) = self.caller_setup(key) else { return };
        let (user, username) = (setup.user.clone(), setup.username.clone());
        if version.is_some_and(|version| version > 2) {
            return self.refuse_caller(
                now,
                key,
                Cause::NO_AUTHORITY,
                "it speaks a version above 2".to_owned(),
            );
        }
        let methods = match &user {
            Some(user) if !user.credentials.are_required() => return self.admitted(now, key),
            Some(user) => user.credentials.methods,
            None if username.is_empty() => {
                let why = "it names no user, and no section is bound to its address".to_owned();
                return self.refuse_caller(now, key, Cause::NO_AUTHORITY, why);
            }
            None => Methods::MD5,
        };
        let limit = match &user {
            Some(user) => user.max_auth_req,
            None => self.challenges_of_a_stranger(&username),
        };
        let waiting = self.challenges.entry((user.is_some(), username.clone())).or_insert(0);
        if limit > 0 && *waiting >= limit {
            let why = format!(
                "{waiting} challenges to user \"{username}\" are unanswered; maxauthreq is {limit}"
            );
            return self.refuse_caller(now, key, Cause::REJECTED, why);
        }
        *waiting += 1;
        let challenge = Challenge::new(&mut self.random);
        let Some(leg) = self.legs.get_mut(key) else { return };
        leg.due_at = now + PROOF_WAIT;
        if let Work::Caller(Some(setup)) = &mut leg.work {
            setup.challenge = Some(challenge);
        }
        let data = message::challenge(methods, challenge.text(), &username);
        self.send(now, key, iax(IaxSubclass::AuthReq), &data, OnAck::Nothing);
    }

    /// `maxauthreq` for a name that nobody has: always the same one's of our users, or a caller could tell by the limit
    /// it meets which names there are.
    fn challenges_of_a_stranger(&self, username: &str) -> u32 {
        let users = &self.config.users;
        let at = self.challenges.hasher().hash_one(username) as usize % users.len().max(1);
        let alike = users.get(at).filter(|user| user.credentials.are_required());
        alike.map_or(STRANGERS_CHALLENGED, |user| user.max_auth_req)
    }

    /// AUTHREP: right, the call goes on; wrong, it is refused as a stranger's is.
    pub(crate) fn answered_challenge(&mut self, now: Instant, key: Key, heard: &HeardFrame<'_>) {
        let delayed = self.config.general.delay_reject;
        let Some(setup) = self.caller_setup(key) else { return };
        let Some(challenge) = setup.challenge.take() else { return };
        let (user, username) = (setup.user.clone(), setup.username.clone());
        self.forget_challenge_of(user.is_some(), username.clone());
        let answer = heard.elements.md5_result.unwrap_or_default();
        let secrets = user.as_ref().map_or(&[][..], |user| &user.credentials.secrets);
        if challenge.is_met_by(answer, secrets) {
            if delayed {
                self.send_ack(key, heard.frame.header());
            }
            if let Some(leg) = self.legs.get_mut(key) {
                leg.state = leg.state.on(Event::AuthRep).unwrap_or(leg.state);
            }
            return self.admitted(now, key);
        }
        let why = match (&user, heard.elements.md5_result) {
            (None, _) => format!(
                "no user \"{username}\" may call from there (section, permit/deny or context)"
            ),
            (Some(_), None) => format!("user \"{username}\" answered without an MD5 result"),
            (Some(_), Some(_)) => format!("user \"{username}\" gave a wrong secret"),
        };
        self.refuse_caller(now, key, Cause::NO_AUTHORITY, why);
    }

    /// Refuses a caller before there is a call: one line in the log, a second's wait under `delayreject`.
    fn refuse_caller(&mut self, now: Instant, key: Key, cause: Cause, why: String) {
        if self.config.general.delay_reject && cause == Cause::NO_AUTHORITY {
            if let Some(setup) = self.caller_setup(key) {
                setup.refusal = Some((cause, why));
            }
            if let Some(leg) = self.legs.get_mut(key) {
                leg.due_at = now + REFUSAL_DELAY;
            }
            return self.rearm(now, key);
        }
        self.reject_caller(now, key, cause, &why);
    }

    /// REJECT to a caller for whom there is no call, with its line in the log.
    pub(crate) fn reject_caller(&mut self, now: Instant, key: Key, cause: Cause, why: &str) {
        self.say_unrouted(now, key, cause, &format!("refused: {why}"));
        self.end_leg(now, key, Ending::Reject(cause));
    }

    /// A caller's leg is over before there was a call: what was to be told in the log is told now.
    pub(crate) fn unrouted_ended(&mut self, now: Instant, key: Key, cause: Cause, why: &str) {
        let waits = |leg: &&mut Leg| leg.state == LegState::Waiting && leg.ending.is_none();
        let Some(leg) = self.legs.get_mut(key).filter(waits) else { return };
        let Work::Caller(Some(setup)) = &mut leg.work else { return };
        match setup.refusal.take() {
            Some((cause, why)) => self.say_unrouted(now, key, cause, &format!("refused: {why}")),
            None => self.say_unrouted(now, key, cause, &format!("ended before it began: {why}")),
        }
    }

    fn say_unrouted(&mut self, now: Instant, key: Key, cause: Cause, what: &str) {
        let Some(remote) = self.remote_of(key) else { return };
        let called = self.caller_setup(key).map_or_else(String::new, |setup| setup.called.clone());
        let text = format!("call from {remote} to \"{called}\" {what}; cause {cause}");
        if cause == Cause::NO_AUTHORITY {
            self.complain_of_credentials(now, Topic::Admission, remote, text);
        } else {
            self.complain(now, Topic::Admission, remote, text);
        }
    }

    /// What a leg's work waited for has not come, or its refusal has waited long enough.
    pub(crate) fn work_due(&mut self, now: Instant, key: Key) {
        let Some(leg) = self.legs.get_mut(key) else { return };
        match &mut leg.work {
            Work::Caller(Some(setup)) => {
                let refusal = setup.refusal.take();
                let (cause, why) = refusal.unwrap_or_else(|| {
                    (Cause::NO_AUTHORITY, "it did not answer its challenge".to_owned())
                });
                self.reject_caller(now, key, cause, &why);
            }
            Work::Caller(None) => {
                self.leg_lost(now, key, "it does not show that it hears us");
            }
            Work::Callee(_) => {
                let why = "it does not answer the call (NEW)";
                self.call_leg_ended(now, key, Cause::OUT_OF_ORDER, Some(why), Ending::Silent);
            }
            Work::Registrar(_) => self.registrar_due(now, key),
            Work::Registrant(_) | Work::Probe(_) => self.leg_lost(now, key, "it does not answer"),
        }
    }

    /// A caller has proved what it must: a call begins, if there is a codec and a number.
    fn admitted(&mut self, now: Instant, key: Key) {
        let Some(leg) = self.legs.get_mut(key) else { return };
        leg.due_at = Instant::FAR_FUTURE;
        let (proven, validated) = (leg.proven, !leg.unvalidated);
        let Work::Caller(setup) = &mut leg.work else { return };
        let Some(setup) = setup.take() else { return };
        let CallerSetup {
            user: Some(user), username, called, context, candidates, identity, ..
        } = *setup
        else {
            return;
        };
        if validated {
            self.peers.tokens_proved(if username.is_empty() { "guest" } else { &username });
        }
        let identity = identity.overridden_by(&user);
        let context = context.or_else(|| user.contexts.first().cloned()).unwrap_or_default();
        self.calls_made += 1;
        let id = self.calls_made;
        let start = WalkStart {
            context: &context,
            number: &called,
            caller: identity.caller_id(),
            channel: &format!("IAX2/{}-{id}", user.name),
            unique_id: &format!("{}.{id}", self.started.1),
            variables: &user.variables,
        };
        let walk = Walk::start(&self.plan, start).map(Box::new);
        let (codecs, routed) = (candidates.clone(), walk.is_some());
        let call = Call {
            id,
            caller: key,
            user,
            callee: None,
            candidates,
            answered: None,
            dial: None,
            walk,
            identity: Some(Box::new(identity)),
            cause: Cause::NORMAL,
            reason: None,
            went_wrong: false,
            options: DialOptions::default(),
            due_at: Instant::FAR_FUTURE,
        };
        let Some(call) = self.calls.insert_with(|_| call) else { return };
        if let Some(leg) = self.legs.get_mut(key) {
            leg.call = Some(call);
        }
        if !routed {
            let why =
                format!("no extension \"{called}\" in context [{context}] of extensions.conf");
            return self.refuse_call(now, call, Cause::NO_ROUTE, &why);
        }
        if codecs.is_empty() {
            let why = "no codec of its NEW is allowed by its section (allow, disallow)";
            return self.refuse_call(now, call, Cause::NO_CODEC, why);
        }
        if proven {
            return self.run_dialplan(now, call);
        }
        // Nothing has shown yet that it hears us: the call goes on with its ACK of our ACCEPT.
        if let Some(leg) = self.legs.get_mut(key) {
            leg.due_at = now + PROOF_WAIT;
        }
        self.accept_caller(now, call, None);
    }

    /// A frame that names our number has come: a call that waited for this proof is routed.
    pub(crate) fn proof_heard(&mut self, now: Instant, key: Key) {
        let Some(leg) = self.legs.get_mut(key) else { return };
        let waits = matches!(leg.work, Work::Caller(None)) && leg.due_at != Instant::FAR_FUTURE;
        if !waits || !leg.proven || leg.state != LegState::Linked {
            return;
        }
        leg.due_at = Instant::FAR_FUTURE;
        if let Some(call) = leg.call {
            self.run_dialplan(now, call);
        }
    }

    /// The ACK of the frame that opened a leg, where no answer has gone yet: it stops the caller's set-up timer.
    pub(crate) fn acknowledge_opening(
        &mut self,
        now: Instant,
        key: Key,
        header: &dataplane::wire::FullHeader,
    ) {
        if self.legs.get(key).is_some_and(|leg| leg.reliable.owes_ack()) {
            self.send_ack(key, header);
        }
        self.rearm(now, key);
    }

    fn caller_setup(&mut self, key: Key) -> Option<&mut CallerSetup> {
        match &mut self.legs.get_mut(key)?.work {
            Work::Caller(setup) => setup.as_deref_mut(),
            _ => None,
        }
    }

    /// A leg that still owed an answer to its challenge is over.
    pub(crate) fn forget_challenge(&mut self, work: &Work) {
        if let Work::Caller(Some(setup)) = work
            && setup.challenge.is_some()
        {
            self.forget_challenge_of(setup.user.is_some(), setup.username.clone());
        }
    }

    fn forget_challenge_of(&mut self, known: bool, username: String) {
        if let Entry::Occupied(mut waiting) = self.challenges.entry((known, username)) {
            *waiting.get_mut() -= 1;
            if *waiting.get() == 0 {
                waiting.remove();
            }
        }
    }
}

/// Formats in which a user's call is taken.
fn acceptable(user: &User, elements: &Elements<'_>) -> Vec<dataplane::wire::MediaFormat> {
    let wanted = Wanted {
        format: elements.format().unwrap_or_default(),
        capability: elements.capability().unwrap_or_default(),
        prefs: elements.codec_prefs.unwrap_or(CodecPrefs(&[])),
    };
    candidates(user.codec_priority, &user.codecs, wanted)
}
