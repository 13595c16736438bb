//! How a host opens legs and lets them be opened: tokens, challenges, registrations.

use dataplane::handoff::PUNT_MAX;
use dataplane::time::Instant;
use dataplane::wire::{FullFrame, IaxSubclass, IeKind, MediaFormat};
use md5::{Digest, Md5};

use super::ies::{Elements, Read};
use super::leg::{Role, Said, Told};
use super::manner::{Pickup, Registering};
use super::peer::{LAGRQ_TIME, PING_TIME, Peer, Tools, stateless};

const TOKEN_SECONDS: u64 = 10;
const MD5_METHOD: u16 = 2;

impl Peer {
    /// A call to `number` begins.
    pub(super) fn dial(&mut self, tools: &mut Tools<'_>, number: &str) -> usize {
        let manner = self.manner.clone();
        let leg = self.open(tools, Role::Caller);
        let letters: Vec<u8> =
            manner.codecs.iter().filter_map(|f| dataplane::wire::CodecPrefs::letter(*f)).collect();
        let wants = manner.wants.or(manner.codecs.first().copied()).unwrap_or(MediaFormat::ULAW);
        let mut ies = Elements::new()
            .put(IeKind::Version, &2u16.to_be_bytes())
            .put(IeKind::CalledNumber, number.as_bytes());
        if manner.sends_prefs {
            ies = ies.put(IeKind::CodecPrefs, &letters);
        }
        let ies = ies
            .text(IeKind::CallingNumber, manner.number.as_deref())
            .put(IeKind::CallingPres, &[0])
            .put(IeKind::CallingTon, &[0])
            .put(IeKind::CallingTns, &[0, 0])
            .text(IeKind::CallingName, manner.name.as_deref())
            .put(IeKind::Language, b"en")
            .text(IeKind::CalledContext, manner.context.as_deref())
            .text(IeKind::Username, manner.username.as_deref())
            .formats(IeKind::Format, &[wants])
            .formats(IeKind::Capability, &manner.codecs);
        self.legs[leg].ping_at = tools.now + PING_TIME;
        self.legs[leg].lagrq_at = tools.now + LAGRQ_TIME;
        if !manner.pings {
            (self.legs[leg].ping_at, self.legs[leg].lagrq_at) =
                (Instant::FAR_FUTURE, Instant::FAR_FUTURE);
        }
        self.send_opening(leg, tools, IaxSubclass::New, ies);
        leg
    }

    /// A registration begins, or its release.
    pub(super) fn register(&mut self, tools: &mut Tools<'_>, refresh: u16, release: bool) -> usize {
        let leg = self.open(tools, Role::Registrant);
        let kind = if release { IaxSubclass::RegRel } else { IaxSubclass::RegReq };
        let ies = Elements::new()
            .text(IeKind::Username, self.manner.username.as_deref())
            .put(IeKind::Refresh, &refresh.to_be_bytes());
        self.send_opening(leg, tools, kind, ies);
        leg
    }

    fn send_opening(
        &mut self,
        leg: usize,
        tools: &mut Tools<'_>,
        kind: IaxSubclass,
        ies: Elements,
    ) {
        self.legs[leg].opening = (kind, ies.octets().to_vec());
        let ies = if self.manner.knows_tokens { ies.put(IeKind::CallToken, &[]) } else { ies };
        self.on_leg(leg, tools, |leg, ctx| leg.send_iax(ctx, kind, ies.octets()));
    }

    /// CALLTOKEN: the opening frame once more, with the token.
    pub(super) fn token_came(&mut self, leg: usize, tools: &mut Tools<'_>, read: &Read<'_>) {
        let token = read.get(IeKind::CallToken).unwrap_or_default().to_vec();
        let taken = self.legs[leg].token_taken || self.legs[leg].theirs.is_some();
        if taken || !self.manner.knows_tokens || token.is_empty() {
            return;
        }
        self.on_leg(leg, tools, |leg, ctx| {
            leg.token_taken = true;
            leg.restart_numbers();
            let (kind, mut ies) = leg.opening.clone();
            ies.extend_from_slice(Elements::new().put(IeKind::CallToken, &token).octets());
            assert!(ies.len() < PUNT_MAX);
            leg.send_iax(ctx, kind, &ies);
        });
    }

    fn token_for(&self, second: u64) -> String {
        format!("{second}?{:016x}", self.token_key.rotate_left(second as u32 % 64) ^ second)
    }

    pub(super) fn token_is_valid(&self, now: Instant, read: &Read<'_>) -> bool {
        let token = read.text(IeKind::CallToken);
        let Some(second) = token.split('?').next().and_then(|s| s.parse::<u64>().ok()) else {
            return false;
        };
        let age = (now.as_micros() / 1_000_000).wrapping_sub(second);
        token == self.token_for(second) && age <= TOKEN_SECONDS
    }

