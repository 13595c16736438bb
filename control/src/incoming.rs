//! Calls that arrive: who calls, what it must prove, where the dialplan sends it.

use std::hash::BuildHasher;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use dataplane::handoff::CoreId;
use dataplane::time::Instant;
use dataplane::wire::{Capability, CodecPrefs, IaxSubclass};
use hashbrown::hash_map::Entry;

use crate::auth::Challenge;
use crate::call::Call;
use crate::cause::Cause;
use crate::codec::{Wanted, candidates};
use crate::conf::{Methods, User};
use crate::dialplan::{DialOptions, Walk, WalkStart};
use crate::dialplan_query::TO_BE_DECIDED;
use crate::elements::{Elements, printable};
use crate::encryption::{Agreement, agree};
use crate::engine::Control;
use crate::formats;
use crate::identity::Identity;
use crate::leg::{CallerSetup, Ending, Event, Leg, LegState, Work};
use crate::message;
use crate::output::Topic;
use crate::peer::PeerState;
use crate::proof::{self, Judgement};
use crate::reliable::OnAck;
use crate::slab::Key;
use crate::transport::{Address, HeardFrame, iax};

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
            agreement: user.as_ref().map_or(Agreement::Clear, |user| agree(user, elements)),
            refusal: None,
            asks: false,
            user,
        });
        let work = Work::Caller(Some(setup));
        let Some(key) = self.open_leg_for(now, core, from, heard, validated, work) else {
            return false;
        };
        if let Some(leg) = self.legs.get_mut(key) {
            leg.state = LegState::Waiting;
            leg.proven = validated;
        }
        self.note_formats(key, elements);
        self.start_keep_alive(now, key);
        self.challenge_or_route(now, key, elements.version);
        self.acknowledge_opening(now, key, heard.frame.header());
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
        let agreement = setup.agreement;
        if agreement == Agreement::Impossible {
            let why = "it does not encrypt, and forceencryption=yes".to_owned();
            return self.refuse_caller(now, key, Cause::NO_AUTHORITY, why);
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
        let encrypted = agreement != Agreement::Clear;
        let data = message::challenge(methods, challenge.text(), encrypted, &username);
        self.send(now, key, iax(IaxSubclass::AuthReq), &data, OnAck::Nothing);
        if encrypted {
            self.await_encrypted(key, challenge.text(), user.as_deref());
        }
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
        let credentials = user.as_ref().map(|user| &user.credentials);
        let judgement = proof::judge(credentials, &self.keys, &challenge, &heard.elements);
        if delayed && !matches!(judgement, Judgement::Failed(_)) {
            self.send_ack(key, heard.frame.header());
        }
        match judgement {
            Judgement::Met => self.challenge_met(now, key),
            Judgement::Verify(keys, answer) => self.verify(key, keys, &challenge, answer),
            Judgement::Failed(why) => self.challenge_failed(now, key, why),
        }
    }

    /// A caller has proved who it is.
    pub(crate) fn challenge_met(&mut self, now: Instant, key: Key) {
        if let Some(leg) = self.legs.get_mut(key) {
            leg.state = leg.state.on(Event::AuthRep).unwrap_or(leg.state);
        }
        self.admitted(now, key);
    }

    /// A caller has not, or is nobody: the wire tells the two apart by nothing.
    pub(crate) fn challenge_failed(&mut self, now: Instant, key: Key, why: &str) {
        let Some(setup) = self.caller_setup(key) else { return };
        let username = setup.username.clone();
        let why = match &setup.user {
            None => format!(
                "no user \"{username}\" may call from there (section, permit/deny or context)"
            ),
            Some(_) => format!("user \"{username}\" gave {why}"),
        };
        if let Some(remote) = self.remote_of(key) {
            self.proof_failed(now, remote, &username);
        }
        self.refuse_caller(now, key, Cause::NO_AUTHORITY, why);
    }

    /// Refuses a caller before there is a call: one line in the log; a second's wait under `delayreject`, and a
    /// longer one for who guesses.
    fn refuse_caller(&mut self, now: Instant, key: Key, cause: Cause, why: String) {
        let remote = self.remote_of(key);
        let Some(setup) = self.caller_setup(key) else { return };
        let username = setup.username.clone();
        let mut wait =
            remote.map_or(Duration::ZERO, |remote| self.refusal_wait(now, remote, &username));
        if self.config.general.delay_reject {
            wait = wait.max(REFUSAL_DELAY);
        }
        if wait.is_zero() || cause != Cause::NO_AUTHORITY {
            return self.reject_caller(now, key, cause, &why);
        }
        if let Some(setup) = self.caller_setup(key) {
            setup.refusal = Some((cause, why));
        }
        if let Some(leg) = self.legs.get_mut(key) {
            leg.due_at = now + wait;
        }
        self.rearm(now, key);
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
        if self.queries_end(now, key) {
            return;
        }
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

    /// A caller has proved what it must: it is routed, or asks for numbers first.
    fn admitted(&mut self, now: Instant, key: Key) {
        let validated = self.legs.get(key).is_some_and(|leg| !leg.unvalidated);
        let Some(setup) = self.caller_setup(key) else { return };
        let (username, asks) = (setup.username.clone(), setup.called == TO_BE_DECIDED);
        let rotates = setup.agreement == (Agreement::Encrypted { rotates: true });
        if validated {
            self.peers.tokens_proved(if username.is_empty() { "guest" } else { &username });
        }
        if rotates {
            self.start_rotation(now, key);
        }
        if asks { self.queries_begin(now, key) } else { self.route(now, key) }
    }

    /// A call begins, if its section takes one more and there is a codec and a number.
    pub(crate) fn route(&mut self, now: Instant, key: Key) {
        let Some(setup) = self.caller_setup(key) else { return };
        let Some(user) = setup.user.clone() else { return };
        let (number, called) = (setup.identity.number.clone(), setup.called.clone());
        let numbers = (number.as_deref(), called.as_str());
        if let Some((cause, why)) = self.held_back(now, &user.name, &user.limits, numbers) {
            return self.reject_caller(now, key, cause, &why);
        }
        let Some(leg) = self.legs.get_mut(key) else { return };
        leg.due_at = Instant::FAR_FUTURE;
        let proven = leg.proven;
        let Work::Caller(setup) = &mut leg.work else { return };
        let Some(setup) = setup.take() else { return };
        let CallerSetup { called, context, candidates, identity, .. } = *setup;
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
            ends_at: Instant::FAR_FUTURE,
        };
        let section = Arc::clone(&call.user);
        let Some(call) = self.calls.insert_with(|_| call) else { return };
        self.count_in(&section.name);
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

    /// Remembers what a caller and its section can do, for changes in mid-call and for what is besides voice.
    fn note_formats(&mut self, key: Key, elements: &Elements<'_>) {
        let said = |formats: Option<Capability>| formats.unwrap_or_default();
        let can = said(elements.capability()).or(said(elements.format()));
        let Some(setup) = self.caller_setup(key) else { return };
        let section = setup.user.as_ref().map_or(Capability::NONE, |user| user.codecs.set);
        let clear = setup.agreement == Agreement::Clear;
        let Some(pair) = self.legs.get(key).map(|leg| leg.pair) else { return };
        let trunk = clear && self.trunk_peer_at(pair).is_some();
        if let Some(leg) = self.legs.get_mut(key) {
            leg.media.formats = formats::of_caller(section, can, trunk);
        }
    }

    pub(crate) fn caller_setup(&mut self, key: Key) -> Option<&mut CallerSetup> {
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