    /// A frame that would open a leg here.
    pub(super) fn opening(
        &mut self,
        tools: &mut Tools<'_>,
        frame: &FullFrame<'_>,
        read: &Read<'_>,
    ) {
        let header = *frame.header();
        let calls = header.subclass.as_iax() == IaxSubclass::New;
        let ignored = if calls {
            self.manner.pickup == Pickup::Ignores
        } else {
            self.manner.registering == Registering::Ignores
        };
        if ignored {
            return;
        }
        let refusal = if calls { IaxSubclass::Reject } else { IaxSubclass::RegRej };
        match read.get(IeKind::CallToken) {
            Some([]) => {
                let token = self.token_for(tools.now.as_micros() / 1_000_000);
                let ies = Elements::new().put(IeKind::CallToken, token.as_bytes());
                return stateless(tools, &header, IaxSubclass::CallToken, ies.octets());
            }
            Some(_) if !self.token_is_valid(tools.now, read) => {
                return stateless(tools, &header, refusal, &[]);
            }
            None if self.manner.demands_token => return stateless(tools, &header, refusal, &[]),
            _ => {}
        }
        let leg = self.open(tools, if calls { Role::Callee } else { Role::Registrar });
        self.legs[leg].opened_by(&header);
        self.legs[leg].said = said(read);
        if self.manner.demands.is_empty() {
            if calls { self.pick_up(leg, tools) } else { self.grant(leg, tools) }
        } else {
            let challenge = (100_000_000 + tools.random.below(900_000_000)).to_string();
            let ies = Elements::new()
                .put(IeKind::AuthMethods, &MD5_METHOD.to_be_bytes())
                .put(IeKind::Challenge, challenge.as_bytes())
                .text(IeKind::Username, Some(&self.legs[leg].said.username));
            let kind = if calls { IaxSubclass::AuthReq } else { IaxSubclass::RegAuth };
            self.legs[leg].challenge = Some(challenge);
            self.on_leg(leg, tools, |leg, ctx| leg.send_iax(ctx, kind, ies.octets()));
        }
        self.on_leg(leg, tools, |leg, ctx| leg.ack_if_owed(ctx, &header));
    }

    /// An answer to our challenge.
    pub(super) fn answered_challenge(
        &mut self,
        leg: usize,
        tools: &mut Tools<'_>,
        read: &Read<'_>,
    ) {
        let Some(challenge) = self.legs[leg].challenge.take() else { return };
        let answer = read.text(IeKind::Md5Result);
        let right = self.manner.demands.iter().any(|secret| md5_of(&challenge, secret) == answer);
        let registers = self.legs[leg].role == Role::Registrar;
        if right {
            if registers { self.grant(leg, tools) } else { self.pick_up(leg, tools) }
        } else if registers {
            self.refuse_registration(leg, tools);
        } else {
            self.reject(leg, tools, 50);
        }
    }

    /// REGREQ or REGREL whose sender is proved.
    fn grant(&mut self, leg: usize, tools: &mut Tools<'_>) {
        match self.manner.registering {
            Registering::Grants(seconds) => {
                let username = self.legs[leg].said.username.clone();
                let ies = Elements::new()
                    .text(IeKind::Username, Some(&username))
                    .put(IeKind::DateTime, &[0; 4])
                    .put(IeKind::Refresh, &seconds.to_be_bytes());
                self.on_leg(leg, tools, |leg, ctx| {
                    leg.send_last(ctx, IaxSubclass::RegAck, ies.octets());
                });
            }
            Registering::Refuses => self.refuse_registration(leg, tools),
            Registering::Acknowledges | Registering::Ignores => {}
        }
    }

    fn refuse_registration(&mut self, leg: usize, tools: &mut Tools<'_>) {
        let ies = Elements::new().text(IeKind::Cause, Some("Registration Refused")).cause(29);
        self.on_leg(leg, tools, |leg, ctx| leg.send_last(ctx, IaxSubclass::RegRej, ies.octets()));
    }

    /// AUTHREQ or REGAUTH: the answer, or what Asterisk does without a secret.
    pub(super) fn challenged(&mut self, leg: usize, tools: &mut Tools<'_>, read: &Read<'_>) {
        self.tell(leg, Told::Challenged);
        let registers = self.legs[leg].role == Role::Registrant;
        let challenge = read.text(IeKind::Challenge);
        let Some(secret) = self.manner.secret.clone() else {
            let ies = Elements::new().cause(50);
            return self.on_leg(leg, tools, |leg, ctx| {
                let kind = if registers { IaxSubclass::Reject } else { IaxSubclass::Hangup };
                leg.send_last(ctx, kind, ies.octets());
            });
        };
        let answer = md5_of(&challenge, &secret);
        self.on_leg(leg, tools, |leg, ctx| {
            let result = Elements::new().text(IeKind::Md5Result, Some(&answer));
            if registers {
                let (kind, mut ies) = leg.opening.clone();
                ies.extend_from_slice(result.put(IeKind::CallToken, &[]).octets());
                leg.send_iax(ctx, kind, &ies);
            } else {
                leg.send_iax(ctx, IaxSubclass::AuthRep, result.octets());
            }
        });
    }

    /// POKE to the switch.
    pub(super) fn poke(&mut self, tools: &mut Tools<'_>) -> usize {
        let leg = self.open(tools, Role::Prober);
        let ies = Elements::new().put(IeKind::CallToken, &[]);
        self.on_leg(leg, tools, |leg, ctx| leg.send_iax(ctx, IaxSubclass::Poke, ies.octets()));
        leg
    }
}

fn said(read: &Read<'_>) -> Said {
    Said {
        called: read.text(IeKind::CalledNumber),
        number: read.text(IeKind::CallingNumber),
        name: read.text(IeKind::CallingName),
        username: read.text(IeKind::Username),
        context: read.text(IeKind::CalledContext),
        offered: read.formats(IeKind::Capability),
    }
}

fn md5_of(challenge: &str, secret: &str) -> String {
    let mut hash = Md5::new();
    hash.update(challenge);
    hash.update(secret);
    hash.finalize().iter().map(|octet| format!("{octet:02x}")).collect()
}
